"""Limits and states of servers that speak HTTP/2 (manual 5.2): exchanges are what maxconn counts, connections what
strict-maxconn and the pool count."""

from __future__ import annotations

import pytest
from support.early_stand import EarlyStand
from support.h2_peer import CANCEL, NO_ERROR
from support.h2_server_stand import H2Server
from support.stand import End, Stand

from pointsman.core.tls import VERSION
from pointsman.server.server import STOPPED
from pointsman.stream.endings import Endings

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 5s
    timeout queue 4s
    retries 1
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    http-reuse always
    BACK
    server a {a} proto h2 WORDS
"""
GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"


def stand(words: str = "", back: str = "") -> Stand:
    return Stand(CONFIG.replace("WORDS", words).replace("BACK", back), "a")


def ask(proxy: Stand) -> End:
    client = proxy.client()
    client.send(GET)
    return client


def answered(server: H2Server, client: End, number: int = 0) -> None:
    server.answer(number or max(server.uris()), 204, end=True)
    assert client.take().startswith(b"HTTP/1.1 204 ")


def test_maxconn_counts_exchanges() -> None:
    with stand("maxconn 2") as proxy:
        clients = [ask(proxy) for _ in range(3)]
        server = H2Server(proxy.accept("a"))
        assert sorted(server.uris()) == [1, 3] and len(proxy.backend().queue) == 1
        answered(server, clients[0], 1)
        assert sorted(server.uris()) == [1, 3, 5]
        answered(server, clients[1], 3)
        answered(server, clients[2], 5)
        assert proxy.arrivals("a") == []


def test_strict_maxconn_counts_connections() -> None:
    """Three exchanges fit into two connections, of which there need not be a third."""
    with stand("maxconn 2 strict-maxconn") as proxy:
        first, second = ask(proxy), ask(proxy)
        server = H2Server(proxy.accept("a"))
        assert sorted(server.uris()) == [1, 3]
        answered(server, first, 1)
        answered(server, second, 3)
        assert proxy.server("a").counters.totals.links == 1


def test_links_and_idle_ones_are_connections() -> None:
    """What `show servers conn` and the statistics' used_conn_cur, idle_conn_cur say."""
    with stand() as proxy:
        clients = [ask(proxy) for _ in range(3)]
        server = H2Server(proxy.accept("a"))
        totals = proxy.server("a").counters.totals
        assert (totals.links, totals.idle, proxy.server("a").connections) == (1, 0, 3)
        assert (totals.connects, totals.reuses) == (1, 2)
        for number, client in zip((1, 3, 5), clients):
            answered(server, client, number)
        assert (totals.links, totals.idle, totals.idle_safe, proxy.server("a").connections) == (1, 1, 1, 0)
        again = ask(proxy)
        assert (totals.links, totals.idle, totals.idle_safe) == (1, 0, 0)
        answered(server, again)
        assert (totals.connects, totals.reuses) == (1, 3)


@pytest.mark.parametrize("words", ["pool-max-conn 0", "pool-purge-delay 0"])
def test_no_idle_ones_are_kept(words: str) -> None:
    with stand(words) as proxy:
        first, second = ask(proxy), ask(proxy)
        server = H2Server(proxy.accept("a"))
        answered(server, first, 1)
        assert not server.look().end.closed, "the other one goes on"
        answered(server, second, 3)
        assert server.look().end.closed


def test_pool_purge_delay() -> None:
    with stand("pool-purge-delay 2s") as proxy:
        client = ask(proxy)
        server = H2Server(proxy.accept("a"))
        answered(server, client)
        proxy.wait(1_500)
        assert not server.look().end.closed
        proxy.clock += 4_000
        proxy.live.reactor.turn(0)
        proxy.server("a").pool.purge(proxy.clock)
        proxy.settle()
        assert server.look().end.closed and [one.code for one in server.goaways()] == [NO_ERROR]


def test_option_http_server_close() -> None:
    """A connection carries what came while it was under way, and takes no more."""
    with stand(back="option http-server-close") as proxy:
        first, second = ask(proxy), ask(proxy)
        server = H2Server(proxy.accept("a"))
        assert sorted(server.uris()) == [1, 3]
        answered(server, first, 1)
        third = ask(proxy)
        other = H2Server(proxy.accept("a"))
        answered(server, second, 3)
        assert server.look().end.closed
        answered(other, third)
        assert other.look().end.closed


