"""duplicate-server."""

from collections.abc import Iterator

from pointsman.config.server_line import ServerLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    server one 192.0.2.1:80 check
    server two 192.0.2.1:80 check  # here
"""
CLEAN = """
backend app
    mode http
    server one 192.0.2.1:80 check
    server two 192.0.2.2:80 check
    server sorry 192.0.2.1:80 backup
"""


@rule("duplicate-server", Level.WARNING, FOUND, CLEAN)
def duplicate_server(subject: Subject) -> Iterator[Found]:
    """Two servers of a backend have the same address.

    It gets twice the share, twice the checks and twice the connections of its limit, and is no help when it is down.
    Often a line was copied and its address was left.
    """
    for section in subject.backs:
        seen: dict[tuple[object, ...], ServerLine] = {}
        for line in section.all(ServerLine):
            if line.template or line.parameters.disabled or not line.address.host:
                continue
            said = line.parameters
            sni = said.sni.text if said.sni is not None else ""
            key = (line.address, said.backup, said.tls, said.source, said.namespace, said.socks4, sni)
            first = seen.setdefault(key, line)
            if first is not line:
                words = subject.words(line.at)
                at = words[2].at if len(words) > 2 else line.at
                yield Found(at, f"server '{first.name}' in line {first.at.line} has the same address")
