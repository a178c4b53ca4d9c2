"""Logs to stdout and stderr, whatever these are: /dev/null, a full device, a full pipe, or nothing at all (cron, nohup,
systemd's StandardOutput=null): the program runs, and lines that nobody can read are counted."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.ports import free_port
from support.programs import POINTSMAN, environment
from support.scenario import query

CONFIG = """
global
    log {stream} format raw local0
    stats socket {folder}/stats level admin
    nbthread {lanes}
defaults
    mode http
    log global
    option httplog
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200
"""
NUMBERS = {"stdout": 1, "stderr": 2}


@contextlib.contextmanager
def started(
    folder: Path, stream: str, target: str, lanes: int, words: list[str], stdin: int = subprocess.DEVNULL
) -> Iterator[int]:
    """The program with that stream at `target`; "" closes it, "&0" is `stdin`. The port that it serves.

    It ends by a soft stop, with status 0.
    """
    port = free_port()
    path = folder / "one.cfg"
    path.write_text(CONFIG.format(stream=stream, folder=folder, lanes=lanes, port=port))
    shell = f'exec "$@" {NUMBERS[stream]}>{target or "&-"}'
    process = subprocess.Popen(
        ["sh", "-c", shell, "sh", *POINTSMAN.command, *words, "-p", str(folder / "pid"), "-f", str(path)],
        cwd=folder,
        env=environment(),
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pid = process.pid
    try:
        until(lambda: serves(port), 10)
        if "-D" in words:
            assert process.wait(10) == 0
            pid = int((folder / "pid").read_text())
        yield port
        os.kill(pid, signal.SIGUSR1)
        assert process.wait(10) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        process.wait(10)
        until(lambda: not Path(f"/proc/{pid}").exists())


def until(holds: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def serves(port: int) -> bool:
    """One request; False: nobody listens yet."""
    with socket.socket() as client:
        client.settimeout(5)
        if client.connect_ex(("127.0.0.1", port)) != 0:
            return False
        client.sendall(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
        return client.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("target", ["/dev/null", "/dev/full", ""], ids=["null", "full", "closed"])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("words", [["-db"], ["-D"]], ids=["foreground", "daemon"])
def test_it_runs(tmp_path: Path, stream: str, target: str, lanes: int, words: list[str]) -> None:
    with started(tmp_path, stream, target, lanes, words) as port:
        for _ in range(5):
            assert serves(port)


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("words", [["-db"], ["-D"]], ids=["foreground", "daemon"])
def test_a_pipe_that_nobody_reads(tmp_path: Path, stream: str, lanes: int, words: list[str]) -> None:
    """It is full, and whoever shares it has made it one that does not block."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writing, bytes(4096)):
            pass
    try:
        with started(tmp_path, stream, "&0", lanes, words, stdin=writing) as port:
            for _ in range(5):
                assert serves(port)
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize(
    ("target", "lost"), [("/dev/null", False), ("/dev/full", True), ("", True)], ids=["null", "full", "closed"]
)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_is_lost_is_counted(tmp_path: Path, stream: str, target: str, lost: bool) -> None:
    """/dev/null takes what it gets: such lines are not lost but unwanted."""

    def dropped() -> int:
        lines = query(tmp_path / "stats", "show info").splitlines()
        return int(dict(line.split(": ", 1) for line in lines if ": " in line)["DroppedLogs"])

    with started(tmp_path, stream, target, 1, ["-db"]) as port:
        for _ in range(5):
            assert serves(port)
        if lost:
            until(lambda: dropped() >= 5)
        else:
            time.sleep(0.1)
            assert dropped() == 0
