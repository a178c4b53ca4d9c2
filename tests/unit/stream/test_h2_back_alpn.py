"""What is spoken to servers over TLS (manual 5.2, alpn, proto, ws): the server's choice, in the test's own process."""

from __future__ import annotations

import ssl

import pytest
from support.h2_peer import ENABLE_CONNECT_PROTOCOL
from support.h2_server_stand import H2Server
from support.tls_stand import HOST, ServersStand, TlsEnd, serving

from pointsman.core.tls import VERSION

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")

CONFIG = """
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    http-reuse always
    server a {{a}} ssl verify none {words}
"""
GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
ASKED = (
    b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def context(*protocols: str) -> ssl.SSLContext:
    made = serving(HOST)
    if protocols:
        made.set_alpn_protocols(list(protocols))
    return made


def stand(words: str, *protocols: str) -> ServersStand:
    return ServersStand(CONFIG.format(words=words), "a", contexts={"": context(*protocols)})


def offered(end: TlsEnd) -> str | None:
    """What both have agreed on."""
    return end.sock.selected_alpn_protocol()


@pytest.mark.parametrize(
    "words, protocols, chosen, h2",
    [
        ("alpn h2,http/1.1", ("h2", "http/1.1"), "h2", True),
        ("alpn h2,http/1.1", ("http/1.1",), "http/1.1", False),
        ("alpn h2,http/1.1", (), None, False),
        ("alpn http/1.1", ("h2", "http/1.1"), "http/1.1", False),
        ("", ("h2", "http/1.1"), None, False),
        ("proto h2 alpn h2", ("h2",), "h2", True),
        ("proto h2", (), None, True),
        ("proto h1 alpn h2", ("h2",), "h2", False),
    ],
)
def test_what_is_spoken(words: str, protocols: tuple[str, ...], chosen: str | None, h2: bool) -> None:
    with stand(words, *protocols) as proxy:
        client = proxy.client()
        client.send(GET)
        end = proxy.accept("a")
        assert offered(end) == chosen
        if h2:
            server = H2Server(end)
            place = server.place("/x")
            assert server.said(place, ":scheme") == "https"
            server.answer(place, 204, end=True)
        else:
            assert end.take().startswith(b"GET /x HTTP/1.1\r\n")
            end.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert client.take().startswith(b"HTTP/1.1 204 ")
        client.send(GET)
        assert len(server.uris()) == 2 if h2 else end.take().startswith(b"GET /x ")
        client.close()


def test_those_that_wait_for_one_share_it_if_it_is_of_http_2() -> None:
    with stand("alpn h2,http/1.1", "h2") as proxy:
        clients = [proxy.client() for _ in range(3)]
        for client in clients:
            client.send(GET)
        server = H2Server(proxy.accept("a"))
        assert sorted(server.uris()) == [1, 3, 5]
        for number, client in zip((1, 3, 5), clients):
            server.answer(number, 204, end=True)
            assert client.take().startswith(b"HTTP/1.1 204 ")
            client.close()


def test_those_that_wait_for_one_of_http_1_get_their_own() -> None:
    """And the next time nobody waits."""
    with stand("alpn h2,http/1.1", "http/1.1") as proxy:
        clients = [proxy.client() for _ in range(2)]
        for client in clients:
            client.send(GET)
        first = proxy.accept("a")
        second = proxy.accept("a")
        for server, client in ((first, clients[0]), (second, clients[1])):
            assert server.take().startswith(b"GET /x ")
            server.send(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            assert client.take().startswith(b"HTTP/1.1 204 ")
            client.close()
            server.close()
        clients = [proxy.client() for _ in range(2)]
        for client in clients:
            client.send(GET)
        ends = [proxy.begin("a"), proxy.begin("a")]
        for end, client in zip(ends, clients):
            end.shake()
            assert end.take().startswith(b"GET /x ")
            client.close()


@pytest.mark.parametrize(
    "words, protocol",
    [
        ("alpn h2,http/1.1", "http/1.1"),
        ("alpn h2,http/1.1 ws h1", "http/1.1"),
        ("alpn h2,http/1.1 ws h2", "h2"),
        ("alpn h2", "h2"),
        ("alpn h2 ws h1", "http/1.1"),
        ("alpn http/1.1 ws h2", "h2"),
        ("proto h2 alpn h2 ws h1", "http/1.1"),
        ("proto h2 ws h1", None),
    ],
)
def test_websockets(words: str, protocol: str | None) -> None:
    """`auto`: by HTTP/1.1 where that is offered, too."""
    with stand(words, "h2", "http/1.1") as proxy:
        client = proxy.client()
        client.send(ASKED)
        end = proxy.accept("a")
        assert offered(end) == protocol
        if protocol == "h2":
            server = H2Server(end, [(ENABLE_CONNECT_PROTOCOL, 1)])
            server.answer(server.place("/ws"))
        else:
            assert end.take().startswith(b"GET /ws HTTP/1.1\r\n")
            accept = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
            end.send(
                b"HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %b\r\n\r\n"
                % accept
            )
        assert client.take().startswith(b"HTTP/1.1 101 ")
        client.close()


def test_large_bodies_over_tls() -> None:
    with stand("proto h2") as proxy:
        client = proxy.client()
        big = bytes(range(256)) * 8_000
        client.send(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(big))
        server = H2Server(proxy.accept("a"))
        view, sent = memoryview(big), 0
        for _ in range(10_000):
            if sent == len(big):
                break
            sent += client.send(bytes(view[sent : sent + 65_536]))
            server.look()
        assert server.body(1) == big and 1 in server.ended
        server.answer(1, 200, ("content-length", str(len(big))))
        at = 0
        received = b""
        while at < len(big):
            if 65_535 + server.look().credit.get(0, 0) - at >= 16_384:
                server.data(1, big[at : at + 16_384])
                at += 16_384
            received += client.take()
        server.finish(1)
        received += client.take()
        assert received.endswith(big) and received.startswith(b"HTTP/1.1 200 OK\r\n")
        client.close()
