"""Heads that go out. Expected bytes were written down from what HAProxy 2.6 sent for the same bytes received, except
where a comment says that it is ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.proto.h1 import parse_request, parse_response
from pointsman.proto.h1_render import interim, request_bytes, request_head, response_bytes, response_head
from pointsman.proto.message import Request, field

GET = b"GET /a HTTP/1.1\r\n"
OLD = b"GET /a HTTP/1.0\r\n"
HOST = b"Host: h\r\n"


def asked(block: bytes) -> Request:
    return parse_request(block + b"\r\n")


# Request received, does the server connection end, request sent.
REQUESTS = [
    (GET + HOST, False, GET + b"host: h\r\n"),
    (GET + HOST, True, GET + b"host: h\r\nconnection: close\r\n"),
    (OLD + HOST, False, OLD + b"host: h\r\nconnection: keep-alive\r\n"),
    (OLD + HOST, True, OLD + b"host: h\r\n"),
    (OLD + HOST + b"Connection: keep-alive\r\n", True, OLD + b"host: h\r\n"),
    (GET + HOST + b"Connection: Keep-Alive\r\n", False, GET + b"host: h\r\n"),
    (
        GET + HOST + b"Connection: close, X-Foo\r\nX-Foo: 1\r\n",
        False,
        GET + b"host: h\r\nconnection: X-Foo\r\nx-foo: 1\r\n",
    ),
    (
        GET + HOST + b"Connection: close, X-Foo\r\nX-Foo: 1\r\n",
        True,
        GET + b"host: h\r\nconnection: X-Foo\r\nx-foo: 1\r\nconnection: close\r\n",
    ),
    (GET + HOST + b"Connection: close, a,b , keep-alive,  c,,\r\n", False, GET + b"host: h\r\nconnection: a,b,c\r\n"),
    (
        GET + HOST + b"Connection: close\r\nA: 1\r\nConnection: b\r\nConnection: keep-alive\r\n",
        False,
        GET + b"host: h\r\na: 1\r\nconnection: b\r\n",
    ),
    (
        GET + HOST + b"Connection: a\r\nA: 1\r\nConnection: b\r\n",
        True,
        GET + b"host: h\r\nconnection: a\r\na: 1\r\nconnection: b\r\nconnection: close\r\n",
    ),
    (
        GET + HOST + b"Connection: a, close, Upgrade, a\r\nUpgrade: x\r\n",
        True,
        GET + b"host: h\r\nconnection: a,Upgrade,a\r\nupgrade: x\r\n",
    ),
    (GET + HOST + b"Connection:\r\n", False, GET + b"host: h\r\n"),
    (GET + HOST + b"Connection: , ,\r\n", False, GET + b"host: h\r\n"),
    (GET + HOST + b"Upgrade: foo\r\nA: 1\r\n", True, GET + b"host: h\r\na: 1\r\nconnection: close\r\n"),
    (GET + HOST + b"Connection: upgrade\r\nA: 1\r\n", True, GET + b"host: h\r\na: 1\r\nconnection: close\r\n"),
    (
        GET + HOST + b"Upgrade: foo\r\nConnection: Upgrade\r\n",
        False,
        GET + b"host: h\r\nupgrade: foo\r\nconnection: Upgrade\r\n",
    ),
    (
        OLD + HOST + b"Connection: upgrade\r\nUpgrade: foo\r\n",
        False,
        OLD + b"host: h\r\nconnection: upgrade\r\nupgrade: foo\r\n",
    ),
    (
        b"POST /a HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: foo\r\nTransfer-Encoding: chunked\r\n",
        False,
        b"POST /a HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: foo\r\ntransfer-encoding: chunked\r\n",
    ),
    (
        b"POST /a HTTP/1.1\r\nA: 1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nB: 2\r\n",
        True,
        b"POST /a HTTP/1.1\r\na: 1\r\nhost: h\r\ntransfer-encoding: chunked\r\nb: 2\r\nconnection: close\r\n",
    ),
    (
        b"POST /a HTTP/1.0\r\nA: 1\r\nConnection: keep-alive\r\nHost: h\r\nTransfer-Encoding: chunked\r\nB: 2\r\n",
        True,
        b"POST /a HTTP/1.0\r\na: 1\r\nhost: h\r\ntransfer-encoding: chunked\r\nb: 2\r\n",
    ),
    (
        b"POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n",
        True,
        b"POST /a HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 3\r\nconnection: close\r\n",
    ),
    (GET + HOST + b"Content-Length: 0\r\n", False, GET + b"host: h\r\ncontent-length: 0\r\n"),
    (b"POST /a HTTP/1.1\r\nHost: h\r\n", False, b"POST /a HTTP/1.1\r\nhost: h\r\n"),
    (
        GET + HOST + b"TE: trailers\r\nTrailer: X-T\r\nKeep-Alive: 5\r\nProxy-Connection: keep-alive\r\n"
        b"Proxy-Authorization: x\r\nY:\r\n",
        False,
        GET + b"host: h\r\nte: trailers\r\ntrailer: X-T\r\nkeep-alive: 5\r\nproxy-connection: keep-alive\r\n"
        b"proxy-authorization: x\r\ny: \r\n",
    ),
    (b"GET /a HTTP/1.9\r\n" + HOST, False, GET + b"host: h\r\n"),
    (b"GET http://h:80/a?b HTTP/1.1\r\nHost: h:80\r\n", False, b"GET http://h/a?b HTTP/1.1\r\nhost: h\r\n"),
    (
        b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nX: y\r\n",
        True,
        b"CONNECT h:443 HTTP/1.1\r\nhost: h\r\nx: y\r\nconnection: close\r\n",
    ),
    (
        b"CONNECT h:8080 HTTP/1.1\r\nHost: h:8080\r\nContent-Length: 3\r\n",
        False,
        b"CONNECT h:8080 HTTP/1.1\r\nhost: h:8080\r\n",
    ),
    # Ours: 2.6 lets h2c through, 3.5 removes it.
    (
        GET + HOST + b"Upgrade: h2c\r\nHTTP2-Settings: abc\r\nConnection: upgrade, http2-settings\r\nA: 1\r\n",
        True,
        GET + b"host: h\r\na: 1\r\nconnection: close\r\n",
    ),
]


@pytest.mark.parametrize(("received", "close", "sent"), REQUESTS)
def test_requests(received: bytes, close: bool, sent: bytes) -> None:
    assert request_bytes(asked(received), close=close) == sent + b"\r\n"


def test_an_upgrade_whose_protocol_a_rule_has_removed_does_not_go_on() -> None:
    """Ours: HAProxy sends what is left, "connection: x, upgrade" and no Upgrade."""
    request = asked(GET + HOST + b"Connection: x, upgrade\r\nUpgrade: foo\r\n")
    request.fields = [one for one in request.fields if one.name != b"upgrade"]
    assert request_bytes(request, close=False) == GET + b"host: h\r\nconnection: x\r\n\r\n"


PLAIN = asked(GET + HOST)
ANCIENT = asked(OLD + HOST)
TUNNEL = asked(b"CONNECT h:80 HTTP/1.1\r\n")
OK = b"HTTP/1.1 200 OK\r\n"
OLD_OK = b"HTTP/1.0 200 OK\r\n"
SIZED = b"content-length: 2\r\n"
CODED = b"transfer-encoding: chunked\r\n"

# Response received, the request, does the client's connection end, response sent.
RESPONSES = [
    (OK + SIZED, PLAIN, False, OK + SIZED),
    (OK + SIZED, PLAIN, True, OK + SIZED + b"connection: close\r\n"),
    (OK + SIZED, ANCIENT, True, OK + SIZED + b"connection: close\r\n"),
    (OK + SIZED, ANCIENT, False, OK + SIZED + b"connection: keep-alive\r\n"),
    (OLD_OK + SIZED, PLAIN, False, OLD_OK + SIZED + b"connection: keep-alive\r\n"),
    (OLD_OK + SIZED, PLAIN, True, OLD_OK + SIZED),
    (OLD_OK + SIZED, ANCIENT, True, OLD_OK + SIZED),
    (OLD_OK + SIZED, ANCIENT, False, OLD_OK + SIZED + b"connection: keep-alive\r\n"),
    (OLD_OK + SIZED + b"Connection: keep-alive\r\n", PLAIN, False, OLD_OK + SIZED + b"connection: keep-alive\r\n"),
    (OK + SIZED + b"Connection: close\r\n", PLAIN, False, OK + SIZED),
    (OK + b"A: b\r\n", PLAIN, True, OK + b"a: b\r\nconnection: close\r\n"),
    (OLD_OK + b"A: b\r\n", PLAIN, True, OLD_OK + b"a: b\r\n"),
    (OK + CODED + b"A: b\r\n", ANCIENT, True, OK + CODED + b"a: b\r\nconnection: close\r\n"),
    (OK + CODED + b"A: b\r\n", ANCIENT, False, OK + CODED + b"a: b\r\nconnection: keep-alive\r\n"),
    (
        OK + SIZED + b"Connection: keep-alive, X-B\r\nX-B: 1\r\nKeep-Alive: timeout=5\r\n",
        ANCIENT,
        False,
        OK + SIZED + b"connection: X-B\r\nx-b: 1\r\nkeep-alive: timeout=5\r\nconnection: keep-alive\r\n",
    ),
    (
        OK + b"X: y\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\nA: b\r\n",
        PLAIN,
        False,
        OK + b"x: y\r\n" + CODED + b"trailer: T\r\na: b\r\n",
    ),
    (
        OK + b"Connection: a, keep-alive\r\nConnection: upgrade\r\nUpgrade: x\r\n" + SIZED,
        PLAIN,
        False,
        OK + b"connection: a\r\nconnection: upgrade\r\nupgrade: x\r\n" + SIZED,
    ),
    (
        OK + b"Connection: upgrade\r\nUpgrade: x\r\n" + SIZED,
        PLAIN,
        True,
        OK + b"connection: upgrade\r\nupgrade: x\r\n" + SIZED,
    ),
    (
        OK + b"Date: x\r\ncontent-length: 02\r\nZ: 1\r\nProxy-Authenticate: b\r\ncontent-length: 2\r\n",
        PLAIN,
        False,
        OK + b"date: x\r\ncontent-length: 2\r\nz: 1\r\nproxy-authenticate: b\r\n",
    ),
    (b"HTTP/1.1 204 No\r\nX: y\r\nContent-Length: 2\r\n", PLAIN, False, b"HTTP/1.1 204 No\r\nx: y\r\n"),
    (b"HTTP/1.1 204 No\r\nX: y\r\n" + CODED, PLAIN, True, b"HTTP/1.1 204 No\r\nx: y\r\nconnection: close\r\n"),
    (b"HTTP/1.1 304 No\r\nX: y\r\n" + SIZED, PLAIN, False, b"HTTP/1.1 304 No\r\nx: y\r\n" + SIZED),
    (
        b"HTTP/1.1 304 No\r\nX: y\r\n" + CODED,
        PLAIN,
        True,
        b"HTTP/1.1 304 No\r\nx: y\r\n" + CODED + b"connection: close\r\n",
    ),
    (b"HTTP/1.1 304 No\r\nX: y\r\n", PLAIN, False, b"HTTP/1.1 304 No\r\nx: y\r\n"),
    (OK + CODED + SIZED, PLAIN, False, OK + CODED),
    (OLD_OK + CODED, PLAIN, True, OLD_OK + CODED),
    (b"HTTP/1.1 200\r\n" + SIZED, PLAIN, False, b"HTTP/1.1 200 OK\r\n" + SIZED),
    (
        b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 3\r\nX: y\r\n",
        PLAIN,
        True,
        b"HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: Upgrade\r\nx: y\r\n",
    ),
    (
        b"HTTP/1.1 200 Yes\r\nX: y\r\ncontent-length: 3\r\n",
        TUNNEL,
        True,
        b"HTTP/1.1 200 Yes\r\nx: y\r\ncontent-length: 3\r\n",
    ),
    (
        b"HTTP/1.1 403 No\r\nX: y\r\ncontent-length: 3\r\n",
        TUNNEL,
        True,
        b"HTTP/1.1 403 No\r\nx: y\r\ncontent-length: 3\r\nconnection: close\r\n",
    ),
]


@pytest.mark.parametrize(("received", "request_", "close", "sent"), RESPONSES)
def test_responses(received: bytes, request_: Request, close: bool, sent: bytes) -> None:
    assert response_bytes(parse_response(received + b"\r\n"), request_, close=close) == sent + b"\r\n"


@pytest.mark.parametrize(
    ("received", "sent"),
    [
        (b"HTTP/1.1 100 Continue\r\nX: Y\r\n", b"HTTP/1.1 100 Continue\r\nx: Y\r\n"),
        (
            b"HTTP/1.1 103 Early Hints\r\nLink: y\r\nConnection: z\r\nContent-Length: 3\r\n",
            b"HTTP/1.1 103 Early Hints\r\nlink: y\r\nconnection: z\r\n",
        ),
        (b"HTTP/1.0 100 x\r\n", b"HTTP/1.0 100 x\r\n"),
    ],
)
def test_interim(received: bytes, sent: bytes) -> None:
    assert interim(parse_response(received + b"\r\n")) == sent + b"\r\n"


def test_framing_is_the_callers() -> None:
    fields = [field(b"a", b"1"), field(b"content-length", b"7"), field(b"b", b"2")]
    start = b"PUT / HTTP/1.1\r\n"
    assert request_head(b"PUT", b"/", fields, length=9) == start + b"a: 1\r\ncontent-length: 9\r\nb: 2\r\n\r\n"
    assert request_head(b"PUT", b"/", fields, chunked=True) == start + b"a: 1\r\nb: 2\r\n" + CODED + b"\r\n"
    assert request_head(b"PUT", b"/", fields) == start + b"a: 1\r\nb: 2\r\n\r\n"
    assert (
        request_head(b"PUT", b"/", fields[:1], length=0, close=True)
        == start + b"a: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )


def test_what_rules_write_cannot_end_a_line() -> None:
    """HAProxy 3.5 sends CR and LF of a rule's value percent-encoded; the other places are ours."""
    fields = [field(b"x", b"a\r\nEvil: b\0"), field(b"connection", b"c\r\nd: e, close")]
    assert (
        request_head(b"G\nET", b"/a b\r\n", fields)
        == b"G%0AET /a%20b%0D%0A HTTP/1.1\r\nx: a%0D%0AEvil: b%00\r\nconnection: c%0D%0Ad: e\r\n\r\n"
    )
    assert (
        response_head(200, b"O\r\nK", fields[:1], length=0)
        == b"HTTP/1.1 200 O%0D%0AK\r\nx: a%0D%0AEvil: b%00\r\ncontent-length: 0\r\n\r\n"
    )


