"""The rows about handshakes of TLS: CPU of a connection that brings one request, in µs of the program's own time.

Our own client opens one connection after the other, and sees whether a session was resumed: so no run measures another
kind of handshake than it says.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from bench.client import exchange, trusting
from bench.results import Goal, Single
from bench.stage import OURS, THEIRS, Stage

COUNT = 400  # connections of a run
WARM = 20
REQUEST = b"GET / HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n"


def on_cpu(pid: int) -> int:
    """ns that a process was on a CPU (proc(5), schedstat): ticks are too coarse for short runs."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def connect(port: int, context: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLSession | None:
    """A connection and its request. SystemExit unless it resumes exactly if it was given a session."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=10)
    with context.wrap_socket(sock, session=session) as secured:
        if exchange(secured, REQUEST).status != 200:
            raise SystemExit("handshakes: a request was not answered with 200")
        if secured.session_reused != (session is not None):
            raise SystemExit(f"handshakes: resumed: {secured.session_reused}")
        return secured.session


def measured(stage: Stage, name: str, frontend: str, resumes: bool) -> float:
    """µs of the program for one connection."""
    program = stage.program(name, "one")
    context = trusting()
    session: ssl.SSLSession | None = None
    began = 0
    for number in range(WARM + COUNT):
        if number == WARM:
            began = on_cpu(program.pid)
        found = connect(program.ports[frontend], context, session)
        if resumes:
            session = found
    return (on_cpu(program.pid) - began) / COUNT / 1000


def row(name: str, frontend: str, resumes: bool, goal: Goal) -> Callable[[Stage, int, int], Single]:
    """What measures it."""

    def measure(stage: Stage, pairs: int, seconds: int) -> Single:
        taken: dict[str, list[float]] = {OURS: [], THEIRS: []}
        for number in range(pairs):
            for program in (OURS, THEIRS) if number % 2 == 0 else (THEIRS, OURS):
                taken[program].append(measured(stage, program, frontend, resumes))
        return Single(name, "µs", goal, taken[OURS], taken[THEIRS], about=f"{COUNT} connections, one request each")

    return measure


# The goals are those of a rate: 0.95 of haproxy's is 1.05 of its time.
HANDSHAKES = {
    "tls-ec": ("full handshake, ECDSA", row("tls-ec", "tls-ec", False, Goal(1.05, 1.0, must=True, lower=True))),
    "tls-rsa": ("full handshake, RSA 2048", row("tls-rsa", "tls-rsa", False, Goal(1.05, 1.0, must=True, lower=True))),
    "tls-resumed": ("resumed handshake", row("tls-resumed", "tls-ec", True, Goal(1.11, 1.0, must=True, lower=True))),
}
