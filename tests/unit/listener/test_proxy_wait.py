"""accept-proxy: connections that say in their first bytes who the client is."""

import os
import select
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listener_fakes import House

from pointsman.core import connection_faults
from pointsman.core.connection_faults import FAULTS
from pointsman.core.wishes import WISHES
from pointsman.listener.proxy_wait import ProxyListener, reason_of

V1 = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"
V2_LOCAL = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\4\1\xbb"


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.close()


@pytest.fixture
def client(house: House) -> Iterator[socket.socket]:
    listener = house.listener(ProxyListener)
    assert listener.sock is not None
    with socket.create_connection(listener.sock.getsockname(), timeout=5) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sock


@pytest.mark.parametrize("header", [V1, V2])
def test_the_header_says_who_the_client_is(house: House, client: socket.socket, header: bytes) -> None:
    client.sendall(header + b"GET /")
    house.until(lambda: bool(house.frontend.opened))
    _, source, destination, pending = house.frontend.opened[0]
    assert (source.text, source.port) == (b"192.0.2.1", 56324)
    assert (destination.text, destination.port) == (b"198.51.100.2", 443)
    assert pending == b"GET /"
    assert house.frontend.connections == 1
    assert house.reactor.open == 1  # the listener alone: the descriptor is the frontend's now


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", V2_LOCAL])
def test_without_addresses_those_of_the_connection_hold(house: House, client: socket.socket, header: bytes) -> None:
    client.sendall(header)
    house.until(lambda: bool(house.frontend.opened))
    _, source, destination, pending = house.frontend.opened[0]
    assert (source.text.decode(), source.port) == client.getsockname()
    assert (destination.text.decode(), destination.port) == client.getpeername()
    assert pending == b""


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 60), max_size=5), st.sampled_from([V1, V2]))
def test_any_split_gives_the_same(cuts: list[int], header: bytes) -> None:
    house = House()
    try:
        listener = house.listener(ProxyListener)
        assert listener.sock is not None
        data = header + b"GET / HTTP/1.1\r\n"
        with socket.create_connection(listener.sock.getsockname(), timeout=5) as sock:
            places = sorted({cut for cut in cuts if cut < len(header)})
            for start, end in zip([0, *places], [*places, len(data)], strict=True):
                sock.sendall(data[start:end])
                house.reactor.turn(10)
            house.until(lambda: bool(house.frontend.opened))
            fd, source, _, pending = house.frontend.opened[0]
            while len(pending) < len(b"GET / HTTP/1.1\r\n"):  # the rest is left for the frontend
                select.select([fd], [], [], 5)
                pending += os.read(fd, 100)
            assert source.text == b"192.0.2.1"
            assert pending == b"GET / HTTP/1.1\r\n"
    finally:
        house.close()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", connection_faults.PROXY_NOT_A_HEADER),
        (b"PROXY TCP4 1.2.3.4 5.6\r\n", connection_faults.PROXY_BAD_HEADER),
        (b"PROXY TCP9 1.2.3.4 5.6.7.8 1 2\r\n", connection_faults.PROXY_BAD_PROTOCOL),
        (b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0", connection_faults.PROXY_NOT_A_HEADER),
    ],
)
def test_what_is_no_header_ends_the_connection(house: House, client: socket.socket, data: bytes, reason: int) -> None:
    client.sendall(data)
    house.until(lambda: bool(house.frontend.refusals))
    assert house.frontend.refusals == [(reason, False)]
    assert house.frontend.connections == 0
    house.reactor.turn(0)
    with pytest.raises(ConnectionResetError):  # as HAProxy: no answer, what was sent unread is reset
        if client.recv(100) == b"":
            raise ConnectionResetError
    assert not house.frontend.opened


@pytest.mark.parametrize(
    ("sent", "expected"),
    [(b"", (connection_faults.PROXY_EMPTY, True)), (b"PROXY TCP4", (connection_faults.PROXY_TRUNCATED, False))],
)
def test_an_early_end(house: House, client: socket.socket, sent: bytes, expected: tuple[int, bool]) -> None:
    client.sendall(sent)
    client.shutdown(socket.SHUT_WR)
    house.until(lambda: bool(house.frontend.refusals))
    assert house.frontend.refusals == [expected]
    assert house.process.connections == 0


