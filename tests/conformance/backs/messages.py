"""RFC 9113 8 and RFC 7541: requests that a client makes of HTTP/1, and answers that it takes, refuses, or waits for."""

from __future__ import annotations

from support.h2_behind import (
    Exchange,
    Got,
    again,
    asked,
    body_of,
    breaks,
    case,
    cut,
    fails,
    got,
    reply,
    resets,
    resets_or_breaks,
)
from support.h2_peer import (
    CANCEL,
    COMPRESSION_ERROR,
    ENABLE_CONNECT_PROTOCOL,
    NO_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    Pair,
    continuation,
    data,
    headers,
    literal,
    literals,
    rst_stream,
    settings,
    string,
)

OK = literals([(":status", "200")])
HEAD = headers(1, OK, end=False)
END = data(1, b"ok", end=True)


def request(line: str, *lines: str, body: bytes = b"") -> bytes:
    """A request of HTTP/1."""
    return "\r\n".join((f"{line} HTTP/1.1", "Host: a.test", *lines, "", "")).encode("latin-1") + body


def bad(*pairs: Pair, status: Pair = (":status", "200")) -> tuple[object, ...]:
    """A response with these fields is malformed: the stream is reset, and the client of HTTP/1 gets 502 (8.1.1)."""
    return headers(1, literals([status, *pairs]), end=False), data(1, b"ok", end=True), resets(PROTOCOL_ERROR), got(502)


def head_order(exchange: Exchange) -> None:
    """Pseudo-header fields stand before all others (8.3), all names are in lower case (8.2)."""
    names = [name for name, _ in exchange.head.fields]
    pseudo = [name for name in names if name[:1] == b":"]
    assert names[: len(pseudo)] == pseudo and len(set(pseudo)) == len(pseudo), names
    assert {b":method", b":scheme", b":path"} <= set(pseudo) <= {b":method", b":scheme", b":path", b":authority"}, names
    assert all(name == name.lower() for name in names), names
    assert exchange.head.get(b":authority") == b"a.test" or exchange.head.get(b"host") == b"a.test", exchange.head
    exchange.back.respond(1, body=b"ok")


def body_is(body: bytes, trailers: bool = False) -> object:
    """The body of the request, and whether trailers stand behind it."""

    def look(exchange: Exchange) -> None:
        assert body_of(exchange) == body
        heads = [one for one in exchange.back.heads.values() if one.stream == 1]
        assert len(heads) == 1 + trailers, heads
        if trailers:
            assert heads[1].ended and heads[1].fields == [(b"x-sum", b"7")], heads

    return look


def no_body(exchange: Exchange) -> None:
    """END_STREAM stands in the head."""
    assert exchange.head.ended, exchange.head


def hinted(exchange: Exchange) -> None:
    """103 reaches the client before the final answer."""
    exchange.back.send(headers(1, literals([(":status", "103"), ("link", "</a.css>")]), end=False))
    first = exchange.client.head()
    assert first.status == 103 and first.get(b"link") == b"</a.css>", first


def retried(exchange: Exchange) -> None:
    """A request that the server has not looked at may be sent once more, by the program or its client (8.7)."""
    answer = exchange.client.answer()
    assert answer.status in (502, 503, 429), answer


def early(exchange: Exchange) -> None:
    """A whole answer, and NO_ERROR for the rest of the request: the answer counts (8.1)."""
    exchange.back.respond(1, body=b"early")
    exchange.back.send(rst_stream(1, NO_ERROR))
    answer = exchange.client.answer()
    assert answer.status == 200 and answer.body == b"early", answer


def talked(exchange: Exchange) -> None:
    """RFC 8441: an Upgrade to WebSocket becomes an extended CONNECT, and bytes go both ways."""
    head = exchange.head
    assert head.get(b":method") == b"CONNECT" and head.get(b":protocol") == b"websocket" and not head.ended, head
    assert head.get(b":path") == b"/socket" and head.get(b":scheme") in (b"http", b"https"), head
    assert head.get(b"upgrade") is None and head.get(b"connection") is None, head
    assert head.get(b"sec-websocket-version") == b"13", head
    exchange.back.send(headers(1, OK, end=False))
    first = exchange.client.head()
    assert first.status == 101 and (first.get(b"upgrade") or b"").lower() == b"websocket", first
    exchange.client.sock.sendall(b"to the server")
    got_there = b""
    while len(got_there) < 13:
        got_there += exchange.back.until(lambda one: one.kind == 0 and one.stream == 1).content
    assert got_there == b"to the server"
    exchange.back.send(data(1, b"and back", end=True))
    assert exchange.client.exactly(9) == b"and back"  # the end comes behind these 8 bytes


