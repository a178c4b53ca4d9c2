"""Timeouts at their time, retries, idle server connections, and the options that steer them."""

import socket

import pytest
from support.stand import EPOCH, End, Stand

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    DEFAULTS
frontend f
    bind 127.0.0.1:1
    FRONT
    default_backend b
backend b
    BACK
    server a {a} SERVER
"""
GET = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LATE = 150  # ms that a deadline may be late


def config(defaults: str = "", front: str = "", back: str = "", server: str = "") -> str:
    text = CONFIG.replace("DEFAULTS", defaults).replace("FRONT", front).replace("BACK", back)
    return text.replace("SERVER", server)


def asked(stand: Stand, data: bytes = GET % 0) -> tuple[End, End]:
    client = stand.client()
    client.send(data)
    server = stand.accept("a")
    server.take()
    return client, server


def served(stand: Stand) -> tuple[End, End]:
    client, server = asked(stand)
    server.send(OK)
    assert client.take().endswith(b"ok")
    return client, server


def dead_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return f"127.0.0.1:{gone.getsockname()[1]}"


# Timeouts.


@pytest.mark.parametrize(
    "defaults, sent, after, line",
    [
        ("timeout http-request 3s", b"", 3000, "408 cR"),
        ("timeout http-request 3s", b"GET / HT", 3000, "408 cR"),
        ("timeout client 2s", b"", 2000, "408 cR"),
        ("timeout server 4s", GET % 1, 4000, "504 sH"),
        ("timeout client 2s", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab", 2000, "400 cH"),
    ],
)
def test_a_timeout_fires_at_its_time(defaults: str, sent: bytes, after: int, line: str) -> None:
    with Stand(config(defaults), "a") as stand:
        client = stand.client()
        client.send(sent)
        stand.wait(after - 20)
        assert stand.lines == []
        stand.wait(20 + LATE)
        assert stand.lines == [line]


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n\r\nsome"])
@pytest.mark.parametrize("pause", [0, 1000])
def test_where_both_are_late_it_is_the_client_that_owes_something(head: bytes, pause: int) -> None:
    """Either timer may be looked at first: the server was waiting for the rest of the request, as the log says."""
    with Stand(config("timeout client 2s\n    timeout server 2s"), "a") as stand:
        client, server = asked(stand, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n12")
        stand.wait(pause)
        client.send(b"345")  # both have their time again
        server.send(head)
        stand.wait(2000 + LATE)
        assert stand.lines == ["200 cD" if head else "400 cH"]
        assert stand.frontend().counters.client_aborts == 1
        assert stand.frontend().counters.server_aborts == 0


@pytest.mark.parametrize(
    "defaults, after",
    [
        ("timeout http-keep-alive 3s", 3000),
        ("timeout http-keep-alive 3s\n    timeout http-request 1s", 3000),
        ("timeout http-request 2s", 2000),  # holds where http-keep-alive is not set
        ("timeout client 5s", 5000),
    ],
)
def test_an_idle_connection_ends_quietly(defaults: str, after: int) -> None:
    with Stand(config(defaults), "a") as stand:
        client, _ = served(stand)
        stand.wait(after - 20)
        assert not client.ended()
        stand.wait(20 + LATE)
        assert client.ended() and not client.reset
        assert stand.lines == ["200 --"]


def test_a_request_in_time_stops_the_keep_alive_timer() -> None:
    with Stand(config("timeout http-keep-alive 1s"), "a") as stand:
        client, server = served(stand)
        stand.wait(900)
        client.send(GET % 1)
        assert server.take()
        stand.wait(3000)
        server.send(OK)
        assert client.take().endswith(b"ok")
        stand.wait(900)
        client.send(GET % 2)
        assert server.take()
        assert stand.lines == ["200 --"] * 2


def test_each_byte_gives_a_raw_stream_its_time_again() -> None:
    text = config("mode tcp\n    timeout client 2s\n    timeout server 3s")
    with Stand(text, "a") as stand:
        client = stand.client()
        server = stand.accept("a")
        for i in range(4):
            stand.wait(1900)
            (client if i % 2 else server).send(b"x")
        assert stand.lines == []
        assert client.take() == server.take() == b"xx"
        stand.wait(2000 + LATE)
        assert stand.lines == ["-1 cD"]


@pytest.mark.parametrize("side", ["front", "back"])
def test_independent_streams_do_not_count_what_is_sent(side: str) -> None:
    """Only what comes from a side proves that it lives (manual 4.2)."""
    text = config("mode tcp\n    timeout client 2s\n    timeout server 2s", **{side: "option independent-streams"})
    with Stand(text, "a") as stand:
        client = stand.client()
        server = stand.accept("a")
        busy = server if side == "front" else client
        for _ in range(3):
            stand.wait(900)
            busy.send(b"x")
        assert stand.lines == ["-1 cD" if side == "front" else "-1 sD"]


@pytest.mark.parametrize("option, late", [("", False), ("option independent-streams", True)])
def test_what_a_slow_client_takes_counts_unless_streams_are_independent(option: str, late: bool) -> None:
    """What had to be kept for it, and goes out later, is still sent by us, and no sign of it (manual 4.2)."""
    text = config("mode tcp\n    timeout client 2s\n    timeout server 20s", option)
    with Stand(text, "a") as stand:
        client = stand.client(buffers=4096)
        server = stand.accept("a")
        server.send(b"x" * 600_000)
        for _ in range(3):
            stand.wait(900)
            if not client.closed:
                client.take(100_000)
        assert stand.lines == (["-1 cD"] if late else [])


def test_timeout_tunnel_takes_over_in_tunnels() -> None:
    with Stand(config("timeout tunnel 3s\n    timeout client 1s\n    timeout server 1s"), "a") as stand:
        client, server = asked(stand, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        server.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        client.take()
        stand.wait(2900)
        assert stand.lines == []
        stand.wait(100 + LATE)
        assert stand.lines == ["101 cD"]


# Connecting.


def test_a_dead_server_is_tried_again_after_a_second_each_time() -> None:
    with Stand(config("retries 2"), values={"a": dead_port()}) as stand:
        client = stand.client()
        client.send(GET % 1)
        stand.wait(1900)
        assert stand.lines == []
        stand.wait(100 + 2 * LATE)
        assert stand.lines == ["503 SC"]
        assert stand.record["retries"] == 2
        assert stand.server("a").counters.connects == 3


def test_who_leaves_in_the_pause_between_two_attempts() -> None:
    with Stand(config("retries 2"), values={"a": dead_port()}) as stand:
        client = stand.client()
        client.send(GET % 1)
        stand.wait(300)
        client.abort()
        assert stand.lines == ["-1 CC"]


def test_redispatch_finds_the_living_server() -> None:
    text = config("retries 3\n    option redispatch 1", back="balance first\n    server dead {dead}")
    with Stand(text, "a", values={"dead": dead_port()}) as stand:
        client, server = asked(stand)
        server.send(OK)
        assert client.take().endswith(b"ok")
        assert stand.record["redispatched"] is True
        assert stand.server("dead").counters.redispatches == 1
        assert stand.server("dead").connections == 0


# Idle server connections.


@pytest.mark.parametrize("reuse, connections", [("never", 2), ("safe", 2), ("aggressive", 1), ("always", 1)])
def test_http_reuse_for_a_first_request(reuse: str, connections: int) -> None:
    with Stand(config(back=f"http-reuse {reuse}"), "a") as stand:
        client, server = served(stand)
        client.send(GET % 1)
        server.take()
        server.send(OK)
        client.take()
        second = stand.client()
        second.send(GET % 2)
        fresh = stand.arrivals("a")
        assert 1 + len(fresh) == connections
        (fresh or [server])[0].take()
        (fresh or [server])[0].send(OK)
        assert second.take().endswith(b"ok")


def test_an_idle_connection_that_the_server_closes_is_forgotten() -> None:
    with Stand(config(back="http-reuse always"), "a") as stand:
        _, server = served(stand)
        assert stand.server("a").counters.links == 1
        server.close()
        assert stand.server("a").counters.links == 0


@pytest.mark.parametrize("method, repeated", [(b"GET", True), (b"PUT", True), (b"POST", False), (b"PATCH", False)])
@pytest.mark.parametrize("rough", [True, False])
def test_an_old_connection_that_dies_under_a_request(method: bytes, repeated: bool, rough: bool) -> None:
    """What may be repeated is, on a fresh connection. The rest ends without an answer, as it would without a proxy, and
    the client decides."""
    with Stand(config(), "a") as stand:
        client, server = served(stand)
        client.send(method + b" /1 HTTP/1.1\r\nHost: h\r\n" + (b"" if repeated else b"Content-Length: 0\r\n") + b"\r\n")
        assert server.take().startswith(method)
        server.abort() if rough else server.close()
        fresh = stand.arrivals("a")
        assert len(fresh) == repeated
        if repeated:
            assert fresh[0].take().startswith(method)
            fresh[0].send(OK)
            assert client.take().endswith(b"ok")
            assert stand.lines == ["200 --"] * 2
        else:
            assert client.ended() and not client.reset
            assert stand.lines == ["200 --"]


def test_a_repeated_request_is_repeated_once() -> None:
    with Stand(config(), "a") as stand:
        client, server = served(stand)
        client.send(GET % 1)
        server.take()
        server.close()
        again = stand.accept("a")
        assert again.take()
        again.close()
        assert client.take().startswith(b"HTTP/1.1 502 ")
        assert stand.lines == ["200 --", "502 SH"]


def test_max_reuse_ends_a_connection() -> None:
    with Stand(config(server="max-reuse 2"), "a") as stand:
        client, server = served(stand)
        for i in range(2):
            client.send(GET % i)
            assert server.take()
            server.send(OK)
            assert client.take().endswith(b"ok")
        assert server.ended()
        client.send(GET % 3)
        assert stand.accept("a").take()


@pytest.mark.parametrize(
    "front, back, told, client_told",
    [
        ("", "", False, False),
        ("", "option http-server-close", True, False),
        ("option http-server-close", "", True, False),
        ("", "option httpclose", True, False),
        ("option httpclose", "", False, True),
        ("option httpclose", "option http-server-close", True, True),
        ("", "option http-server-close\n    option http-pretend-keepalive", False, False),
        ("", "option httpclose\n    option http-pretend-keepalive", False, False),
        ("option httpclose", "option http-pretend-keepalive", False, True),
        ("option http-server-close", "option http-pretend-keepalive", False, False),
    ],
)
def test_who_is_told_of_the_end(front: str, back: str, told: bool, client_told: bool) -> None:
    """A frontend's httpclose is for clients, a backend's for servers (manual 4.2)."""
    with Stand(config(front=front, back=back), "a") as stand:
        client = stand.client()
        client.send(GET % 1)
        server = stand.accept("a")
        assert (b"connection: close" in server.take()) == told
        server.send(OK)
        assert (b"connection: close" in client.take()) == client_told
        assert client.ended() == client_told
        assert server.ended() == ("close" in back or "server-close" in front)


@pytest.mark.parametrize("rule", ["deny", "redirect location /x", "return status 200 content-type text/plain string x"])
def test_httpclose_holds_for_answers_of_our_own(rule: str) -> None:
    with Stand(config(front=f"option httpclose\n    http-request {rule}"), "a") as stand:
        client = stand.client()
        client.send(GET % 1)
        assert b"connection: close" in client.take().lower()
        assert client.ended()


TWO = config(back="balance roundrobin\n    OPTION\n    server c {c}")


def turns(stand: Stand, requests: int, reply: bytes = OK) -> str:
    """Which servers a client's requests go to."""
    client = stand.client()
    ends: list[tuple[str, End]] = []
    order = ""
    for i in range(requests):
        client.send(GET % i)
        ends += [(name, end) for name in stand.listeners for end in stand.arrivals(name)]
        ((name, end),) = [(name, end) for name, end in ends if end.take()]
        end.send(reply)
        client.take()
        order += name
    return order


