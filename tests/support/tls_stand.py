"""A stand whose connections are TLS, towards clients, towards servers or both; the test's ends are Python's ssl."""

from __future__ import annotations

import os
import socket
import ssl
from functools import cache

from pointsman.core.tls import Context
from pointsman.net.tls import Purpose, TlsTransports
from support.certificates import authority
from support.stand import End, Stand

HOST = "www.example.test"
SIDES = ("front", "back", "both")


def server_context() -> Context:
    """Of the proxy's side that faces clients."""
    context = Context(True)
    pem = authority().pem(HOST)
    context.certificate(pem, pem)
    context.tickets([os.urandom(80)])
    return context


def client_context() -> Context:
    """Of the side that faces servers: their certificates are verified."""
    context = Context(False)
    context.trust(authority().ca, False)
    context.verify(1, (), (), 0)
    context.sessions = True
    return context


@cache
def python_context(server: bool) -> ssl.SSLContext:
    if not server:
        return ssl.create_default_context(cadata=authority().ca.decode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority().path(HOST))
    return context


class TlsEnd(End):
    """The test's end; `sock` is an SSLSocket."""

    sock: ssl.SSLSocket

    def __init__(self, stand: Stand, sock: socket.socket, server: bool, context: ssl.SSLContext | None = None) -> None:
        context = context or python_context(server)
        name = None if server else HOST
        wrapped = context.wrap_socket(sock, server, do_handshake_on_connect=False, server_hostname=name)
        super().__init__(stand, wrapped)

    def shake(self) -> None:
        for _ in range(20):
            try:
                self.sock.do_handshake()
            except ssl.SSLWantReadError:
                self.stand.settle()
                continue
            self.stand.settle()
            return
        raise AssertionError("no end of the handshake")

    def send(self, data: bytes) -> int:
        try:
            # A record that was not taken whole has to be written again as it was: small pieces come to the same place.
            sent = self.sock.send(data[:16_384]) if data else 0
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            sent = 0
        except OSError:
            sent = 0
        self.stand.settle()
        return sent

    def take(self, most: int = 1 << 26) -> bytes:
        self.stand.settle()
        parts: list[bytes] = []
        got = 0
        while got < most:
            try:
                data = self.sock.recv(min(most - got, 1 << 20))
            except ssl.SSLWantReadError:
                break
            except ConnectionError:
                self.closed = self.reset = True
                break
            if not data:
                self.closed = True
                break
            parts.append(data)
            got += len(data)
        return b"".join(parts)

    def shut(self) -> None:
        """Without close_notify."""
        socket.socket.shutdown(self.sock, socket.SHUT_WR)
        self.stand.settle()


class TlsStand(Stand):
    """`side`: where TLS is; "": nowhere. `raw`: nobody shakes hands, the test has plain sockets."""

    odd = False  # no transport but this one, whatever the environment asks for
    h2 = ""

    def __init__(self, text: str, *names: str, side: str) -> None:
        super().__init__(text, *names)
        self.front = side in ("front", "both")
        self.back = side in ("back", "both")
        self.raw = False
        if self.front:
            for bind_state in self.bind_states.values():
                bind_state.transports = TlsTransports(server_context())
        if self.back:
            for backend in self.live.backends:
                for server in backend.servers:
                    server.transports = TlsTransports(client_context(), True, Purpose(HOST, HOST))

    def client(self, name: str = "", buffers: int = 0) -> End:
        end = super().client(name, buffers)
        return self._secured(end, False) if self.front and not self.raw else end

    def accept(self, name: str, buffers: int = 0) -> End:
        end = super().accept(name, buffers)
        return self._secured(end, True) if self.back and not self.raw else end

    def leave(self) -> None:
        self.raw = True
        super().leave()

    def _secured(self, end: End, server: bool) -> TlsEnd:
        self.ends.remove(end)
        secured = TlsEnd(self, end.sock, server)
        self.ends.append(secured)
        secured.shake()
        return secured


class ServersStand(Stand):
    """The lines of servers say what is TLS; the test's ends of them are Python's ssl, with certificates of its own.

    `contexts`: by the name of a scripted server, or "" for all others. `names`: what hellos have named, in their order.
    """

    odd = False

    def __init__(self, text: str, *names: str, contexts: dict[str, ssl.SSLContext] | None = None) -> None:
        folder = authority().folder
        super().__init__(text, *names, values={"ca": str(folder / "ca.pem")})
        self.contexts = contexts or {}
        self.names: list[str | None] = []

    def accept(self, name: str, buffers: int = 0) -> TlsEnd:
        """A connection whose handshake is over."""
        end = self.begin(name)
        end.shake()
        return end

    def begin(self, name: str) -> TlsEnd:
        """One whose handshake has not begun."""
        return self.secure(super().accept(name), name)

    def secure(self, end: End, name: str) -> TlsEnd:
        """From now on TLS is what comes on it."""
        self.ends.remove(end)
        context = self.contexts.get(name) or self.contexts.get("") or serving(HOST)
        context.sni_callback = lambda _, name, __: self.names.append(name)
        secured = TlsEnd(self, end.sock, True, context)
        self.ends.append(secured)
        return secured

    def plain(self, name: str) -> End:
        """One on which nobody speaks TLS."""
        return super().accept(name)


def serving(name: str, kind: str = "ec", expired: bool = False, revoked: bool = False) -> ssl.SSLContext:
    """Of a server that is called so."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority().path(name, kind, expired, revoked))
    return context