def cookies(exchange: Exchange) -> None:
    """One field or a field for each: joined by "; " they are what the client has sent."""
    found = [value for name, value in exchange.head.fields if name == b"cookie"]
    assert b"; ".join(found) == b"a=1; b=2", found


def absolute(exchange: Exchange) -> None:
    """:path has no scheme and no authority."""
    assert exchange.head.get(b":path") == b"/p", exchange.head
    assert exchange.head.get(b":authority") == b"a.test" or exchange.head.get(b"host") == b"a.test", exchange.head


def connected(exchange: Exchange) -> None:
    """:scheme and :path are left out; bytes go both ways in DATA."""
    head = exchange.head
    assert head.get(b":authority") == b"a.test:443" and head.get(b":scheme") is None and head.get(b":path") is None, (
        head
    )
    assert not head.ended
    exchange.back.send(headers(1, OK, end=False), data(1, b"hello"))
    assert exchange.client.head().status == 200
    exchange.client.sock.sendall(b"and hello")
    exchange.back.until(lambda one: one.kind == 0 and one.content == b"and hello")
    assert exchange.client.exactly(5) == b"hello"


def length(text: str, *pieces: bytes) -> tuple[object, ...]:
    """An answer with that content-length, and these DATA frames."""
    frames = [data(1, piece, end=at == len(pieces)) for at, piece in enumerate(pieces, 1)]
    return headers(1, literals([(":status", "200"), ("content-length", text)]), end=not pieces), *frames


def kept(exchange: Exchange) -> None:
    """What a response has put into the table is known to the next one."""
    client = exchange.ask_again()
    head = exchange.back.asked()
    exchange.back.respond(head.stream, 200, [("x-kept", "1"), ("server", "of tests")])
    answer: Got = client.answer()
    assert answer.get(b"x-kept") == b"1" and answer.get(b"server") == b"of tests", answer


def nothing_more(exchange: Exchange) -> None:
    """An answer whose length is 0 may have gone before the fault is seen; nothing of the DATA is part of it."""
    answer = exchange.client.answer()
    assert answer.status == 502 or answer.body == b"", answer


