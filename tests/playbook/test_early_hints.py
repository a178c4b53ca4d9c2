"""Responses 103 of early-hint rules on live connections: they come before anything else, and leave nothing behind."""

import pytest
from support.stand import Stand

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
frontend f
    bind 127.0.0.1:1
    http-request early-hint link /style if { path_beg /h }
    {rule}
    default_backend b
backend b
    server a {a}
"""
GET = b"GET /h%d HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HINT = b"HTTP/1.1 103 Early Hints\r\nlink: /style\r\n\r\n"


def stand_with(rule: str = "") -> Stand:
    return Stand(CONFIG, "a", values={"rule": rule})


@pytest.mark.parametrize(
    "rule", ["http-request pause 500", "http-request wait-for-body time 5s", "http-request tarpit"]
)
def test_it_is_sent_before_rules_wait(rule: str) -> None:
    with stand_with(rule) as stand:
        client = stand.client()
        client.send(b"POST /h HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nha")
        assert client.take() == HINT
        client.send(b"lf")
        stand.wait(1200)
        assert b"103" not in client.take()


def test_each_request_has_its_own() -> None:
    """Also those in the same bytes as the one before."""
    with stand_with() as stand:
        client = stand.client()
        client.send(GET % 1)
        assert client.take() == HINT
        server = stand.accept("a")
        assert server.take()
        server.send(OK)
        assert client.take().endswith(b"ok")
        for number in (1, 1, 2, 1):
            client.send(GET % number)
            assert client.take() == HINT
            assert server.take().startswith(b"GET /h%d" % number)
            server.send(OK)
            assert client.take().endswith(b"ok")
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.take() == b""
        assert server.take()
        server.send(OK)
        assert client.take().startswith(b"HTTP/1.1 200")
        assert stand.lines == ["200 --"] * 6


def test_what_was_sent_counts() -> None:
    with stand_with() as stand:
        client = stand.client()
        client.send(GET % 1)
        server = stand.accept("a")
        server.take()
        server.send(OK)
        seen = client.take()
        assert seen.startswith(HINT)
        assert stand.record["sent"] == len(seen)


def test_a_client_that_has_left_meanwhile() -> None:
    with stand_with() as stand:
        client = stand.client()
        client.sock.send(GET % 1)
        client.abort()
        assert all(line.split()[1].startswith("C") for line in stand.lines), stand.lines
