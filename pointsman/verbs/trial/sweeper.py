"""What is left of a run that was killed goes, too: a small process waits for the end of the run, then ends the balancer
and removes the folder.

It knows of the end by a pipe whose other end only the run has: however that dies, the kernel closes it.
"""

import contextlib
import os
import shutil
import signal
from typing import Final

DONE: Final = b"."


class Sweeper:
    """Made before anything else starts, and told of the balancer's process once there is one."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        reading, self.writing = os.pipe2(os.O_CLOEXEC)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.writing)
            _wait(reading, folder)
        os.close(reading)

    def knows(self, pid: int) -> None:
        os.write(self.writing, b"%d\n" % pid)

    def finish(self) -> None:
        """All is removed: let it go."""
        with contextlib.suppress(OSError):
            os.write(self.writing, DONE)
        os.close(self.writing)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _wait(reading: int, folder: str) -> None:
    """In the child. It holds no other descriptor, so that whoever reads what the run prints sees its end."""
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nothing, fd)
        said = b""
        while piece := os.read(reading, 4096):
            said += piece
        if not said.endswith(DONE):
            for line in said.split():
                with contextlib.suppress(OSError, ValueError):
                    os.killpg(int(line), signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os._exit(0)
