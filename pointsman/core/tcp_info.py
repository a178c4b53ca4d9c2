"""What the kernel knows of a TCP connection: its measures (TCP_INFO, tcp(7)), and the packet that it began with."""

import socket
import sys
from typing import Final

TCP_SAVED_SYN: Final = 28  # <linux/tcp.h>
_TCP_INFO: Final = 11
_SIZE: Final = 104  # bytes of struct tcp_info up to tcpi_total_retrans, which every kernel of today has
_LARGEST_SYN: Final = 512  # bytes: Ethernet, IP and TCP headers with all options that these can have

UNACKED: Final = 24  # where counters stand in struct tcp_info (<linux/tcp.h>), 32 bits each
SACKED: Final = 28
LOST: Final = 32
RETRANS: Final = 36
FACKETS: Final = 40
RTT: Final = 68  # us
RTTVAR: Final = 72  # us
REORDERING: Final = 88


def _ask(fd: int, name: int, size: int) -> bytes:
    """b"": it is not of TCP, or not connected any more."""
    if fd < 0:
        return b""
    # The family is named only so that nobody asks the kernel for it.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fd)
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, name, size)
    except OSError:
        return b""
    finally:
        sock.detach()


def measure(fd: int, place: int) -> int | None:
    """One of the counters of a connection. None: it is not of TCP, or not connected any more."""
    return _counter(_ask(fd, _TCP_INFO, _SIZE), place)


def _counter(found: bytes, place: int) -> int | None:
    return int.from_bytes(found[place : place + 4], sys.byteorder) if len(found) >= place + 4 else None


class Measured:
    """A connection whose counters are asked for: those of now, and after its end its last ones."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.last = b""

    def end(self) -> None:
        """The connection is about to be closed."""
        self.last = _ask(self.fd, _TCP_INFO, _SIZE)
        self.fd = -1

    def get(self, place: int) -> int | None:
        """One of the counters."""
        return measure(self.fd, place) if self.fd >= 0 else _counter(self.last, place)


def saved_syn(fd: int) -> bytes | None:
    """The packet by which the client has opened the connection. The kernel hands it out once. None: there is none."""
    return _ask(fd, TCP_SAVED_SYN, _LARGEST_SYN) or None
