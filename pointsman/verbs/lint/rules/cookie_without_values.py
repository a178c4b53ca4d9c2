"""cookie-without-values."""

from collections.abc import Iterator

from pointsman.config.cookies import CookieLine
from pointsman.config.server_line import ServerLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    cookie SRV insert indirect nocache  # here
    server one 192.0.2.1:80
    server two 192.0.2.2:80
"""
CLEAN = """
backend app
    mode http
    cookie SRV insert indirect nocache
    server one 192.0.2.1:80 cookie one
    server two 192.0.2.2:80 cookie two
"""


@rule("cookie-without-values", Level.WARNING, FOUND, CLEAN)
def cookie_without_values(subject: Subject) -> Iterator[Found]:
    """A backend has a persistence cookie, and its servers have no values for it.

    A server without the word `cookie` gets none and is never named by one (manual 5.2): clients go to any server.
    With `dynamic`, values are made by the program.
    """
    for section in subject.backs:
        line = section.one(CookieLine)
        servers = [one for one in section.all(ServerLine) if not one.parameters.backup]
        if line is None or not servers or "dynamic" in line.flags or not subject.is_http(section):
            continue
        missing = [one for one in servers if not one.parameters.cookie]
        if not any(one.parameters.cookie for one in section.all(ServerLine)):
            own = any(one is line for one in section.settings)
            message = f"no server of {section.title} has a value for the cookie '{line.name.decode('latin-1')}'"
            yield Found(line.at if own else section.at, message, "say 'cookie VALUE' on each server line")
            continue
        for server in missing if len(missing) < len(servers) else ():
            at = server.at
            yield Found(at, f"server '{server.name}' has no value for the cookie: clients do not stay with it")
