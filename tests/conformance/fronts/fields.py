"""RFC 9113 8.2 and 8.3: fields and pseudo-header fields of requests, and what becomes of them in HTTP/1."""

from __future__ import annotations

from support.h2_peer import PROTOCOL_ERROR, Pair, RawClient, asking, data, end_of, headers, literals
from support.h2_script import Step, answered, ask, case, indexed, refuses, resets, serve, serves, told, tolerates

HOLD = ask(1, "POST", "/echo", more=True)


def head(*pairs: Pair) -> bytes:
    return headers(1, literals(pairs))


def bad(*pairs: Pair) -> tuple[Step, ...]:
    """A head that is malformed, and the stream error for it (8.1.1)."""
    return head(*pairs), resets(1, PROTOCOL_ERROR)


def odd(*pairs: Pair) -> tuple[Step, ...]:
    """One that an HTTP/1 server would answer with 400, which is an answer to it in HTTP/2, too."""
    return head(*pairs), refuses(1)


def without(*names: str) -> list[Pair]:
    return [(name, value) for name, value in asking() if name not in names]


def each_refused(*fields: Pair) -> Step:
    """Each of these fields makes a request malformed; one connection sees them all."""

    def wait(client: RawClient) -> None:
        wrong = []
        for number, field in enumerate(fields):
            stream = 2 * number + 1
            client.send(headers(stream, literals([*asking(), field])))
            client.until(end_of(stream))
            made = client.collect(stream)
            if made.reset != PROTOCOL_ERROR or made.status:
                wrong.append((field, made))
        assert not wrong, wrong
        serve(client, 2001)

    return wait


def each_taken(*fields: Pair) -> Step:
    """None of them does."""

    def wait(client: RawClient) -> None:
        for number, field in enumerate(fields):
            stream = 2 * number + 1
            client.send(headers(stream, literals([*asking(), field])))
            answer = client.answer(stream)
            assert answer.status == 200 and answer.reset is None, (field, answer)

    return wait


def one_host(client: RawClient) -> None:
    """The request is malformed, or an HTTP/1 server gets one Host, that of :authority."""
    answer = client.collect(1)
    if answer.reset != PROTOCOL_ERROR and answer.status != 400:
        lines = [line for line in answer.body.lower().split(b"\r\n") if line.startswith(b"host:")]
        assert lines == [b"host: a.test"], answer
    serve(client, 3)