def test_the_wait_ends_with_the_clients_timeout(house: House) -> None:
    house.frontend.handshake_time = 100
    listener = house.listener(ProxyListener)
    assert listener.sock is not None
    with socket.create_connection(listener.sock.getsockname(), timeout=5) as sock:
        house.until(lambda: bool(house.frontend.refusals), 2)
        assert house.frontend.refusals == [(connection_faults.PROXY_TIMEOUT, True)]
        house.reactor.turn(0)
        assert sock.recv(10) == b""
    assert house.process.connections == 0


def test_a_waiting_connection_counts(house: House, client: socket.socket) -> None:
    house.until(lambda: house.process.connections == 1)
    assert house.frontend.connections == 1


@given(st.binary(max_size=40))
def test_every_refusal_has_its_words(data: bytes) -> None:
    assert FAULTS[reason_of(data)][0].startswith(b"PRX_")


@pytest.mark.parametrize("wanted", [False, True])
def test_tlvs_are_kept_where_somebody_asks_for_them(
    house: House, client: socket.socket, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WISHES, "proxy_tlvs", wanted)
    client.sendall(V2[:15] + b"\x15" + V2[16:] + b"\x02\0\6a.test")
    house.until(lambda: bool(house.frontend.opened))
    assert house.frontend.tlvs == [[(2, b"a.test")] if wanted else None]
    assert house.frontend.opened[0][1].text == b"192.0.2.1"


NETSCALER = bytes.fromhex(
    "000004d2 00000028"  # magic, length
    "45000028 00000000 40060000 c0000201 c6336402"  # IPv4, 192.0.2.1 to 198.51.100.2
    "dc0401bb 00000000 00000000 50100064 00000000"  # TCP, 56324 to 443
)


@pytest.mark.parametrize("before", [b"", V1], ids=["alone", "behind a PROXY header"])
def test_the_header_of_netscaler_says_who_the_client_is(house: House, client: socket.socket, before: bytes) -> None:
    """accept-netscaler-cip, in pieces; beside accept-proxy it comes second, and prevails."""
    bind_state = house.listeners[0].bind_state
    bind_state.magic, bind_state.proxied = 1234, bool(before)
    data = before.replace(b"192.0.2.1", b"192.0.2.9") + NETSCALER + b"GET /"
    for start in range(0, len(data), 7):
        client.sendall(data[start : start + 7])
        house.reactor.turn(10)
    house.until(lambda: bool(house.frontend.opened))
    fd, source, destination, pending = house.frontend.opened[0]
    assert (source.text, source.port) == (b"192.0.2.1", 56324)
    assert (destination.text, destination.port) == (b"198.51.100.2", 443)
    while len(pending) < 5:  # the rest is left for the frontend
        select.select([fd], [], [], 5)
        pending += os.read(fd, 100)
    assert pending == b"GET /"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", connection_faults.CLIENT_IP_BAD_MAGIC),
        (NETSCALER[:8] + b"\x55" + NETSCALER[9:], connection_faults.CLIENT_IP_BAD_PROTOCOL),
        (NETSCALER[:17] + b"\x11" + NETSCALER[18:], connection_faults.CLIENT_IP_BAD_PROTOCOL),
        (NETSCALER[:-1], connection_faults.CLIENT_IP_EMPTY + 3),
        (b"", connection_faults.CLIENT_IP_EMPTY),
    ],
)
def test_what_is_no_header_of_netscaler(house: House, client: socket.socket, data: bytes, reason: int) -> None:
    bind_state = house.listeners[0].bind_state
    bind_state.magic, bind_state.proxied = 1234, False
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)
    house.until(lambda: bool(house.frontend.refusals))
    assert house.frontend.refusals == [(reason, not data)]
    assert FAULTS[reason][0].startswith(b"CIP_")
    assert not house.frontend.opened


def test_the_wait_for_netscaler_ends_with_the_clients_timeout(house: House) -> None:
    house.frontend.handshake_time = 100
    listener = house.listener(ProxyListener)
    listener.bind_state.magic, listener.bind_state.proxied = 1234, False
    assert listener.sock is not None
    with socket.create_connection(listener.sock.getsockname(), timeout=5) as sock:
        sock.sendall(NETSCALER[:20])
        house.until(lambda: bool(house.frontend.refusals))
    assert FAULTS[house.frontend.refusals[0][0]][0] == b"CIP_TIMEOUT"
