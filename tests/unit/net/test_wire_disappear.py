"""Wires that leave their peer in the dark (manual 4.4, silent-drop)."""

import socket

import pytest

from pointsman.net.reactor import Reactor
from pointsman.net.wire import NOBODY, Wire


def accepted() -> tuple[socket.socket, int]:
    """A client, and the descriptor of its other end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        other, _ = listener.accept()
    client.settimeout(0.3)
    return client, other.detach()


def test_a_reset_with_hops_enough_arrives() -> None:
    client, fd = accepted()
    reactor = Reactor()
    wire = Wire(reactor, fd, NOBODY)
    wire.push(b"never sent")
    wire.disappear(9)
    assert wire.failed
    socket.close(fd)
    reactor.epoll.close()
    with client, pytest.raises(ConnectionResetError):
        client.recv(1)


def test_without_hops_the_client_may_not_notice() -> None:
    """With CAP_NET_ADMIN nothing is sent; else the reset does arrive on the loopback interface, one hop away."""
    client, fd = accepted()
    reactor = Reactor()
    Wire(reactor, fd, NOBODY).disappear(0)
    socket.close(fd)
    reactor.epoll.close()
    with client, pytest.raises((TimeoutError, ConnectionResetError)):
        client.recv(1)
