"""http-send-name-header: which server a request goes to, told in a field of it."""

from __future__ import annotations

from support.actor import Recv, Send, Step
from support.scenario import Scenario

from families.requests import get, post
from families.simple import simple

NAME = "http-send-name-header X-Srv\n"
DEFAULTS = """
defaults
    mode http
    log global
    option httplog
    timeout connect 2s
    timeout client 5s
    timeout server 5s
    http-send-name-header X-Inherited
"""
TWICE = """
frontend web
    bind 127.0.0.1:{port:front}
    default_backend app
backend app
    http-send-name-header x-srv
    balance first
    retries 2
    option redispatch 1
    server dead {refused:a}
    server alive {server:a}
"""


def _talk(*requests: bytes) -> list[Step]:
    return [step for one in requests for step in (Send(one), Recv())]


SCENARIOS = [
    Scenario(name="a name", config=simple(back=NAME), talk=_talk(get("/")), expect=["x-srv: s1\n"]),
    Scenario(
        name="again and again", config=simple(back=NAME), talk=_talk(*[get("/")] * 4), logs=4, expect=["x-srv: s1\n"]
    ),
    Scenario(
        name="in place of what is there",
        config=simple(back=NAME + "http-request set-header x-srv mine\nhttp-request set-header y %[req.hdr(x-srv)]"),
        talk=_talk(get("/", "X-Srv: theirs", "Z: 1", "x-srv: too")),
        expect=["x-srv: s1\n", "y: mine\n"],
    ),
    Scenario(
        name="behind the options",
        config=simple(back=NAME + "option forwardfor\noption originalto"),
        talk=_talk(post("/", b"abc")),
        expect=["x-srv: s1\n"],
    ),
    Scenario(
        name="of the server that takes it",
        config=TWICE,
        talk=_talk(get("/"), get("/")),
        logs=2,
        expect=["x-srv: alive\n"],
    ),
    Scenario(
        name="inherited",
        config=simple().replace("\nfrontend", DEFAULTS + "frontend", 1),
        talk=_talk(get("/")),
        expect=["x-inherited: s1\n"],
    ),
    Scenario(
        name="of a response's rules",
        config=simple(back=NAME + "http-response set-header x-told %[srv_name]"),
        talk=_talk(get("/"), get("/")),
        logs=2,
        expect=["x-told: s1\n"],
    ),
]
