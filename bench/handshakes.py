"""The rows about handshakes of TLS: CPU of a connection that brings one request, in µs of the program's own time.

Our own clients, a few processes at once, open one connection after the other, and see whether a session was resumed: so
no run measures another kind of handshake than it says. There are several, as a program that sleeps between any two
handshakes is measured waking up.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.client import exchange, trusting
from bench.results import Goal, Single
from bench.stage import OURS, THEIRS, Stage

CLIENTS = 4
COUNT = 150  # connections of each of them in a run
WARM = 5
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


def visit(port: int, count: int, resumes: bool) -> None:
    """That many connections, in a process of its own."""
    context = trusting()
    session: ssl.SSLSession | None = None
    for _ in range(count):
        found = connect(port, context, session)
        if resumes:
            session = found


def visit_together(port: int, count: int, resumes: bool, cores: Sequence[int]) -> None:
    """So many connections of each client. SystemExit if one of them fails."""
    children = []
    for _ in range(CLIENTS):
        child = os.fork()
        if not child:
            status = 1
            try:
                os.sched_setaffinity(0, cores)
                visit(port, count, resumes)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    if any([os.waitpid(child, 0)[1] for child in children]):
        raise SystemExit("handshakes: a client has failed")


def measured(stage: Stage, name: str, frontend: str, resumes: bool) -> float:
    """µs of the program for one connection."""
    program = stage.program(name, "one")
    port = program.ports[frontend]
    visit_together(port, WARM, resumes, stage.load_cores)
    began = on_cpu(program.pid)
    visit_together(port, COUNT, resumes, stage.load_cores)
    return (on_cpu(program.pid) - began) / (COUNT * CLIENTS) / 1000


def row(name: str, frontend: str, resumes: bool, goal: Goal) -> Callable[[Stage, int, int], Single]:
    """What measures it."""

    def measure(stage: Stage, pairs: int, seconds: int) -> Single:
        taken: dict[str, list[float]] = {OURS: [], THEIRS: []}
        for number in range(pairs):
            for program in (OURS, THEIRS) if number % 2 == 0 else (THEIRS, OURS):
                taken[program].append(measured(stage, program, frontend, resumes))
        return Single(
            name, "µs", goal, taken[OURS], taken[THEIRS], about=f"{COUNT * CLIENTS} connections, one request each"
        )

    return measure


# The goals are those of a rate: 0.95 of haproxy's is 1.05 of its time.
HANDSHAKES = {
    "tls-ec": ("full handshake, ECDSA", row("tls-ec", "tls-ec", False, Goal(1.05, 1.0, must=True, lower=True))),
    "tls-rsa": ("full handshake, RSA 2048", row("tls-rsa", "tls-rsa", False, Goal(1.05, 1.0, must=True, lower=True))),
    "tls-resumed": ("resumed handshake", row("tls-resumed", "tls-ec", True, Goal(1.11, 1.0, must=True, lower=True))),
}
