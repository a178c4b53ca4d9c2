"""Requests that are refused before anything of them reaches a server, and those that are put right instead."""

from __future__ import annotations

from support.actor import End, Recv, Send
from support.scenario import Scenario

from families.requests import get, request
from families.simple import simple

# A short keep-alive ends the connection soon where a program accepts what the other refuses.
CONFIG = simple(front="timeout http-keep-alive 100ms\ntimeout http-request 1s", back="timeout server 400ms")
CHUNKED = request("POST", "/", "Transfer-Encoding: chunked")
LAX = "2.6 accepts these requests; 3.5 and Pointsman answer 400"

SILENT = "3.2 closes without a word: `Content-Length` fields that differ (400), GET with a body in HTTP/1.0 (413)"


def with_lines(*lines: str) -> bytes:
    """A POST with these header lines and a few bytes behind its head."""
    return request("POST", "/", *lines) + b"12"


REFUSED = {
    "Content-Length differing list": with_lines("Content-Length: 2, 3"),
    "Content-Length empty": with_lines("Content-Length:"),
    "Content-Length trailing comma": with_lines("Content-Length: 2,"),
    "Content-Length plus": with_lines("Content-Length: +2"),
    "Content-Length minus": with_lines("Content-Length: -2"),
    "Content-Length hexadecimal": with_lines("Content-Length: 0x2"),
    "Content-Length underscore": with_lines("Content-Length: 0_2"),
    "Content-Length vertical tab": with_lines("Content-Length: \x0b2"),
    "Content-Length too large": with_lines("Content-Length: 18446744073709551616"),
    "Transfer-Encoding xchunked": with_lines("Transfer-Encoding: xchunked"),
    "Transfer-Encoding identity": with_lines("Transfer-Encoding: identity"),
    "Transfer-Encoding chunked twice": with_lines("Transfer-Encoding: chunked, chunked"),
    "Transfer-Encoding chunked in two fields": with_lines("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    "Transfer-Encoding chunked is not last": with_lines("Transfer-Encoding: chunked, gzip"),
    "Transfer-Encoding with a parameter": with_lines("Transfer-Encoding: chunked;x=y"),
    "Transfer-Encoding quoted": with_lines('Transfer-Encoding: "chunked"'),
    "Transfer-Encoding vertical tab": with_lines("Transfer-Encoding: \x0bchunked"),
    "Transfer-Encoding leading comma": with_lines("Transfer-Encoding: ,chunked"),
    "Transfer-Encoding empty": with_lines("Transfer-Encoding:"),
    "space before the colon": get("/", "X-A : b"),
    "bare CR in a value": get("/", "X-A: b\rc"),
    "a fold on the first field": b"GET / HTTP/1.1\r\n folded: x\r\nHost: h\r\n\r\n",
    "a field without colon": get("/", "nocolon"),
    "an empty field name": get("/", ": x"),
    "a field name that is no token": get("/", "X(A): b"),
    "NUL in a value": get("/", "X-A: b\0c"),
    "too many fields": get("/", *(f"X-{number}: v" for number in range(101))),
    "chunk size 0x": CHUNKED + b"0x2\r\nab\r\n0\r\n\r\n",
    "chunk size plus": CHUNKED + b"+2\r\nab\r\n0\r\n\r\n",
    "chunk size underscore": CHUNKED + b"2_\r\nab\r\n0\r\n\r\n",
    "chunk size leading space": CHUNKED + b" 2\r\nab\r\n0\r\n\r\n",
    "chunk size of 17 digits": CHUNKED + b"10000000000000002\r\nab\r\n0\r\n\r\n",
    "chunk overrun": CHUNKED + b"2\r\nabc\r\n0\r\n\r\n",
    "chunk with bare LF": CHUNKED + b"2\nab\n0\n\n",
    "CONNECT form with GET": get("h:80"),
    "asterisk with GET": get("*"),
    "fragment in the target": get("/a#b"),
    "high bytes in the target": get("/\xe9"),
    "control in the target": get("/a\x01b"),
    "authority differs from Host": get("http://other/"),
    "differing Hosts": get("/", "Host: other"),
    "Host with a comma": get("/", host="a,b"),
    "Host with an at sign": get("/", host="user@h"),
    "Host with a slash": get("/", host="a/b"),
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/1.10": get("/", version="HTTP/1.10"),
    "lower-case protocol": get("/", version="http/1.1"),
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no version": b"GET / \r\nHost: h\r\n\r\n",
    "a method that is no token": b"GE(T / HTTP/1.1\r\nHost: h\r\n\r\n",
    "WebSocket upgrade without key": get("/", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
}

# What Debian's 2.6 accepts although 3.5 refuses it, with what its transcript shows instead.
ACCEPTED = {
    "Content-Length too large": "HTTP/1.1 504",
    "Transfer-Encoding leading comma": "HTTP/1.1 422",
    "NUL in a value": "HTTP/1.1 200",
    "chunk with bare LF": "HTTP/1.1 200",
    "asterisk with GET": "HTTP/1.1 200",
    "Host with a comma": "HTTP/1.1 200",
    "Host with an at sign": "HTTP/1.1 200",
    "Host with a slash": "HTTP/1.1 200",
}

# Other statuses, and what 3.2 does not answer.
OTHERS = {
    "Content-Length differing duplicates": (with_lines("Content-Length: 2", "Content-Length: 3"), "400"),
    "unknown coding before chunked": (with_lines("Transfer-Encoding: gzip, chunked"), "422"),
    "HTTP/1.0 GET with a body": (request("GET", "/", body=b"ab", version="HTTP/1.0"), "413"),
}

TOO_LARGE = {
    "head too large": (get("/", "X-Large: " + "x" * 16300), "431"),
    "target too long": (get("/" + "x" * 16500), "414"),
}

NORMALISED = {
    "HTTP/3.0": (get("/", version="HTTP/3.0"), "GET / HTTP/1.1"),
    "Content-Length with chunked": (
        request("POST", "/", "Content-Length: 3", "Transfer-Encoding: chunked") + b"2\r\nab\r\n0\r\n\r\n",
        "[chunked] 'ab'",
    ),
    "Transfer-Encoding in HTTP/1.0": (
        request("POST", "/", "Transfer-Encoding: chunked", version="HTTP/1.0") + b"2\r\nab\r\n0\r\n\r\n",
        "POST / HTTP/1.0",
    ),
    "equal lengths merged": (with_lines("Content-Length: 2", "Content-Length: 2"), "content-length: 2"),
    "equal lengths in a list": (with_lines("Content-Length: 2, 2"), "content-length: 2"),
    "folded value": (get("/", "X-A: one\r\n  two\r\n\tthree"), "x-a: one"),
    "tabs around chunked": (
        request("POST", "/", "Transfer-Encoding:\tchunked\t") + b"2\r\nab\r\n0\r\n\r\n",
        "[chunked] 'ab'",
    ),
    "chunk extensions dropped": (CHUNKED + b'2;a=b;c="d"\r\nab\r\n0;last\r\n\r\n', "[chunked] 'ab'"),
    "bare LF line ends": (b"GET / HTTP/1.1\nHost: h\nX-A: b\n\n", "x-a: b"),
    "HTTP/1.1 without Host": (get("/", host=""), "HTTP/1.1 200"),
    "control bytes in a value": (get("/", "X-A: a\x01b\x7fc"), "HTTP/1.1 200"),
    "TRACE": (request("TRACE", "/"), "TRACE / HTTP/1.1"),
    "unknown Expect": (get("/", "Expect: something"), "expect: something"),
    "fields named by Connection are kept": (get("/", "Connection: X-Hop", "X-Hop: 1"), "x-hop: 1"),
    "unknown method": (request("BREW", "/pot"), "BREW /pot HTTP/1.1"),
    "absolute-form": (get("http://h/path?q=1"), "path?q=1"),
    "absolute-form with a port": (get("http://h:80/path", host="h:80"), "/path"),
    "OPTIONS asterisk": (request("OPTIONS", "*"), "OPTIONS * HTTP/1.1"),
    "double slashes and dots in the path": (get("//a/../b/./c?x=%2e"), "GET //a/../b/./c?x=%2e"),
    "equal Hosts twice": (get("/", "Host: h"), "HTTP/1.1"),
    "spaces around a value": (get("/", "X-A: \t b \t "), "x-a: b\n"),
    "header of the same name twice": (get("/", "X-A: 1", "X-B: 2", "x-a: 3"), "x-a: 3"),
}

SCENARIOS = [
    *(
        Scenario(
            name=f"refused: {name}",
            config=CONFIG,
            talk=[Send(data), Recv(), End()],
            expect=[ACCEPTED.get(name, "HTTP/1.1 400 Bad request"), "(closed)"],
            differs=LAX if name in ACCEPTED else "",
            until_peer=(3, 0),
            ours=["HTTP/1.1 400 Bad request", "PR--", "(closed)"] if name in ACCEPTED else [],
        )
        for name, data in REFUSED.items()
    ),
    *(
        Scenario(
            name=name,
            config=CONFIG,
            talk=[Send(data), Recv(), End()],
            expect=["(closed"] if status != "422" else ["HTTP/1.1 422"],
            differs="" if status == "422" else SILENT,
            from_peer=(3, 0),
            ours=[f"HTTP/1.1 {status}"],
        )
        for name, (data, status) in OTHERS.items()
    ),
    *(
        Scenario(name=f"put right: {name}", config=CONFIG, talk=[Send(data), Recv(), End()], expect=[part])
        for name, (data, part) in NORMALISED.items()
    ),
    *(
        Scenario(
            name=name,
            config=CONFIG,
            talk=[Send(data), Recv(), End()],
            expect=["HTTP/1.1 400"],
            differs="A head that does not fit is 431, and 414 where the target alone is too long; 2.6 says 400",
            until_peer=(3, 0),
            ours=[f"HTTP/1.1 {status}", "connections: 0"],
        )
        for name, (data, status) in TOO_LARGE.items()
    ),
    Scenario(
        name="refused: bad trailer name",
        config=CONFIG,
        talk=[Send(CHUNKED + b"2\r\nab\r\n0\r\nX A: b\r\n\r\n"), Recv(), End()],
        expect=["HTTP/1.1 400 Bad request"],
        alone="a bad name in a trailer (2.6 refuses it or not, as its reads happen to cut the bytes)",
    ),
    Scenario(
        name="put right: upper-case chunked",
        config=CONFIG,
        talk=[Send(request("POST", "/", "Transfer-Encoding: CHUNKED") + b"2\r\nab\r\n0\r\n\r\n"), Recv(), End()],
        expect=["transfer-encoding: CHUNKED", "[chunked] 'ab'"],
        differs="2.6 forwards the transfer coding as it was spelt; Pointsman writes it anew, as `chunked`",
        until_peer=(3, 0),
        ours=["transfer-encoding: chunked", "[chunked] 'ab'"],
    ),
    Scenario(
        name="put right: leading zero in a length",
        config=CONFIG,
        talk=[Send(with_lines("Content-Length: 02")), Recv(), End()],
        expect=["content-length: 02"],
        differs="`Content-Length: 02` is forwarded as `2`; 2.6 forwards it as it came",
        until_peer=(3, 0),
        ours=["content-length: 2\n", "[length] '12'"],
    ),
]
