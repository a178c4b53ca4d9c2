"""Many requests on one connection: pipelined, cut anywhere, answered here or by a server."""

import pytest
from support.stand import Stand

from pointsman.net.wire import SMALL

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
    timeout http-request 4s
    timeout http-keep-alive 10s
frontend f
    bind 127.0.0.1:1
    http-request return status 200 content-type text/plain string "mine" if { path /mine }
    default_backend b
backend b
    server a {a}
"""
GET = b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_ten_thousand_pipelined_requests_that_are_answered_here() -> None:
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        data = GET % b"mine" * 10_000
        got = b""
        while data:
            data = data[client.send(data) :]
            got += client.take()
        one = got.index(b"mine") + 4
        got += client.take_all(10_000 * one - len(got))
        assert got.count(b"\r\n\r\nmine") == 10_000
        assert stand.lines == ["200 LR"] * 10_000


def test_a_thousand_pipelined_requests_to_a_server() -> None:
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        client.send(GET % b"x" * 1000)
        servers = stand.arrivals("a")
        for _ in range(1000):
            servers += stand.arrivals("a")
            (asked,) = [one for one in servers if one.take()]
            asked.send(OK)
        assert client.take_all(1000 * len(OK)).count(b"200 OK") == 1000
        assert stand.lines == ["200 --"] * 1000


@pytest.mark.parametrize("size", [16_384, 16_385, 16_400, 32_768, 40_000])
def test_a_head_that_is_cut_where_a_read_ends(size: int) -> None:
    """Of what was read at once, the last head is not whole, and its rest is in the kernel already."""
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        one = GET % b"mine"
        data = one * (size // len(one) + 2)
        client.send(data)
        assert stand.turns < 5 * data.count(b"GET") + 50
        assert client.take().count(b"\r\n\r\nmine") == data.count(b"GET")


def test_a_head_that_is_not_whole_does_not_turn_the_reactor() -> None:
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        client.send(GET % b"mine" + b"GET /mine HTTP/1.1\r\nHo")
        before = stand.turns
        stand.settle()
        assert stand.turns - before < 3
        client.send(b"st: h\r\n\r\n")
        assert client.take().count(b"\r\n\r\nmine") == 2


def test_pipelined_posts_with_bodies_of_both_framings() -> None:
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        client.send(
            b"POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
            b"POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\n"
            b"GET /3 HTTP/1.1\r\nHost: h\r\n\r\n"
        )
        server = stand.accept("a")
        assert server.take().endswith(b"\r\n\r\nabc")
        server.send(OK)
        servers = [server, *stand.arrivals("a")]
        (second,) = [(one, data) for one in servers if (data := one.take())]
        assert second[1].endswith(b"3\r\ndef\r\n0\r\n\r\n")
        second[0].send(OK)
        servers += stand.arrivals("a")
        (third,) = [(one, data) for one in servers if (data := one.take())]
        assert third[1].startswith(b"GET /3")
        third[0].send(OK)
        assert client.take().count(b"200 OK") == 3


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"0\r\nX-Sum: 1\r\n\r\n"])
def test_an_empty_chunked_body_in_the_read_of_its_head_is_sent_on(end: bytes) -> None:
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + end)
        server = stand.accept("a")
        assert server.take().lower().endswith(b"\r\n\r\n" + end.lower())
        server.send(OK)
        assert client.take().endswith(b"ok")


def test_a_slow_head_on_a_kept_connection_has_the_time_of_one_request() -> None:
    """timeout http-request covers the whole head; each further byte does not begin it anew (manual 4.2)."""
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        client.send(GET % b"mine")
        client.take()
        stand.wait(1000)
        for byte in b"GET /mine HTTP/1.1\r\nHost: h":
            client.send(bytes((byte,)))
            stand.wait(1000)
            if client.take():
                break
        assert 3900 <= stand.clock - 5_000_000 - 1000 <= 5150
        assert stand.lines[-1] == "408 cR"


def test_interim_responses_without_end_wait_for_the_client() -> None:
    """A server that sends nothing but 1xx fills no memory."""
    with Stand(CONFIG, "a") as stand:
        client = stand.client(buffers=4096)
        client.send(GET % b"x")
        server = stand.accept("a")
        server.take()
        interim = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
        sent = 0
        for _ in range(200):
            sent += server.send((interim * 1001)[sent % len(interim) :])
        kept = max(len(one.out) for one in stand.reactor.channels if hasattr(one, "out"))
        assert kept < 300_000
        assert sent < 200 * 1000 * len(interim)
        got = client.take_all(sent // len(interim) * len(interim) - len(interim))
        assert got.startswith(b"HTTP/1.1 103 ")
        rest = -sent % len(interim)
        server.send((interim[-rest:] if rest else b"") + OK)
        assert client.take().endswith(b"ok")
        assert stand.lines == ["200 --"]


def test_bytes_behind_a_response_end_the_server_connection() -> None:
    """What a server sends unasked must not answer the next request, also where a full read hides that there is more."""
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        client.send(GET % b"x")
        server = stand.accept("a")
        server.take()
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
        size = SMALL - len(head % SMALL)
        server.send(head % size + b"x" * size + head % 4 + b"evil")
        assert client.take().endswith(b"x" * size)
        client.send(GET % b"y")
        assert client.take() == b""
        fresh = stand.accept("a")
        assert fresh.take().startswith(b"GET /y")
        fresh.send(OK)
        assert client.take().endswith(b"ok")
