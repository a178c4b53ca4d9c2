"""set-priority-class, set-priority-offset: the order in which a server that is full gets those who wait."""

from __future__ import annotations

from support.actor import Pause, Recv, Send, Step
from support.scenario import On, Open, Scenario

from families.requests import get
from families.simple import simple

FRONT = """
http-request set-priority-class req.hdr(c) if { req.hdr(c) -m found }
http-request set-priority-offset req.hdr(o) if { req.hdr(o) -m found }
http-request set-header x-told %[prio_class]/%[prio_offset]
log-format "%HU %ST %ts"
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STORIES = {
    "classes": [("low", "C: 10"), ("none", "X: 1"), ("high", "C: -10"), ("none2", "X: 1"), ("low2", "C: 10")],
    "offsets": [("late", "O: 900"), ("none", "X: 1"), ("early", "O: -900"), ("none2", "X: 1"), ("later", "O: 2000")],
    "beyond": [
        ("low", "C: 99999"),
        ("low2", "C: 2047"),
        ("high", "C: -99999"),
        ("far", "O: 999999999"),
        ("no", "C: x"),
    ],
    "both": [
        ("a", "C: 1\r\nO: -900"),
        ("b", "C: 1"),
        ("c", "C: 0\r\nO: 900"),
        ("d", "C: 0"),
        ("e", "C: 1\r\nO: -1800"),
    ],
}


def _talk(waiting: list[tuple[str, str]]) -> list[Step]:
    steps: list[Step] = [Open(name="first"), Send(get("/first")), Pause(0.05)]
    for name, line in waiting:
        steps += [Open(name=name), Send(get(f"/{name}", *line.split("\r\n"))), Pause(0.05)]
    for name in ("first", *[name for name, _ in waiting]):
        steps += [On(name), Recv()]
    return steps


SCENARIOS = [
    Scenario(
        name=f"{name}, {where or 'any server'}",
        config=simple(front=FRONT, back=where, server="maxconn 1"),
        servers={"a": ((Recv(), Pause(0.5), Send(OK), *[Recv(), Pause(0.1), Send(OK)] * 5),)},
        talk=_talk(waiting),
        logs=6,
        expect=["/first 200 --\n"],
    )
    for name, waiting in STORIES.items()
    for where in ("", "balance source")
]
