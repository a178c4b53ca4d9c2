"""System calls on descriptors: the extension and plain Python mean the same."""

import errno
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.process import descriptors

from pointsman.core import calls

PLAIN = SimpleNamespace(
    read=calls.plain_read,
    write=calls.plain_write,
    wait=calls.plain_wait,
    shut=calls.plain_shut,
    option=calls.plain_option,
    original=calls.plain_original,
    error=calls.plain_error,
    splice=calls.plain_splice,
    receive=calls.plain_read,
    transmit=calls.plain_write,
    accept=calls.plain_accept,
    connect=calls.plain_connect,
)


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


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_connection_that_nobody_has_redirected(ways: SimpleNamespace, family: int) -> None:
    """Those that were: tests/scenario/test_redirected.py."""
    address = "127.0.0.1" if family == socket.AF_INET else "::1"
    with (
        socket.create_server((address, 0), family=family) as listener,
        socket.create_connection(listener.getsockname()[:2]),
        listener.accept()[0] as sock,
    ):
        assert ways.original(sock.fileno(), int(family)) is None


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
    for call in (
        lambda: ways.read(closed, 10),
        lambda: ways.read(closed, 100_000),
        lambda: ways.write(closed, b"x"),
        lambda: ways.shut(closed),
        lambda: ways.error(closed),
        lambda: ways.option(closed, 1, 13, b"\0" * 8),
    ):
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


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_who_connects(ways: SimpleNamespace, family: int, host: str) -> None:
    with socket.socket(family) as listener:
        listener.bind((host, 0))
        listener.listen()
        listener.setblocking(False)
        assert ways.accept(listener.fileno()) is None
        packed, port = socket.inet_pton(family, host), listener.getsockname()[1]
        with socket.socket(fileno=ways.connect(calls.socket_address(family, packed, port))) as client:
            assert os.get_blocking(client.fileno()) is False and os.get_inheritable(client.fileno()) is False
            assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            found = None
            while found is None:
                found = ways.accept(listener.fileno())
            with socket.socket(fileno=found[0]) as server:
                assert os.get_blocking(found[0]) is False and os.get_inheritable(found[0]) is False
                assert found[1:] == (packed, client.getsockname()[1])
                assert ways.receive(found[0], 100) is None
                assert ways.transmit(client.fileno(), b"hello") == 5
                select.select([server], [], [], 5)
                assert ways.receive(found[0], 3) == b"hel"
                assert ways.receive(found[0], 100_000) == b"lo"


def test_who_connects_to_a_path(ways: SimpleNamespace, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        client.connect(str(tmp_path / "s"))
        fd, packed, port = ways.accept(listener.fileno())
        os.close(fd)
        assert (packed, port) == (b"", 0)


def test_nobody_listens(ways: SimpleNamespace) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = calls.socket_address(socket.AF_INET, socket.inet_aton("127.0.0.1"), bound.getsockname()[1])
        try:
            fd = ways.connect(address)
        except ConnectionRefusedError:
            return
        select.select([], [fd], [], 5)
        assert ways.error(fd) == errno.ECONNREFUSED
        os.close(fd)


def test_no_socket_at_all(ways: SimpleNamespace, pair: tuple[socket.socket, socket.socket]) -> None:
    before = descriptors()
    unreachable = calls.socket_address(socket.AF_INET, socket.inet_aton("255.255.255.255"), 1)
    with pytest.raises(OSError, match=r"Network is unreachable|Permission denied|Invalid argument"):
        ways.connect(unreachable)
    with pytest.raises(OSError, match="Invalid argument"):
        ways.accept(pair[0].fileno())
    assert descriptors() <= before


@pytest.mark.parametrize("size", [0, -1, 1 << 40])
def test_memory_that_stays_is_a_number_of_bytes(size: int) -> None:
    pytest.importorskip("pointsman.core._calls")
    with pytest.raises(ValueError, match="bytes"):
        calls.keep(size)


def test_memory_that_was_freed_stays() -> None:
    """In a process of its own: there is no way back. A large piece comes and goes without a fault of a page."""
    pytest.importorskip("pointsman.core._calls")
    script = """if 1:
        import resource
        from pointsman.core import calls
        assert calls.keep(4 << 20)
        for _ in range(4):
            pieces = [b"x" * 300_000 for _ in range(4)]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(50):
            pieces = [b"x" * 300_000 for _ in range(4)]
        assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 100
    """
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)


def test_without_the_extension_nothing_stays() -> None:
    assert not calls.plain_keep(1)
