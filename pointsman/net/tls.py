"""TLS as a wire's transport: what core/tls.py does on a socket, in the words of net/transport.py.

Contexts are made and filled by those who know certificates and keywords; here a connection gets its transport.
"""

import errno
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core.connection_faults import TLS_HANDSHAKE, TLS_MISMATCH, TLS_MISMATCH_SNI
from pointsman.core.tls import MISSING, Connection, Context, TlsError
from pointsman.net.transport import READ, REFUSED, WRITE, Transport, Transports

__all__ = ["MISSING", "Purpose", "TlsTransport", "TlsTransports"]

CUT: Final = "the peer has ended without close_notify"
ENDED: Final = "the peer has closed the connection"
MISMATCHES: Final = (62, 63, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, EMAIL, IP_ADDRESS (openssl/x509_vfy.h)


@mypyc_attr(allow_interpreted_subclasses=True)
class Purpose:
    """Which server a connection to it is for: what is said in its hello, and what its certificate is compared with."""

    def __init__(self, name: str | None = None, host: str | None = None) -> None:
        self.name = name  # SNI
        self.host = host
        self.asked = name is not None  # the host is one that a client has named, not the configuration
        self.session: bytes | None = None  # the last one of it that can be resumed

    def resumable(self) -> bytes | None:
        """A session to resume, if there is one."""
        return self.session

    def keep(self, session: bytes) -> None:
        """The newest one."""
        self.session = session

    def forget(self) -> None:
        """There is none to resume any more."""
        self.session = None


class TlsTransport(Transport):
    """The TLS of one connection. `connection` knows its facts, until it is closed."""

    def __init__(self, connection: Connection, cut_is_end: bool, purpose: Purpose | None = None) -> None:
        super().__init__()
        self.tls = self.connection = connection
        self.cut_is_end = cut_is_end
        self.purpose = purpose
        self.awaiting = purpose is not None  # a session that can be resumed has not come yet
        self.kept: bytes | None = None  # the last one that came

    def be_eager(self) -> None:
        self.eager = self.connection.allow_early() > 0

    def handshake(self) -> int:
        try:
            return self.connection.handshake()
        except OSError as error:
            if error.errno == REFUSED and self.purpose is not None:
                self.purpose.forget()  # its early data would be refused again
            else:
                self._note(error)
            raise

    def _note(self, error: OSError) -> None:
        """The handshake has failed. Who has only ended, or is gone, has not finished it either: as in HAProxy."""
        self.fault = TLS_HANDSHAKE
        self.reason = error.strerror or ""
        connection = self.connection
        if not isinstance(error, TlsError):
            if connection.cut:
                self.reason = ENDED
            return
        self.code = error.code
        number = connection.verify[0]
        if number and self.purpose is not None:
            if number in MISMATCHES:
                self.fault = TLS_MISMATCH_SNI if self.purpose.asked else TLS_MISMATCH
            peer = connection.peer
            if peer is not None:
                self.reason += f" of {peer.rfc2253(False).decode('ascii', 'replace')}"

    def read(self, size: int) -> bytes | None:
        connection = self.connection
        data = connection.read(size)
        if self.awaiting:
            self._keep_session()
        if data:
            return data
        if data is None:
            # A warning (that there is no renegotiation) may have been kept: a read is what sends it on.
            self.read_waits = WRITE if connection.waiting and not connection.owed else READ
        elif connection.cut and not self.cut_is_end:
            raise OSError(errno.ECONNRESET, CUT)
        return data

    def drained(self) -> bool:
        return self.connection.at_rest

    def write(self, data: bytes) -> int:
        return self.connection.write(data)

    def shut(self) -> bool:
        return self.connection.shut()

    def close(self) -> None:
        self._keep_session()
        self.connection.close()

    def _keep_session(self) -> None:
        """It came with the handshake (TLS 1.2) or behind it (1.3): the next connection may resume it."""
        purpose = self.purpose
        session = self.connection.session if purpose is not None else None
        if session is not None and session is not self.kept:
            assert purpose is not None
            purpose.keep(session)
            self.kept = session
            self.awaiting = False


@mypyc_attr(allow_interpreted_subclasses=True)
class TlsTransports(Transports):
    """Of one `bind` line, or of one server.

    `cut_is_end`: an end without close_notify is taken for one with it, as in HAProxy: many peers never send it, and
    HTTP has its own marks of what is whole.
    """

    def __init__(self, context: Context, cut_is_end: bool = True, purpose: Purpose | None = None) -> None:
        self.context = context
        self.cut_is_end = cut_is_end
        self.purpose = purpose

    def accept(self, fd: int, pending: bytes) -> TlsTransport:
        return TlsTransport(Connection(self.context, fd, pending), self.cut_is_end)

    def connect(self, fd: int, name: bytes) -> TlsTransport:
        """Here all connections have the same purpose, whatever they are wanted for."""
        return begin(self.context, fd, self.purpose, self.cut_is_end)


def begin(context: Context, fd: int, purpose: Purpose | None, cut_is_end: bool = True) -> TlsTransport:
    """The transport of a connection to a server."""
    if purpose is None:
        return TlsTransport(Connection(context, fd), cut_is_end)
    connection = Connection(context, fd, b"", purpose.name, purpose.resumable(), purpose.host)
    return TlsTransport(connection, cut_is_end, purpose)
