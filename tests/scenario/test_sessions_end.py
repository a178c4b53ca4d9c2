"""on-marked-down shutdown-sessions, on-marked-up shutdown-backup-sessions: what runs on a server in any lane ends, by
whatever the server was marked; and no lane ends more than that, not even one that has just been replaced."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
from collections.abc import Iterator

import pytest
from support.crowd import children, until
from support.ports import free_port
from support.programs import POINTSMAN, Program
from support.receiver import LogReceiver
from support.scenario import query, show_stat

PATIENCE = 15.0  # s
CLIENTS = 6
TEXT = """
global
    nbthread 2
    stats socket {dir}/stats level admin
defaults
    mode http
    log {log} format raw local0
    option httplog
    timeout connect 10s
    timeout client 60s
    timeout server 60s
listen web
    bind 127.0.0.1:{port:web}
    server s1 {held} on-marked-down shutdown-sessions
listen other
    bind 127.0.0.1:{port:other}
    server s1 {held}
listen raw
    mode tcp
    option tcplog
    bind 127.0.0.1:{port:raw}
    server s1 {held} on-marked-down shutdown-sessions check port {probe} inter 50ms fall 1 rise 1
listen spare
    mode tcp
    option tcplog
    bind 127.0.0.1:{port:spare}
    server s1 {held} on-marked-up shutdown-backup-sessions disabled
    server s2 {held} backup
"""
REQUEST = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"
HALF = b"GET /half HTTP/1.1\r\nhost: h\r\n\r\n"


class Holding:
    """A server that answers nothing, or half of a response, and keeps what it has accepted."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.where = f"127.0.0.1:{self.listening.getsockname()[1]}"
        self.kept: list[socket.socket] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                client = self.listening.accept()[0]
                self.kept.append(client)
                if b"/half" in client.recv(1000):
                    client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")
            except OSError:
                return

    def close(self) -> None:
        for one in [self.listening, *self.kept]:
            one.close()


class Stand:
    """The program, who serves it, what it logs."""

    def __init__(self, program: Program, log: LogReceiver, probe: socket.socket, port: int) -> None:
        self.program = program
        self.log = log
        self.probe = probe
        self.probe_port = port
        self.seen = 0

    def ask(self, command: str) -> str:
        return query(self.program.folder / "stats", command)

    def column(self, server: str, name: str) -> str:
        return show_stat(self.program.folder / "stats")[server][name]

    def clients(self, port: str, data: bytes, server: str) -> list[socket.socket]:
        """Connections whose bytes have reached the server: so many that both lanes have some."""
        before = int(self.column(server, "scur"))
        made = [socket.create_connection(("127.0.0.1", self.program.ports[port]), PATIENCE) for _ in range(CLIENTS)]
        for one in made:
            one.sendall(data)
        until(lambda: int(self.column(server, "scur")) == before + CLIENTS, PATIENCE)
        return made

    def lines(self, count: int, mark: str) -> list[str]:
        """So many more lines of sessions that hold that."""
        found: list[str] = []

        def enough() -> bool:
            found[:] = [one for one in self.log.wait(0)[self.seen :] if mark in one and one.startswith("127.0.0.1:")]
            return len(found) >= count

        until(enough, PATIENCE)
        self.seen = len(self.log.wait(0))
        return found


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    log, held = LogReceiver(), Holding()
    port = free_port()
    probe = socket.create_server(("127.0.0.1", port))
    values = {"log": log.where, "held": held.where, "probe": str(port)}
    with Program(POINTSMAN, TEXT, tmp_path_factory.mktemp("endings"), values) as program:
        stand = Stand(program, log, probe, port)
        until(lambda: len(children(program.pid)) == 3, PATIENCE)
        yield stand
        stand.probe.close()
    held.close()
    log.close()


def received(client: socket.socket) -> bytes:
    """All that comes before the end; a reset is one."""
    data = b""
    try:
        while piece := client.recv(4096):
            data += piece
    except ConnectionError:
        return data
    finally:
        client.close()
    return data


