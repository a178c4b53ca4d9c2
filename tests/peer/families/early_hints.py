"""early-hint: which rules share a response 103, what follows it, and who gets none."""

from __future__ import annotations

from support.actor import End, Pause, Recv, Send, Step
from support.scenario import Scenario

from families.requests import get, request
from families.simple import simple

ALONE = 'http-request early-hint link "</a.css>; rel=preload; as=style"\n'
TWO = ALONE + 'http-request early-hint link "</b.js>; rel=preload; as=script"\n'
BACK = "http-request early-hint x-back %[be_name]"
RULES = """
http-request early-hint x-a 1 if { path_beg /a }
http-request early-hint x-b 2
http-request early-hint x-c %[path] if { path_beg /c }
http-request early-hint x-d %[hdr(none)]
http-request set-header x y
http-request early-hint x-e 5
http-request early-hint x-f 6 unless { path_beg /c }
"""


def early(name: str, front: str, *requests: bytes, hints: int, expect: str, back: str = "", **more: object) -> Scenario:
    talk: list[Step] = []
    for one in requests:
        talk += [Send(one), *[Recv(head_only=True)] * hints, Recv()]
    return Scenario(
        name=name,
        config=simple(front=front, back=back),
        talk=talk,
        logs=len(requests),
        expect=["HTTP/1.1 103 Early Hints\n", expect],
        **more,  # type: ignore[arg-type]
    )


SCENARIOS = [
    early("alone", ALONE, get("/"), hints=1, expect="link: </a.css>; rel=preload; as=style\n"),
    early("two share one", TWO, get("/"), hints=1, expect="link: </b.js>; rel=preload; as=script\n"),
    early("again and again", TWO, get("/"), get("/"), get("/"), get("/"), hints=1, expect="link: </b.js>;"),
    early("nothing holds", RULES, get("/x"), hints=4, expect="x-f: 6\n"),
    early("the first holds", RULES, get("/a"), hints=4, expect="x-a: 1\nx-b: 2\n"),
    early("the third holds", RULES, get("/c"), hints=3, expect="x-c: /c\nx-d: \n"),
    early(
        "of both sides",
        ALONE,
        get("/"),
        hints=2,
        expect="x-back: app\n",
        back=BACK,
    ),
    early("before a denial", TWO + "http-request deny", get("/"), hints=1, expect="HTTP/1.1 403 Forbidden\n"),
    early(
        "before a redirection",
        TWO + "redirect location /x",
        get("/"),
        hints=1,
        expect="HTTP/1.1 302 Found\n",
    ),
    early("before a reply", TWO + "http-request return status 200", get("/"), hints=1, expect="HTTP/1.1 200 OK\n"),
    early("before a tarpit", "timeout tarpit 100ms\n" + TWO + "http-request tarpit", get("/"), hints=1, expect=" PT"),
    early("a POST", TWO, request("POST", "/", body=b"abc"), hints=1, expect="abc"),
    early(
        "no rules of responses for it",
        TWO + "http-response set-header x-r 1\nhttp-after-response set-header x-after 1",
        get("/"),
        hints=1,
        expect="x-after: 1\n",
    ),
    Scenario(
        name="a HEAD",
        config=simple(front=TWO),
        talk=[Send(request("HEAD", "/")), Recv(head_only=True), Recv(head_only=True), End(0.1)],
        expect=["HTTP/1.1 103 Early Hints\n"],
    ),
    Scenario(
        name="a client of HTTP 1.0 is told nothing",
        config=simple(front=TWO),
        talk=[Send(get("/", version="HTTP/1.0")), Recv(), End()],
        expect=["HTTP/1.1 200 OK\n"],
    ),
    Scenario(
        name="it comes before the server does anything",
        config=simple(front=TWO),
        servers={"a": ((Recv(), Pause(0.4), Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")),)},
        talk=[Send(get("/")), Recv(head_only=True), Recv()],
        expect=["HTTP/1.1 103 Early Hints\n"],
    ),
]
