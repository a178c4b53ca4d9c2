"""The servers of a file, all of them in one loop: each says who it is and what it got.

    accepted --> fault of the connection? --> PROXY header? --> TLS? --> HTTP/2, HTTP/1, or bytes that come back

What a connection speaks is seen from its first bytes, whatever the server's line says; a server of a TCP proxy to which
HTTP is spoken answers in HTTP, too, for that is what most of them are for.
"""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from typing import Final

from pointsman.core.address import NetAddress
from pointsman.proto import proxy
from pointsman.proto.errors import ProtocolError
from pointsman.proto.websocket import accept_of
from pointsman.verbs.trial.echo_h2 import EchoH2
from pointsman.verbs.trial.faults import Faults
from pointsman.verbs.trial.loopback import cut, peek, reset
from pointsman.verbs.trial.order import Standing

LONGEST_HEAD: Final = 262_144
SHOWN: Final = 1_000  # bytes of a body that are shown
PREFACE: Final = b"PRI * HTTP/2.0"
METHODS: Final = (b"GET ", b"HEAD", b"POST", b"PUT ", b"DELE", b"OPTI", b"PATC", b"TRAC", b"PROP", b"CONN")
HELLO: Final = b"\x16\x03"  # a record of TLS with a handshake
V1: Final = b"PROXY "
PAUSE: Final = 0.01  # s between two looks at a beginning that is too short
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True)
class Got:
    """What a server got."""

    method: str
    uri: str
    version: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    size: int = 0  # of the body
    body: bytes = b""  # its beginning

    def header(self, name: str) -> str:
        return next((value for one, value in self.headers if one.lower() == name), "")


@dataclass(slots=True)
class Way:
    """How it got there."""

    peer: str
    proxy: dict[str, str] = field(default_factory=dict)  # what a PROXY header said
    tls: dict[str, str] = field(default_factory=dict)


