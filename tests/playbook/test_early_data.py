"""Early data (TLS 1.3, manual 5.1 and 5.2, allow-0rtt): requests that come, and go, before a handshake is over."""

from __future__ import annotations

import os
import socket

import pytest
from support.early_stand import EarlyStand
from support.stand import Stand
from support.tls_stand import HOST

from pointsman.core.tls import VERSION, Connection

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")
LONG = bool(os.environ.get("POINTSMAN_LONG"))
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
    http-request set-header X-Front "%[req.hdr(early-data)]"
    http-request wait-for-handshake if { path_beg /wait }
    http-request deny deny_status 425 if { path_beg /deny }
    default_backend b
backend b
    http-request set-header X-Back "%[req.hdr(early-data)]"
    server s {a}
"""
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def get(path: bytes, *lines: bytes) -> bytes:
    return b"\r\n".join((b"GET " + path + b" HTTP/1.1", b"Host: h", *lines, b"", b""))


def test_a_request_is_served_before_the_clients_handshake_is_over() -> None:
    with EarlyStand(CONFIG, "a", front=True) as stand:
        stand.learn()
        client = stand.resuming(GET)
        server = stand.accept("a")
        head = server.take()
        assert b"\r\nearly-data: 1\r\n" in head and b"\r\nx-front: \r\n" in head and b"\r\nx-back: 1\r\n" in head
        server.send(OK)
        assert stand.lines[1:] == ["200 --"]  # before the client has said another word
        client.shake()
        assert client.take().endswith(b"\r\n\r\nok")
        assert client.tls.resumed and not client.tls.early_refused
        client.send(GET)
        head = server.take()
        assert head.startswith(b"GET / ") and b"early-data" not in head
        server.send(OK)
        assert client.take().endswith(b"\r\n\r\nok")


def test_a_client_that_says_so_itself_is_passed_on() -> None:
    with EarlyStand(CONFIG, "a", front=True) as stand:
        stand.learn()
        stand.resuming(get(b"/", b"Early-Data: 1"))
        head = stand.accept("a").take()
        assert head.lower().count(b"early-data:") == 1


def test_a_rule_that_waits_for_the_handshake() -> None:
    with EarlyStand(CONFIG, "a", front=True) as stand:
        stand.learn()
        client = stand.resuming(get(b"/wait"))
        assert not stand.arrivals("a")
        client.shake()
        server = stand.accept("a")
        assert b"early-data" not in server.take()
        server.send(OK)
        assert client.take().endswith(b"\r\n\r\nok")
        assert stand.lines[1:] == ["200 --"]


def test_a_body_is_gathered_while_a_rule_waits_for_the_handshake() -> None:
    with EarlyStand(CONFIG, "a", front=True) as stand:
        stand.learn()
        client = stand.resuming(b"POST /wait HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234")
        assert not stand.arrivals("a")
        client.shake()
        client.send(b"56789")
        server = stand.accept("a")
        assert server.take().endswith(b"\r\n\r\n0123456789")
        server.send(OK)
        assert client.take().endswith(b"\r\n\r\nok")


def test_who_never_ends_the_handshake_runs_into_the_clients_time() -> None:
    with EarlyStand(CONFIG, "a", front=True) as stand:
        stand.learn()
        client = stand.resuming(get(b"/wait"))
        stand.wait(9_900)
        assert len(stand.lines) == 1
        stand.wait(200)
        assert stand.lines[1:] == ["408 cR"] and not stand.arrivals("a")
        stand.wait(1_100)  # of its lingering
        assert client.sock.recv(1 << 16) and client.sock.recv(1) == b""


@pytest.mark.parametrize("how", ("close", "abort", "garbage"))
@pytest.mark.parametrize("path", (b"/wait", b"/"))
def test_who_leaves_before_the_handshake_is_over(how: str, path: bytes) -> None:
    with EarlyStand(CONFIG, "a", front=True) as stand:
        stand.learn()
        client = stand.resuming(get(path))
        if how == "garbage":
            client.sock.send(b"\x17\x03\x03\x00\x20" + bytes(32))
            stand.settle()
        elif how == "abort":
            client.abort()
        else:
            client.close()
        if path == b"/":
            assert stand.accept("a").take()[:4] == b"GET "
        found = stand.lines[1:]
    with Stand(CONFIG.replace("wait-for-handshake", "pause 1s"), "a") as plain:
        other = plain.client()
        other.send(get(path))
        other.abort()
        assert found == plain.lines  # as one that is plain and ends by a reset


def test_a_rule_may_deny_and_the_client_learns_it_at_once() -> None:
    with EarlyStand(CONFIG, "a", front=True) as stand:
        stand.learn()
        client = stand.resuming(get(b"/deny"))
        assert stand.lines[1:] == ["425 PR"]
        client.shake()
        assert client.take().startswith(b"HTTP/1.1 425 Too Early\r\n")


def test_requests_in_one_flight() -> None:
    with EarlyStand(CONFIG, "a", front=True) as stand:
        stand.learn()
        client = stand.resuming(get(b"/1") + get(b"/2"))
        server = stand.accept("a")
        for number in (b"1", b"2"):
            head = server.take()
            assert head.startswith(b"GET /" + number) and b"\r\nearly-data: 1\r\n" in head
            server.send(OK)
        client.shake()
        assert client.take().count(b"\r\n\r\nok") == 2
        assert stand.lines[1:] == ["200 --"] * 2


def test_a_body_that_began_early() -> None:
    with EarlyStand(CONFIG, "a", front=True) as stand:
        stand.learn()
        client = stand.resuming(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234")
        server = stand.accept("a")
        assert server.take().endswith(b"\r\n\r\n01234")
        client.shake()
        client.send(b"56789")
        assert server.take() == b"56789"
        server.send(OK)
        assert client.take().endswith(b"\r\n\r\nok")
        assert stand.lines[1:] == ["200 --"]


def test_a_head_whose_end_comes_behind_the_handshake() -> None:
    with EarlyStand(CONFIG, "a", front=True) as stand:
        stand.learn()
        client = stand.resuming(GET[:20])
        client.shake()
        client.send(GET[20:])
        assert b"early-data" not in stand.accept("a").take()


def test_without_alpn_it_waits_for_the_handshake() -> None:
    """Manual 5.1, allow-0rtt."""
    with EarlyStand(CONFIG, "a", front=True, alpn=b"") as stand:
        stand.learn()
        client = stand.resuming(GET)
        assert not stand.arrivals("a")
        client.shake()
        server = stand.accept("a")
        assert b"early-data" not in server.take()
        server.send(OK)
        assert client.take().endswith(b"\r\n\r\nok") and client.tls.resumed and not client.tls.early_refused


def test_a_connection_that_ends_with_its_response_ends_behind_the_handshake() -> None:
    with EarlyStand(CONFIG, "a", front=True) as stand:
        stand.learn()
        client = stand.resuming(get(b"/", b"Connection: close"))
        stand.accept("a").send(OK)
        assert stand.lines[1:] == ["200 --"]
        client.shake()
        assert client.take().endswith(b"\r\n\r\nok")
        assert client.closed and not client.reset and not client.tls.cut


def test_a_large_response_to_a_slow_client() -> None:
    body = bytes(range(256)) * 8_192
    with EarlyStand(CONFIG, "a", front=True) as stand:
        stand.learn()
        client = stand.resuming(GET, buffers=4_096)
        server = stand.accept("a")
        server.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body[: 1 << 16])
        got = b""
        for _ in range(1_000):  # the handshake's end is far behind in what the client has not read
            if not client.tls.handshake():
                break
            stand.settle()
        at = 1 << 16
        while at < len(body) or not got.endswith(body[-1_000:]):
            at += server.send(body[at : at + 50_000])
            got += client.take()
        assert got.endswith(body) and stand.lines[1:] == ["200 --"]


def test_a_request_in_the_same_bytes_is_not_taken_for_an_early_one() -> None:
    """And the other way round: outcomes (stream/outcome.py) are none of early data."""
    with EarlyStand(CONFIG + "    http-reuse never\n", "a", front=True) as stand:
        stand.learn()
        for early in (False, True, False, True, True, False):
            client = stand.resuming(GET if early else b"")
            for number in range(3):
                if not early:
                    client.shake()
                    client.send(GET)
                if not number:
                    server = stand.accept("a")
                head = server.take()
                assert head.startswith(b"GET / ") and (b"\r\nearly-data: 1\r\n" in head) is early
                server.send(OK)
                if early:
                    client.shake()
                    early = False
                assert client.take().endswith(b"ok")
            client.close()


class Flights:
    """A client whose records the test sends on itself."""

    def __init__(self, stand: EarlyStand, early: bytes) -> None:
        self.stand = stand
        self.end = stand.client()
        self.mine, self.peer = socket.socketpair()
        self.tls = Connection(stand.offer, self.mine.fileno(), name=HOST, session=stand.session)
        assert self.tls.allow_early() and self.tls.write(early) == len(early)
        self.flight = self.peer.recv(1 << 16)

    def finish(self) -> bytes:
        """What it sends when it has seen the server's flight."""
        self.peer.send(self.end.take())
        assert self.tls.handshake() == 0
        return self.peer.recv(1 << 16)

    def answer(self) -> bytes:
        self.peer.send(self.end.take())
        return self.tls.read(1 << 16) or b""

    def close(self) -> None:
        self.end.close()
        self.mine.close()
        self.peer.close()


