"""Exchanges that last are counted on their way (option contstats, manual 4.2): never twice, and to the byte."""

from __future__ import annotations

import pytest
from support.stand import End, Stand

from pointsman.assemble.live import EverySecond
from pointsman.core.counters import Counters

CONFIG = """
defaults
    mode {mode}
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout queue 60s
    retries 1
    {options}
frontend f
    bind 127.0.0.1:1
    option socket-stats
    {rules}
    default_backend b
backend b
    {back}
    server a {a}
"""
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n"


def stand(mode: str = "http", options: str = "", rules: str = "", back: str = "") -> Stand:
    made = Stand(
        CONFIG.replace("{mode}", mode).replace("{options}", options).replace("{rules}", rules).replace("{back}", back),
        "a",
    )
    made.reactor.hooks.append(EverySecond(made.live))
    return made


def counters(scene: Stand) -> list[Counters]:
    """All that count the bytes of an exchange with the server."""
    return [
        scene.frontend().counters,
        scene.bind_states[id(scene.frontend())].counters,
        scene.backend().counters,
        scene.server("a").counters,
    ]


def counted(scene: Stand) -> tuple[int, int]:
    """Bytes in and out: the same in all of them."""
    found = {(one.bytes_in, one.bytes_out) for one in counters(scene)}
    assert len(found) == 1, found
    return found.pop()


def begin(scene: Stand) -> tuple[End, End, int, int]:
    """A download of which 1000 bytes are under way; with the bytes of the request, and of the response so far."""
    client = scene.client()
    client.send(GET)
    server = scene.accept("a")
    up = len(server.take())
    server.send(HEAD + bytes(1000))
    got = len(client.take())
    assert got == len(HEAD) + 1000
    return client, server, up, got


def end(scene: Stand, client: End, server: End) -> int:
    """The rest of it; how much came."""
    server.send(bytes(9000))
    return len(client.take())


def test_a_short_exchange_is_counted_at_its_end() -> None:
    with stand() as scene:
        client, server, up, got = begin(scene)
        scene.wait(4_000)
        assert counted(scene) == (0, 0)
        got += end(scene, client, server)
        assert counted(scene) == (up, got) == (scene.record["uploaded"], scene.record["sent"])
        assert scene.record["counted"] is None


def test_a_long_one_every_five_seconds() -> None:
    with stand() as scene:
        client, server, up, got = begin(scene)
        scene.wait(6_000)
        assert counted(scene) == (up, got)
        server.send(bytes(500))
        assert len(client.take()) == 500
        scene.wait(3_500)
        assert counted(scene) == (up, got)
        scene.wait(2_000)
        assert counted(scene) == (up, got + 500)
        server.send(bytes(8500))
        got += 500 + len(client.take())
        assert counted(scene) == (up, got) == (len(GET), len(HEAD) + 10_000)
        assert (scene.record["uploaded"], scene.record["sent"]) == (up, got)  # the log line is of all of it
        assert scene.server("a").counters.requests == 1 and scene.frontend().counters.http_2xx == 1


def test_the_next_exchange_of_the_connection_begins_anew() -> None:
    with stand() as scene:
        client, server, up, got = begin(scene)
        scene.wait(6_000)
        got += end(scene, client, server)
        client.send(GET)
        server.take()
        server.send(HEAD + bytes(10_000))
        assert len(client.take()) == len(HEAD) + 10_000
        assert counted(scene) == (2 * up, 2 * got)


@pytest.mark.parametrize("mode", ["http", "tcp"])
def test_contstats_every_second(mode: str) -> None:
    with stand(mode, "option contstats") as scene:
        client, server, up, got = begin(scene)
        assert counted(scene) == (0, 0)
        scene.wait(1_100)
        assert counted(scene) == (up, got)
        for _ in range(3):
            server.send(bytes(100))
            got += len(client.take())
            scene.wait(1_100)
            assert counted(scene) == (up, got)
        client.close()
        server.close()
        assert counted(scene) == (up, got)


