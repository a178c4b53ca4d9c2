"""What the kernel says about processes: how one ended, and what becomes of it when its parent ends."""

import ctypes
import os
import signal
from collections.abc import Iterable
from typing import Final

PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>


class _Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def wait_for_signal(numbers: Iterable[int], seconds: float) -> int:
    """The first of these signals, which are blocked, that has come or comes within that time; 0: none.

    signal.sigtimedwait of CPython 3.11 gives what happens to stand in memory when it is interrupted, by a stop of the
    process, until after its time: a process that took that for a signal would end.
    """
    mask = 0
    for number in numbers:
        mask |= 1 << number - 1
    bits = (ctypes.c_ulong * 32)(mask)  # sigset_t has 1,024 bits
    limit = _Timespec(int(seconds), int(seconds % 1 * 1e9))
    return max(int(_LIBC.sigtimedwait(bits, None, ctypes.byref(limit))), 0)


def follow_parent(parent: int, number: signal.Signals) -> None:
    """Get this signal when the process `parent`, which has just forked this one, ends.

    The kernel forgets this at a change of user: call it after that.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:  # it has ended before
        os.kill(os.getpid(), number)


def exit_code(status: int) -> int:
    """The exit status, from waitpid(2)'s, as shells count: 128 and the signal's number where one ended the process."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def exit_words(status: int) -> str:
    """As in "exited with code 139 (Segmentation fault)"; what ended by itself is "0 (Exit)"."""
    code = exit_code(status)
    text = signal.strsignal(code - 128) if os.WIFSIGNALED(status) else "Exit"
    return f"exited with code {code} ({text})"


def tell(pid: int, number: int) -> None:
    """Send a signal; a process that is gone needs none."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def reap() -> list[tuple[int, int]]:
    """All children that have ended: pid and status."""
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.append((pid, status))
