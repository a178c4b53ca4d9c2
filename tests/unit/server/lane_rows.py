"""One backend as several lanes and the keeper see it: objects of their own over the same cells, in one process.

`Mortal` stands before a lane's cells and ends the lane at a chosen operation, as `kill -9` would: from then on nothing
it does has any effect.
"""

from __future__ import annotations

from pointsman.balance.roundrobin import RoundRobin
from pointsman.core.arena import Arena, Cells
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session
from pointsman.server.backend import Backend, LiveServer
from pointsman.server.dial import Dial
from pointsman.server.queue import QueueWaiter
from pointsman.server.server import Server

ROOM = 1 << 13


class Killed(BaseException):
    """The lane is dead."""


class Mortal:
    """Cells that let so many operations pass."""

    def __init__(self, cells: Cells, left: int) -> None:
        self.cells = cells
        self.left = left
        self.dead = False

    def _live(self) -> None:
        self.left -= 1
        if self.dead or self.left < 0:
            self.dead = True
            raise Killed

    def load(self, i: int) -> int:
        self._live()
        return self.cells.load(i)

    def store(self, i: int, value: int) -> None:
        self._live()
        self.cells.store(i, value)

    def add(self, i: int, delta: int) -> int:
        self._live()
        return self.cells.add(i, delta)

    def cas(self, i: int, old: int, new: int) -> bool:
        self._live()
        return self.cells.cas(i, old, new)

    def highest(self, i: int, value: int) -> None:
        self._live()
        self.cells.highest(i, value)

    def sum(self, i: int, stride: int, count: int) -> int:
        self._live()
        return self.cells.sum(i, stride, count)

    def lock(self, i: int, owner: int) -> bool:
        self._live()
        return self.cells.lock(i, owner)


class Lane:
    """A backend in one lane, and what its streams do. `limits`: maxconn of each server."""

    def __init__(self, number: int, lanes: int, cells: Cells | None, *limits: int) -> None:
        self.arena = Arena(lanes, ROOM, lanes + 1)
        if cells is not None:
            self.arena.cells = cells
        self.arena.lane = number
        self.backend = Backend("b", 1, True, RoundRobin(), self.arena)
        for place, limit in enumerate(limits, 1):
            server = LiveServer(f"s{place}", place, self.backend, Dial(), 1)
            server.maxconn = limit
            self.backend.servers.append(server)
        self.backend.refresh()
        self.streams: list[Stream] = []

    def begin(self) -> Stream:
        """A stream that takes a slot, or waits for one."""
        stream = Stream(self)
        self.streams.append(stream)
        stream.choose()
        return stream

    def end_one(self) -> bool:
        """The first stream that has a slot gives it back."""
        for stream in self.streams:
            if stream.server is not None:
                stream.end()
                return True
        return False


class Stream(QueueWaiter):
    def __init__(self, lane: Lane) -> None:
        super().__init__()
        self.lane = lane
        self.server: LiveServer | None = None

    def choose(self) -> None:
        backend = self.lane.backend
        server = backend.pick(Context(ProxyFacts("f", 2, True), Session(ListenerFacts("", 1))), [])
        assert server is not None
        if backend.reserve(server):
            self.server = server
        else:
            backend.wait(self, None)

    def grant(self, server: Server) -> None:
        assert isinstance(server, LiveServer)
        self.server = server

    def requeue(self) -> None:
        self.choose()

    def leave(self) -> None:
        """Its client has gone."""
        self.lane.backend.stop_waiting(self)
        self.lane.streams.remove(self)
        if self.server is not None:
            self.lane.backend.release(self.server)

    def end(self) -> None:
        server = self.server
        assert server is not None
        self.server = None
        self.lane.streams.remove(self)
        self.lane.backend.release(server)
