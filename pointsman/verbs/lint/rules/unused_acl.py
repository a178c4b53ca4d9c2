"""unused-acl."""

from collections.abc import Iterator

from pointsman.config.acls import AclLine
from pointsman.config.setting import In
from pointsman.verbs.lint.rule import Found, Level, remove, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    acl api path_beg /api  # here
    acl app path_beg /app
    use_backend app if app
backend app
    mode http
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl api path_beg /api
    http-request set-header X-Api %[acl(api)]
    acl app path_beg /app
    use_backend app if app
backend app
    mode http
"""


@rule("unused-acl", Level.WARNING, FOUND, CLEAN, fixes=True)
def unused_acl(subject: Subject) -> Iterator[Found]:
    """No rule asks for an ACL.

    It has no effect. Often a rule was removed and its ACL was left, or the rule that should ask for it has another
    name in its condition. ACLs belong to the section in which they stand: one of a frontend cannot be asked for in a
    backend.
    """
    heirs = subject.heirs
    for section in subject.sections:
        declared: dict[str, list[AclLine]] = {}
        for line in subject.acl_lines(section):
            if line.words:
                declared.setdefault(line.words[0].text, []).append(line)
        if not declared:
            continue
        users = [section, *heirs.get(id(section), ())] if section.kind == In.DEFAULTS else [section]
        used = {name for user in users for name in subject.asked_acls(user)}
        for name, lines in declared.items():
            if name not in used and not subject.may_be_used(name):
                message = f"nothing in {section.title} asks for the ACL '{name}'"
                for line in lines:
                    yield Found(line.words[0].at, message, fix=remove(line.at))
