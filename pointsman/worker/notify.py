"""Telling systemd how it goes (sd_notify(3)): datagrams with NAME=value lines to the socket of NOTIFY_SOCKET.

The process that was started tells, or the one that stays in the background for it: the master, the keeper, or the only
one. The variable is taken out of the environment, so that nobody else finds it.

    READY=1 MAINPID=<pid>                     it serves; also the end of a reload, whether that succeeded or not
    RELOADING=1 MONOTONIC_USEC=<now>          a reload begins
    STOPPING=1                                the end begins
    STATUS=<text>                             shown by systemctl status
"""

import os
import socket
import time
from typing import Final

VARIABLE: Final = "NOTIFY_SOCKET"


class Notifier:
    """`path`: of NOTIFY_SOCKET; "": nothing is told."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._held: socket.socket | None = None

    def hold(self) -> None:
        """Connect now: behind a chroot, or as another user, the path may be out of reach."""
        if self.path and self._held is None:
            self._held = self._connected()

    def close(self) -> None:
        """Tell nothing any more."""
        self.path = ""
        if self._held is not None:
            self._held.close()
            self._held = None

    def ready(self, status: str) -> None:
        self._send("READY=1", f"MAINPID={os.getpid()}", f"STATUS={status}")

    def reloading(self) -> None:
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=Reloading")

    def stopping(self) -> None:
        self._send("STOPPING=1", "STATUS=Stopping")

    def _send(self, *lines: str) -> None:
        """What cannot be told is not told: it is no reason to fail."""
        if not self.path:
            return
        sock = self._held or self._connected()
        if sock is None:
            return
        try:
            sock.send("\n".join(lines).replace("\0", " ").encode())
        except OSError:
            pass
        finally:
            if sock is not self._held:
                sock.close()

    def _connected(self) -> socket.socket | None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            sock.connect("\0" + self.path[1:] if self.path.startswith("@") else self.path)
        except OSError:
            sock.close()
            return None
        return sock