def answer(one: Standing, got: Got, way: Way, status: int = 200) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body: text, or JSON for who asks for that."""
    body = got.body.decode("utf-8", "replace")
    if "json" in got.header("accept"):
        said = {
            "server": {"backend": one.backend, "name": one.name, "address": one.wanted},
            "request": {"method": got.method, "uri": got.uri, "version": got.version},
            "headers": [list(pair) for pair in got.headers],
            "body": {"size": got.size, "text": body},
            "peer": way.peer,
            "proxy": way.proxy or None,
            "tls": way.tls or None,
        }
        if got.trailers:
            said["trailers"] = [list(pair) for pair in got.trailers]
        text, kind = json.dumps(said, indent=2) + "\n", "application/json"
    else:
        lines = [f"server   {one.title}", f"address  {one.wanted}", f"request  {got.method} {got.uri} {got.version}"]
        lines += [f"peer     {way.peer}"]
        lines += [f"{name:<8} {_listed(said)}" for name, said in (("proxy", way.proxy), ("tls", way.tls)) if said]
        lines += [f"header   {name}: {value}" for name, value in got.headers]
        lines += [f"trailer  {name}: {value}" for name, value in got.trailers]
        lines += [f"body     {got.size} bytes"] if got.size else []
        text, kind = "\n".join(lines) + "\n" + (f"\n{body}\n" if body else ""), "text/plain; charset=utf-8"
    if status in (204, 304):
        text = ""
    return status, [("Content-Type", kind), ("X-Echo-Server", one.title)], text.encode()


def _listed(said: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in said.items())


class Echo:
    """All echo servers, told apart by the addresses that clients ask for."""

    def __init__(self, servers: list[Standing], faults: Faults, context: "Callable[[], ssl.SSLContext]") -> None:
        self.by_host = {one.host: one for one in servers if one.kind == "echo"}
        self.faults = faults
        self.context = context
        self.loop = asyncio.get_running_loop()
        self.tasks: set[asyncio.Task[None]] = set()

    def accepted(self, sock: socket.socket, host: str) -> None:
        """A connection to the server with that address."""
        one = self.by_host.get(host)
        if one is None:
            sock.close()
            return
        self.run(self._serve(sock, one), sock)

    def run(self, serving: Coroutine[object, object, None], sock: socket.socket) -> None:
        """Keep a task for a connection; whatever ends it, the socket is closed."""
        task: asyncio.Task[None] = self.loop.create_task(serving)
        self.tasks.add(task)

        def done(_: asyncio.Task[None]) -> None:
            self.tasks.discard(task)
            sock.close()
            if not task.cancelled() and task.exception() is not None:
                error = task.exception()
                if not isinstance(error, (OSError, EOFError, ProtocolError, ValueError, asyncio.LimitOverrunError)):
                    self.loop.call_exception_handler({"message": "an echo server", "exception": error, "task": task})

        task.add_done_callback(done)

    async def end(self) -> None:
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def fail(self, sock: socket.socket, one: Standing) -> bool:
        """A fault of the connection, if it has one; True: that was all."""
        kind = self.faults.of_connection(one)
        if kind == "reset":
            reset(sock)
        elif kind == "hang":
            while await self.loop.sock_recv(sock, 65_536):
                pass
        return bool(kind)

    async def _serve(self, sock: socket.socket, one: Standing) -> None:
        if await self.fail(sock, one):
            return
        opened = await self.open(sock)
        if opened is None:
            return
        (reader, writer), way, first = opened
        try:
            if first.startswith(PREFACE):
                await EchoH2(one, way, self.faults, answer, Got).serve(reader, writer)
            elif one.http or first.startswith(METHODS):
                await self._http(reader, writer, one, way)
            else:
                await self._bytes(reader, writer, one)
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError, asyncio.TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 1)

    async def open(self, sock: socket.socket) -> tuple[Streams, Way, bytes] | None:
        """Take a PROXY header and a handshake of TLS; then streams, and what comes first, as a look. None: nothing."""
        peer = sock.getpeername()
        way = Way(f"{peer[0]}:{peer[1]}")
        first = await self._beginning(sock)
        if first.startswith((V1, proxy.SIGNATURE)):
            way.proxy = await self._proxy_header(sock)
            first = await self._beginning(sock)
        if not first:
            return None
        if not first.startswith(HELLO):
            return await self.streams(sock, None), way, first
        reader, writer = await self.streams(sock, self.context())
        way.tls = _tls(writer)
        # The reader's buffer is looked at, as there is no MSG_PEEK behind TLS.
        while len(reader._buffer) < 4 and not reader.at_eof():  # type: ignore[attr-defined]
            await reader._wait_for_data("peek")  # type: ignore[attr-defined]
        return (reader, writer), way, bytes(reader._buffer[:16])  # type: ignore[attr-defined]

    async def _beginning(self, sock: socket.socket) -> bytes:
        """Enough bytes to tell what is spoken."""
        while True:
            data = await peek(self.loop, sock, 16)
            unclear = any(whole.startswith(data) and data != whole for whole in (V1, proxy.SIGNATURE, PREFACE))
            if not data or not unclear and len(data) >= 4 or not unclear and data[:1] not in b"\x16GHPODTC":
                return data
            await asyncio.sleep(PAUSE)
            if len(data) == len(await peek(self.loop, sock, 16)):
                await asyncio.sleep(PAUSE * 10)
                if len(data) == len(await peek(self.loop, sock, 16)):
                    return data

    async def _proxy_header(self, sock: socket.socket) -> dict[str, str]:
        while True:
            data = await peek(self.loop, sock, 16_384)
            header = proxy.parse(data)
            if header is not None:
                await self.loop.sock_recv(sock, header.size)
                said = {"version": str(header.version)}
                for name, address in (("source", header.source), ("destination", header.destination)):
                    if address is not None:
                        said[name] = _shown(address)
                return said
            await asyncio.sleep(PAUSE)

    async def streams(self, sock: socket.socket, context: ssl.SSLContext | None) -> Streams:
        reader = asyncio.StreamReader(LONGEST_HEAD)
        protocol = asyncio.StreamReaderProtocol(reader)
        made = self.loop.connect_accepted_socket(lambda: protocol, sock, ssl=context)
        transport, _ = await made
        return reader, asyncio.StreamWriter(transport, protocol, reader, self.loop)

    # HTTP/1.

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, one: Standing, way: Way) -> None:
        for number in count():
            try:
                got = await read_request(reader, writer)
            except asyncio.IncompleteReadError:
                return
            if number:  # a connection that was there before the fault, or that had none then
                kind = self.faults.of_connection(one)
                if kind == "reset":
                    cut(writer)
                if kind:
                    await reader.read()
                    return
            seconds, status, dropped = self.faults.of_request(one)
            if seconds:
                await asyncio.sleep(seconds)
            if dropped:
                return
            if not status and got.header("upgrade"):
                await _switch(reader, writer, got)
                return
            status, headers, body = answer(one, got, way, status or 200)
            last = got.header("connection").lower() == "close" or got.version == "HTTP/1.0"
            head = [f"HTTP/1.1 {status} {_reason(status)}", *[f"{name}: {value}" for name, value in headers]]
            if status not in (204, 304):
                head.append(f"Content-Length: {len(body)}")
            if last:
                head.append("Connection: close")
            writer.write("\r\n".join([*head, "", ""]).encode() + (b"" if got.method == "HEAD" else body))
            await writer.drain()
            if last:
                return

    async def _bytes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, one: Standing) -> None:
        """What comes goes back."""
        while data := await reader.read(65_536):
            seconds, _, dropped = self.faults.of_request(one)
            if seconds:
                await asyncio.sleep(seconds)
            if dropped:
                return
            writer.write(data)
            await writer.drain()


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Got:
    """A request of HTTP/1 with all of its body. ValueError: it is none; IncompleteReadError: there is no more."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    method, uri, version = first.split(" ", 2)
    got = Got(method, uri, version)
    for line in lines:
        name, _, value = line.partition(":")
        got.headers.append((name, value.strip(" \t")))
    if got.header("expect").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in got.header("transfer-encoding").lower():
        while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            _keep(got, (await reader.readexactly(size + 2))[:-2])
        while (line := (await reader.readuntil(b"\r\n")).decode("latin-1")) != "\r\n":
            name, _, value = line.partition(":")
            got.trailers.append((name, value.strip()))
        return got
    left = int(got.header("content-length") or 0)
    while left:
        piece = await reader.read(min(left, 65_536))
        if not piece:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(piece)
        _keep(got, piece)
    return got


