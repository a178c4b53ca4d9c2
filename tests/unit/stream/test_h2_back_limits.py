"""What servers of HTTP/2 may cost, in the test's own process: floods, glitches and their threshold."""

from __future__ import annotations

import pytest
from support.h2_peer import END_HEADERS, ENHANCE_YOUR_CALM, HEADERS, INITIAL_WINDOW_SIZE, frame, ping, settings
from support.h2_server_stand import H2Server, H2ServerStand
from support.stand import End

CONFIG = """
global
    {words}
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
    retries 0
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    http-reuse always
    http-response set-header x-glitches %[bc_glitches]
    server a {a}
"""
GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
INTERIM = b"\x08\x03103"
SMALLER = settings({INITIAL_WINDOW_SIZE: 70_000}) + settings({INITIAL_WINDOW_SIZE: 60_000})  # a glitch


def stand_of(words: str = "") -> H2ServerStand:
    return H2ServerStand(CONFIG.replace("{words}", words), "a", speaks="a")


def asked(stand: H2ServerStand) -> tuple[End, H2Server]:
    client = stand.client()
    client.send_all(GET)
    return client, stand.h2_server("a")


@pytest.mark.parametrize(
    "flood",
    [ping(bytes(8)), settings(), frame(HEADERS, END_HEADERS, 1, INTERIM), frame(0xEE, 0, 0, b"x")],
    ids=["ping", "settings", "interim", "unknown"],
)
def test_floods_end_the_connection_and_what_it_carries(flood: bytes) -> None:
    with stand_of() as stand:
        client, server = asked(stand)
        for _ in range(60):
            server.end.send(flood * 100)
            got = client.take()
            if b"HTTP/1.1 502 " in got:
                break
        else:
            raise AssertionError("it goes on")
        assert [one.code for one in server.goaways()] == [ENHANCE_YOUR_CALM]
        assert server.end.closed


def test_glitches_are_counted() -> None:
    with stand_of() as stand:
        client, server = asked(stand)
        server.send(SMALLER * 3)
        server.answer(1, 204, end=True)
        assert b"x-glitches: 0\r\n" in client.take()  # as the request went out
        client.send_all(GET)
        server.answer(max(server.uris()), 204, end=True)
        assert b"x-glitches: 3\r\n" in client.take()


def test_at_the_threshold_a_connection_is_killed() -> None:
    """tune.h2.be.glitches-threshold (manual 3.2): at three quarters of it no further request goes there."""
    with stand_of("tune.h2.be.glitches-threshold 4") as stand:
        client, server = asked(stand)
        server.send(SMALLER * 3)
        server.answer(1, 204, end=True)
        assert client.take().startswith(b"HTTP/1.1 204 ")
        assert server.look().end.closed
        client.send_all(GET)
        server = stand.h2_server("a")
        server.send(SMALLER * 4)
        assert client.take().startswith(b"HTTP/1.1 502 ")
        assert [one.code for one in server.goaways()] == [ENHANCE_YOUR_CALM]
