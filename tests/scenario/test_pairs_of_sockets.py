"""Two programs, one of which passes its connections to the other over a pair of sockets (manual 2.9.1, sockpair@): each
of them may be HAProxy."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.origin import Origin, answering
from support.ports import free_port
from support.programs import HAPROXY, POINTSMAN, Kind, environment

TIMES = "defaults\n    mode http\n    timeout client 10s\n    timeout server 10s\n    timeout connect 2s\n"
BEFORE = "listen before\n    bind 127.0.0.1:{port}\n    server s sockpair@{pair}\n"
BEHIND = "listen behind\n    bind sockpair@{pair}\n    server s 127.0.0.1:{port}\n"


def started(stack: ExitStack, kind: Kind, text: str, pair: socket.socket, folder: Path) -> None:
    path = folder / f"{text.split()[1]}.cfg"
    path.write_text(f"global\n    nbthread 2\n{TIMES}{text}", encoding="ascii")
    process = subprocess.Popen(
        [*kind.command, "-db", "-f", str(path)],
        pass_fds=[pair.fileno()],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)


def ask(port: int) -> bytes:
    """The body of an answer, as soon as somebody listens there."""
    limit = time.monotonic() + 15
    while True:
        try:
            sock = socket.create_connection(("127.0.0.1", port), 15)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < limit
            time.sleep(0.05)
    with sock:
        sock.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        data = b""
        while received := sock.recv(65536):
            data += received
    return data.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    "before, behind",
    [
        pytest.param(POINTSMAN, POINTSMAN, id="both"),
        pytest.param(HAPROXY, POINTSMAN, id="from-haproxy", marks=pytest.mark.peer),
        pytest.param(POINTSMAN, HAPROXY, id="to-haproxy", marks=pytest.mark.peer),
    ],
)
def test_connections_are_passed_on(before: Kind, behind: Kind, tmp_path: Path) -> None:
    with ExitStack() as stack:
        origin = Origin(answering(b"served"))
        stack.callback(origin.close)
        one, other = socket.socketpair()
        port = free_port()
        with one, other:
            started(stack, behind, BEHIND.format(pair=other.fileno(), port=origin.port), other, tmp_path)
            started(stack, before, BEFORE.format(pair=one.fileno(), port=port), one, tmp_path)
        for _ in range(6):
            assert ask(port) == b"served"
