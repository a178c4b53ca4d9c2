"""max-session-srv-conns (manual 4.2): how many idle server connections are kept for one client."""

import pytest
from support.configs import only_error, read
from support.stand import Stand

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    http-reuse never
frontend f
    bind 127.0.0.1:1
    {limit}
    default_backend b
backend b
    balance roundrobin
    server a {a}
    server b {b}
    server c {c}
"""
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("limit", "kept"), [("", "abc"), *((f"max-session-srv-conns {most}", "abc"[:most]) for most in (0, 1, 2, 3, 9))]
)
def test_so_many_are_kept(limit: str, kept: str) -> None:
    with Stand(CONFIG, "a", "b", "c", values={"limit": limit}) as stand:
        client = stand.client()
        servers = {}
        for name in "abc":
            client.send(GET)
            server = servers[name] = stand.accept(name)
            assert server.take()
            server.send(OK)
            assert client.take().endswith(b"ok")
        assert [name for name in "abc" if not servers[name].ended()] == list(kept)
        for name in "abc":
            client.send(GET)
            if name not in kept:
                servers[name] = stand.accept(name)
            assert servers[name].take()
            servers[name].send(OK)
            assert client.take().endswith(b"ok")
        assert stand.lines == ["200 --"] * 6


def test_mistakes() -> None:
    assert (
        only_error("frontend", "max-session-srv-conns") == "'max-session-srv-conns' expects a number. Got no argument"
    )
    assert only_error("frontend", "max-session-srv-conns x") == "'max-session-srv-conns': 'x' is not a number"
    assert len(read("backend b\n max-session-srv-conns 5\n").warnings) == 1
