"""A stand whose TLS has early data, towards clients, servers or both. The test's ends go through a handshake as slowly
as the test wants: they are core/tls.py's own Connections."""

from __future__ import annotations

import os

from pointsman.core.tls import Connection, Context
from pointsman.net.tls import Purpose, TlsTransports
from pointsman.net.tls_state import TlsAccount
from support.stand import End, Stand
from support.tls_stand import HOST, client_context, server_context

ALPN = b"\x08http/1.1"
MOST = 15_360  # bytes of early data


def early_context(most: int = MOST, keys: bytes = b"", alpn: bytes = ALPN) -> Context:
    """Of a server that takes early data."""
    context = server_context()
    context.early = most
    if alpn:
        context.alpn = alpn
    context.tickets([keys or os.urandom(80)])
    return context


class EarlyEnd(End):
    """One end of TLS. Nothing of the handshake happens but in `shake`."""

    def __init__(self, stand: Stand, end: End, connection: Connection) -> None:
        stand.ends.remove(end)
        super().__init__(stand, end.sock)
        stand.ends.append(self)
        self.tls = connection

    def shake(self) -> None:
        for _ in range(20):
            waits = self.tls.handshake()
            self.stand.settle()
            if not waits:
                return
        raise AssertionError("no end of the handshake")

    def send(self, data: bytes) -> int:
        sent = self.tls.write(data)
        self.stand.settle()
        return sent

    def take(self, most: int = 1 << 26) -> bytes:
        self.stand.settle()
        parts: list[bytes] = []
        while True:
            try:
                data = self.tls.read(1 << 16)
            except OSError:
                self.closed = self.reset = True
                break
            if data is None:
                break
            if not data:
                self.closed = True
                break
            parts.append(data)
        return b"".join(parts)


class EarlyStand(Stand):
    odd = False

    def __init__(self, text: str, *names: str, front: bool = False, back: bool = False, alpn: bytes = ALPN) -> None:
        super().__init__(text, *names)
        self.context = early_context(alpn=alpn)
        self.offer = client_context()
        if alpn:
            self.offer.alpn = alpn
        self.session: bytes | None = None  # of the last client
        self.keys = os.urandom(80)  # of servers' tickets
        if front:
            for bind_state in self.bind_states.values():
                bind_state.transports = TlsTransports(self.context)
        if back:
            context = client_context()
            context.alpn = ALPN
            for backend in self.live.backends:
                for server in backend.servers:
                    server.transports = TlsTransports(context, True, Purpose(HOST, HOST))
                    server.early_data = True
                    server.tls_account = TlsAccount(server.counters, self.live.process.tls)

    def learn(self) -> None:
        """A client gets a session that it can resume."""
        end = self.resuming()
        end.shake()
        end.take()
        self.session = end.tls.session
        assert self.session is not None
        end.close()

    def resuming(self, early: bytes = b"", buffers: int = 0) -> EarlyEnd:
        """A client that resumes it. What is sent early has arrived, and what the proxy has made of it has happened."""
        end = super().client("", buffers)
        connection = Connection(self.offer, end.sock.fileno(), name=HOST, session=self.session)
        client = EarlyEnd(self, end, connection)
        if early:
            assert connection.allow_early() >= len(early)
            assert connection.write(early) == len(early)
            self.settle()
        return client

    def serving(self, name: str, most: int = MOST) -> EarlyEnd:
        """The next connection to that server, whose handshake has not begun. `most`: early data that it takes."""
        end = self.accept(name)
        return EarlyEnd(self, end, Connection(early_context(most, self.keys), end.sock.fileno()))
