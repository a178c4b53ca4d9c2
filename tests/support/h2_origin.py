"""A server of HTTP/1 for cases of HTTP/2: what it answers stands in the path; bodies are read to their end first.

/               200 and "ok"
/echo           the body of the request
/seen           the head of the request as it was received, its body, and its trailers
/bytes/<n>      a body of n bytes
/chunks/<n>     the same in chunks, without a length
/trailers       a body in chunks, and the trailers x-sum: 7 and x-last: yes
/status/<n>     that status, without a body
/interim        103, then 200
/early          200 at once, before the body of the request
/hop            fields that are about an HTTP/1 connection, and names in upper case
/socket         101 to an Upgrade; then each byte comes back
/hold           no answer
"""

from __future__ import annotations

import asyncio
import base64
import hashlib

from support.threaded_servers import ThreadedServers

HOP = (
    b"HTTP/1.1 200 OK\r\nConnection: keep-alive, x-own\r\nKeep-Alive: timeout=5\r\nX-OWN: 1\r\n"
    b"Proxy-Connection: close\r\nUPPER-Case: Value\r\nContent-Length: 2\r\n\r\nok"
)


def ok(body: bytes, *lines: bytes) -> bytes:
    head = b"".join(line + b"\r\n" for line in (b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *lines))
    return head + b"\r\n" + body


def chunked(body: bytes, trailers: bytes = b"") -> bytes:
    pieces = [body[at : at + 4096] for at in range(0, len(body), 4096)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailers + b"\r\n"


def switching(head: bytes) -> bytes:
    """101, with what RFC 6455 4.2.2 asks for."""
    key = next((line[19:] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: ")), b"")
    proof = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    return head + b"Sec-WebSocket-Accept: " + proof + b"\r\n\r\n"


def content(number: bytes) -> bytes:
    """A body of so many bytes, of which no two parts are alike."""
    size = int(number)
    return b"".join(b"%07d\n" % at for at in range(size // 8 + 1))[:size]


class H2Origin(ThreadedServers):
    """Its port is `port`."""

    def __init__(self) -> None:
        super().__init__("origin")

    @property
    def port(self) -> int:
        return self.ports["origin"]

    async def talk(self, server: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, path, _ = head.split(b" ", 2)
                if path == b"/early":
                    writer.write(ok(b"early"))
                elif path == b"/hold":
                    await reader.read()
                    return
                elif path == b"/socket":
                    writer.write(switching(head))
                    while piece := await reader.read(65536):
                        writer.write(piece)
                    return
                body, trailers = await self.body(head, reader)
                if path != b"/early":
                    answer = self.answer(method, path, head, body, trailers)
                    writer.write(answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if method == b"HEAD" else answer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async def body(self, head: bytes, reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
        """The body of a request, and its trailers."""
        lines = head.lower().split(b"\r\n")
        if b"transfer-encoding: chunked" in lines:
            body = b""
            while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
                body += (await reader.readexactly(size + 2))[:-2]
            trailers = b""
            while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
                trailers += line
            return body, trailers
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        return await reader.readexactly(length), b""

    def answer(self, method: bytes, path: bytes, head: bytes, body: bytes, trailers: bytes) -> bytes:
        kind, _, number = path[1:].partition(b"/")
        if kind == b"echo":
            return ok(body)
        if kind == b"seen":
            return ok(head + body + b"\r\n" + trailers)
        if kind == b"bytes":
            return ok(content(number))
        if kind == b"chunks":
            return chunked(content(number))
        if kind == b"trailers":
            return chunked(b"summed", b"x-sum: 7\r\nX-Last: yes\r\n")
        if kind == b"status":
            return b"HTTP/1.1 %b Said\r\n%b\r\n" % (
                number,
                b"" if number in (b"204", b"304") else b"Content-Length: 0\r\n",
            )
        if kind == b"interim":
            return b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + ok(b"ok")
        return HOP if kind == b"hop" else ok(b"ok")
