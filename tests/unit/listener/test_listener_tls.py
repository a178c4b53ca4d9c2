"""maxsslconn and maxsslrate (manual 3.2): sockets whose connections speak TLS wait at them, others do not."""

import os
import socket
import time
from collections.abc import Iterator

import pytest
from listener_fakes import House

from pointsman.core.arena import Arena
from pointsman.listener.listener import FULL, Listener
from pointsman.net.reactor import Reactor
from pointsman.net.tls_state import TlsAccount, TlsState
from pointsman.net.transport import Transports


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.close()


@pytest.fixture
def clients() -> Iterator[list[socket.socket]]:
    made: list[socket.socket] = []
    yield made
    for client in made:
        client.close()


def secured(house: House) -> Listener:
    listener = house.listener()
    listener.bind_state.transports = Transports()
    return listener


def connect(listener: Listener, clients: list[socket.socket], count: int = 1) -> None:
    for _ in range(count):
        clients.append(socket.create_connection(("127.0.0.1", listener.bound.port)))


def two_lanes(reactor: Reactor) -> list[TlsState]:
    """What two lanes have of the same process."""
    shared = Arena(2, 1 << 10)
    lanes = []
    for lane in range(2):
        arena = Arena(2, 1 << 10)
        arena.cells = shared.cells
        arena.lane = lane
        lanes.append(TlsState(reactor, arena, arena.take_lock()))
    return lanes


def test_at_the_limit_they_wait_until_one_ends(house: House, clients: list[socket.socket]) -> None:
    listener = secured(house)
    counters = house.process.tls.counters
    counters.limit = 2
    connect(listener, clients, 4)
    house.until(lambda: listener.state == FULL)
    house.rest()
    assert len(house.frontend.opened) == 2 and (counters.current, counters.accepted) == (2, 2)
    house.frontend.end()
    house.until(lambda: counters.accepted == 3)
    house.rest(0.06)
    assert len(house.frontend.opened) == 2 and listener.state == FULL
    house.frontend.end()
    house.frontend.end()
    house.until(lambda: counters.accepted == 4)
    assert (counters.current, counters.waiting) == (1, 0)


def test_plain_sockets_go_on(house: House, clients: list[socket.socket]) -> None:
    listener, plain = secured(house), house.listener()
    counters = house.process.tls.counters
    counters.limit = 1
    connect(listener, clients, 2)
    house.until(lambda: listener.state == FULL)
    connect(plain, clients, 3)
    house.until(lambda: len(house.frontend.opened) == 4)
    assert (counters.current, counters.accepted) == (1, 1)
    for _ in range(4):
        house.frontend.end()
    house.until(lambda: len(house.frontend.opened) == 1)
    assert counters.accepted == 2


def test_connections_to_servers_take_room(house: House, clients: list[socket.socket]) -> None:
    """And make it: who waits is called when one of them has ended."""
    listener = secured(house)
    house.process.tls.counters.limit = 1
    account = TlsAccount(house.frontend.counters, house.process.tls)
    assert account.begin()
    connect(listener, clients)
    house.until(lambda: listener.state == FULL)
    assert not account.begin()
    account.ended()
    house.until(lambda: len(house.frontend.opened) == 1)
    assert not account.begin()
    house.frontend.end()
    assert account.begin()


def test_the_rate_of_new_ones(house: House, clients: list[socket.socket]) -> None:
    listener, plain = secured(house), house.listener()
    house.process.tls.counters.rate.limit = 3
    began = time.monotonic()
    connect(listener, clients, 5)
    connect(plain, clients, 5)
    house.until(lambda: plain.bind_state.counters.connections == 5)
    house.until(lambda: house.process.tls.counters.accepted == 5)
    assert time.monotonic() - began > 0.3


def test_the_limit_is_exact_over_lanes() -> None:
    """Two lanes that ask in turn for what one limit allows."""
    lanes = two_lanes(Reactor())
    lanes[0].counters.limit = 5
    taken = [lanes[turn % 2].take() for turn in range(8)]
    assert taken == [True] * 5 + [False] * 3
    lanes[1].left()
    assert lanes[0].take() and not lanes[1].take()


def test_who_waits_in_another_lane_is_called(house: House) -> None:
    """A lane whose listener waits for room is rung by the one that makes it."""
    listener = secured(house)
    waiting, holding = two_lanes(house.reactor)
    bells = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(2)]
    try:
        holding.arena.bells = bells
        holding.counters.limit = 1
        assert holding.take() and waiting.counters.full
        assert waiting.wait(listener) and waiting.wait(listener)
        assert waiting.waiting == [listener]
        holding.left()
        assert os.eventfd_read(bells[0]) == 1
        with pytest.raises(BlockingIOError):
            os.eventfd_read(bells[1])
        waiting.waiting.clear()
        assert not waiting.wait(listener) and not waiting.waiting  # one has ended before it said that it waits
        assert not waiting.counters.awaited
    finally:
        for bell in bells:
            os.close(bell)
