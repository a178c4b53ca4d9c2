"""2,000 connections that come and go abruptly, in every phase, leave no descriptor and no gauge behind."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from support.actor import Recv, Reset, Send, Serve, Step, Until, reset
from support.origin import Origin, ok
from support.ports import free_port
from support.programs import LANES, POINTSMAN, Kind, Program
from support.scenario import query, show_stat

CONFIG = """
global
    stats socket {dir}/stats level admin
    maxconn 1000
defaults
    timeout connect 3s
    timeout client 700ms
    timeout server 700ms
    timeout queue 300ms
    timeout tunnel 700ms
    retries 0
frontend web
    mode http
    bind 127.0.0.1:{port:http}
    use_backend %[path,field(2,/)]
    default_backend plain
frontend door
    mode tcp
    bind 127.0.0.1:{port:tcp}
    default_backend echo
backend plain
    mode http
    server s {plain} pool-purge-delay 100ms
backend large
    mode http
    server s {large}
backend silent
    mode http
    server s {silent}
backend broken
    mode http
    server s {broken}
backend cut
    mode http
    server s {cut}
backend socket
    mode http
    server s {socket}
backend refused
    mode http
    server s {refused}
backend narrow
    mode http
    server s {silent} maxconn 1
backend echo
    mode tcp
    server s {echo}
"""
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nwelcome"
SERVERS: dict[str, tuple[Step, ...]] = {
    "plain": (Serve(ok(b"fine")),),
    "large": (Recv(quiet=True), Send(ok(b"x" * 2000000))),
    "silent": (Recv(quiet=True), Until(b"never", quiet=True)),
    "broken": (Recv(quiet=True), Reset()),
    "cut": (Recv(quiet=True), Send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"), Reset()),
    "socket": (Recv(quiet=True), Send(SWITCHED), Until(b"never", quiet=True)),
    "echo": (Until(b"ping", quiet=True), Send(b"pong"), Until(b"never", quiet=True)),
}
GET = b"GET /%s HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
POST = b"POST /plain HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n%s"
Leave = Callable[[socket.socket], None]


def close(sock: socket.socket) -> None:
    """Leaves by FIN."""
    sock.close()


def half(sock: socket.socket) -> None:
    """Leaves by a half-close, then RST."""
    sock.shutdown(socket.SHUT_WR)
    reset(sock)


# Port, bytes sent, bytes that are read before leaving, how the client leaves.
PHASES: list[tuple[str, bytes, bytes, Leave]] = [
    ("http", b"", b"", close),
    ("http", b"", b"", reset),
    ("http", b"GET / HTTP/1.1\r\nHo", b"", close),
    ("http", b"GET / HTTP/1.1\r\nHo", b"", reset),
    ("http", GET % b"plain", b"", close),
    ("http", GET % b"plain", b"", reset),
    ("http", GET % b"plain", b"fine", half),
    ("http", GET % b"plain" * 3, b"", reset),
    ("http", GET % b"large", b"xxx", reset),
    ("http", GET % b"large", b"xxx", close),
    ("http", GET % b"silent", b"", half),
    ("http", GET % b"broken", b"", close),
    ("http", GET % b"cut", b"half", reset),
    ("http", GET % b"refused", b"", reset),
    ("http", GET % b"narrow", b"", reset),
    ("http", GET % b"socket", b"welcome", reset),
    ("http", POST % (b"Content-Length: 9", b"half"), b"", reset),
    ("http", POST % (b"Transfer-Encoding: chunked", b"4\r\nhalf\r\nzz"), b"", close),
    ("tcp", b"ping", b"pong", reset),
    ("tcp", b"pi", b"", half),
]
ROUNDS, BATCH = 2, 50


def visit(port: int, data: bytes) -> socket.socket:
    """Connects and sends; the answer is read by `await_mark`."""
    sock = socket.create_connection(("127.0.0.1", port), 5)
    if data:
        sock.sendall(data)
    sock.settimeout(5)
    return sock


def await_mark(sock: socket.socket, mark: bytes) -> None:
    """Reads until the mark has come."""
    seen = b""
    while mark not in seen:
        data = sock.recv(4096)
        assert data, (mark, seen)
        seen += data


def gauges(folder: Path) -> dict[str, int]:
    """Whatever is current rather than counted, as the runtime socket tells."""
    found = {}
    for name, row in show_stat(folder / "stats").items():
        for column in ("scur", "qcur", "used_conn_cur", "need_conn_est"):
            found[f"{name} {column}"] = 0 if column.startswith("need") else int(row.get(column) or 0)
    info = dict(line.split(": ", 1) for line in query(folder / "stats", "show info").splitlines() if ": " in line)
    # The connection that asks is one itself.
    found["CurrConns"] = max(0, int(info["CurrConns"]) - 1)
    return found


def test_two_thousand_abrupt_connections(peer: Kind, tmp_path: Path) -> None:
    """Descriptors are as many as before, gauges are zero, the program serves on."""
    origins = {name: Origin((script,)) for name, script in SERVERS.items()}
    values = {name: f"127.0.0.1:{origin.port}" for name, origin in origins.items()}
    values["refused"] = f"127.0.0.1:{free_port()}"
    try:
        with Program(peer, CONFIG, tmp_path, values) as program:
            storm(program, tmp_path)
    finally:
        for origin in origins.values():
            origin.close()


def storm(program: Program, folder: Path) -> None:
    """All phases, then what is left behind."""
    query(folder / "stats", "show info")
    before = program.descriptors()
    if program.kind is POINTSMAN:
        before += 2 * int(LANES)  # each lane's pipe for large payload, made when it is first wanted
    for _ in range(ROUNDS):
        for port, data, mark, leave in PHASES:
            with ExitStack() as socks:
                for sock in [socks.enter_context(visit(program.ports[port], data)) for _ in range(BATCH)]:
                    if mark:
                        await_mark(sock, mark)
                    leave(sock)
    limit = time.monotonic() + 15
    while True:
        now, current = program.descriptors(), gauges(folder)
        if (now <= before and not any(current.values())) or time.monotonic() > limit:
            break
        time.sleep(0.1)
    assert not {name: value for name, value in current.items() if value}
    assert now <= before
    rows = show_stat(folder / "stats")
    visits = int(rows["web/FRONTEND"]["stot"]) + int(rows["door/FRONTEND"]["stot"])
    assert visits == ROUNDS * BATCH * len(PHASES) == 2000
    with visit(program.ports["http"], b"GET / HTTP/1.1\r\nHost: h\r\n\r\n") as sock:
        await_mark(sock, b"fine")
