"""The server behind the program: `python -m bench.attacks.origin <port>`.

/          a small response            /large     1 MB
/upload    the same when the body has ended
/never     no response                 /stalled   neither reads a body nor responds
"""

from __future__ import annotations

import asyncio
import sys

BODY = b"Hello from server 1!"
LARGE = b"x" * 1_000_000


class Origin(asyncio.Protocol):
    """A connection: requests one after the other. A body ends where its last chunk, or its length, is seen."""

    def __init__(self) -> None:
        self.data = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        self.data += data
        while b"\r\n\r\n" in self.data:
            head, _, rest = self.data.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            if path in {b"/never", b"/queued"}:
                self.data = b""
                return
            if path == b"/stalled":
                self.transport.pause_reading()
                return
            lower = head.lower()
            if b"\r\ntransfer-encoding: chunked" in lower:
                if not rest.endswith(b"0\r\n\r\n"):
                    return
                rest = b""
            elif b"\r\ncontent-length: " in lower:
                length = int(lower.partition(b"\r\ncontent-length: ")[2].split(b"\r\n", 1)[0])
                if len(rest) < length:
                    return
                rest = rest[length:]
            self.data = rest
            body = LARGE if path == b"/large" else BODY
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


async def serve(port: int) -> None:
    """For ever."""
    server = await asyncio.get_running_loop().create_server(Origin, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
