"""Checks over TLS (manual 5.2, ssl, check-ssl, check-sni; 4.2, http-check connect): what is encrypted, for whom; and a
transport of net/ on asyncio, where checks run."""

import asyncio
from dataclasses import dataclass
from typing import Final

from pointsman.core.tls import TlsError
from pointsman.net.transport import WRITE, Transport, Transports
from pointsman.server.checks.status import connection_error

MISMATCHES: Final = (62, 63, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, EMAIL, IP_ADDRESS (x509_vfy.h)


@dataclass(frozen=True, slots=True)
class CheckTls:
    """What a server's line says of it. `by_offer`: transports by the protocols that are offered."""

    by_offer: dict[bytes, Transports]
    offer: bytes = b""  # where a rule says nothing (check-alpn, else alpn)
    traffic: bool = False  # `ssl`: checks of the server's own address are encrypted as its traffic is
    forced: bool = False  # check-ssl
    name: bytes = b""  # check-sni
    automatic: bool = True  # check-sni-auto: the host of the request


class CheckStream:
    """A connection that is open, plain or not. Nothing of it waits longer than until `deadline` (of the loop's clock);
    TimeoutError then."""

    def __init__(self, fd: int, loop: asyncio.AbstractEventLoop) -> None:
        self.fd = fd
        self.loop = loop
        self.deadline = 0.0

    async def ready(self, writing: bool) -> None:
        """Until the socket can be read, or written."""
        future: asyncio.Future[None] = self.loop.create_future()

        def told() -> None:
            if not future.done():
                future.set_result(None)

        add, remove = self.loop.add_reader, self.loop.remove_reader
        if writing:
            add, remove = self.loop.add_writer, self.loop.remove_writer
        add(self.fd, told)
        try:
            async with asyncio.timeout_at(self.deadline):
                await future
        finally:
            remove(self.fd)

    async def handshake(self, transport: Transport) -> None:
        """Raises OSError."""
        while waits := transport.handshake():
            await self.ready(waits & WRITE != 0)

    async def write(self, transport: Transport, data: bytes) -> None:
        """All of it."""
        while data := data[transport.write(data) :]:
            await self.ready(transport.write_waits == WRITE)

    async def read(self, transport: Transport, size: int) -> bytes:
        """What has come; b"" at the end."""
        while (data := transport.read(size)) is None:
            await self.ready(transport.read_waits == WRITE)
        return data


def fault_text(error: OSError, transport: Transport, named: bool) -> str:
    """Why a handshake has failed: HAProxy's words for it (manual 7.3.3, fc_err_str), and OpenSSL's behind them.
    `named`: a name was said in the hello."""
    tls = transport.tls
    what = "SSL handshake failure"
    if tls is None or not isinstance(error, TlsError):
        return what if tls is not None and tls.cut else connection_error(error)
    number = tls.verify[0]
    if number in MISMATCHES:
        which = "expected" if named else "configured"
        what = f"Server presented an SSL certificate different from the {which} one"
    return f"{what} ({error.strerror})" if error.strerror else what
