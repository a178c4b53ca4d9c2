"""TLS as a wire's transport (net/tls.py), on the reactor, against Python's ssl."""

from __future__ import annotations

import errno
import select
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator

import pytest
from support.tls_stand import HOST, client_context, python_context, server_context

from pointsman.core.connection_faults import TLS_HANDSHAKE
from pointsman.core.tls import VERSION
from pointsman.net.reactor import Reactor
from pointsman.net.tls import Purpose, TlsTransport, TlsTransports
from pointsman.net.transport import READ, WRITE
from pointsman.net.wire import PlainUser, Wire

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")


class Line(PlainUser):
    """Who has the wire: reads all there is, and notes what it is told."""

    def __init__(self, reactor: Reactor, fd: int, transports: TlsTransports, front: bool) -> None:
        self.wire = Wire(reactor, fd, self)
        self.got = b""
        self.told: list[object] = []
        reactor.add(self.wire)
        self.transport = transports.accept(fd, b"") if front else transports.connect(fd, b"")
        self.wire.secure(self.transport)

    def opened(self) -> None:
        self.told.append("opened")

    def not_opened(self, error: int) -> None:
        self.told.append(errno.errorcode[error])
        self.wire.close()

    def readable(self) -> None:
        while self.wire.unread:
            data = self.wire.read(1_000)
            if data is None:
                return
            self.got += data
            if not data:
                self.told.append(errno.errorcode[self.wire.failed] if self.wire.failed else "end")
                return

    def again(self) -> None:
        self.readable()

    def drained(self) -> None:
        self.told.append("drained")

    def lost(self) -> None:
        self.told.append("lost")

    def broken(self) -> None:
        raise AssertionError


class Bench:
    def __init__(self) -> None:
        self.reactor = Reactor()
        self.reactor.fault = self.fault  # type: ignore[method-assign, assignment]
        self.socks: list[socket.socket] = []
        self.poll = select.poll()
        self.poll.register(self.reactor.epoll.fileno())

    def fault(self, channel: object) -> None:
        raise AssertionError(channel)

    def raw(self, transports: TlsTransports, front: bool = True) -> tuple[Line, socket.socket]:
        """A wire, and the plain socket at its other end."""
        mine, other = socket.socketpair()
        for sock in (mine, other):
            sock.setblocking(False)
        self.socks.append(other)
        return Line(self.reactor, mine.detach(), transports, front), other

    def settle(self) -> None:
        while self.reactor.goes or self.poll.poll(1):
            self.reactor.turn(0)

    def shake(self, other: socket.socket, server: bool) -> ssl.SSLSocket:
        name = None if server else HOST
        peer = python_context(server).wrap_socket(other, server, do_handshake_on_connect=False, server_hostname=name)
        self.socks.append(peer)
        for _ in range(10):
            try:
                peer.do_handshake()
                self.settle()
                return peer
            except ssl.SSLWantReadError:
                self.settle()
        raise AssertionError("no end of the handshake")


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
    for one in bench.socks:
        one.close()


def both(front: bool, cut_is_end: bool = True) -> TlsTransports:
    if front:
        return TlsTransports(server_context(), cut_is_end)
    return TlsTransports(client_context(), cut_is_end, Purpose(HOST, HOST))


@pytest.mark.parametrize("front", [True, False])
def test_a_conversation(bench: Bench, front: bool) -> None:
    line, other = bench.raw(both(front), front)
    peer = bench.shake(other, not front)
    assert line.told == ["opened"]
    peer.send(b"question" * 1_000)
    bench.settle()
    assert line.got == b"question" * 1_000
    line.wire.push(b"answer")
    assert line.wire.flush()
    assert peer.recv(100) == b"answer"
    line.wire.end_write()
    assert peer.recv(100) == b"" and peer.pending() == 0
    assert not line.wire.blocked


