"""Connections that are passed over a connected UNIX socket (manual 2.9.1, sockpair@)."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest
from listener_fakes import House
from support.configs import read
from support.process import descriptors

from pointsman.assemble import assemble
from pointsman.core import calls
from pointsman.core.address import AF_UNIX, UNIX_ADDRESS, AddressSpec
from pointsman.listener.listener import CLOSED, OPEN, PAUSED
from pointsman.listener.sockets import BindError, Opening, SocketOptions

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=[socket.SOCK_STREAM, socket.SOCK_SEQPACKET], ids=["stream", "seqpacket"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    one, other = socket.socketpair(socket.AF_UNIX, request.param)
    with one, other:
        yield one, other


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.close()


def test_what_is_passed_is_the_other_end(pair: Pair) -> None:
    one, other = pair
    before = descriptors()
    assert calls.accept_passed(other.fileno()) is None
    for text in (b"first", b"second"):
        ours = calls.pass_connection(one.fileno())
        ours.sendall(text)
        made = calls.accept_passed(other.fileno())
        assert made is not None and made[1:] == (b"", 0)
        assert not os.get_blocking(made[0]) and not os.get_inheritable(made[0]) and not ours.getblocking()
        assert os.read(made[0], 100) == text
        os.write(made[0], b"back")
        assert ours.recv(100) == b"back"
        os.close(made[0])
        assert ours.recv(100) == b""
        ours.close()
    assert descriptors() == before


def test_bytes_without_a_connection_and_the_end(pair: Pair) -> None:
    one, other = pair
    one.send(b"?")
    with pytest.raises(ConnectionError):
        calls.accept_passed(other.fileno())
    one.close()
    with pytest.raises(EOFError):
        calls.accept_passed(other.fileno())


def test_nobody_takes_what_is_passed(pair: Pair) -> None:
    one, other = pair
    other.close()
    before = descriptors()
    with pytest.raises(BrokenPipeError):
        calls.pass_connection(one.fileno())
    assert descriptors() == before


def test_a_queue_that_is_full(pair: Pair) -> None:
    """Nothing waits: the error is told, and no descriptor is left."""
    one, _ = pair
    made: list[socket.socket] = []
    with pytest.raises(OSError):  # EAGAIN, or ETOOMANYREFS
        for _ in range(100_000):
            made.append(calls.pass_connection(one.fileno()))
    for sock in made:
        sock.close()


def test_a_listener_takes_what_is_passed(house: House, pair: Pair) -> None:
    one, other = pair
    listener = house.listener(spec=AddressSpec("sockpair", "", os.dup(other.fileno())))
    other.close()
    assert listener.bind_state.listening and listener.opening.key == ""
    clients = [calls.pass_connection(one.fileno()) for _ in range(3)]
    one.send(b"?")  # which is no connection
    clients.append(calls.pass_connection(one.fileno()))
    house.until(lambda: len(house.frontend.opened) == 4, 15)
    assert all(source.family == AF_UNIX for _, source, _, _ in house.frontend.opened)
    assert house.frontend.connections == 4
    clients[0].sendall(b"hello")
    assert os.read(house.frontend.opened[0][0], 100) == b"hello"
    listener.pause()
    clients.append(calls.pass_connection(one.fileno()))
    house.rest()
    assert len(house.frontend.opened) == 4 and listener.state == PAUSED
    assert listener.resume()
    house.until(lambda: len(house.frontend.opened) == 5, 15)
    assert listener.state == OPEN
    one.close()  # nobody will pass anything any more
    house.until(lambda: listener.state == PAUSED, 15)
    assert house.frontend.connections == 5
    listener.stop()
    assert listener.state == CLOSED
    for client in clients:
        client.close()


@pytest.mark.parametrize("kind", [socket.AF_INET, socket.AF_UNIX])
def test_what_is_no_connected_unix_socket_is_refused(kind: int) -> None:
    """One that listens is not, either."""
    with socket.socket(kind) as sock:
        if kind == socket.AF_UNIX:
            sock.bind("")
            sock.listen()
        number = sock.fileno()
        opening = Opening(AddressSpec("sockpair", "", number), SocketOptions(backlog=9), "a.cfg:1", "frontend x")
        with pytest.raises(BindError, match=f"cannot use file descriptor '{number}' : not a connected UNIX socket"):
            opening.open()
        assert os.fstat(number) and opening.address == f"sockpair@{number}"


def test_a_server_gets_its_connections_so(pair: Pair) -> None:
    one, other = pair
    loaded = read(
        "defaults\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
        f"listen x\n bind 127.0.0.1:1\n server s sockpair@{one.fileno()}\n"
    )
    live = assemble(loaded.configuration, loaded.diagnostics)
    assert loaded.errors == loaded.warnings == []
    dial = live.backends[0].servers[0].dial
    for sock in (dial.open(UNIX_ADDRESS), socket.socket(fileno=dial.connect(UNIX_ADDRESS))):
        made = calls.accept_passed(other.fileno())
        assert made is not None
        os.write(made[0], b"hello")
        assert sock.recv(100) == b"hello"
        os.close(made[0])
        sock.close()
