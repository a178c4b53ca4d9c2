"""100 clients at the same moment pass a limit by one for each lane at most, whatever counts, and come up to it.

In every other round each lane is stopped while the requests are sent: all of them are there when it goes on.
"""

from __future__ import annotations

import os
import select
import selectors
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from support.crowd import children, read_response, until
from support.dumps import dump
from support.programs import POINTSMAN, Program

LANES: Final = 2
LIMIT: Final = 10
CLIENTS: Final = 100
ROUNDS: Final = 20

CONFIGURATION: Final = """
global
    nbthread 2
    stats socket {dir}/s level admin
defaults
    mode http
    timeout client 30s
    timeout server 10s
    timeout connect 10s
frontend web
    bind 127.0.0.1:{port:front}
    http-request return status 200 if { path /warm }
    http-request track-sc0 req.hdr(x-who) table rate if { path /rate /count }
    http-request deny deny_status 429 if { path /rate } { sc0_http_req_rate gt 10 }
    http-request deny deny_status 429 if { path /count } { sc0_http_req_cnt gt 10 }
    http-request deny deny_status 429 if { path /before } { req.hdr(x-who),table_http_req_cnt(before) ge 10 }
    http-request track-sc0 req.hdr(x-who) table before if { path /before }
    http-request track-sc0 req.hdr(x-who) table bucket if { path /fetch /action }
    http-request track-sc0 req.hdr(x-who) table array if { path /added }
    http-request deny deny_status 429 if { path /fetch } { sc0_inc_gpc0 gt 10 }
    http-request sc-inc-gpc0(0) if { path /action }
    http-request deny deny_status 429 if { path /action } { sc0_get_gpc0 gt 10 }
    http-request sc-add-gpc(0,0) 1 if { path /added }
    http-request deny deny_status 429 if { path /added } { sc_get_gpc(0,0) gt 10 }
    http-request track-sc0 req.hdr(x-who) table current if { path /current }
    http-request deny deny_status 429 if { path /current } { sc0_conn_cur gt 10 }
    http-request wait-for-body time 30s if { path /current }
    http-request return status 200
frontend connections
    bind 127.0.0.1:{port:connections}
    tcp-request connection track-sc0 src table clients
    tcp-request connection reject if { sc0_conn_cur gt 10 }
    http-request return status 200
backend rate
    stick-table type string size 1k expire 1h store http_req_cnt,http_req_rate(1h)
backend before
    stick-table type string size 1k expire 1h store http_req_cnt
backend bucket
    stick-table type string size 1k expire 1h store gpc0
backend array
    stick-table type string size 1k expire 1h store gpc(2)
backend current
    stick-table type string size 1k expire 1h store conn_cur
backend clients
    stick-table type ip size 1k expire 1h store conn_cur
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with Program(POINTSMAN, CONFIGURATION, tmp_path) as started:
        yield started


def lanes(program: Program) -> list[int]:
    return children(program.pid)[:LANES]


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def statuses(connections: list[socket.socket], wanted: int = 0) -> dict[socket.socket, int]:
    """The status of each connection's next answer, 0 where it ends without one; of `wanted` of them, of all where 0."""
    found: dict[socket.socket, int] = {}
    with selectors.DefaultSelector() as selector:
        for one in connections:
            selector.register(one, selectors.EVENT_READ)
        while len(found) < (wanted or len(connections)):
            ready = selector.select(10)
            assert ready, f"{len(found)} answers"
            for key, _ in ready:
                client = key.fileobj
                assert isinstance(client, socket.socket)
                selector.unregister(client)
                try:
                    answer = read_response(client)
                except ConnectionResetError:
                    answer = b""
                found[client] = int(answer[9:12]) if answer else 0
    return found


def connect(program: Program) -> list[socket.socket]:
    """Connections whose lanes have them already."""
    connections = [socket.create_connection(("127.0.0.1", program.ports["front"]), 10) for _ in range(CLIENTS)]
    for one in connections:
        one.sendall(b"GET /warm HTTP/1.1\r\nhost: a\r\n\r\n")
    assert set(statuses(connections).values()) == {200}
    return connections


def close(connections: list[socket.socket]) -> None:
    for one in connections:
        one.close()


@pytest.mark.parametrize("path", ["/rate", "/count", "/before", "/fetch", "/action", "/added"])
def test_what_counts(path: str, program: Program) -> None:
    passed = []
    for turn in range(ROUNDS):
        connections = connect(program)
        with stopped(lanes(program) if turn % 2 else []):
            for one in connections:
                one.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\nx-who: w{turn}\r\n\r\n".encode())
        answers = list(statuses(connections).values())
        close(connections)
        assert set(answers) == {200, 429}
        passed.append(answers.count(200))
    print(path, passed)
    assert max(passed) <= LIMIT + LANES
    assert min(passed) >= LIMIT - LANES


def now(program: Program, who: str) -> int:
    return dump(program.folder / "s", "current")[who].get("conn_cur", 0)


def none_is_left(program: Program, who: str) -> bool:
    return now(program, who) == 0


def all_are_judged(program: Program, who: str, rest: list[socket.socket]) -> bool:
    """Each of them has been let in or has its answer."""
    return now(program, who) + len(select.select(rest, [], [], 0)[0]) == len(rest)


def test_requests_at_once(program: Program) -> None:
    """conn_cur of requests: those that were let in stay until all others have been refused."""
    passed = []
    for turn in range(ROUNDS):
        connections = connect(program)
        with stopped(lanes(program) if turn % 2 else []):
            for one in connections:
                head = f"GET /current HTTP/1.1\r\nhost: a\r\nx-who: w{turn}\r\ncontent-length: 1\r\n\r\n"
                one.sendall(head.encode())
        refused = statuses(connections, CLIENTS - LIMIT - LANES)
        assert set(refused.values()) == {429}
        held = [one for one in connections if one not in refused]
        until(partial(all_are_judged, program, f"w{turn}", held))
        for one in held:
            one.sendall(b"x")
        passed.append(list(statuses(held).values()).count(200))
        close(connections)
        until(partial(none_is_left, program, f"w{turn}"))
    print(passed)
    assert max(passed) <= LIMIT + LANES
    assert min(passed) >= LIMIT - LANES


def test_connections_at_once(program: Program) -> None:
    """conn_cur of connections, refused before anything is read."""
    passed = []
    for turn in range(ROUNDS):
        connections = []
        with stopped(lanes(program) if turn % 2 else []):
            for _ in range(CLIENTS):
                with suppress(ConnectionError):  # refused at once
                    one = socket.create_connection(("127.0.0.1", program.ports["connections"]), 10)
                    connections.append(one)
                    one.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        answers = list(statuses(connections).values())
        close(connections)
        assert set(answers) <= {0, 200}  # or it was refused before it could be sent anything
        passed.append(answers.count(200))
        until(lambda: "conn_cur" not in dump(program.folder / "s", "clients")["127.0.0.1"])
    print(passed)
    assert max(passed) <= LIMIT + LANES
    assert min(passed) >= LIMIT - LANES
