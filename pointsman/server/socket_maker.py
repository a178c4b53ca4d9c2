"""Sockets towards a server that are more than plain ones of TCP (manual 5.2): of MPTCP, in another network namespace,
under a congestion control of their own, with signed segments."""

import socket
from socket import SocketType
from typing import Final

from pointsman.core.address import net_address
from pointsman.core.namespaces import NAMESPACES
from pointsman.net.tcp_options import set_congestion, sign_for

_STREAM: Final = 0o2004001  # SOCK_STREAM, SOCK_NONBLOCK, SOCK_CLOEXEC of <sys/socket.h> on Linux


class SocketMaker:
    def __init__(self) -> None:
        self.protocol = 0  # IPPROTO_MPTCP; 0: TCP
        self.namespace = -1  # its descriptor; -1: that of the process
        self.congestion = b""  # cc
        self.password = b""  # tcp-md5sig

    @property
    def is_plain(self) -> bool:
        """Nothing is special about them."""
        return self.namespace < 0 and not (self.protocol or self.congestion or self.password)

    def make(self, family: int) -> SocketType:
        """A new one. Raises OSError."""
        if self.namespace < 0:
            sock = SocketType(family, _STREAM, self.protocol)
        else:
            fd = NAMESPACES.socket(self.namespace, family, _STREAM, self.protocol)
            sock = SocketType(family, socket.SOCK_STREAM, self.protocol, fd)
        if self.congestion:
            try:
                set_congestion(sock, self.congestion)
            except OSError:
                pass  # which was told at start-up: the kernel's own is as good
        return sock

    def sign(self, sock: SocketType, host: str) -> None:
        """For whom it is about to connect to. Raises OSError."""
        if self.password:
            end = net_address(host, 0)
            sign_for(sock, end.family, end.packed, self.password)
