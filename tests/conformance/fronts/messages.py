"""RFC 9113 8.1, 8.4 to 8.8: requests, answers, bodies, trailers, CONNECT; RFC 8441."""

from __future__ import annotations

from support.h2_peer import (
    CANCEL,
    COMPRESSION_ERROR,
    DATA,
    ENABLE_CONNECT_PROTOCOL,
    ENHANCE_YOUR_CALM,
    GOAWAY,
    INTERNAL_ERROR,
    LARGEST,
    NO_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    RST_STREAM,
    STREAM_CLOSED,
    Answer,
    RawClient,
    asking,
    continuation,
    data,
    end_of,
    headers,
    literal,
    literals,
)
from support.h2_script import (
    answered,
    ask,
    breaks,
    case,
    never,
    pings,
    resets,
    resets_or_breaks,
    serve,
    serves,
    settings_seen,
    told,
    tolerates,
)

HOLD = ask(1, "POST", "/echo", more=True)
TRAILERS = literals([("x-sum", "1")])
SOCKET = [
    *((":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/socket")),
    *((":authority", "a.test"), ("sec-websocket-version", "13")),
]


def posting(*lengths: str) -> bytes:
    """HEADERS of a POST with these content-length fields, without END_STREAM."""
    return headers(1, literals([*asking("POST", "/echo"), *(("content-length", one) for one in lengths)]), end=False)


