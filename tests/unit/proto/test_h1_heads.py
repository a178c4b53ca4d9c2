"""What a head must be, case by case: refused with its status, mended, or tolerated (but under strict)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.proto.errors import UNANSWERED, ProtocolError
from pointsman.proto.h1 import check_switch, parse_request, parse_response
from pointsman.proto.message import Request

HOST = b"Host: h\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


def get(lines: bytes, first: bytes = b"GET /a HTTP/1.1", host: bytes = HOST) -> bytes:
    return first + b"\r\n" + host + lines + b"\r\n"


def post(lines: bytes) -> bytes:
    return get(lines, b"POST /a HTTP/1.1")


def shown(request: Request) -> list[bytes]:
    return [b"%b: %b" % (one.name, one.value) for one in request.fields]


REFUSED = {
    # Content-Length
    "differing lengths": post(b"Content-Length: 2\r\nContent-Length: 3\r\n"),
    "differing list": post(b"Content-Length: 2, 3\r\n"),
    "empty length": post(b"Content-Length:\r\n"),
    "length 2,": post(b"Content-Length: 2,\r\n"),
    "length ,2": post(b"Content-Length: ,2\r\n"),
    "length +2": post(b"Content-Length: +2\r\n"),
    "length -2": post(b"Content-Length: -2\r\n"),
    "length 0x2": post(b"Content-Length: 0x2\r\n"),
    "length 0_2": post(b"Content-Length: 0_2\r\n"),
    "length 2 2": post(b"Content-Length: 2 2\r\n"),
    "vertical tab before digits": post(b"Content-Length: \v2\r\n"),
    "vertical tab after digits": post(b"Content-Length: 2\v\r\n"),
    "Arabic digits": post(b"Content-Length: \xd9\xa2\r\n"),
    "superscript two of latin-1": post(b"Content-Length: \xb2\r\n"),
    "2^64": post(b"Content-Length: 18446744073709551616\r\n"),
    "a number beyond int()'s limit": post(b"Content-Length: " + b"9" * 5000 + b"\r\n"),
    "differing lengths over a fold": post(b"Content-Length: 2,\r\n 3\r\n"),
    # Transfer-Encoding
    "xchunked": post(b"Transfer-Encoding: xchunked\r\n"),
    "identity": post(b"Transfer-Encoding: identity\r\n"),
    "gzip alone": post(b"Transfer-Encoding: gzip\r\n"),
    "chunked twice in a list": post(b"Transfer-Encoding: chunked, chunked\r\n"),
    "chunked twice": post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    "chunked,gzip": post(b"Transfer-Encoding: chunked,gzip\r\n"),
    "parameters": post(b"Transfer-Encoding: chunked;q=1\r\n"),
    "parameters before": post(b"Transfer-Encoding: gzip;q=1, chunked\r\n"),
    "quotes": post(b'Transfer-Encoding: "chunked"\r\n'),
    "vertical tab": post(b"Transfer-Encoding: \vchunked\r\n"),
    "form feed": post(b"Transfer-Encoding: chunked\f\r\n"),
    "NUL in it": post(b"Transfer-Encoding: chunked\0\r\n"),
    "leading comma": post(b"Transfer-Encoding: ,chunked\r\n"),
    "trailing comma": post(b"Transfer-Encoding: chunked,\r\n"),
    "empty coding": post(b"Transfer-Encoding:\r\n"),
    # Fields
    "space before the colon": get(b"A : b\r\n"),
    "tab before the colon": get(b"A\t: b\r\n"),
    "CR in a value": get(b"A: b\rc\r\n"),
    "CR before the end": get(b"A: b\r\r\n"),
    "fold of the first field": get(b"", host=b" x: y\r\n"),
    "blank first field": get(b"", host=b"\t\r\n"),
    "no colon": get(b"A\r\n"),
    "empty name": get(b": b\r\n"),
    "name with a bracket": get(b"A(: b\r\n"),
    "name with a quote": get(b'"A": b\r\n'),
    "name with a byte above 127": get(b"A\xe9: b\r\n"),
    "NUL in a name": get(b"A\0: b\r\n"),
    "NUL in a value": get(b"A: b\0\r\n"),
    "vertical tab as a line's end": get(b"A: b\r\nC\v: d\r\n"),
    "file separator in a name": get(b"A\x1cB: b\r\n"),
    "next line in a name": get(b"A\x85: b\r\n"),
    "101 fields": get(b"a: b\r\n" * 101, host=b""),
    # Target and Host
    "authority form with GET": get(b"", b"GET h:80 HTTP/1.1"),
    "a relative target": get(b"", b"GET a/b HTTP/1.1"),
    "an urn": get(b"", b"GET urn:x/y HTTP/1.1"),
    "* with GET": get(b"", b"GET * HTTP/1.1"),
    "* with more": get(b"", b"OPTIONS *x HTTP/1.1"),
    "* with CONNECT": get(b"", b"CONNECT * HTTP/1.1"),
    "fragment": get(b"", b"GET /a#b HTTP/1.1"),
    "target above 127": get(b"", b"GET /\x80 HTTP/1.1"),
    "DEL in the target": get(b"", b"GET /\x7f HTTP/1.1"),
    "vertical tab in the target": get(b"", b"GET /\v HTTP/1.1"),
    "NUL in the target": get(b"", b"GET /\0 HTTP/1.1"),
    "authority differs from Host": get(b"", b"GET http://g/ HTTP/1.1"),
    "authority's port differs": get(b"", b"GET http://h:81/ HTTP/1.1"),
    "a default port with a zero": get(b"", b"GET http://h:080/ HTTP/1.1"),
    "the other scheme's port": get(b"", b"GET https://h:80/ HTTP/1.1"),
    "no authority": get(b"", b"GET http:/h/ HTTP/1.1"),
    "empty authority": get(b"", b"GET http:///a HTTP/1.1"),
    "query that differs from Host": get(b"", b"GET http://g?x=/ HTTP/1.1"),
    "query in Host": get(b"", b"GET http://h?x HTTP/1.1", b"Host: h?x\r\n"),
    "two ports in the authority": get(b"", b"GET http://h:80:/ HTTP/1.1", b"Host: h:80\r\n"),
    "open bracket in the authority": get(b"", b"GET http://[::1/ HTTP/1.1", b"Host: [::1\r\n"),
    "bracket amid the authority": get(b"", b"GET http://[a]x/ HTTP/1.1", b""),
    "Host that is empty, and a target": get(b"", b"GET http://h/ HTTP/1.1", b"Host:\r\n"),
    "Host with an open bracket": get(b"", host=b"Host: [::1\r\n"),
    "Host with a closing bracket": get(b"", host=b"Host: ::1]\r\n"),
    "Host with something behind its bracket": get(b"", host=b"Host: [::1]x\r\n"),
    "Host with two brackets": get(b"", host=b"Host: [[::1]]\r\n"),
    "Host with brackets the wrong way": get(b"", host=b"Host: ][\r\n"),
    "scheme with a digit first": get(b"", b"GET 1http://h/ HTTP/1.1"),
    "differing Hosts": get(b"Host: g\r\n"),
    "Host with a comma": get(b"", host=b"Host: h,g\r\n"),
    "Host with an at sign": get(b"", host=b"Host: u@h\r\n"),
    "Host with a slash": get(b"", host=b"Host: h/\r\n"),
    "Host with a space": get(b"", host=b"Host: h x\r\n"),
    "Host with a fold": get(b" A: b\r\n"),
    "HTTP/0.9": b"GET /a\r\n\r\n",
    "HTTP/1.10": get(b"", b"GET /a HTTP/1.10"),
    "HTTP/01.1": get(b"", b"GET /a HTTP/01.1"),
    "HTTP/1.": get(b"", b"GET /a HTTP/1."),
    "HTTP/1.x": get(b"", b"GET /a HTTP/1.x"),
    "http/1.1": get(b"", b"GET /a http/1.1"),
    "RTSP/1.0": get(b"", b"GET /a RTSP/1.0"),
    "version and a space": get(b"", b"GET /a HTTP/1.1 "),
    "version and a NUL": get(b"", b"GET /a HTTP/1.1\0"),
    "a space at the end": get(b"", b"GET /a HTTP/1.1 "),
    "a tab at the end": get(b"", b"GET /a HTTP/1.1\t"),
    "a vertical tab": get(b"", b"GET\v/a HTTP/1.1"),
    "a form feed": get(b"", b"GET \f/a HTTP/1.1"),
    "no target": get(b"", b"GET  HTTP/1.1"),
    "no method": get(b"", b" /a HTTP/1.1"),
    "method with an at sign": get(b"", b"G@T /a HTTP/1.1"),
    "method above 127": get(b"", b"G\xe9T /a HTTP/1.1"),
    "the method of HTTP/2's preface": get(b"", b"PRI /a HTTP/1.1"),
    "WebSocket without key": get(b"Upgrade: websocket\r\nConnection: upgrade\r\n"),
    "WebSocket in a list without key": get(b"Upgrade: foo, WebSocket\r\nConnection: x, Upgrade\r\n"),
    "WebSocket with a short key": get(b"Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: x\r\n"),
    "WebSocket with a body but without key": post(
        b"Upgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 1\r\n"
    ),
    "WebSocket with an odd key": get(
        b"Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: " + b"\v" * 24 + b"\r\n"
    ),
    # CONNECT
    "CONNECT without port": get(b"", b"CONNECT h HTTP/1.1"),
    "CONNECT with an empty port": get(b"", b"CONNECT h: HTTP/1.1", b"Host: h:\r\n"),
    "CONNECT with a named port": get(b"", b"CONNECT h:x HTTP/1.1", b"Host: h:x\r\n"),
    "CONNECT with a scheme": get(b"", b"CONNECT http://h/ HTTP/1.1"),
    "CONNECT with a path": get(b"", b"CONNECT /a HTTP/1.1"),
    "CONNECT elsewhere": get(b"", b"CONNECT g:80 HTTP/1.1"),
    "CONNECT with another port than Host": get(b"", b"CONNECT h:8080 HTTP/1.1"),
    # No head at all
    "nothing": b"",
    "empty lines": b"\r\n\r\n",
    "no empty line": b"GET / HTTP/1.1\r\nHost: h\r\n",
    "two heads": get(b"") + get(b""),
}


@pytest.mark.parametrize("block", REFUSED.values(), ids=REFUSED.keys())
def test_refused(block: bytes) -> None:
    for strict in (False, True):
        with pytest.raises(ProtocolError) as caught:
            parse_request(block, strict)
        assert caught.value.status == 400


@pytest.mark.parametrize(
    "coding",
    [
        b"gzip,chunked",
        b"gzip, chunked",
        b"identity, chunked",
        b"deflate,chunked",
        b"gzip\r\nTransfer-Encoding: chunked",
    ],
)
def test_unknown_coding_before_chunked(coding: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_request(post(b"Transfer-Encoding: " + coding + b"\r\n"))
    assert caught.value.status == 422


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE"])
@pytest.mark.parametrize("framing", [b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_body_of_an_old_bodiless_method(method: bytes, framing: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_request(get(framing, method + b" /a HTTP/1.0"))
    assert caught.value.status == 413


def test_old_methods_that_may_have_a_body() -> None:
    assert parse_request(get(b"Content-Length: 2\r\n", b"PUT /a HTTP/1.0")).length == 2
    assert parse_request(get(b"Content-Length: 0\r\n", b"GET /a HTTP/1.0")).length == 0


MENDED = {
    "equal lengths": (
        post(b"Content-Length: 2, 2\r\nX: y\r\ncontent-length:2\r\n"),
        [b"host: h", b"content-length: 2", b"x: y"],
    ),
    "a length with zeros": (post(b"Content-Length: 02\r\n"), [b"host: h", b"content-length: 2"]),
    "many zeros": (post(b"Content-Length: " + b"0" * 40 + b"2\r\n"), [b"host: h", b"content-length: 2"]),
    "2^64 - 1": (
        post(b"Content-Length: 18446744073709551615\r\n"),
        [b"host: h", b"content-length: 18446744073709551615"],
    ),
    "length and coding": (
        post(b"A: 1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nB: 2\r\n"),
        [b"host: h", b"a: 1", b"transfer-encoding: chunked", b"b: 2"],
    ),
    "tabs around chunked": (post(b"Transfer-Encoding: \tChunked\t\r\n"), [b"host: h", b"transfer-encoding: chunked"]),
    "a folded coding": (post(b"Transfer-Encoding:\r\n chunked\r\n"), [b"host: h", b"transfer-encoding: chunked"]),
    "folds": (
        b"GET /a HTTP/1.1\nHost: h\nX: y\n  z\r\n\t\r\n  a \r\nY: \r\n\r\n",
        [b"host: h", b"x: y   z  \t    a", b"y: "],
    ),
    "fold of nothing": (get(b"X:\r\n  z\r\n"), [b"host: h", b"x: z"]),
    "white space": (get(b"X:  a b \t \r\nY:\r\nZ:\xe9\x80\r\n"), [b"host: h", b"x: a b", b"y: ", b"z: \xe9\x80"]),
    "equal Hosts": (get(b"A: b\r\nhoST: H\r\n"), [b"host: h", b"a: b"]),
    "TE": (get(b"TE: gzip\r\nX: 1\r\nTE: x, trailers\r\nY: 1\r\n"), [b"host: h", b"x: 1", b"te: trailers", b"y: 1"]),
    "h2c": (
        get(b"Upgrade: h2c\r\nHTTP2-Settings: abc\r\nConnection: Upgrade, HTTP2-Settings\r\nA: 1\r\n"),
        [b"host: h", b"http2-settings: abc", b"a: 1"],
    ),
    "h2": (get(b"Upgrade: h2\r\nConnection: x, Upgrade\r\n"), [b"host: h", b"connection: x"]),
    "an empty upgrade": (get(b"Upgrade:\r\nConnection: Upgrade\r\n"), [b"host: h"]),
    "an upgrade that Connection does not name": (
        get(b"Upgrade: foo\r\nConnection: x\r\n"),
        [b"host: h", b"connection: x"],
    ),
    "a WebSocket that Connection does not name": (get(b"Upgrade: websocket\r\n"), [b"host: h"]),
    "Connection names an upgrade that is none": (
        get(b"Connection: keep-alive, Upgrade\r\nA: 1\r\n"),
        [b"host: h", b"connection: keep-alive", b"a: 1"],
    ),
    "h2c and another": (
        get(b"Upgrade: H2C, foo\r\nConnection: upgrade\r\n"),
        [b"host: h", b"upgrade: foo", b"connection: upgrade"],
    ),
    "upgrade with a body": (
        post(b"Connection: upgrade\r\nUpgrade: foo\r\nContent-Length: 3\r\n"),
        [b"host: h", b"connection: upgrade", b"upgrade: foo", b"content-length: 3"],
    ),
    "default port": (get(b"", b"GET http://h:80/a?b HTTP/1.1", b"Host: h:80\r\n"), [b"host: h"]),
    "default port of a tunnel": (get(b"", b"CONNECT h:443 HTTP/1.1", b"Host: h:443\r\n"), [b"host: h"]),
    "CONNECT with a length": (
        get(b"Content-Length: 3\r\n", b"CONNECT h:8080 HTTP/1.1", b"Host: h:8080\r\n"),
        [b"host: h:8080"],
    ),
    "an empty line before": (b"\r\n" + get(b""), [b"host: h"]),
    "two empty lines before": (b"\r\n\r\n" + get(b""), [b"host: h"]),
    "empty lines before": (b"\r\n\n\r\n" + get(b""), [b"host: h"]),
    "bare LF": (b"GET /a HTTP/1.1\nHost: h\nX: y\n\n", [b"host: h", b"x: y"]),
    "LF and CRLF": (b"GET /a HTTP/1.1\nHost: h\r\nX: y\n\r\n", [b"host: h", b"x: y"]),
}


@pytest.mark.parametrize(("block", "fields"), MENDED.values(), ids=MENDED.keys())
def test_mended(block: bytes, fields: list[bytes]) -> None:
    assert shown(parse_request(block)) == fields


@pytest.mark.parametrize(
    ("first", "host", "uri"),
    [
        (b"GET http://h:80/a?b HTTP/1.1", b"h", b"http://h/a?b"),
        (b"GET http://h:/ HTTP/1.1", b"h", b"http://h/"),
        (b"GET HTTP://h:80/ HTTP/1.1", b"h:80", b"HTTP://h/"),
        (b"GET https://h:443/ HTTP/1.1", b"h", b"https://h/"),
        (b"GET http://[::1]:80/ HTTP/1.1", b"[::1]", b"http://[::1]/"),
        (b"GET http://u@h:80/ HTTP/1.1", b"h", b"http://u@h/"),
        (b"GET http://h/a HTTP/1.1", b"h:80", b"http://h/a"),
        (b"GET http://h/a HTTP/1.1", b"h:", b"http://h/a"),
        (b"GET https://h:80/a HTTP/1.1", b"h:80", b"https://h:80/a"),
        (b"GET HTTP://H/a HTTP/1.1", b"h", b"HTTP://H/a"),
        (b"GET ftp://h/a HTTP/1.1", b"h", b"ftp://h/a"),
        (b"OPTIONS http://h HTTP/1.1", b"h", b"http://h"),
        (b"OPTIONS * HTTP/1.1", b"h", b"*"),
        (b"CONNECT h:80 HTTP/1.1", b"h", b"h:80"),
        (b"CONNECT [::1]:443 HTTP/1.1", b"[::1]:443", b"[::1]:443"),
        (b"GET\t/a HTTP/1.1", b"h", b"/a"),
        (b"GET  /a \tHTTP/1.1", b"h", b"/a"),
        (b"GET http://h HTTP/1.1", b"h", b"http://h/"),
        (b"GET http://u@h:80 HTTP/1.1", b"h", b"http://u@h/"),
        (b"GET ftp://h:21 HTTP/1.1", b"h:21", b"ftp://h:21/"),
        (b"GET http://h?x=/a@b HTTP/1.1", b"h", b"http://h?x=/a@b"),
        (b"GET http://h:80?x HTTP/1.1", b"h", b"http://h?x"),
        (b"OPTIONS http://h:80 HTTP/1.1", b"h", b"http://h"),
        (b"GET http:///a HTTP/1.1", b"", b"http:///a"),
        (b"GET http:///a HTTP/1.1", b":80", b"http:///a"),
        (b"GET http://:80/ HTTP/1.1", b":80", b"http:///"),
        (b"GET http://:81/ HTTP/1.1", b":81", b"http://:81/"),
        (b"GET http:// HTTP/1.1", b"", b"http:///"),
        (b"CONNECT h:80 HTTP/1.1", b"h:", b"h:80"),
        (b"CONNECT [::1]:443 HTTP/1.1", b"[::1]:", b"[::1]:443"),
        (b"CONNECT :80 HTTP/1.1", b"", b":80"),
        (b'GET /<>"\\^`{|}%zz HTTP/1.1', b"h", b'/<>"\\^`{|}%zz'),
    ],
)
def test_targets(first: bytes, host: bytes, uri: bytes) -> None:
    assert parse_request(get(b"", first, b"Host: " + host + b"\r\n")).uri == uri


def test_blanks_in_a_request_line_go_on_as_single_ones() -> None:
    request = parse_request(get(b"", b"GET \t http://h:80\t\tHTTP/1.1"))
    assert request.line == b"GET http://h/ HTTP/1.1"


def test_who_speaks_http2_is_not_answered() -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_request(b"PRI * HTTP/2.0\r\n\r\n")
    assert caught.value.status == UNANSWERED


@pytest.mark.parametrize("host", [b"[::1]", b"[::1]:80", b"h:80", b"", b":80", b"[]", b"[v1.x]:", b"::1"])
def test_good_hosts(host: bytes) -> None:
    assert parse_request(get(b"", host=b"Host: " + host + b"\r\n")).host == host


def test_host_of_a_target_without_a_host_field() -> None:
    assert parse_request(get(b"", b"GET http://h:80/ HTTP/1.1", b"")).host == b"h"
    assert parse_request(get(b"", b"CONNECT h:80 HTTP/1.0", b"")).host == b"h:80"
    assert parse_request(get(b"", host=b"")).host is None


@pytest.mark.parametrize("name", ["length and coding", "tabs around chunked"])
def test_close_after_two_framings_only(name: str) -> None:
    request = parse_request(MENDED[name][0])
    assert (request.length, request.chunked, request.close_after) == (-1, True, name == "length and coding")


def test_coding_in_http_10() -> None:
    request = parse_request(get(b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n", b"POST /a HTTP/1.0"))
    assert (request.minor, request.chunked, request.keep, request.close_after) == (0, True, True, True)


TOLERATED = {
    "HTTP/1.1 without Host": (get(b"", host=b""), 400),
    "two spaces": (get(b"", b"GET  /a HTTP/1.1"), 400),
    "a tab": (get(b"", b"GET\t/a HTTP/1.1"), 400),
    "bare LF": (b"GET /a HTTP/1.1\nHost: h\r\n\r\n", 400),
    "0x01 in a value": (get(b"A: a\x01b\r\n"), 400),
    "0x7F in a value": (get(b"A: a\x7f\r\n"), 400),
    "TRACE": (get(b"", b"TRACE /a HTTP/1.1"), 405),
    "GET with a body": (get(b"Content-Length: 2\r\n"), 400),
    "unknown Expect": (post(b"Expect: foo\r\n"), 417),
    "a tab in the request line": (get(b"", b"GET\t/a HTTP/1.1"), 400),
    "HTTP/2.0": (get(b"", b"GET /a HTTP/2.0"), 505),
    "two framings": (post(b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"), 400),
    "user in the target": (get(b"", b"GET http://u@h/ HTTP/1.1"), 400),
    "CONNECT with a body": (get(b"Content-Length: 3\r\n", b"CONNECT h:80 HTTP/1.1"), 400),
}


@pytest.mark.parametrize(("block", "status"), TOLERATED.values(), ids=TOLERATED.keys())
def test_tolerated_unless_strict(block: bytes, status: int) -> None:
    assert parse_request(block).fields is not None
    with pytest.raises(ProtocolError) as caught:
        parse_request(block, True)
    assert caught.value.status == status


@pytest.mark.parametrize(("version", "minor"), [(b"1.1", 1), (b"1.0", 0), (b"1.9", 1), (b"2.0", 1), (b"0.9", 0)])
def test_versions(version: bytes, minor: int) -> None:
    assert parse_request(get(b"", b"GET /a HTTP/" + version)).minor == minor


def test_connection_and_expectation() -> None:
    request = parse_request(post(b"Connection: Keep-Alive, close\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n"))
    assert (request.close, request.keep, request.expects_continue) == (True, True, True)
    old = parse_request(get(b"Expect: 100-continue\r\nContent-Length: 1\r\n", b"POST / HTTP/1.0"))
    assert not old.expects_continue


def test_an_expectation_behind_an_upgrade_counts() -> None:
    request = parse_request(post(b"Upgrade: foo\r\nConnection: upgrade\r\nExpect: 100-continue\r\n"))
    assert request.expects_continue
    assert request.upgrade


def test_upgrade_needs_both_fields() -> None:
    assert parse_request(get(b"Upgrade: websocket\r\nConnection: upgrade\r\n" + KEY)).upgrade
    assert not parse_request(get(b"Upgrade: websocket\r\n")).upgrade
    assert not parse_request(get(b"Connection: upgrade\r\n")).upgrade
    assert not parse_request(get(b"Upgrade: h2c\r\nConnection: upgrade\r\n")).upgrade


def test_hundred_fields_are_allowed() -> None:
    assert len(parse_request(get(b"a: b\r\n" * 100, host=b"")).fields) == 100
    with pytest.raises(ProtocolError):
        parse_request(get(b"a: b\r\n" * 3), max_fields=3)


# Responses.


def answer(lines: bytes, first: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return first + b"\r\n" + lines + b"\r\n"


BAD_RESPONSES = {
    "length": answer(b"Content-Length: x\r\n"),
    "differing lengths": answer(b"Content-Length: 2\r\nContent-Length: 3\r\n"),
    "unknown coding": answer(b"Transfer-Encoding: gzip, chunked\r\n"),
    "empty coding": answer(b"Transfer-Encoding:\r\n"),
    "chunked twice": answer(b"Transfer-Encoding: chunked, chunked\r\n"),
    "garbage": b"garbage\r\n\r\n",
    "4 digits": answer(b"", b"HTTP/1.1 2000 OK"),
    "2 digits": answer(b"", b"HTTP/1.1 20 OK"),
    "letters": answer(b"", b"HTTP/1.1 2x0 OK"),
    "below 100": answer(b"", b"HTTP/1.1 099 OK"),
    "no status": answer(b"", b"HTTP/1.1"),
    "no space": answer(b"", b"HTTP/1.1200 OK"),
    "signed": answer(b"", b"HTTP/1.1 +20 OK"),
    "Arabic digits": answer(b"", b"HTTP/1.1 \xd9\xa2\xd9\xa0"),
    "HTTP/1.10": answer(b"", b"HTTP/1.10 200 OK"),
    "RTSP": answer(b"", b"RTSP/1.0 200 OK"),
    "CR in the reason": answer(b"", b"HTTP/1.1 200 O\rK"),
    "NUL in the reason": answer(b"", b"HTTP/1.1 200 O\0K"),
    "101 fields": answer(b"a: b\r\n" * 101),
    "no colon": answer(b"A\r\n"),
}


@pytest.mark.parametrize("block", BAD_RESPONSES.values(), ids=BAD_RESPONSES.keys())
def test_bad_responses(block: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_response(block)
    assert caught.value.status == 502


@pytest.mark.parametrize(
    ("first", "status", "reason", "minor"),
    [
        (b"HTTP/1.1 200 OK", 200, b"OK", 1),
        (b"HTTP/1.0 404 Not Found", 404, b"Not Found", 0),
        (b"HTTP/1.1 200 ", 200, b"", 1),
        (b"HTTP/1.1 200", 200, b"", 1),
        (b"HTTP/1.1 200  a\tb\xff ", 200, b"a\tb\xff ", 1),
        (b"HTTP/1.1  200 OK", 200, b"OK", 1),
        (b"HTTP/1.1\t200\tOK", 200, b"OK", 1),
        (b"HTTP/1.1 999 x", 999, b"x", 1),
    ],
)
def test_status_lines(first: bytes, status: int, reason: bytes, minor: int) -> None:
    head = parse_response(answer(b"", first))
    assert (head.status, head.reason, head.minor) == (status, reason, minor)


def test_a_response_with_two_framings_ends_the_server_connection() -> None:
    head = parse_response(answer(b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n"))
    assert (head.chunked, head.length, head.close, head.close_after) == (True, -1, True, False)
    assert [one.name for one in head.fields] == [b"transfer-encoding"]


def test_a_coded_response_of_http_10_ends_both_connections() -> None:
    head = parse_response(answer(b"Transfer-Encoding: chunked\r\n", b"HTTP/1.0 200 OK"))
    assert (head.chunked, head.close, head.close_after) == (True, True, True)


def test_responses_may_begin_late_and_end_in_lf() -> None:
    head = parse_response(b"\r\nHTTP/1.1 200 OK\nContent-Length: 2\n\n")
    assert (head.status, head.length) == (200, 2)


def test_several_hosts_mean_nothing_in_a_response() -> None:
    assert len(parse_response(answer(b"Host: a\r\nHost: b,c\r\n")).fields) == 2


def test_switching_protocols() -> None:
    asked = parse_request(get(b"Upgrade: foo\r\nConnection: upgrade\r\n"))
    socket = parse_request(get(b"Upgrade: websocket\r\nConnection: upgrade\r\n" + KEY))
    plain = parse_request(get(b""))
    given = parse_response(answer(b"Upgrade: bar\r\nConnection: upgrade\r\n", b"HTTP/1.1 101 x"))
    accepted = parse_response(
        answer(
            b"Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
            b"HTTP/1.1 101 x",
        )
    )
    check_switch(asked, given)
    check_switch(socket, accepted)
    check_switch(socket, given)  # another protocol, which has no accept field
    bare = parse_response(answer(b"", b"HTTP/1.1 101 x"))
    unnamed = parse_response(answer(b"Upgrade: bar\r\n", b"HTTP/1.1 101 x"))
    to_nothing = parse_response(answer(b"Connection: upgrade\r\n", b"HTTP/1.1 101 x"))
    to_http2 = parse_response(answer(b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"HTTP/1.1 101 x"))
    unaccepted = parse_response(answer(b"Upgrade: WebSocket\r\nConnection: upgrade\r\n", b"HTTP/1.1 101 x"))
    for request, response in (
        (plain, given),
        (asked, bare),
        (asked, unnamed),
        (asked, to_nothing),
        (asked, to_http2),
        (socket, unaccepted),
        (asked, unaccepted),
    ):
        with pytest.raises(ProtocolError) as caught:
            check_switch(request, response)
        assert caught.value.status == 502


# Python's own readings of text must not leak in.


@given(st.binary(min_size=1, max_size=24))
def test_a_length_is_digits(text: bytes) -> None:
    digits = text.strip(b" \t")
    good = bool(digits) and all(0x30 <= byte <= 0x39 for byte in digits) and int(digits) < 1 << 64
    try:
        request = parse_request(post(b"Content-Length: " + text + b"\r\n"))
    except ProtocolError:
        assert not good or any(byte in b"\r\n\0" for byte in text)
    else:
        assert any(byte in b",\r\n" for byte in text) or (good and request.length == int(digits))


@given(st.sampled_from([b"\v", b"\f", b"\x1c", b"\x1d", b"\x1e", b"\x85", b"\xa0", b"\xe2\x80\xa8"]))
def test_only_lf_ends_a_line_and_only_blanks_are_trimmed(odd: bytes) -> None:
    request = parse_request(get(b"A: " + odd + b"x" + odd + b"\r\nB: c" + odd + b"D: e\r\n"))
    assert shown(request) == [b"host: h", b"a: " + odd + b"x" + odd, b"b: c" + odd + b"D: e"]


@given(st.binary(max_size=120), st.booleans())
def test_garbage_raises_only_protocol_errors(data: bytes, strict: bool) -> None:
    for block in (
        data,
        b"GET / HTTP/1.1\r\n" + data + b"\r\n\r\n",
        b"HTTP/1.1 200 " + data + b"\r\n\r\n",
        data + b"\r\nHost: h\r\n\r\n",
    ):
        for parse in (parse_request, parse_response):
            try:
                parse(block, strict)
            except ProtocolError:
                continue


ALPHABET = st.sampled_from(
    [
        b"GET",
        b"CONNECT",
        b" ",
        b"/",
        b"*",
        b"http://",
        b"h",
        b":80",
        b"HTTP/1.1",
        b"HTTP/1.0",
        b"\r\n",
        b"\n",
        b"\r",
        b"\t",
        b"\0",
        b":",
        b",",
        b"Host",
        b"Content-Length",
        b"2",
        b"3",
        b"Transfer-Encoding",
        b"chunked",
        b"gzip",
        b"Connection",
        b"upgrade",
        b"Upgrade",
        b"h2c",
        b"websocket",
        b"TE",
        b"trailers",
        b"Expect",
        b"100-continue",
        b"@",
        b"[::1]",
        b"#",
        b"\x80",
    ]
)


@given(st.lists(ALPHABET, max_size=40))
def test_near_misses_raise_only_protocol_errors(pieces: list[bytes]) -> None:
    for block in (b"".join(pieces), b"GET / HTTP/1.1\r\n" + b"".join(pieces) + b"\r\n\r\n"):
        for strict in (False, True):
            try:
                request = parse_request(block, strict)
            except ProtocolError:
                continue
            assert not (request.chunked and request.length >= 0)
            assert request.uri and request.method
