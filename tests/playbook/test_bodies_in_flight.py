"""Bodies on their way: whole, in order, with bounded memory, whoever is slow."""

import hashlib
import random

import pytest
from support.stand import End, Stand

from pointsman.net.wire import LARGE, Wire

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
    timeout tunnel 5s
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    server a {a}
"""
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BOUND = 2 * LARGE + 65_536  # what is kept of one direction


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def held(stand: Stand) -> int:
    """The most bytes that any connection keeps in memory."""
    return max((len(one.out) for one in stand.reactor.channels if isinstance(one, Wire)), default=0)


def asked(stand: Stand, data: bytes = GET, buffers: int = 0) -> tuple[End, End, bytes]:
    client = stand.client(buffers=buffers)
    client.send(data)
    server = stand.accept("a")
    return client, server, server.take()


def pour(stand: Stand, source: End, sink: End, data: bytes, piece: int) -> tuple[bytes, int]:
    """Send it all, reading at most `piece` bytes at a time; what arrived, and the most that was held."""
    got: list[bytes] = []
    most = 0
    view = memoryview(data)
    size = 0
    while size < len(data):
        if view:
            view = view[source.send(bytes(view[:1_000_000])) :]
            most = max(most, held(stand))
        part = sink.take(piece)
        got.append(part)
        size += len(part)
        assert part or view or not sink.closed
        if sink.closed:
            break
    return b"".join(got), most


@pytest.mark.parametrize("size, piece", [(1_000_000, 1 << 20), (3_000_000, 70_000), (30_000_000, 1 << 20)])
def test_a_large_response_arrives_whole_and_takes_little_memory(size: int, piece: int) -> None:
    with Stand(CONFIG, "a") as stand:
        client, server, _ = asked(stand)
        body = noise(size)
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        head = client.take()
        assert head.endswith(b"\r\n\r\n")
        got, most = pour(stand, server, client, body, piece)
        assert hashlib.sha256(got).digest() == hashlib.sha256(body).digest()
        assert most <= BOUND
        client.send(GET)
        assert server.take().startswith(b"GET /")
        server.send(OK)
        assert client.take().endswith(b"ok")
        assert stand.lines == ["200 --"] * 2


@pytest.mark.parametrize("size, piece", [(1_000_000, 1 << 20), (3_000_000, 70_000), (30_000_000, 1 << 20)])
def test_a_large_upload_arrives_whole_and_takes_little_memory(size: int, piece: int) -> None:
    with Stand(CONFIG, "a") as stand:
        client, server, _ = asked(stand, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
        body = noise(size)
        got, most = pour(stand, client, server, body, piece)
        assert hashlib.sha256(got).digest() == hashlib.sha256(body).digest()
        assert most <= BOUND
        server.send(OK)
        assert client.take().endswith(b"ok")
        assert stand.lines == ["200 --"]


def chunked(body: bytes, sizes: list[int], trailers: bytes = b"") -> bytes:
    out: list[bytes] = []
    at = 0
    while at < len(body):
        piece = body[at : at + sizes[len(out) % len(sizes)]]
        out.append(b"%x\r\n%b\r\n" % (len(piece), piece))
        at += len(piece)
    return b"".join(out) + b"0\r\n" + trailers + b"\r\n"


def unchunked(data: bytes) -> tuple[bytes, bytes]:
    """Payload, and what comes behind the last chunk's size."""
    out: list[bytes] = []
    while True:
        line, _, data = data.partition(b"\r\n")
        size = int(line, 16)
        if not size:
            return b"".join(out), data
        out.append(data[:size])
        data = data[size + 2 :]


@pytest.mark.parametrize("cut", [1, 7, 1000, 262_144, 10_000_000])
@pytest.mark.parametrize("alone", [True, False], ids=["head-alone", "head-with-data"])
def test_a_chunked_response_in_pieces(cut: int, alone: bool) -> None:
    with Stand(CONFIG, "a") as stand:
        client, server, _ = asked(stand)
        body = noise(300 if cut < 10 else 700_000)
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        data = chunked(body, [1, 10, 300_000, 17], b"X-Sum: 5\r\n")
        if alone:
            server.send(head)
        else:
            data = head + data
        got = b""
        for at in range(0, len(data), cut):
            server.send_all(data[at : at + cut])
            got += client.take()
        got = got.partition(b"\r\n\r\n")[2]
        assert unchunked(got) == (body, b"x-sum: 5\r\n\r\n")
        assert stand.lines == ["200 --"]


@pytest.mark.parametrize("cut", [1, 7, 1000, 262_144, 10_000_000])
def test_a_chunked_upload_in_pieces(cut: int) -> None:
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        body = noise(300 if cut < 10 else 700_000)
        data = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(
            body, [1, 10, 300_000, 17], b"X-Sum: 5\r\n"
        )
        got = b""
        server: End | None = None
        for at in range(0, len(data), cut):
            client.send_all(data[at : at + cut])
            for one in stand.arrivals("a"):
                server = one
            if server is not None:
                got += server.take()
        assert server is not None
        assert unchunked(got.partition(b"\r\n\r\n")[2]) == (body, b"x-sum: 5\r\n\r\n")
        server.send(OK)
        assert client.take().endswith(b"ok")


