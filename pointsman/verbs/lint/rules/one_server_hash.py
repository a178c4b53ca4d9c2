"""one-server-hash."""

from collections.abc import Iterator

from pointsman.balance.registry import Balance
from pointsman.config.server_line import ServerLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    balance source  # here
    server one 192.0.2.1:80
"""
CLEAN = """
backend app
    mode http
    balance source
    server one 192.0.2.1:80
    server two 192.0.2.2:80
"""


@rule("one-server-hash", Level.INFO, FOUND, CLEAN)
def one_server_hash(subject: Subject) -> Iterator[Found]:
    """A backend says how to choose among servers by a hash, and has only one.

    The line does nothing as it is. Perhaps a server line is missing, or was removed.
    """
    for section in subject.backs:
        servers = [one for one in section.all(ServerLine) if not one.parameters.backup]
        if len(servers) != 1 or servers[0].template:
            continue
        for line in subject.own(section, Balance):
            if line.algorithm.hashed:
                yield Found(
                    line.at,
                    f"{section.title} has one server: there is nothing to choose",
                    "remove the line, or add a server",
                )