# Bytes that no name may have. Not too many for one connection: as many faults as that are taken for an attack.
FORBIDDEN = (
    ("controls or blanks", range(0x21)),
    ("upper case", range(ord("A"), ord("Z") + 1)),
    ("DEL", range(0x7F, 0x80)),
    *((f"bytes from {start:#x} on", range(start, start + 0x20)) for start in range(0x80, 0x100, 0x20)),
)
TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
NAMES = (
    case("8.2", "names in upper case", *bad(*asking(), ("X-Upper", "x"))),
    case("8.2.1", "an empty name", *bad(*asking(), ("", "x")), haproxy="COMPRESSION_ERROR of the connection"),
    *(
        case("8.2.1", f"names {where} {what}", each_refused(*((make(chr(code)), "x") for code in codes)))
        for what, codes in FORBIDDEN
        for where, make in (
            ("of", str),
            ("that begin with", "{}x".format),
            ("that end with", "x-{}".format),
            ("with", "x{}y".format),
        )
    ),
    case(
        "8.2.1", "names with a colon", each_refused(("x:y", "x"), ("x:", "x"), ("x-y:z:", "x"), ("::", "x"), (":", "x"))
    ),
    case("8.2.1", "names with other separators", each_refused(*((f"x{one}y", "x") for one in '"(),/;<=>?@[\\]{}'))),
    case("8.2.1", "names of all that a token may have", each_taken(*((f"x{one}", "x") for one in TOKEN), (TOKEN, "x"))),
    case(
        "8.2.1",
        "a name of upper case in trailers",
        HOLD,
        headers(1, literals([("X-Sum", "1")])),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "8.2.1",
        "a name with a blank in trailers",
        HOLD,
        headers(1, literals([("x sum", "1")])),
        resets(1, PROTOCOL_ERROR),
    ),
    case("8.2.1", "a name with NUL in trailers", HOLD, headers(1, literals([("x\0", "1")])), resets(1, PROTOCOL_ERROR)),
)
VALUES = (
    case(
        "8.2.1",
        "values with NUL, CR or LF",
        each_refused(
            *(("x-a", make(one)) for one in "\0\r\n" for make in (str, "{}x".format, "x{}".format, "x{}y".format))
        ),
    ),
    case("8.2.1", "values with a whole field line", *bad(*asking(), ("x-a", "b\r\nx-c: d"))),
    case(
        "8.2.1",
        "values with blanks at their ends",
        each_refused(*(("x-a", value) for value in (" x", "x ", "\tx", "x\t", " ", "\t", " \t "))),
        haproxy="takes them",
    ),
    case("8.2.1", "values with blanks within", each_taken(("x-a", "b c"), ("x-a", "b\tc"), ("x-a", "b  c \t d"))),
    case("8.2.1", "empty values", each_taken(("x-a", ""), ("accept", ""), ("user-agent", ""))),
    case(
        "8.2.1",
        "values with other bytes",
        each_taken(
            *(("x-a", f"x{chr(code)}x") for code in range(0x80, 0x100)),
            *(("x-a", chr(code)) for code in range(0x21, 0x7F)),
        ),
    ),
    case(
        "8.2.1",
        "a value with LF in trailers",
        HOLD,
        headers(1, literals([("x-sum", "1\n2")])),
        resets(1, PROTOCOL_ERROR),
    ),
    case("8.2.1", "a value with CR and LF in :path", *bad(*without(":path"), (":path", "/\r\nx: y"))),
    case("8.2.1", "a value with LF in :authority", *bad(*without(":authority"), (":authority", "a\nb"))),
    case("8.2.1", "a value with NUL in :method", *bad((":method", "GE\0T"), *without(":method"))),
)
CONNECTION = (
    *(
        case("8.2.2", f"{name}: {value}", *bad(*asking(), (name, value)))
        for name, value in (
            ("connection", "close"),
            ("connection", "keep-alive"),
            ("connection", ""),
            ("connection", "x-a"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("transfer-encoding", "chunked"),
            ("transfer-encoding", "identity"),
            ("transfer-encoding", "gzip, chunked"),
            ("upgrade", "h2c"),
            ("upgrade", "websocket"),
        )
    ),
    case(
        "8.2.2",
        "transfer-encoding with a body",
        headers(1, literals([*asking("POST", "/echo"), ("transfer-encoding", "chunked")]), end=False),
        data(1, b"0\r\n\r\n", end=True),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "8.2.2",
        "transfer-encoding with a content-length",
        headers(
            1,
            literals([*asking("POST", "/echo"), ("transfer-encoding", "chunked"), ("content-length", "3")]),
            end=False,
        ),
        data(1, b"abc", end=True),
        resets(1, PROTOCOL_ERROR),
    ),
    case("8.2.2", "te: trailers", ask(1, "GET", "/", ("te", "trailers")), answered(1), serves()),
    *(
        case("8.2.2", f"te: {value}", *bad(*asking(), ("te", value)))
        for value in ("gzip", "trailers, gzip", "deflate;q=0.5")
    ),
    case(
        "8.2.2",
        "transfer-encoding in trailers",
        HOLD,
        headers(1, literals([("transfer-encoding", "chunked")])),
        tolerates(PROTOCOL_ERROR),
    ),
)
COOKIES = (
    case(
        "8.2.3",
        "cookies are joined for HTTP/1",
        indexed(1, [*asking(path="/seen"), ("cookie", "a=1"), ("x-a", "b"), ("cookie", "b=2"), ("cookie", "c=3; d=4")]),
        told(1, b"cookie: a=1; b=2; c=3; d=4"),
        serves(),
    ),
    case(
        "8.2.3", "one cookie", indexed(1, [*asking(path="/seen"), ("cookie", "a=1")]), told(1, b"cookie: a=1"), serves()
    ),
)
PSEUDO = (
    case("8.3", "a pseudo-header field that is not known", *bad(*asking(), (":unknown", "x"))),
    case("8.3", "a pseudo-header field of responses", *bad(*asking(), (":status", "200"))),
    case("8.3", "a pseudo-header field of responses in place of others", *bad((":status", "200"))),
    case("8.3", "a pseudo-header field behind others", *bad(*without(":path"), ("x-a", "b"), (":path", "/"))),
    case("8.3", "all pseudo-header fields behind others", *bad(("x-a", "b"), *asking())),
    case(
        "8.3",
        "a pseudo-header field in trailers",
        HOLD,
        headers(1, literals([(":method", "GET")])),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "8.3",
        "a pseudo-header field that is not known in trailers",
        HOLD,
        headers(1, literals([("x-a", "b"), (":x", "y")])),
        resets(1, PROTOCOL_ERROR),
    ),
    case("8.3", ":status in trailers", HOLD, headers(1, literals([(":status", "200")])), resets(1, PROTOCOL_ERROR)),
    case("8.3", "pseudo-header fields in any order", headers(1, literals(asking()[::-1])), answered(1), serves()),
    case("8.3", "a pseudo-header field in upper case", *bad(*without(":path"), (":Path", "/"))),
    *(case("8.3.1", f"without {name}", *bad(*without(name))) for name in (":method", ":scheme", ":path")),
    case("8.3.1", "without any pseudo-header field", *bad(("x-a", "b"))),
    case("8.3.1", "an empty head", headers(1, b"\x3f\xe1\x1f"), resets(1, PROTOCOL_ERROR)),
    *(case("8.3.1", f"{name} twice", *bad(*asking(), (name, value))) for name, value in asking()),
    case("8.3.1", ":authority twice with other values", *bad(*asking(), (":authority", "b.test"))),
    case("8.3.1", ":path twice with other values", *bad(*asking(), (":path", "/other"))),
    case("8.3.1", "an empty :path", *bad(*without(":path"), (":path", ""))),
    *(
        case("8.3.1", f":path {path!r}", *odd(*without(":path"), (":path", path)))
        for path in ("a", "a/b", "?x", "http://a.test/x", "/a b", "/a\tb", " /", "/ ", "/#fragment", "/a\x7f")
    ),
    *(
        case("8.3.1", f":method {method!r}", *odd(*without(":method"), (":method", method)))
        for method in ("", " ", "G ET", "GET ", "G\tET", "GET / HTTP/1.1\r\nx: y", "G(T", "GE:T")
    ),
    case(
        "8.3.1",
        "methods of lower case are methods",
        headers(1, literals([(":method", "get"), *without(":method")])),
        answered(1),
        serves(),
    ),
    *(
        case("8.3.1", f":scheme {scheme!r}", *odd(*without(":scheme"), (":scheme", scheme)))
        for scheme in ("", "ht tp", "http://", "h\0ttp", "http:")
    ),
    *(
        case(
            "8.3.1",
            f":scheme {scheme}",
            headers(1, literals([*without(":scheme"), (":scheme", scheme)])),
            answered(1),
            serves(),
        )
        for scheme in ("https", "http")
    ),
    *(
        case("8.3.1", f":authority {authority!r}", *odd(*without(":authority"), (":authority", authority)))
        for authority in ("a b", "a\tb", "user@a.test", "a/b", "a\0", "a?b", "a#b")
    ),
    *(
        case(
            "8.3.1",
            f":authority {authority!r} is taken",
            headers(1, literals([*without(":authority"), (":authority", authority)])),
            answered(1),
            serves(),
        )
        for authority in ("a.test", "a.test:80", "127.0.0.1:8080", "[::1]:80", "A.Test")
    ),
    case("8.3.1", ":authority becomes Host", ask(1, "GET", "/seen"), told(1, b"host: a.test"), serves()),
    case(
        "8.3.1",
        "host without :authority",
        headers(1, literals([*without(":authority", ":path"), (":path", "/seen"), ("host", "b.test")])),
        told(1, b"host: b.test"),
        serves(),
    ),
    case(
        "8.3.1",
        "host that is the same as :authority",
        headers(1, literals([*asking(path="/seen"), ("host", "a.test")])),
        told(1, b"host: a.test"),
        serves(),
    ),
    case(
        "8.3.1",
        "host that is another than :authority",
        headers(1, literals([*asking(path="/seen"), ("host", "b.test")])),
        one_host,
    ),
    case(
        "8.3.1",
        "host twice",
        headers(1, literals([*asking(path="/seen"), ("host", "b.test"), ("host", "c.test")])),
        one_host,
    ),
    case(
        "8.3.1", "neither host nor :authority", headers(1, literals(without(":authority"))), tolerates(PROTOCOL_ERROR)
    ),
    case(
        "8.3.1",
        "the path goes to HTTP/1 as it is",
        ask(1, "GET", "/seen/%2e/..%2F?a=b&c"),
        told(1, b"GET /seen/%2e/..%2F?a=b&c HTTP/1.1"),
        serves(),
    ),
    case(
        "8.3.1",
        "the version of HTTP/1",
        ask(1, "GET", "/seen"),
        told(1, b"GET /seen HTTP/1.1", lacks=[b"http/2"]),
        serves(),
    ),
)


CASES = (*NAMES, *VALUES, *CONNECTION, *COOKIES, *PSEUDO)
