"""Network namespaces (network_namespaces(7)): sockets that are made in another one than the process is in.

A namespace has a name where `ip netns` has made a file of it. A thread enters it for as long as it takes to make a
socket, which then stays there; that asks for CAP_SYS_ADMIN. Python 3.11 has no setns(2).
"""

import ctypes
import os
import socket
from typing import Final

FOLDER: Final = "/var/run/netns"  # as ip-netns(8) has it
_CLONE_NEWNET: Final = 0x40000000  # <sched.h>
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class Namespaces:
    """Those that a configuration names, open for as long as the process lives: behind a chroot there are no files."""

    def __init__(self) -> None:
        self.by_name: dict[str, int] = {}
        self.home = -1  # that of the process

    def open(self, name: str) -> int:
        """Its descriptor. Raises OSError: there is none of that name."""
        if self.home < 0:
            self.home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        found = self.by_name.get(name, -1)
        if found < 0:
            if not name or "/" in name or name in (".", ".."):
                raise FileNotFoundError(2, "No such file or directory")
            found = os.open(f"{FOLDER}/{name}", os.O_RDONLY | os.O_CLOEXEC)
            self.by_name[name] = found
        return found

    def socket(self, namespace: int, family: int, kind: int, protocol: int) -> int:
        """The descriptor of a new socket in that namespace. Raises OSError."""
        _enter(namespace)
        try:
            return socket.socket(family, kind, protocol).detach()
        finally:
            try:
                _enter(self.home)
            except OSError:
                os.abort()  # whatever this process did from now on would be done in the wrong network


def _enter(namespace: int) -> None:
    if _LIBC.setns(namespace, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


NAMESPACES: Final = Namespaces()
