"""Telling systemd how it goes (sd_notify(3)): datagrams with NAME=value lines to the socket of NOTIFY_SOCKET.

    READY=1 MAINPID=<pid>                     it serves; also the end of a reload, whether that succeeded or not
    RELOADING=1 MONOTONIC_USEC=<now>          a reload begins
    STOPPING=1                                the end begins
    STATUS=<text>                             shown by systemctl status
"""
import os
import socket
import time


class Notifier:
    """`path`: of NOTIFY_SOCKET; "": nobody wants to know."""

    def __init__(self, path: str) -> None:
        self.path = path

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
        address = "\0" + self.path[1:] if self.path.startswith("@") else self.path
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            try:
                sock.sendto("\n".join(lines).replace("\0", " ").encode(), address)
            except OSError:
                pass
