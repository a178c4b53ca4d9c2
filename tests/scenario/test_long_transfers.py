"""Transfers that last, through two lanes: their bytes show while they flow, agree at the end, and outlive a lane."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.crowd import children, until
from support.programs import POINTSMAN, Program
from support.scenario import show_stat

PIECE = bytes(1000)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"

CONFIG = """
global
    nbthread 2
    stats socket {dir}/stats level admin
defaults
    timeout connect 2s
    timeout client 20s
    timeout server 20s
    option socket-stats
frontend web
    mode http
    bind 127.0.0.1:{port:web}
    default_backend web-app
frontend door
    mode tcp
    bind 127.0.0.1:{port:door}
    default_backend door-app
frontend smooth
    mode http
    option contstats
    bind 127.0.0.1:{port:smooth}
    default_backend smooth-app
backend web-app
    mode http
    server s1 {origin}
backend door-app
    mode tcp
    server s1 {origin}
backend smooth-app
    mode http
    server s1 {origin}
"""


class Trickle:
    """A server that sends 1000 bytes behind its head each time it is told to; use as `with Trickle() as origin:`."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.talks: list[socket.socket] = []
        self.thread = threading.Thread(target=self._accept)

    def __enter__(self) -> Trickle:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        for sock in (self.listener, *self.talks):
            sock.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.recv(65_536)
            sock.sendall(HEAD)
            self.talks.append(sock)

    def more(self) -> None:
        for sock in self.talks:
            try:
                sock.sendall(PIECE)
            except OSError:
                pass  # its lane has died


@contextmanager
def running(folder: Path) -> Iterator[tuple[Program, Trickle]]:
    with Trickle() as origin, Program(POINTSMAN, CONFIG, folder, {"origin": origin.address}) as program:
        until(lambda: len(children(program.pid)) == 3 and (folder / "stats").exists())
        yield program, origin


def counted(folder: Path, name: str) -> list[tuple[int, int]]:
    """Bytes in and out by frontend, socket, backend and server."""
    rows = show_stat(folder / "stats")
    return [
        (int(rows[key]["bin"]), int(rows[key]["bout"]))
        for key in (f"{name}/FRONTEND", f"{name}/sock-1", f"{name}-app/BACKEND", f"{name}-app/s1")
    ]


def received(client: socket.socket, wanted: int) -> int:
    got = 0
    while got < wanted:
        data = client.recv(65_536)
        assert data
        got += len(data)
    return got


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_bytes_show_while_they_flow(tmp_path: Path) -> None:
    """Of http and tcp mode within about five seconds, under contstats within about one; at the end to the byte."""
    with running(tmp_path) as (program, origin):
        names = ("web", "door", "smooth")
        clients = {name: socket.create_connection(("127.0.0.1", program.ports[name])) for name in names}
        for client in clients.values():
            client.sendall(GET)
        until(lambda: len(origin.talks) == len(clients))
        origin.more()
        got = {name: received(client, len(HEAD) + 1000) for name, client in clients.items()}
        begin = time.monotonic()
        until(lambda: counted(tmp_path, "smooth") == [(len(GET), got["smooth"])] * 4)
        assert time.monotonic() - begin < 2.5
        assert counted(tmp_path, "web") == counted(tmp_path, "door") == [(0, 0)] * 4
        for name in ("web", "door"):
            until(lambda name=name: counted(tmp_path, name) == [(len(GET), got[name])] * 4, 7)
        assert 3.5 < time.monotonic() - begin < 8
        origin.more()
        for name, client in clients.items():
            got[name] += received(client, 1000)
            client.close()
            until(lambda name=name: counted(tmp_path, name) == [(len(GET), got[name])] * 4)


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_what_was_counted_outlives_the_lane(tmp_path: Path) -> None:
    with running(tmp_path) as (program, origin):
        client = socket.create_connection(("127.0.0.1", program.ports["smooth"]))
        client.sendall(GET)
        until(lambda: len(origin.talks) == 1)
        origin.more()
        got = received(client, len(HEAD) + 1000)
        until(lambda: counted(tmp_path, "smooth") == [(len(GET), got)] * 4)
        for lane in children(program.pid)[:2]:
            os.kill(lane, signal.SIGKILL)
        with client:
            try:
                assert client.recv(65_536) == b""
            except ConnectionResetError:
                pass
        assert counted(tmp_path, "smooth") == [(len(GET), got)] * 4
        until(lambda: show_stat(tmp_path / "stats")["smooth/FRONTEND"]["scur"] == "0")
        with socket.create_connection(("127.0.0.1", program.ports["smooth"])) as again:
            again.sendall(GET)
            until(lambda: len(origin.talks) == 2)
            more = received(again, len(HEAD))
        until(lambda: counted(tmp_path, "smooth") == [(2 * len(GET), got + more)] * 4)
