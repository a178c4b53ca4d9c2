"""Stories that run through TLS as they run without it: towards clients, towards servers, both (net/tls.py)."""

from __future__ import annotations

import hashlib
import ssl

import pytest
from support.certificates import Authority
from support.tls_stand import SIDES, TlsEnd, TlsStand

from pointsman.core.tls import VERSION, Context
from pointsman.net.tls import TlsTransports

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")
CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout http-request 3s
    timeout server 5s
    retries 1
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    server s {a}
"""
TUNNEL = CONFIG.replace("mode http", "mode tcp").replace("    timeout http-request 3s\n", "")
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SIZE = 3 << 20
LARGE = hashlib.shake_256(b"body").digest(SIZE)
ALL = ("", *SIDES)


@pytest.mark.parametrize("side", ALL)
def test_requests_in_a_row(side: str) -> None:
    with TlsStand(CONFIG, "a", side=side) as stand:
        client = stand.client()
        server = None
        for _ in range(5):
            client.send(GET)
            server = server or stand.accept("a")
            assert server.take().startswith(b"GET / HTTP/1.1\r\n")
            server.send(OK)
            assert client.take().endswith(b"\r\n\r\nok")
        assert stand.lines == ["200 --"] * 5
        if stand.front:
            assert isinstance(client, TlsEnd) and client.sock.version() == "TLSv1.3"


@pytest.mark.parametrize("side", ALL)
def test_large_bodies_both_ways(side: str) -> None:
    with TlsStand(CONFIG, "a", side=side) as stand:
        client = stand.client()
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % SIZE)
        server = stand.accept("a")
        sent, got = 0, b""
        while len(got) < SIZE:
            sent += client.send(LARGE[sent : sent + 60_000])
            got += server.take().partition(b"\r\n\r\n")[2] if not got else server.take()
        assert got == LARGE
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        sent, got = 0, b""
        while len(got) < SIZE:
            sent += server.send(LARGE[sent : sent + 60_000])
            got += client.take().partition(b"\r\n\r\n")[2] if not got else client.take()
        assert got == LARGE
        assert stand.lines == ["200 --"]


@pytest.mark.parametrize("side", ALL)
def test_a_client_that_reads_late_holds_the_server_up(side: str) -> None:
    """What the kernel does not take is kept once, and no more is read meanwhile."""
    size = 8 << 20
    with TlsStand(CONFIG, "a", side=side) as stand:
        client = stand.client(buffers=32_768)
        client.send(GET)
        server = stand.accept("a", buffers=32_768)
        server.take()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        sent = stuck = 0
        while stuck < 3:
            taken = server.send(bytes(16_384))
            sent += taken
            stuck = stuck + 1 if not taken else 0
        assert sent < 7 << 20
        got = len(client.take().partition(b"\r\n\r\n")[2])
        while got < size:
            if sent < size:
                sent += server.send(bytes(min(16_384, size - sent)))
            got += len(client.take())
        assert got == size
        assert stand.lines == ["200 --"]


@pytest.mark.parametrize("side", ALL)
def test_a_tunnel(side: str) -> None:
    with TlsStand(TUNNEL, "a", side=side) as stand:
        client = stand.client()
        server = stand.accept("a")
        for _ in range(3):
            client.send(b"ping")
            assert server.take() == b"ping"
            server.send(b"pong" * 3_000)
            assert client.take() == b"pong" * 3_000
        client.shut()
        assert server.take() == b"" and server.closed
        server.send(b"last")
        assert client.take() == b"last"
        server.close()
        assert client.take() == b"" and client.closed
        assert stand.lines == ["-1 --"]


@pytest.mark.parametrize("side", ALL)
def test_a_client_that_resets(side: str) -> None:
    with TlsStand(CONFIG, "a", side=side) as stand:
        client = stand.client()
        client.send(GET)
        server = stand.accept("a")
        server.take()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart")
        assert client.take().endswith(b"part")
        client.abort()
        stand.wait(100)
        server.send(b"more")
        stand.wait(100)
        assert stand.lines == ["200 CD"]
        server.take()
        assert server.closed


@pytest.mark.parametrize("side", ALL)
def test_a_server_that_leaves_in_its_answer(side: str) -> None:
    with TlsStand(CONFIG, "a", side=side) as stand:
        client = stand.client()
        client.send(GET)
        server = stand.accept("a")
        server.take()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart")
        server.close()
        assert client.take().endswith(b"part") and client.closed
        assert stand.lines == ["200 SD"]


@pytest.mark.parametrize("side", ALL)
def test_an_answer_that_ends_with_its_connection(side: str) -> None:
    """Without close_notify, too, as in HAProxy."""
    with TlsStand(CONFIG, "a", side=side) as stand:
        client = stand.client()
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        server = stand.accept("a")
        server.take()
        server.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        server.close()
        assert client.take().endswith(b"all of it") and client.closed
        assert stand.lines == ["200 --"]


@pytest.mark.parametrize("silent", [b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
def test_a_client_that_stalls_in_the_handshake(silent: bytes) -> None:
    with TlsStand(CONFIG, "a", side="front") as stand:
        stand.raw = True
        client = stand.client()
        client.send(silent)
        assert 2_000 < stand.until_closed(client, 20_000) <= 10_100
        client.close()
        stand.wait(2_000)


@pytest.mark.parametrize("garbage", [GET, bytes(100), b"\x16\x03\x01\xff\xff" + bytes(50), b"\x15\x03\x01\0\2\2\x28"])
def test_a_client_that_speaks_no_tls(garbage: bytes) -> None:
    with TlsStand(CONFIG, "a", side="front") as stand:
        stand.raw = True
        client = stand.client()
        client.send(garbage)
        client.take()
        assert client.closed
        stand.raw = False
        other = stand.client()  # who does is served
        other.send(GET)
        stand.accept("a").send(OK)
        assert other.take().endswith(b"ok")


@pytest.mark.parametrize("step", range(3))
def test_a_client_that_leaves_in_the_handshake(step: int) -> None:
    with TlsStand(CONFIG, "a", side="front") as stand:
        stand.raw = True
        client = stand.client()
        if step:
            client.send(b"\x16\x03\x01\x02\x00\x01"[: 3 * step])
        if step < 2:
            client.close()
        else:
            client.abort()
        stand.wait(100)
        assert stand.live.process.connections == 0


def test_a_server_that_stalls_in_the_handshake() -> None:
    """timeout connect, and the tries that retries allows."""
    with TlsStand(CONFIG, "a", side="back") as stand:
        stand.raw = True
        client = stand.client()
        client.send(GET)
        tries = [stand.accept("a")]
        assert tries[0].take()[:1] == b"\x16"  # a hello
        stand.wait(2_200)
        tries += stand.arrivals("a")
        stand.wait(2_200)
        assert len(tries) == 2
        assert client.take().startswith(b"HTTP/1.1 503")
        assert stand.lines == ["503 sC"]


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x28"])
def test_a_server_that_speaks_no_tls_or_leaves(said: bytes) -> None:
    with TlsStand(CONFIG, "a", side="back") as stand:
        stand.raw = True
        client = stand.client()
        client.send(GET)
        for _ in range(2):
            server = stand.accept("a")
            server.take()
            server.send(said)
            server.close()
            stand.wait(1_100)
        assert client.take().startswith(b"HTTP/1.1 503")
        assert stand.lines == ["503 SC"]


def test_a_server_whose_certificate_nobody_trusts() -> None:
    with TlsStand(CONFIG, "a", side="both") as stand:
        context = Context(False)
        context.trust(Authority("somebody else").ca, False)
        context.verify(1, (), (), 0)
        stand.server("s").transports = TlsTransports(context)
        client = stand.client()
        client.send(GET)
        for _ in range(2):
            with pytest.raises(ssl.SSLError, match="unknown ca"):
                stand.accept("a")
            stand.wait(1_100)
        assert client.take().startswith(b"HTTP/1.1 503")
        assert stand.lines == ["503 SC"]


def test_the_next_connection_to_a_server_resumes_the_last_ones_session() -> None:
    with TlsStand(CONFIG + "    http-reuse never\n", "a", side="back") as stand:
        for resumed in (False, True, True):
            client = stand.client()
            client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            server = stand.accept("a")
            assert isinstance(server, TlsEnd) and server.sock.session_reused == resumed
            server.take()
            server.send(OK)
            assert client.take().endswith(b"ok")
            server.close()
            client.close()


def test_a_request_that_came_with_the_handshakes_end() -> None:
    """The client's last message and its request arrive together: no event follows."""
    with TlsStand(CONFIG, "a", side="front") as stand:
        stand.raw = True
        plain = stand.client()
        stand.ends.remove(plain)
        client = TlsEnd(stand, plain.sock, False)
        stand.ends.append(client)
        for _ in range(20):
            try:
                client.sock.do_handshake()
                break
            except OSError:
                stand.settle()
        client.sock.send(GET)  # without a turn of the proxy in between
        server = stand.accept("a")
        assert server.take().startswith(b"GET / HTTP/1.1\r\n")
        server.send(OK)
        assert client.take().endswith(b"ok")
