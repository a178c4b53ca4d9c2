"""Starts a load balancer on a configuration text, waits until it is ready, and ends it.

Pointsman says itself when that is (Notified); haproxy is ready when all its addresses listen.

POINTSMAN_PEER in the environment of a test run: the program that answers are compared with, in place of Debian's
`haproxy` (tests/support/newer-haproxy puts a newer one beside it and prints its path).
POINTSMAN_TEST_LANES in the environment of a test run: with so many lanes, two by default, Pointsman runs where a
configuration does not say `nbthread` itself. The oracle has one thread, so that its answers do not depend on chance.

Placeholders in the text: {port:x} a free port, the same for the same x; {dir} the program's own folder; whatever else
the caller gives in `values`. An unknown placeholder is left alone: `{ path / }` and `%{+Q}o` are configuration.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from support.ports import free_port, listening_ports
from support.stock import ForkedProcess, forked

ROOT = Path(__file__).resolve().parents[2]
_PLACE = re.compile(r"\{([a-z]+(?::[A-Za-z0-9_.-]+)?)\}")


@dataclass(frozen=True, slots=True)
class Kind:
    """A program to test: its name and the command that takes haproxy's arguments."""

    name: str
    command: tuple[str, ...]

    @property
    def missing(self) -> bool:
        """True where this machine cannot run it."""
        return shutil.which(self.command[0]) is None


LANES = os.environ.get("POINTSMAN_TEST_LANES", "") or "2"
HAPROXY = Kind("haproxy", (os.environ.get("POINTSMAN_PEER") or "haproxy",))
POINTSMAN = Kind("pointsman", (sys.executable, "-m", "pointsman"))


@cache
def peer_version() -> tuple[int, int]:
    """Major and minor version of the peer; (0, 0) where there is none."""
    if HAPROXY.missing:
        return 0, 0
    printed = subprocess.run([*HAPROXY.command, "-v"], capture_output=True, check=False, text=True).stdout
    found = re.search(r"version (\d+)\.(\d+)", printed)
    assert found is not None, printed
    return int(found[1]), int(found[2])


