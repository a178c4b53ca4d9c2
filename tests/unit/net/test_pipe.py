"""Payload that goes from one socket to another through the process's pipe."""

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.process import descriptors

from pointsman.core import calls
from pointsman.net.pipe import Pipe
from pointsman.net.reactor import Reactor
from pointsman.net.wire import BRIEF, LARGE, NOBODY, Wire


class Bench:
    """Two connections: what `source` sends reaches `sink` through the wires `near` and `far`."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.near, self.source = self.line()
        self.far, self.sink = self.line()

    def line(self) -> tuple[Wire, socket.socket]:
        with socket.create_server(("127.0.0.1", 0)) as door:
            other = socket.create_connection(door.getsockname())
            mine, _ = door.accept()
        other.setblocking(False)
        mine.setblocking(False)
        wire = Wire(self.reactor, mine.detach(), NOBODY)
        self.reactor.add(wire)
        return wire, other

    def arrived(self) -> bytes:
        got = b""
        while True:
            try:
                data = self.sink.recv(1 << 20)
            except BlockingIOError:
                return got
            if not data:
                return got
            got += data

    def close(self) -> None:
        for wire in (self.near, self.far):
            if wire.fd >= 0:
                wire.close()
        self.reactor.turn(0)
        self.reactor.pipe.close()
        self.reactor.epoll.close()
        self.source.close()
        self.sink.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    before = descriptors()
    bench = Bench()
    yield bench
    bench.close()
    assert descriptors() <= before


def full(bench: Bench) -> int:
    """The far side takes no more. How many bytes that were."""
    count = 0
    while True:
        taken = calls.write(bench.far.fd, b"." * 65_536)
        if not taken:
            return count
        count += taken


def test_what_is_there_goes_on(bench: Bench) -> None:
    data = os.urandom(100_000)
    bench.source.send(data)
    assert bench.far.straight()
    assert bench.near.carry(bench.far, LARGE) == 100_000
    assert bench.arrived() == data
    assert not bench.far.out and not bench.far.blocked and not bench.near.finished
    assert bench.reactor.pipe.passed == 100_000
    bench.near.unread = True
    assert bench.near.carry(bench.far, LARGE) == -1
    assert not bench.near.unread and not bench.near.finished


def test_no_more_than_was_asked_for(bench: Bench) -> None:
    bench.source.send(b"a" * 70_000 + b"next")
    assert bench.far.straight()
    assert bench.near.carry(bench.far, 70_000) == 70_000
    assert bench.arrived() == b"a" * 70_000
    assert bench.near.read(100) == b"next"


def test_what_was_to_be_written_goes_first(bench: Bench) -> None:
    bench.far.push(b"HTTP/1.1 200 OK\r\n\r\n")
    bench.source.send(b"x" * 80_000)
    assert bench.far.straight()
    assert bench.near.carry(bench.far, LARGE) == 80_000
    assert bench.arrived() == b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 80_000
    assert not bench.far.out


@pytest.mark.parametrize("ends", [False, True], ids=["nothing now", "the end"])
def test_what_was_to_be_written_is_even_if_nothing_comes(bench: Bench, ends: bool) -> None:
    bench.far.push(b"h" * BRIEF)
    if ends:
        bench.source.close()
    assert bench.far.straight()
    assert bench.near.carry(bench.far, LARGE) == (0 if ends else -1)
    assert bench.near.finished == ends
    assert bench.arrived() == b"h" * BRIEF
    assert not bench.far.out


def test_more_than_the_pipe_takes_before_it_is_not_put_in(bench: Bench) -> None:
    bench.far.push(b"h" * (BRIEF + 1))
    assert not bench.far.straight()
    bench.far.out = b""


def test_what_the_sink_does_not_take_is_kept(bench: Bench) -> None:
    before = full(bench)
    data = os.urandom(300_000)
    bench.source.send(data)
    bench.far.push(b"head")
    assert bench.far.straight()
    size = bench.near.carry(bench.far, LARGE)
    assert size > 0 and bench.far.blocked and not bench.far.straight()
    assert len(bench.far.out) == 4 + size
    got = bench.arrived()
    bench.far.blocked = False
    while not bench.far.flush():
        got += bench.arrived()
        bench.far.blocked = False
    got += bench.arrived()
    assert got == b"." * before + b"head" + data[:size]


def test_the_end_and_a_failure_are_told_as_by_read(bench: Bench) -> None:
    bench.source.send(b"x" * 10)
    bench.source.shutdown(socket.SHUT_WR)
    assert bench.far.straight()
    assert bench.near.carry(bench.far, LARGE) == 10
    assert bench.near.carry(bench.far, LARGE) == 0
    assert bench.near.finished and not bench.near.failed and not bench.near.unread


def test_a_reset_of_the_source(bench: Bench) -> None:
    bench.source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    bench.source.close()
    assert bench.far.straight()
    assert bench.near.carry(bench.far, LARGE) == 0
    assert bench.near.failed == errno.ECONNRESET and bench.near.finished


def test_a_sink_that_is_gone(bench: Bench) -> None:
    """And nobody else gets what was meant for it."""
    bench.sink.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    bench.sink.close()
    bench.source.send(b"secret" * 20_000)
    assert bench.far.straight()
    assert bench.near.carry(bench.far, LARGE) > 0
    assert bench.far.failed in (errno.ECONNRESET, errno.EPIPE) and not bench.far.out
    assert not bench.far.straight()
    bench.far.close()
    bench.far, bench.sink = bench.line()
    while bench.near.read(1 << 20):
        pass
    bench.source.send(b"public")
    assert bench.far.straight()
    assert bench.near.carry(bench.far, LARGE) == 6
    assert bench.arrived() == b"public"


def test_little_is_better_read(bench: Bench) -> None:
    bench.source.send(b"x" * BRIEF)
    assert bench.near.read(BRIEF) is not None
    assert bench.near.plenty
    bench.source.send(b"x" * (BRIEF - 1))
    assert bench.far.straight()
    assert bench.near.carry(bench.far, LARGE) == BRIEF - 1
    assert not bench.near.plenty


def refusing() -> tuple[int, int]:
    """Two ends of what is no pipe: splice(2) refuses it."""
    one, other = socket.socketpair()
    one.setblocking(False)
    other.setblocking(False)
    return one.detach(), other.detach()


def test_a_kernel_that_refuses_the_source(bench: Bench) -> None:
    pipe = bench.reactor.pipe
    pipe.outlet, pipe.inlet = refusing()
    pipe.open = True
    bench.far.push(b"head")
    bench.source.send(b"x" * 100_000)
    assert bench.far.straight()
    size = bench.near.carry(bench.far, LARGE)
    assert size == BRIEF
    assert bench.far.flush()
    assert bench.arrived() == b"head" + b"x" * size
    assert not bench.far.straight() and not pipe.open and not pipe.wanted


def test_a_kernel_that_refuses_the_sink(tmp_path: Path) -> None:
    path = tmp_path / "file"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)  # one that appends is refused
    pipe = Pipe()
    assert pipe.usable()
    pipe.put(b"x" * 5)
    assert pipe.empty(fd, 5) == b"x" * 5
    assert not pipe.usable() and not pipe.open
    os.close(fd)


def test_without_descriptors_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(flags: int) -> tuple[int, int]:
        raise OSError(errno.EMFILE, "Too many open files")

    pipe = Pipe()
    with monkeypatch.context() as patch:
        patch.setattr(os, "pipe2", none_left)
        assert not pipe.usable()
    assert pipe.usable()
    pipe.close()


def test_a_pipe_that_may_not_be_large_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(fd: int, command: int, size: int) -> int:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("fcntl.fcntl", refused)
    before = descriptors()
    pipe = Pipe()
    assert not pipe.usable() and not pipe.wanted
    assert descriptors() <= before


def test_what_a_failure_left_in_it_is_thrown_away() -> None:
    pipe = Pipe()
    assert pipe.usable()
    pipe.put(b"of somebody else")
    one, other = socket.socketpair()
    with one, other:
        assert pipe.usable()
        pipe.put(b"mine")
        assert pipe.empty(one.fileno(), 4) == b""
        assert other.recv(100) == b"mine"
    pipe.close()
