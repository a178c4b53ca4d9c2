"""Early data to servers (TLS 1.3, manual 5.2, allow-0rtt; 4.2, retry-on 0rtt-rejected)."""

from __future__ import annotations

import pytest
from support.early_stand import MOST, EarlyEnd, EarlyStand
from support.stand import End, Lines

from pointsman.core.connection_faults import TLS_EARLY_FAILED, TLS_HANDSHAKE
from pointsman.core.tls import VERSION
from pointsman.log.policy import When
from pointsman.sample.context import Context

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")
CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 5s
    retries 2
frontend f
    bind 127.0.0.1:1
    http-request wait-for-handshake if { path_beg /wait }
    default_backend b
backend b
    http-reuse never
    server s {a}
"""
RETRY = CONFIG + "    retry-on 0rtt-rejected\n"
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSED = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
EARLY = 0x1000


class Faults(Lines):
    """Keeps what the server's connection has failed of (bc_err)."""

    faults: list[int] = []

    def stream(self, ctx: Context, level: int = 6) -> None:
        super().stream(ctx, level)
        self.faults.append(ctx.server_fault)


class FaultStand(EarlyStand):
    def _logger(self, when: When) -> Lines:
        made = Faults(when)
        made.faults = self.known = []
        return made


def learn(stand: EarlyStand, client: End) -> None:
    """The proxy gets a session of the server that it can resume."""
    client.send(GET)
    server = stand.serving("a")
    server.shake()
    assert not server.tls.resumed and server.take()[:4] == b"GET "
    server.send(OK)
    assert client.take().endswith(b"ok")


def hello(server: EarlyEnd) -> bytes:
    """What comes along with the proxy's hello; b"": nothing."""
    return server.take() if server.tls.handshake() & EARLY else b""


def test_a_request_goes_along_with_the_hello() -> None:
    with EarlyStand(RETRY, "a", back=True) as stand:
        learn(stand, stand.client())
        client = stand.client()
        client.send(GET)
        server = stand.serving("a")
        assert hello(server).startswith(b"GET / HTTP/1.1\r\n") and server.tls.resumed
        server.send(OK)  # before the proxy has said anything else
        assert client.take().endswith(b"ok")
        server.shake()
        assert stand.lines == ["200 --"] * 2


def test_not_every_request_does() -> None:
    """Only those that came so themselves, or that are sent again when that is refused (manual 5.2, allow-0rtt)."""
    with EarlyStand(CONFIG, "a", back=True) as stand:
        for number in range(3):
            client = stand.client()
            client.send(GET)
            server = stand.serving("a")
            assert hello(server) == b""
            server.shake()
            assert server.take()[:4] == b"GET " and server.tls.resumed == (number > 0)
            server.send(OK)
            assert client.take().endswith(b"ok")


def test_a_request_that_came_early_goes_early() -> None:
    with EarlyStand(CONFIG, "a", front=True, back=True) as stand:
        stand.learn()
        client = stand.resuming()
        client.shake()
        learn(stand, client)
        for path, early in ((b"/", True), (b"/wait", False)):
            client = stand.resuming(GET.replace(b"/ ", path + b" "))
            if not early:
                client.shake()
            server = stand.serving("a")
            assert (b"\r\nearly-data: 1\r\n" in hello(server)) is early
            server.shake()
            if early:
                client.shake()
            else:
                assert b"early-data" not in server.take()
            server.send(OK)
            assert client.take().endswith(b"ok")


def test_without_retries_a_refusal_is_told_the_client() -> None:
    with EarlyStand(CONFIG, "a", front=True, back=True) as stand:
        stand.learn()
        client = stand.resuming()
        client.shake()
        learn(stand, client)
        client = stand.resuming(GET)
        server = stand.serving("a", 0)
        assert hello(server) == b""
        stand.settle()
        client.shake()
        assert client.take().startswith(b"HTTP/1.1 425 Too Early\r\n")
        assert stand.lines[-1] == "425 SH"
        client = stand.resuming(GET)  # the session is not used any more
        server = stand.serving("a")
        server.shake()
        assert server.take()[:4] == b"GET " and not server.tls.resumed


