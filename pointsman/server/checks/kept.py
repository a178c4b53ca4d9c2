"""The connection that checks of one server leave open for the next one (manual 5.2 check-reuse-pool).

HAProxy takes an idle connection of its traffic, and puts it back. Here traffic runs in lanes and checks in control: a
connection that is encrypted cannot change its process, so checks have one of their own, and a server sees one that
lasts in place of one for each check. It is for HTTP checks, and where nothing but the server's own line says how to
connect.
"""

import socket

from pointsman.core import calls
from pointsman.net.tls_state import TlsAccount
from pointsman.net.transport import Transport
from pointsman.proto.message import Response
from pointsman.server.checks.h2 import CheckH2
from pointsman.server.checks.http_response import CheckResponse


class KeptConnection:
    """An open connection on which nothing is under way, or nothing at all."""

    def __init__(self) -> None:
        self.sock: socket.socket | None = None
        self.transport: Transport | None = None
        self.account: TlsAccount | None = None
        self.aim: object = None  # the server's target when it was opened
        self.h2: CheckH2 | None = None  # where HTTP/2 is spoken on it

    def put(self, sock: socket.socket, transport: Transport | None, account: TlsAccount | None, aim: object) -> None:
        self.close()
        self.sock, self.transport, self.account, self.aim = sock, transport, account, aim

    def take(self, aim: object) -> tuple[socket.socket, Transport | None, TlsAccount | None] | None:
        """It, if it leads there and the server has said nothing since; else it is closed."""
        sock = self.sock
        if sock is None:
            return None
        if aim is not self.aim or not self._silent(sock):
            self.close()
            return None
        found = sock, self.transport, self.account
        self.sock = self.transport = self.account = None
        return found

    def _silent(self, sock: socket.socket) -> bool:
        """Nothing has come: neither the end nor what nobody has asked for."""
        try:
            if self.transport is not None:
                return self.transport.read(1) is None
            return calls.receive(sock.fileno(), 1) is None
        except OSError:
            return False

    def close(self) -> None:
        sock, transport, account = self.sock, self.transport, self.account
        self.sock = self.transport = self.account = None
        if account is not None:
            account.ended()
        if sock is None:
            return
        if transport is not None:
            try:
                transport.shut()
            except OSError:
                pass  # it is gone already
            transport.close()
        sock.close()


def asks_to_stay(request: bytes) -> bool:
    """What these bytes of a request say of the connection behind the response (RFC 9112 9.3)."""
    head = request.partition(b"\r\n\r\n")[0].lower()
    line = head.partition(b"\r\n")[0]
    if b"\r\nconnection: close" in head:
        return False
    return line.endswith(b"/1.1") or b"\r\nconnection: keep-alive" in head


def stays(reply: CheckResponse) -> bool:
    """The response is whole, and the server leaves the connection open behind it."""
    head: Response | None = reply.head
    if head is None or reply.broken or not reply.finished or head.close:
        return False
    return head.minor > 0 or head.keep
