"""Responses of which rules make a 204 or a 304 lose their bodies (RFC 9110 15.3.5, 15.4.5): a client of HTTP/1 would
take them for the next response, one of HTTP/2 for a fault."""

from __future__ import annotations

import pytest
from support.h2_stand import H2Stand
from support.stand import Stand

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    http-request use-service prometheus-exporter if { path /metrics }
    http-after-response set-status STATUS
    default_backend b
backend b
    server a {a}
"""
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
ANSWERS = pytest.mark.parametrize("answer", [SIZED, CHUNKED], ids=["sized", "chunked"])


@ANSWERS
@pytest.mark.parametrize("status", [204, 304])
def test_http_1(status: int, answer: bytes) -> None:
    with Stand(CONFIG.replace("STATUS", str(status)), "a") as stand:
        client = stand.client()
        server = None
        for _ in range(3):  # later ones are remembered
            client.send(GET)
            server = server or stand.accept("a")
            server.send(answer)
            received = client.take()
            assert received.startswith(b"HTTP/1.1 %d " % status) and received.endswith(b"\r\n\r\n")
            assert received.count(b"\r\n\r\n") == 1
        assert stand.lines == [f"{status} --"] * 3


@ANSWERS
@pytest.mark.parametrize("status", [204, 304])
def test_http_2(status: int, answer: bytes) -> None:
    with H2Stand(CONFIG.replace("STATUS", str(status)), "a") as stand:
        client = stand.h2()
        server = None
        for number in (1, 3, 5):
            client.ask(number, "/x")
            server = server or stand.accept("a")
            server.send(answer)
            assert client.answer(number).status == status
            assert client.answer(number).body == b"" and number in client.ended and not client.resets


def test_a_service() -> None:
    with H2Stand(CONFIG.replace("STATUS", "204"), "a") as stand:
        client = stand.h2()
        client.ask(1, "/metrics")
        assert client.answer(1).status == 204 and client.answer(1).body == b"" and client.ended == {1}
    with Stand(CONFIG.replace("STATUS", "204"), "a") as stand:
        old = stand.client()
        old.send(GET.replace(b"/x", b"/metrics"))
        received = old.take()
        assert received.startswith(b"HTTP/1.1 204 ") and received.endswith(b"\r\n\r\n")