def test_prefer_last_server_stays() -> None:
    with Stand(TWO.replace("OPTION", "option prefer-last-server"), "a", "c") as stand:
        assert turns(stand, 4) in ("aaaa", "cccc")


def test_without_it_requests_take_turns() -> None:
    with Stand(TWO.replace("OPTION", "no option prefer-last-server"), "a", "c") as stand:
        assert turns(stand, 4) in ("acac", "caca")


def test_a_server_that_asks_who_it_is_gets_the_answer() -> None:
    """Also without the option (manual 4.2, option prefer-last-server)."""
    with Stand(TWO.replace("OPTION", ""), "a", "c") as stand:
        reply = b"HTTP/1.1 401 Who\r\nContent-Length: 0\r\nWWW-Authenticate: Basic realm=x\r\n\r\n"
        assert turns(stand, 4, reply) in ("aaaa", "cccc")


def test_max_keep_alive_queue_leaves_a_full_server() -> None:
    text = TWO.replace("OPTION", "option prefer-last-server\n    max-keep-alive-queue 0\n    http-reuse always")
    text = text.replace("{a} ", "{a} maxconn 1 ").replace("{c}", "{c} maxconn 1")
    with Stand(text, "a", "c") as stand:
        client = stand.client()
        client.send(GET % 1)
        ends = {name: end for name in stand.listeners for end in stand.arrivals(name)}
        ((name, end),) = ends.items()
        end.take()
        end.send(OK)
        client.take()
        full = stand.server(name)
        stand.backend().reserve(full)
        client.send(GET % 2)
        other = "c" if name == "a" else "a"
        fresh = stand.accept(other)
        assert fresh.take()
        fresh.send(OK)
        assert client.take().endswith(b"ok")
        stand.backend().release(full)


def test_ports_opened_by_scanners_leave_nothing() -> None:
    with Stand(config("option dontlognull\n    timeout http-request 5s"), "a") as stand:
        for i in range(20):
            client = stand.client()
            (client.close if i % 2 else client.abort)()
        assert stand.frontend().connections == 0
        assert stand.clock == EPOCH
