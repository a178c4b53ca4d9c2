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
            if known.acl is None or _akin(known, line):
                continue
            criterion = line.acl.criterion
            message = f"'{name.text}' asks for '{known.acl.expression.text}' in line {known.at.line}"
            yield Found(criterion.at, f"{message}, and for another thing here: either is enough", HINT)


HINT = "if both are meant, give them two names and write these side by side"


def _akin(one: AclLine, other: AclLine) -> bool:
    """What is not about two plain things of a request: then a set of alternatives is likely meant."""
    assert one.acl is not None and other.acl is not None
    kinds = [KINDS.get(key_of(line.acl)) for line in (one, other) if line.acl is not None]
    return None in kinds or kinds[0] == kinds[1]


KINDS = {"path": 1, "url": 1, "base": 1, "req.hdr(host)": 2, "src": 3, "method": 4, "dst_port": 5, "ssl_fc": 6}