def _keep(got: Got, piece: bytes) -> None:
    got.size += len(piece)
    if len(got.body) < SHOWN:
        got.body += piece[: SHOWN - len(got.body)]


async def _switch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, got: Got) -> None:
    """Another protocol, as asked: then each byte comes back. A WebSocket's frames come back without their masks."""
    key = got.header("sec-websocket-key").encode()
    proof = accept_of(key).decode()
    head = f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {got.header('upgrade')}\r\n"
    writer.write((head + (f"Sec-WebSocket-Accept: {proof}\r\n\r\n" if key else "\r\n")).encode())
    if not key:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        return
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            writer.write(await _unmasked(reader))
            await writer.drain()


async def _unmasked(reader: asyncio.StreamReader) -> bytes:
    """The next frame of a client (RFC 6455 5.2), as a server sends it."""
    first, second = await reader.readexactly(2)
    size, length = second & 127, b""
    if size > 125:
        length = await reader.readexactly(2 if size == 126 else 8)
        size = int.from_bytes(length, "big")
    mask = await reader.readexactly(4) if second & 128 else b"\0\0\0\0"
    if size > LONGEST_HEAD:
        raise ValueError("a frame that is too long")
    data = await reader.readexactly(size)
    if first & 15 == 9:  # a ping: a pong goes back
        first = first & 240 | 10
    plain = bytes(byte ^ mask[index & 3] for index, byte in enumerate(data))
    return bytes((first, second & 127)) + length + plain


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"


def _shown(address: NetAddress) -> str:
    return f"{address.text.decode()}:{address.port}"


def _tls(writer: asyncio.StreamWriter) -> dict[str, str]:
    tls = writer.get_extra_info("ssl_object")
    said = {"version": str(tls.version()), "sni": getattr(tls, "asked_for", "") or "-"}
    alpn = tls.selected_alpn_protocol()
    if alpn:
        said["alpn"] = alpn
    return said
