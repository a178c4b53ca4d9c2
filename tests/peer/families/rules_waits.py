"""wait-for-body, of requests and of responses, compared with the peer program; `pause`, which is not in 2.6, stands in
tests/playbook/test_rules_that_wait.py."""

from __future__ import annotations

from support.actor import Close, End, HalfClose, Pause, Recv, Send, Step, Wait
from support.origin import Script
from support.scenario import Scenario

from families.requests import get
from families.rules_bodies import CHUNKED, HEAD, LEAVES, LINGERS, SEEN, TELLING
from families.simple import simple

WAIT = "http-request wait-for-body time 300ms\n"
ENOUGH = "http-request wait-for-body time 300ms at-least 3\n"
ANSWER = "http-response wait-for-body time 300ms\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n"

RESPONSE = {
    "differs": "2.6 says of a response whose body is late what it says of a request (sR, no %Tr)",
    "until_peer": (3, 0),
    "ours": [" 504 B - - sH--"],
}


def waits(name: str, front: str, *talk: Step, expect: str, back: str = "", **more: object) -> Scenario:
    """A talk about a body that comes in pieces."""
    return Scenario(
        name=name,
        config=simple(front=front, back=back),
        talk=talk,
        expect=[expect],
        **more,  # type: ignore[arg-type]
    )


def answers(*steps: Step) -> dict[str, tuple[Script, ...]]:
    """A server that reads a request, then does this."""
    return {"a": ((Recv(), *steps),)}


SCENARIOS = [
    waits(
        "all of it", WAIT + SEEN, Send(HEAD + b"\r\na="), Pause(0.1), Send(b"1&b="), Recv(), expect="x-b: a=1&b=|6|6"
    ),
    waits(
        "enough of it",
        ENOUGH + SEEN,
        Send(HEAD + b"\r\na=1"),
        Wait("head"),
        Send(b"&b="),
        Recv(),
        servers={"a": (TELLING,)},
        expect="x-b: a=1|3|6",
    ),
    waits(
        "the backend waits",
        "",
        Send(HEAD + b"\r\na="),
        Pause(0.1),
        Send(b"1&b="),
        Recv(),
        back=WAIT + SEEN,
        expect="x-b: a=1&b=|6|6",
    ),
    waits("chunked", WAIT + SEEN, Send(CHUNKED), Pause(0.1), Send(b"0\r\n\r\n"), Recv(), expect="x-b: abc|3|3"),
    waits("a GET has none", WAIT + ENOUGH + SEEN, Send(get("/")), Recv(), expect="x-b: |0|0|"),
    waits(
        "100-continue",
        WAIT + SEEN,
        Send(HEAD + b"Expect: 100-continue\r\n\r\n"),
        Recv(),
        Send(b"a=1&b="),
        Recv(),
        expect="HTTP/1.1 100 Continue",
    ),
    waits(
        "larger than a buffer",
        WAIT + "http-request set-header x-b 1 if { req.body_len 10000:17000 } { req.body_size 40000 }",
        Send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 40000\r\n\r\n" + b"x" * 40000),
        Recv(),
        expect="x-b: 1",
    ),
    waits(
        "too late",
        WAIT,
        Send(HEAD + b"\r\na="),
        End(1.5),
        expect=" -1/-1/-1/-1/T 408 B - - cR--",
        **LINGERS,
    ),
    waits(
        "timeout client, before that",
        "timeout client 300ms\nhttp-request wait-for-body time 3s\n",
        Send(HEAD + b"\r\na="),
        End(1.5),
        expect=" -1/-1/-1/-1/T 408 B - - cR--",
    ),
    *(
        waits(
            f"the client leaves: {type(end).__name__}",
            WAIT,
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
    waits(
        "all of a response",
        ANSWER,
        Send(get("/")),
        Recv(),
        servers=answers(Send(OK + b"hi"), Pause(0.1), Send(b" there"), End()),
        expect="hi there",
    ),
    waits(
        "of a response, in the backend",
        "",
        Send(get("/")),
        Recv(),
        back=ANSWER,
        servers=answers(Send(OK + b"hi"), Pause(0.1), Send(b" there"), End()),
        expect="hi there",
    ),
    waits(
        "a response that is late",
        ANSWER,
        Send(get("/")),
        Recv(),
        servers=answers(Send(OK + b"hi"), Pause(1)),
        expect=" 504 B - - sR--",
        **RESPONSE,
    ),
    waits(
        "timeout server, before that",
        "http-response wait-for-body time 3s\n",
        Send(get("/")),
        Recv(),
        back="timeout server 300ms",
        servers=answers(Send(OK + b"hi"), Pause(1)),
        expect=" 504 B - - sR--",
        **RESPONSE,
    ),
    waits(
        "a response that is cut short",
        ANSWER,
        Send(get("/")),
        End(1),
        servers=answers(Send(OK + b"hi"), Pause(0.1), Close()),
        expect=" 200 B - - SD--",
    ),
    waits(
        "a response without a body",
        ANSWER,
        Send(get("/")),
        Recv(),
        servers=answers(Send(b"HTTP/1.1 204 No Content\r\n\r\n"), End()),
        expect="HTTP/1.1 204",
    ),
]
