"""Which of a generation's processes do not turn any more, and where they stand: in an endless computation, in a call.

Each process notes once a second that its loop has turned (stream/share.py). The keeper looks about as often. One whose
note is older than `pointsman-lane-timeout` is killed: it serves no request, but holds connections, locks and slots.
Where other processes wait for a lock that it holds, this takes a second or two, whatever the timeout is
(core/arena.py). One that does not even begin to turn is given as long from its fork, and not less than `STARTING`.

While the keeper itself did not run (a machine that was suspended, a container that was frozen), neither did the
others: what it overslept does not count.

Where a process stands it writes itself, into a file in memory that the keeper has opened. ABRT, which it gets first,
lets the extension write which compiled functions are being executed (core/calls.py), and Python which interpreted ones
(faulthandler); then the process ends. So it does at a fault such as SEGV. One that does not even do this gets KILL.
"""

from __future__ import annotations

import faulthandler
import os
import re
import signal
import time
from collections.abc import Collection
from typing import Final

from pointsman.core import calls
from pointsman.master.processes import tell

LOOK: Final = 1.0  # s between two looks
HELD: Final = 1.0  # s without a turn, of a process for which others wait
STARTING: Final = 10.0  # s that a process may take to begin at least: one of a large configuration has much to do
_NOTED: Final = 1.0  # s that a note may be old although the loop turns
_OVERSLEPT: Final = 1.0  # s that a look may be late
_REPORT: Final = 1.0  # s from ABRT to KILL
_FAULTS: Final = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
_MOST: Final = 65_536  # bytes that are read of what a process has written
_COMPILED: Final = re.compile(rb"\(CPyDef_(\w+?)\+0x")
_EXTENSION: Final = b"/pointsman/extension/"  # what calls such functions, interpreted itself
_INTERPRETED: Final = re.compile(rb'File "([^"]+)", line (\d+) in (\S+)')


class CrashReport:
    """Where a process stands, written by itself when it is about to end. The keeper makes it before the fork."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("crash-report", os.MFD_CLOEXEC)

    def prepare(self) -> None:
        """In the process: a fault, or ABRT, makes it write where it stands before it ends."""
        faulthandler.enable(self.fd)
        for number in _FAULTS:
            calls.trace(number, self.fd)

    def close(self) -> None:
        os.close(self.fd)

    def read(self) -> bytes:
        """In the keeper, after the process has ended; empty where it has written nothing."""
        return os.pread(self.fd, _MOST, 0)


def place_of(words: bytes) -> str:
    """The innermost place of our own that was written, as "in tags.Tag.text", or as "in f (file.py:12)"; else "". Where
    a function of a python-load file is running, it is that function's: compiled code has called it."""
    current = words.partition(b"Current thread")[2]
    if _EXTENSION in current:
        found = _INTERPRETED.search(current)
        if found is not None:
            return _said(found)
    for name in _COMPILED.findall(words):
        parts = [part for part in name.decode("ascii").split("___") if part]
        if parts[-1:] != ["__top_level__"]:
            return "in " + ".".join(parts)
    found = _INTERPRETED.search(words)
    return "" if found is None else _said(found)


def _said(found: re.Match[bytes]) -> str:
    return f"in {found[3].decode()} ({os.path.basename(found[1]).decode('utf-8', 'replace')}:{found[2].decode()})"


class Watchdog:
    """Looks for processes that are stuck. `limit`: seconds without a turn; 0: only those that hold up others are.

    Each process is announced by `forked`.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.looked = self.calm = time.monotonic()  # the last look; since when everything ran
        self.since: dict[int, float] = {}  # when each process was forked
        self.aborted: dict[int, float] = {}  # the processes that got ABRT, and when KILL follows

    def wait(self, seconds: float) -> float:
        """How long the keeper may sleep, which otherwise had nothing to do for so long."""
        return min(seconds, LOOK)

    def forked(self, pid: int) -> None:
        """That process has been forked."""
        self.since[pid] = time.monotonic()

    def patience(self, begun: bool, in_the_way: bool) -> float:
        """Seconds without a turn, of a process that has turned before or of one that starts; 0: for ever."""
        if not begun:
            return max(STARTING, self.limit) if self.limit else 0.0
        return min(HELD, self.limit or HELD) if in_the_way else self.limit

    def look(self, turns: dict[int, float], in_the_way: Collection[int] = ()) -> list[int]:
        """Ends those that are stuck. `turns`: when each process was seen to turn (monotonic s; 0: it has not begun).
        `in_the_way`: those whose locks others wait for.

        Returns the processes that this look ends.
        """
        now = time.monotonic()
        if now - self.looked > LOOK + _OVERSLEPT:
            self.calm = now
        self.looked = now
        for pid, kill_at in self.aborted.items():
            if now >= kill_at and pid in turns:
                tell(pid, signal.SIGKILL)
        self.aborted = {pid: kill_at for pid, kill_at in self.aborted.items() if pid in turns}
        self.since = {pid: begun for pid, begun in self.since.items() if pid in turns}
        stuck: list[int] = []
        for pid, turned in turns.items():
            limit = self.patience(turned > 0, pid in in_the_way)
            since = max(turned or self.since[pid], self.calm)
            if limit and now - since > limit + _NOTED and pid not in self.aborted:
                stuck.append(pid)
        for pid in stuck:
            tell(pid, signal.SIGABRT)
            tell(pid, signal.SIGCONT)  # a stopped process gets its signals only when it goes on
            self.aborted[pid] = now + _REPORT
        return stuck
