"""A server of HTTP/2 that is added while the program runs (`add server ... proto h2`), with two lanes: it is checked
and asked in HTTP/2, and what is shown of its connections is so for all lanes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from support.crowd import get, until
from support.h2_peer import RawServer, RawServerConnection
from support.programs import POINTSMAN, Program
from support.scenario import query, show_stat

PATIENCE: Final = 15.0  # s
CONFIG: Final = """
global
    nbthread 2
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 10s
frontend web
    bind 127.0.0.1:{port:web}
    default_backend app
backend app
    option httpchk GET /health
    http-reuse always
"""


class Origin:
    """Answers all requests with 200 and their path."""

    def __init__(self) -> None:
        self.server = RawServer(patience=0.2)
        self.paths: list[bytes] = []
        self.backs: list[RawServerConnection] = []
        self.open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while self.open:
            try:
                back = self.server.accept()
            except (AssertionError, OSError):
                continue
            back.patience = 60.0
            self.backs.append(back)
            threading.Thread(target=self._serve, args=(back,), daemon=True).start()

    def _serve(self, back: RawServerConnection) -> None:
        try:
            while True:
                asked = back.asked()
                path = asked.get(b":path") or b""
                self.paths.append(path)
                back.respond(asked.stream, 200, [("content-length", str(len(path)))], path)
        except (AssertionError, OSError):
            back.close()


@pytest.fixture
def origin() -> Iterator[Origin]:
    made = Origin()
    yield made
    made.open = False
    for back in made.backs:
        back.close()
    made.server.close()


@contextmanager
def running(folder: Path) -> Iterator[tuple[Program, Path]]:
    with Program(POINTSMAN, CONFIG, folder) as program:
        yield program, folder / "stats"


def row(socket: Path) -> dict[str, str]:
    return show_stat(socket)["app/s1"]


def test_it_is_added_checked_asked_and_deleted(tmp_path: Path, origin: Origin) -> None:
    with running(tmp_path) as (program, socket):
        address = f"127.0.0.1:{origin.server.port}"
        words = f"add server app/s1 {address} proto h2 ws h1 idle-ping 5s check inter 100ms"
        assert "New server registered" in query(socket, words)
        query(socket, "enable health app/s1; enable server app/s1")
        until(lambda: row(socket)["status"] == "UP" and row(socket)["check_status"] == "L7OK", PATIENCE)
        assert b"/health" in origin.paths
        for number in range(20):
            assert get(program.ports["web"], f"/{number}") == 200
        until(lambda: row(socket)["used_conn_cur"] == "0", PATIENCE)
        shown = row(socket)
        assert 1 <= int(shown["srv_icur"]) <= 2, "one for each lane at most"
        connects, reuses = int(shown["connect"]), int(shown["reuse"])
        assert connects == int(shown["srv_icur"]) and connects + reuses == 20
        assert int(shown["stot"]) == 20
        query(socket, "set server app/s1 state maint")
        until(lambda: row(socket)["srv_icur"] == "0", PATIENCE)
        query(socket, "del server app/s1")
        assert "app/s1" not in show_stat(socket)
