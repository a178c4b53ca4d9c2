"""A stream socket on the reactor: partial writes, half-closes, resets, what is known to be unread."""

import select
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from pointsman.net.reactor import Reactor
from pointsman.net.wire import PlainUser, Wire


class Line(PlainUser):
    """A wire, and who reads `size` at a time of it, at most `rounds` times an event."""

    def __init__(self, reactor: Reactor, fd: int, size: int = 100, rounds: int = 1000) -> None:
        self.wire = Wire(reactor, fd, self)
        self.size = size
        self.rounds = rounds
        self.got: list[bytes | None] = []
        self.drains = 0
        self.losses = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wire, name)

    def readable(self) -> None:
        for _ in range(self.rounds):
            data = self.read(self.size)
            self.got.append(data)
            if not data or not self.unread:
                return

    def again(self) -> None:
        self.readable()

    def drained(self) -> None:
        self.drains += 1

    def lost(self) -> None:
        self.losses += 1

    def broken(self) -> None:
        raise AssertionError


class Bench:
    def __init__(self) -> None:
        self.reactor = Reactor()
        self.others: list[socket.socket] = []

    def line(self, size: int = 100, rounds: int = 1000) -> tuple[Line, socket.socket]:
        """A TCP connection: the wire's end, and the test's."""
        with socket.create_server(("127.0.0.1", 0)) as door:
            other = socket.create_connection(door.getsockname())
            mine, _ = door.accept()
        other.setblocking(False)
        mine.setblocking(False)
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self.others.append(other)
        wire = Line(self.reactor, mine.detach(), size, rounds)
        self.reactor.add(wire.wire)
        return wire, other

    def settle(self) -> None:
        poll = select.poll()
        poll.register(self.reactor.epoll.fileno())
        while self.reactor.goes or poll.poll(1):
            self.reactor.turn(0)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    for channel in bench.reactor.channels:
        if channel.fd >= 0:
            assert isinstance(channel, Wire)
            channel.close()
    bench.reactor.turn(0)
    bench.reactor.epoll.close()
    for other in bench.others:
        other.close()


def test_a_short_read_is_known_to_be_the_last(bench: Bench) -> None:
    wire, other = bench.line()
    other.send(b"x" * 30)
    bench.settle()
    assert wire.got == [b"x" * 30]
    assert not wire.unread


def test_a_full_read_leaves_a_doubt(bench: Bench) -> None:
    wire, other = bench.line(size=10, rounds=2)
    other.send(b"x" * 20)
    bench.settle()
    assert wire.got == [b"x" * 10] * 2
    assert wire.unread
    wire.readable()
    assert wire.got[2:] == [None]
    assert not wire.unread


def test_data_before_an_end_is_read_up_to_the_end(bench: Bench) -> None:
    wire, other = bench.line()
    other.send(b"x" * 30)
    other.shutdown(socket.SHUT_WR)
    bench.settle()
    assert wire.got == [b"x" * 30, b""]
    assert wire.finished and not wire.failed


def test_who_paused_hears_nothing_and_finds_everything_later(bench: Bench) -> None:
    wire, other = bench.line(rounds=0)
    other.send(b"x" * 30)
    bench.settle()
    other.close()
    bench.settle()
    assert wire.got == [] and wire.unread and wire.ending
    wire.rounds = 1000
    wire.readable()
    assert wire.got == [b"x" * 30, b""]


def test_a_reset_is_an_end_with_a_fault(bench: Bench) -> None:
    wire, other = bench.line()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    other.close()
    bench.settle()
    assert wire.failed and wire.finished
    assert wire.got[-1] == b""


def test_a_partial_write_is_kept_and_goes_on_when_the_peer_reads(bench: Bench) -> None:
    wire, other = bench.line()
    data = bytes(range(256)) * 1_000
    wire.push(data)
    assert not wire.flush()
    assert wire.blocked and wire.out
    assert not wire.flush()
    got = b""
    for _ in range(100_000):
        try:
            got += other.recv(100_000)
        except BlockingIOError:
            bench.settle()
        if len(got) == len(data):
            break
    bench.settle()
    assert got == data
    assert wire.drains == 1
    assert not wire.blocked


def test_an_end_of_ours_waits_for_what_is_kept(bench: Bench) -> None:
    wire, other = bench.line()
    wire.push(b"x" * 100_000)
    wire.flush()
    wire.end_write()
    assert not wire.shut_down
    got = 0
    while True:
        try:
            data = other.recv(100_000)
        except BlockingIOError:
            bench.settle()
            continue
        if not data:
            break
        got += len(data)
    assert got == 100_000
    assert wire.shut_down


def test_a_peer_that_goes_while_we_are_blocked_is_lost_once(bench: Bench) -> None:
    wire, other = bench.line()
    wire.push(b"x" * 1_000_000)
    wire.flush()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    other.close()
    bench.settle()
    assert wire.losses == 1
    assert wire.failed
    assert not wire.flush()


def test_calls_on_a_closed_wire_do_no_harm(bench: Bench) -> None:
    wire, _ = bench.line()
    wire.close()
    wire.close()
    wire.shut_write()
    wire.reset_on_close()
    bench.settle()
    assert bench.reactor.open == 0


def pieces_of(data: bytes, size: int = 1_000) -> list[bytes | memoryview]:
    """Cut, every other piece without a copy."""
    view = memoryview(data)
    cuts = range(0, len(data), size)
    return [data[at : at + size] if at // size % 2 else view[at : at + size] for at in cuts]


def received(bench: Bench, other: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        try:
            found += other.recv(1 << 20)
        except BlockingIOError:
            bench.settle()
    return found


def test_pieces_are_written_at_once(bench: Bench) -> None:
    wire, other = bench.line()
    wire.scatter(pieces_of(b"0123456789", 3))
    assert other.recv(100) == b"0123456789"
    assert not wire.out and not wire.blocked


@pytest.mark.parametrize("size", [100, 1_000])
def test_of_pieces_what_does_not_fit_waits(bench: Bench, size: int) -> None:
    """Also so many pieces that the kernel does not take them in one call."""
    wire, other = bench.line()
    data = bytes(range(256)) * 4_000
    wire.scatter(pieces_of(data, size))
    assert wire.blocked and wire.out
    assert received(bench, other, len(data)) == data
    assert wire.drains == 1 and not wire.out


def test_pieces_go_behind_what_waits(bench: Bench) -> None:
    wire, other = bench.line()
    first, second = b"a" * 500_000, b"b" * 5_000
    wire.push(first)
    wire.flush()
    assert wire.blocked
    wire.scatter(pieces_of(second))
    assert received(bench, other, len(first + second)) == first + second


def test_pieces_for_one_who_is_gone(bench: Bench) -> None:
    wire, other = bench.line()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    other.close()
    wire.scatter([b"a", b"b"])
    assert wire.failed


def test_our_end_is_shut_behind_pieces(bench: Bench) -> None:
    wire, other = bench.line()
    wire.push(b"a")
    wire.wire.shutting = True
    wire.scatter([b"b", b"c"])
    assert received(bench, other, 3) == b"abc" and other.recv(1) == b""
