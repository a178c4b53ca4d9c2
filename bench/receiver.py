"""Takes log datagrams and counts them: a log that somebody reads, and that loses nothing.

UDP, because its buffer can be large: a unix socket holds few datagrams (net.unix.max_dgram_qlen), so that what comes
while this thread waits for its core would be dropped. What the kernel dropped all the same stands in /proc/net/udp.
"""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path

SO_RCVBUFFORCE = 33  # asm-generic/socket.h: beyond net.core.rmem_max, for root
BUFFER = 1 << 27
PAUSE = struct.pack("ll", 0, 200_000)  # struct timeval: how often the end is looked for


class Receiver:
    """Counts in a thread of its own, which sleeps unless lines come. One call of the system for each datagram."""

    def __init__(self) -> None:
        self.lines = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        except PermissionError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        # Python's own timeouts would cost a poll() before each recv().
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, PAUSE)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._ending = False
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        take = self._socket.recv_into
        buffer = bytearray(65536)
        while not self._ending:
            try:
                while True:
                    take(buffer)
                    self.lines += 1
            except BlockingIOError:
                continue

    def dropped(self) -> int:
        """Datagrams that the kernel had no room for."""
        for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].partition(":")[2], 16) == self.port:
                return int(fields[-1])
        return 0

    def close(self) -> None:
        """Ends it."""
        self._ending = True
        # Wakes the thread, which may be within a recv().
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()
