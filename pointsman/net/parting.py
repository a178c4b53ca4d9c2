"""How a connection is left without the usual courtesy: by a reset, or without a packet."""

import socket
from socket import SocketType
from typing import Final

from pointsman.core import calls

TCP_REPAIR: Final = 19  # <linux/tcp.h>
_SOL_SOCKET: Final = 1
_SO_LINGER: Final = 13
_AT_ONCE: Final = b"\x01\0\0\0\0\0\0\0"  # struct linger {1, 0}
_option: Final = calls.option


def vanish(fd: int, ttl: int) -> None:
    """Make close() leave the peer in the dark: no packet at all, where the kernel lets us (TCP_REPAIR asks for
    CAP_NET_ADMIN); else, and with a `ttl`, a reset that is lost after so many hops."""
    sock = SocketType(fileno=fd)
    try:
        if not ttl:
            try:
                sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
                return
            except OSError:
                ttl = 1
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        reset_on_close(fd)
    except OSError:
        pass  # gone already, or a unix socket
    finally:
        sock.detach()


def reset_on_close(fd: int) -> None:
    """Let close() send a reset."""
    try:
        _option(fd, _SOL_SOCKET, _SO_LINGER, _AT_ONCE)
    except OSError:
        pass  # gone already
