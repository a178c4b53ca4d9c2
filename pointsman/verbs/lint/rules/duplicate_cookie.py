"""duplicate-cookie."""

from collections.abc import Iterator

from pointsman.config.cookies import CookieLine
from pointsman.config.server_line import ServerLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    cookie SRV insert indirect nocache
    server one 192.0.2.1:80 cookie one
    server two 192.0.2.2:80 cookie one  # here
"""
CLEAN = """
backend app
    mode http
    cookie SRV insert indirect nocache
    server one 192.0.2.1:80 cookie one
    server two 192.0.2.2:80 cookie two
    server old 192.0.2.3:80 cookie one backup
"""


@rule("duplicate-cookie", Level.WARNING, FOUND, CLEAN)
def duplicate_cookie(subject: Subject) -> Iterator[Found]:
    """Two servers of a backend have the same cookie value.

    The cookie then names the first of them: the clients of the second do not stay with it. That a backup server has
    the value of the one that it takes over for is in order.
    """
    for section in subject.backs:
        if section.one(CookieLine) is None:
            continue
        seen: dict[tuple[bytes, bool], ServerLine] = {}
        for line in section.all(ServerLine):
            value = line.parameters.cookie
            if not value or line.template or line.parameters.disabled:
                continue
            first = seen.setdefault((value, line.parameters.backup), line)
            if first is not line:
                at = subject.word(line.at, value.decode("utf-8", "surrogateescape"), 3)
                yield Found(at, f"server '{first.name}' in line {first.at.line} has the same cookie value")
