"""Checks that go on with the connection of the one before (manual 5.2 check-reuse-pool)."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from support.crowd import until
from support.programs import POINTSMAN, Program
from support.receiver import LogReceiver
from support.scenario import query, show_stat
from support.scripted_servers import PATIENCE
from support.tls_origin import HOST, TlsOrigin
from support.tls_stand import serving

from pointsman.core.tls import MISSING

pytestmark = pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL")

CONFIG = """
global
    nbthread 2
    stats socket {dir}/stats level admin
    log {log} local0
defaults
    mode http
    log global
    timeout connect 10s
    timeout client 10s
    timeout server 10s
    timeout check 10s
    option httpchk
    http-check send ver HTTP/1.1 hdr Host h hdr Connection keep-alive
    default-server check inter 60ms check-reuse-pool fall 1
frontend web
    bind 127.0.0.1:{port:web}
backend lasts
    server s1 127.0.0.1:{lasts}
backend ends
    server s1 127.0.0.1:{ends}
backend breaks
    server s1 127.0.0.1:{breaks}
backend elsewhere
    server s1 127.0.0.1:{elsewhere} port {elsewhere}
backend one
    http-check connect
    http-check send ver HTTP/1.1 hdr Host h hdr Connection keep-alive
    server s1 127.0.0.1:{one}
backend without
    http-check send ver HTTP/1.1 hdr Host h
    server s1 127.0.0.1:{without}
backend no
    server s1 127.0.0.1:{no} no-check-reuse-pool
backend secure
    server s1 127.0.0.1:{secure} ssl verify none
"""
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Counting:
    """How many requests came on each connection. It answers so many of them on each, and then ends it: at once, or,
    where it `breaks`, when one more has come."""

    def __init__(self, answers: int, breaks: bool = False) -> None:
        self.answers = answers
        self.breaks = breaks
        self.requests: list[int] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.requests.append(0)
            threading.Thread(target=self._serve, args=(sock, len(self.requests) - 1), daemon=True).start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        with sock:
            for _ in range(self.answers + self.breaks):
                try:
                    if not sock.recv(65_536):
                        return
                    self.requests[number] += 1
                    if self.requests[number] <= self.answers:
                        sock.sendall(ANSWER)
                except OSError:
                    return

    def close(self) -> None:
        self.listener.close()


def test_connections_of_checks(tmp_path: Path) -> None:
    servers = {
        "lasts": Counting(1_000_000),
        "ends": Counting(2),
        "breaks": Counting(2, breaks=True),
        "elsewhere": Counting(1_000_000),
        "one": Counting(1_000_000),
        "without": Counting(1_000_000),
        "no": Counting(1_000_000),
    }
    log = LogReceiver()
    try:
        with TlsOrigin(serving(HOST)) as origin:
            values = {name: str(server.port) for name, server in servers.items()}
            values |= {"secure": str(origin.port), "log": log.where}
            with Program(POINTSMAN, CONFIG, tmp_path, values) as program:
                until(lambda: all(sum(server.requests) > 12 for server in servers.values()), PATIENCE)
                until(lambda: sum(len(seen.hosts) for seen in origin.seen) > 12, PATIENCE)
                rows = show_stat(program.folder / "stats")
                downs = {name: rows[f"{name}/s1"]["chkdown"] for name in (*servers, "secure")}
                counters = query(program.folder / "stats", "show info")
        assert downs == dict.fromkeys((*servers, "secure"), "0")
        assert len(servers["lasts"].requests) == 1
        assert set(servers["ends"].requests[:-1]) == {2}
        assert set(servers["breaks"].requests[:-1]) == {3}
        for name in ("elsewhere", "one", "without", "no"):
            assert max(servers[name].requests) == 1, name
        assert len(origin.seen) == 1
        assert "CurrSslConns: 1\n" in counters
        assert not [line for line in log.wait(0, 0) if "DOWN" in line]
    finally:
        log.close()
        for server in servers.values():
            server.close()


def test_a_server_that_moved_is_checked_where_it_is(tmp_path: Path) -> None:
    before, behind = Counting(1_000_000), Counting(1_000_000)
    text = CONFIG.partition("backend ends")[0].replace("log {log} local0", "")
    try:
        with Program(POINTSMAN, text, tmp_path, {"lasts": str(before.port)}) as program:
            until(lambda: sum(before.requests) > 2, PATIENCE)
            query(program.folder / "stats", f"set server lasts/s1 addr 127.0.0.1 port {behind.port}")
            until(lambda: sum(behind.requests) > 2, PATIENCE)
        assert len(before.requests) == len(behind.requests) == 1
    finally:
        before.close()
        behind.close()
