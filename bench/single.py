"""The rows with one figure a run: memory of idle connections, a large file checked, the first answer after the start,
and the 99th percentile at a rate that both programs can serve.
"""

from __future__ import annotations

import os
import re
import resource
import socket
import ssl
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from bench.client import exchange, once, trusting
from bench.configs import idle_configuration, large_configuration
from bench.handshakes import HANDSHAKES
from bench.load import alternate, measure
from bench.loading import LOADS
from bench.processes import anonymous_kilobytes, show_stat
from bench.results import Goal, Single
from bench.rows import ROWS, SMALL
from bench.stage import OURS, ROOT, THEIRS, Program, Stage, free_ports, run, stop, wait_for

CONNECTIONS = 10_000
TLS_CONNECTIONS = 2_000  # our own side of them takes memory, too
IDLE_PAIRS = 2  # memory is steady, and 10,000 connections take their time
WARM = 200  # connections before the first reading: what is allocated once
BACKENDS, SERVERS = 2000, 5
SHARE = 0.7  # of haproxy's own peak
SEED = ROOT / "tests" / "scenario" / "seeds" / "ep1-traffic-police.cfg"
REQUEST = b"GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n"
PATIENCE = 60.0  # s


def pairs_of(one: Callable[[str], float], pairs: int) -> tuple[list[float], list[float]]:
    """A figure of each program, in an order that changes from pair to pair."""
    taken: dict[str, list[float]] = {OURS: [], THEIRS: []}
    for number in range(pairs):
        for name in (OURS, THEIRS) if number % 2 == 0 else (THEIRS, OURS):
            taken[name].append(one(name))
    return taken[OURS], taken[THEIRS]


def paced(stage: Stage, pairs: int, seconds: int) -> Single:
    """p99 of the full row at 70 % of what haproxy reaches there."""
    row = ROWS["full"]
    peak = statistics.median(measure(stage, stage.program(THEIRS, "one"), row, seconds).rate for _ in range(3))
    ours, theirs = alternate(stage, row, pairs, seconds, peak * SHARE)
    problems = sorted({sample.problems for sample in (*ours, *theirs) if sample.problems})
    p50, user = (
        " / ".join(f"{statistics.median(getter):,.2f}" for getter in figures)
        for figures in (
            [[sample.p50 / 1000 for sample in side] for side in (ours, theirs)],
            [[sample.cpu for sample in side] for side in (ours, theirs)],
        )
    )
    return Single(
        "p99",
        "ms",
        Goal(1.2, 0.8, lower=True),
        [sample.p99 / 1000 for sample in ours],
        [sample.p99 / 1000 for sample in theirs],
        problems=problems,
        about=f"{peak * SHARE:,.0f} requests/s offered; p50 {p50} ms; CPU {user} µs",
    )


def idle(stage: Stage, pairs: int, seconds: int) -> Single:
    """Anonymous memory of a connection that has been answered once and is idle, in bytes."""
    return _idle(stage, pairs, "idle", CONNECTIONS, Goal(1.0, 0.5, lower=True))


def idle_tls(stage: Stage, pairs: int, seconds: int) -> Single:
    """The same with TLS."""
    return _idle(stage, pairs, "tls-idle", TLS_CONNECTIONS, Goal(1.0, 0.9, must=True, lower=True))


def _idle(stage: Stage, pairs: int, row: str, wanted: int, goal: Goal) -> Single:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(wanted, hard - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 200), hard))
    problems = [] if count == wanted else [f"only {count} connections: no more descriptors (ulimit -n)"]
    try:
        ours, theirs = pairs_of(lambda name: _idle_bytes(stage, name, row, count, problems), min(pairs, IDLE_PAIRS))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return Single(
        row,
        "bytes",
        goal,
        ours,
        theirs,
        problems=sorted(set(problems)),
        about=f"{count:,} connections",
    )


