"""Checks over HTTP/2 (manual 5.2, check-proto; 4.2, http-check connect): statuses and words are those of HAProxy."""

from __future__ import annotations

import asyncio

import pytest
from hpack import Decoder
from scripted import RESET, Farm, Scripted, with_server
from support.h2_peer import (
    CANCEL,
    DATA,
    GOAWAY,
    HEADERS,
    PREFACE,
    Frame,
    data,
    frame,
    goaway,
    headers,
    literals,
    ping,
    rst_stream,
    settings,
)

import pointsman.keywords

assert pointsman.keywords

WORDS = "check inter 15000 check-proto h2"


def answer(status: str, body: bytes = b"", *more: tuple[str, str]) -> bytes:
    head = headers(1, literals([(":status", status), ("content-length", str(len(body))), *more]), end=not body)
    return settings() + settings(ack=True) + head + (data(1, body, end=True) if body else b"")


def check(lines: str, said: bytes, words: str = WORDS, **how: bool) -> tuple[tuple[str, int, str], list[bytes]]:
    """Status, code and info after one check, and what the server has read."""
    script = Scripted(said, **how)
    found: list[tuple[str, int, str]] = []

    async def scene() -> None:
        farm = Farm(lines, [words], [script.port])
        await farm.checkers[0].once()
        server = farm.server
        found.append((server.check_status, server.check_code, server.last_check))

    with_server(script, scene)
    return found[0], script.requests


def frames_of(received: bytes) -> list[Frame]:
    assert received.startswith(PREFACE)
    received = received[len(PREFACE) :]
    found: list[Frame] = []
    while received:
        end = 9 + int.from_bytes(received[:3], "big")
        found.append(Frame(received[3], received[4], int.from_bytes(received[5:9], "big"), received[9:end]))
        received = received[end:]
    return found


@pytest.mark.parametrize(
    "lines, asked, body",
    [
        ("option httpchk", [(":method", "OPTIONS"), (":scheme", "http"), (":path", "/")], b""),
        ("option httpchk GET /h", [(":method", "GET"), (":scheme", "http"), (":path", "/h")], b""),
        (
            "option httpchk|http-check send meth PUT uri /u ver HTTP/1.1 hdr Host ex.am hdr X-B y body hello",
            [
                (":method", "PUT"),
                (":scheme", "http"),
                (":authority", "ex.am"),
                (":path", "/u"),
                ("x-b", "y"),
                ("content-length", "5"),
            ],
            b"hello",
        ),
        (
            "option httpchk GET /h|http-check send hdr connection keep-alive hdr te trailers",
            [(":method", "GET"), (":scheme", "http"), (":path", "/h"), ("te", "trailers")],
            b"",
        ),
        (
            "option httpchk DELETE /h|http-check connect proto h2|http-check send meth GET uri /x",
            [(":method", "GET"), (":scheme", "http"), (":path", "/x")],
            b"",
        ),
    ],
)
def test_requests(lines: str, asked: list[tuple[str, str]], body: bytes) -> None:
    words = WORDS if "http-check connect" not in lines else "check inter 15000"
    result, requests = check(lines, answer("200"), words)
    assert result == ("L7OK", 200, "")
    frames = frames_of(requests[0])
    (head,) = [one for one in frames if one.kind == HEADERS]
    assert Decoder().decode(head.payload) == asked
    assert b"".join(one.payload for one in frames if one.kind == DATA) == body


STS = "TCPCHK did not match content(status codes) at step 2"


@pytest.mark.parametrize(
    "said, result",
    [
        (answer("204"), ("L7OK", 204, "")),
        (answer("503"), ("L7STS", 503, STS)),
        (settings() + rst_stream(1, CANCEL), ("SOCKERR", 0, "")),
        (settings() + goaway(0), ("SOCKERR", 0, "")),
        (settings() + headers(1, literals([("x", "y")])), ("SOCKERR", 0, "")),
        (settings() + frame(DATA, 0, 0, b"x"), ("SOCKERR", 0, "")),
        (settings(), ("SOCKERR", 0, "")),
        (b"HTTP/1.1 200 OK\r\n\r\n", ("SOCKERR", 0, "")),
        (b"", ("SOCKERR", 0, "")),
        (RESET, ("SOCKERR", 0, "ECONNRESET returned by OS (Connection reset by peer)")),
        (
            settings() + headers(1, literals([(":status", "103")]), end=False) + ping() + answer("200")[9:],
            ("L7OK", 200, ""),
        ),
    ],
    ids=[*("204", "503", "reset", "goaway", "no status", "bad frame", "end", "HTTP/1", "nothing", "TCP reset", "103")],
)
def test_answers(said: bytes, result: tuple[str, int, str]) -> None:
    assert check("option httpchk", said)[0] == result


@pytest.mark.parametrize(
    "said, result",
    [
        (answer("200", b"hello there"), ("L7OK", 200, "")),
        (answer("200", b"good bye"), ("L7RSP", 0, "HTTP content check did not match")),
        (answer("200"), ("L7RSP", 0, "HTTP content check could not find a response body")),
        (answer("200", b"hello")[:-14] + data(1, b"hel") + data(1, b"lo", end=True), ("L7OK", 200, "")),
    ],
    ids=["there", "not there", "no body", "in pieces"],
)
def test_bodies(said: bytes, result: tuple[str, int, str]) -> None:
    assert check("option httpchk|http-check expect string hello", said)[0] == result


def test_a_silent_server() -> None:
    assert check("option httpchk", settings(), "check inter 100 check-proto h2", hold=True)[0] == ("L7TOUT", 0, "")


def test_the_protocol_of_traffic_is_that_of_checks() -> None:
    """Unless they go elsewhere, or say otherwise."""
    result, requests = check("option httpchk", answer("200"), "check inter 15000 proto h2")
    assert result == ("L7OK", 200, "") and requests[0].startswith(PREFACE)
    plain = b"HTTP/1.0 200 OK\r\n\r\n"
    result, requests = check("option httpchk", plain, "check inter 15000 proto h2 check-proto h1")
    assert result == ("L7OK", 200, "") and requests[0].startswith(b"OPTIONS / HTTP/1.0\r\n")
    lines = "option httpchk|http-check connect|http-check send meth GET uri /x"
    result, requests = check(lines, plain, WORDS)
    assert result == ("L7OK", 200, "") and requests[0].startswith(b"GET /x HTTP/1.0\r\n")


def test_one_connection_for_several_checks() -> None:
    """Manual 5.2, check-reuse-pool."""
    script = Scripted(answer("200"), hold=True)

    async def scene() -> None:
        farm = Farm("option httpchk GET /h", ["check inter 15000 proto h2 check-reuse-pool"], [script.port])
        (checker,) = farm.checkers
        await checker.once()
        assert farm.server.check_status == "L7OK"
        task = asyncio.create_task(checker.once())
        while b"\1\5\0\0\0\3" not in b"".join(script.requests):
            await asyncio.sleep(0.001)
        task.cancel()
        checker.end()

    with_server(script, scene)
    frames = frames_of(b"".join(script.requests))
    assert [one.stream for one in frames if one.kind == HEADERS] == [1, 3], "on the same connection"
    assert not any(one.kind == GOAWAY for one in frames)
