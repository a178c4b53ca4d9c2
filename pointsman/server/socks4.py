"""Connections to a server by way of a SOCKS4 proxy (manual 5.2 socks4, check-via-socks4).

The proxy is what is dialled. Its handshake is a transport's (net/transport.py), in front of that of TLS, if there is
one; a PROXY header goes between both, as it is the server's. Once all is over, bytes pass as if it were not there.
"""

import errno
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core import calls
from pointsman.core.address import AF_INET, NetAddress
from pointsman.core.connection_faults import SOCKS4_ABORT, SOCKS4_DENIED, SOCKS4_RECEIVE, SOCKS4_SEND, message_of
from pointsman.net.transport import READ, WRITE, Transport
from pointsman.proto.errors import ProtocolError
from pointsman.proto.socks4 import Socks4Reply, socks4_request
from pointsman.server.dial import Dial

_receive: Final = calls.receive
_transmit: Final = calls.transmit


@mypyc_attr(allow_interpreted_subclasses=True)
class Socks4Proxy:
    """The proxy that connections to a server go by."""

    def __init__(self, dial: Dial) -> None:
        self.dial = dial  # to it, as the server's line says

    def transport(self, fd: int, target: NetAddress, inner: Transport | None = None) -> "Socks4Transport":
        """For a connection to the proxy, which is not open yet. `inner`: what the server's bytes pass through. Its
        handshake fails where SOCKS4 has no word for the target."""
        request = socks4_request(target.packed, target.port) if target.family == AF_INET else b""
        return Socks4Transport(fd, request, inner)


class Socks4Transport(Transport):
    """The handshake with the proxy, then that of `inner`."""

    def __init__(self, fd: int, request: bytes, inner: Transport | None) -> None:
        super().__init__()
        self.fd = fd
        self.request = request  # what is left of it
        self.possible = bool(request)
        self.reply: Socks4Reply | None = Socks4Reply()  # None: it was granted
        self.header = b""  # what is left of a PROXY header
        self.inner = inner
        if inner is not None:
            self.tls = inner.tls

    def introduce(self, header: bytes) -> bool:
        self.header = header
        return True

    def handshake(self) -> int:
        if self.reply is not None:
            waits = self._ask(self.reply)
            if waits:
                return waits
            self.reply = None
        while self.header:
            sent = _transmit(self.fd, self.header)
            if not sent:
                return WRITE
            self.header = self.header[sent:]
        inner = self.inner
        if inner is None:
            return 0
        try:
            return inner.handshake()
        except OSError:
            self.fault = inner.fault
            self.reason = inner.reason
            self.code = inner.code
            raise

    def _ask(self, reply: Socks4Reply) -> int:
        if not self.possible:
            raise self._failed(SOCKS4_SEND, errno.EAFNOSUPPORT)
        while self.request:
            try:
                sent = _transmit(self.fd, self.request)
            except OSError as error:
                raise self._failed(SOCKS4_SEND, error.errno or errno.EPIPE) from None
            if not sent:
                return WRITE
            self.request = self.request[sent:]
        while True:
            try:
                data = _receive(self.fd, reply.missing)
            except OSError as error:
                raise self._failed(SOCKS4_ABORT, error.errno or errno.ECONNRESET) from None
            if data is None:
                return READ
            if not data:
                raise self._failed(SOCKS4_RECEIVE, errno.ECONNRESET)
            try:
                if reply.feed(data):
                    return 0
            except ProtocolError:
                raise self._failed(SOCKS4_DENIED, errno.ECONNREFUSED) from None

    def _failed(self, fault: int, number: int) -> OSError:
        self.fault = fault
        self.reason = message_of(fault).decode()
        return OSError(number, self.reason)

    # Behind it.

    def read(self, size: int) -> bytes | None:
        inner = self.inner
        if inner is None:
            return _receive(self.fd, size)
        data = inner.read(size)
        self._follow(inner)
        return data

    def write(self, data: bytes) -> int:
        inner = self.inner
        if inner is None:
            sent = _transmit(self.fd, data)
            self.moved = sent > 0
            return sent
        sent = inner.write(data)
        self._follow(inner)
        return sent

    def _follow(self, inner: Transport) -> None:
        self.read_waits = inner.read_waits
        self.write_waits = inner.write_waits
        self.moved = inner.moved

    def drained(self) -> bool:
        return self.inner is None or self.inner.drained()

    def shut(self) -> bool:
        return self.inner is None or self.inner.shut()

    def straight(self) -> bool:
        return self.inner is None or self.inner.straight()

    def close(self) -> None:
        if self.inner is not None:
            self.inner.close()
