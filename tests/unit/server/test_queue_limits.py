"""maxqueue and minconn over lanes, with lanes that are killed at any operation."""

from __future__ import annotations

from random import Random

import pytest
from lane_rows import Killed, Lane, Mortal, Stream

from pointsman.core.columns import LINK

MOST = 4  # maxconn
LEAST = 1  # minconn
FULL = 6  # fullconn
WAIT = 2  # maxqueue


class Named(Stream):
    """A stream that is for the first server alone, and counted by its backend."""

    refused = False

    def choose(self) -> None:
        backend = self.lane.backend
        backend.counters.enter()
        server = backend.servers[0]
        if backend.reserve(server):
            self.server = server
        elif not backend.wait(self, server):
            self.refused = True
            self.over()

    def over(self) -> None:
        self.lane.backend.counters.leave()
        if self in self.lane.streams:
            self.lane.streams.remove(self)

    def leave(self) -> None:
        super().leave()
        self.lane.backend.counters.leave()

    def end(self) -> None:
        super().end()
        self.lane.backend.counters.leave()


def lane(number: int, first: Lane | None) -> Lane:
    made = Lane(number, 3, None if first is None else first.arena.cells, MOST)
    server = made.backend.servers[0]
    server.minconn = LEAST
    server.maxqueue = WAIT
    made.backend.full_connections = FULL
    return made


def family() -> tuple[list[Lane], Lane]:
    first = lane(0, None)
    keeper = lane(0, first)
    keeper.arena.become_keeper()
    return [first, lane(1, first), lane(2, first)], keeper


def begin(one: Lane) -> Named:
    stream = Named(one)
    one.streams.append(stream)
    stream.choose()
    if stream.refused and stream in one.streams:
        one.streams.remove(stream)
    return stream


def check(lanes: list[Lane]) -> None:
    have = sum(stream.server is not None for one in lanes for stream in one.streams)
    wait = sum(stream.server is None for one in lanes for stream in one.streams)
    assert have <= MOST
    assert wait <= WAIT
    if wait:
        assert have >= LEAST, "there is a slot, and nobody is given it"


def serve_all(lanes: list[Lane]) -> None:
    for _ in range(1000):
        if not any(one.streams for one in lanes):
            return
        check(lanes)
        assert any(one.end_one() for one in lanes)
        for one in lanes:
            one.backend.look()
    raise AssertionError("somebody waits for ever")


def nothing_left(one: Lane) -> None:
    backend = one.backend
    server = backend.servers[0]
    assert (len(server.queue), server.counters.held, backend.counters.held) == (0, 0, 0)
    assert backend.grants.pending(server.number) == 0


def test_as_many_wait_as_may_in_all_lanes_together() -> None:
    lanes, keeper = family()
    streams = [begin(lanes[number % 3]) for number in range(12)]
    # One is served at a load of one; from a load of three on there are two slots, at six and more all four.
    assert sum(stream.server is not None for stream in streams) == MOST
    assert sum(stream.refused for stream in streams) == 12 - MOST - WAIT
    assert len(lanes[0].backend.servers[0].queue) == WAIT
    serve_all(lanes)
    nothing_left(keeper)


@pytest.mark.parametrize("seed", range(10))
def test_kills_at_random(seed: int) -> None:
    drawn = Random(seed)
    lanes, keeper = family()
    cells = keeper.arena.cells
    for _ in range(120):
        number = drawn.randrange(3)
        one = lanes[number]
        if drawn.random() < 0.2:
            one.arena.cells = Mortal(cells, drawn.randrange(120))
        try:
            for _ in range(drawn.randrange(1, 4)):
                story = drawn.randrange(4)
                if story < 2:
                    begin(one)
                elif story == 2:
                    one.end_one()
                else:
                    waiting = [stream for stream in one.streams if stream.server is None]
                    if waiting:
                        drawn.choice(waiting).leave()
        except Killed:
            keeper.backend.release_lane(number)
            lanes[number] = lane(number, keeper)
        one.arena.cells = cells
        for other in lanes:
            other.backend.look()
        check(lanes)
    serve_all(lanes)
    nothing_left(keeper)


class Links(Lane):
    """A lane that opens connections to a server with strict-maxconn."""

    links = 0

    def __init__(self, number: int, first: Links | None) -> None:
        super().__init__(number, 3, None if first is None else first.arena.cells, MOST)
        self.backend.servers[0].strict = True
        self.backend.refresh()

    def open(self) -> None:
        if self.backend.take_link(self.backend.servers[0]):
            self.links += 1

    def close(self) -> None:
        if self.links:
            self.links -= 1
            self.backend.servers[0].step(b"", LINK, b"")


@pytest.mark.parametrize("seed", range(5))
def test_connections_are_counted_over_lanes_that_are_killed(seed: int) -> None:
    drawn = Random(seed)
    first = Links(0, None)
    lanes = [first, Links(1, first), Links(2, first)]
    keeper = Links(0, first)
    keeper.arena.become_keeper()
    cells = keeper.arena.cells
    most = 0
    for _ in range(200):
        number = drawn.randrange(3)
        one = lanes[number]
        if drawn.random() < 0.2:
            one.arena.cells = Mortal(cells, drawn.randrange(20))
        try:
            one.open() if drawn.random() < 0.6 else one.close()
        except Killed:
            keeper.backend.release_lane(number)
            lanes[number] = Links(number, keeper)
        one.arena.cells = cells
        have = sum(lane.links for lane in lanes)
        most = max(most, have)
        assert have == keeper.backend.servers[0].counters.totals.links <= MOST
    assert most == MOST