@pytest.mark.parametrize("cut_is_end", [True, False])
@pytest.mark.parametrize("notified", [True, False])
def test_an_end(bench: Bench, cut_is_end: bool, notified: bool) -> None:
    line, other = bench.raw(both(True, cut_is_end))
    peer = bench.shake(other, False)
    peer.send(b"last")
    if notified:
        with pytest.raises(ssl.SSLWantReadError):
            peer.unwrap()
    else:
        socket.socket.shutdown(peer, socket.SHUT_WR)
    bench.settle()
    assert line.got == b"last"
    assert line.told == ["opened", "end" if notified or cut_is_end else "ECONNRESET"]


def test_what_the_peer_does_not_take_is_kept_and_goes_on(bench: Bench) -> None:
    line, other = bench.raw(both(True))
    peer = bench.shake(other, False)
    data = bytes(range(256)) * 12_000
    line.wire.push(data)
    assert not line.wire.flush() and line.wire.blocked
    transport = line.wire.transport
    assert isinstance(transport, TlsTransport) and transport.write_waits == WRITE
    line.wire.end_write()
    got = b""
    while len(got) < len(data):
        try:
            got += peer.recv(1 << 20)
        except ssl.SSLWantReadError:
            bench.settle()
    bench.settle()
    assert got == data and peer.recv(10) == b""
    assert line.told == ["opened", "drained"] and line.wire.shut_down


def test_it_is_lost_while_it_is_blocked(bench: Bench) -> None:
    line, other = bench.raw(both(True))
    peer = bench.shake(other, False)
    line.wire.push(bytes(3_000_000))
    assert not line.wire.flush()
    peer.close()
    bench.settle()
    assert "lost" in line.told and line.wire.failed


@pytest.mark.parametrize("step", [1, 2, 3, 50])
def test_every_byte_on_its_own(bench: Bench, step: int) -> None:
    """All that the client sends comes in pieces, each of which is an event."""
    line, other = bench.raw(both(True))
    here, there = socket.socketpair()
    bench.socks += [here, there]
    for sock in (here, there):
        sock.setblocking(False)
    peer = python_context(False).wrap_socket(here, do_handshake_on_connect=False, server_hostname=HOST)
    bench.socks.append(peer)
    shaken = False
    for _ in range(20):
        if not shaken:
            try:
                peer.do_handshake()
                shaken = True
                peer.send(b"request")
                with pytest.raises(ssl.SSLWantReadError):
                    peer.unwrap()
            except ssl.SSLWantReadError:
                pass
        for source, sink in ((there, other), (other, there)):
            try:
                data = source.recv(1 << 16)
            except BlockingIOError:
                continue
            size = step if sink is other else len(data)
            for at in range(0, len(data), size):
                sink.send(data[at : at + size])
                while bench.reactor.goes or bench.poll.poll(0):
                    bench.reactor.turn(0)
    assert line.got == b"request" and line.told == ["opened", "end"]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "EPROTO"),
        (b"\x16\x03\x01\x00\x04\x01", "ECONNRESET"),
        (b"", "ECONNRESET"),
    ],
)
def test_a_handshake_that_fails(bench: Bench, sent: bytes, told: str) -> None:
    for front in (True, False):
        line, other = bench.raw(both(front), front)
        other.send(sent)
        bench.settle()
        other.shutdown(socket.SHUT_WR)
        bench.settle()
        assert line.told == [told]
        assert line.transport.fault == TLS_HANDSHAKE and bool(line.transport.code) == (told == "EPROTO")


@pytest.mark.parametrize("sent", [b"\x16", b"\x16\x03\x01\x00\x04\x01"])
def test_a_part_of_a_handshake_and_the_end_in_one_event(bench: Bench, sent: bytes) -> None:
    """No other event tells of the end."""
    line, other = bench.raw(both(True))
    bench.settle()
    other.send(sent)
    other.shutdown(socket.SHUT_WR)
    bench.settle()
    assert line.told == ["ECONNRESET"]
    assert line.wire.fd < 0


