"""What the kernel says about processes: how one ended, and what becomes of it when its parent ends."""

import ctypes
import os
import signal
from typing import Final

PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>


def follow_parent(parent: int, number: signal.Signals) -> None:
    """Get this signal when the process `parent`, which has just forked this one, ends.

    The kernel forgets this at a change of user: call it after that.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:  # it has ended before
        os.kill(os.getpid(), number)


def exit_code(status: int) -> int:
    """Of a status of waitpid(2), as shells count: 128 and the signal's number where one ended it."""
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