def lower(answer: Answer) -> bool:
    """Names of fields are in lower case, and none is about a connection of HTTP/1."""
    names = [name for name, _ in answer.fields]
    hop = {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
    return (
        all(name == name.lower() for name in names)
        and not hop & set(names)
        and (b"upper-case", b"Value") in answer.fields
    )


def status_first(answer: Answer) -> bool:
    """:status alone of pseudo-header fields, before all others (8.3.2)."""
    return [name for name, _ in answer.fields if name[:1] == b":"] == [b":status"] and answer.fields[0][0] == b":status"


def summed(answer: Answer) -> bool:
    """Trailers of HTTP/1 come as trailers, in lower case, without pseudo-header fields (8.1)."""
    return answer.trailers == [(b"x-sum", b"7"), (b"x-last", b"yes")]


def hinted(answer: Answer) -> bool:
    """103 before 200, without END_STREAM (8.1)."""
    return [head.fields for head in answer.interim] == [[(b":status", b"103"), (b"link", b"</a.css>")]]


def early(client: RawClient) -> None:
    """A server may answer before the request has ended, and ask for its end by RST_STREAM with NO_ERROR (8.1)."""
    client.request(1, "POST", "/early", more=True)
    client.until(end_of(1))
    answer = client.answer(1)
    assert answer.body == b"early" and answer.reset in (None, NO_ERROR, CANCEL), client.transcript()
    client.send(data(1, b"x"), data(1, b"y", end=True))
    serve(client, 3)


def talked(client: RawClient) -> None:
    """RFC 8441 5: a WebSocket's bytes go both ways in DATA, and its end ends the stream."""
    said = settings_seen(client)
    assert said.get(ENABLE_CONNECT_PROTOCOL) == 1, said
    client.send(headers(1, literals(SOCKET), end=False))
    head = client.head(1)
    assert head.get(b":status") == b"200" and not head.ended, head
    client.send(data(1, b"to and fro"))
    got = b""
    while len(got) < 10:
        got += client.until(lambda one: one.kind == DATA and one.stream == 1).content
    assert got == b"to and fro"
    serve(client, 3)
    client.send(data(1, end=True))
    client.until(end_of(1))


def head_of(size: int, number: int) -> bytes:
    """HEADERS and CONTINUATION with so many more fields of that size."""
    block = literals([*asking(), *((f"x-{at}", "v" * size) for at in range(number))])
    pieces = [block[at : at + LARGEST] for at in range(0, len(block), LARGEST)]
    frames = [headers(1, pieces[0], whole=False)]
    return b"".join((*frames, *(continuation(1, piece, piece is pieces[-1]) for piece in pieces[1:])))


def small_block(size: int, number: int) -> bytes:
    """A head with a field of that size, and so many repetitions of it, of a byte each."""
    return headers(1, literals(asking()) + literal("x-large", "v" * (size - 39), 0x40) + b"\xbe" * number)


def too_large(client: RawClient) -> None:
    """It is answered with a status of 4xx, or the stream is reset, or the connection closed as if for a flood."""
    found = client.until(lambda one: one.stream == 1 and (one.ends or one.kind == RST_STREAM) or one.kind == GOAWAY)
    if found.kind == GOAWAY:
        assert found.code in (ENHANCE_YOUR_CALM, COMPRESSION_ERROR, INTERNAL_ERROR), client.transcript()
        assert client.ended()
        return
    answer = client.collect(1)
    assert answer.status in (400, 413, 431) or answer.reset is not None and not answer.status, client.transcript()
    serve(client, 3)


REQUESTS = (
    case("8.1", "GET", ask(1), answered(1, body=b"ok", also=status_first), serves()),
    case(
        "8.1",
        "HEAD",
        ask(1, "HEAD", "/bytes/1000"),
        answered(1, body=b"", also=lambda answer: answer.get(b"content-length") == b"1000"),
        serves(),
    ),
    case(
        "8.1",
        "HEAD ends with its head",
        ask(1, "HEAD", "/bytes/9"),
        answered(1),
        never(lambda one: one.kind == DATA and bool(one.payload)),
    ),
    case("8.1", "OPTIONS of all of a server", ask(1, "OPTIONS", "*"), answered(1), serves()),
    *(
        case("8.1", f"the method {method}", ask(1, method, "/seen"), told(1, b"%b /seen HTTP/1.1" % method.encode()))
        for method in ("PUT", "DELETE", "PATCH", "PROPFIND", "X-OWN")
    ),
    case("8.1", "POST", ask(1, "POST", "/echo", body=b"a body"), answered(1, body=b"a body"), serves()),
    case("8.1", "POST without a body", ask(1, "POST", "/echo"), answered(1, body=b""), serves()),
    case("8.1", "POST with an empty body", ask(1, "POST", "/echo", body=b""), answered(1, body=b""), serves()),
    case("8.1", "GET with a body", ask(1, "GET", "/echo", body=b"of a GET"), answered(1, body=b"of a GET"), serves()),
    case(
        "8.1",
        "POST with trailers",
        HOLD,
        data(1, b"a body"),
        headers(1, TRAILERS),
        answered(1, body=b"a body"),
        serves(),
    ),
    case("8.1", "POST with trailers and no body", HOLD, headers(1, TRAILERS), answered(1, body=b""), serves()),
    case(
        "8.1",
        "trailers without END_STREAM",
        HOLD,
        data(1, b"a body"),
        headers(1, TRAILERS, end=False),
        resets_or_breaks(1, PROTOCOL_ERROR),
    ),
    case(
        "8.1",
        "a second head without END_STREAM",
        HOLD,
        headers(1, literals(asking()), end=False),
        resets_or_breaks(1, PROTOCOL_ERROR),
    ),
    case(
        "8.1",
        "HEADERS behind trailers",
        HOLD,
        headers(1, TRAILERS),
        headers(1, TRAILERS),
        resets_or_breaks(1, STREAM_CLOSED),
        haproxy="PROTOCOL_ERROR of the connection",
    ),
    case(
        "8.1",
        "DATA behind trailers",
        HOLD,
        data(1, b"x"),
        headers(1, TRAILERS),
        data(1, b"x", end=True),
        resets_or_breaks(1, STREAM_CLOSED),
    ),
    case(
        "8.1",
        "trailers in CONTINUATION",
        HOLD,
        headers(1, TRAILERS[:3], whole=False),
        continuation(1, TRAILERS[3:]),
        answered(1),
        serves(),
    ),
    case(
        "8.1",
        "END_STREAM in an empty DATA frame",
        HOLD,
        data(1, b"ab"),
        data(1, end=True),
        answered(1, body=b"ab"),
        serves(),
    ),
    case(
        "8.1",
        "a body without a length goes to HTTP/1 in chunks",
        ask(1, "POST", "/seen", more=True),
        data(1, b"ab"),
        data(1, b"c", end=True),
        told(1, b"POST /seen HTTP/1.1", b"transfer-encoding: chunked", b"abc", lacks=[b"content-length"]),
    ),
    case(
        "8.1",
        "a body with a length goes to HTTP/1 with it",
        ask(1, "POST", "/seen", ("content-length", "3"), body=b"abc"),
        told(1, b"content-length: 3", b"abc", lacks=[b"transfer-encoding"]),
    ),
    case(
        "8.1",
        "a request without a body goes to HTTP/1 without chunks",
        ask(1, "GET", "/seen"),
        told(1, b"GET /seen HTTP/1.1", lacks=[b"transfer-encoding", b"chunked"]),
    ),
    case(
        "8.1",
        "a large body",
        ask(1, "POST", "/echo", body=b"0123456789" * 6000),
        answered(1, body=b"0123456789" * 6000),
        serves(),
    ),
)
ANSWERS = (
    case(
        "8.1",
        "an answer in chunks",
        ask(1, path="/chunks/20000"),
        answered(1, also=lambda answer: len(answer.body) == 20_000 and answer.get(b"transfer-encoding") is None),
        serves(),
    ),
    case(
        "8.1",
        "an answer with a length",
        ask(1, path="/bytes/20000"),
        answered(1, also=lambda answer: len(answer.body) == 20_000 and answer.get(b"content-length") == b"20000"),
        serves(),
    ),
    case(
        "8.1", "an answer with trailers", ask(1, path="/trailers"), answered(1, body=b"summed", also=summed), serves()
    ),
    case("8.1", "an interim answer", ask(1, path="/interim"), answered(1, body=b"ok", also=hinted), serves()),
    *(
        case(
            "8.1",
            f"an answer with status {status}",
            ask(1, path=f"/status/{status}"),
            answered(1, status, b""),
            serves(),
        )
        for status in (200, 204, 206, 304, 404, 418, 500, 503, 599)
    ),
    case("8.1", "an answer before the end of the request", early),
    case(
        "8.1",
        "fields of HTTP/1's connection are left out, names are in lower case",
        ask(1, path="/hop"),
        answered(1, also=lower),
        serves(),
    ),
    case(
        "8.2.2",
        "fields that Connection names are left out",
        ask(1, path="/hop"),
        answered(1, also=lambda answer: answer.get(b"x-own") is None),
        haproxy="passes them on",
    ),
    case(
        "8.1",
        "an answer without a body ends with its head",
        ask(1, path="/status/204"),
        answered(1, 204),
        never(lambda one: one.kind == DATA and bool(one.payload)),
    ),
)
MALFORMED = (
    case(
        "8.1.1", "content-length larger than DATA", posting("5"), data(1, b"abc", end=True), resets(1, PROTOCOL_ERROR)
    ),
    case(
        "8.1.1", "content-length smaller than DATA", posting("1"), data(1, b"abc", end=True), resets(1, PROTOCOL_ERROR)
    ),
    case(
        "8.1.1",
        "content-length smaller than several DATA",
        posting("5"),
        data(1, b"abc"),
        data(1, b"def", end=True),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "8.1.1",
        "content-length larger than several DATA",
        posting("7"),
        data(1, b"abc"),
        data(1, b"def"),
        data(1, end=True),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "8.1.1",
        "content-length larger than DATA before trailers",
        posting("7"),
        data(1, b"abc"),
        headers(1, TRAILERS),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "8.1.1",
        "content-length smaller than DATA before its end",
        posting("2"),
        data(1, b"abc"),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "8.1.1",
        "content-length smaller than DATA whose padding does not count",
        posting("3"),
        data(1, b"abc", pad=9),
        data(1, b"d", end=True),
        resets(1, PROTOCOL_ERROR),
    ),
    case("8.1.1", "content-length 0 with DATA", posting("0"), data(1, b"a", end=True), resets(1, PROTOCOL_ERROR)),
    case("8.1.1", "content-length 0 with empty DATA", posting("0"), data(1, end=True), answered(1, body=b""), serves()),
    case(
        "8.1.1",
        "content-length of several DATA",
        posting("6"),
        data(1, b"abc"),
        data(1),
        data(1, b"def", end=True),
        answered(1, body=b"abcdef"),
        serves(),
    ),
    case(
        "8.1.1",
        "content-length without a body",
        headers(1, literals([*asking("POST", "/echo"), ("content-length", "4")])),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "8.1.1",
        "content-length 0 without a body",
        headers(1, literals([*asking("POST", "/echo"), ("content-length", "0")])),
        answered(1, body=b""),
        serves(),
    ),
    case(
        "8.1.1",
        "the same content-length twice",
        posting("3", "3"),
        data(1, b"abc", end=True),
        tolerates(PROTOCOL_ERROR),
    ),
    case("8.1.1", "two content-lengths", posting("3", "4"), data(1, b"abc", end=True), resets(1, PROTOCOL_ERROR)),
    *(
        case("8.1.1", f"content-length {text!r}", posting(text), data(1, b"abc", end=True), resets(1, PROTOCOL_ERROR))
        for text in ("", "x", "-3", "+3", "3x", "0x3", "3,4", "3 3", "99999999999999999999999")
    ),
    case(
        "8.1.1",
        "a malformed request is not passed on",
        headers(1, literals([*asking(), ("Upper", "x")])),
        headers(3, literals(asking())),
        resets(1, PROTOCOL_ERROR),
        answered(3),
    ),
    case(
        "8.1.1",
        "HEAD with a content-length and no body",
        headers(1, literals([*asking("HEAD"), ("content-length", "3")])),
        resets(1, PROTOCOL_ERROR),
    ),
)
OTHERS = (
    case("8.4", "a client cannot push", HOLD, b"\0\0\5\5\4\0\0\0\1\0\0\0\2\x82", breaks(PROTOCOL_ERROR)),
    case(
        "8.5",
        "CONNECT",
        headers(1, literals([(":method", "CONNECT"), (":authority", "a.test:443")]), end=False),
        pings,
        tolerates(PROTOCOL_ERROR, REFUSED_STREAM, CANCEL, NO_ERROR, STREAM_CLOSED),
    ),
    case(
        "8.5",
        "CONNECT with :scheme",
        headers(1, literals([(":method", "CONNECT"), (":authority", "a.test:443"), (":scheme", "http")])),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "8.5",
        "CONNECT with :path",
        headers(1, literals([(":method", "CONNECT"), (":authority", "a.test:443"), (":path", "/")])),
        resets(1, PROTOCOL_ERROR),
    ),
    case("8.5", "CONNECT with :scheme and :path", headers(1, literals(asking("CONNECT"))), resets(1, PROTOCOL_ERROR)),
    case(
        "8.5", "CONNECT without :authority", headers(1, literals([(":method", "CONNECT")])), resets(1, PROTOCOL_ERROR)
    ),
    case(
        "8.6",
        "Upgrade",
        headers(1, literals([*asking(), ("connection", "upgrade"), ("upgrade", "websocket")])),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "8.6",
        "Upgrade without Connection",
        headers(1, literals([*asking(), ("upgrade", "websocket")])),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "8.7",
        "a request that was refused may be sent once more",
        headers(1, literals([*asking(), ("Upper", "x")])),
        resets(1, PROTOCOL_ERROR),
        ask(2001),
        answered(2001),
    ),
    case("connect 4", "a WebSocket", talked),
    case(
        "connect 4",
        ":protocol with another method",
        headers(1, literals([*asking(), (":protocol", "websocket")]), end=False),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "connect 4",
        ":protocol without :path",
        headers(
            1,
            literals(
                [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a.test")]
            ),
            end=False,
        ),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "connect 4",
        ":protocol without :scheme",
        headers(
            1,
            literals([(":method", "CONNECT"), (":protocol", "websocket"), (":path", "/"), (":authority", "a.test")]),
            end=False,
        ),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "connect 4",
        ":protocol twice",
        headers(1, literals([*SOCKET, (":protocol", "websocket")]), end=False),
        resets(1, PROTOCOL_ERROR),
    ),
)
LIMITS = (
    case("10.5.1", "a head that is too large", head_of(40_000, 1), too_large),
    case("10.5.1", "a head of too many fields", head_of(30, 1000), too_large),
    case("10.5.1", "a small block that means a large head", small_block(4000, 200), too_large),
)

CASES = (*REQUESTS, *ANSWERS, *MALFORMED, *OTHERS, *LIMITS)
