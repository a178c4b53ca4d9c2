"""Ports at which all of 127/8 is answered, and nothing else: each server of a file has an address of its own there, and
all of them share one listening socket.

That is bound to the interface lo, so that no packet from outside reaches it. Where the kernel does not permit that
(before Linux 5.7, without rights) there is a socket for each address.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Final

BACKLOG: Final = 1024
AT_ONCE: Final = 64  # connections that are taken before others have their turn
AT_ONCE_AWAY: Final = struct.pack("ii", 1, 0)  # struct linger: what has not been sent is lost, and a reset is
Accepted = Callable[[socket.socket, str], None]  # a connection, and the address that it asked for


class Loopback:
    def __init__(self, accepted: Accepted) -> None:
        self.accepted = accepted
        self.sockets: list[socket.socket] = []
        sock = socket.socket()
        sock.setblocking(False)
        self.shared = True
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
            sock.bind(("0.0.0.0", 0))  # of lo alone
        except OSError:
            self.shared = False
            sock.close()
            sock = socket.socket()
            sock.bind(("127.0.0.1", 0))  # nobody else gets this port
        self.port: int = sock.getsockname()[1]
        if self.shared:
            sock.listen(BACKLOG)
        self.sockets.append(sock)

    def serve(self, loop: asyncio.AbstractEventLoop, hosts: Iterable[str]) -> None:
        """Begin to accept. `hosts`: the addresses that are asked for."""
        if not self.shared:
            for host in dict.fromkeys(hosts):
                sock = socket.socket()
                sock.setblocking(False)
                sock.bind((host, self.port))
                sock.listen(BACKLOG)
                self.sockets.append(sock)
        for sock in self.sockets if self.shared else self.sockets[1:]:
            loop.add_reader(sock, self._accept, sock)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                sock, _peer = listening.accept()
            except OSError:
                return
            host = sock.getsockname()[0]
            if not host.startswith("127."):
                sock.close()
                continue
            sock.setblocking(False)
            self.accepted(sock, host)

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        for sock in self.sockets:
            loop.remove_reader(sock)
            sock.close()


async def readable(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    """Wait until something can be read, or the end has come."""
    future: asyncio.Future[None] = loop.create_future()

    def come() -> None:
        if not future.done():
            future.set_result(None)

    loop.add_reader(sock, come)
    try:
        await future
    finally:
        loop.remove_reader(sock)


async def peek(loop: asyncio.AbstractEventLoop, sock: socket.socket, size: int) -> bytes:
    """What has come, up to `size` bytes, which stay there; b"": the end."""
    while True:
        try:
            return sock.recv(size, socket.MSG_PEEK)
        except BlockingIOError:
            await readable(loop, sock)


def reset(sock: socket.socket) -> None:
    """Close it by a reset (SO_LINGER, socket(7))."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE_AWAY)
    sock.close()


def cut(writer: asyncio.StreamWriter) -> None:
    """The same of a connection with streams."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE_AWAY)
    writer.transport.abort()