def test_all_that_runs_on_a_server_ends_when_it_is_marked_down(stand: Stand) -> None:
    """Letter D, and 500 in the log, as the peer's, whatever was sent of the response; nothing else is said to clients.
    What runs elsewhere goes on."""
    clients = stand.clients("web", REQUEST, "web/s1")
    halves = stand.clients("web", HALF, "web/s1")
    for one in halves:
        assert b"abc" in one.recv(4096)
    others = stand.clients("other", REQUEST, "other/s1")
    assert stand.ask("set server web/s1 health down") == "\n"
    assert [received(one) for one in (*clients, *halves)] == [b""] * 2 * CLIENTS
    lines = stand.lines(2 * CLIENTS, " web/s1 ")
    assert len(lines) == 2 * CLIENTS and all(re.search(r" 500 \d+ - - DC-- ", line) for line in lines), lines
    assert stand.column("web/s1", "scur") == "0" and stand.column("other/s1", "scur") == str(CLIENTS)
    assert stand.column("web/BACKEND", "hrsp_5xx") == str(2 * CLIENTS)
    assert {stand.column("web/s1", name) for name in ("econ", "eresp", "cli_abrt", "srv_abrt")} == {"0"}
    assert stand.ask("set server web/s1 health up") == "\n"
    clients = stand.clients("web", REQUEST, "web/s1")
    assert stand.ask("set server web/s1 state drain") == "\n"  # it is up still
    assert stand.ask("disable server web/s1") == "\n"
    assert [received(one) for one in clients] == [b""] * CLIENTS
    assert all(" DC-- " in line for line in stand.lines(CLIENTS, " web/s1 "))
    for one in others:
        one.setblocking(False)
        with pytest.raises(BlockingIOError):
            one.recv(1)
        one.close()
    assert stand.ask("enable server web/s1") == "\n"
    until(lambda: stand.column("other/s1", "scur") == "0", PATIENCE)


def test_checks_end_sessions_and_so_do_those_of_a_control_that_was_replaced(stand: Stand) -> None:
    for turn in range(2):
        until(lambda: stand.column("raw/s1", "status") == "UP", PATIENCE)
        clients = stand.clients("raw", b"hello", "raw/s1")
        if turn:
            before = children(stand.program.pid)
            os.kill(before[-1], signal.SIGKILL)
            until(lambda old=before: len(set(children(stand.program.pid)) - set(old)) == 1, PATIENCE)
        stand.probe.close()
        assert [received(one) for one in clients] == [b""] * CLIENTS
        assert all(" DC " in line for line in stand.lines(CLIENTS, " raw/s1 ")), stand.log.wait(0)
        stand.probe = socket.create_server(("127.0.0.1", stand.probe_port))


def test_a_server_that_comes_back_ends_what_runs_on_backups(stand: Stand) -> None:
    clients = stand.clients("spare", b"hello", "spare/s2")
    assert stand.ask("enable server spare/s1") == "\n"
    assert [received(one) for one in clients] == [b""] * CLIENTS
    assert all(" spare/s2 " in line and " UC " in line for line in stand.lines(CLIENTS, " spare/s"))
    clients = stand.clients("spare", b"hello", "spare/s1")
    assert stand.ask("set server spare/s2 health down") == stand.ask("set server spare/s2 health up") == "\n"
    assert stand.column("spare/s1", "scur") == str(CLIENTS)  # a backup's return ends nothing
    for one in clients:
        one.close()


def test_a_lane_that_was_replaced_ends_nothing_for_what_was_before_it(stand: Stand) -> None:
    """It finds servers that were marked before it began, and their first sessions live on."""
    for victim in children(stand.program.pid)[:2]:
        os.kill(victim, signal.SIGKILL)
        until(
            lambda old=victim: old not in children(stand.program.pid) and len(children(stand.program.pid)) == 3,
            PATIENCE,
        )
    until(lambda: stand.column("web/s1", "scur") == "0", PATIENCE)
    clients = stand.clients("web", HALF, "web/s1")
    for one in clients:
        while b"abc" not in one.recv(4096):
            pass
    assert stand.ask("set server web/s1 weight 50%") == "\n"  # its lanes look at servers once more
    assert stand.column("web/s1", "scur") == str(CLIENTS)
    assert stand.ask("set server web/s1 health down") == "\n"
    assert [received(one) for one in clients] == [b""] * CLIENTS
