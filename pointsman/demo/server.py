"""The demo's servers: HTTP/1.1 on asyncio, just enough to see which one answered, and to switch one off.

    GET  anything   "Hello from server one!", as a small page for browsers
    GET  /health    200, or 503 while it is switched off: what health checks ask for
    POST /off, /on  switches it off (requests are still answered) and on again

`python -m pointsman.demo.server 9001 9002` runs some on these ports, named by them, until Ctrl-C.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

MOST: Final = 65536  # bytes of a head
PAGE: Final = """\
<!doctype html><meta name="viewport" content="width=device-width"><title>Server {name}</title>
<body style="font: 1.4em sans-serif; margin: 15vh auto; max-width: 30em; text-align: center">
<h1>Hello from server {name}!</h1><p>You asked for <code>{path}</code>. Reload to meet the next one.</p>
"""


class DemoServer:
    """One of them; `port` is known once it listens."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.healthy = True
        self.requests = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, port: int = 0) -> None:
        """Listen on that port of 127.0.0.1, or on a free one. Raises OSError."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=MOST)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and all connections."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._open):
                writer.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, asyncio.CancelledError):
            pass  # the other side has left, or we are stopping
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One exchange; false when the connection is to end."""
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, _, rest = first.partition(" ")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = fields.get("content-length", "0")
        if "transfer-encoding" in fields or not (length.isascii() and length.isdigit()):
            writer.write(b"HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return False
        await reader.readexactly(int(length))
        status, kind, body = self._content(method, rest.rpartition(" ")[0], "text/html" in fields.get("accept", ""))
        data = body.encode()
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {len(data)}\r\n"
            f"X-Server: {self.name}\r\n\r\n".encode()
            + (data if method != "HEAD" else b"")
        )
        await writer.drain()
        return fields.get("connection", "").lower() != "close"

    def _content(self, method: str, target: str, browser: bool) -> tuple[str, str, str]:
        """Status, media type and body."""
        path = target.partition("?")[0]
        if path == "/health":
            return (
                ("200 OK", "text/plain", "well\n")
                if self.healthy
                else ("503 Service Unavailable", "text/plain", "off\n")
            )
        if method == "POST" and path in ("/on", "/off"):
            self.healthy = path == "/on"
            return "200 OK", "text/plain", f"Server {self.name} is {path[1:]}.\n"
        self.requests += 1
        if browser:
            shown = path.replace("&", "&amp;").replace("<", "&lt;")
            return "200 OK", "text/html", PAGE.format(name=self.name, path=shown)
        return "200 OK", "text/plain", f"Hello from server {self.name}!\n"


async def serve(ports: Sequence[int]) -> int:
    """Servers on these ports until SIGINT or SIGTERM; the exit status."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    servers = [DemoServer(str(port)) for port in ports]
    try:
        for server, port in zip(servers, ports):
            await server.start(port)
    except OSError as error:
        print(f"{server.name}: {os.strerror(error.errno or 0)}", file=sys.stderr)
        return 1
    else:
        print(
            f"Servers listen on {', '.join(server.name for server in servers)} of 127.0.0.1. Ctrl-C ends them.",
            flush=True,
        )
        await stop.wait()
        return 0
    finally:
        for server in servers:
            await server.stop()


def main(words: Sequence[str]) -> int:
    """The command."""
    if not words or not all(word.isascii() and word.isdigit() and 0 < int(word) < 65536 for word in words):
        print("usage: python -m pointsman.demo.server PORT...", file=sys.stderr)
        return 2
    return asyncio.run(serve([int(word) for word in words]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
