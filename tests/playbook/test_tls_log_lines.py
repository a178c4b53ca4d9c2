"""What log lines say of TLS: %ft, %sslv and %sslc (manual 8.2.6), and the error log of failed handshakes (8.2.5)."""

from __future__ import annotations

import socket

import pytest
from support.stand import Lines
from support.tls_stand import TlsStand

from pointsman.core.connection_faults import PROXY_EMPTY, PROXY_TIMEOUT
from pointsman.core.diagnostics import NOWHERE
from pointsman.core.tls import VERSION
from pointsman.core.words import Word
from pointsman.log.policy import When
from pointsman.sample.context import Context
from pointsman.sample.format import parse_format
from pointsman.sample.types import Where

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")
CONFIG = """
defaults
    mode {mode}
    timeout connect 1s
    timeout client 10s
    timeout client-hs 700
    timeout server 5s
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    server s {a}
"""
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NAMES = "%ft %b/%s %f %sslv/%sslc"
SECURED = "f~ b/s f TLSv1.3/TLS_AES_256_GCM_SHA384"
CLEAR = "f b/s f -/-"
ERROR = "%ft %f %b/%s %ts %fc Th=%Th Tt=%Tt %U/%B %sslv/%sslc fc_err=%[fc_err]"


class Written(Lines):
    """Notes lines in a format, those of connections that have failed in another."""

    def __init__(self, when: When) -> None:
        super().__init__(when)
        self.usual = parse_format(Word(NAMES, NOWHERE), Where.LOG, merge_spaces=True)
        self.errors = parse_format(Word(ERROR, NOWHERE), Where.LOG, merge_spaces=True)

    def stream(self, ctx: Context, level: int = 6) -> None:
        self.lines.append(self.usual.line.text(ctx).decode())

    def session_error(self, ctx: Context, message: bytes) -> None:
        self.lines.append(self.errors.line.text(ctx).decode())


class Stand(TlsStand):
    def _logger(self, when: When) -> Lines:
        return Written(when)


def stand(mode: str = "http", side: str = "front") -> Stand:
    return Stand(CONFIG.replace("{mode}", mode), "a", side=side)


def exchange(made: Stand, times: int) -> None:
    client = made.client()
    server = None
    for _ in range(times):
        client.send(GET)
        server = server or made.accept("a")
        server.take()
        server.send(OK)
        assert client.take().endswith(b"ok")
    client.close()
    assert server is not None
    server.close()


def test_clear_and_secured_connections_of_one_frontend() -> None:
    """Lines remember the texts of tags: the "~" is that of each connection all the same."""
    with stand() as made:
        bind_state = made.bind_states[id(made.frontend())]
        transports = bind_state.transports
        for secured in (False, True, False, True, True, False):
            bind_state.transports = transports if secured else None
            made.raw = not secured
            exchange(made, 2)
        expected = [CLEAR, CLEAR, SECURED, SECURED]
        assert made.lines == expected * 2 + [SECURED, SECURED, CLEAR, CLEAR]


def test_in_tcp_mode() -> None:
    with stand("tcp") as made:
        client = made.client()
        server = made.accept("a")
        client.take()  # tickets
        client.close()
        server.close()
        assert made.lines == [SECURED]


def test_tls_to_the_server_alone_is_no_matter_of_these() -> None:
    with stand(side="back") as made:
        exchange(made, 1)
        assert made.lines == [CLEAR]


@pytest.mark.parametrize("mode", ["http", "tcp"])
def test_a_client_that_leaves_before_its_hello(mode: str) -> None:
    with stand(mode) as made:
        made.raw = True
        client = made.client()
        made.wait(100)
        client.shut()
        assert made.lines == ["f~ f f/<NOSRV> PR 1 Th=100 Tt=100 0/0 TLSv1.3/(NONE) fc_err=24"]


@pytest.mark.parametrize("mode", ["http", "tcp"])
def test_one_whose_time_is_up(mode: str) -> None:
    with stand(mode) as made:
        made.raw = True
        client = made.client()
        made.wait(800)
        assert client.ended()
        (line,) = made.lines
        assert line.startswith("f~ f f/<NOSRV> PR 1 Th=-1 Tt=7") and line.endswith(" 0/0 TLSv1.3/(NONE) fc_err=26")


def test_one_that_speaks_another_protocol() -> None:
    with stand() as made:
        made.raw = True
        made.client().send(b"GET / HTTP/1.0\r\n\r\n")
        assert made.lines == ["f~ f f/<NOSRV> PR 1 Th=0 Tt=0 0/0 TLSv1.3/(NONE) fc_err=34"]


@pytest.mark.parametrize("reason, th", [(PROXY_EMPTY, "0"), (PROXY_TIMEOUT, "-1")])
@pytest.mark.parametrize("secured", [False, True])
def test_a_bad_proxy_header(reason: int, th: str, secured: bool) -> None:
    """On a socket of TLS the line says so, although there was no handshake."""
    with stand() as made:
        made.raw = True
        if not secured:
            made.bind_states[id(made.frontend())].transports = None
        end, arrival = made.arrive()
        socket.socket(fileno=arrival.fd).close()
        made.frontend().refused(arrival, reason, False)
        made.frontend().closed(arrival.bind_state)
        end.close()
        name, tls = ("f~", "TLSv1.3/(NONE)") if secured else ("f", "-/-")
        assert made.lines == [f"{name} f f/<NOSRV> PR 1 Th={th} Tt=0 0/0 {tls} fc_err={reason}"]
