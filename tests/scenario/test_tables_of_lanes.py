"""Stick tables with two lanes: both count in the same entries, what a killed lane tracked is given back, and entries go
when their time is up, though nobody asks for them."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
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


LIMITS = """
global
    nbthread 2
    stats socket {dir}/s level admin
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 10s
frontend web
    bind 127.0.0.1:{port:front}
    http-request track-sc0 path table first if { path /first }
    http-request deny deny_status 429 if { path /first } { sc0_http_req_rate gt 20 }
    http-request deny deny_status 429 if { path /then } { path,table_http_req_rate(then) ge 20 }
    http-request track-sc0 path table then if { path /then }
    http-request track-sc0 path table bucket if { path /bucket }
    http-request deny deny_status 429 if { path /bucket } { sc0_inc_gpc0 gt 20 }
    http-request return status 200
backend first
    stick-table type string size 100 expire 1h store http_req_rate(1h)
backend then
    stick-table type string size 100 expire 1h store http_req_rate(1h)
backend bucket
    stick-table type string size 100 expire 1h store gpc0
"""


@pytest.mark.parametrize(("path", "least", "most"), [("/first", 18, 20), ("/then", 20, 22), ("/bucket", 20, 20)])
def test_a_limit_holds_for_all_lanes(path: str, least: int, most: int, tmp_path: Path) -> None:
    """100 clients at once: nobody is let through for a lane that has not heard of another one's, but for one that each
    lane is just asking about. What counts and is told in one step is exact."""
    with Program(POINTSMAN, LIMITS, tmp_path) as program:
        address = ("127.0.0.1", program.ports["front"])
        connections = [socket.create_connection(address, 10) for _ in range(100)]
        for one in connections:
            one.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
        statuses = [int(one.recv(4096).split()[1]) for one in connections]
        for one in connections:
            one.close()
    assert set(statuses) == {200, 429}
    assert least <= statuses.count(200) <= most


COUNTED = """
global
    stats socket {dir}/s level admin
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 10s
frontend web
    bind 127.0.0.1:{port:front}
    option contstats
    tcp-request connection track-sc0 src table clients
    http-request track-sc1 path table paths
    http-request set-header x-added more
    default_backend app
backend app
    server s 127.0.0.1:{origin}
backend clients
    stick-table type ip size 100 expire 1h store bytes_in_cnt,bytes_out_cnt,glitch_cnt,bytes_out_rate(1h)
backend paths
    stick-table type string size 100 expire 1h store bytes_in_cnt,bytes_out_cnt,glitch_cnt brates-factor 7
"""
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 30000\r\n\r\n" + b"x" * 10_000


def test_bytes_are_those_of_the_wire_and_told_while_they_flow(tmp_path: Path) -> None:
    origin = socket.create_server(("127.0.0.1", 0))
    values = {"origin": str(origin.getsockname()[1])}
    with Program(POINTSMAN, COUNTED, tmp_path, values) as program:
        console = tmp_path / "s"
        with socket.create_connection(("127.0.0.1", program.ports["front"]), 10) as client:
            client.sendall(REQUEST)
            server, _ = origin.accept()
            server.recv(4096)
            server.sendall(ANSWER)
            wait_for(lambda: dump(console, "paths").get("/a", {}).get("bytes_out_cnt", 0) == len(ANSWER))
            assert dump(console, "clients")["127.0.0.1"]["bytes_in_cnt"] == len(REQUEST)
            server.sendall(b"x" * 20_000)
            whole = len(ANSWER) + 20_000
            wait_for(lambda: dump(console, "paths")["/a"].get("bytes_out_cnt", 0) == whole)
            wait_for(lambda: "use" not in dump(console, "paths")["/a"])  # the request is over, the connection not
            assert dump(console, "clients")["127.0.0.1"] == {
                "use": 1,
                "bytes_in_cnt": len(REQUEST),
                "bytes_out_cnt": whole,
                "bytes_out_rate(3600000)": whole,
            }
            client.sendall(b"GET /b HTTP/1.1\nhost: a\n\n")  # bare LFs: three glitches
            server.recv(4096)
            wait_for(lambda: dump(console, "clients")["127.0.0.1"].get("glitch_cnt", 0) > 0)
            server.close()
    origin.close()
