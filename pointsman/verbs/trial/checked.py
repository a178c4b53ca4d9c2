"""What health checks and agents meet: servers that are well, as each kind of check understands it.

They have ports of their own, so that a check needs no answer that traffic could see. Faults of connections hold here,
too: a server that hangs goes down.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from pointsman.verbs.trial.echo import Echo, read_request
from pointsman.verbs.trial.order import Standing

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
PLAIN: Final = ("mysql", "smtp", "ssl_hello")  # the server speaks first, or what looks like TLS is none
# Protocol::HandshakeV10 and OK_Packet of MySQL, as far as a check looks at them.
MYSQL_GREETING: Final = (
    b"\x0a8.0.0-pointsman-try\0" + b"\1\0\0\0" + b"abcdefgh\0" + b"\xff\xf7\x08\2\0\xff\x81\x15" + bytes(10)
) + b"ijklmnopqrst\0mysql_native_password\0"
MYSQL_OK: Final = b"\0\0\0\2\0\0\0"
# bindResponse with resultCode 0 (RFC 4511 4.2.2).
LDAP_BOUND: Final = bytes.fromhex("300c02010161070a010004000400")


class Checked:
    """Answers on the ports of checks and of agents."""

    def __init__(self, echo: Echo) -> None:
        self.echo = echo
        self.turns: dict[str, int] = {}  # connections of a server's checks so far: its script has a part for each
        self.protocols: dict[str, Callable[[Reader, Writer], Awaitable[None]]] = {
            "mysql": _mysql,
            "pgsql": _pgsql,
            "redis": _redis,
            "smtp": _smtp,
            "ldap": _ldap,
            "ssl_hello": _ssl_hello,
            "spop": _spop,
        }

    def accepted(self, sock: socket.socket, host: str) -> None:
        one = self.echo.by_host.get(host)
        if one is None:
            sock.close()
        else:
            self.echo.run(self._check(sock, one), sock)

    def agent(self, sock: socket.socket, host: str) -> None:
        """A server's agent says that all is well (manual 5.2, agent-check)."""
        self.echo.run(_up(sock), sock)

    async def _check(self, sock: socket.socket, one: Standing) -> None:
        echo = self.echo
        if await echo.fail(sock, one):
            return
        turn = self.turns[one.title] = self.turns.get(one.title, -1) + 1
        part = one.script[turn % len(one.script)] if one.script else []
        if one.check in PLAIN or part[:1] and part[0][0] == "say":
            reader, writer = await echo.streams(sock, None)
        else:
            opened = await echo.open(sock)
            if opened is None:
                return
            reader, writer = opened[0]
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                talk = self.protocols.get(one.check)
                await (talk(reader, writer) if talk is not None else _play(reader, writer, part))
                await reader.read()
        finally:
            writer.close()


async def _up(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, b"up\n")


async def _play(reader: Reader, writer: Writer, part: list[list[str]]) -> None:
    for what, text in part:
        if what == "wait":
            await reader.readexactly(int(text))
        elif what == "request":
            await read_request(reader, writer)
        else:
            writer.write(text.encode("latin-1"))
            await writer.drain()


def _packet(number: int, content: bytes) -> bytes:
    return len(content).to_bytes(3, "little") + bytes((number,)) + content


async def _mysql(reader: Reader, writer: Writer) -> None:
    writer.write(_packet(0, MYSQL_GREETING))
    head = await reader.readexactly(4)
    await reader.readexactly(int.from_bytes(head[:3], "little"))
    writer.write(_packet(2, MYSQL_OK))


async def _pgsql(reader: Reader, writer: Writer) -> None:
    """A StartupMessage; AuthenticationOk goes back (the PostgreSQL manual, "Message Formats")."""
    size = int.from_bytes(await reader.readexactly(4), "big")
    await reader.readexactly(size - 4)
    writer.write(b"R\0\0\0\x08\0\0\0\0")


async def _redis(reader: Reader, writer: Writer) -> None:
    await reader.readuntil(b"PING\r\n")
    writer.write(b"+PONG\r\n")


async def _smtp(reader: Reader, writer: Writer) -> None:
    writer.write(b"220 pointsman.try ESMTP\r\n")
    while line := await reader.readline():
        if line[:4].upper() == b"QUIT":
            writer.write(b"221 bye\r\n")
            return
        writer.write(b"250 pointsman.try\r\n")


async def _ldap(reader: Reader, writer: Writer) -> None:
    await reader.read(512)
    writer.write(LDAP_BOUND)


async def _ssl_hello(reader: Reader, writer: Writer) -> None:
    """A ServerHello's record is all that is looked at: an alert would do as well (manual 4.2, option ssl-hello-chk)."""
    await reader.read(4_096)
    writer.write(b"\x16\x03\x00\x00\x2a\x02\x00\x00\x26\x03\x00" + bytes(32) + b"\x00\x00\x2f\x00")


async def _spop(reader: Reader, writer: Writer) -> None:
    """AGENT-HELLO (the SPOE specification, 3.2.5)."""
    size = int.from_bytes(await reader.readexactly(4), "big")
    await reader.readexactly(size)
    pairs = (b"\x07version\x08\x032.0", b"\x0emax-frame-size\x03\xfc\xf0\x06", b"\x0ccapabilities\x08\x00")
    content = b"\x65\0\0\0\1\0\0" + b"".join(pairs)
    writer.write(len(content).to_bytes(4, "big") + content)
