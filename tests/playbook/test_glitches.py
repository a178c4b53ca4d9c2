"""tune.h1.fe.glitches-threshold, tune.h1.be.glitches-threshold, tune.glitches.kill.cpu-usage (manual 3.2); fc_glitches
and bc_glitches (7.3.3)."""

from __future__ import annotations

import pytest
from support.stand import Stand

from pointsman.core.wishes import WISHES
from pointsman.stream.glitches import END, GO_ON, KILL, Glitches

CONFIG = """
global
    {limits}
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    http-after-response set-header X-Glitches {shows}
    default_backend b
backend b
    http-reuse always
    server s {a}
"""
FETCHES = "%[fc_glitches]/%[bc_glitches]"
GOOD = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
ODD = b"GET / HTTP/1.1\nHost: h\r\n\r\n"  # one bare LF
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ODD_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\r\n b\r\n\r\n"  # one fold


def stand(limits: str = "", shows: str = FETCHES) -> Stand:
    return Stand(CONFIG.replace("{limits}", limits).replace("{shows}", shows), "a")


def header(response: bytes) -> bytes:
    return response.partition(b"x-glitches: ")[2].partition(b"\r\n")[0]


def test_they_add_up_on_each_connection() -> None:
    with stand() as scene:
        client = scene.client()
        server = None
        seen = []
        for request, answer in (
            (GOOD, OK),
            (ODD, OK),
            (ODD, OK),
            (ODD, ODD_OK),
            (GOOD, ODD_OK),
            (GOOD, ODD_OK),
            (GOOD, OK),
            (GOOD, OK),
        ):
            client.send(request)
            server = server or scene.accept("a")
            server.send(answer)
            seen.append(header(client.take()))
        assert seen == [b"0/0", b"1/0", b"2/0", b"3/1", b"3/2", b"3/3", b"3/3", b"3/3"]
        other = scene.client()
        other.send(GOOD)
        server.send(OK)
        assert header(other.take()) == b"0/3"  # the server's connection is the same


def test_a_client_that_rests_keeps_its_number() -> None:
    with stand() as scene:
        client = scene.client()
        client.send(ODD)
        server = scene.accept("a")
        server.send(OK)
        assert header(client.take()) == b"1/0"
        scene.wait(2_000)
        client.send(ODD)
        for end in [server, *scene.arrivals("a")]:
            end.send(OK)
        assert header(client.take()).startswith(b"2/")


def test_a_client_that_reaches_the_threshold() -> None:
    """Three quarters of it: the connection ends with its response. All of it at once: no server sees the request."""
    with stand("tune.h1.fe.glitches-threshold 8") as scene:
        client = scene.client()
        server = None
        told = []
        for _ in range(6):
            client.send(ODD)
            server = server or scene.accept("a")
            server.send(OK)
            told.append(b"connection: close" in client.take())
        assert told == [False] * 5 + [True]
        assert client.closed
        assert scene.lines[-1] == "200 --"
        client = scene.client()
        client.send(b"GET / HTTP/1.1\nHost: h\nX: 1\n 2\n 3\n 4\n\n")
        assert client.take().startswith(b"HTTP/1.1 400 ")
        assert client.closed
        assert scene.lines[-1] == "400 PR"
        assert scene.arrivals("a") == []


def test_a_server_connection_that_reaches_the_threshold() -> None:
    with stand("tune.h1.be.glitches-threshold 4", "-") as scene:
        client = scene.client()
        used = []
        server = None
        for _ in range(4):
            client.send(GOOD)
            arrived = scene.arrivals("a")
            server = arrived[0] if arrived else server
            assert server is not None
            used.append(len(arrived))
            server.send(ODD_OK)
            assert client.take().startswith(b"HTTP/1.1 200 ")
        assert used == [1, 0, 0, 1]  # three glitches: it is not used again
        client.send(GOOD)
        assert server is not None
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: 1\r\n 2\r\n 3\r\n 4\r\n\r\n")
        assert client.take().startswith(b"HTTP/1.1 502 ")
        assert scene.lines[-1] == "502 PH"


def test_nobody_counts_unasked() -> None:
    WISHES.glitches = False
    with stand("", "-") as scene:
        assert scene.live.program.glitches is None


@pytest.mark.parametrize(
    ("count", "threshold", "busy", "usage", "verdict"),
    [
        (100, 0, 0, 100, GO_ON),
        (74, 100, 0, 0, GO_ON),
        (75, 100, 0, 0, END),
        (99, 100, 0, 0, END),
        (100, 100, 0, 0, KILL),
        (100, 100, 50, 49, END),
        (100, 100, 50, 50, KILL),
        (1, 1, 0, 0, KILL),
    ],
)
def test_what_becomes_of_a_connection(count: int, threshold: int, busy: int, usage: int, verdict: int) -> None:
    glitches = Glitches(threshold, threshold, busy)
    glitches.usage = usage
    assert glitches.verdict(count, threshold) == verdict


def test_how_busy_the_lane_is() -> None:
    glitches = Glitches(1, 1, 50)
    glitches.sample(1_000)
    glitches.sample(1_001)  # of this millisecond
    assert 0 <= glitches.usage <= 100
    glitches.sample(100_000_000)
    assert glitches.usage == 0
