"""Responses that are refused with 502, or that end early."""

from __future__ import annotations

from support.actor import Close, End, Pause, Recv, Reset, Send
from support.origin import Script
from support.scenario import Scenario

from families.requests import get, request, response
from families.simple import simple

CONFIG = simple(front="timeout http-keep-alive 100ms")
CHUNKED = response("200 OK", "Transfer-Encoding: chunked")
LAX = "2.6 relays these responses; 3.5 and Pointsman answer 502"


def reply(data: bytes) -> Script:
    """Reads the request, sends these bytes, keeps the connection a while, closes it."""
    return (Recv(), Send(data), Pause(0.1), Close())


SHORT = "A status below 100 (`20`, `099`) is 502 (`PH`) here; HAProxy relays it"

REFUSED = {
    "Content-Length differing duplicates": response("200 OK", "Content-Length: 2", "Content-Length: 3", body=b"ab"),
    "Content-Length plus": response("200 OK", "Content-Length: +2", body=b"ab"),
    "Content-Length empty": response("200 OK", "Content-Length:", body=b"ab"),
    "Transfer-Encoding unknown": response("200 OK", "Transfer-Encoding: xchunked", body=b"ab"),
    "Transfer-Encoding chunked twice": response("200 OK", "Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "garbage": b"\x00\x01garbage\r\n\r\n",
    "a word instead of a status": b"HTTP/1.1 abc OK\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "unsolicited 101": response("101 Switching Protocols", "Upgrade: foo", "Connection: upgrade"),
    "head too large": response("200 OK", "X-Large: " + "x" * 16300, "Content-Length: 0"),
    "space before the colon": response("200 OK", "X-A : b", "Content-Length: 0"),
    "NUL in a value": response("200 OK", "X-A: a\0b", "Content-Length: 0"),
    "field name is no token": response("200 OK", "X(A): b", "Content-Length: 0"),
    "field without colon": response("200 OK", "nocolon", "Content-Length: 0"),
    "wrong protocol": b"FTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}
ACCEPTED = {
    "a status of four digits": "HTTP/1.1 2000 OK",
    "a status of two digits": "HTTP/1.1 20 OK",
    "NUL in a value": "HTTP/1.1 200 OK",
}

SCENARIOS = [
    *(
        Scenario(
            name=f"refused: {name}",
            config=CONFIG,
            servers={"a": (reply(data),)},
            talk=[Send(get("/")), Recv(), End()],
            expect=[ACCEPTED.get(name, "HTTP/1.1 502 Bad Gateway")],
            differs=SHORT if "two digits" in name else LAX if name in ACCEPTED else "",
            until_peer=(99, 0) if "two digits" in name else (3, 0),
            ours=["HTTP/1.1 502 Bad Gateway", "PH--"] if name in ACCEPTED else [],
        )
        for name, data in REFUSED.items()
    ),
    Scenario(
        name="server closes without a byte",
        config=CONFIG,
        servers={"a": ((Recv(), Close()),)},
        talk=[Send(get("/")), Recv(), End()],
        expect=["HTTP/1.1 502 Bad Gateway", "SH--"],
    ),
    Scenario(
        name="server resets without a byte",
        config=CONFIG,
        servers={"a": ((Recv(), Reset()),)},
        talk=[Send(get("/")), Recv(), End()],
        expect=["HTTP/1.1 502 Bad Gateway", "SH--"],
    ),
    Scenario(
        name="server closes within the head",
        config=CONFIG,
        servers={"a": ((Recv(), Send(b"HTTP/1.1 200 OK\r\nContent-Le"), Close()),)},
        talk=[Send(get("/")), Recv(), End()],
        expect=["HTTP/1.1 502 Bad Gateway", "SH--"],
        differs="half a response head is no response (502 `PH`, and `junk-response` to `retry-on`); 2.6 says `SH`",
        until_peer=(3, 0),
        ours=["HTTP/1.1 502 Bad Gateway", "PH--"],
    ),
    Scenario(
        name="body cut short",
        config=CONFIG,
        servers={"a": ((Recv(), Send(response("200 OK", "Content-Length: 10", body=b"half")), Close()),)},
        talk=[Send(get("/")), Recv()],
        expect=["half", "SD--"],
    ),
    Scenario(
        name="body cut short by a reset",
        config=CONFIG,
        servers={"a": ((Recv(), Send(response("200 OK", "Content-Length: 10", body=b"half")), Pause(0.05), Reset()),)},
        talk=[Send(get("/")), Recv()],
        expect=["half", "SD--"],
    ),
    Scenario(
        name="chunked body cut short",
        config=CONFIG,
        servers={"a": ((Recv(), Send(CHUNKED + b"4\r\nhalf\r\n"), Pause(0.05), Close()),)},
        talk=[Send(get("/")), Recv()],
        expect=["half", "SD--"],
    ),
    Scenario(
        name="bad chunk in a body",
        config=CONFIG,
        servers={
            "a": ((Recv(), Send(CHUNKED + b"4\r\nhalf\r\n"), Pause(0.1), Send(b"xyz\r\n"), Pause(0.05), Close()),)
        },
        talk=[Send(get("/")), Recv()],
        expect=["half", "SD--"],
        differs="a bad chunk in the middle of a response is logged as `PD`, as the manual says (8.5); 2.6 says `SD`",
        until_peer=(3, 0),
        ours=["half", "PD--"],
    ),
    Scenario(
        name="refused: bad chunk beside the head",
        config=CONFIG,
        servers={"a": (reply(CHUNKED + b"4\r\nhalf\r\nxyz\r\n"),)},
        talk=[Send(get("/")), Recv(), End()],
        expect=["HTTP/1.1 502 Bad Gateway", "PH--"],
    ),
    Scenario(
        name="an error does not end the client's connection for HEAD",
        config=CONFIG,
        servers={"a": ((Recv(), Close()),)},
        talk=[Send(request("HEAD", "/")), Recv(head_only=True), End()],
        expect=["HTTP/1.1 502 Bad Gateway"],
    ),
    Scenario(
        name="a status without reason",
        config=CONFIG,
        servers={"a": (reply(b"HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n"),)},
        talk=[Send(get("/")), Recv(), End()],
        expect=["HTTP/1.1 299 \n"],
        differs="A status without a reason gets one, as in 3.2; 2.6 leaves it without",
        until_peer=(3, 0),
        ours=["HTTP/1.1 299 Success"],
    ),
    Scenario(
        name="folded response header",
        config=CONFIG,
        servers={"a": (reply(response("200 OK", "X-A: one\r\n two", "Content-Length: 0")),)},
        talk=[Send(get("/")), Recv(), End()],
        expect=["x-a: one"],
    ),
    Scenario(
        name="Content-Length with chunked in a response",
        config=CONFIG,
        servers={
            "a": (reply(response("200 OK", "Content-Length: 3", "Transfer-Encoding: chunked", body=b"0\r\n\r\n")),)
        },
        talk=[Send(get("/")), Recv(), End()],
        expect=["transfer-encoding: chunked", "(closed)"],
    ),
]
