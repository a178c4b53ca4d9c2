"""Where servers are and whether they are spoken to by TLS, as it changes while running: `set server ... addr`,
`check-addr`, `check-port`, `ssl`, `agent-addr`, `agent-port`, `agent-send`, and what names resolve to.

A change is ["server", <backend/server>, <what>, ...] with all that there is to say about it, so that making it twice
does no harm:

    ["server", "app/s1", "addr", "10.0.0.2", 80, false, 0]    ["server", "app/s1", "check", "10.0.0.2", 8080]
    ["server", "app/s1", "ssl", true]    ["server", "app/s1", "agent", "10.0.0.2", 8080, <what it is sent>]

What names resolve to (named_servers.py) comes as ["server", "app/s1", "resolved", <address by its records>, <name>,
<address>, <port>, false, 0]; where there is none, addresses are "".
"""

import socket
from collections.abc import Callable
from dataclasses import replace

from pointsman.admin.view import View
from pointsman.balance.build import hash_key
from pointsman.server.backend import LiveServer
from pointsman.server.checks.agent import Agent, AgentTarget
from pointsman.server.checks.checks import Checker, Checks
from pointsman.server.checks.health import Health
from pointsman.tables.changes import CHANGES, Change, Follower, number, text
from pointsman.tables.patterns import PatternError


class ServerAddresses(Follower):
    """`health`: the checks of this process, once they are built."""

    def __init__(self, view: View, health: Callable[[], Checks | None]) -> None:
        self.view = view
        self.health = health
        self.made: dict[tuple[str, str], Change] = {}  # the last one of each kind and server, in their order
        self.known: dict[str, LiveServer] = {}  # by their routes, as far as they were asked for
        self.forgotten: list[Callable[[LiveServer], None]] = []  # called with each server that is deleted

    def server(self, route: str) -> LiveServer | None:
        known = self.known.get(route)
        if known is not None and known.backend.find(known.name) is known:
            return known
        for proxy in self.view.proxies:
            for server in proxy.back.backend.servers if proxy.back is not None else ():
                if server.route.decode() == route:
                    self.known[route] = server
                    return server
        return None

    def checker(self, server: LiveServer) -> Checker | None:
        """None: it is not checked."""
        health = self.health()
        return health.checkers.get(server) if health is not None else None

    def health_of(self, server: LiveServer) -> Health | None:
        """What is known of it by checks, an agent or a server that it tracks; None where it has none of them."""
        health = self.health()
        return health.healths.get(server) if health is not None else None

    def agent(self, server: LiveServer) -> Agent | None:
        """None: it has none."""
        health = self.health()
        found = health.agents.get(server) if health is not None else None
        return found.agent if found is not None else None

    def apply(self, change: Change) -> None:
        route, what = text(change, 1), text(change, 2)
        server = self.server(route)
        if server is None:
            raise PatternError("No such server.")
        if what == "addr":
            self._move(server, text(change, 3), number(change, 4), bool(change[5]), number(change, 6))
        elif what == "resolved":
            server.fqdn = text(change, 4)
            self._resolved(server, text(change, 5), number(change, 6), bool(change[7]), number(change, 8))
        elif what == "ssl":
            server.encrypt(bool(change[3]))
        elif what == "agent":
            agent = self.agent(server)
            if agent is None:
                raise PatternError("agent checks are not enabled on this server")
            sent = text(change, 5).encode("utf-8", "surrogateescape")
            agent.target = AgentTarget(text(change, 3), number(change, 4), sent)
        else:
            checker = self.checker(server)
            if checker is None:
                raise PatternError("health checks are not enabled on this server")
            checker.target = replace(checker.target, address=text(change, 3), port=number(change, 4))
        self.made.pop((route, what), None)  # of "addr" and "resolved" the later one says where it is
        self.made[route, what] = change

    def _resolved(self, server: LiveServer, host: str, port: int, follow: bool, offset: int) -> None:
        dial = server.dial
        if dial.target != (host, port) or (dial.follow_port, dial.offset) != (follow, offset) or dial.follow_address:
            self._move(server, host, port, follow, offset)

    def _move(self, server: LiveServer, host: str, port: int, follow: bool, offset: int) -> None:
        """Requests that are under way stay where they are; idle connections to the old address are closed."""
        dial = server.dial
        dial.target = (host, port)
        if host:  # a name without an address leaves it without any
            dial.family = int(socket.AF_INET6 if ":" in host else socket.AF_INET)
        dial.follow_address = False
        dial.follow_port, dial.offset = follow, offset
        server.settle()
        if server.hash_kind in ("addr", "addr-port"):  # where it is decides its places on the ring
            server.hash_key = hash_key(server.hash_kind, server.number, "", host, None if follow else port)
            server.backend.refresh()

    def forget(self, server: LiveServer) -> None:
        """It was deleted: what was changed of it is no matter of another one with its name."""
        route = server.route.decode()
        self.known.pop(route, None)
        for key in [key for key in self.made if key[0] == route]:
            del self.made[key]
        for call in self.forgotten:
            call(server)

    def rename(self, before: str, route: str) -> None:
        """What was changed of a server is known by its new name."""
        self.known.pop(before, None)
        for key in [key for key in self.made if key[0] == before]:
            change = self.made.pop(key)
            self.made[route, key[1]] = [change[0], route, *change[2:]]

    def snapshot(self) -> list[Change]:
        return list(self.made.values())


def checker_of(server: LiveServer) -> Checker | None:
    """The checks of a server; None where it has none."""
    addresses = CHANGES.followers.get("server")
    return addresses.checker(server) if isinstance(addresses, ServerAddresses) else None


def agent_of(server: LiveServer) -> Agent | None:
    """The agent of a server; None where it has none."""
    addresses = CHANGES.followers.get("server")
    return addresses.agent(server) if isinstance(addresses, ServerAddresses) else None


def health_of(server: LiveServer) -> Health | None:
    """As ServerAddresses has it."""
    addresses = CHANGES.followers.get("server")
    return addresses.health_of(server) if isinstance(addresses, ServerAddresses) else None


def begin_checks(server: LiveServer) -> None:
    """It may be checked from now on: one that was never checked need not wait for an interval to pass."""
    addresses = CHANGES.followers.get("server")
    health = addresses.health() if isinstance(addresses, ServerAddresses) else None
    if health is not None:
        health.begin(server)