SOCKET = request(
    "GET /socket",
    *("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
UPPER = request("GET /x?y=z", "X-Upper-Case: Value", "Accept: */*", "COOKIE: a=1; b=2")
HOP = request(
    "GET /", "Connection: keep-alive, X-Own", "Keep-Alive: timeout=3", "X-Own: 1", "Proxy-Connection: close", "TE: gzip"
)
CHUNKED = request("POST /", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
TRAILED = request("POST /", "Transfer-Encoding: chunked", "Trailer: x-sum", body=b"3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n")
PUT = request("PUT /", "Content-Length: 3", body=b"abc")
UNFINISHED = request("POST /", "Content-Length: 300", body=b"only this")
REQUESTS = (
    case("8.1", "a request without a body ends with its head", no_body, reply(), got(200), again),
    case(
        "8.1",
        "a body with a length",
        asked((b"content-length", b"3"), lacks=[b"transfer-encoding"]),
        body_is(b"abc"),
        reply(),
        got(200),
        asked=PUT,
    ),
    case(
        "8.1",
        "a body in chunks",
        asked(lacks=[b"transfer-encoding", b"content-length"]),
        body_is(b"abcdefg"),
        reply(),
        got(200),
        asked=CHUNKED,
    ),
    case("8.1", "trailers", body_is(b"abc", True), reply(), got(200), asked=TRAILED),
    case(
        "8.2",
        "names in lower case, pseudo-header fields first",
        head_order,
        asked((b"x-upper-case", b"Value"), (b"accept", b"*/*"), (b":path", b"/x?y=z")),
        got(200),
        asked=UPPER,
    ),
    case(
        "8.2.2",
        "fields of a connection are left out",
        asked(lacks=[b"connection", b"keep-alive", b"proxy-connection", b"upgrade", b"te"]),
        reply(),
        got(200),
        asked=HOP,
    ),
    case(
        "8.2.2",
        "fields that Connection names are left out",
        asked(lacks=[b"x-own"]),
        reply(),
        got(200),
        asked=HOP,
        haproxy="passes them on",
    ),
    case(
        "8.2.2", "TE: trailers", asked((b"te", b"trailers")), reply(), got(200), asked=request("GET /", "TE: trailers")
    ),
    case("8.2.3", "cookies", cookies, reply(), got(200), asked=UPPER),
    case("8.3.1", "the method", asked((b":method", b"PURGE")), reply(), got(200), asked=request("PURGE /")),
    case(
        "8.3.1",
        "the path",
        asked((b":path", b"/a/%2e/..//b?c=d;e")),
        reply(),
        got(200),
        asked=request("GET /a/%2e/..//b?c=d;e"),
    ),
    case(
        "8.3.1",
        "OPTIONS of all of a server",
        asked((b":method", b"OPTIONS"), (b":path", b"*")),
        reply(),
        got(200),
        asked=request("OPTIONS *"),
    ),
    case("8.3.1", "an absolute URI", absolute, reply(), got(200), asked=request("GET http://a.test/p")),
    case("8.5", "CONNECT", connected, asked=b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n"),
    case("connect 5", "a WebSocket", talked, asked=SOCKET, values={ENABLE_CONNECT_PROTOCOL: 1}),
    case(
        "connect 5",
        "a WebSocket that the server refuses",
        reply(403, body=b"no"),
        got(403, b"no"),
        asked=SOCKET,
        values={ENABLE_CONNECT_PROTOCOL: 1},
    ),
    case(
        "connect 5",
        "a WebSocket that the server resets",
        rst_stream(1, REFUSED_STREAM),
        retried,
        asked=SOCKET,
        values={ENABLE_CONNECT_PROTOCOL: 1},
    ),
    case(
        "connect 3",
        "a server that takes back RFC 8441",
        settings({ENABLE_CONNECT_PROTOCOL: 0}),
        breaks(PROTOCOL_ERROR),
        fails,
        values={ENABLE_CONNECT_PROTOCOL: 1},
        haproxy="takes it",
    ),
    case(
        "connect 3",
        "ENABLE_CONNECT_PROTOCOL of 2",
        settings({ENABLE_CONNECT_PROTOCOL: 2}),
        breaks(PROTOCOL_ERROR),
        fails,
        haproxy="takes it",
    ),
)


ANSWERS = (
    case("8.1", "a head alone", headers(1, OK), got(200, b""), again),
    case("8.1", "a body", reply(body=b"body"), got(200, b"body"), again),
    case(
        "8.1",
        "a body with a length",
        reply(200, ("content-length", "4"), body=b"body"),
        got(200, b"body", lambda answer: answer.get(b"content-length") == b"4"),
        again,
    ),
    case(
        "8.1",
        "a large body",
        HEAD,
        *(data(1, b"%d" % (number % 10) * 10_000) for number in range(1, 6)),
        data(1, end=True),
        got(200, b"".join(b"%d" % number * 10_000 for number in range(1, 6))),
        again,
    ),
    case("8.1", "END_STREAM in an empty DATA frame", HEAD, data(1, b"ok"), data(1, end=True), got(200, b"ok"), again),
    case(
        "8.1",
        "trailers",
        reply(trailers=[("x-sum", "7")]),
        got(200, b"ok", lambda answer: answer.trailers.lower() == b"x-sum: 7\r\n"),
        again,
    ),
    case("8.1", "trailers without a body", HEAD, headers(1, literals([("x-sum", "7")])), got(200, b""), again),
    case(
        "8.1",
        "a head in CONTINUATION, then trailers in CONTINUATION",
        headers(1, OK[:4], end=False, whole=False),
        continuation(1, OK[4:]),
        data(1, b"ok"),
        headers(1, literals([("x-a", "b")]), whole=False),
        continuation(1, literals([("x-c", "d")])),
        got(200, b"ok"),
        again,
    ),
    *(
        case("8.1", f"status {status}", reply(status, body=None), got(status, b""), again)
        for status in (201, 204, 206, 301, 304, 400, 404, 429, 500, 503, 599)
    ),
    case("8.1", "an interim answer", hinted, reply(), got(200, b"ok"), again),
    case(
        "8.1",
        "several interim answers",
        hinted,
        hinted,
        headers(1, literals([(":status", "100")]), end=False),
        reply(),
        got(200, b"ok"),
        again,
    ),
    case(
        "8.1",
        "an interim answer with END_STREAM",
        headers(1, literals([(":status", "103")])),
        resets(PROTOCOL_ERROR),
        got(502),
    ),
    case(
        "8.1",
        "DATA behind an interim answer",
        headers(1, literals([(":status", "103")]), end=False),
        data(1, b"x"),
        resets(PROTOCOL_ERROR),
        fails,
    ),
    case("8.1", "status 101", headers(1, literals([(":status", "101")]), end=False), resets(PROTOCOL_ERROR), got(502)),
    case(
        "8.1",
        "trailers without END_STREAM",
        HEAD,
        data(1, b"ok"),
        headers(1, literals([("x-a", "b")]), end=False),
        resets_or_breaks(PROTOCOL_ERROR),
        fails,
    ),
    case("8.1", "a second final head", HEAD, headers(1, OK, end=False), resets_or_breaks(PROTOCOL_ERROR), fails),
    case("8.1", "an answer before the end of the request", early, asked=UNFINISHED),
    case(
        "8.1",
        "an answer before the end of the request, and RST_STREAM with another code",
        HEAD,
        data(1, b"part"),
        rst_stream(1, CANCEL),
        cut,
        asked=UNFINISHED,
    ),
    case(
        "8.1",
        "HEAD with a content-length",
        headers(1, literals([(":status", "200"), ("content-length", "900")])),
        got(200, b"", lambda answer: answer.get(b"content-length") == b"900"),
        again,
        asked=request("HEAD /"),
    ),
    case("8.1", "HEAD without a content-length", headers(1, OK), got(200, b""), again, asked=request("HEAD /")),
    case(
        "8.1",
        "304 with a content-length",
        headers(1, literals([(":status", "304"), ("content-length", "900")])),
        got(304, b""),
        again,
    ),
)


MALFORMED = (
    case("8.1.1", "content-length larger than DATA", *length("9", b"ok"), resets(PROTOCOL_ERROR), fails),
    case("8.1.1", "content-length smaller than DATA", *length("1", b"ok"), resets(PROTOCOL_ERROR), fails),
    case(
        "8.1.1", "content-length smaller than several DATA", *length("3", b"ok", b"ok"), resets(PROTOCOL_ERROR), fails
    ),
    case("8.1.1", "content-length larger than several DATA", *length("5", b"ok", b"ok"), resets(PROTOCOL_ERROR), fails),
    case(
        "8.1.1",
        "content-length larger than DATA before trailers",
        headers(1, literals([(":status", "200"), ("content-length", "5")]), end=False),
        data(1, b"ok"),
        headers(1, literals([("x-a", "b")])),
        resets(PROTOCOL_ERROR),
        fails,
    ),
    case("8.1.1", "content-length without a body", *length("5"), resets(PROTOCOL_ERROR), fails),
    case("8.1.1", "content-length 0 with DATA", *length("0", b"ok"), resets(PROTOCOL_ERROR), nothing_more),
    case("8.1.1", "content-length of several DATA", *length("4", b"ok", b"", b"ok"), got(200, b"okok"), again),
    case("8.1.1", "two content-lengths", *bad(("content-length", "2"), ("content-length", "3"))),
    *(
        case("8.1.1", f"content-length {text!r}", *bad(("content-length", text)))
        for text in ("x", "-2", "+2", "2x", "2,3")
    ),
    case("8.2.1", "a name in upper case", *bad(("X-Upper", "x"))),
    case("8.2.1", "a name with a blank", *bad(("x y", "x"))),
    case("8.2.1", "a name with a colon", *bad(("x:y", "x"))),
    case("8.2.1", "a name with LF", *bad(("x\ny", "x"))),
    case("8.2.1", "a name with NUL", *bad(("x\0", "x"))),
    case("8.2.1", "a name with a byte above 127", *bad(("x\x80", "x"))),
    case("8.2.1", "an empty name", *bad(("", "x")), haproxy="COMPRESSION_ERROR of the connection"),
    case("8.2.1", "a value with CR and LF", *bad(("x-a", "b\r\nx-c: d"))),
    case("8.2.1", "a value with LF", *bad(("x-a", "b\nc"))),
    case("8.2.1", "a value with CR", *bad(("x-a", "b\r"))),
    case("8.2.1", "a value with NUL", *bad(("x-a", "\0"))),
    case("8.2.1", "a value with a blank at its end", *bad(("x-a", "b ")), haproxy="takes it"),
    case(
        "8.2.1",
        "trailers with a name in upper case",
        HEAD,
        data(1, b"ok"),
        headers(1, literals([("X-A", "b")])),
        resets(PROTOCOL_ERROR),
        fails,
    ),
    case(
        "8.2.1",
        "trailers with LF",
        HEAD,
        data(1, b"ok"),
        headers(1, literals([("x-a", "b\nc")])),
        resets(PROTOCOL_ERROR),
        fails,
    ),
    *(
        case("8.2.2", f"{name}: {value}", *bad((name, value)))
        for name, value in (
            ("connection", "close"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "close"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
        )
    ),
    case("8.3", "a pseudo-header field that is not known", *bad((":unknown", "x"))),
    *(
        case("8.3", f"{name} in a response", *bad((name, value)))
        for name, value in ((":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "a"))
    ),
    case(
        "8.3",
        "a pseudo-header field in trailers",
        HEAD,
        data(1, b"ok"),
        headers(1, literals([(":status", "200")])),
        resets(PROTOCOL_ERROR),
        fails,
    ),
    case("8.3", "a pseudo-header field behind others", *bad((":status", "200"), status=("x-a", "b"))),
    case("8.3.2", ":status twice", *bad((":status", "200"))),
    case("8.3.2", "no :status", *bad(status=("x-a", "b"))),
    *(
        case("8.3.2", f":status {text!r}", *bad(status=(":status", text)))
        for text in ("", "2", "20", "2000", "20x", "abc", "-20", "2 0", "200 OK")
    ),
)
OTHERS = (
    case("8.7", "REFUSED_STREAM", rst_stream(1, REFUSED_STREAM), retried, again),
    case(
        "8.1",
        "the end of the connection within an answer",
        HEAD,
        data(1, b"part"),
        lambda exchange: exchange.back.close(),
        cut,
    ),
    case(
        "hpack 2.3.2", "the dynamic table", reply(200, ("x-kept", "1"), ("server", "of tests")), got(200), again, kept
    ),
    case("hpack 2.3.3", "an index beyond both tables", headers(1, OK + b"\xbe"), breaks(COMPRESSION_ERROR), fails),
    case("hpack 4.2", "a size update behind a field", headers(1, OK + b"\x20"), breaks(COMPRESSION_ERROR), fails),
    case("hpack 4.2", "a size update", headers(1, b"\x20\x3f\xe1\x1f" + OK, end=False), END, got(200, b"ok"), again),
    case(
        "hpack 5.2",
        "Huffman code with padding of zeros",
        headers(1, OK + b"\0" + string("x") + b"\x81\x18"),
        breaks(COMPRESSION_ERROR),
        fails,
    ),
    case(
        "hpack 5.2",
        "EOS in Huffman code",
        headers(1, OK + b"\0" + string("x") + b"\x84\xff\xff\xff\xff"),
        breaks(COMPRESSION_ERROR),
        fails,
    ),
    case("hpack 6.1", "index 0", headers(1, OK + b"\x80"), breaks(COMPRESSION_ERROR), fails),
    case("hpack 6.1", "a response of the static table", headers(1, b"\x88", end=False), END, got(200, b"ok"), again),
    case(
        "hpack 6.2.1",
        "a literal with indexing",
        headers(1, OK + literal("x-new", "1", 0x40) + b"\xbe", end=False),
        END,
        got(200, b"ok", lambda answer: answer.head.count(b"x-new: 1") == 2),
        again,
    ),
    case(
        "hpack 6.2.3",
        "a literal never indexed",
        headers(1, OK + literal("x-secret", "1", 0x10), end=False),
        END,
        got(200, b"ok", lambda answer: answer.get(b"x-secret") == b"1"),
        again,
    ),
    case(
        "hpack 6.3",
        "a size update beyond SETTINGS_HEADER_TABLE_SIZE",
        headers(1, b"\x3f\xe2\x1f" + OK),
        breaks(COMPRESSION_ERROR),
        fails,
    ),
)


CASES = (*REQUESTS, *ANSWERS, *MALFORMED, *OTHERS)
