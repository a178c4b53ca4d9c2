"""The programs that are attacked, and what is measured of them meanwhile."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from bench.attacks.assault import Bounds, assault
from bench.attacks.attacker import Outcome
from bench.attacks.scripts import Attack
from bench.processes import anonymous_kilobytes, nanoseconds_of
from bench.stage import OURS, ROOT, Program, free_ports, run, stop, wait_for

CONFIGURATION = """
global
    nbthread {lanes}
    stats socket {folder}/stats.sock
    {words}

defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s
    timeout http-request 5s
    timeout http-keep-alive 5s
    timeout queue 5s

frontend web
    bind 127.0.0.1:{port} proto h2
    use_backend full if {{ path /queued }}
    use_backend honest if {{ path /honest }}
    default_backend servers

backend servers
    server one 127.0.0.1:{origin}

backend honest
    server one 127.0.0.1:{honest}

backend full
    server one 127.0.0.1:{origin} maxconn 1
"""
WARM = 0.5  # s of honest requests before the first figure


@dataclass(frozen=True, slots=True)
class Figures:
    """One attack on one program."""

    outcome: Outcome
    before: int  # anonymous memory, kB
    most: int
    cpu: float  # s that the program worked for the attacker
    alone: float  # p99 of the victims without the attack, ms
    p99: float  # with it, ms
    failed: int  # requests of victims


def percentile(times: list[float], share: float = 0.99) -> float:
    """In ms; infinite where nothing was answered."""
    if not times:
        return float("inf")
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1000


class Memory(threading.Thread):
    """Looks at the memory of a program every 50 ms."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.most = 0
        self.over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.over.wait(0.05):
            self.most = max(self.most, anonymous_kilobytes(self.pid))

    def close(self) -> int:
        """The most that was seen, in kB."""
        self.over.set()
        self.join()
        return self.most


class Ground:
    """A program, a server behind it, a folder. Use as `with Ground(...) as ground`."""

    def __init__(self, name: str, command: list[str], lanes: int, cores: list[int], words: str = "") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pointsman-attacks-"))
        self.cores = cores
        self.port, *self.origin_ports = free_ports(3)
        self.text = CONFIGURATION.format(
            lanes=lanes,
            folder=self.folder / name,
            words=words,
            port=self.port,
            origin=self.origin_ports[0],
            honest=self.origin_ports[1],
        )
        self.program = Program(name, command, self.folder / name, cores[:lanes])
        self.load = cores[-1:]
        self.origins: list[subprocess.Popen[bytes]] = []  # one for attackers, one for honest clients

    def __enter__(self) -> Ground:
        try:
            for port in self.origin_ports:
                output = self.folder / f"origin-{port}"
                origin = run([sys.executable, "-m", "bench.attacks.origin", str(port)], self.load, output)
                self.origins.append(origin)
                wait_for([port], origin, output)
            self.program.start(self.text)
            assert self.program.process is not None
            wait_for([self.port], self.program.process, self.program.folder / "output")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends everything."""
        self.program.close()
        for origin in self.origins:
            stop(origin)
        shutil.rmtree(self.folder, ignore_errors=True)

    def victims(self, seconds: float) -> subprocess.Popen[str]:
        """Honest clients, in a process of their own."""
        command = [sys.executable, "-m", "bench.attacks.victims", str(self.port), str(seconds)]
        pinned = ["taskset", "-c", ",".join(map(str, self.load)), *command]
        return subprocess.Popen(pinned, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    def measure(self, attack: Attack, bounds: Bounds) -> Figures:
        """The attack, with victims beside it from a moment before it begins; before it, victims alone."""
        pid = self.program.pid
        heard(self.victims(WARM))
        at = nanoseconds_of(pid)
        alone, _ = heard(self.victims(bounds.seconds))
        honest = (nanoseconds_of(pid) - at) / max(1, len(alone))
        before, memory = anonymous_kilobytes(pid), Memory(pid)
        at = nanoseconds_of(pid)
        victims = self.victims(bounds.seconds)
        time.sleep(0.3)  # the interpreter starts
        outcome = assault(attack, self.port, bounds)
        times, failed = heard(victims)
        used = (nanoseconds_of(pid) - at) - honest * len(times)
        most = memory.close()
        if self.program.process is None or self.program.process.poll() is not None:
            raise SystemExit(f"{self.program.name} has ended:\n{self.program.printed()}")
        return Figures(outcome, before, most, max(0.0, used) / 1e9, percentile(alone), percentile(times), failed)


def heard(victims: subprocess.Popen[str]) -> tuple[list[float], int]:
    """What victims tell when they have ended."""
    printed, _ = victims.communicate()
    times, failed = json.loads(printed)
    return times, failed


def command_of(name: str, python: str, haproxy: str) -> list[str]:
    """How a program is started."""
    return [python, "-m", "pointsman"] if name == OURS else [haproxy]
