"""A server for tests of load, in a process of its own: small answers, endless bodies up and large ones down.

    with Faucet() as faucet: ... faucet.port

It answers "ok"; to a path that begins with /big, LARGE bytes, as fast as they are taken. Bodies of requests are read,
dropped, and answered when they are whole. Run as a program it prints its port.

A Flood is a client that sends a body without an end, as fast as it goes. Both may be `humble`: they leave the processor
to whoever else wants it, so that what is measured meanwhile is the program and not the machine.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

LARGE: Final = 10 << 20
_SMALL: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE
_PIECE: Final = bytes(65_536)
_KERNEL: Final = 131_072  # bytes of a connection that the kernel may hold


class _Talk(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.data = b""
        self.upload = 0  # bytes of a body that are still to come
        self.left = 0  # of what is sent
        self.paused = False

    def data_received(self, data: bytes) -> None:
        if self.upload:
            taken = min(self.upload, len(data))
            self.upload -= taken
            data = data[taken:]
            if not self.upload:
                self.transport.write(_SMALL)
        self.data += data
        while (end := self.data.find(b"\r\n\r\n") + 4) > 3:
            head, self.data = self.data[:end].lower(), self.data[end:]
            if (at := head.find(b"content-length: ")) >= 0:
                size = int(head[at + 16 : head.index(b"\r", at)])
                self.upload = max(size - len(self.data), 0)
                self.data = self.data[size:]
            if self.upload:
                return
            if head.startswith(b"get /big"):
                self.transport.write(_HEAD)
                self.left = LARGE
                self._pour()
            else:
                self.transport.write(_SMALL)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self._pour()

    def _pour(self) -> None:
        while self.left and not self.paused:
            piece = _PIECE[: self.left]
            self.left -= len(piece)
            self.transport.write(piece)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    # Hundreds of large buffers would reach the kernel's limit for all of TCP (tcp_mem): then it drops packets of
    # everybody on the machine, and exchanges wait for seconds.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL)
    sock.bind(("127.0.0.1", 0))
    server = await loop.create_server(_Talk, sock=sock, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Faucet:
    """It runs while this is entered."""

    def __init__(self, humble: bool = False) -> None:
        self.humble = humble

    def __enter__(self) -> Faucet:
        words = ["humble"] if self.humble else []
        self.process = subprocess.Popen([sys.executable, str(Path(__file__)), *words], stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Flood:
    """It sends while this is entered, to /up."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __enter__(self) -> Flood:
        self.process = subprocess.Popen([sys.executable, str(Path(__file__)), "humble", str(self.port)])
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()


def _flood(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (1 << 50))
        while True:
            client.sendall(bytes(1 << 20))


if __name__ == "__main__":
    if "humble" in sys.argv:
        os.nice(19)
    if len(sys.argv) > 2:
        _flood(int(sys.argv[2]))
    asyncio.run(_serve())
