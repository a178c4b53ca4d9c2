"""What clients of HTTP/2 may cost, in the test's own process: glitches and their thresholds, total streams, output that
nobody takes, turns that others have."""

from __future__ import annotations

import pytest
from support.h2_peer import (
    ENHANCE_YOUR_CALM,
    NO_ERROR,
    PING,
    REFUSED_STREAM,
    asking,
    data,
    headers,
    literals,
    ping,
    rst_stream,
    settings,
    window_update,
)
from support.h2_stand import H2Peer, H2Stand

from pointsman.stream.connections import client_connections
from pointsman.stream.h2connection import CLOGGED, CLOGGED_FRAMES, GIVES
from pointsman.stream.h2front import H2Front

CONFIG = """
global
    {words}
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    tcp-request connection track-sc0 src table t
    http-request return status 200 content-type text/plain lf-string %[fc_glitches],%[sc0_glitch_cnt] if { path /count }
    http-request return status 200 if { path /hello }
    default_backend b
backend b
    server a {a}
backend t
    stick-table type ip size 1k store glitch_cnt
"""
MALFORMED = literals([(":method", "GET"), (":scheme", "http"), (":authority", "h")])  # no path


def stand_of(words: str = "") -> H2Stand:
    return H2Stand(CONFIG.replace("{words}", words), "a")


def malformed(*numbers: int) -> bytes:
    return b"".join(headers(number, MALFORMED) for number in numbers)


def request(number: int, path: str) -> bytes:
    return headers(number, literals(asking("GET", path)))


def count(client: H2Peer, number: int) -> bytes:
    client.put(request(number, "/count"))
    return client.answer(number).body


def test_glitches_are_what_fetches_and_tables_say() -> None:
    with stand_of() as stand:
        client = stand.h2()
        assert count(client, 1) == b"0,0"
        client.put(malformed(3, 5))
        assert count(client, 7) == b"2,2"
        client.put(malformed(9), request(11, "/count"))  # in one read
        assert client.answer(11).body == b"3,3"


def test_at_the_threshold_a_connection_is_killed() -> None:
    """tune.h2.fe.glitches-threshold (manual 3.2): at three quarters of it a graceful end is offered."""
    with stand_of("tune.h2.fe.glitches-threshold 8") as stand:
        client = stand.h2()
        client.put(malformed(1, 3, 5, 7, 9))
        assert client.goaways() == []
        client.put(malformed(11))
        assert client.goaways() == [((1 << 31) - 1, NO_ERROR)]
        client.put(malformed(13, 15, 17, 19))
        assert client.goaways()[-1] == (15, ENHANCE_YOUR_CALM)
        assert client.closed


def test_without_a_threshold_they_are_only_counted() -> None:
    with stand_of() as stand:
        client = stand.h2()
        client.put(malformed(*range(1, 101, 2)))
        assert count(client, 101) == b"50,50"


@pytest.mark.parametrize("words", ["", "tune.glitches.kill.cpu-usage 100"])
def test_a_flood_needs_no_threshold(words: str) -> None:
    with stand_of(words) as stand:
        client = stand.h2()
        client.put(malformed(*range(1, 401, 2)))
        assert client.goaways()[-1][1] == ENHANCE_YOUR_CALM
        assert client.closed


def test_requests_that_are_reset_at_once_leave_no_exchange() -> None:
    with stand_of() as stand:
        client = stand.h2()
        (front,) = client_connections(stand.reactor)
        client.put(b"".join(request(number, "/x") + rst_stream(number) for number in range(1, 401, 2)))
        assert client.goaways()[-1][1] == ENHANCE_YOUR_CALM
        assert client.closed
        assert not front.streams()


def test_total_streams() -> None:
    """tune.h2.fe.max-total-streams (manual 3.2): those that are on their way are still served."""
    with stand_of("tune.h2.fe.max-total-streams 3\n    tune.h2.fe.max-concurrent-streams 2") as stand:
        client = stand.h2()
        for number in (1, 3):
            client.put(request(number, "/hello"))
        assert client.goaways() == []
        client.put(request(5, "/hello"))
        assert client.goaways() == [(5 + 4, NO_ERROR)]
        client.put(request(7, "/hello"))
        assert client.answer(7).status == 200 and not client.closed
        client.put(request(9, "/hello"))
        assert client.answer(9).status == 200
        assert client.closed


def test_answers_to_pings_that_nobody_reads_are_bounded() -> None:
    """A client that takes a large answer, gives all credit that there is, and then reads nothing, but asks on."""
    with stand_of() as stand:
        client = stand.h2({4: (1 << 31) - 1}, buffers=4096)
        client.put(window_update(0, (1 << 31) - 65_536), request(1, "/x"))
        server = stand.accept("a")
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        while server.send(b"x" * 1_000_000) == 1_000_000:
            pass
        (front,) = client_connections(stand.reactor)
        assert isinstance(front, H2Front) and front.wire.blocked
        for _ in range(36):  # less than what ends a connection by itself
            client.put(ping(bytes(8)) * 50)
        assert len(front.endpoint.out) <= 2 * CLOGGED_FRAMES
        assert len(front.wire.out) <= CLOGGED + GIVES
        while len(client.of_kind(PING)) < 36 * 50:
            pass
        assert not front.endpoint.failed


def test_a_stream_that_is_reset_makes_room_as_soon_as_its_exchange_has_ended() -> None:
    with stand_of("tune.h2.fe.max-concurrent-streams 2") as stand:
        client = stand.h2()
        client.put(request(1, "/x"), request(3, "/x"), request(5, "/x"))
        assert client.look().resets == {5: REFUSED_STREAM}
        client.put(rst_stream(1))
        client.put(request(7, "/hello"))
        assert client.answer(7).status == 200


def test_many_requests_of_one_read_are_all_served() -> None:
    """Though others have their turn between them."""
    with stand_of() as stand:
        client = stand.h2()
        client.put(b"".join(request(number, "/hello") for number in range(1, 401, 2)))
        assert {number for number, one in client.look().answers.items() if one.status == 200} == set(range(1, 401, 2))


def test_small_pieces_of_a_body_go_on_together() -> None:
    with stand_of() as stand:
        client = stand.h2()
        client.put(headers(1, literals(asking("POST", "/x")), False) + b"".join(data(1, b"x") for _ in range(1000)))
        client.put(settings({}), data(1, b"", True))
        server = stand.accept("a")
        body = server.take().partition(b"\r\n\r\n")[2]
        assert body.startswith(b"3e8\r\n" + b"x" * 1000)


@pytest.mark.parametrize("limit", ["", "timeout http-request 2s", "timeout http-keep-alive 2s"])
def test_timeout_client_is_one_of_silence(limit: str) -> None:
    """As in HAProxy: a connection that carries nothing may go on to send pings, but where another limit holds."""
    text = CONFIG.replace("{words}", "").replace("timeout client 2s", f"timeout client 2s\n    {limit}")
    with H2Stand(text, "a") as stand:
        client = stand.h2()
        client.put(request(1, "/hello"))
        assert client.answer(1).status == 200
        for _ in range(3):
            stand.wait(900)
            client.put(ping())
        assert client.goaways() == ([(1, NO_ERROR)] if limit else [])
        stand.wait(2_200)
        assert client.goaways() == [(1, NO_ERROR)]
