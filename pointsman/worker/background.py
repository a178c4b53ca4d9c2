"""Into the background: fork, a session of its own, a parent that leaves only when its child is ready; the pidfile.

      parent                               child
      fork -----------------------------> setsid; pidfile; chroot; user...
      waits for a byte of the pipe <----- ready: one byte; standard streams become /dev/null
      exit 0, or 1 if the pipe ends without it

So what goes wrong until then is still seen on the terminal, and the caller's exit status tells it.
"""

import os
from typing import Final

from pointsman.worker.notify import Notifier

_READY: Final = b"\x01"


class Readiness:
    """What waits for this process to be ready: a parent at the other end of the pipe, systemd, or nothing."""

    def __init__(self, fd: int = -1, null: int = -1) -> None:
        self._fd = fd
        self._null = null
        self.notifier = Notifier("")

    def tell(self) -> None:
        """All is set up: tell systemd, detach from the terminal, and let the parent leave."""
        self.notifier.ready("Ready.")
        if self._null >= 0:
            for stream in (0, 1, 2):
                os.dup2(self._null, stream)
            os.close(self._null)
            self._null = -1
        if self._fd >= 0:
            os.write(self._fd, _READY)
            os.close(self._fd)
            self._fd = -1

    def keep_silent(self) -> None:
        """In a process that was forked off: it only detaches; the one that forked it tells."""
        self.notifier.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def detach() -> Readiness:
    """Fork. Returns in the child; the parent waits and exits with what becomes of it."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)  # before a chroot
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        os.setsid()
        return Readiness(writing, null)
    os.close(writing)
    ready = os.read(reading, 1) == _READY
    # Not sys.exit: what this process still holds (buffers, temporary names) is the child's now.
    os._exit(0 if ready else 1)


def open_pidfile(path: str) -> int:
    """Create or empty it; it is written later, when the process that stays is known. Raises OSError."""
    return os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o644)


def silent() -> Readiness:
    """Nothing waits for readiness, but the process leaves its terminal all the same."""
    return Readiness(-1, os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC))


def write_pidfile(fd: int) -> None:
    os.write(fd, f"{os.getpid()}\n".encode())
    os.close(fd)
