"""An idle server connection is never lent to another destination than its own (manual 4.2, http-reuse; 5.2, server)."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from support.stand import End, Stand

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


def test_another_client_gets_it_only_to_go_there() -> None:
    with Stand(CONFIG.replace("{backend}", "chosen"), "a", "b") as stand:
        servers = {}
        for name, fresh in (("a", True), ("b", True), ("a", False), ("b", False)):
            client = stand.client()
            client.send(request(stand, name))
            new = stand.arrivals(name)
            assert len(new) == fresh
            servers[name] = new[0] if fresh else servers[name]
            servers[name].send(OK)
            assert client.take().endswith(b"ok")


def test_a_server_that_follows_its_clients_no_more() -> None:
    """`set server ... addr` gives it a place of its own: what lay idle elsewhere is closed, and the key is gone."""
    with Stand(CONFIG.replace("{backend}", "chosen"), "a", "b") as stand:
        client = stand.client()
        client.send(request(stand, "a"))
        stand.accept("a").send(OK)
        assert client.take().endswith(b"ok")
        (server,) = stand.backend("chosen").servers
        assert server.idle == 1 and server.pool.key is not None
        server.dial.target = stand.listeners["b"].getsockname()
        server.dial.follow_port = False
        server.settle()
        assert server.idle == 0 and server.pool.key is None
        client.send(request(stand, "a"))
        there = stand.accept("b")
        there.send(OK)
        assert client.take().endswith(b"ok")
        other = stand.client()
        other.send(request(stand))
        assert stand.arrivals("b") == []
        there.send(OK)
        assert other.take().endswith(b"ok")


def visit(stand: Stand, client: End, servers: dict[str, End], name: str, reply: bytes = OK) -> bool:
    """A request to that server. True: over a new connection."""
    client.send(request(stand, name))
    new = stand.arrivals(name)
    servers.update((name, end) for end in new)
    assert servers[name].take().startswith(b"GET /")
    servers[name].send(reply)
    assert client.take().startswith(reply[:12])
    return bool(new)


SEVEN = "abcdegh"


def test_a_client_keeps_five_of_its_own() -> None:
    """http-reuse never; manual 4.2, max-session-srv-conns. What comes beyond them is closed (observed of 3.2)."""
    text = CONFIG.replace("{backend}", "chosen").replace("always", "never")
    with Stand(text, *SEVEN) as stand:
        client = stand.client()
        servers: dict[str, End] = {}
        assert all([visit(stand, client, servers, name) for name in SEVEN])
        assert [visit(stand, client, servers, name) for name in SEVEN] == [False] * 5 + [True] * 2
        assert stand.backend("chosen").servers[0].links == 5
        servers["a"].close()  # it leaves room for another
        assert [visit(stand, client, servers, name) for name in "gg"] == [True, False]
        other = stand.client()
        assert visit(stand, other, dict(servers), "b")
        client.close()
        assert stand.backend("chosen").servers[0].links == 1


def test_a_connection_that_stands_for_its_client_is_kept() -> None:
    text = CONFIG.replace("{backend}", "chosen").replace("always", "never")
    who = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"
    with Stand(text, *SEVEN) as stand:
        client = stand.client()
        servers: dict[str, End] = {}
        assert all([visit(stand, client, servers, name) for name in SEVEN[:5]])
        assert visit(stand, client, servers, "g", who)
        assert servers["a"].ended() and stand.backend("chosen").servers[0].links == 5
        assert [visit(stand, client, servers, name) for name in "gbcde"] == [False] * 5


def test_those_of_its_own_to_where_the_server_was_are_closed() -> None:
    text = CONFIG.replace("{backend}", "fixed").replace("always", "never")
    with Stand(text, "a", "b") as stand:
        client = stand.client()
        client.send(request(stand))
        old = stand.accept("a")
        old.send(OK)
        assert client.take().endswith(b"ok")
        (server,) = stand.backend("fixed").servers
        server.dial.target = stand.listeners["b"].getsockname()
        server.settle()
        client.send(request(stand))
        stand.accept("b").send(OK)
        assert client.take().endswith(b"ok")
        assert old.take() and old.ended() and server.links == 1


EQUALS = """
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    http-request set-dst-port req.hdr(x-port) if { req.hdr(x-port) -m found }
    http-request set-src req.hdr(x-src)
    http-request set-src-port int(1234) if { req.hdr(x-src) -m end 1 }
    default_backend b
