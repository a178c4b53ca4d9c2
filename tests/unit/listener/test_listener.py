"""Accepting: limits, pauses, ends."""

import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from listener_fakes import House

from pointsman.core.address import AF_INET, AF_INET6, AF_UNIX, AddressSpec
from pointsman.listener import listener as module
from pointsman.listener.listener import CLOSED, FULL, OPEN, PAUSED, RESTING, Listener
from pointsman.listener.sockets import SocketOptions


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


def address(listener: Listener) -> tuple[str, int]:
    assert listener.sock is not None
    name = listener.sock.getsockname()
    return (name[0], name[1])


def connect(listener: Listener, clients: list[socket.socket], count: int = 1) -> None:
    for _ in range(count):
        clients.append(socket.create_connection(address(listener), timeout=5))


def test_connections_reach_the_frontend_with_their_addresses(house: House, clients: list[socket.socket]) -> None:
    listener = house.listener()
    connect(listener, clients)
    house.until(lambda: len(house.frontend.opened) == 1)
    fd, source, destination, pending = house.frontend.opened[0]
    assert not os.get_blocking(fd)
    host, port = clients[0].getsockname()
    assert (source.family, source.text, source.port, source.packed) == (AF_INET, host.encode(), port, b"\x7f\0\0\x01")
    assert (destination.text, destination.port) == (b"127.0.0.1", address(listener)[1])
    assert pending == b""
    frontend, bind_state = house.frontend, house.frontend.bind_states[0]
    assert (frontend.connections, bind_state.connections, house.process.connections) == (1, 1, 1)
    assert (frontend.counters.connections, frontend.counters.current, bind_state.counters.connections) == (1, 1, 1)
    frontend.end()
    assert (frontend.connections, bind_state.connections, house.process.connections) == (0, 0, 0)
    assert (frontend.counters.current, frontend.counters.highest, house.process.total) == (0, 1, 1)


def test_a_socket_bound_to_any_address_asks_each_connection(house: House, clients: list[socket.socket]) -> None:
    listener = house.listener(spec=AddressSpec("inet", "", 0))
    port = address(listener)[1]
    for host in ("127.0.0.1", "127.0.0.2"):
        clients.append(socket.create_connection((host, port)))
    house.until(lambda: len(house.frontend.opened) == 2)
    assert sorted(one[2].text for one in house.frontend.opened) == [b"127.0.0.1", b"127.0.0.2"]
    house.frontend.wants_destination = False
    clients.append(socket.create_connection(("127.0.0.2", port)))
    house.until(lambda: len(house.frontend.opened) == 3)
    assert (house.frontend.opened[2][2].text, house.frontend.opened[2][2].port) == (b"0.0.0.0", port)


def test_ipv6(house: House, clients: list[socket.socket]) -> None:
    listener = house.listener(spec=AddressSpec("inet", "::1", 0))
    connect(listener, clients)
    house.until(lambda: len(house.frontend.opened) == 1)
    source, destination = house.frontend.opened[0][1:3]
    assert (source.family, source.text, destination.text) == (AF_INET6, b"::1", b"::1")


def test_unix(house: House, clients: list[socket.socket], tmp_path: Path) -> None:
    house.listener(spec=AddressSpec("unix", str(tmp_path / "s")))
    client = socket.socket(socket.AF_UNIX)
    clients.append(client)
    client.connect(str(tmp_path / "s"))
    house.until(lambda: len(house.frontend.opened) == 1)
    assert house.frontend.opened[0][1].family == AF_UNIX


def test_bursts_grow_with_what_is_found(house: House, clients: list[socket.socket]) -> None:
    listener = house.listener()
    connect(listener, clients, 40)
    house.until(lambda: len(house.frontend.opened) == 40)
    assert listener.burst > 1


@pytest.mark.parametrize("whose", ["socket", "frontend", "process"])
def test_at_a_limit_connections_wait_until_one_ends(house: House, clients: list[socket.socket], whose: str) -> None:
    listener = house.listener()
    if whose == "socket":
        listener.bind_state.limit = 2
    elif whose == "frontend":
        house.frontend.limit = 2
    else:
        house.process.limit = 2
    connect(listener, clients, 5)
    house.until(lambda: listener.state == FULL)
    house.rest()
    assert len(house.frontend.opened) == 2
    for done in range(3):
        house.frontend.end()
        house.until(lambda done=done: house.frontend.counters.connections == 3 + done)
        house.rest(0.06)
        assert len(house.frontend.opened) == 2


def test_two_sockets_of_a_full_frontend_both_go_on(house: House, clients: list[socket.socket]) -> None:
    first, second = house.listener(), house.listener()
    house.frontend.limit = 1
    connect(first, clients)
    house.until(lambda: len(house.frontend.opened) == 1)
    connect(first, clients)
    connect(second, clients)
    house.until(lambda: first.state == FULL and second.state == FULL)
    house.frontend.end()
    house.until(lambda: house.frontend.counters.connections == 2)
    house.frontend.end()
    house.until(lambda: house.frontend.counters.connections == 3)


