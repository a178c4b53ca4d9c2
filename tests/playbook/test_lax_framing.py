"""h1-accept-payload-with-any-method and h1-do-not-close-on-insecure-transfer-encoding (manual 3.1).

What is expected here was seen of HAProxy 3.2, of versions 1.0 and 1.1, requests and responses.
"""

from __future__ import annotations

import pytest
from support.stand import Stand

CONFIG = """
global
    {global}
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    server s {a}
"""
ANY = "h1-accept-payload-with-any-method"
KEEP = "h1-do-not-close-on-insecure-transfer-encoding"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKS = b"3\r\nabc\r\n0\r\n\r\n"
LENGTH = b"Content-Length: 3\r\n"
CODING = b"Transfer-Encoding: chunked\r\n"
ALIVE = b"Connection: keep-alive\r\n"


def stand(word: str) -> Stand:
    return Stand(CONFIG.replace("{global}", word), "a")


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE"])
@pytest.mark.parametrize(("fields", "body"), [(LENGTH, b"abc"), (CODING, CHUNKS)])
def test_a_body_in_an_old_request(method: bytes, fields: bytes, body: bytes) -> None:
    request = b"%b / HTTP/1.0\r\nHost: h\r\n%b\r\n%b" % (method, fields, body)
    with stand("") as scene:
        client = scene.client()
        client.send(request)
        assert client.take().startswith(b"HTTP/1.1 413 ")
        assert scene.arrivals("a") == []
    with stand(ANY) as scene:
        client = scene.client()
        client.send(request)
        server = scene.accept("a")
        assert server.take().endswith(body)
        server.send(OK)
        assert client.take().startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("version", "fields", "kept"),
    [(b"1.1", LENGTH + CODING, True), (b"1.0", ALIVE + LENGTH + CODING, True), (b"1.0", ALIVE + CODING, False)],
)
def test_a_request_with_two_framings(version: bytes, fields: bytes, kept: bool) -> None:
    for word, alive in (("", False), (KEEP, kept)):
        with stand(word) as scene:
            client = scene.client()
            client.send(b"POST / HTTP/%b\r\nHost: h\r\n%b\r\n%b" % (version, fields, CHUNKS))
            server = scene.accept("a")
            request = server.take()
            assert b"content-length" not in request
            assert request.endswith(b"transfer-encoding: chunked\r\n\r\n" + CHUNKS)
            server.send(OK)
            answer = client.take()
            assert (b"connection: close" not in answer) is alive
            assert client.closed is not alive


def test_a_response_with_two_framings() -> None:
    for word, kept in (("", False), (KEEP, True)):
        with stand(word) as scene:
            client = scene.client()
            client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            server = scene.accept("a")
            server.send(b"HTTP/1.1 200 OK\r\n" + LENGTH + CODING + b"\r\n" + CHUNKS)
            answer = client.take()
            assert b"content-length" not in answer
            assert answer.endswith(CHUNKS)
            server.take()
            assert server.closed is not kept
            client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            if not kept:
                server = scene.accept("a")
            server.send(OK)
            assert client.take().endswith(b"ok")