def _idle_bytes(stage: Stage, name: str, row: str, count: int, problems: list[str]) -> float:
    program = stage.spare(name, row)
    client = trusting() if row == "tls-idle" else None
    words = f" ssl crt {stage.folder}/ec.pem" if client is not None else ""
    port = free_ports(1)[0]
    held: list[socket.socket] = []
    try:
        program.folder.mkdir(exist_ok=True)
        program.start(idle_configuration(program.socket, port, stage.servers, words))
        assert program.process is not None
        wait_for([port], program.process, program.folder / "output")
        _open(port, WARM, held, client)
        before = anonymous_kilobytes(program.pid)
        _open(port, count, held, client)
        grown = anonymous_kilobytes(program.pid) - before
        current = int(show_stat(program.socket)["http/FRONTEND"]["scur"])
        if current != count + WARM:
            problems.append(f"{name}: {current} connections in show stat, not {count + WARM}")
        return grown * 1024 / count
    finally:
        for sock in held:
            sock.close()
        program.close()


def _open(port: int, count: int, held: list[socket.socket], client: ssl.SSLContext | None) -> None:
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        if client is not None:
            sock = client.wrap_socket(sock)
        held.append(sock)
        if exchange(sock, REQUEST).status != 200:
            raise SystemExit("idle: a request was not answered with 200")


def check(stage: Stage, pairs: int, seconds: int) -> Single:
    """`-c` on a large file, in s of wall time."""
    path = stage.folder / "large.cfg"
    path.write_text(large_configuration(BACKENDS, SERVERS))

    def one(name: str) -> float:
        command = ["taskset", "-c", str(stage.core), *stage.commands[name], "-c", "-f", str(path)]
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        spent = time.perf_counter() - began
        if done.returncode:
            raise SystemExit(f"{name} -c refused the file:\n{done.stdout}{done.stderr}")
        return spent

    ours, theirs = pairs_of(one, pairs)
    return Single(
        "check",
        "s",
        Goal(20, 8, lower=True),
        ours,
        theirs,
        about=f"{BACKENDS:,} backends, {SERVERS} servers each, {path.stat().st_size >> 10} KB",
    )


def seed_text(text: str, folder: Path, port: int, servers: list[int], root: bool) -> str:
    """The first seed on this machine: its port, its socket and its servers' addresses are ours, all else stays.

    Without root, what needs it goes (chroot, user, group).
    """
    text = re.sub(r"(?m)^(\s*bind) \*:80$", rf"\1 127.0.0.1:{port}", text)
    text = text.replace("/run/haproxy/admin.sock", f"{folder}/admin.sock")
    numbers = iter(range(1000))
    text = re.sub(r"192\.168\.\d+\.\d+:\d+", lambda _: f"127.0.0.1:{servers[next(numbers) % len(servers)]}", text)
    lost = r"(?m)^\s*(chroot|user|group)\s.*\n"
    if not root or not Path("/var/lib/haproxy").is_dir():
        text = re.sub(lost, "", text)
    return text


def start(stage: Stage, pairs: int, seconds: int) -> Single:
    """From the start of the process to the first request that is answered, in ms."""

    def one(name: str) -> float:
        port = free_ports(1)[0]
        program: Program = stage.spare(name, "start")
        program.folder.mkdir(exist_ok=True)
        path = program.folder / "seed.cfg"
        path.write_text(seed_text(SEED.read_text(), program.folder, port, stage.servers, os.geteuid() == 0))
        began = time.perf_counter()
        process = run([*program.command, "-db", "-f", str(path)], [stage.core], program.folder / "output")
        try:
            while True:
                try:
                    answer = once(port, REQUEST)
                    break
                except (OSError, EOFError):
                    if process.poll() is not None or time.perf_counter() - began > PATIENCE:
                        raise SystemExit(f"{name} did not start:\n{program.printed()}") from None
                    time.sleep(0.0005)
            spent = time.perf_counter() - began
        finally:
            stop(process)
        if answer.body not in (SMALL % 1, SMALL % 2):
            raise SystemExit(f"{name}: a wrong first answer, status {answer.status}")
        return spent * 1000

    ours, theirs = pairs_of(one, pairs)
    return Single("start", "ms", Goal(400, 200, lower=True), ours, theirs, absolute=True, about=SEED.name)


# name: (what it is, how it is measured)
SINGLES: dict[str, tuple[str, Callable[[Stage, int, int], Single]]] = {
    "p99": ("p99 at 70 % of haproxy's own peak rate", paced),
    "idle": ("own memory per idle client connection, 10,000 of them", idle),
    "check": ("-c on a file of 2,000 backends with 5 servers each", check),
    **LOADS,
    **HANDSHAKES,
    "tls-idle": ("own memory per idle client connection with TLS, 2,000 of them", idle_tls),
    "start": ("start to first answered request, the first seed", start),
}
