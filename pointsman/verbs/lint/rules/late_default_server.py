"""late-default-server."""

from collections.abc import Iterator

from pointsman.config.server_line import DefaultServer, ServerLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    server one 192.0.2.1:80
    server two 192.0.2.2:80
    default-server check inter 5s  # here
"""
CLEAN = """
backend app
    mode http
    default-server check inter 5s
    server one 192.0.2.1:80
    server two 192.0.2.2:80
"""


@rule("late-default-server", Level.WARNING, FOUND, CLEAN)
def late_default_server(subject: Subject) -> Iterator[Found]:
    """A default-server line stands below all servers.

    It is for the servers behind it (manual 4.2): these have what the lines above them say.
    """
    for section in subject.backs:
        last: DefaultServer | None = None
        servers = 0
        for setting in section.settings:
            if isinstance(setting, ServerLine):
                servers += 1
                last = None
            elif isinstance(setting, DefaultServer) and not setting.name:
                last = setting
        if last is not None and servers:
            yield Found(
                last.at, "no server stands behind this line, so that it is for none", "put it above the servers"
            )
