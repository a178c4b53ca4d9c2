"""option accept-unsafe-violations-in-http-request and -response: what the manual says at each (4.2), as HAProxy 3.2
reads and sends it on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.proto.body import CHUNKED, Body
from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1 import LIMIT, check_switch, parse_request, parse_response, split_head
from pointsman.proto.h1_render import request_bytes, response_bytes
from pointsman.proto.unsafe import UNSAFE

HOST = b"Host: h\r\n"


def asked(first: bytes, lines: bytes = HOST) -> bytes:
    """A request that is refused, as it goes on."""
    block = first + b"\r\n" + lines + b"\r\n"
    with pytest.raises(ProtocolError):
        parse_request(block)
    return request_bytes(parse_request(block, lax=UNSAFE), close=False)


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        (b"X(A): b\r\nY: z\r\n", b"y: z\r\n"),
        (b"X-A : b\r\nY: z\r\n", b"y: z\r\n"),
        (b"Content-Length : 5\r\nY: z\r\n", b"y: z\r\n"),
        (b"Transfer-Encoding : chunked\r\nY: z\r\n", b"y: z\r\n"),
        (b"X\0A: b\r\nY: z\r\n", b"y: z\r\n"),
        (b"X(A): b\r\n folded\r\nY: z\r\n", b"y: z\r\n"),
        (b"X: a\0b\r\n", b"x: a\0b\r\n"),
    ],
)
def test_names_and_values(lines: bytes, sent: bytes) -> None:
    assert asked(b"GET /x HTTP/1.1", HOST + lines) == b"GET /x HTTP/1.1\r\nhost: h\r\n" + sent + b"\r\n"


@pytest.mark.parametrize(
    "first",
    [
        b"GET /\x80\xff HTTP/1.1",
        b"GET /a#b HTTP/1.1",
        b"GET http://h#b HTTP/1.1",
        b"CONNECT g HTTP/1.1",
        b"CONNECT g: HTTP/1.1",
        b"CONNECT g:80 HTTP/1.1",
        b"GET http://g/ HTTP/1.1",
        b"GET http://g,i/ HTTP/1.1",
    ],
)
def test_targets(first: bytes) -> None:
    assert asked(first) == first + b"\r\nhost: h\r\n\r\n"


@pytest.mark.parametrize(
    "first",
    [
        b"DESCRIBE rtsp://h/x RTSP/1.0",
        b"GET /x HTTP/1.10",
        b"GET /x HTTP/11.1",
        b"GET /x HTTP/1",
        b"GET /x XYZ/1.1",
    ],
)
def test_versions_are_those_of_http_1_0(first: bytes) -> None:
    assert asked(first) == first + b"\r\nhost: h\r\nconnection: keep-alive\r\n\r\n"


def test_a_request_of_http_0_9() -> None:
    data = b"GET /x\r\nHost: h\r\n\r\n"
    with pytest.raises(ProtocolError):
        parse_request(data)
    size = split_head(data, 0, LIMIT, True, True)
    request = parse_request(data[:size], lax=UNSAFE)
    assert (size, request.line, request.minor) == (8, b"GET /x HTTP/1.0", 0)
    assert split_head(b"GET /x", 0, LIMIT, True, True) == 0
    with pytest.raises(ProtocolError):
        parse_request(b"POST /x\r\n\r\n", lax=UNSAFE)


def test_a_websocket_without_key() -> None:
    upgrade = b"connection: upgrade\r\nupgrade: websocket\r\n"
    assert asked(b"GET /x HTTP/1.1", HOST + upgrade) == b"GET /x HTTP/1.1\r\nhost: h\r\n" + upgrade + b"\r\n"


@pytest.mark.parametrize(
    "block",
    [
        b"GET /x HTTP/1.1\r\n: b\r\n\r\n",
        b"GET /x HTTP/1.1\r\nnocolon\r\n\r\n",
        b"GET /x HTTP/1.1\r\nX: a\rb\r\n\r\n",
        b"GET /x HTTP/1.1\r\n fold\r\n\r\n",
        b"GET /\x7f HTTP/1.1\r\n\r\n",
        b"GET /\x01 HTTP/1.1\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\n\r\n",
        b"GET /x http/1.1\r\n\r\n",
        b"GET /x foo\r\n\r\n",
        b"GET /x HTTP/1.0a\r\n\r\n",
        b"GET /x y HTTP/1.1\r\n\r\n",
        b"G(T /x HTTP/1.1\r\n\r\n",
        b"GET * HTTP/1.1\r\n\r\n",
        b"GET h:80 HTTP/1.1\r\n\r\n",
        b"CONNECT /x HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: +2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
    ],
)
def test_what_stays_refused(block: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_request(block, lax=UNSAFE)


def answered(block: bytes) -> bytes:
    """A response that is refused, as it goes on."""
    with pytest.raises(ProtocolError):
        parse_response(block)
    return response_bytes(parse_response(block, lax=UNSAFE), parse_request(b"GET / HTTP/1.1\r\n\r\n"), close=False)


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (b"HTTP/1.1 2000 OK", 2000),
        (b"HTTP/1.1 0200 OK", 200),
        (b"HTTP/1.1 00000000200 OK", 200),
        (b"HTTP/1.1 65534 OK", 65534),
    ],
)
def test_long_statuses(first: bytes, status: int) -> None:
    block = first + b"\r\nContent-Length: 0\r\n\r\n"
    assert answered(block) == first + b"\r\ncontent-length: 0\r\n\r\n"
    assert parse_response(block, lax=UNSAFE).status == status


@pytest.mark.parametrize("first", [b"RTSP/1.0 200 OK", b"HTTP/1.10 200 OK", b"ICY 200 OK", b"HTTP/2 200 OK"])
def test_versions_of_responses(first: bytes) -> None:
    assert (
        answered(first + b"\r\nContent-Length: 0\r\n\r\n")
        == first + b"\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n"
    )


@pytest.mark.parametrize(
    "coding", [b"", b",", b"chunked, chunked", b"chunked,", b"chunked\r\nTransfer-Encoding: chunked"]
)
def test_codings_of_responses(coding: bytes) -> None:
    block = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + coding + b"\r\n\r\n"
    chunked = b"chunked" in coding
    assert answered(block) == b"HTTP/1.1 200 OK\r\n" + (b"transfer-encoding: chunked\r\n" if chunked else b"") + b"\r\n"
    assert parse_response(block, lax=UNSAFE).chunked is chunked


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 65535 OK\r\n",
        b"HTTP/1.1 99999999 OK\r\n",
        b"HTTP/1.1 2x OK\r\n",
        b"HTTP/1.1 OK\r\n",
        b"http/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nnocolon\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n",
    ],
)
def test_responses_that_stay_refused(head: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_response(head + b"\r\n", lax=UNSAFE)


def test_a_websocket_that_is_not_accepted() -> None:
    lines = b"Connection: upgrade\r\nUpgrade: websocket\r\n"
    request = parse_request(b"GET / HTTP/1.1\r\n" + lines + b"\r\n", lax=UNSAFE)
    response = parse_response(b"HTTP/1.1 101 x\r\n" + lines + b"\r\n")
    with pytest.raises(ProtocolError):
        check_switch(request, response)
    check_switch(request, response, True)


def test_trailers() -> None:
    body = Body()
    body.unsafe = True
    body.begin(CHUNKED, 0)
    assert body.feed(b"2\r\nab\r\n0\r\nX(A): b\r\nX: b\0c\r\nY: z\r\n\r\n") == b"ab"
    assert body.done
    assert [(one.name, one.value) for one in body.trailers] == [(b"x", b"b\0c"), (b"y", b"z")]


def test_what_rules_write_cannot_end_the_request_line() -> None:
    request = parse_request(b"GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n", lax=UNSAFE)
    request.uri = b"/\xff HTTP/1.1\r\nX: y"
    assert request_bytes(request, close=False).startswith(b"GET /\xff%20HTTP/1.1%0D%0AX:%20y HTTP/1.1\r\nhost: h")


@given(st.binary(max_size=60))
def test_garbage_raises_protocol_errors_only(data: bytes) -> None:
    for block in (data, b"GET / HTTP/1.1\r\n" + data + b"\r\n\r\n", b"GET " + data + b"\r\n\r\n"):
        for lax in (UNSAFE, 0):
            try:
                split_head(block, 0, LIMIT, True, lax != 0)
                parse_request(block, lax=lax)
            except ProtocolError:
                pass
            try:
                parse_response(b"HTTP/1.1 " + block, lax=lax)
                parse_response(block, lax=lax)
            except ProtocolError:
                pass
