"""The server behind the program: `python -m bench.attacks.origin <port>`.

/          a small response            /large     1 MB
/upload    the same when the body has ended
/never     no response
"""

from __future__ import annotations

import asyncio
import sys

BODY = b"Hello from server 1!"
LARGE = 1_000_000
PIECE = b"x" * 32_768


class Origin(asyncio.Protocol):
    """A connection: requests one after the other. A body ends where its last chunk, or its length, is seen."""

    def __init__(self) -> None:
        self.data = b""
        self.transport: asyncio.Transport | None = None
        self.owed = 0  # bytes of a large response that are not written yet
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.pay()

    def pay(self) -> None:
        """As much of a large response as is taken."""
        assert self.transport is not None
        while self.owed and not self.paused:
            piece = min(self.owed, len(PIECE))
            self.owed -= piece
            self.transport.write(PIECE[:piece])

    def data_received(self, data: bytes) -> None:
        self.data += data
        while b"\r\n\r\n" in self.data:
            head, _, rest = self.data.partition(b"\r\n\r\n")
            behind = self.behind_body(head, rest)
            if behind is None:
                return
            self.data = behind
            self.answer(head.split(b" ", 2)[1])

    def behind_body(self, head: bytes, rest: bytes) -> bytes | None:
        """What comes behind the request; None: it has not come wholly."""
        lower = head.lower()
        if b"\r\ntransfer-encoding: chunked" in lower:
            return b"" if rest.endswith(b"0\r\n\r\n") else None
        length = int(lower.partition(b"\r\ncontent-length: ")[2].split(b"\r\n", 1)[0] or b"0")
        return rest[length:] if len(rest) >= length else None

    def answer(self, path: bytes) -> None:
        """To a request that has come."""
        assert self.transport is not None
        if path in {b"/never", b"/queued"}:
            return
        size = LARGE if path == b"/large" else len(BODY)
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        if path == b"/large":
            self.owed = LARGE
            self.pay()
        else:
            self.transport.write(BODY)


async def serve(port: int) -> None:
    """For ever."""
    server = await asyncio.get_running_loop().create_server(Origin, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
