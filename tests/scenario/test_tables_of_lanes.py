"""Stick tables with two lanes: both count in the same entries, what a killed lane tracked is given back, and entries go
when their time is up, though nobody asks for them."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from support.dumps import ask, dump
from support.programs import POINTSMAN, Program

CONFIGURATION = """
global
    nbthread 2
    stats socket {dir}/s level admin
defaults
    mode http
    timeout client 60s
    timeout server 10s
    timeout connect 10s
frontend web
    bind 127.0.0.1:{port:front}
    tcp-request connection track-sc0 src table clients
    http-request track-sc1 path table paths
    http-request return status 200 hdr x-seen %[sc0_http_req_cnt]
backend clients
    stick-table type ip size 100 expire 1h store conn_cnt,conn_cur,sess_cnt,http_req_cnt
backend paths
    stick-table type string size 100 expire 1s store http_req_cnt
"""
REQUEST = b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n"


def answered(connection: socket.socket) -> bytes:
    connection.sendall(REQUEST)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(4096)
    return answer


def wait_for(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < limit, "it does not come about"
        time.sleep(0.1)


def test_lanes_share_entries_and_give_back_what_they_tracked(tmp_path: Path) -> None:
    with Program(POINTSMAN, CONFIGURATION, tmp_path) as program:
        console = tmp_path / "s"
        connections = [socket.create_connection(("127.0.0.1", program.ports["front"]), 10) for _ in range(24)]
        seen = sorted(int(answered(one).split(b"x-seen: ")[1].split(b"\r\n")[0]) for one in connections)
        assert seen == list(range(1, 25))
        assert dump(console, "clients") == {
            "127.0.0.1": {"use": 24, "conn_cnt": 24, "conn_cur": 24, "sess_cnt": 24, "http_req_cnt": 24}
        }
        assert dump(console, "paths") == {"/a": {"http_req_cnt": 24}}
        wait_for(lambda: "used:0" in ask(console, "show table paths"))

        lane = int(Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()[0])
        os.kill(lane, signal.SIGKILL)
        time.sleep(0.5)  # the ends of its connections have arrived
        lost = sum(_is_cut(one) for one in connections)
        wait_for(lambda: dump(console, "clients")["127.0.0.1"].get("use", 0) == 24 - lost)
        after = dump(console, "clients")["127.0.0.1"]
        assert after.get("conn_cur", 0) == 24 - lost
        assert (after["conn_cnt"], after["http_req_cnt"]) == (24, 24)  # what it had counted stays
        for one in connections:
            one.close()
        wait_for(lambda: "use" not in dump(console, "clients")["127.0.0.1"])
        assert "conn_cur" not in dump(console, "clients")["127.0.0.1"]


def _is_cut(connection: socket.socket) -> bool:
    """Its lane was killed."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
