"""Where a head ends, however its bytes arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1 import LIMIT, parse_request, parse_response, split_head

REQUESTS = [
    b"GET /a?b HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n",
    b"\r\n\r\nPOST http://h:80/ HTTP/1.1\r\nHost: h:80\r\nContent-Length: 02\r\nX: a\r\n\t b\r\n\r\n",
    b"GET /a HTTP/1.1\nHost: h\nX: y\n\n",
    b"\nGET /a HTTP/1.0\nHost: h\r\nX: y\n z\n\r\n",
    b"CONNECT h:443 HTTP/1.1\r\n\r\n",
    b"OPTIONS * HTTP/1.1\n\n",
]
RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.0 404\nX: y\n  z\n\n",
    b"\r\nHTTP/1.1 100 Continue\r\n\r\n",
]


def arrive(whole: bytes, cuts: list[int], is_request: bool) -> int:
    """The length that split_head gives when `whole` arrives in pieces."""
    data = b""
    known = 0
    for end in [*sorted(cuts), len(whole)]:
        data = whole[:end]
        size = split_head(data, known, LIMIT, is_request)
        if size:
            return size
        known = len(data)
    return 0


@pytest.mark.parametrize("is_request", [True, False])
def test_cut_at_every_byte(is_request: bool) -> None:
    for head in REQUESTS if is_request else RESPONSES:
        for rest in (b"", b"more\n\n", b"\r\n\r\n", b"\n", b"GET / HTTP/1.1\r\n\r\n"):
            whole = head + rest
            assert arrive(whole, [], is_request) == len(head)
            assert arrive(whole, list(range(1, len(whole))), is_request) == len(head)
            for cut in range(1, len(whole)):
                assert arrive(whole, [cut], is_request) == len(head)


@given(st.sampled_from(REQUESTS), st.lists(st.integers(1, 60), max_size=6), st.binary(max_size=8))
def test_any_cut_gives_the_same_head(head: bytes, cuts: list[int], rest: bytes) -> None:
    whole = head + rest
    size = arrive(whole, [cut for cut in cuts if cut < len(whole)], True)
    assert size == len(head)
    parsed = parse_request(whole[:size])
    again = parse_request(head)
    assert (parsed.method, parsed.uri, parsed.minor) == (again.method, again.uri, again.minor)
    assert parsed.length == again.length
    assert [(one.name, one.value) for one in parsed.fields] == [(one.name, one.value) for one in again.fields]


PIECES = st.lists(
    st.sampled_from(
        [
            b"GET / HTTP/1.1",
            b"\r\n",
            b"\n",
            b"\r",
            b"A: b",
            b"A:",
            b" c",
            b"HTTP/1.1 200 OK",
            b"\0",
            b"\x80",
            b"A b",
            b"Host: h",
        ]
    ),
    max_size=12,
)


@given(PIECES, st.booleans())
def test_what_is_refused_early_is_refused_when_whole(pieces: list[bytes], is_request: bool) -> None:
    whole = b"".join(pieces) + b"\r\n\r\n"
    parse = parse_request if is_request else parse_response
    try:
        at_once = split_head(whole, 0, LIMIT, is_request)
        if at_once:
            parse(whole[:at_once])
    except ProtocolError:
        return
    assert arrive(whole, list(range(1, len(whole))), is_request) == at_once


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01",
        b"G\0",
        b"GET /\x80",
        b"GET /a#",
        b"GET /a\n",
        b"GET /a\r\n",
        b"GET /a HTTX\r\n",
        b"GET /a HTTP/1.1\r\nA b\r\n",
        b"GET /a HTTP/1.1\r\nA b",
        b"GET /a HTTP/1.1\r\nA: b\r\n(",
        b"SSH-2.0-x\r\n",
        b"GET /a HTTP/1.1\r\nA: b\r\n: c",
        b"PRI * HTTP/1.0\r\n",
        b"\rGET",
    ],
)
def test_no_request_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        split_head(data, 0, LIMIT, True)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "data", [b"\x15\x03", b"HTTX", b"HTTP/1.1 2x0\r\n", b"HTTP/1.1 200 OK\r\nA b\r\n", b"SSH-2.0-x"]
)
def test_no_response_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        split_head(data, 0, LIMIT, False)
    assert caught.value.status == 502


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"G",
        b"GET",
        b"GET ",
        b"GET /a",
        b"GET /a HTTX",
        b"GET /a HTTP/1.1\r",
        b"GET /a HTTP/1.1\r\nA",
        b"GET /a HTTP/1.1\r\nA: b\r\n\r",
        b"\r",
        b"\r\n",
        b"\n\r\n\r",
    ],
)
def test_needs_more(data: bytes) -> None:
    assert split_head(data, 0, LIMIT, True) == 0


def test_limits() -> None:
    frame = b"GET / HTTP/1.1\r\nA: \r\n\r\n"
    fits = frame.replace(b"A: ", b"A: " + b"x" * (LIMIT - len(frame)))
    assert split_head(fits + b"body" * 5000, 0, LIMIT, True) == LIMIT == len(fits)
    assert split_head(b"\r\n" + fits, 0, LIMIT, True) == LIMIT + 2
    longer = fits.replace(b"A: ", b"A: x")
    assert split_head(longer[:LIMIT], 0, LIMIT, True) == 0
    for data in (longer, longer + b"body", b"GET / HTTP/1.1\r\nA: " + b"x" * LIMIT):
        with pytest.raises(ProtocolError) as caught:
            split_head(data, 0, LIMIT, True)
        assert caught.value.status == 431
        with pytest.raises(ProtocolError) as caught:
            split_head(data, 0, LIMIT, False)
        assert caught.value.status == 502
    with pytest.raises(ProtocolError) as caught:
        split_head(b"GET /" + b"x" * LIMIT + b" HTTP/1.1\r\n\r\n", 0, LIMIT, True)
    assert caught.value.status == 414


@given(st.binary(max_size=60), st.booleans(), st.integers(0, 60))
def test_garbage(data: bytes, is_request: bool, known: int) -> None:
    try:
        size = split_head(data, min(known, len(data)), LIMIT, is_request)
    except ProtocolError as error:
        assert error.status == (400 if is_request else 502)
    else:
        assert 0 <= size <= len(data)
