"""What the kernel does with a connection's packets: their mark (Netfilter) and their TOS byte (RFC 2474)."""

import socket
from typing import Final

from pointsman.core import calls

MOST_MARK: Final = 0xFFFF_FFFF
MOST_TOS: Final = 0xFF
_SOL_SOCKET: Final = 1
_SO_MARK: Final = 36  # <asm-generic/socket.h>
_SOL_IP: Final = 0
_IP_TOS: Final = 1
_SOL_IPV6: Final = 41
_IPV6_TCLASS: Final = 67
_option: Final = calls.option


def set_mark(fd: int, mark: int) -> None:
    """Of the packets that it sends from now on; where the kernel refuses they stay as they are."""
    _set(fd, _SOL_SOCKET, _SO_MARK, mark)


def set_tos(fd: int, tos: int) -> None:
    """The TOS byte of IPv4, the traffic class of IPv6."""
    if not _set(fd, _SOL_IP, _IP_TOS, tos) or _is_v6(fd):
        _set(fd, _SOL_IPV6, _IPV6_TCLASS, tos)


def _set(fd: int, level: int, name: int, value: int) -> bool:
    if fd < 0:
        return False
    try:
        _option(fd, level, name, value.to_bytes(4, "little"))
    except OSError:
        return False
    return True


def _is_v6(fd: int) -> bool:
    """A socket of IPv6 takes both: the one for packets of IPv4 that it sends."""
    if fd < 0:
        return False
    sock = socket.SocketType(fileno=fd)
    family = int(sock.family)
    sock.detach()
    return family == socket.AF_INET6