backend b
    http-reuse {mode}
    {server}
"""
CHOSEN = "server s 127.0.0.1"  # where each request says


@dataclass
class Carrier:
    """A server's connection, with what the first bytes on it have said."""

    end: End
    port: int
    header: bytes = b""
    requests: int = 0


@pytest.mark.parametrize("mode", ["never", "safe", "aggressive", "always"])
@pytest.mark.parametrize(
    ("server", "seed"),
    [
        (CHOSEN, 1),
        (CHOSEN + " send-proxy", 2),
        ("server s {a} send-proxy", 3),
        (CHOSEN + " send-proxy pool-max-conn 2", 4),
    ],
)
def test_no_request_travels_among_others_than_its_equals(mode: str, server: str, seed: int) -> None:
    """Clients come, ask for this and that at once, and leave; each request says where it goes and who it is, and is
    compared with where the connection that carries it goes, and with whom the PROXY header at its beginning names."""
    chance = random.Random(seed)
    text = EQUALS.replace("{mode}", mode).replace("{server}", server)
    with Stand(text, "a", "b") as stand:
        ports = {name: listener.getsockname()[1] for name, listener in stand.listeners.items()}
        carriers: list[Carrier] = []
        clients: list[End] = []
        asked = 0
        for _ in range(100):
            step = chance.random()
            if step < 0.1 and clients:
                clients.pop(chance.randrange(len(clients))).close()
            elif step < 0.15:
                stand.wait(500)
                stand.backend().servers[0].pool.purge(stand.reactor.now)
            elif step < 0.35 and len(clients) < 6 or not clients:
                clients.append(stand.client())
            else:
                some = chance.sample(clients, chance.randint(1, min(3, len(clients))))
                for client in some:
                    name = chance.choice("ab") if "{a}" not in server else "a"
                    source = f"10.0.0.{chance.choice('123')}"
                    client.send(
                        f"GET / HTTP/1.1\r\nHost: h\r\nX-Port: {ports[name]}\r\nX-Src: {source}\r\n\r\n".encode()
                    )
                    asked += 1
                carriers += [Carrier(end, ports[name]) for name in "ab" for end in stand.arrivals(name)]
                assert sum([_compare(carrier, "send-proxy" in server) for carrier in carriers]) == len(some)
                for client in some:
                    assert client.take().endswith(b"ok")
        assert sum(carrier.requests for carrier in carriers) == asked > 80
        assert len({carrier.port for carrier in carriers}) == (1 if "{a}" in server else 2)
        assert len(carriers) < asked  # they are used again


def _compare(carrier: Carrier, introduced: bool) -> bool:
    """Answer what has come on it. True: there was a request."""
    try:
        data = carrier.end.sock.recv(65_536)
    except (BlockingIOError, ConnectionError):
        return False
    if not data:
        return False
    if introduced and not carrier.requests:
        carrier.header, _, data = data.partition(b"\r\n")
    assert data.startswith(b"GET /") and data.count(b"GET /") == 1
    assert b"x-port: %d\r\n" % carrier.port in data
    if introduced:
        _, _, source, _, port, _ = carrier.header.split()
        assert b"x-src: %b\r\n" % source in data
        assert (port == b"1234") == source.endswith(b"1")
    carrier.requests += 1
    carrier.end.sock.send(OK)
    return True


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
