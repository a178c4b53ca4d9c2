"""mixed-acl."""

from collections.abc import Iterator

from pointsman.config.acls import AclLine
from pointsman.verbs.lint.logic import key_of
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    acl admin path_beg /admin
    acl admin src 192.0.2.0/24  # here
    http-request deny unless admin
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl admin path_beg /admin
    acl admin path_end .adm
    http-request deny unless admin
"""


@rule("mixed-acl", Level.INFO, FOUND, CLEAN)
def mixed_acl(subject: Subject) -> Iterator[Found]:
    """Lines of one ACL ask for different things.

    Lines with the same name are alternatives: one that matches is enough (manual 7.1). Who wants all of them to match
    gives them different names and writes these side by side behind `if`. Where alternatives are meant, all is well.
    """
    for section in subject.sections:
        first: dict[str, AclLine] = {}
        for line in subject.acl_lines(section):
            if line.acl is None:
                continue
            name = line.words[0]
            known = first.setdefault(name.text, line)
            if known.acl is None or key_of(known.acl) == key_of(line.acl) or _akin(known, line):
                continue
            criterion = line.acl.criterion
            message = f"'{name.text}' asks for '{known.acl.expression.text}' in line {known.at.line}"
            yield Found(criterion.at, f"{message}, and for another thing here: either is enough", HINT)


HINT = "if both are meant, give them two names and write these side by side"


def _akin(one: AclLine, other: AclLine) -> bool:
    """The same fetch with other converters or arguments: another way to look at one thing."""
    assert one.acl is not None and other.acl is not None
    mine, its = one.acl.expression, other.acl.expression
    return mine.reads == its.reads and (mine.fetch == its.fetch or {mine.fetch, its.fetch} <= PATHS)


PATHS = {"path", "url", "base", "pathq", "query", "urlp", "url_param"}