def test_cuts_at_every_byte() -> None:
    with EarlyStand(CONFIG + "    http-reuse never\n", "a", front=True) as stand:
        stand.learn()
        sizes = [2, 2]  # of the flights, known with the first one
        for which in (0, 1):
            cut = 1
            while cut < sizes[which]:
                client = Flights(stand, GET)
                sizes[0] = len(client.flight)
                if which == 0:
                    client.end.send(client.flight[:cut])
                    client.end.send(client.flight[cut:])
                else:
                    client.end.send(client.flight)
                server = stand.accept("a")
                assert b"\r\nearly-data: 1\r\n" in server.take()
                server.send(OK)
                last = client.finish()
                sizes[1] = len(last)
                client.end.send(last[:cut] if which else last)
                if which:
                    client.end.send(last[cut:])
                assert client.answer().endswith(b"\r\n\r\nok")
                server.close()
                client.close()
                cut += 1 if LONG or which or cut > sizes[0] - 60 else 17  # the hello comes first
        assert set(stand.lines[1:]) == {"200 --"} and min(sizes) > 50


def test_ends_at_every_byte() -> None:
    """Whoever leaves before the handshake is over: nothing is left of it, whatever was served."""
    with EarlyStand(CONFIG + "    http-reuse never\n", "a", front=True) as stand:
        stand.learn()
        first = Flights(stand, GET)
        for cut in range(1, len(first.flight) + 1, 7):
            client = Flights(stand, GET)
            client.end.send(client.flight[:cut])
            client.end.abort() if cut % 2 else client.end.close()
            for server in stand.arrivals("a"):
                assert server.take()[:4] in (b"GET ", b"")
                server.close()
            client.close()
            assert stand.frontend().connections == 1  # the first one's
        first.close()


def test_a_connection_that_waits_for_another_request_ends_in_its_time() -> None:
    """Its handshake may never be over."""
    text = CONFIG.replace("timeout client 10s", "timeout client 10s\n    timeout http-keep-alive 2s")
    with EarlyStand(text, "a", front=True) as stand:
        stand.learn()
        client = stand.resuming(GET)
        stand.accept("a").send(OK)
        stand.wait(1_900)
        assert stand.frontend().connections == 1
        stand.wait(1_300)  # and a second more, for it may be sending
        assert stand.frontend().connections == 0 and stand.lines[1:] == ["200 --"]
        client.close()


def test_a_backend_of_http_behind_a_frontend_of_tcp() -> None:
    text = CONFIG.replace("frontend f\n", "frontend f\n    mode tcp\n")
    text = "\n".join(line for line in text.split("\n") if "X-Front" not in line and " if { path" not in line)
    with EarlyStand(text, "a", front=True) as stand:
        stand.learn()
        client = stand.resuming(GET)
        server = stand.accept("a")
        assert b"\r\nearly-data: 1\r\n" in server.take()
        server.send(OK)
        client.shake()
        assert client.take().endswith(b"ok")
