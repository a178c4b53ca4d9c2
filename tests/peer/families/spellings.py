"""h1-case-adjust: names of header fields as bogus clients and servers want them."""

from __future__ import annotations

from support.actor import End, Recv, Send, Step
from support.origin import Script
from support.scenario import HTTP, Scenario

from families.requests import get, request
from families.simple import simple

NAMES = """global
    h1-case-adjust content-length Content-Length
    h1-case-adjust x-a X-A
    h1-case-adjust transfer-encoding Transfer-Encoding
    h1-case-adjust connection Connection
    h1-case-adjust upgrade Upgrade
    h1-case-adjust cache-control CaChE-Control
    h1-case-adjust location LOCATION
    h1-case-adjust-file {file:names}
"""
PRELUDE = HTTP.replace("global\n", NAMES, 1)
FILES = {"names": b"# of a file\n\n  x-b X-B\nhost\tHOST \nserver SeRvEr\n"}
CLIENT = "option h1-case-adjust-bogus-client\n"
SERVER = "option h1-case-adjust-bogus-server\n"
DENY = CLIENT + "http-request deny"
REPLY = CLIENT + "http-request return status 200 hdr x-b 1"
SEEN = CLIENT + "http-request set-header x-seen %[req.hdr_names]"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-a: 1\r\nX-C: 2\r\nserver: s\r\n\r\nok"


def spelt(
    name: str, *talk: Step, front: str = CLIENT, back: str = SERVER, expect: str, script: Script = (), **more: object
) -> Scenario:
    return Scenario(
        name=name,
        config=simple(front=front, back=back),
        prelude=PRELUDE,
        files=FILES,
        talk=talk,
        servers={"a": (script or (Recv(), Send(ANSWER)),)},
        expect=[expect],
        **more,  # type: ignore[arg-type]
    )


HEAD = get("/", "X-a: 1", "x-B: 2", "x-C: 3")
SCENARIOS = [
    spelt("both sides", Send(HEAD), Recv(), expect="X-A: 1\n"),
    spelt("of servers", Send(HEAD), Recv(), expect="HOST: h\n"),
    spelt("clients alone", Send(HEAD), Recv(), back="", expect="SeRvEr: s\n"),
    spelt("servers alone", Send(HEAD), Recv(), front="", expect="X-B: 2\n"),
    spelt("nobody", Send(HEAD), Recv(), front="", back="", expect="x-b: 2\n"),
    spelt(
        "the same again",
        *(Send(HEAD), Recv(), Send(HEAD), Recv(), Send(HEAD), Recv()),
        script=(Recv(), Send(ANSWER), Recv(), Send(ANSWER), Recv(), Send(ANSWER)),
        logs=3,
        expect="SeRvEr: s\n",
    ),
    spelt(
        "chunks and trailers",
        Send(request("POST", "/", "Transfer-Encoding: chunked") + b"1\r\na\r\n0\r\nx-a: q\r\n\r\n"),
        Recv(),
        script=(
            Recv(),
            Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-b: t\r\n\r\n"),
        ),
        expect="Transfer-Encoding: chunked\n",
    ),
    spelt("an old client", Send(get("/", version="HTTP/1.0")), Recv(), End(), expect="Connection: close\n"),
    spelt("an error page", Send(get("/")), Recv(), front=DENY, expect="CaChE-Control: no-cache\n"),
    spelt("a redirection", Send(get("/")), Recv(), front=CLIENT + "redirect location /x", expect="LOCATION: /x\n"),
    spelt("a reply", Send(get("/")), Recv(), front=REPLY, expect="X-B: 1\n"),
    spelt(
        "an early hint",
        *(Send(get("/")), Recv(head_only=True), Recv()),
        front=CLIENT + "http-request early-hint x-a 1",
        expect="HTTP/1.1 103 Early Hints\nX-A: 1\n",
    ),
    spelt(
        "rules know the names in lower case",
        Send(HEAD),
        Recv(),
        front=CLIENT + "http-request set-header x-seen %[req.hdr_names]",
        expect="x-seen: host,x-a,x-b,x-c\n",
    ),
]
