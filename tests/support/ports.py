"""Free ports and addresses with a known behaviour: one that refuses, one that never answers.

Several test runs on one machine keep apart by locks on one file, a byte for each port: haproxy and Pointsman bind with
SO_REUSEPORT, so that two of them would share a port that both runs found free at the same time.
Ports are taken below the kernel's ephemeral range (32768 and up), so that no client socket of a test running at the
same time can hold one of them between our look and the program's bind.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import struct
import tempfile
import threading
from pathlib import Path

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_ERROR, _DONE = 2, 3  # NLMSG_ERROR, NLMSG_DONE
_LISTEN = 10  # TCP_LISTEN
_RANDOM = random.Random(os.getpid() * 7919 + int.from_bytes(os.urandom(4), "big"))
_TAKEN: set[int] = set()
_TAKING = threading.Lock()
_locks = -1


def _locked(port: int) -> bool:
    """True: this process is the one that may use it, until it ends."""
    global _locks  # noqa: PLW0603  # opened once: closing it anywhere would give all locks back
    if _locks < 0:
        path = Path(tempfile.gettempdir()) / f"pointsman-test-ports-{os.getuid()}"
        _locks = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.lockf(_locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def free_port() -> int:
    """A TCP and UDP port of 127.0.0.1 that nobody uses and that no test run has handed out while it lasts."""
    while True:
        with _TAKING:
            port = _RANDOM.randrange(12000, 32000)
            if port in _TAKEN or not _locked(port):
                continue
            _TAKEN.add(port)
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("0.0.0.0", port))
                udp.bind(("0.0.0.0", port))
            except OSError:
                continue
        return port


class Silent:
    """A listening address whose queue is full: the kernel drops every SYN, so that a connect never ends."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.port = port or free_port()
        self._listener = socket.socket()
        self._listener.bind((host, self.port))
        self._listener.listen(0)
        self._fillers: list[socket.socket] = []
        # A backlog of 0 holds one connection; the others make sure that what waits in SYN state is no room either.
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((host, self.port))
            self._fillers.append(filler)

    def close(self) -> None:
        """Gives the address back."""
        for filler in self._fillers:
            filler.close()
        self._listener.close()


def listening_ports() -> set[int]:
    """TCP ports of this network namespace on which somebody listens (IPv4 and IPv6).

    Asked of the kernel's socket diagnosis (sock_diag(7)), which goes through nothing but listeners; /proc/net/tcp, the
    way out where there is none, takes 15 ms for the connections of a benchmark that has just ended.
    """
    try:
        return _diagnosed(socket.AF_INET) | _diagnosed(socket.AF_INET6)
    except OSError:
        return _from_proc()


def _diagnosed(family: int) -> set[int]:
    # nlmsghdr (SOCK_DIAG_BY_FAMILY; request, dump), then inet_diag_req_v2 with the states asked for and any address.
    asked = struct.pack("=IHHIIBBBBI48x", 72, 20, 0x301, 0, 0, family, socket.IPPROTO_TCP, 0, 0, 1 << _LISTEN)
    found = set()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as diagnosis:
        diagnosis.settimeout(5)
        diagnosis.sendto(asked, (0, 0))
        while True:
            data = diagnosis.recv(1 << 16)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                if kind == _ERROR:
                    raise OSError("no socket diagnosis")
                if kind == _DONE:
                    return found
                found.add(int(struct.unpack_from(">H", data, 20)[0]))  # behind nlmsghdr and four bytes
                data = data[(length + 3) & ~3 :]


def _from_proc() -> set[int]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as lines:
                rows = lines.readlines()[1:]
        except OSError:
            continue
        for row in rows:
            columns = row.split()
            if int(columns[3], 16) == _LISTEN:
                found.add(int(columns[1].rpartition(":")[2], 16))
    return found
