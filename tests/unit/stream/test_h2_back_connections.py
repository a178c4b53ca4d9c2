"""Which connections of HTTP/2 to a server carry what, and how long they live (manual 4.2, http-reuse; 5.2)."""

from __future__ import annotations

import pytest
from support.frame_stand import whole
from support.frames import HEAD, asking, frame
from support.h2_peer import (
    CANCEL,
    GOAWAY,
    INITIAL_WINDOW_SIZE,
    INTERNAL_ERROR,
    MAX_CONCURRENT_STREAMS,
    NO_ERROR,
    PING,
    REFUSED_STREAM,
    WINDOW_UPDATE,
    data,
    goaway,
    rst_stream,
)
from support.h2_server_stand import H2Server, H2ServerStand
from support.h2_stand import H2Stand
from support.stand import End, Stand

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 30s
    retries 2
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    http-reuse always
    server a {a}
"""
GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"


def stand(more: str = "", server: str = "", mode: str = "always") -> H2ServerStand:
    text = CONFIG.replace("http-reuse always", f"http-reuse {mode}\n    {more}").replace("{a}", f"{{a}} {server}")
    return H2ServerStand(text, "a", speaks="a", most=100)


def ask(proxy: Stand, request: bytes = GET) -> End:
    client = proxy.client()
    client.send_all(request)
    return client


def served(client: End, server: H2Server) -> None:
    """The last request of that connection is answered."""
    server.answer(max(server.uris()), 204, end=True)
    assert client.take() == b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize(
    "mode, first, later", [("never", 2, 2), ("safe", 2, 2), ("aggressive", 2, 1), ("always", 1, 1)]
)
def test_two_clients_at_once(mode: str, first: int, later: int) -> None:
    """Connections after their first requests, and after their second ones."""
    with stand(mode=mode) as proxy:
        clients = [ask(proxy), ask(proxy)]
        servers = [H2Server(end) for end in proxy.arrivals("a")]
        assert len(servers) == first
        for server in servers:
            for place in server.uris():
                server.answer(place, 204, end=True)
        for client in clients:
            assert client.take().startswith(b"HTTP/1.1 204 ")
        for client in clients:
            client.send(GET)
        asked = [server for server in servers if len(server.uris()) > 2 // first]
        assert len(asked) == later and proxy.arrivals("a") == []


def test_safe_one_that_carries_exchanges_is_its_client_s() -> None:
    """Manual 4.2: connections with a risk of head-of-line blocking are shared when nothing runs on them any more."""
    with stand(mode="safe") as proxy:
        first, second = proxy.frame_client(), proxy.client()
        second.send(GET)
        other = proxy.h2_server("a")
        served(second, other)
        first.ask(1, "/one")
        own = proxy.h2_server("a")
        first.ask(2, "/two")
        assert sorted(own.uris().values()) == ["/one", "/two"]
        second.send(GET)
        assert len(other.uris()) == 2, "the idle one, not that of the other client"
        third = proxy.client()
        third.send(GET)
        extra = proxy.h2_server("a")
        served(third, extra)
        assert len(own.uris()) == 2
        whole(own, own.place("/one"))
        whole(own, own.place("/two"))
        assert first.body(1) == first.body(2) == b"body"
        served(second, other)
        for client in (second, third):
            client.send(GET)
        assert [len(one.uris()) for one in (own, other, extra)] in ([3, 3, 1], [3, 2, 2]), "the last one first"
        assert proxy.arrivals("a") == []


def test_safe_a_client_that_leaves_lets_its_connection_go() -> None:
    with stand(mode="safe") as proxy:
        first, second = proxy.frame_client(), proxy.client()
        second.send(GET)
        other = proxy.h2_server("a")
        first.ask(1, "/one")
        own = proxy.h2_server("a")
        first.end.close()
        assert own.look().reset == {1} and not own.end.closed
        served(second, other)
        second.send(GET)
        assert len(own.uris()) + len(other.uris()) == 3 and proxy.arrivals("a") == []


@pytest.mark.parametrize("mode", ["safe", "always"])
def test_one_that_stands_for_its_client_is_shared_with_nobody(mode: str) -> None:
    """NTLM identifies the connection (manual 4.2, http-reuse)."""
    with stand(mode=mode) as proxy:
        client = ask(proxy)
        server = proxy.h2_server("a")
        server.answer(1, 401, ("www-authenticate", "NTLM"), ("content-length", "0"), end=True)
        assert client.take().startswith(b"HTTP/1.1 401 ")
        other = ask(proxy)
        second = proxy.h2_server("a")
        served(other, second)
        client.send(GET)
        assert len(server.uris()) == 2, "its client is back"
        served(client, server)
        client.close()
        assert server.look().end.closed and server.frames[-1].kind == GOAWAY


def test_what_repeats_is_still_told_apart() -> None:
    """Two clients whose requests and answers are the same get their own bodies."""
    with stand() as proxy:
        clients = [proxy.client(), proxy.client()]
        server: H2Server | None = None
        for turn in range(4):
            for client in clients:
                client.send(GET)
            if server is None:
                server = proxy.h2_server("a")
            numbers = sorted(server.uris())[-2:]
            for number in reversed(numbers):
                server.answer(number, 200, ("content-length", "3"))
            for number in numbers:
                server.data(number, b"%03d" % number)
                server.finish(number)
            for client, number in zip(clients, numbers):
                assert client.take() == b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n%03d" % number, turn


@pytest.mark.parametrize("how", ["reset", "goaway"])
@pytest.mark.parametrize("request_", [GET, b"DELETE /x HTTP/1.1\r\nHost: h\r\n\r\n"], ids=["GET", "DELETE"])
def test_what_the_server_has_not_looked_at_is_sent_again(how: str, request_: bytes) -> None:
    """RFC 9113 8.7, without retry-on."""
    with stand() as proxy:
        client = ask(proxy, request_)
        server = proxy.h2_server("a")
        assert server.place("/x") == 1
        server.send(rst_stream(1, REFUSED_STREAM) if how == "reset" else goaway(0, NO_ERROR))
        again = server if how == "reset" else proxy.h2_server("a")
        served(client, again)
        assert proxy.lines == ["204 --"] and proxy.record["retries"] == 1
        assert server.look().end.closed == (how == "goaway") and proxy.arrivals("a") == []


def test_a_body_that_is_gone_is_not_sent_again() -> None:
    with stand() as proxy:
        client = ask(proxy, POST)
        server = proxy.h2_server("a")
        server.send(rst_stream(server.place("/x"), REFUSED_STREAM))
        assert client.take().startswith(b"HTTP/1.1 502 ") and proxy.lines == ["502 SH"]


@pytest.mark.parametrize("code", [INTERNAL_ERROR, CANCEL])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_the_server_has_looked_at_is_sent_by_nobody_again(method: str, code: int) -> None:
    """RFC 9113 8.7: neither by us on another connection, nor by a client that is told that it may."""
    text = CONFIG.replace("{a}", "{a} proto h2")
    with H2Stand(text, "a") as proxy:
        client = proxy.h2()
        client.ask(1, "/1")
        server = H2Server(proxy.accept("a"))
        server.answer(server.place("/1"), 204, end=True)
        assert client.answer(1).status == 204
        client.ask(3, "/3", method, end=method == "GET")
        if method == "POST":
            client.put(data(3, b"body", True))
        server.send(rst_stream(server.place("/3"), code))
        assert client.answer(3).status == 502 and client.resets == {}
        assert len(server.uris()) == 2 and proxy.arrivals("a") == []
        assert proxy.lines == ["204 --", "502 SH"]


def test_one_that_is_refused_each_time_is_not_sent_for_ever() -> None:
    with stand() as proxy:
        client = ask(proxy)
        server = proxy.h2_server("a")
        for number in (1, 3, 5):
            assert max(server.uris()) == number
            server.send(rst_stream(number, REFUSED_STREAM))
        assert client.take().startswith(b"HTTP/1.1 502 ") and proxy.lines == ["502 SH"]
        assert proxy.arrivals("a") == [] and proxy.record["retries"] == 2


def test_a_server_that_takes_few_at_once() -> None:
    """What was sent before it had said so is refused, and goes to other connections, each with as many as it takes."""
    with stand() as proxy:
        clients = [ask(proxy) for _ in range(7)]
        server = proxy.h2_server("a", values=None)
        assert len(server.uris()) == 7
        server.settle([(MAX_CONCURRENT_STREAMS, 3)])
        server.send(*[rst_stream(number, REFUSED_STREAM) for number in (7, 9, 11, 13)])
        others = [H2Server(end, [(MAX_CONCURRENT_STREAMS, 3)]) for end in proxy.arrivals("a")]
        assert sorted(len(one.uris()) for one in others) == [1, 3]
        for one in (server, *others):
            for number in sorted(one.uris()):
                if number not in (7, 9, 11, 13):
                    one.answer(number, 204, end=True)
        for client in clients:
            assert client.take().startswith(b"HTTP/1.1 204 ")
        assert proxy.lines == ["204 --"] * 7 and proxy.server("a").counters.totals.links == 3


def test_bodies_wait_for_settings() -> None:
    """One that was begun could not be sent again: so it waits until it is known how many the server takes at once."""
    with stand() as proxy:
        clients = [ask(proxy, POST) for _ in range(5)]
        server = proxy.h2_server("a", values=None)
        assert len(server.uris()) == 1, "the first one risks nothing"
        server.settle([(MAX_CONCURRENT_STREAMS, 2)])
        others = [H2Server(end, [(MAX_CONCURRENT_STREAMS, 2)]) for end in proxy.arrivals("a")]
        for one in (server, *others):
            assert one.bodies == {number: b"body" for number in one.uris()} and not one.reset
        assert sorted(len(one.uris()) for one in (server, *others)) == [1, 2, 2]
        for one in (server, *others):
            for number in sorted(one.uris()):
                one.answer(number, 204, end=True)
        for client in clients:
            assert client.take().startswith(b"HTTP/1.1 204 ")
        assert proxy.lines == ["204 --"] * 5


# While nothing is carried.


def idle(proxy: H2ServerStand) -> H2Server:
    """A connection that has carried something."""
    client = ask(proxy)
    server = proxy.h2_server("a")
    served(client, server)
    client.close()
    return server


def pings(server: H2Server) -> int:
    return len([one for one in server.look().frames if one.kind == PING and not one.flags])


def test_idle_ping() -> None:
    with stand(server="idle-ping 2s pool-purge-delay 60s") as proxy:
        server = idle(proxy)
        proxy.wait(1_900)
        assert pings(server) == 0
        proxy.wait(200)
        assert pings(server) == 1
        client = ask(proxy)
        assert len(server.uris()) == 2
        proxy.wait(5_000)
        assert pings(server) == 1, "what carries something is not asked"
        served(client, server)
        for _ in range(3):
            proxy.wait(2_100)
            pings(server)
        assert pings(server) == 4 and not server.end.closed


def test_idle_ping_that_is_not_answered() -> None:
    with stand(server="idle-ping 2s pool-purge-delay 60s") as proxy:
        server = idle(proxy)
        proxy.wait(4_200)
        assert server.end.take() and server.end.closed
        assert proxy.server("a").counters.totals.idle == 0


def test_a_pool_that_is_closed_says_goodbye() -> None:
    with stand() as proxy:
        server = idle(proxy)
        proxy.server("a").pool.close()
        proxy.settle()
        (said,) = server.goaways()
        assert (said.code, said.last, server.end.closed) == (NO_ERROR, 0, True)


# Credit.


def test_a_slow_client_holds_up_no_other() -> None:
    """The windows of its stream are all that is kept for it: the connection's is opened again at once."""
    with stand() as proxy:
        slow, quick = proxy.client(buffers=4_096), proxy.client()
        slow.send(GET)
        server = proxy.h2_server("a")
        quick.send(GET)
        one, two = sorted(server.uris())
        server.answer(one, 200, ("content-length", "8000000"))
        sent = 0
        granted = server.look().credit
        while sent < 8_000_000 and sent + 16_384 <= min(65_535 + granted.get(0, 0), 16_384 + granted.get(one, 0)):
            server.data(one, b"x" * 16_384)
            sent += 16_384
            server.look()
        assert sent < 4_000_000, "it is bounded"
        server.answer(two, 200, ("content-length", "100000"))
        for _ in range(10):
            server.data(two, b"y" * 10_000)
        server.finish(two)
        assert quick.take_all(43 + 100_000).endswith(b"\r\n\r\n" + b"y" * 100_000)
        assert not slow.closed and proxy.lines == ["200 --"]
        received = len(slow.take(1 << 16))
        for _ in range(2_000):
            while sent < 8_000_000 and sent + 16_384 <= min(65_535 + granted.get(0, 0), 16_384 + granted.get(one, 0)):
                piece = min(16_384, 8_000_000 - sent)
                server.data(one, b"x" * piece)
                sent += piece
            received += len(slow.take(1 << 16))
            server.look()
            if received > 8_000_000:
                break
        assert received > 8_000_000 and sent == 8_000_000