def test_strict_removes_what_is_for_one_hop() -> None:
    """RFC 9110 7.6.1."""
    block = (
        b"Connection: X-Foo, Upgrade, Host\r\nX-Foo: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nUpgrade: foo\r\n"
        b"TE: trailers\r\nA: b\r\n"
    )
    request = asked(GET + HOST + block)
    assert (
        request_bytes(request, close=False, strict=True)
        == GET + b"host: h\r\nupgrade: foo\r\na: b\r\nconnection: upgrade\r\n\r\n"
    )
    plain = asked(GET + HOST + b"Upgrade: foo\r\nConnection: X-Foo\r\nX-Foo: 1\r\n")
    assert request_bytes(plain, close=True, strict=True) == GET + b"host: h\r\nconnection: close\r\n\r\n"
    response = parse_response(OK + SIZED + b"Connection: upgrade, x-b\r\nUpgrade: x\r\nX-B: 1\r\nKeep-Alive: 5\r\n\r\n")
    assert response_bytes(response, PLAIN, close=True, strict=True) == OK + SIZED + b"connection: close\r\n\r\n"
    switch = parse_response(b"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
    assert (
        response_bytes(switch, request, close=False, strict=True)
        == b"HTTP/1.1 101 x\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"
    )


TEXTS = st.binary(max_size=12).filter(lambda value: not set(value) & {0, 10, 13})
VALUES = TEXTS.map(lambda value: value.strip(b" \t"))
FIELDS = st.lists(st.tuples(st.sampled_from([b"a", b"x-y", b"cookie", b"!#$"]), VALUES), max_size=8)


@given(FIELDS, st.sampled_from([-1, 0, 5]), st.booleans(), st.booleans(), st.integers(0, 1))
def test_round_trip(pairs: list[tuple[bytes, bytes]], length: int, chunked: bool, close: bool, minor: int) -> None:
    fields = [field(name, value) for name, value in pairs]
    sent = request_head(b"PUT", b"/a", fields, minor=minor, length=length, chunked=chunked, close=close)
    request = parse_request(sent)
    response = parse_response(response_head(200, b"OK", fields, minor=minor, length=length, chunked=chunked))
    for head in (request, response):
        assert [(one.name, one.value) for one in head.fields if not one.kind] == pairs
        assert (head.length, head.chunked) == (-1 if chunked else length, chunked)
        assert head.minor == minor
    assert request.close == (close and minor == 1)


@given(st.binary(max_size=20), st.binary(max_size=20), st.binary(max_size=20))
def test_one_head_stays_one_head(uri: bytes, value: bytes, token: bytes) -> None:
    head = request_head(b"GET", uri, [field(b"a", value), field(b"connection", token)])
    lines = head.split(b"\n")
    assert len(lines) in (4, 5) and lines[-2:] == [b"\r", b""]
    assert head.startswith(b"GET ") and lines[0].endswith(b" HTTP/1.1\r") and lines[0].count(b" ") == 2
