"""How connections of HTTP/2 begin and end: prefaces, ALPN, PROXY headers, switch-mode; idleness, goodbyes, pings."""

from __future__ import annotations

import pytest
from support.early_stand import EarlyStand
from support.h2_peer import (
    CANCEL,
    INITIAL_WINDOW_SIZE,
    NO_ERROR,
    PREFACE,
    PROTOCOL_ERROR,
    data,
    goaway,
    headers,
    literals,
    ping,
    settings,
    window_update,
)
from support.h2_stand import H2Peer, H2Stand

from pointsman.proto.websocket import accept_of
from pointsman.stream.acceptor import HTTP_1, HTTP_2
from pointsman.stream.connections import client_connections
from pointsman.stream.h2front import H2Front

TIMES = """
defaults
    mode http
    timeout connect 1s
    timeout client 4s
    timeout server 5s
    timeout http-request 2s
    timeout http-keep-alive 1s
    retries 0
"""
LATE = 100  # ms: a deadline may be met so much later (net/timers.py)
CONFIG = (
    TIMES
    + """
frontend f
    bind 127.0.0.1:1
    http-request return status 200 content-type text/plain lf-string "%HV %[src]" if { path /hello }
    default_backend b
backend b
    server a {a}
"""
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"


def front_of(stand: H2Stand | EarlyStand) -> H2Front:
    (front,) = client_connections(stand.reactor)
    assert isinstance(front, H2Front)
    return front


# Beginnings.


@pytest.mark.parametrize("size", [1, 3, 20, 24, 40, 1_000])
def test_the_preface_on_a_port_of_http_1(size: int) -> None:
    """However it is cut (RFC 9113 3.3, 3.4)."""
    with H2Stand(CONFIG, "a") as stand:
        end = stand.client()
        begin = PREFACE + settings() + window_update(0, 1000)
        for at in range(0, len(begin), size):
            end.send(begin[at : at + size])
        client = H2Peer(end, preface=False)
        client.ask(1, "/hello")
        assert client.answer(1).body == b"HTTP/2.0 127.0.0.1"
        assert stand.frontend().connections == 1


def test_a_request_that_begins_like_the_preface_is_one_of_http_1() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.client()
        client.send(b"P")
        client.send(b"UT /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        assert client.take().endswith(b"HTTP/1.1 127.0.0.1")


def test_option_disable_h2_upgrade() -> None:
    """Manual 4.2."""
    with H2Stand(CONFIG.replace("frontend f", "frontend f\n    option disable-h2-upgrade"), "a") as stand:
        client = stand.client()
        client.send(PREFACE + settings())
        assert client.ended()
        assert stand.lines == ["400 PR"]
    with H2Stand(CONFIG, "a") as stand:  # nor on lines with `proto h1` (manual 5.1)
        stand.bind_states[id(stand.frontend())].proto = HTTP_1
        client = stand.client()
        client.send(PREFACE + settings())
        assert client.ended()


def test_who_has_to_speak_http_2_and_does_not() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2(preface=False)
        client.put(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.goaways() == [(0, 1)]
        assert client.closed
        assert stand.lines == ["0 PR"]


def test_what_came_behind_a_proxy_header() -> None:
    with H2Stand(CONFIG, "a") as stand:
        frontend = stand.frontend()
        stand.bind_states[id(frontend)].proto = HTTP_2
        end, arrival = stand.arrive()
        arrival.pending = PREFACE + settings() + headers(1, literals(_asked()))
        frontend.open(arrival)
        assert H2Peer(end, preface=False).answer(1).status == 200


def _asked(path: str = "/hello") -> list[tuple[str, str]]:
    return [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", path)]


@pytest.mark.parametrize(("proto", "speaks"), [("", True), ("h2", True), ("h1", False)])
def test_alpn(proto: str, speaks: bool) -> None:
    with EarlyStand(CONFIG, "a", front=True, alpn=b"\x02h2\x08http/1.1") as stand:
        (bind_state,) = stand.bind_states.values()
        bind_state.proto = {"": 0, "h1": HTTP_1, "h2": HTTP_2}[proto]
        end = stand.resuming()
        end.shake()
        if speaks:
            client = H2Peer(end)
            client.ask(1, "/hello")
            assert client.answer(1).body == b"HTTP/2.0 127.0.0.1"
        else:
            end.send(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
            assert end.take().endswith(b"HTTP/1.1 127.0.0.1")
        end.close()


def test_early_data() -> None:
    """A request that came before the handshake was over (RFC 8470): its server is told, and its answer comes."""
    with EarlyStand(CONFIG, "a", front=True, alpn=b"\x02h2") as stand:
        stand.learn()
        client = stand.resuming(PREFACE + settings() + headers(1, literals(_asked("/x"))))
        server = stand.accept("a")
        assert b"early-data: 1\r\n" in server.take().lower()
        client.shake()
        server.send(OK)
        peer = H2Peer(client, preface=False)
        assert peer.answer(1).status == 200
        peer.ask(3, "/y")
        assert b"early-data" not in server.take().lower()
        server.send(OK)
        assert peer.answer(3).status == 200


SWITCHED = (
    TIMES
    + """
frontend f
    mode tcp
    bind 127.0.0.1:1
    tcp-request inspect-delay 2s
    tcp-request content switch-mode http%s if { req.len gt 3 }
    http-request set-header by frontend
    default_backend b
backend b
    server a {a}
"""
)


@pytest.mark.parametrize("proto", ["", " proto h2"])
def test_switch_mode(proto: str) -> None:
    """A connection of TCP becomes one of HTTP/2, and all rules are asked of each of its streams (manual 4)."""
    with H2Stand(SWITCHED % proto, "a") as stand:
        client = H2Peer(stand.client())
        client.ask(1, "/1")
        server = stand.accept("a")
        assert server.take() == b"GET /1 HTTP/1.1\r\nhost: a.test\r\nby: frontend\r\n\r\n"
        server.send(OK)
        assert client.answer(1).body == b"body"
        client.ask(3, "/3")
        server.send(OK)
        assert client.answer(3).body == b"body"
        assert stand.lines == ["200 --", "200 --"]


def test_switch_mode_to_one_protocol_alone() -> None:
    with H2Stand(SWITCHED % " proto h1", "a") as stand:
        client = H2Peer(stand.client())
        assert client.end.ended()
        assert stand.lines == ["400 PR"]
    with H2Stand(SWITCHED % " proto h2", "a") as stand:
        end = stand.client()
        end.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client = H2Peer(end, preface=False)
        assert client.goaways() == [(0, 1)]
        assert client.closed


# Idleness.


def test_before_its_first_request() -> None:
    """timeout http-request; then the client has timeout client to leave."""
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        stand.wait(1_900)
        assert client.goaways() == []
        stand.wait(200)
        assert client.goaways() == [(0, NO_ERROR)]
        assert not client.closed
        stand.wait(3_800)
        assert not client.closed
        stand.wait(300)
        assert client.closed
        assert stand.lines == []


@pytest.mark.parametrize("fin", [0, 1])
def test_between_requests(fin: int) -> None:
    """timeout http-keep-alive, then timeout client-fin or client (manual 4.2, timeout client-fin)."""
    config = CONFIG.replace("retries 0", "retries 0\n    timeout client-fin 1s" if fin else "retries 0")
    with H2Stand(config, "a") as stand:
        client = stand.h2()
        client.ask(1, "/hello")
        stand.wait(900)
        client.ask(3, "/hello")
        stand.wait(900)
        assert client.goaways() == []
        stand.wait(200)
        assert client.goaways() == [(3, NO_ERROR)]
        client.ask(5, "/hello")  # the client may ask elsewhere: nobody has looked at it
        assert client.answer(5).status == 0
        stand.wait(700 if fin else 3_700)
        assert not client.closed
        stand.wait(400)
        assert client.closed


def test_half_a_frame() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.put(b"\0\0\x10\1")
        stand.wait(2_100)
        assert client.goaways() == [(0, NO_ERROR)]
        assert client.closed


def test_an_idle_connection_gives_its_streams_up_and_forgets() -> None:
    with H2Stand(CONFIG.replace("http-keep-alive 1s", "http-keep-alive 20s"), "a") as stand:
        client = stand.h2()
        for number in (1, 3, 5):
            client.ask(number, "/x")
        servers = [stand.accept("a") for _ in range(3)]
        for server in servers:
            server.send(OK)
        front = front_of(stand)
        assert len(front.spare) == 3
        assert front.block is not None
        stand.wait(300)
        assert front.spare == []
        assert front.block is not None
        stand.wait(10_200)
        assert front.block is None
        client.ask(7, "/hello")
        assert client.answer(7).status == 200


def test_a_quiet_client_is_pinged() -> None:
    """bind ... idle-ping (manual 5.1)."""
    with H2Stand(CONFIG.replace("timeout http-", "#"), "a") as stand:
        (bind_state,) = stand.bind_states.values()
        bind_state.idle_ping = 500
        client = stand.h2()
        stand.wait(600)
        (payload,) = client.pings()
        client.put(ping(payload, ack=True))
        stand.wait(300)
        assert len(client.pings()) == 1
        stand.wait(300)
        assert len(client.pings()) == 2
        assert not client.closed
        stand.wait(600)
        assert client.closed


# Goodbyes.


def test_a_soft_stop_loses_no_stream() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/1")
        server = stand.accept("a")
        front = front_of(stand)
        front.stop()
        front.stop()
        (payload,) = client.pings()
        assert client.goaways() == [(0x7FFFFFFF, NO_ERROR)]
        client.ask(3, "/hello")  # was under way
        assert client.answer(3).status == 200
        client.put(ping(payload, ack=True))
        assert client.goaways()[1:] == [(3, NO_ERROR)]
        client.ask(5, "/hello")
        assert client.answer(5).status == 0
        assert not client.closed
        server.send(OK)
        assert client.answer(1).status == 200
        assert client.closed
        assert stand.lines == ["200 LR", "200 --"]


def test_who_answers_no_ping_is_told_after_a_moment() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        front_of(stand).stop()
        stand.wait(900)
        assert len(client.goaways()) == 1
        stand.wait(300)
        assert client.goaways()[1:] == [(0, NO_ERROR)]
        assert client.closed


def test_a_client_says_goodbye() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/x")
        server = stand.accept("a")
        client.put(goaway(0))
        assert not client.closed
        server.send(OK)
        assert client.answer(1).status == 200
        assert client.closed


def test_a_client_ends_its_side() -> None:
    """Its request is aborted (option abortonclose, the default); without that its answer comes."""
    for option, line in (("option abortonclose", "400 CH"), ("no option abortonclose", "200 --")):
        with H2Stand(CONFIG.replace("retries 0", f"retries 0\n    {option}"), "a") as stand:
            client = stand.h2()
            client.ask(1, "/x")
            server = stand.accept("a")
            client.end.shut()
            server.send(OK)
            assert client.answer(1).status == int(line[:3])
            assert client.closed
            assert stand.lines == [line]


@pytest.mark.parametrize(("path", "line"), [("/hello", "200 LR"), ("/x", "200 CD")])
def test_a_client_that_ends_its_side_gives_no_more_credit(path: str, line: str) -> None:
    """What waits for credit then waits in vain: nothing of it is kept until `timeout client`."""
    with H2Stand(CONFIG.replace("retries 0", "retries 0\n    no option abortonclose"), "a") as stand:
        client = stand.h2({INITIAL_WINDOW_SIZE: 3})
        client.ask(1, path)
        if path == "/x":
            server = stand.accept("a")
            server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"body" * 20_000)
        assert len(client.answer(1).body) == 3
        client.end.shut()
        assert client.closed and stand.lines == [line]


@pytest.mark.parametrize("window", [3, 65_535])
def test_a_client_that_ends_its_side_leaves_its_tunnels(window: int) -> None:
    """Also where something waits for credit."""
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2({INITIAL_WINDOW_SIZE: window})
        client.put(headers(1, literals([(":method", "CONNECT"), (":authority", "a.test:443")]), False))
        server = stand.accept("a")
        server.take()
        server.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        assert client.answer(1).body == b"hello"[:window]
        client.end.shut()
        server.take()
        assert server.closed and client.closed and stand.lines == ["200 CD"]


def test_httpclose_ends_a_connection_behind_its_answer() -> None:
    with H2Stand(CONFIG.replace("frontend f", "frontend f\n    option httpclose"), "a") as stand:
        client = stand.h2()
        client.ask(1, "/hello")
        assert client.answer(1).status == 200
        assert client.goaways() == [], "before it is read, or clients on the library h2 would not take it"
        stand.wait(LATE)
        assert client.goaways() == [(1, NO_ERROR)]
        client.end.close()


def test_what_is_still_coming_does_not_destroy_the_answer() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/hello", "POST", ("content-length", "100000"), end=False)
        client.put(goaway(0), data(1, b"x" * 10_000), data(1, b"x" * 10_000))
        assert client.answer(1).status == 200
        assert client.closed
        assert not client.end.reset


# Tunnels.


def test_connect() -> None:
    """RFC 9113 8.5."""
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.put(headers(1, literals([(":method", "CONNECT"), (":authority", "b.test:80")]), end=False))
        server = stand.accept("a")
        assert server.take() == b"CONNECT b.test:80 HTTP/1.1\r\nhost: b.test:80\r\n\r\n"
        client.put(data(1, b"early"))
        server.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        assert client.answer(1).fields == [(b":status", b"200")]
        assert client.answer(1).body == b"hello"
        assert server.take() == b"early"
        client.put(data(1, b"more"))
        assert server.take() == b"more"
        client.ask(3, "/hello")
        assert client.answer(3).status == 200
        client.put(data(1, b"", True))
        server.take()
        assert server.closed
        server.send(b"last")
        server.close()
        assert client.answer(1).body == b"hellolast"
        assert client.ended == {1, 3}
        assert stand.lines == ["200 LR", "200 --"]


def test_a_tunnel_keeps_no_more_than_its_client_takes() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.put(headers(1, literals([(":method", "CONNECT"), (":authority", "b.test:80")]), end=False))
        server = stand.accept("a")
        server.take()
        server.send(b"HTTP/1.1 200 OK\r\n\r\n")
        sent = server.send(b"x" * 1_000_000)
        assert len(client.answer(1).body) == 65_535
        (stream,) = front_of(stand).endpoint.streams.values()
        assert 0 < stream.waits <= 65_536 * 2
        client.put(window_update(1, 2_000_000), window_update(0, 2_000_000))
        while sent < 1_000_000:
            sent += server.send(b"x" * (1_000_000 - sent))
        assert len(client.answer(1).body) == 1_000_000
        server.close()
        assert client.look().ended == {1}


def test_a_tunnel_is_reset() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.put(headers(1, literals([(":method", "CONNECT"), (":authority", "b.test:80")]), end=False))
        server = stand.accept("a")
        server.send(b"HTTP/1.1 200 OK\r\n\r\n")
        server.abort()
        assert client.look().resets == {1: CANCEL}
        assert stand.lines == ["200 SD"]


# WebSockets.


def websocket(number: int, *more: tuple[str, str]) -> bytes:
    fields = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a.test")]
    return headers(number, literals([*fields, (":path", "/ws"), ("sec-websocket-version", "13"), *more]), end=False)


def accepted(head: bytes) -> bytes:
    """What a server answers to that."""
    (key,) = [line.partition(b": ")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")]
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\nSec-WebSocket-Protocol: chat\r\n\r\n" % accept_of(key)
    )


def test_a_websocket_to_a_server_of_http_1() -> None:
    """RFC 8441 4 and 5."""
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.put(websocket(1) + data(1, b"early"))
        server = stand.accept("a")
        head = server.take()
        assert head.startswith(b"GET /ws HTTP/1.1\r\nhost: a.test\r\n")
        assert b"\r\nconnection: upgrade\r\n" in head.lower()
        assert b"\r\nupgrade: websocket\r\n" in head.lower()
        server.send(accepted(head) + b"hello")
        answer = client.answer(1)
        assert answer.status == 200
        assert (b"sec-websocket-protocol", b"chat") in answer.fields
        assert not {b"upgrade", b"connection"} & {name for name, _ in answer.fields}
        assert answer.body == b"hello"
        assert server.take() == b"early"
        client.put(data(1, b"more"))
        assert server.take() == b"more"
        server.send(b"bye")
        server.close()
        assert client.answer(1).body == b"hellobye"
        assert client.ended == {1}
        assert stand.lines == ["101 --"]


def test_a_websocket_that_is_refused() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.put(websocket(1))
        server = stand.accept("a")
        server.take()
        server.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        assert (client.answer(1).status, client.answer(1).body) == (403, b"no")
        assert client.resets == {1: NO_ERROR}
        client.put(websocket(3))
        server.take()
        server.send(accepted(b"sec-websocket-key: another"))
        assert client.answer(3).status == 502
        assert stand.lines == ["403 --", "502 PH"]


def test_who_is_not_told_of_websockets_may_not_ask_for_one() -> None:
    """h2-workaround-bogus-websocket-clients (manual 3.1)."""
    with H2Stand("global\n    h2-workaround-bogus-websocket-clients\n" + CONFIG, "a") as stand:
        client = stand.h2()
        client.put(websocket(1))
        assert client.look().resets == {1: PROTOCOL_ERROR}
