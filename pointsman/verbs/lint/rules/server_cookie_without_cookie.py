"""server-cookie-without-cookie."""

from collections.abc import Iterator

from pointsman.config.cookies import CookieLine
from pointsman.config.server_line import ServerLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    server one 192.0.2.1:80 cookie one  # here
    server two 192.0.2.2:80 cookie two
"""
CLEAN = """
backend app
    mode http
    cookie SRV insert indirect nocache
    server one 192.0.2.1:80 cookie one
    server two 192.0.2.2:80 cookie two
"""


@rule("server-cookie-without-cookie", Level.WARNING, FOUND, CLEAN)
def server_cookie_without_cookie(subject: Subject) -> Iterator[Found]:
    """Servers have values for a persistence cookie, and the backend has no cookie.

    The values mean nothing without a line such as `cookie SRV insert indirect nocache` (manual 4.2): clients go to any
    server.
    """
    for section in subject.backs:
        if section.one(CookieLine) is not None or not subject.is_http(section):
            continue
        for line in section.all(ServerLine):
            if line.parameters.cookie:
                at = subject.word(line.at, "cookie", 3)
                yield Found(at, f"{section.title} has no 'cookie' line, so that this means nothing", "add one")
                break