@pytest.mark.parametrize("request_", (GET, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n01234"))
def test_what_was_refused_is_sent_again(request_: bytes) -> None:
    with EarlyStand(RETRY, "a", back=True) as stand:
        learn(stand, stand.client())
        client = stand.client()
        client.send(request_)
        server = stand.serving("a", 0)
        assert hello(server) == b""
        stand.settle()
        server = stand.serving("a")
        assert hello(server) == b""  # not early once more
        server.shake()
        got = server.take()
        assert got[:4] == request_[:4] and got.endswith(request_.partition(b"\r\n\r\n")[2])
        server.send(OK)
        assert client.take().endswith(b"ok")
        assert stand.lines == ["200 --"] * 2 and stand.record["retries"] == 1


def test_more_than_may_go_early_waits_for_the_handshake() -> None:
    body = bytes(range(256)) * 400
    with EarlyStand(RETRY, "a", back=True) as stand:
        learn(stand, stand.client())
        client = stand.client()
        client.send_all(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        server = stand.serving("a")
        got = hello(server)
        assert got.startswith(b"PUT / ") and len(got) <= MOST
        server.shake()
        for _ in range(100):
            got += server.take()
        assert got.partition(b"\r\n\r\n")[2] == body
        server.send(OK)
        assert client.take().endswith(b"ok")


@pytest.mark.parametrize("how", ("close", "abort", "garbage"))
def test_a_server_that_fails_in_the_handshake(how: str) -> None:
    with EarlyStand(RETRY, "a", back=True) as stand:
        learn(stand, stand.client())
        client = stand.client()
        client.send(GET)
        server = stand.accept("a")
        if how == "garbage":
            server.sock.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            stand.settle()
        else:
            server.sock.recv(1 << 16)
            getattr(server, how)()
        assert client.take().startswith(b"HTTP/1.1 502 ") and stand.lines[-1] == "502 SH"


def test_a_silent_server_runs_into_its_time() -> None:
    with EarlyStand(RETRY, "a", back=True) as stand:
        learn(stand, stand.client())
        client = stand.client()
        client.send(GET)
        stand.serving("a")
        stand.wait(5_100)
        assert client.take().startswith(b"HTTP/1.1 504 ") and stand.lines[-1] == "504 sH"


def test_a_tunnel() -> None:
    """What a client has sent early goes early; nothing of it is sent again."""
    text = CONFIG.replace("mode http", "mode tcp")
    for line in ("http-request wait-for-handshake if { path_beg /wait }", "http-reuse never"):
        text = text.replace(f"    {line}\n", "")
    with EarlyStand(text, "a", front=True, back=True) as stand:
        stand.learn()
        stand.serving("a").shake()  # a tunnel begins before anything is sent
        for number in range(3):
            client = stand.resuming(b"hello")
            server = stand.serving("a", 0 if number == 2 else MOST)
            assert hello(server) == (b"hello" if number < 2 else b"")
            if number == 2:
                stand.settle()
                client.shake()
                assert client.take() == b"" and client.closed
                continue
            server.shake()
            client.shake()
            server.take()
            client.send(b"more")
            assert server.take().endswith(b"more")
            server.send(b"yes")
            assert client.take() == b"yes"
            client.close()


def test_handshakes_are_counted_when_they_are_over() -> None:
    with EarlyStand(RETRY, "a", back=True) as stand:
        counted = stand.server("s").counters.totals

        def account() -> tuple[int, int, int]:
            return counted.tls_sessions, counted.tls_resumed, counted.tls_failed

        learn(stand, stand.client())
        assert account() == (1, 0, 0)
        client = stand.client()
        client.send(GET)
        server = stand.serving("a")
        assert account() == (1, 0, 0)  # it has said hello, no more
        assert hello(server)
        assert account() == (1, 1, 0)
        server.shake()
        server.send(OK)
        assert client.take().endswith(b"ok")
        client = stand.client()
        client.send(GET)
        server = stand.accept("a")
        server.sock.recv(1 << 16)
        server.abort()
        assert account() == (1, 1, 1)


@pytest.mark.parametrize("refused", (False, True))
def test_what_the_log_knows_of_it(refused: bool) -> None:
    text = CONFIG.replace("    bind", '    log-format "%[bc_err]"\n    bind')
    with FaultStand(text, "a", front=True, back=True) as stand:
        stand.learn()
        client = stand.resuming()
        client.shake()
        learn(stand, client)
        client = stand.resuming(GET)
        if refused:
            server = stand.serving("a", 0)
            server.tls.handshake()
        else:
            end = stand.accept("a")
            end.sock.recv(1 << 16)
            end.sock.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        stand.settle()
        assert stand.lines[-1] == ("425 SH" if refused else "502 SH")
        assert stand.known[-1] == (TLS_EARLY_FAILED if refused else TLS_HANDSHAKE)
