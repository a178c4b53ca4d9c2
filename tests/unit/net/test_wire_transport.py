"""Wires with a transport: a pair of them, each with its own end of a socket pair, and what they may meet."""

from __future__ import annotations

import errno
import gc
import os
import socket
import struct
import time
from collections.abc import Iterator

import pytest
from support.odd_transport import ASK, DATA, END, HELLO, LEAVE, PROOF, OddTransport, frame

from pointsman.core import calls
from pointsman.net.reactor import Reactor
from pointsman.net.wire import PlainUser, Wire


class Listener(PlainUser):
    """Reads what comes, unless it pauses, and notes what it is told."""

    def __init__(self) -> None:
        self.wire: Wire | None = None
        self.got = b""
        self.told: list[str] = []
        self.error = 0
        self.pauses = False

    def _read(self) -> None:
        wire = self.wire
        assert wire is not None
        while wire.unread and not self.pauses:
            data = wire.read(65536)
            if data is None:
                break
            if not data:
                self.told.append("failed" if wire.failed else "ended")
                break
            self.got += data

    def readable(self) -> None:
        self._read()

    def again(self) -> None:
        self._read()

    def opened(self) -> None:
        self.told.append("opened")

    def not_opened(self, error: int) -> None:
        self.told.append("not opened")
        self.error = error
        assert self.wire is not None
        self.wire.close()

    def drained(self) -> None:
        self.told.append("drained")

    def lost(self) -> None:
        self.told.append("lost")


class Pair:
    """A wire, accepted or dialled, and the socket of its peer."""

    def __init__(self, client: bool) -> None:
        self.reactor = Reactor()
        listener = socket.create_server(("127.0.0.1", 0))
        self.peer = socket.create_connection(listener.getsockname())
        self.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ours, _ = listener.accept()
        listener.close()
        ours.setblocking(False)
        self.peer.setblocking(False)
        self.user = Listener()
        self.wire = self.user.wire = Wire(self.reactor, ours.detach(), self.user)
        self.reactor.add(self.wire)
        self.wire.secure(OddTransport(self.wire.fd, client))
        self.other = OddTransport(self.peer.fileno(), not client)
        self.turn()

    def turn(self) -> None:
        for _ in range(4):
            self.reactor.turn(2)

    def shake(self) -> None:
        while self.other.handshake():
            self.turn()
        self.turn()

    def close(self) -> None:
        if self.wire.fd >= 0:
            self.wire.close()
        self.peer.close()
        self.reactor.turn(0)
        assert self.reactor.open == 0 and self.reactor.wheel.waiting == 0 and not self.reactor.given_up
        self.reactor.epoll.close()


@pytest.fixture(params=[False, True], ids=["accepted", "dialled"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    pair = Pair(request.param)
    yield pair
    pair.close()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_opened_is_told_behind_the_handshake(pair: Pair) -> None:
    assert pair.user.told == []
    pair.wire.push(b"hello")
    assert not pair.wire.flush()  # nothing goes before it is over
    pair.shake()
    assert pair.user.told[0] == "opened"
    assert pair.other.write(b"x") == 1
    pair.turn()
    assert pair.user.got == b"x"


SPOKEN = frame(HELLO) + frame(PROOF) + frame(DATA, b"hello") + frame(ASK) + frame(DATA, b" there") + frame(END)


@pytest.mark.parametrize("cut", range(1, len(SPOKEN)))
def test_cut_at_every_byte(cut: int) -> None:
    """A client's bytes come in two pieces, payload right behind the handshake: all of it arrives, and its end."""
    pair = Pair(False)
    for piece in (SPOKEN[:cut], SPOKEN[cut:]):
        pair.peer.send(piece)
        pair.turn()
    assert pair.user.told == ["opened", "ended"]
    assert pair.user.got == b"hello there"
    pair.peer.settimeout(5)
    said = b""
    while not said.endswith(frame(LEAVE)):
        said += pair.peer.recv(4096)
    pair.close()


@pytest.mark.parametrize("cut", range(len(SPOKEN) + 1))
@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_peer_leaves_at_every_byte(cut: int, reset: bool) -> None:
    pair = Pair(False)
    pair.peer.send(SPOKEN[:cut])
    pair.turn()
    if reset:
        pair.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        pair.peer.close()
    else:
        pair.peer.shutdown(socket.SHUT_WR)
    pair.turn()
    shaken = cut >= len(frame(HELLO) + frame(PROOF))
    if not shaken:
        assert pair.user.told == ["not opened"] and pair.user.error == errno.ECONNRESET
    elif cut == len(SPOKEN):
        assert pair.user.told[:2] == ["opened", "ended"]
    else:
        assert pair.user.told == ["opened", "failed"]
    pair.close()


def test_garbage_for_a_handshake(pair: Pair) -> None:
    pair.peer.send(b"GET / HTTP/1.1\r\n\r\n")
    pair.turn()
    assert pair.user.told == ["not opened"] and pair.user.error == errno.EPROTO


def test_a_server_refuses_in_its_second_message() -> None:
    pair = Pair(True)
    pair.peer.send(frame(HELLO + 1))
    pair.turn()
    pair.peer.send(frame(DATA, b"what?"))
    pair.turn()
    assert pair.user.told == ["not opened"] and pair.user.error == errno.EPROTO
    pair.close()


def test_leave_that_comes_to_a_read_lets_the_write_go_on(pair: Pair) -> None:
    """No event tells of it: the read has taken it from the socket."""
    pair.shake()
    pair.wire.push(b"abcdefgh")
    assert not pair.wire.flush() and pair.wire.blocked  # leave is asked for behind the first frame
    got = b""
    while not pair.other.answers:
        got += pair.other.read(100) or b""
        time.sleep(0.002)
    transport = pair.wire.transport
    assert isinstance(transport, OddTransport)
    while transport.asking:
        assert pair.wire.read(100) is None
        time.sleep(0.002)
    pair.turn()
    while got != b"abcdefgh":
        got += pair.other.read(100) or b""
    assert pair.wire.out == b"" and pair.user.told == ["opened", "drained"]


def test_payload_that_comes_to_a_write_is_read(pair: Pair) -> None:
    """The write looked for leave, and took what stood before it."""
    pair.shake()
    pair.user.pauses = True
    pair.peer.send(frame(DATA, b"payload"))
    pair.turn()
    pair.wire.unread = False
    pair.user.pauses = False
    pair.wire.push(b"abcdefgh")
    assert not pair.wire.flush()
    pair.turn()
    assert pair.user.got == b"payload"


def test_close_marks_the_end_but_not_a_cut(pair: Pair) -> None:
    pair.shake()
    pair.wire.close()
    pair.reactor.turn(0)
    assert pair.other.read(10) == b""


@pytest.mark.parametrize("way", ["drop", "reset_on_close"])
def test_a_cut_has_no_mark(pair: Pair, way: str) -> None:
    pair.shake()
    getattr(pair.wire, way)()
    pair.wire.close()
    pair.reactor.turn(0)
    with pytest.raises(ConnectionError):
        pair.other.read(10)


def test_the_mark_waits_until_the_socket_takes_it(pair: Pair) -> None:
    pair.shake()
    for size in (1 << 20, 1024, 1):  # fill the kernel's buffers to the brim
        while calls.transmit(pair.wire.fd, b"z" * size):
            pass
    pair.wire.end_write()
    assert pair.wire.blocked and not pair.wire.shut_down
    got = last = b"z"
    while got:
        try:
            got = pair.peer.recv(1 << 20)
            last = got or last
        except BlockingIOError:
            pair.turn()
    assert pair.wire.shut_down and last.endswith(frame(END))