def environment() -> dict[str, str]:
    """The environment for a program: ours, with the source tree importable."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    ours = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    return {**ours, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


class Notified:
    """The receiver's end of a NOTIFY_SOCKET; `environment` are the variables of a program that shall tell.

    Its address is an abstract one, chosen by the kernel: no chroot and no user is in the way.
    """

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind("")
        self.ready = False
        self.environment = {**environment(), "NOTIFY_SOCKET": "@" + self.sock.getsockname()[1:].decode("ascii")}

    def is_ready(self, seconds: float) -> bool:
        """True when READY=1 has come, or comes within that time."""
        limit = time.monotonic() + seconds
        while not self.ready and (left := limit - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                self.ready = b"READY=1" in self.sock.recv(4096).split(b"\n")
            except TimeoutError:
                break
        return self.ready

    def __enter__(self) -> Notified:
        return self

    def __exit__(self, *_: object) -> None:
        """Whoever tells something after this tells nobody."""
        self.sock.close()


def lane_words(kind: Kind, text: str, folder: Path) -> list[str]:
    """Words in front of the others that make a program run with as many lanes or threads as this test run wants."""
    lanes = "1" if kind is HAPROXY else LANES
    if re.search(r"^\s*nbthread\b", text, re.MULTILINE):
        return []
    path = folder / "lanes.cfg"
    path.write_text(f"global\n    nbthread {lanes}\n", encoding="ascii")
    return ["-f", str(path)]


def fill(text: str, values: Mapping[str, str], ports: dict[str, int]) -> str:
    """The text with its placeholders replaced; new names of {port:x} get a free port, entered in `ports`."""

    def replace(match: re.Match[str]) -> str:
        word = match[1]
        if word in values:
            return values[word]
        if word.startswith("port:"):
            name = word[5:]
            if name not in ports:
                ports[name] = free_port()
            return str(ports[name])
        return match[0]

    return _PLACE.sub(replace, text)


class StartError(AssertionError):
    """The program ended, or did not listen in time; the message holds what it printed."""


@dataclass(slots=True)
class Program:
    """A running program. Use as `with Program(kind, text, folder) as program:`.

    Leaving the block ends it by SIGTERM and asserts that it died by exactly that (manual, management 4).
    """

    kind: Kind
    text: str
    folder: Path
    values: Mapping[str, str] = field(default_factory=dict)
    arguments: Sequence[str] = ("-db",)
    ports: dict[str, int] = field(default_factory=dict)
    patience: float = 15.0
    _process: subprocess.Popen[bytes] | ForkedProcess | None = None

    def __enter__(self) -> Program:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        status = self.stop()
        if error is None:
            assert status == -signal.SIGTERM, f"{self.kind.name} ended with {status}:\n{self.stderr()}"
            assert "Traceback" not in self.stderr(), self.stderr()
        elif self.stderr():
            error.add_note(f"--- {self.kind.name} printed:\n{self.stderr()}")

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Writes the configuration, starts the program, returns when it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        filled = fill(self.text, {"dir": str(self.folder), **self.values}, self.ports)
        path = self.folder / "test.cfg"
        path.write_text(filled, encoding="utf-8")
        lanes = lane_words(self.kind, filled, self.folder)
        command = [*self.kind.command, *self.arguments, *lanes, "-f", str(path)]
        notified = Notified()
        with notified, (self.folder / "stdout").open("wb") as out, (self.folder / "stderr").open("wb") as err:
            self._process = None
            if self.kind is POINTSMAN:
                self._process = forked(command[len(self.kind.command) :], notified.environment, self.folder, out, err)
            if self._process is None:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=notified.environment, cwd=self.folder
                )
            if self.kind.name == POINTSMAN.name:  # or a test's program around it
                self._wait(notified.is_ready, "is not ready")
            else:
                self._wait(self._listening(filled), "does not listen")

    def _listening(self, filled: str) -> Callable[[float], bool]:
        """A look whether every {port:x} of a `bind` line and every socket of the folder listens."""
        bound = re.findall(r"^\s*bind\s.*?:\{port:([A-Za-z0-9_.-]+)\}", self.text, re.MULTILINE)
        sockets = re.findall(r"^\s*(?:stats socket|bind)\s+(?:unix@)?(/[^\s,]+)", filled, re.MULTILINE)
        own = [Path(name) for name in sockets if name.startswith(f"{self.folder}/")]
        wanted = {self.ports[name] for name in bound}

        def look(seconds: float) -> bool:
            if wanted <= listening_ports() and all(name.exists() for name in own):
                return True
            time.sleep(seconds)
            return False

        return look

    def _wait(self, look: Callable[[float], bool], fault: str) -> None:
        assert self._process is not None
        limit = time.monotonic() + self.patience
        while not look(0.01):
            status = self._process.poll()
            if status is not None and not (status == 0 and look(0.01)):  # 0: into the background
                raise StartError(f"{self.kind.name} ended with {status}:\n{self.stderr()}")
            if time.monotonic() > limit:
                self.stop()
                raise StartError(f"{self.kind.name} {fault}:\n{self.stderr()}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends the signal (SIGKILL if that has no effect within 5 s) and returns the exit status as Popen gives it."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
            try:
                return self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()

    def stderr(self) -> str:
        """What it has written to standard error so far."""
        path = self.folder / "stderr"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def stdout(self) -> str:
        """What it has written to standard output so far."""
        path = self.folder / "stdout"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def descriptors(self) -> int:
        """How many descriptors the process holds."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def finished(kind: Kind, words: Sequence[str], folder: Path) -> tuple[int, str]:
    """The status of a run of the program that ends by itself, such as one with -c, and what it says of the
    configuration (standard error)."""
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process: ForkedProcess | subprocess.Popen[bytes] | None = None
        if kind is POINTSMAN:
            process = forked(words, environment(), folder, out, err)
        if process is None:
            process = subprocess.Popen(
                [*kind.command, *words], stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment(), cwd=folder
            )
        try:
            status = process.wait(30)
        finally:
            process.kill()
            process.wait()
    return status, (folder / "stderr").read_text(encoding="utf-8", errors="replace")
