"""Heads as blocks of HTTP/2: what goes to servers and clients, in which order, and what stays behind."""

import pytest

from pointsman.proto.h1 import parse_request, parse_response
from pointsman.proto.h2_fields import request_block, request_of, response_block, trailer_block
from pointsman.proto.hpack import Decoder, coded_pair
from pointsman.proto.message import Request, Response, field

Pairs = list[tuple[bytes, bytes]]


def decoded(block: bytes) -> Pairs:
    return [(one.name, one.value) for one in Decoder(4096, 65_536).decode(block).fields]


def pairs(raw: bytes, secure: bool = False) -> Pairs:
    """What a request of HTTP/1 is in HTTP/2."""
    return decoded(request_block(parse_request(raw + b"\r\n"), secure))


def response_pairs(raw: bytes) -> Pairs:
    return decoded(response_block(parse_response(raw + b"\r\n")))


def test_8_3_1_the_authority_is_the_host() -> None:
    """HAProxy writes Host as a field here, and no authority. RFC 9113 8.3.1 wants one."""
    raw = b"GET /a?b HTTP/1.1\r\nX-A: 1\r\nHost: h.org:80\r\nAccept: x\r\n"
    for secure, scheme in ((False, b"http"), (True, b"https")):
        assert pairs(raw, secure) == [
            (b":method", b"GET"),
            (b":scheme", scheme),
            (b":authority", b"h.org:80"),
            (b":path", b"/a?b"),
            (b"x-a", b"1"),
            (b"accept", b"x"),
        ]


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (b"GET http://h.org/a HTTP/1.1", (b"GET", b"http", b"h.org", b"/a")),
        (b"GET https://h.org/a HTTP/1.1", (b"GET", b"https", b"h.org", b"/a")),
        (b"GET ftp://h.org/a HTTP/1.1", (b"GET", b"ftp", b"h.org", b"/a")),
        (b"GET http://u:p@h.org/a HTTP/1.1", (b"GET", b"http", b"h.org", b"/a")),
        (b"GET http://h.org?x=/y HTTP/1.1", (b"GET", b"http", b"h.org", b"/?x=/y")),
        (b"OPTIONS * HTTP/1.1", (b"OPTIONS", b"https", b"h.org", b"*")),
        (b"OPTIONS http://h.org HTTP/1.1", (b"OPTIONS", b"http", b"h.org", b"*")),
        (b"OPTIONS / HTTP/1.1", (b"OPTIONS", b"https", b"h.org", b"/")),
        (b"BREW / HTTP/1.0", (b"BREW", b"https", b"h.org", b"/")),
    ],
)
def test_8_3_1_what_the_first_line_says(first: bytes, expected: tuple[bytes, ...]) -> None:
    names = (b":method", b":scheme", b":authority", b":path")
    assert pairs(first + b"\r\nHost: h.org\r\n", True) == list(zip(names, expected, strict=True))


