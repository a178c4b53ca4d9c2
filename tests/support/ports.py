"""Free ports and addresses with a known behaviour: one that refuses, one that never answers.

Ports are taken below the kernel's ephemeral range (32768 and up), so that no client socket of a test running at the
same time can hold one of them between our look and the program's bind.
"""

from __future__ import annotations

import os
import random
import socket

_RANDOM = random.Random(os.getpid() * 7919 + int.from_bytes(os.urandom(4), "big"))
_TAKEN: set[int] = set()


def free_port() -> int:
    """A TCP and UDP port of 127.0.0.1 that nobody uses and that this process has not handed out before."""
    while True:
        port = _RANDOM.randrange(20000, 32000)
        if port in _TAKEN:
            continue
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("0.0.0.0", port))
                udp.bind(("0.0.0.0", port))
            except OSError:
                continue
        _TAKEN.add(port)
        return port


class Silent:
    """A listening address whose queue is full: the kernel drops every SYN, so that a connect never ends."""

    def __init__(self) -> None:
        self.port = free_port()
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.listen(0)
        self._fillers: list[socket.socket] = []
        # A backlog of 0 holds one connection; the others make sure that what waits in SYN state is no room either.
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self._fillers.append(filler)

    def close(self) -> None:
        """Gives the address back."""
        for filler in self._fillers:
            filler.close()
        self._listener.close()


def listening_ports() -> set[int]:
    """TCP ports of this network namespace on which somebody listens (IPv4 and IPv6)."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as lines:
                rows = lines.readlines()[1:]
        except OSError:
            continue
        for row in rows:
            columns = row.split()
            if columns[3] == "0A":  # TCP_LISTEN
                found.add(int(columns[1].rpartition(":")[2], 16))
    return found
