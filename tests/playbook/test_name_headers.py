"""http-send-name-header (manual 4.2) on live connections: the name is that of the server which a request goes to, each
time anew, whatever is remembered of a request that comes again."""

import pytest
from support.configs import only_error
from support.stand import Stand

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    retries 3
    option redispatch 1
    {defaults}
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    balance roundrobin
    http-send-name-header X-Srv
    server a {a}
    server b {b}
"""
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BAD = b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"


def names(data: bytes) -> list[bytes]:
    return [line for line in data.split(b"\r\n") if line.lower().startswith(b"x-srv")]


def test_each_server_is_told_its_own() -> None:
    with Stand(CONFIG, "a", "b", values={"defaults": ""}) as stand:
        client = stand.client()
        servers = {}
        for number in range(8):
            name = "ab"[number % 2]
            client.send(GET)
            if name not in servers:
                servers[name] = stand.accept(name)
            assert names(servers[name].take()) == [b"x-srv: " + name.encode()]
            servers[name].send(OK)
            assert client.take().endswith(b"ok")


def test_a_request_that_is_sent_again_is_told_the_other_name() -> None:
    with Stand(CONFIG, "a", "b", values={"defaults": "retry-on 500"}) as stand:
        client = stand.client()
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nX-SRV: theirs\r\nContent-Length: 3\r\n\r\nabc")
        first = stand.accept("a")
        seen = first.take()
        assert names(seen) == [b"x-srv: a"] and seen.endswith(b"abc")
        first.send(BAD)
        second = stand.accept("b")
        seen = second.take()
        assert names(seen) == [b"x-srv: b"] and seen.endswith(b"abc")
        second.send(OK)
        assert client.take().endswith(b"ok")


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "connection"])
def test_what_frames_or_routes_is_forbidden(name: str) -> None:
    """Manual 4.2."""
    message = only_error("backend", "mode http", f"http-send-name-header {name}")
    assert message == f"'http-send-name-header': '{name.lower()}' is forbidden (manual 4.2)"


def test_other_mistakes() -> None:
    assert only_error("backend", "http-send-name-header") == "'http-send-name-header' requires a header string."
    assert "is no header name" in only_error("backend", r"http-send-name-header bad\ name")
