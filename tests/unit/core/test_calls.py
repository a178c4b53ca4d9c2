"""System calls on descriptors: the extension and plain Python mean the same."""
import errno
import os
import select
import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from pointsman.core import calls

PLAIN = SimpleNamespace(read=calls.plain_read, write=calls.plain_write, wait=calls.plain_wait, shut=calls.plain_shut,
                        option=calls.plain_option, error=calls.plain_error, splice=calls.plain_splice)


@pytest.fixture(params=["built", "plain"])
def ways(request: pytest.FixtureRequest) -> SimpleNamespace:
    if request.param == "plain":
        return PLAIN
    built = pytest.importorskip("pointsman.core._calls")
    return SimpleNamespace(**{name: getattr(built, name) for name in vars(PLAIN)})


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        other.setblocking(False)
        yield one, other


def connected() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    return client, server


@pytest.mark.parametrize("size", [5, 100, 65_536, 65_537, 300_000])
def test_reading(ways: SimpleNamespace, pair: tuple[socket.socket, socket.socket], size: int) -> None:
    one, other = pair
    assert ways.read(one.fileno(), size) is None
    other.send(b"hello, world")
    assert ways.read(one.fileno(), size) == b"hello, world"[:size]
    other.close()
    rest = b"hello, world"[size:]
    assert ways.read(one.fileno(), 100) == rest
    assert ways.read(one.fileno(), size) == b""


def test_splicing(ways: SimpleNamespace, pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    outlet, inlet = os.pipe2(os.O_NONBLOCK)
    try:
        assert ways.splice(one.fileno(), inlet, 100) == -1
        other.send(b"hello, world")
        assert ways.splice(one.fileno(), inlet, 5) == 5
        assert ways.splice(one.fileno(), inlet, 100) == 7
        assert ways.splice(outlet, one.fileno(), 10) == 10
        assert other.recv(100) == b"hello, wor"
        while ways.write(other.fileno(), b"x" * 10_000):
            pass
        while ways.write(one.fileno(), b"x" * 10_000):
            pass
        assert ways.splice(outlet, one.fileno(), 2) == -1
        other.shutdown(socket.SHUT_WR)
        while ways.read(one.fileno(), 100_000):
            pass
        assert ways.splice(one.fileno(), inlet, 100) == 0
        with pytest.raises(OSError, match="Invalid argument"):
            ways.splice(one.fileno(), other.fileno(), 10)
    finally:
        os.close(outlet)
        os.close(inlet)


def test_reading_much(ways: SimpleNamespace, pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    sent = b""
    while taken := ways.write(other.fileno(), data := os.urandom(50_000)):
        sent += data[:taken]
    assert len(sent) > 100_000
    got = b""
    while piece := ways.read(one.fileno(), 70_000):
        got += piece
    assert got == sent


def test_a_full_socket_takes_nothing(ways: SimpleNamespace, pair: tuple[socket.socket, socket.socket]) -> None:
    one, _ = pair
    while ways.write(one.fileno(), b"x" * 65_536):
        pass
    assert ways.write(one.fileno(), b"x") == 0


def test_what_is_wrong_is_an_error(ways: SimpleNamespace, pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    closed = os.dup(0)
    os.close(closed)
    for call in (lambda: ways.read(closed, 10), lambda: ways.read(closed, 100_000), lambda: ways.write(closed, b"x"),
                 lambda: ways.shut(closed), lambda: ways.error(closed), lambda: ways.option(closed, 1, 13, b"\0" * 8)):
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == errno.EBADF
    other.close()
    with pytest.raises(BrokenPipeError):
        ways.write(one.fileno(), b"x")
    with pytest.raises((TypeError, OverflowError)):
        ways.read("x", 10)
    with pytest.raises(TypeError):
        ways.write(one.fileno(), "text")
    with pytest.raises(TypeError):
        ways.read(one.fileno())


def test_waiting(ways: SimpleNamespace, pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    with select.epoll() as epoll:
        epoll.register(one.fileno(), select.EPOLLIN | select.EPOLLET)
        epoll.register(other.fileno(), select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
        assert ways.wait(epoll.fileno(), 0, epoll) == []
        assert ways.wait(epoll.fileno(), 5, epoll) == []
        other.send(b"x")
        assert ways.wait(epoll.fileno(), -1, epoll) == [one.fileno(), select.EPOLLIN]
        one.close()
        found = ways.wait(epoll.fileno(), 1000, epoll)
        assert found[0] == other.fileno()
        assert found[1] & select.EPOLLHUP
        assert len(found) == 2
        epoll.close()
    with pytest.raises((OSError, ValueError)):
        ways.wait(99_999, 0, epoll)


def test_a_shut_side_sends_an_end(ways: SimpleNamespace, pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    ways.shut(one.fileno())
    assert other.recv(10) == b""
    other.send(b"still there")
    assert ways.read(one.fileno(), 100) == b"still there"


def test_a_reset(ways: SimpleNamespace) -> None:
    client, server = connected()
    with client, server:
        ways.option(client.fileno(), socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        client.close()
        with pytest.raises(ConnectionResetError):
            server.recv(10)


def test_the_error_of_a_socket_is_read_once(ways: SimpleNamespace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with socket.socket() as sock:
        sock.setblocking(False)
        assert sock.connect_ex(("127.0.0.1", port)) in (errno.EINPROGRESS, errno.ECONNREFUSED)
        poller = select.poll()
        poller.register(sock.fileno(), select.POLLOUT)
        poller.poll(1000)
        assert ways.error(sock.fileno()) == errno.ECONNREFUSED
        assert ways.error(sock.fileno()) == 0
