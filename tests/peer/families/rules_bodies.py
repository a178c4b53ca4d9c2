"""Rules that look at the request's body, with and without option http-buffer-request."""

from __future__ import annotations

from support.actor import Close, End, HalfClose, Pause, Recv, Send, Step, Tell, Until, Wait
from support.origin import ok
from support.scenario import Scenario

from families.requests import get, post
from families.simple import simple

BUFFER = "option http-buffer-request\n"
SEEN = 'http-request set-header x-b "%[req.body]|%[req.body_len]|%[req.body_size]|%[req.body_param(a)]"\n'
HEAD = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
# The rest of the body is sent when the server has the head, so that no rule can have seen it.
TELLING = (Until(b"\r\n\r\n"), Tell("head"), Until(b"b="), Send(ok(b"a")), End())
LEAVES = "haproxy goes on to the backend before it finds that nobody waits; here the frontend's name is in the log"

# What 3.2 does behind a 408 of its own.
LINGERS = {
    "differs": "Behind an answer that ends a connection Pointsman closes within a second, however the client goes on; "
    "3.2 and 3.5 may wait for `timeout client` once more",
    "from_peer": (3, 0),
    "ours": [" -1/-1/-1/-1/T 408 B - - cR--", "(closed)"],
}


def body(name: str, front: str, *talk: Step, expect: str, back: str = "", **more: object) -> Scenario:
    """A talk about a body that comes in pieces."""
    return Scenario(
        name=name,
        config=simple(front=front, back=back),
        talk=talk,
        expect=[expect],
        **more,  # type: ignore[arg-type]
    )


SCENARIOS = [
    body("whole", BUFFER + SEEN, Send(post("/", b"a=1&b=")), Recv(), expect="x-b: a=1&b=|6|6|1"),
    body("what came with the head", SEEN, Send(post("/", b"a=1&b=")), Recv(), expect="x-b: a=1&b=|6|6|1"),
    body(
        "in pieces",
        BUFFER + SEEN,
        Send(HEAD + b"\r\na="),
        Pause(0.1),
        Send(b"1&b="),
        Recv(),
        expect="x-b: a=1&b=|6|6|1",
    ),
    body(
        "in pieces, nobody waits",
        SEEN,
        Send(HEAD + b"\r\na="),
        Wait("head"),
        Send(b"1&b="),
        Recv(),
        servers={"a": (TELLING,)},
        expect="x-b: a=|2|6|",
    ),
    body(
        "none came yet",
        SEEN,
        Send(HEAD + b"\r\n"),
        Wait("head"),
        Send(b"a=1&b="),
        Recv(),
        servers={"a": (TELLING,)},
        expect="x-b: |0|6|",
    ),
    body(
        "the backend waits",
        SEEN,
        Send(HEAD + b"\r\na="),
        Pause(0.5),
        Send(b"1&b="),
        Recv(),
        back=BUFFER + 'http-request set-header x-c "%[req.body]|%[req.body_len]|%[req.body_size]"',
        expect="x-c: a=1&b=|6|6",
    ),
    body(
        "100-continue",
        BUFFER + SEEN,
        Send(HEAD + b"Expect: 100-continue\r\n\r\n"),
        Recv(),
        Send(b"a=1&b="),
        Recv(),
        expect="HTTP/1.1 100 Continue",
    ),
    body(
        "100-continue, and the body came at once",
        BUFFER + SEEN,
        Send(HEAD + b"Expect: 100-continue\r\n\r\na=1&b="),
        Recv(),
        Recv(),
        expect="HTTP/1.1 100 Continue",
    ),
    body(
        "chunked",
        BUFFER + SEEN,
        Send(CHUNKED),
        Pause(0.1),
        Send(b"2\r\nde\r\n0\r\n\r\n"),
        Recv(),
        expect="x-b: abcde|5|5|",
    ),
    body(
        "timeout http-request",
        "timeout http-request 300ms\n" + BUFFER + SEEN,
        Send(HEAD + b"\r\na="),
        End(1.5),
        expect=" -1/-1/-1/-1/T 408 B - - cR--",
        **LINGERS,
    ),
    body(
        "timeout client",
        "timeout client 300ms\n" + BUFFER + SEEN,
        Send(HEAD + b"\r\na="),
        End(1.5),
        expect=" -1/-1/-1/-1/T 408 B - - cR--",
    ),
    body(
        "timeout of a backend that waits",
        SEEN,
        Send(HEAD + b"\r\na="),
        End(1.5),
        back="timeout http-request 300ms\n" + BUFFER,
        expect="app/<NOSRV> -1/-1/-1/-1/T 408 B - - cR--",
        **LINGERS,
    ),
    *(
        body(
            f"the client leaves: {type(end).__name__}",
            BUFFER + SEEN,
            Send(HEAD + b"\r\na="),
            Pause(0.1),
            end,
            Pause(0.2),
            expect="app/<NOSRV> T/-1/-1/-1/T ",
            differs=LEAVES,
            ours=["web/<NOSRV> T/-1/-1/-1/T 400 B - - CR--"],
        )
        for end in (Close(), HalfClose())
    ),
    body(
        "a bad chunk",
        BUFFER + SEEN,
        Send(CHUNKED),
        Pause(0.1),
        Send(b"zz\r\n"),
        End(1),
        expect=" -1/-1/-1/-1/T 400 B - - PR--",
        differs="A request whose body turns out to be wrong is answered by 400; 3.2 closes without a word",
        from_peer=(3, 0),
        ours=["HTTP/1.1 400 Bad request", " -1/-1/-1/-1/T 400 B - - PR--"],
    ),
    body(
        "larger than a buffer",
        BUFFER + "http-request set-header x-b 1 if { req.body_len 10000:17000 } { req.body_size 40000 }",
        Send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40000),
        Recv(),
        expect="x-b: 1",
    ),
    body(
        "denied for its body",
        BUFFER + "http-request deny if { req.body -m sub evil }",
        Send(HEAD + b"\r\nxe"),
        Pause(0.1),
        Send(b"vil."),
        Recv(),
        Send(get("/")),
        Recv(),
        logs=2,
        expect="HTTP/1.1 403 Forbidden",
    ),
    body("a GET has none", BUFFER + SEEN, Send(get("/")), Recv(), expect="x-b: |0|0|"),
    body(
        "parameters",
        BUFFER + 'http-request set-header x-b "%[req.body_param(b)]|%[req.body_param(c)]|%[req.body_param]"\n'
        "http-request set-header x-all 1 if { req.body_param(a) -m str 9 }",
        Send(post("/", b"a=1&b=2%20x&c&d=&e=5&a=9")),
        Recv(),
        expect="x-b: 2%20x||1",
    ),
    body(
        "two at once",
        BUFFER + SEEN,
        Send(post("/1", b"a=1&b=") + post("/2", b"a=2")),
        Recv(),
        Recv(),
        logs=2,
        expect="x-b: a=2|3|3|2",
    ),
    body(
        "routed by its body",
        BUFFER + "use_backend app if { req.body -m beg a }",
        Send(post("/1", b"a=1&b=")),
        Recv(),
        expect="HTTP/1.1 200 OK",
    ),
]
