"""A client of TLS whose records the test has in its hands: it changes them, holds them back, or puts others between."""

from __future__ import annotations

import socket
import ssl
import struct

from support.certificates import authority


class RecordClient:
    """`end` of what it receives: "close_notify", "cut" without it, "reset", or the name of an alert."""

    def __init__(self, port: int, version: ssl.TLSVersion, host: str, own: int = 0) -> None:
        """`own`: the client's port; 0: any."""
        context = ssl.create_default_context(cadata=authority().ca.decode())
        context.minimum_version = context.maximum_version = version
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # an end without close_notify is to be seen
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=host)
        self.sock = socket.create_connection(("127.0.0.1", port), 8, ("127.0.0.1", own) if own else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> RecordClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def flight(self) -> bytes:
        """What the handshake wants to send; nothing: it is over."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return self.outgoing.read()
        return self.outgoing.read()

    def shake(self, piece: int = 1 << 20) -> RecordClient:
        """The handshake, sent in pieces of that many bytes."""
        over = False
        while not over:
            try:
                self.tls.do_handshake()
                over = True
            except ssl.SSLWantReadError:
                pass
            self.send(self.outgoing.read(), piece)
            if not over:
                data = self.sock.recv(65536)
                assert data, "no end of the handshake"
                self.incoming.write(data)
        return self

    def send(self, data: bytes, piece: int = 1 << 20) -> RecordClient:
        """As it is."""
        for start in range(0, len(data), piece):
            self.sock.sendall(data[start : start + piece])
        return self

    def record(self, data: bytes) -> bytes:
        """Encrypted, and not sent."""
        self.tls.write(data)
        return self.outgoing.read()

    def say(self, data: bytes) -> RecordClient:
        return self.send(self.record(data))

    def notify(self) -> RecordClient:
        """close_notify."""
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
        return self.send(self.outgoing.read())

    def finish(self) -> RecordClient:
        """An end of what it sends, whether there was a close_notify or not."""
        self.sock.shutdown(socket.SHUT_WR)
        return self

    def reset(self) -> RecordClient:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        return self

    def received(self) -> tuple[bytes, str]:
        """All that comes, and its end."""
        parts: list[bytes] = []
        while True:
            try:
                data = self.tls.read(65536)
                if not data:
                    return b"".join(parts), "close_notify"
                parts.append(data)
            except ssl.SSLWantReadError:
                try:
                    data = self.sock.recv(65536)
                except ConnectionResetError:
                    return b"".join(parts), "reset"
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()
            except ssl.SSLZeroReturnError:
                return b"".join(parts), "close_notify"
            except ssl.SSLError as error:
                cut = isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING"
                return b"".join(parts), "cut" if cut else str(error.reason)