def test_a_limit_of_one_socket_leaves_the_other_free(house: House, clients: list[socket.socket]) -> None:
    first, second = house.listener(), house.listener()
    first.bind_state.limit = 1
    connect(first, clients, 3)
    connect(second, clients, 3)
    house.until(lambda: len(house.frontend.opened) == 4)


def test_rate_limit_sessions(house: House, clients: list[socket.socket]) -> None:
    listener = house.listener()
    listener.rate_limit = 3
    connect(listener, clients, 5)
    house.until(lambda: listener.state == RESTING)
    assert len(house.frontend.opened) == 3
    house.until(lambda: len(house.frontend.opened) == 5)


def test_without_descriptors_it_rests(house: House, clients: list[socket.socket]) -> None:
    listener = house.listener()
    connect(listener, clients)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))  # no new one, whatever the collector closes meanwhile
    try:
        house.until(lambda: listener.state == RESTING)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    house.until(lambda: len(house.frontend.opened) == 1)
    assert listener.state == OPEN


def test_pause_refuses_and_resume_accepts_again(house: House, clients: list[socket.socket]) -> None:
    listener = house.listener()
    where = address(listener)
    listener.pause()
    assert listener.state == PAUSED
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(where)
    house.rest(0.05)
    assert listener.resume()
    connect(listener, clients)
    house.until(lambda: len(house.frontend.opened) == 1)


def test_a_paused_port_can_be_taken_without_reuseport(house: House, clients: list[socket.socket]) -> None:
    listener = house.listener(options=SocketOptions(backlog=64, reuse_port=False))
    where = address(listener)
    listener.pause()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(where)
        other.listen()
        with socket.create_connection(where):
            connection, _ = other.accept()
            connection.close()
    assert listener.resume()
    connect(listener, clients)
    house.until(lambda: len(house.frontend.opened) == 1)


def test_a_paused_abstract_name_is_free(house: House) -> None:
    spec = AddressSpec("abns", f"pointsman-pause-{os.getpid()}")
    listener = house.listener(spec=spec)
    listener.pause()
    house.rest(0.02)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(b"\0" + spec.host.encode().ljust(107, b"\0"))
        assert not listener.resume()
    assert listener.resume()
    assert listener.state == OPEN


def test_a_full_listener_that_was_paused_looks_again(house: House, clients: list[socket.socket]) -> None:
    listener = house.listener()
    house.frontend.limit = 1
    connect(listener, clients, 2)
    house.until(lambda: listener.state == FULL)
    listener.pause()
    house.frontend.end()
    house.rest(0.05)
    assert listener.state == PAUSED
    assert listener.resume()
    connect(listener, clients)
    house.until(lambda: len(house.frontend.opened) == 1)


def test_stop_takes_what_waits_and_closes(house: House, clients: list[socket.socket]) -> None:
    listener = house.listener()
    where = address(listener)
    connect(listener, clients, 3)
    listener.stop()
    house.reactor.turn(0)
    assert len(house.frontend.opened) == 3
    assert listener.state == CLOSED
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(where)
    listener.stop()
    listener.pause()
    assert not listener.resume()


def test_stop_takes_what_waits_where_it_rests(house: House, clients: list[socket.socket]) -> None:
    """A lane that leaves connections to the others for a moment must not let the socket close on them."""
    listener = house.listener()
    listener.rate_limit = 1
    connect(listener, clients, 3)
    house.until(lambda: listener.state == RESTING)
    assert len(house.frontend.opened) == 1
    listener.rate_limit = 0
    listener.stop()
    assert len(house.frontend.opened) == 3
    assert listener.state == CLOSED


def test_stop_respects_a_limit(house: House, clients: list[socket.socket]) -> None:
    listener = house.listener()
    house.process.limit = 2
    connect(listener, clients, 3)
    listener.stop()
    house.reactor.turn(0)
    assert len(house.frontend.opened) == 2


def test_states_are_distinct() -> None:
    assert len({module.CLOSED, module.OPEN, module.FULL, module.RESTING, module.PAUSED}) == 5


def test_clients_below_the_lowest_port_are_closed_and_not_counted(house: House, clients: list[socket.socket]) -> None:
    """harden.reject-privileged-ports.tcp, with a bound that needs no rights to be tested."""
    listener = house.listener()
    first = socket.create_connection(address(listener), timeout=5)
    clients.append(first)
    listener.lowest_port = first.getsockname()[1] + 1
    house.until(lambda: house.frontend.counters.connections == 0 and _is_closed(first))
    assert house.frontend.opened == []
    assert (house.frontend.counters.current, listener.bind_state.connections, house.process.connections) == (0, 0, 0)
    listener.lowest_port = 1
    connect(listener, clients)
    house.until(lambda: len(house.frontend.opened) == 1)
    assert house.frontend.counters.connections == 1


def _is_closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
