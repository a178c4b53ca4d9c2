"""observe: errors that two lanes see are counted as one row, to the last one, whichever process is killed between."""

from __future__ import annotations

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.crowd import children, get, until
from support.ports import free_port
from support.programs import POINTSMAN, Program
from support.scenario import query, show_stat

PATIENCE = 15.0  # s
LIMIT = 40
TEXT = """
global
    nbthread {lanes}
    stats socket {dir}/stats level admin
defaults
    mode http
    retries 0
    timeout connect 15s
    timeout client 15s
    timeout server 15s
listen web
    bind 127.0.0.1:{port:web}
    server s1 127.0.0.1:{nobody} check port {probe} inter 1h observe layer4 error-limit {limit} on-error mark-down
"""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("lanes", [1, 2])
def test_a_row_of_errors_is_exact(tmp_path: Path, lanes: int) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as probe:
        values = {"probe": str(probe.getsockname()[1]), "limit": str(LIMIT), "lanes": str(lanes)}
        with Program(POINTSMAN, TEXT, tmp_path, {**values, "nobody": str(free_port())}) as program:
            processes = lanes + 1 if lanes > 1 else 0
            until(lambda: len(children(program.pid)) == processes, PATIENCE)

            def row() -> dict[str, str]:
                return show_stat(tmp_path / "stats")["web/s1"]

            def errors(count: int) -> None:
                """So many, and all of them are over."""
                with ThreadPoolExecutor(8) as pool:
                    assert set(pool.map(lambda _: get(program.ports["web"], "/"), range(count))) == {503}
                until(lambda: row()["scur"] == "0", PATIENCE)

            def kill(place: int) -> None:
                before = children(program.pid)
                os.kill(before[place], signal.SIGKILL)
                until(lambda: len(set(children(program.pid)) - set(before)) == 1, PATIENCE)
                until(lambda: len(children(program.pid)) == processes, PATIENCE)

            until(lambda: row()["check_status"] == "L4OK", PATIENCE)
            for turn in range(1, 4):
                errors(LIMIT // 2)
                if lanes > 1:
                    kill(turn - 2)  # control, a lane, a lane
                errors(LIMIT - LIMIT // 2 - 1)
                found = row()
                assert (found["status"], found["hanafail"], found["econ"]) == (
                    "UP",
                    str(turn - 1),
                    str(turn * LIMIT - 1),
                )
                errors(1)
                until(lambda: row()["status"] == "DOWN", PATIENCE)
                found = row()
                assert (found["hanafail"], found["check_status"], found["chkdown"]) == (str(turn), "HANA", str(turn))
                assert found["last_chk"] == (
                    f"Detected {LIMIT} consecutive errors, last one was: L4 unsuccessful connection"
                )
                assert query(tmp_path / "stats", "set server web/s1 health up") == "\n"
                until(lambda: row()["status"] == "UP", PATIENCE)
