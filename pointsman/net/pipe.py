"""The pipe through which large payload goes from one socket to another without being copied (splice(2)).

A process has one, made when the first connection wants it. What goes in is taken out again within the same call, as far
as the other side takes it; the rest is read into memory. So it is empty between two calls, whoever makes them.
"""

import errno
import fcntl
import os
from typing import Final

from pointsman.core import calls

SIZE: Final = 1 << 20  # bytes; what an unprivileged process may ask for (/proc/sys/fs/pipe-max-size)
ENOUGH: Final = 1 << 18  # with less, reading and writing is as good
NOT_HERE: Final = frozenset((errno.EINVAL, errno.ENOSYS, errno.EPERM))  # the kernel, or a sandbox, has no splice
_splice: Final = calls.splice
_read: Final = calls.read
_write: Final = calls.write


class Pipe:
    def __init__(self) -> None:
        self.outlet = -1
        self.inlet = -1
        self.open = False
        self.wanted = True  # False: it is not to be used, or the kernel cannot
        self.filled = False
        self.passed = 0  # bytes since they were last counted (once a second)

    def usable(self) -> bool:
        """Made if need be."""
        if self.filled:  # something failed between filling and emptying it: nobody shall get that
            self.close()
        return self.open or self.wanted and self._make()

    def _make(self) -> bool:
        try:
            self.outlet, self.inlet = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False  # no descriptors left at the moment
        self.open = True
        try:
            size = fcntl.fcntl(self.inlet, fcntl.F_SETPIPE_SZ, SIZE)
        except OSError:  # this user's pipes are too large altogether, or the limit is lower
            size = 0
        if size < ENOUGH:
            self.wanted = False
            self.close()
        return self.open

    def put(self, data: bytes) -> None:
        """What goes before what will be filled in; no more than ENOUGH."""
        self.filled = True
        if _write(self.inlet, data) < len(data):
            raise RuntimeError("a pipe takes less than it should")

    def fill(self, fd: int, most: int) -> int:
        """From a socket, as `splice` of calls.py returns it. Raises OSError."""
        before, self.filled = self.filled, True
        got = _splice(fd, self.inlet, most)
        if got <= 0:
            self.filled = before
        return got

    def empty(self, fd: int, count: int) -> bytes:
        """All `count` bytes that are in it, to a socket. Returns what that did not take. Raises OSError if it is
        gone."""
        left = count
        while left:
            try:
                sent = _splice(self.outlet, fd, left)
            except OSError as error:
                if error.errno not in NOT_HERE:
                    raise
                self.wanted = False
                break
            if sent <= 0:
                break
            left -= sent
        self.passed += count - left
        rest = b""
        while len(rest) < left:
            piece = _read(self.outlet, left - len(rest))
            if not piece:
                raise RuntimeError("a pipe has lost bytes")
            rest = rest + piece if rest else piece
        self.filled = False
        if not self.wanted:
            self.close()
        return rest

    def close(self) -> None:
        if self.open:
            self.open = self.filled = False
            os.close(self.outlet)
            os.close(self.inlet)
