"""Idle connections to a server: their limit counts all lanes, and so do the figures that are shown."""

import socket
from collections.abc import Iterator

import pytest

from pointsman.balance.roundrobin import RoundRobin
from pointsman.core.arena import Arena
from pointsman.net.reactor import Reactor
from pointsman.server.backend import Backend, LiveServer
from pointsman.server.connection import RAW, Dialling, ServerConnection
from pointsman.server.dial import Dial
from pointsman.server.pool import AGGRESSIVE, ALWAYS, NEVER, SAFE


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

    def connection(self, lane: int, served: int = 1) -> ServerConnection:
        ours, theirs = socket.socketpair()
        self.others.append(theirs)
        ours.setblocking(False)
        made = Dialling(self.reactor, self.servers[lane], ours.detach(), None).take(RAW)
        made.wire.opening = made.wire.special = False
        made.served = served
        return made

    def give(self, lane: int, served: int = 1) -> ServerConnection:
        made = self.connection(lane, served)
        server = self.servers[lane]
        server.step(server.pool.give(made), b"", b"")
        return made

    def take(self, mode: int, first: bool) -> ServerConnection | None:
        server = self.servers[0]
        found = server.pool.take(mode, first)
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


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    made = Lanes()
    yield made
    made.close()
    assert made.shown() == (0, 0, 0)


def test_the_limit_counts_all_lanes(lanes: Lanes) -> None:
    for server in lanes.servers:
        server.pool.limit = 3
    kept = [lanes.give(number % 2) for number in range(6)]
    assert [one.is_open for one in kept] == [True] * 3 + [False] * 3
    assert lanes.shown() == (3, 3, 0)
    assert lanes.take(ALWAYS, False) is kept[2]
    assert lanes.shown() == (3, 2, 0)
    assert lanes.give(1).is_open
    kept[2].close()


def test_none_is_kept_where_the_limit_or_the_time_is_0(lanes: Lanes) -> None:
    lanes.servers[0].pool.limit = 0
    lanes.servers[1].pool.keep_for = 0
    assert not lanes.give(0).is_open
    assert not lanes.give(1).is_open
    assert lanes.shown() == (0, 0, 0)


def test_what_is_old_makes_room(lanes: Lanes) -> None:
    pool = lanes.servers[0].pool
    pool.limit = 1
    old = lanes.give(0)
    assert not lanes.give(0).is_open
    old.since -= pool.keep_for
    assert lanes.give(0).is_open
    assert not old.is_open
    assert lanes.shown() == (1, 1, 0)


def test_what_the_server_closes_is_counted_no_more(lanes: Lanes) -> None:
    lanes.give(0)
    lanes.give(1, served=2)
    assert lanes.shown() == (2, 2, 1)
    for other in lanes.others:
        other.close()
    lanes.reactor.turn(100)
    assert lanes.shown() == (0, 0, 0)


def test_reused_ones_are_told_apart(lanes: Lanes) -> None:
    fresh, used = lanes.give(0), lanes.give(0, served=2)
    assert lanes.shown() == (2, 2, 1)
    assert lanes.take(NEVER, False) is None
    assert lanes.take(SAFE, True) is None
    assert lanes.take(AGGRESSIVE, True) is used
    assert lanes.shown() == (2, 1, 0)
    assert lanes.take(AGGRESSIVE, True) is None
    assert lanes.shown() == (2, 1, 0)
    assert lanes.take(AGGRESSIVE, False) is fresh
    assert lanes.shown() == (2, 0, 0)
    for one in (fresh, used):
        one.close()


def test_a_dead_lane_has_none(lanes: Lanes) -> None:
    lanes.give(0)
    dead = lanes.give(1, served=2)
    busy = lanes.connection(1)
    assert lanes.shown() == (3, 2, 1)
    lanes.backends[0].bury(1)
    assert lanes.shown() == (1, 1, 0)
    for one in (dead, busy):  # as this test has them in one process: what its own row would be
        one.server.counters.links = 1
        one.pooled = 0
        one.close()


def test_what_lies_above_stays_where_one_from_below_is_taken(lanes: Lanes) -> None:
    pool = lanes.servers[0].pool
    pool.need = 3
    used, closed, fresh = lanes.give(0, served=2), lanes.give(0), lanes.give(0)
    closed.close()
    assert pool.idle == [used, closed, fresh]
    assert lanes.take(AGGRESSIVE, True) is used
    assert pool.idle == [fresh]
    assert lanes.take(ALWAYS, True) is fresh
    assert pool.idle == []
    assert lanes.take(ALWAYS, True) is None
    for one in (used, fresh):
        one.close()