def test_a_server_that_goes_down() -> None:
    """What runs there goes on, or is ended (on-marked-down); nothing new begins."""
    for words, ends in (("", False), ("on-marked-down shutdown-sessions", True)):
        with stand(words) as proxy:
            first = ask(proxy)
            server = H2Server(proxy.accept("a"))
            assert server.place("/x") == 1
            live = proxy.server("a")
            live.state = STOPPED
            if ends:
                proxy.backend().end_sessions = Endings(proxy.reactor).gather
                live.row.ended += 1
            proxy.backend().changed(live)
            proxy.settle()
            late = ask(proxy)
            assert late.take().startswith(b"HTTP/1.1 503 ")
            if ends:
                assert server.look().codes == {1: CANCEL} and first.ended()
                assert proxy.lines[0].endswith("DC")
            else:
                server.answer(1, 204, end=True)
                assert first.take().startswith(b"HTTP/1.1 204 ")
            assert server.look().end.closed


def test_a_soft_stop_says_goodbye_to_servers() -> None:
    with stand() as proxy:
        busy, quiet = ask(proxy), ask(proxy)
        server = H2Server(proxy.accept("a"))
        answered(server, quiet, 3)
        proxy.live.process.stopping = True
        proxy.live.soft_stop()
        for _ in range(3):
            proxy.live.idle()
            proxy.settle()
        assert not server.look().end.closed, "the other one goes on"
        answered(server, busy, 1)
        for _ in range(3):
            proxy.live.idle()
            proxy.settle()
        assert server.look().end.closed and [one.code for one in server.goaways()] == [NO_ERROR]


@pytest.mark.parametrize("words, begin", [("send-proxy", b"PROXY TCP4 "), ("send-proxy-v2", b"\r\n\r\n\0\r\nQUIT\n")])
def test_a_proxy_header_goes_before_the_preface(words: str, begin: bytes) -> None:
    """And one connection is for one client then."""
    with stand(words) as proxy:
        first, second = ask(proxy), ask(proxy)
        ends = proxy.arrivals("a")
        assert len(ends) == 2
        for end, client in zip(ends, (first, second)):
            received = end.take()
            header, _, rest = received.partition(b"PRI * ")
            assert header.startswith(begin)
            server = H2Server(end)
            server.feed(b"PRI * " + rest)
            answered(server, client)


def test_a_server_that_cannot_be_connected_to() -> None:
    text = CONFIG.replace("WORDS", "").replace("BACK", "balance first\n    option redispatch")
    with Stand(text + "    server b {b} proto h2\n", "a", "b") as proxy:
        proxy.listeners["a"].close()
        proxy.listeners["a"] = proxy.listeners["b"]
        client = ask(proxy)
        server = H2Server(proxy.accept("b"))
        answered(server, client)
        assert proxy.record["redispatched"] is True


def test_use_server() -> None:
    text = CONFIG.replace("WORDS", "").replace("BACK", "balance first\n    use-server b if { path /b }")
    with Stand(text + "    server b {b} proto h2\n", "a", "b") as proxy:
        client = proxy.client()
        client.send(b"GET /b HTTP/1.1\r\nHost: h\r\n\r\n")
        server = H2Server(proxy.accept("b"))
        assert server.place("/b") == 1
        answered(server, client)


# Early data (manual 5.2, allow-0rtt): HTTP/2 is known to be spoken before the handshake is over.


@pytest.mark.skipif(not VERSION, reason="built without OpenSSL")
@pytest.mark.parametrize("takes", [True, False])
def test_early_data(takes: bool) -> None:
    text = CONFIG.replace("WORDS", "").replace("BACK", "retry-on 0rtt-rejected").replace("always", "never")
    with EarlyStand(text, "a", back=True, alpn=b"\x02h2") as proxy:
        client = ask(proxy)
        end = proxy.serving("a")
        end.shake()
        answered(H2Server(end), client)
        client.close()
        other = ask(proxy)
        end = proxy.serving("a") if takes else proxy.serving("a", 0)
        waits = end.tls.handshake()
        if takes:
            assert waits and end.tls.early
            server = H2Server(end)
            assert server.place("/x") == 1
            end.shake()
        else:
            end.shake()
            again = proxy.serving("a")
            again.shake()
            server = H2Server(again)
            assert server.place("/x") == 1
        answered(server, other)
        other.close()
