"""Servers behind a SOCKS4 proxy (manual 5.2 socks4): what it is asked, granted, refused; how that is logged."""

from __future__ import annotations

from support.actor import Close, End, Pause, Recv, Send, Silence, Step, Until
from support.origin import ok
from support.scenario import Scenario

from families.requests import get

GRANTED = b"\0\x5a\0\0\0\0\0\0"
ASKED = Until(b"HAProxy\0")
ANSWER = (Recv(), Send(ok(b"done")), End())
LOGS = 'log-format "%ST %ts rc=%rc %si:%sp"'


def behind(name: str, *script: Step, expect: tuple[str, ...] = (), words: str = "", lines: str = "") -> Scenario:
    """One request to a server at 192.0.2.1, by a proxy that does this."""
    return Scenario(
        name=name,
        config=f"""
frontend web
    bind 127.0.0.1:{{port:front}}
    {LOGS}
    default_backend app
backend app
    retries 0
    timeout connect 5s
    {lines}
    server s1 192.0.2.1:8080 socks4 {{server:a}} {words}
""",
        servers={"a": (script,)},
        talk=[Send(get("/")), Recv()],
        expect=expect,
        logs=1,
    )


SCENARIOS = [
    behind("granted", ASKED, Send(GRANTED), *ANSWER, expect=("200 -- rc=0 192.0.2.1:8080",)),
    behind(
        "granted in pieces",
        ASKED,
        Send(GRANTED[:1]),
        Pause(0.1),
        Send(GRANTED[1:]),
        *ANSWER,
        expect=("200 -- rc=0 192.0.2.1:8080",),
    ),
    behind(
        "with a PROXY header",
        ASKED,
        Send(GRANTED),
        Until(b"\r\n"),
        *ANSWER,
        words="send-proxy",
        expect=("200 -- rc=0 192.0.2.1:8080",),
    ),
    behind("rejected", ASKED, Send(b"\0\x5b\0\0\0\0\0\0"), End(), expect=("503 SC rc=0",)),
    behind("garbage", ASKED, Send(b"HTTP/1.1 400 Bad\r\n\r\n"), End(), expect=("503 SC",)),
    behind("an end", ASKED, Close(), expect=("503 SC",)),
    behind("silence", ASKED, Silence(1.5), lines="timeout connect 300ms", expect=("503 sC",)),
]
