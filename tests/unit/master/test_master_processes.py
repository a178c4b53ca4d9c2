"""How processes end, and what becomes of those who follow them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pointsman.master.processes import exit_code, exit_words, reap, tell, wait_for_signal

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (0, 0, "exited with code 0 (Exit)"),
        (3 << 8, 3, "exited with code 3 (Exit)"),
        (9, 137, "exited with code 137 (Killed)"),
        (11 | 0x80, 139, "exited with code 139 (Segmentation fault)"),
        (15, 143, "exited with code 143 (Terminated)"),
    ],
)
def test_how_it_ended(status: int, code: int, words: str) -> None:
    assert (exit_code(status), exit_words(status)) == (code, words)


def test_reaping() -> None:
    assert reap() == []
    pid = os.fork()
    if pid == 0:
        os._exit(5)
    found: list[tuple[int, int]] = []
    while not found:
        found = reap()
    assert found == [(pid, 5 << 8)]
    tell(pid, signal.SIGTERM)  # nobody is there any more


def test_a_follower_ends_with_its_parent() -> None:
    program = """
import os, signal, sys, time
from pointsman.master.processes import follow_parent
parent = os.getpid()
pid = os.fork()
if pid == 0:
    follow_parent(parent, signal.SIGTERM)
    print(os.getpid(), flush=True)
    time.sleep(60)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as process:
        assert process.stdout is not None
        follower = int(process.stdout.readline())
        process.kill()
        process.wait()
        end = time.monotonic() + 5
        while _runs(follower):
            assert time.monotonic() < end
            time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_waiting_for_a_signal() -> None:
    """Also across a stop that ends after the time is over (see wait_for_signal)."""
    pid = os.fork()
    if not pid:
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGUSR1, signal.SIGUSR2))
        wrong = wait_for_signal((signal.SIGUSR1,), 0.01)
        os.kill(os.getpid(), signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGUSR1)
        wrong += wait_for_signal((signal.SIGUSR1,), 5) != signal.SIGUSR1
        wrong += wait_for_signal((signal.SIGUSR1,), 0.5)  # stopped meanwhile
        os._exit(wrong)
    time.sleep(0.2)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.6)
    os.kill(pid, signal.SIGCONT)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
