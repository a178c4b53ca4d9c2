"""unused-peers."""

from collections.abc import Iterator

from pointsman.config.peers import PeersTable
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
peers cluster  # here
    peer one 192.0.2.1:1024
backend app
    mode http
    stick-table type ip size 1m
    stick on src
    server one 192.0.2.1:80
"""
CLEAN = """
peers cluster
    peer one 192.0.2.1:1024
backend app
    mode http
    stick-table type ip size 1m peers cluster
    stick on src
    server one 192.0.2.1:80
"""


@rule("unused-peers", Level.WARNING, FOUND, CLEAN)
def unused_peers(subject: Subject) -> Iterator[Found]:
    """No stick table is shared with a peers section.

    A table is sent to peers where its line says `peers NAME` (manual 4.2, "stick-table").
    """
    for name, section in subject.configuration.peers.items():
        if name in subject.named or section.all(PeersTable) or subject.may_be_used(name):
            continue
        yield Found(section.at, f"no stick table names the peers section '{name}'", f"say 'peers {name}' on its line")
