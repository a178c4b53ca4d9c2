"""Idle connections to a server: their limit counts all lanes, and so do the figures that are shown."""

from collections.abc import Iterator

import pytest
from pool_lanes import Lanes

from pointsman.core.columns import NOTHING
from pointsman.net.duplex import Duplex
from pointsman.net.wire import Wire
from pointsman.server.backend import LiveServer
from pointsman.server.connection import Carried, ServerConnection, Speaker
from pointsman.server.pool import REUSE_AGGRESSIVE, REUSE_ALWAYS, REUSE_NEVER, REUSE_SAFE
from pointsman.server.server import Server
from pointsman.server.shared import SharedConnection, SharedPlace


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
    assert lanes.take(REUSE_ALWAYS, False) is kept[2]
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
    assert lanes.take(REUSE_NEVER, False) is None
    assert lanes.take(REUSE_SAFE, True) is None
    assert lanes.take(REUSE_AGGRESSIVE, True) is used
    assert lanes.shown() == (2, 1, 0)
    assert lanes.take(REUSE_AGGRESSIVE, True) is None
    assert lanes.shown() == (2, 1, 0)
    assert lanes.take(REUSE_AGGRESSIVE, False) is fresh
    assert lanes.shown() == (2, 0, 0)
    for one in (fresh, used):
        one.close()


def test_a_dead_lane_has_none(lanes: Lanes) -> None:
    lanes.give(0)
    dead = lanes.give(1, served=2)
    busy = lanes.connection(1)
    assert lanes.shown() == (3, 2, 1)
    lanes.backends[0].release_lane(1)
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
    assert lanes.take(REUSE_AGGRESSIVE, True) is used
    assert pool.idle == [fresh]
    assert lanes.take(REUSE_ALWAYS, True) is fresh
    assert pool.idle == []
    assert lanes.take(REUSE_ALWAYS, True) is None
    for one in (used, fresh):
        one.close()


# Connections that carry several exchanges at once.


class Noted(SharedPlace):
    """What becomes of it is noted."""

    def __init__(self, exchange: Carried) -> None:
        super().__init__(exchange)
        self.told: list[str] = []

    def duplex(self) -> Duplex:
        return Duplex()

    def look(self) -> None:
        self.told.append("look")

    def leave(self) -> None:
        self.told.append("leave")


class Several(SharedConnection):
    def place(self, exchange: Carried) -> SharedPlace:
        return Noted(exchange)


class OfTwo(Speaker):
    """Its connections carry two at once."""

    def speak(self, server: Server, wire: Wire) -> ServerConnection:
        assert isinstance(server, LiveServer)
        return Several(server, wire, 2)


def in_use(lanes: Lanes, lane: int = 0, served: int = 1) -> tuple[SharedConnection, Carried]:
    """One that carries an exchange, and has room for another."""
    made = lanes.connection(lane, served, OfTwo())
    assert isinstance(made, SharedConnection)
    exchange = Carried()
    made.lend(exchange)
    lanes.servers[lane].pool.share(made)
    return made, exchange


def test_one_in_use_is_lent_on_while_it_has_room(lanes: Lanes) -> None:
    made, exchange = in_use(lanes)
    assert lanes.take(REUSE_ALWAYS, True) is made
    second = Carried()
    place = made.lend(second)
    assert isinstance(place, Noted) and place.exchange is second
    assert lanes.take(REUSE_ALWAYS, True) is None, "it is full"
    assert not made.give_back(second) and place.exchange is None
    assert lanes.take(REUSE_ALWAYS, True) is made
    assert lanes.shown() == (1, 0, 0)
    assert made.give_back(exchange)
    made.close()


def test_it_comes_before_idle_ones(lanes: Lanes) -> None:
    idle = lanes.give(0)
    made, _ = in_use(lanes)
    assert lanes.take(REUSE_ALWAYS, False) is made
    assert idle.pooled
    made.close()


@pytest.mark.parametrize(
    "mode, first, served, lent",
    [
        (REUSE_NEVER, False, 5, False),
        (REUSE_SAFE, True, 5, False),
        (REUSE_SAFE, False, 1, True),
        (REUSE_AGGRESSIVE, True, 1, False),
        (REUSE_AGGRESSIVE, True, 2, True),
        (REUSE_AGGRESSIVE, False, 0, True),
        (REUSE_ALWAYS, True, 0, True),
    ],
)
def test_http_reuse_holds_for_it_too(lanes: Lanes, mode: int, first: bool, served: int, lent: bool) -> None:
    made, _ = in_use(lanes, served=served)
    assert lanes.take(mode, first) is (made if lent else None)
    made.close()


def test_one_that_identifies_its_client_is_not_lent(lanes: Lanes) -> None:
    made, _ = in_use(lanes)
    made.private = True
    assert lanes.take(REUSE_ALWAYS, False) is None
    made.close()


def test_given_up_by_the_last_exchange_it_is_idle(lanes: Lanes) -> None:
    """As soon as whoever has given it up hands it back: in its own lane, and counted there."""
    made, exchange = in_use(lanes)
    other, one = in_use(lanes, lane=1, served=2)
    second = Carried()
    place = made.lend(second)
    assert isinstance(place, Noted)
    made.leave(second, True)
    assert place.told == ["leave"] and lanes.shown() == (2, 0, 0)
    made.leave(exchange, True)
    other.leave(one, False)
    assert made.is_open and not made.is_busy() and lanes.shown() == (2, 0, 0)
    for server, idle in zip(lanes.servers, (made, other)):
        server.step(server.pool.give_equal(idle), NOTHING, NOTHING)
    assert lanes.shown() == (2, 2, 1)
    assert lanes.servers[0].pool.idle == [made] and lanes.servers[0].pool.shared == []
    assert lanes.take(REUSE_ALWAYS, False) is made
    made.close()


@pytest.mark.parametrize("how", ["retire", "the server went away"])
def test_retired_it_is_closed_behind_its_last_exchange(lanes: Lanes, how: str) -> None:
    made, exchange = in_use(lanes)
    second = Carried()
    made.lend(second)
    if how == "retire":
        made.retire()
    else:
        lanes.servers[0].pool.close()
    assert lanes.take(REUSE_ALWAYS, False) is None and not made.has_room()
    made.leave(second, False)
    assert made.is_open
    assert not made.give_back(exchange)
    assert not made.is_open and lanes.shown() == (0, 0, 0)


def test_what_looks_for_it_finds_its_place(lanes: Lanes) -> None:
    made, exchange = in_use(lanes)
    place = made.places[exchange]
    made.look(exchange)
    assert isinstance(place, Noted) and place.told == ["look"]
    made.leave(exchange, False)
    made.look(exchange)
    assert place.told == ["look", "leave"]
    made.close()
