"""Lanes ask control, in a running program: control and lanes are killed, stopped, stuck meanwhile."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.crowd import children, until
from support.programs import Kind, Program

ASKING = Kind("pointsman", (sys.executable, str(Path(__file__).parents[1] / "support" / "asking_program.py")))

CONFIG = """
global
    nbthread {lanes}
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
frontend first
    bind 127.0.0.1:{port:first} {one}
    http-request return status 200 content-type text/plain lf-string %pid if { path /pid }
    http-request use-service test-ask
frontend second
    bind 127.0.0.1:{port:second} {two}
    http-request return status 200 content-type text/plain lf-string %pid if { path /pid }
    http-request use-service test-ask
"""

LATE, LOST, FAILED = "reason 3", "reason 4", "reason 5"


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with Program(ASKING, CONFIG, tmp_path, {"lanes": "2", "one": "thread 1", "two": "thread 2"}) as made:
        until(lambda: len(children(made.pid)) == 3)
        yield made


def get(program: Program, path: str, port: str = "first", patience: float = 30) -> str:
    """The body."""
    with socket.create_connection(("127.0.0.1", program.ports[port]), 5) as sock:
        sock.settimeout(patience)
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while piece := sock.recv(65536):
            data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), data
    return body.decode()


def control(program: Program) -> int:
    """Its pid, as it says itself."""
    found = int(get(program, "/ask/pid//5000"))
    assert found in children(program.pid)
    return found


def test_one_process_answers_itself(tmp_path: Path) -> None:
    with Program(ASKING, CONFIG, tmp_path, {"lanes": "1", "one": "", "two": ""}) as program:
        assert get(program, "/ask/echo/abc/2000") == "cba"
        assert get(program, "/ask/pid//2000") == str(program.pid)
        assert get(program, "/ask/nobody//2000") == FAILED
        assert get(program, "/ask/slow/x/100") == LATE
        assert get(program, "/many/echo/3000/100") == "3000 0 0"


def test_each_lane_is_answered_by_control(program: Program) -> None:
    lanes = {int(get(program, "/pid", port)) for port in ("first", "second")}
    assert len(lanes) == 2 and control(program) not in lanes
    for port in ("first", "second"):
        assert get(program, "/ask/echo/abc/2000", port) == "cba"
        assert get(program, "/ask/nobody//2000", port) == FAILED
        assert get(program, "/ask/slow/x/100", port) == LATE
        assert get(program, "/many/echo/10000/10", port) == "10000 0 0"
        assert get(program, "/many/echo/200/65536", port) == "200 0 0"


def test_control_is_killed_in_between(program: Program) -> None:
    """Its successor is asked again."""
    old = control(program)
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(get, program, f"/ask/slow/{n}/10000", ("first", "second")[n % 2]) for n in range(20)]
        time.sleep(0.25)
        os.kill(old, signal.SIGKILL)
        assert [one.result() for one in asked] == [str(n) for n in range(20)]
    assert control(program) != old


def test_ten_thousand_and_deaths(program: Program) -> None:
    """Each is told once; what two deaths in a row have met is told that, and all others are answered."""
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(get, program, "/many/echo/10000/100", port, 60) for port in ("first", "second")]
        for _ in range(3):
            time.sleep(0.1)
            os.kill(control(program), signal.SIGKILL)
        told = [[int(word) for word in one.result().split()] for one in asked]
    for good, bad, wrong in told:
        assert good + bad == 10_000 and wrong == 0
        assert good >= 8_000  # at most 512 were open at each of the deaths
    assert get(program, "/ask/echo/abc/5000") == "cba"


def test_a_question_that_kills_is_asked_twice_at_most(program: Program) -> None:
    before = control(program)
    assert get(program, "/ask/kill//20000") == LOST
    after = control(program)
    assert after != before
    assert get(program, "/ask/echo/abc/5000", "second") == "cba"
    assert control(program) == after


def test_a_stuck_control_costs_each_question_its_time(program: Program) -> None:
    old = control(program)
    os.kill(old, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert get(program, "/ask/echo/abc/300") == LATE
        assert 0.3 <= time.monotonic() - begun < 10
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(get, program, "/ask/echo/abc/20000", "second")
            assert get(program, "/pid", "second")  # lanes serve meanwhile
            os.kill(old, signal.SIGCONT)
            assert asked.result() == "cba"
    finally:
        os.kill(old, signal.SIGCONT)
    assert get(program, "/ask/block/1000/300") == LATE
    assert get(program, "/ask/echo/abc/20000") == "cba"
    assert control(program) == old


def test_a_lane_is_killed_in_between(program: Program) -> None:
    """What it had asked is nobody's any more."""
    lane = int(get(program, "/pid"))
    with ThreadPoolExecutor(2) as pool:
        lost = pool.submit(get, program, "/ask/slow/x/10000")
        kept = pool.submit(get, program, "/ask/slow/y/10000", "second")
        time.sleep(0.2)
        os.kill(lane, signal.SIGKILL)
        with pytest.raises((AssertionError, OSError)):
            lost.result()
        assert kept.result() == "y"
    until(lambda: lane not in children(program.pid) and len(children(program.pid)) == 3)
    assert get(program, "/ask/echo/abc/5000") == "cba"
    assert int(get(program, "/pid")) != lane