def test_a_server_that_takes_nothing_is_given_no_more() -> None:
    """Of the request's body no more is read than its windows let go, and a little."""
    with stand() as proxy:
        client = proxy.client()
        server_values = [(INITIAL_WINDOW_SIZE, 100_000)]
        client.send(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n")
        server = proxy.h2_server("a", values=server_values)
        server.grants = False
        taken = 0
        for _ in range(200):
            more = client.send(b"z" * 65_536)
            taken += more
            if not more:
                break
        assert len(server.body(1)) == 65_535, "the connection's window is the smaller one"
        other = ask(proxy)
        server.answer(3, 204, end=True)
        assert other.take().startswith(b"HTTP/1.1 204 ")
        server.grant(0, 10_000_000)
        assert len(server.body(1)) == 100_000
        server.grant(1, 10_000_000)
        left = 9_000_000 - taken
        while left:
            left -= client.send(b"z" * min(left, 65_536))
        assert len(server.body(1)) == 9_000_000 and 1 in server.ended
        server.answer(1, 204, end=True)
        assert client.take().startswith(b"HTTP/1.1 204 ")
        assert not [one for one in server.frames if one.kind == WINDOW_UPDATE and not one.increment]


def test_a_connection_that_is_stuck_is_not_used_again() -> None:
    """The server's kernel takes nothing more: who has waited in vain is the last one."""
    with stand(mode="always") as proxy:
        first = proxy.client()
        first.send(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 90000000\r\n\r\n")
        server = proxy.h2_server("a", buffers=4_096)
        server.grant(0, 80_000_000)
        server.grant(1, 80_000_000)
        while first.send(b"z" * 65_536):
            pass
        (back,) = proxy.server("a").pool.shared
        assert back.wire.blocked
        second = ask(proxy)
        assert proxy.arrivals("a") == []
        proxy.wait(30_100)
        assert second.take().startswith(b"HTTP/1.1 504 ")
        third = ask(proxy)
        served(third, proxy.h2_server("a"))
        server.end.close()


def test_many_small_ones_are_written_at_once() -> None:
    """What one turn of the reactor brings goes out in one piece."""
    with stand() as proxy:
        first = ask(proxy)
        server = proxy.h2_server("a")
        served(first, server)
        client = proxy.frame_client()
        client.end.send(b"".join(frame(HEAD, number, asking(f"/{number}")) for number in range(1, 21)))
        server.feed(server.end.sock.recv(1 << 20))
        assert len(server.heads) == 21, "all with the first read"
        for number in sorted(server.heads)[1:]:
            server.answer(number, 204, end=True)
        assert client.look().ended == set(range(1, 21))