def test_a_hundred_at_once_get_their_own() -> None:
    with Stand(CONFIG, "a") as stand:
        pairs = [asked(stand, b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % i)[:2] for i in range(100)]
        bodies = [noise(20_000 + i) for i in range(100)]
        for (_, server), body in zip(pairs, bodies):
            server.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        for (client, _), body in zip(pairs, bodies):
            assert client.take().endswith(b"\r\n\r\n" + body)
        assert stand.lines == ["200 --"] * 100


def test_a_client_that_stops_reading_is_the_one_that_is_late() -> None:
    """timeout server 3 s must not fall on a server that may not send."""
    with Stand(CONFIG, "a") as stand:
        client, server, _ = asked(stand, buffers=4096)
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99000000\r\n\r\n")
        while server.send(b"x" * 1_000_000):
            pass
        for _ in range(8):  # it takes a little every second and a half
            stand.wait(1500)
            assert client.take(2_000_000)
            server.send(b"x" * 1_000_000)
        assert stand.lines == []
        stand.wait(2200)
        assert stand.lines == ["200 cD"]


def test_a_server_that_stops_reading_an_upload_is_the_one_that_is_late() -> None:
    """timeout client 2 s must not fall on a client that may not send."""
    with Stand(CONFIG, "a") as stand:
        client, _, _ = asked(stand, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99000000\r\n\r\n")
        while client.send(b"x" * 1_000_000):
            pass
        stand.wait(2500)
        assert stand.lines == []
        stand.wait(700)
        assert stand.lines == ["504 sH"]


def test_a_server_that_answers_before_the_upload_is_over() -> None:
    """The answer arrives whole; then the connection ends, with what the client still sends read and dropped."""
    with Stand(CONFIG, "a") as stand:
        client, server, _ = asked(stand, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n")
        client.send(b"x" * 1000)
        server.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        got = client.take()
        assert got.endswith(b"big") and b"connection: close" in got
        client.send(b"x" * 100_000)
        assert client.ended() and not client.reset
        assert stand.lines == ["413 --"]


def test_an_early_answer_while_the_upload_goes_on() -> None:
    with Stand(CONFIG, "a") as stand:
        client, server, _ = asked(stand, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n")
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        assert client.take().endswith(b"abc")
        client.send(b"1234567890")
        assert server.take() == b"1234567890"
        server.send(b"def")
        assert client.take() == b"def"
        assert stand.lines == ["200 --"]


def test_expect_100_continue_passes_and_may_be_refused() -> None:
    with Stand(CONFIG, "a") as stand:
        post = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        client, server, head = asked(stand, post)
        assert b"expect: 100-continue" in head
        server.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert client.take().startswith(b"HTTP/1.1 100 ")
        client.send(b"abc")
        assert server.take() == b"abc"
        server.send(OK)
        assert client.take().endswith(b"ok")
        client.send(post)
        server.take()
        server.send(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
        assert b"connection: close" in client.take()
        assert stand.lines == ["200 --", "417 --"]


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_responses_without_a_body_keep_both_connections(status: bytes) -> None:
    with Stand(CONFIG, "a") as stand:
        client, server, _ = asked(stand)
        for _ in range(3):
            server.send(b"HTTP/1.1 " + status + b"\r\nETag: x\r\n\r\n")
            assert client.take().startswith(b"HTTP/1.1 " + status)
            client.send(GET)
            assert server.take().startswith(b"GET /")
        server.send(OK)
        client.take()


def test_head_answers_have_no_body_whatever_they_say() -> None:
    with Stand(CONFIG, "a") as stand:
        client, server, _ = asked(stand, b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        assert b"content-length: 500" in client.take()
        client.send(GET)
        assert server.take().startswith(b"GET /")
        server.send(OK)
        assert client.take().endswith(b"ok")


def test_a_response_that_ends_with_its_connection() -> None:
    with Stand(CONFIG, "a") as stand:
        client, server, _ = asked(stand)
        server.send(b"HTTP/1.1 200 OK\r\n\r\n")
        body = noise(3_000_000)
        got, _ = pour(stand, server, client, body[:1_500_000], 1 << 20)
        server.send_all(body[1_500_000:1_500_100])
        server.close()
        got += client.take()
        assert client.closed and not client.reset
        assert got.partition(b"\r\n\r\n")[2] == body[: len(got.partition(b"\r\n\r\n")[2])]
        assert stand.lines == ["200 --"]


def test_a_tunnel_carries_both_ways_with_bounded_memory() -> None:
    with Stand(CONFIG, "a") as stand:
        client, server, _ = asked(stand, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        server.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nfirst")
        assert client.take().endswith(b"\r\n\r\nfirst")
        up, down = noise(4_000_000), noise(5_000_000)
        got_up, most_up = pour(stand, client, server, up, 100_000)
        got_down, most_down = pour(stand, server, client, down, 100_000)
        assert got_up == up and got_down == down
        assert max(most_up, most_down) <= BOUND
        client.close()
        server.take()
        server.close()
        assert stand.lines == ["101 --"]