def test_contstats_may_be_taken_back() -> None:
    with stand("tcp", "option contstats", "no option contstats") as scene:
        begin(scene)
        scene.wait(3_000)
        assert counted(scene) == (0, 0)


def test_a_tcp_connection() -> None:
    with stand("tcp") as scene:
        client, server, up, got = begin(scene)
        scene.wait(6_000)
        assert counted(scene) == (up, got)
        client.send(b"more")
        up += len(server.take())
        got += end(scene, client, server)
        scene.wait(2_000)
        assert counted(scene) == (len(GET), len(HEAD) + 1000)
        client.close()
        server.close()
        assert counted(scene) == (up, got) == (scene.record["uploaded"], scene.record["sent"])
        assert scene.frontend().counters.client_aborts == 0


def test_a_tunnel_that_is_cut() -> None:
    with stand() as scene:
        client = scene.client()
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        server = scene.accept("a")
        up = len(server.take())
        server.send(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        got = len(client.take())
        client.send(b"ping")
        up += len(server.take())
        scene.wait(6_000)
        assert counted(scene) == (up, got)
        server.send(b"pong")
        got += len(client.take())
        client.abort()
        assert counted(scene) == (up, got)


def test_an_upload() -> None:
    """Its bytes are counted before there is an answer."""
    with stand() as scene:
        client = scene.client()
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n\r\n" + bytes(1000))
        server = scene.accept("a")
        up = len(server.take())
        scene.wait(6_000)
        assert counted(scene) == (up, 0)
        client.send(bytes(1000))
        up += len(server.take())
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert counted(scene) == (up, len(client.take()))


def test_what_may_be_sent_again_is_counted_once_it_is_settled() -> None:
    """The server that did not answer has none of it."""
    made = (
        CONFIG.replace("{mode}", "http")
        .replace("{options}", "option contstats")
        .replace("{rules}", "")
        .replace("{back}", "retry-on empty-response\n    option redispatch 1\n    balance roundrobin\n    server z {z}")
    )
    with Stand(made, "a", "z") as scene:
        scene.reactor.hooks.append(EverySecond(scene.live))
        client = scene.client()
        client.send(GET)
        first = scene.accept("z")
        first.take()
        scene.wait(8_000)
        assert scene.frontend().counters.bytes_in == 0
        first.close()
        second = scene.accept("a")
        up = len(second.take())
        second.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert counted(scene) == (up, len(client.take()))
        assert (scene.server("z").counters.bytes_in, scene.server("z").counters.bytes_out) == (0, 0)


def test_an_answer_of_our_own_to_a_slow_client() -> None:
    """It never had a server: the frontend counts it, and its socket."""
    page = "x" * 15_000
    with stand(rules=f"http-request return status 200 content-type text/plain string {page}") as scene:
        client = scene.client(buffers=4096)
        for _ in range(8):
            client.send(GET)
        scene.wait(1_000)
        stuck = scene.frontend().counters.bytes_out
        scene.wait(6_000)
        assert scene.frontend().counters.bytes_out > stuck, "the one that is under way"
        assert scene.server("a").counters.bytes_out == scene.backend().counters.bytes_out == 0
        front, bind_state, _, _ = counters(scene)
        got = len(client.take_all(8 * front.bytes_out))
        assert (front.bytes_in, front.bytes_out) == (bind_state.bytes_in, bind_state.bytes_out) == (8 * len(GET), got)


def test_clear_counters_on_the_way() -> None:
    """What was cleared does not come back."""
    with stand() as scene:
        client, server, _, _ = begin(scene)
        scene.wait(6_000)
        for one in counters(scene):
            one.clear()
        got = end(scene, client, server)
        assert counted(scene) == (0, got) == (0, 9000)


def test_a_crowd_of_idle_connections_is_not_touched() -> None:
    """Only what is under way is looked at: an idle connection's last exchange is over."""
    with stand("http", "option contstats") as scene:
        client, server, up, got = begin(scene)
        got += end(scene, client, server)
        scene.wait(6_000)
        assert counted(scene) == (up, got)
        assert scene.record["counted"] is None
