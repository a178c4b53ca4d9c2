"""A process that does not turn any more: the keeper replaces it and says where it stood; nobody is left behind."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.counting import CountingOrigin
from support.ports import free_port
from support.programs import POINTSMAN, Notified, environment

pytestmark = pytest.mark.alone  # who is stuck is told by the time
CONFIG = """
global
    nbthread {lanes}
    pointsman-lane-timeout {limit}
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200 content-type text/plain lf-string "%pid" unless {{ path /server }}
"""
ENDLESS = f"""
import signal
def endless(number, frame):
    while True:
        pass
signal.signal({int(signal.SIGRTMIN) + 5}, endless)
"""


class Running:
    """The program; a process of it that gets `stick` computes without end."""

    def __init__(
        self, folder: Path, lanes: int, limit: str, more: str = "", code: str = ENDLESS, begins: bool = True
    ) -> None:
        self.port = free_port()
        (folder / "one.cfg").write_text(CONFIG.format(lanes=lanes, limit=limit, port=self.port) + more)
        (folder / "sitecustomize.py").write_text(code)
        self.errors = folder / "stderr"
        paths = os.pathsep.join([str(folder), environment()["PYTHONPATH"]])
        with Notified() as notified, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*POINTSMAN.command, "-db", "-f", str(folder / "one.cfg")],
                cwd=folder,
                env={**notified.environment, "PYTHONPATH": paths},
                stderr=errors,
            )
            # That a lane serves does not say that all have begun.
            assert not begins or notified.is_ready(10), self.printed()

    def ask(self) -> int:
        """Who serves; 0: nobody does."""
        with socket.socket() as client:
            client.settimeout(0.5)
            try:
                client.connect(("127.0.0.1", self.port))
                client.sendall(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
                answer = b""
                while data := client.recv(1000):
                    answer += data
            except OSError:
                return 0
        return int(answer.partition(b"\r\n\r\n")[2] or b"0")

    def begin(self, path: str) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), 10)
        client.sendall(f"GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n".encode())
        return client

    @staticmethod
    def end_of(client: socket.socket) -> bytes:
        """All that came, up to the end of the connection."""
        answer = b""
        with client:
            try:
                while data := client.recv(1000):
                    answer += data
            except OSError:
                pass
        return answer

    def stick(self, pid: int) -> None:
        os.kill(pid, signal.SIGRTMIN + 5)

    def printed(self) -> str:
        return self.errors.read_text()

    def end(self) -> None:
        for pid in [*children(self.process.pid), self.process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(10)


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def state(pid: int) -> str:
    """One letter (proc(5)); "": there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


OBSTINATE = f"""
import gc, os, signal
def obstinate(number, frame):
    gc.unfreeze()
    backend = next(one for one in gc.get_objects() if type(one).__name__ == "BackendProxy" and one.servers)
    assert backend.arena.locked(backend.lock)
    os.kill(os.getpid(), signal.SIGSTOP)
signal.signal({int(signal.SIGRTMIN) + 6}, obstinate)
"""


@pytest.mark.parametrize("limit", ["0", "10s"])
def test_a_lane_that_stands_still_with_a_lock_that_others_need(tmp_path: Path, limit: str) -> None:
    """It is killed soon, whatever the timeout; those that wait for it are not, and go on."""
    with CountingOrigin() as origin:
        backend = f"    default_backend limited\nbackend limited\n    server s 127.0.0.1:{origin.port} maxconn 1\n"
        program = Running(tmp_path, 2, limit, backend, OBSTINATE)
        try:
            stopped, other = children(program.process.pid)[:2]  # the third one is control
            os.kill(stopped, signal.SIGRTMIN + 6)
            until(lambda: state(stopped) == "T")
            asked = [program.begin("/server") for _ in range(12)]  # the kernel gives some to each lane
            until(lambda: not alive(stopped))
            until(lambda: "forked: lane" in program.printed())
            assert (
                f"({stopped}) has not turned for 1 seconds and is killed (others wait for a lock that it holds)"
                in program.printed()
            )
            answers = [program.end_of(client) for client in asked]
            assert sum(answer.startswith(b"HTTP/1.1 200 ") for answer in answers) > 0
            assert alive(other)
            assert all(program.end_of(program.begin("/server")).startswith(b"HTTP/1.1 200 ") for _ in range(20))
        finally:
            program.end()


