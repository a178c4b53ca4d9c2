"""no-usable-server."""

from collections.abc import Iterator

from pointsman.config.server_line import ServerLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app  # here
    mode http
    server one 192.0.2.1:80 disabled
    server two 192.0.2.2:80 weight 0
backend old  # here
    mode http
    server one 192.0.2.1:80 backup
"""
CLEAN = """
backend app
    mode http
    server one 192.0.2.1:80 disabled
    server two 192.0.2.2:80
backend old
    mode http
    server one 192.0.2.1:80
    server two 192.0.2.2:80 backup
"""


@rule("no-usable-server", Level.WARNING, FOUND, CLEAN)
def no_usable_server(subject: Subject) -> Iterator[Found]:
    """No server of a backend takes new requests in the first place.

    A server that is `disabled` takes nothing until somebody enables it; one of weight 0 takes only who comes back to it
    by its cookie; a `backup` server takes over when all others are down, so that one without others is no backup.
    """
    for section in subject.backs:
        servers = section.all(ServerLine)
        if not servers:
            continue
        parameters = [one.parameters for one in servers]
        usable = [one for one in parameters if not one.disabled and one.weight]
        if not usable:
            reason = "weight 0" if not any(one.disabled for one in parameters) else "disabled, or of weight 0"
            yield Found(section.at, f"no server of {section.title} takes new requests: all are {reason}")
        elif all(one.backup for one in parameters):
            message = f"all servers of {section.title} are backups, and there is nothing that they could back up"
            yield Found(section.at, message, "leave out 'backup'")
