"""An idle server connection is never lent to another destination than its own (manual 4.2, http-reuse; 5.2, server)."""

from __future__ import annotations

from support.stand import Stand

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    http-request set-dst-port req.hdr(x-port)
    default_backend {backend}
backend fixed
    http-reuse always
    server s {a}
backend chosen
    http-reuse always
    server s 127.0.0.1
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def request(stand: Stand, server: str = "") -> bytes:
    to = b"X-Port: %d\r\n" % stand.listeners[server].getsockname()[1] if server else b""
    return b"GET / HTTP/1.1\r\nHost: h\r\n" + to + b"\r\n"


def test_each_destination_has_its_connection() -> None:
    with Stand(CONFIG.replace("{backend}", "chosen"), "a", "b") as stand:
        client = stand.client()
        servers = {}
        for name in "aabba":
            client.send(request(stand, name))
            for end in stand.arrivals(name):
                servers[name] = end
            assert servers[name].take().startswith(b"GET /")
            servers[name].send(OK)
            assert client.take().endswith(b"ok")
        assert stand.arrivals("a") == stand.arrivals("b") == []


def test_no_other_client_gets_it() -> None:
    with Stand(CONFIG.replace("{backend}", "chosen"), "a") as stand:
        for _ in range(2):
            client = stand.client()
            client.send(request(stand, "a"))
            server = stand.accept("a")  # a new one each time
            server.send(OK)
            assert client.take().endswith(b"ok")


def test_a_connection_that_was_in_use_when_its_server_moved() -> None:
    """`set server ... addr` closes those that are idle; this one ends with its exchange."""
    with Stand(CONFIG.replace("{backend}", "fixed"), "a", "b") as stand:
        client = stand.client()
        client.send(request(stand))
        old = stand.accept("a")
        (server,) = stand.backend("fixed").servers
        server.dial.target = stand.listeners["b"].getsockname()
        server.pool.close()
        old.send(OK)
        assert client.take().endswith(b"ok")
        assert server.links == 0
        client.send(request(stand))
        new = stand.accept("b")
        new.send(OK)
        assert client.take().endswith(b"ok")
        assert server.idle == 1