def test_8_3_1_no_host_is_no_authority() -> None:
    assert pairs(b"GET /a HTTP/1.1\r\n") == [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/a")]
    assert pairs(b"GET /a HTTP/1.1\r\nHost:\r\n") == [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/a")]


def test_8_5_connect_has_an_authority_alone() -> None:
    raw = b"CONNECT h.org:444 HTTP/1.1\r\nHost: h.org:444\r\nX-A: 1\r\n"
    assert pairs(raw) == [(b":method", b"CONNECT"), (b":authority", b"h.org:444"), (b"x-a", b"1")]


def test_8_2_2_what_is_for_one_hop_stays_here() -> None:
    raw = (
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close, x-foo, host\r\nX-Foo: 1\r\nKeep-Alive: 3\r\n"
        b"Proxy-Connection: x\r\nTE: trailers, gzip\r\nTrailer: x\r\nProxy-Authorization: z\r\nHTTP2-Settings: x\r\n"
    )
    assert pairs(raw)[2:] == [
        (b":authority", b"h"),
        (b":path", b"/"),
        (b"te", b"trailers"),
        (b"trailer", b"x"),
        (b"proxy-authorization", b"z"),
    ]


def test_8_2_2_what_rules_write_is_not_taken_away_by_connection() -> None:
    request = parse_request(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: x-forwarded-for\r\n\r\n")
    request.fields = [*request.fields, field(b"x-forwarded-for", b"192.0.2.1")]
    assert decoded(request_block(request, False))[-1] == (b"x-forwarded-for", b"192.0.2.1")


def test_8_2_2_another_upgrade_is_not_asked_for() -> None:
    raw = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: foo\r\nX: y\r\n"
    assert pairs(raw)[3:] == [(b":path", b"/"), (b"x", b"y")]


def test_8_1_1_lengths_are_the_body_s() -> None:
    sized = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
    assert pairs(sized)[4:] == [(b"content-length", b"2"), (b"expect", b"100-continue")]
    assert pairs(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n")[4:] == [(b"content-length", b"0")]
    assert pairs(b"POST / HTTP/1.1\r\nHost: h\r\n")[4:] == []
    chunked = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nX: y\r\n"
    assert pairs(chunked)[4:] == [(b"x", b"y")]
    request = parse_request(sized + b"\r\n")
    request.length = -1  # somebody changes the body on its way
    assert decoded(request_block(request, False))[4:] == [(b"expect", b"100-continue")]
    request.fields = []
    request.length = 7
    assert decoded(request_block(request, False))[-1] == (b"content-length", b"7")


def test_8_2_3_cookies_go_as_they_came() -> None:
    raw = b"GET / HTTP/1.1\r\nHost: h\r\nCookie: a=b; c=d\r\nX: y\r\nCookie: e=f\r\n"
    assert pairs(raw)[4:] == [(b"cookie", b"a=b; c=d"), (b"x", b"y"), (b"cookie", b"e=f")]
    block = request_block(parse_request(raw + b"\r\n"), False)
    assert b"\x1f\x11\x08a=b; c=d" in block  # never to be indexed (RFC 7541 6.2.3)


def test_what_rules_write_goes_out_clean() -> None:
    """Names that no field may have do not go out: a rule cannot write a pseudo-field."""
    request = parse_request(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    written = [field(b"x-w", b" v\t"), field(b"x-crlf", b"a\r\n\0b"), field(b":path", b"/x"), field(b"a b", b"c")]
    request.fields = [*request.fields, *written, field(b"x-e", b"")]
    for _ in range(2):  # what is remembered is the same
        assert decoded(request_block(request, False))[4:] == [
            (b"x-w", b"v"),
            (b"x-crlf", b"a%0D%0A%00b"),
            (b"x-e", b""),
        ]
    request.method = b"A\nB"
    request.uri = b"/a b#c"
    assert decoded(request_block(request, False))[:4:3] == [(b":method", b"A%0AB"), (b":path", b"/a%20b%23c")]


def test_a_host_that_a_rule_has_written_is_the_authority() -> None:
    request = parse_request(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    request.fields = [field(b"host", b"other")]
    assert (b":authority", b"other") in decoded(request_block(request, False))


def test_a_request_that_came_by_http_2_goes_on_as_it_came() -> None:
    given = [
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", b"ex.com"),
        (b":path", b"/a?b#c\x80"),
        (b"x-a", b"1"),
        (b"te", b"trailers"),
        (b"cookie", b"a"),
    ]
    block = Decoder(4096, 65_536).decode(b"".join([coded_pair(name, value) for name, value in given]))
    assert decoded(request_block(request_of(block, False, False, 1 << 8), False)) == given


# Responses.


def test_8_3_2_a_status_and_the_fields() -> None:
    raw = (
        b"HTTP/1.1 299 Foo\r\nConnection: keep-alive, X-Foo\r\nX-Foo: 1\r\nKeep-Alive: 3\r\nProxy-Connection: z\r\n"
        b"Transfer-Encoding: chunked\r\nTrailer: a\r\nHost: h\r\nProxy-Authenticate: b\r\nServer:  Abc\r\n"
        b"X-Empty:\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n"
    )
    assert response_pairs(raw) == [
        (b":status", b"299"),
        (b"trailer", b"a"),
        (b"host", b"h"),
        (b"proxy-authenticate", b"b"),
        (b"server", b"Abc"),
        (b"x-empty", b""),
        (b"set-cookie", b"a=b"),
        (b"set-cookie", b"c=d"),
    ]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n",
            [(b":status", b"200"), (b"content-length", b"2"), (b"x", b"y")],
        ),
        (b"HTTP/1.0 200 OK\r\nX: y\r\n", [(b":status", b"200"), (b"x", b"y")]),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n", [(b":status", b"304"), (b"content-length", b"5")]),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nX: y\r\n", [(b":status", b"204"), (b"x", b"y")]),
        (b"HTTP/1.1 100 Continue\r\n", [(b":status", b"100")]),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n", [(b":status", b"103"), (b"link", b"x")]),
    ],
)  # fmt: skip
def test_8_1_responses_of_every_kind(raw: bytes, expected: Pairs) -> None:
    assert response_pairs(raw) == expected


def test_a_response_of_our_own_says_its_length() -> None:
    response = Response()
    response.status = 403
    response.length = 4
    response.fields = [field(b"connection", b"close"), field(b"content-type", b"text/plain")]
    assert decoded(response_block(response)) == [
        (b":status", b"403"),
        (b"content-type", b"text/plain"),
        (b"content-length", b"4"),
    ]


def test_8_5_the_answer_to_connect_has_no_length() -> None:
    response = parse_response(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\n")
    assert decoded(response_block(response, True)) == [(b":status", b"200"), (b"x", b"y")]


def test_8_1_trailers_leave_behind_what_they_may_not_say() -> None:
    fields = [field(b"x-t", b"1"), field(b"connection", b"x"), field(b"te", b"trailers"), field(b":status", b"200")]
    assert decoded(trailer_block([*fields, field(b"x-u", b"")])) == [(b"x-t", b"1"), (b"x-u", b"")]
    assert trailer_block([]) == b""


def test_a_field_is_coded_once() -> None:
    request: Request = parse_request(b"GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n")
    request_block(request, False)
    kept = request.fields[1].coded
    assert kept == b"\0\x01x\x01y"
    request_block(request, False)
    assert request.fields[1].coded is kept
