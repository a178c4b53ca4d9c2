"""Options of TCP sockets that are more than a number: congestion control, signatures of segments; and MPTCP."""

import socket
import struct
from typing import Final

IPPROTO_MPTCP: Final = 262  # <linux/in.h>
LONGEST_KEY: Final = 80  # TCP_MD5SIG_MAXKEYLEN of <linux/tcp.h>
_TCP: Final = 6
_CONGESTION: Final = 13
_MD5SIG: Final = 14
_MD5SIG_EXT: Final = 32
_PREFIX: Final = 1  # TCP_MD5SIG_FLAG_PREFIX: the key holds for a network, here for all addresses
_MAPPED: Final = bytes(10) + b"\xff\xff" + bytes(4)  # ::ffff:0.0.0.0, the addresses of IPv4 in a socket of IPv6


def set_congestion(sock: socket.SocketType, algorithm: bytes) -> None:
    """Which algorithm controls its congestion. Raises OSError: the kernel has none of that name, or keeps it for
    others (tcp(7), TCP_CONGESTION)."""
    sock.setsockopt(_TCP, _CONGESTION, algorithm)


def sign_for(sock: socket.SocketType, family: int, packed: bytes, password: bytes) -> None:
    """Sign each segment for that address, and expect signed ones from there (RFC 2385). Raises OSError."""
    sock.setsockopt(_TCP, _MD5SIG, _signature(family, packed, 0, 0, password))


def sign_for_all(sock: socket.SocketType, family: int, password: bytes) -> None:
    """The same of a listening socket, whoever connects. One of IPv6 may take clients of IPv4, too. Raises OSError."""
    if family == socket.AF_INET6:
        sock.setsockopt(_TCP, _MD5SIG_EXT, _signature(family, bytes(16), _PREFIX, 0, password))
        sock.setsockopt(_TCP, _MD5SIG_EXT, _signature(family, _MAPPED, _PREFIX, 0, password))
    else:
        sock.setsockopt(_TCP, _MD5SIG_EXT, _signature(family, bytes(4), _PREFIX, 0, password))


def _signature(family: int, packed: bytes, flags: int, prefix: int, password: bytes) -> bytes:
    """struct tcp_md5sig of <linux/tcp.h>."""
    address = struct.pack("=HH", family, 0) + (packed if family == socket.AF_INET else bytes(4) + packed)
    return address.ljust(128, b"\0") + struct.pack("=BBHi80s", flags, prefix, len(password), 0, password)
