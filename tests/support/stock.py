"""Pointsman as a fork of a process that has imported it already: most of what a start costs is that.

Each test process has one such process, its stock, started when it is first needed, and asks it for programs. What a
program reads when it is imported is that of the stock, so one whose environment differs there is started afresh; and so
is one that would start itself anew (-W). POINTSMAN_TEST_FORKED=off in the environment of a test run: all are.

    the test --(words, environment, folder) and four descriptors--> the stock --fork--> the program
    the test <--process id, and its status when it has ended-- the stock, by the last of these descriptors
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_LARGEST = 1 << 18  # bytes of a request, most of them environment
_IMPORTED = ("POINTSMAN_", "PYTHON", "LD_", "LC_", "LANG")  # beginnings of names that an import may look at
_SAFE = ("POINTSMAN_PEER", "POINTSMAN_TEST_", "POINTSMAN_CLIENTS", "POINTSMAN_MEMORIES", "PYTHONPATH")
_NUMBER = struct.Struct("i")
_PATIENCE = 60.0  # s until a program's process id is known


def _looked_at(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in environment.items() if name.startswith(_IMPORTED) and not name.startswith(_SAFE)
    }


class ForkedProcess:
    """What subprocess.Popen is to a program that was started by itself: those parts of it that tests use."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        sock.settimeout(_PATIENCE)
        self.pid = self._number()
        self.returncode: int | None = None

    def _number(self) -> int:
        data = self._sock.recv(_NUMBER.size)
        assert len(data) == _NUMBER.size, "the process that programs are forks of has ended"
        number: int = _NUMBER.unpack(data)[0]
        return number

    def poll(self) -> int | None:
        """The status as Popen gives it, None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, seconds: float | None = None) -> int:
        """The status. subprocess.TimeoutExpired: it still runs."""
        if self.returncode is None:
            ready, _, _ = select.select([self._sock], [], [], seconds)
            if not ready:
                raise subprocess.TimeoutExpired("pointsman", seconds or 0)
            self.returncode = self._number()
            self._sock.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing happens where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """By SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Stock:
    """The process that programs are forks of, as a test sees it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.looked_at = _looked_at(environment)
        self._lock = threading.Lock()
        self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LARGEST)
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__)), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env=dict(environment),
                pass_fds=[theirs.fileno()],
            )

    def program(
        self, words: Sequence[str], environment: Mapping[str, str], folder: Path, out: IO[bytes], err: IO[bytes]
    ) -> ForkedProcess:
        """Start one."""
        request = json.dumps([list(words), dict(environment), str(folder)]).encode()
        assert len(request) < _LARGEST
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, open(os.devnull, "rb") as nothing, self._lock:
            socket.send_fds(self._sock, [request], [nothing.fileno(), out.fileno(), err.fileno(), theirs.fileno()])
        return ForkedProcess(ours)

    def close(self) -> None:
        """It ends, as nobody asks it any more; programs that run go on."""
        self._sock.close()
        self._process.wait()


_STOCKS: list[Stock] = []
_STARTING = threading.Lock()


def forked(
    words: Sequence[str], environment: Mapping[str, str], folder: Path, out: IO[bytes], err: IO[bytes]
) -> ForkedProcess | None:
    """Start Pointsman with these words; None: not in this way."""
    if os.environ.get("POINTSMAN_TEST_FORKED") == "off" or any(word.startswith("-W") for word in words):
        return None
    with _STARTING:
        if not _STOCKS:
            _STOCKS.append(Stock(environment))
            atexit.register(_STOCKS[0].close)
    stock = _STOCKS[0]
    if stock.looked_at != _looked_at(environment):
        return None
    return stock.program(words, environment, folder, out, err)


def _become(request: bytes, descriptors: Sequence[int]) -> None:
    """In the child: what a fresh process would find."""
    words, environment, folder = json.loads(request)
    for number in range(3):
        os.dup2(descriptors[number], number)
    for one in descriptors:
        os.close(one)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [sys.argv[0], *words]


def _serve(sock: socket.socket) -> bool:
    """Fork programs until nobody asks any more (False); True in each of them, which is to run now."""
    asking: dict[int, int] = {}  # descriptors by which statuses are told, by process id
    awake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    here = sock.fileno()
    while True:
        ready, _, _ = select.select([here, awake], [], [])
        if awake in ready:
            os.read(awake, 4096)
            _tell_ended(asking)
        if here not in ready:
            continue
        request, descriptors, _, _ = socket.recv_fds(sock, _LARGEST, 4)
        if not request:
            return False
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for one in (awake, waker, sock.detach(), *asking.values()):
                os.close(one)
            _become(request, descriptors)
            return True
        for one in descriptors[:3]:
            os.close(one)
        asking[pid] = descriptors[3]
        os.write(descriptors[3], _NUMBER.pack(pid))


def _tell_ended(asking: dict[int, int]) -> None:
    while asking:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        asked = asking.pop(pid)
        try:
            os.write(asked, _NUMBER.pack(os.waitstatus_to_exitcode(status)))
        except OSError:
            pass  # whoever wanted to know has ended
        os.close(asked)


def main() -> int:
    """The stock, and in the end each of its programs."""
    sys.path[0] = ""  # as python -m has it: the present folder, not that of this file
    from pointsman import keywords  # noqa: F401, PLC0415
    from pointsman.cli import main as run  # noqa: PLC0415
    from pointsman.worker import start  # noqa: F401, PLC0415

    return run() if _serve(socket.socket(fileno=int(sys.argv[1]))) else 0


if __name__ == "__main__":
    sys.exit(main())
