"""Large payload goes through the process's pipe, unseen; whatever the kernel offers, the same arrives."""

import hashlib
import os
import random
import socket

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.stand import End, Stand

from pointsman.net.wire import BRIEF, LARGE

HTTP = """
defaults
    mode http
    timeout connect 1s
    timeout client 9s
    timeout server 9s
    timeout tunnel 9s
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    server a {a}
"""
TCP = HTTP.replace("mode http", "mode tcp")
PIPED, COPIED, REFUSED = "piped", "copied", "refused"


def stand_of(config: str, way: str) -> Stand:
    stand = Stand(config, "a")
    pipe = stand.reactor.pipe
    if way == COPIED:
        pipe.wanted = False
    elif way == REFUSED:  # the kernel says so at the first splice(2)
        one, other = socket.socketpair()
        one.setblocking(False)
        other.setblocking(False)
        pipe.outlet, pipe.inlet = one.detach(), other.detach()
        pipe.open = True
    return stand


def asked(stand: Stand) -> tuple[End, End]:
    """A client that has sent a request, and the server that has got it."""
    client = stand.client()
    client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    server = stand.accept("a")
    server.take()
    return client, server


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def move(source: End, sink: End, data: bytes, pieces: list[int]) -> bytes:
    """Send it in such pieces, and read in such pieces, over and over; what arrived."""
    got: list[bytes] = []
    at = size = turn = 0
    while size < len(data):
        at += source.send(data[at : at + pieces[turn % len(pieces)]])
        turn += 1
        part = sink.take(pieces[turn % len(pieces)])
        got.append(part)
        size += len(part)
        assert turn < 1000
    return b"".join(got)


def same(one: bytes, other: bytes) -> bool:
    return hashlib.sha256(one).digest() == hashlib.sha256(other).digest()


EDGES = [1, 16_384, BRIEF - 1, BRIEF, BRIEF + 1, LARGE - 1, LARGE, LARGE + 1]
SIZES = st.sampled_from([*EDGES, 0, 3_000_000]) | st.integers(0, 2_000_000)
PIECES = st.lists(st.sampled_from([*EDGES[1:], 100_000, 4_000_000]), min_size=1, max_size=5)
EXCHANGES = st.lists(st.tuples(SIZES, SIZES, st.booleans(), PIECES), min_size=1, max_size=4)


@pytest.mark.parametrize("way", [PIPED, COPIED, REFUSED])
@settings(max_examples=25, deadline=None)
@example([(1, 1, False, [LARGE]), (1, LARGE - 1, False, [LARGE - 1]), (1, 1, False, [LARGE])], 200_000)
@given(EXCHANGES, st.sampled_from([0, 50_000, 200_000]))
def test_every_byte_arrives_over_http(
    way: str, exchanges: list[tuple[int, int, bool, list[int]]], buffers: int
) -> None:
    """Requests and responses of all sizes on one connection, heads with or without the first bytes behind them."""
    with stand_of(HTTP, way) as stand:
        client = stand.client(buffers=buffers)
        server: End | None = None
        for number, (up, down, alone, pieces) in enumerate(exchanges, 1):
            head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % up
            body = noise(up)
            client.send(head)
            server = server or stand.accept("a")
            assert server.take().endswith(b"\r\n\r\n")
            assert same(move(client, server, body, pieces), body)
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % down
            body = noise(down)
            wanted = head.lower().replace(b"http/1.1 200 ok", b"HTTP/1.1 200 OK")
            if alone:
                server.send(head)
                assert client.take() == wanted
                assert same(move(server, client, body, pieces), body)
            else:
                assert same(move(server, client, head + body, pieces), wanted + body)
            assert stand.lines == ["200 --"] * number
            record = stand.record
            assert record["sent"] == len(wanted) + down
        assert server is not None and not stand.arrivals("a"), "the server's connection served them all"