@pytest.mark.parametrize("how", ["computes", "stopped"])
def test_a_lane_that_is_stuck_is_replaced(tmp_path: Path, how: str) -> None:
    program = Running(tmp_path, 2, "1s")
    try:
        stuck = program.ask()
        if how == "computes":
            program.stick(stuck)
        else:
            os.kill(stuck, signal.SIGSTOP)
        until(lambda: not alive(stuck))
        until(lambda: "forked: lane" in program.printed())
        printed = program.printed()
        assert f"({stuck}) has not turned for 1 seconds and is killed" in printed
        if how == "computes":
            assert f"Former worker ({stuck}) stood in endless (sitecustomize.py:" in printed
        answers = [program.ask() for _ in range(20)]
        assert stuck not in answers and 0 not in answers
    finally:
        program.end()


def test_control_is_replaced_too(tmp_path: Path) -> None:
    program = Running(tmp_path, 2, "1s")
    try:
        control = children(program.process.pid)[-1]
        program.stick(control)
        until(lambda: "forked: control" in program.printed())
        assert f"Control ({control}) has not turned" in program.printed()
    finally:
        program.end()


STILLBORN = f"""
import random, signal
from pointsman.master import stuck
def still(*words):
    while True:
        signal.pause()
def prepare():
    signal.signal({int(signal.SIGRTMIN) + 5}, lambda number, frame: setattr(random, "seed", still))
    stuck.STARTING = 0.2
prepare()
"""


def test_a_process_that_does_not_begin(tmp_path: Path) -> None:
    """A lane is killed, and so are its successors, while the others serve. The keeper has learnt to make such lanes."""
    program = Running(tmp_path, 2, "200ms", code=STILLBORN)
    try:
        first, second, control = children(program.process.pid)
        program.stick(program.process.pid)
        os.kill(first, signal.SIGKILL)
        until(lambda: "New worker" in program.printed())
        still = next(pid for pid in children(program.process.pid) if pid not in (second, control))
        until(lambda: f"Current worker ({still}) exited" in program.printed())
        assert f"Lane 1 ({still}) has not begun to turn for 0.2 seconds and is killed" in program.printed()
        assert f"Former worker ({still}) stood in still (sitecustomize.py:" in program.printed()
        assert program.ask() == second
    finally:
        program.end()


def test_a_start_at_which_a_process_does_not_begin(tmp_path: Path) -> None:
    """It fails, and says where that process stood."""
    program = Running(tmp_path, 2, "200ms", code=STILLBORN + "random.seed = still\n", begins=False)
    try:
        assert program.process.wait(10) == 1
        assert "has not begun to turn for 0.2 seconds and is killed (pointsman-lane-timeout)." in program.printed()
        assert "exited with code 134 (Aborted) at its start." in program.printed()
        assert "stood in still (sitecustomize.py:" in program.printed()
    finally:
        program.end()


def test_nobody_is_killed_while_the_machine_stands_still(tmp_path: Path) -> None:
    """All processes are stopped for longer than the limit, as a frozen container is, and go on."""
    program = Running(tmp_path, 2, "1s")
    try:
        everybody = [program.process.pid, *children(program.process.pid)]
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(3)
        for pid in everybody:
            os.kill(pid, signal.SIGCONT)
        time.sleep(1.5)
        assert [program.process.pid, *children(program.process.pid)] == everybody
        assert program.ask() in everybody
    finally:
        program.end()


def test_no_orphan_keeps_a_listening_socket(tmp_path: Path) -> None:
    """The keeper is killed while a lane is stuck. That lane does not look at the signal that tells it so, and ends."""
    program = Running(tmp_path, 2, "2s")
    family = children(program.process.pid)
    try:
        stuck = program.ask()
        program.stick(stuck)
        program.process.kill()
        program.process.wait(10)
        until(lambda: not any(alive(pid) for pid in family))
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", program.port)) != 0
    finally:
        program.end()
        for pid in family:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(("lanes", "number"), [(1, signal.SIGTERM), (1, signal.SIGINT), (2, signal.SIGTERM)])
def test_it_ends_when_told_whatever_it_computes(tmp_path: Path, lanes: int, number: signal.Signals) -> None:
    program = Running(tmp_path, lanes, "0")
    family = children(program.process.pid)
    try:
        program.stick(program.ask())
        time.sleep(0.2)
        os.kill(program.process.pid, number)
        assert program.process.wait(10) == -number
        assert not any(alive(pid) for pid in family)
    finally:
        program.end()
