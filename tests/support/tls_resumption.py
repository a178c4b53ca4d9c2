"""A client of Python's ssl that shakes hands with a Context of ours, with a session of before or without one."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

from pointsman.core.tls import Connection, Context, TlsError

TLS12 = ssl.TLSVersion.TLSv1_2
TLS13 = ssl.TLSVersion.TLSv1_3


@dataclass(frozen=True)
class Talk:
    """How it went. `resumed`: as both ends say."""

    session: ssl.SSLSession
    resumed: bool


class ResumingClient:
    """Sessions belong to the context of the client that has got them."""

    def __init__(self, version: ssl.TLSVersion, name: str | None = "www.example.test", pem: str = "") -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.context.minimum_version = self.context.maximum_version = version
        if pem:
            self.context.load_cert_chain(pem)
        self.name = name

    def talk(self, server: Context, session: ssl.SSLSession | None = None) -> Talk:
        """One connection, with a word from the server, so that tickets of TLS 1.3 have come. TlsError, SSLError: the
        handshake has failed."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        connection = Connection(server, ours.fileno())
        try:
            with self.context.wrap_socket(
                theirs, server_hostname=self.name, session=session, do_handshake_on_connect=False
            ) as client:
                ended = False
                for _ in range(10):
                    try:
                        client.do_handshake()
                        ended = True
                    except ssl.SSLWantReadError:
                        pass
                    if not connection.handshake() and ended:
                        break
                assert connection.write(b"word") == 4
                assert client.recv(10) == b"word"
                assert client.session_reused == connection.resumed
                assert client.session is not None
                return Talk(client.session, connection.resumed)
        finally:
            connection.close()
            ours.close()


__all__ = ["TLS12", "TLS13", "ResumingClient", "Talk", "TlsError"]
