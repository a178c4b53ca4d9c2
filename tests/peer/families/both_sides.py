"""Options that may stand in a frontend and in its backend: each pair of what they may say."""

from __future__ import annotations

from collections.abc import Sequence

from support.actor import Close, End, Pause, Recv, Send, Serve, Silence, Step
from support.scenario import Open, Scenario

from families.requests import get, request, response

OK = response("200 OK", "Content-Length: 2", body=b"ok")
NONE = "# nothing"


CLOSES = "`option httpclose` of a frontend closes its clients' connections alone, as the 3.5 manual says"


def pairs(
    name: str,
    options: Sequence[str],
    talk: Sequence[Step],
    expect: str,
    *,
    before: str = "",
    differs: str = "",
    ours: Sequence[str] = (),
) -> Scenario:
    """One client for each pair: a frontend with one of the options, a backend with another."""
    config = ""
    steps: list[Step] = []
    for place, (front, back) in enumerate((front, back) for front in options for back in options):
        config += f"""
frontend f{place}
    bind 127.0.0.1:{{port:f{place}}}
    no log
    {before}
    {front}
    default_backend b{place}
backend b{place}
    no log
    {back}
    server s1 {{server:a}}
"""
        steps += [Open(port=f"f{place}", name=f"{front} | {back}"), *talk, Close(), Pause(0.01)]
    return Scenario(
        name=name,
        config=config,
        servers={"a": ((Serve(OK),),)},
        talk=steps,
        logs=0,
        expect=[expect],
        differs=differs,
        until_peer=(3, 0),
        ours=ours,
    )


def options(name: str, *words: str) -> list[str]:
    """Nothing, and the option with each of these."""
    return [NONE, *(f"option {name} {word}".strip() for word in words)]


MODES = [NONE, "option httpclose", "option http-server-close", "option http-keep-alive"]
TWICE = [Send(get("/1")), Recv(), Send(get("/2")), Recv(), Silence(0.02)]

SCENARIOS = [
    pairs(
        "forwardfor",
        options(
            "forwardfor",
            "",
            "except 127.0.0.1",
            "header x-h",
            "if-none",
            "except 127.0.0.1 if-none",
            "except 10.0.0.1 header x-k",
        ),
        [Send(get("/1")), Recv(), Send(get("/2", "X-Forwarded-For: 9.9.9.9", "X-H: 9.9.9.8")), Recv()],
        "x-k: 127.0.0.1",
    ),
    pairs(
        "originalto",
        options("originalto", "", "except 127.0.0.1", "header x-h", "except 10.0.0.1 header x-k"),
        [Send(get("/1")), Recv(), Send(get("/2", "X-Original-To: 9.9.9.9", "X-H: 9.9.9.8")), Recv()],
        "x-k: 127.0.0.1",
    ),
    pairs(
        "connection modes",
        MODES,
        TWICE,
        "connection: close",
        differs=CLOSES,
        ours=["connection 7:\n  GET /1 HTTP/1.1\n  host: h\nconnection 8:"],
    ),
    pairs(
        "connection modes and HTTP/1.0",
        MODES,
        [Send(request("GET", "/", "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0")), Recv(), Silence(0.02)],
        "connection: keep-alive",
        differs=CLOSES,
        ours=["connection 5:\n  GET / HTTP/1.0\n  host: h\n  connection: keep-alive\n"],
    ),
    pairs(
        "http-buffer-request",
        options("http-buffer-request", ""),
        [Send(request("POST", "/", "Content-Length: 4") + b"ab"), Silence(0.05), Send(b"cd"), Recv()],
        "'abcd'",
    ),
    pairs(
        "http-restrict-req-hdr-names",
        options("http-restrict-req-hdr-names", "preserve", "delete", "reject"),
        [Send(get("/", "X.Y: 1", "X-Z: 2")), Recv(), End(0.02)],
        "x.y: 1",
    ),
    pairs("independent-streams", options("independent-streams", ""), TWICE, "ok"),
    pairs("nolinger", options("nolinger", ""), TWICE, "ok"),
    pairs("http-no-delay", options("http-no-delay", ""), TWICE, "ok"),
    pairs("tcpka", options("tcpka", ""), TWICE, "ok"),
]