@pytest.mark.parametrize("way", [PIPED, COPIED, REFUSED])
@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), SIZES, PIECES), min_size=1, max_size=6), st.sampled_from([0, 50_000, 200_000]))
def test_every_byte_arrives_over_tcp(way: str, moves: list[tuple[bool, int, list[int]]], buffers: int) -> None:
    with stand_of(TCP, way) as stand:
        client = stand.client(buffers=buffers)
        server = stand.accept("a")
        up = down = 0
        for upwards, size, pieces in moves:
            data = noise(size)
            if upwards:
                assert same(move(client, server, data, pieces), data)
                up += size
            else:
                assert same(move(server, client, data, pieces), data)
                down += size
        client.shut()
        server.close()
        assert client.ended()
        assert (stand.record["uploaded"], stand.record["sent"]) == (up, down)


@pytest.mark.parametrize("config", [HTTP, TCP], ids=["http", "tcp"])
def test_large_ones_do_go_through_the_pipe(config: str) -> None:
    with stand_of(config, PIPED) as stand:
        client = stand.client()
        body = noise(3_000_000)
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        server = stand.accept("a")
        server.take()
        data = b"HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n" + body
        assert same(move(server, client, data, [1_000_000]), data)
        assert stand.reactor.pipe.passed > 2_000_000
        passed = stand.reactor.pipe.passed
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n")
        server.take()
        assert same(move(client, server, body, [1_000_000]), body)
        assert stand.reactor.pipe.passed > passed + 2_000_000
        server.send(b"HTTP/1.1 204 No\r\n\r\n")
        client.take()


def test_small_ones_do_not() -> None:
    with stand_of(HTTP, PIPED) as stand:
        client, server = asked(stand)
        data = b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n" + noise(60_000)
        assert move(server, client, data, [100_000]) == data
        assert stand.reactor.pipe.passed == 0 and not stand.reactor.pipe.open


def test_a_body_that_ends_with_its_connection() -> None:
    with stand_of(HTTP, PIPED) as stand:
        client, server = asked(stand)
        body = noise(2_000_000)
        server.send(b"HTTP/1.1 200 OK\r\n\r\n")
        assert client.take().endswith(b"\r\n\r\n")
        assert same(move(server, client, body, [1_000_000]), body)
        assert stand.reactor.pipe.passed > 1_000_000
        server.close()
        assert client.ended() and not client.reset
        assert stand.lines == ["200 --"]


@pytest.mark.parametrize("excess", [b"x", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_what_a_server_sends_behind_a_body_is_no_answer(excess: bytes) -> None:
    """Its connection serves nobody else."""
    with stand_of(HTTP, PIPED) as stand:
        client, server = asked(stand)
        head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"
        body = noise(1_000_000)
        server.send_all(head + body[:900_000])
        got = client.take()
        server.send_all(body[900_000:] + excess)
        got += client.take()
        assert same(got, head + body)
        assert server.ended()
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert stand.accept("a").take().startswith(b"GET /")


@pytest.mark.parametrize("size, lines", [(999_999, "200 SD"), (1_000_000, "200 --")])
def test_a_server_that_leaves_early(size: int, lines: str) -> None:
    with stand_of(HTTP, PIPED) as stand:
        client, server = asked(stand)
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        client.take()
        assert len(move(server, client, noise(size), [400_000])) == size
        server.close()
        client.take()
        assert stand.lines == [lines]


def test_a_client_that_leaves_early() -> None:
    with stand_of(HTTP, PIPED) as stand:
        client, server = asked(stand)
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n")
        move(server, client, noise(1_000_000), [400_000])
        client.abort()
        server.send(os.urandom(300_000))
        assert server.take() == b"" and server.closed
        assert stand.lines == ["200 CD"]


def test_a_client_that_does_not_read_is_late_and_not_its_server() -> None:
    """Both have nine seconds; the client's begin when it takes no more."""
    with stand_of(HTTP.replace("server 9s", "server 3s"), PIPED) as stand:
        client = stand.client(buffers=4096)
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        server = stand.accept("a")
        server.take()
        while server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n" + bytes(1_000_000)):
            pass
        stand.wait(8_500)
        assert stand.lines == []
        stand.wait(700)
        assert stand.lines == ["200 cD"]
