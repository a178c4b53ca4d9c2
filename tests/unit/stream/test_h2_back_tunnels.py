"""CONNECT and WebSockets towards servers that speak HTTP/2 (RFC 9113 8.5, RFC 8441; manual 5.2, ws)."""

from __future__ import annotations

import pytest
from support.h2_peer import CANCEL, ENABLE_CONNECT_PROTOCOL, REFUSED_STREAM, rst_stream
from support.h2_server_stand import H2Server
from support.stand import Stand

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 3s
    timeout tunnel 30s
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    http-reuse always
    server a {a} proto h2
"""
GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n%bSec-WebSocket-Version: 13\r\n\r\n"
)
ASKED = UPGRADE % KEY
ACCEPT = b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"  # RFC 6455 1.3 has this key and its answer
CAN = [(ENABLE_CONNECT_PROTOCOL, 1)]


def stand(words: str = "") -> Stand:
    return Stand(CONFIG.replace("proto h2", f"proto h2 {words}"), "a")


def test_a_websocket() -> None:
    with stand() as proxy:
        client = proxy.client()
        client.send(ASKED + b"early")
        server = H2Server(proxy.accept("a"), CAN)
        place = server.place("/ws")
        assert [server.said(place, name) for name in (":method", ":protocol", ":scheme", ":authority")] == [
            "CONNECT",
            "websocket",
            "http",
            "h",
        ]
        assert server.header(place, "sec-websocket-version") == "13"
        assert server.header(place, "upgrade") is server.header(place, "connection") is None
        assert server.body(place) == b"" and place not in server.ended
        server.answer(place, 200, ("x", "y"))
        head = client.take()
        assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert ACCEPT in head and b"upgrade: websocket\r\n" in head and b"x: y\r\n" in head
        assert server.body(place) == b"early"
        client.send(b"up")
        server.data(place, b"down")
        assert client.take() == b"down" and server.body(place) == b"earlyup"
        proxy.wait(20_000)
        assert proxy.lines == []
        server.data(place, b"last")
        server.finish(place)
        assert client.take() == b"last" and client.closed
        assert proxy.lines == ["101 --"]
        other = proxy.client()
        other.send(GET)
        server.answer(server.place("/x"), 204, end=True)
        assert other.take().startswith(b"HTTP/1.1 204 "), "the connection goes on"


def test_a_client_that_ends_a_websocket() -> None:
    with stand() as proxy:
        client = proxy.client()
        client.send(ASKED)
        server = H2Server(proxy.accept("a"), CAN)
        place = server.place("/ws")
        server.answer(place)
        assert b" 101 " in client.take()
        client.shut()
        assert place in server.look().ended
        server.data(place, b"bye")
        server.finish(place)
        assert client.take() == b"bye" and client.closed and proxy.lines == ["101 --"]


def test_settings_are_waited_for() -> None:
    """Only they tell whether a WebSocket can be asked for (RFC 8441 3)."""
    with stand() as proxy:
        client = proxy.client()
        client.send(ASKED)
        server = H2Server(proxy.accept("a"), None)
        assert server.uris() == {}
        server.settle(CAN)
        server.answer(server.place("/ws"))
        assert b" 101 " in client.take()


@pytest.mark.parametrize("values", [None, ()], ids=["late", "at once"])
def test_a_server_that_has_no_websockets(values: list[tuple[int, int]] | None) -> None:
    with stand() as proxy:
        client = proxy.client()
        client.send(ASKED)
        server = H2Server(proxy.accept("a"), values)
        if values is None:
            server.settle([])
        assert client.take().startswith(b"HTTP/1.1 502 ") and proxy.lines == ["502 SH"]
        assert server.uris() == {} and not server.end.closed
        other = proxy.client()
        other.send(ASKED)
        assert other.take().startswith(b"HTTP/1.1 502 "), "known by now"
        other.send(GET)
        server.answer(server.place("/x"), 204, end=True)
        assert other.take().startswith(b"HTTP/1.1 204 ")


def test_a_server_that_never_says_what_it_can() -> None:
    with stand() as proxy:
        client = proxy.client()
        client.send(ASKED)
        server = H2Server(proxy.accept("a"), None)
        proxy.wait(3_100)
        assert client.take().startswith(b"HTTP/1.1 504 ") and proxy.lines == ["504 sH"]
        assert server.uris() == {}


@pytest.mark.parametrize("status", [404, 302])
def test_a_websocket_that_is_denied(status: int) -> None:
    """The answer is one like any other; both connections go on."""
    with stand() as proxy:
        client = proxy.client()
        client.send(ASKED)
        server = H2Server(proxy.accept("a"), CAN)
        place = server.place("/ws")
        server.answer(place, status, ("content-length", "2"))
        server.data(place, b"no")
        server.finish(place)
        answer = client.take()
        assert answer.startswith(b"HTTP/1.1 %d " % status) and answer.endswith(b"\r\n\r\nno")
        client.send(GET)
        server.answer(server.place("/x"), 204, end=True)
        assert client.take().startswith(b"HTTP/1.1 204 ")
        assert proxy.lines == [f"{status} --", "204 --"]


def test_a_websocket_that_is_reset() -> None:
    with stand() as proxy:
        client = proxy.client()
        client.send(ASKED)
        server = H2Server(proxy.accept("a"), CAN)
        server.send(rst_stream(server.place("/ws"), REFUSED_STREAM))
        assert client.take().startswith(b"HTTP/1.1 502 ") and proxy.lines == ["502 SH"]


def test_a_websocket_that_is_asked_for_once_more() -> None:
    text = CONFIG.replace("http-reuse always", "http-reuse always\n    retry-on empty-response\n    retries 2")
    with Stand(text, "a") as proxy:
        client = proxy.client()
        client.send(ASKED)
        server = H2Server(proxy.accept("a"), CAN)
        server.send(rst_stream(server.place("/ws"), CANCEL))
        again = H2Server(proxy.accept("a"), CAN)
        place = again.place("/ws")
        assert place not in again.ended, "our end is open"
        again.answer(place)
        assert b" 101 " in client.take()
        client.send(b"up")
        assert again.body(place) == b"up"


def test_another_upgrade_is_a_wish() -> None:
    """RFC 9110 7.8: whoever cannot fulfil it passes over it."""
    with stand() as proxy:
        client = proxy.client()
        client.send(b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n")
        server = H2Server(proxy.accept("a"))
        place = server.place("/x")
        assert server.said(place, ":method") == "GET" and server.header(place, "upgrade") is None
        server.answer(place, 204, end=True)
        assert client.take() == b"HTTP/1.1 204 No Content\r\n\r\n"


def test_ws_h1() -> None:
    """WebSockets have connections of their own, of HTTP/1.1, beside those of HTTP/2. Each kind is used again alone."""
    with stand("ws h1") as proxy:
        client = proxy.client()
        client.send(GET)
        server = H2Server(proxy.accept("a"), CAN)
        server.answer(server.place("/x"), 204, end=True)
        assert client.take().startswith(b"HTTP/1.1 204 ")
        client.send(ASKED)
        other = proxy.accept("a")
        assert other.take().startswith(b"GET /ws HTTP/1.1\r\n")
        other.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        assert client.take().startswith(b"HTTP/1.1 404 ")
        client.send(GET)
        assert len(server.uris()) == 2
        server.answer(max(server.uris()), 204, end=True)
        assert client.take().startswith(b"HTTP/1.1 204 ")
        client.send(ASKED)
        assert other.take().startswith(b"GET /ws HTTP/1.1\r\n"), "the same one again"
        other.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n%b\r\n" % ACCEPT)
        assert b" 101 " in client.take()
        client.send(b"up")
        assert other.take() == b"up" and proxy.arrivals("a") == []
        assert proxy.lines == ["204 --", "404 --", "204 --"]


def test_ws_h2() -> None:
    """They go by HTTP/2, all else by HTTP/1.1."""
    with Stand(CONFIG.replace("proto h2", "ws h2"), "a") as proxy:
        client = proxy.client()
        client.send(GET)
        plain = proxy.accept("a")
        assert plain.take().startswith(b"GET /x HTTP/1.1\r\n")
        plain.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert client.take().startswith(b"HTTP/1.1 204 ")
        first, second = client, proxy.client()
        first.send(ASKED)
        server = H2Server(proxy.accept("a"), CAN)
        second.send(ASKED)
        assert sorted(server.uris()) == [1, 3], "several share a connection"
        server.answer(1)
        server.answer(3)
        server.data(1, b"1")
        server.data(3, b"3")
        assert first.take()[-1:] == b"1" and second.take()[-1:] == b"3"
        assert proxy.arrivals("a") == []


def test_connect() -> None:
    with stand() as proxy:
        client = proxy.client()
        client.send(b"CONNECT t:443 HTTP/1.1\r\nHost: t:443\r\n\r\n")
        server = H2Server(proxy.accept("a"))
        place = server.place("t:443")
        names = [server.said(place, name) for name in (":method", ":authority", ":path", ":scheme")]
        assert names == ["CONNECT", "t:443", None, None]
        server.answer(place, 200, ("content-length", "1000"))
        assert client.take() == b"HTTP/1.1 200 OK\r\n\r\n", "a length means nothing here (RFC 9110 9.3.6)"
        big = bytes(range(256)) * 2_000
        client.send_all(big)
        assert server.body(place) == big
        server.data(place, big)
        assert client.take_all(len(big)) == big
        client.abort()
        assert server.look().reset == {place} and proxy.lines == ["200 CD"]
