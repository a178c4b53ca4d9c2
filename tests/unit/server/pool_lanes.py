"""One server in two lanes, with connections to a test."""

import socket

from pointsman.balance.roundrobin import RoundRobin
from pointsman.core.arena import Arena
from pointsman.net.reactor import Reactor
from pointsman.server.backend import Backend, LiveServer
from pointsman.server.connection import RAW, Dialling, ServerConnection, Speaker
from pointsman.server.dial import Dial


class Lanes:
    """One server in two lanes."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.servers: list[LiveServer] = []
        self.backends: list[Backend] = []
        self.others: list[socket.socket] = []
        cells = None
        for number in range(2):
            arena = Arena(2, 4096)
            cells = cells or arena.cells
            arena.cells = cells
            arena.lane = number
            backend = Backend("b", 1, True, RoundRobin(), arena)
            self.backends.append(backend)
            self.servers.append(LiveServer("s", 1, backend, Dial(), 1))
            backend.servers.append(self.servers[-1])

    def connection(self, lane: int, served: int = 1, speaker: Speaker = RAW) -> ServerConnection:
        ours, theirs = socket.socketpair()
        self.others.append(theirs)
        ours.setblocking(False)
        made = Dialling(self.reactor, self.servers[lane], ours.detach(), None).take(speaker)
        made.wire.opening = made.wire.special = False
        made.served = served
        return made

    def give(self, lane: int, served: int = 1) -> ServerConnection:
        made = self.connection(lane, served)
        server = self.servers[lane]
        pool = server.pool
        server.step(pool.give(made) if pool.plain else pool.give_equal(made), b"", b"")
        return made

    def take(self, mode: int, first: bool) -> ServerConnection | None:
        server = self.servers[0]
        pool = server.pool
        found = pool.take(mode, first) if pool.plain else pool.take_equal(b"", mode, first)
        if found is not None:
            server.step(b"", found.unpool(), b"")
        return found

    def shown(self) -> tuple[int, int, int]:
        """Open, idle, idle and reused before."""
        totals = self.servers[0].counters.totals
        return totals.links, totals.idle, totals.idle_safe

    def close(self) -> None:
        for server in self.servers:
            server.pool.close()
        for other in self.others:
            other.close()
        self.reactor.turn(0)
        self.reactor.epoll.close()