def test_a_fault_while_the_kernel_takes_nothing() -> None:
    """Its alert cannot leave; reads and writes tell the fault all the same."""
    transports = both(True)
    mine, other = socket.socketpair()
    for sock in (mine, other):
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with mine, other:
        transport = transports.accept(mine.fileno(), b"")
        client = TlsTransports(client_context(), True, Purpose(HOST, HOST)).connect(other.fileno(), b"")
        while (client.handshake(), transport.handshake()) != (0, 0):
            pass
        assert transport.read(10) is None and transport.read_waits == READ
        filled = bytes(1 << 20)
        assert transport.write(filled) < len(filled)  # the kernel is full
        other.send(b"\x17\x03\x03\x00\x20" + bytes(32))  # not to be decrypted: an alert is to be sent
        with pytest.raises(OSError, match="bad record mac"):
            transport.read(10)
        with pytest.raises(OSError, match="bad record mac"):
            transport.write(filled)
        transport.close()
        client.close()


def test_a_session_is_kept_for_the_next_connection() -> None:
    purpose = Purpose(HOST, HOST)
    front, back = both(True), TlsTransports(client_context(), True, purpose)
    for resumed in (False, True, True):
        a, b = socket.socketpair()
        with a, b:
            a.setblocking(False)
            b.setblocking(False)
            here, there = front.accept(a.fileno(), b""), back.connect(b.fileno(), b"")
            while (there.handshake(), here.handshake()) != (0, 0):
                pass
            assert there.connection.resumed == resumed
            here.write(b"x")
            assert there.read(10) == b"x"
            assert not there.awaiting and purpose.session is not None
            here.close()
            there.close()


def fill(sock: socket.socket) -> int:
    """Until the kernel takes no more of it: how many bytes."""
    size = 0
    while True:
        try:
            size += sock.send(bytes(1 << 16))
        except BlockingIOError:
            return size


def test_a_handshake_that_has_to_wait_until_it_can_write() -> None:
    mine, other = socket.socketpair()
    with mine, other:
        mine.setblocking(False)
        other.setblocking(False)
        here, there = both(True).accept(mine.fileno(), b""), both(False).connect(other.fileno(), b"")
        assert there.handshake() == READ
        for waits in (READ | WRITE, WRITE):  # its answer to the hello; tickets behind the Finished
            size = fill(mine)
            assert here.handshake() == waits
            assert here.handshake() == waits
            while size:
                size -= len(other.recv(min(size, 1 << 16)))
            assert here.handshake() == (READ if waits & READ else 0)
            assert there.handshake() == 0
        assert there.read(10) is None and there.awaiting is False
        here.close()
        there.close()


def test_a_warning_that_cannot_leave() -> None:
    """The program openssl asks for renegotiation (its command R), and reads nothing then: a later read sends the no."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        words = ["openssl", "s_client", "-connect", f"127.0.0.1:{door.getsockname()[1]}", "-tls1_2"]
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as program:
            try:
                sock, _ = door.accept()
                with sock:
                    poll = select.poll()
                    poll.register(sock, select.POLLIN)
                    sock.setblocking(False)
                    transport = both(True).accept(sock.fileno(), b"")
                    while transport.handshake():
                        assert poll.poll(10_000)
                    assert transport.read(10) is None and transport.read_waits == READ
                    time.sleep(0.3)  # it looks at its standard input then
                    assert program.stdin is not None
                    program.stdin.write(b"R\n")
                    program.stdin.flush()
                    assert poll.poll(10_000)
                    program.send_signal(signal.SIGSTOP)
                    fill(sock)
                    assert transport.read(10) is None
                    assert transport.connection.waiting and not transport.connection.owed
                    assert transport.read_waits == WRITE and not transport.drained()
                    assert transport.write(b"x") == 0
                    transport.close()
            finally:
                program.kill()
