"""TLS of the connection that is asked about: a handshake in memory, by the bind line's own certificates.

So names choose among certificates, a client's certificate is verified, and ALPN finds a protocol as they do in traffic.
A certificate that comes without its key cannot be shown in a handshake: then it is taken for verified (`Presented`).
"""

import socket
from pathlib import Path
from typing import cast

from pointsman.core.tls import Certificate, Connection, Context, TlsError, error_text, pem_certificates
from pointsman.tls.front import FrontTls
from pointsman.verbs.explain.entrance import AskedError

TURNS = 100  # of both ends, for a handshake: each has a few flights
# What clients offer, as on the wire, and what they want, by the version of HTTP that they speak.
ALPN = {
    "2": (b"\x02h2\x08http/1.1", b"h2"),
    "1.1": (b"\x08http/1.1", b"http/1.1"),
    "1.0": (b"\x08http/1.0", b"http/1.0"),
}


class HandshakeError(Exception):
    """It fails; the text says why."""


class Presented:
    """A connection that knows of a client certificate, whoever has vouched for it."""

    def __init__(self, of: Connection | None, certificates: list[bytes], name: str, alpn: bytes | None) -> None:
        self.of = of
        self.peer = Certificate(certificates[0])
        self.peer_chain = certificates
        self.name = name.encode() if name else None
        self.alpn = of.alpn if of is not None else alpn
        self.finished = True
        self.shown = True
        self.result = 0
        self.first_errors = (0, 0, 0)
        self.verify = (0, 0)

    def __getattr__(self, name: str) -> object:
        return getattr(self.of, name) if self.of is not None else NOTHING.get(name)


# What is said of a connection whose handshake could not be had.
NOTHING: dict[str, object] = {
    "resumed": False,
    "early": False,
    "early_seen": False,
    "bits": (0, 0),
    "session_id": b"",
    "client_random": b"",
    "server_random": b"",
    "master_key": b"",
    "own_finished": b"",
    "peer_finished": b"",
    "cause": 0,
}


def shake(front: FrontTls, name: str, certificate: str, version: str) -> tuple[Connection, tuple[str, ...]]:
    """What is known of the connection then, and notes about it. Raises HandshakeError where the program would end the
    connection, AskedError for a file that cannot be used."""
    pem = _read(certificate) if certificate else b""
    chain = _chain(pem, certificate) if certificate else []
    offer, alpn = ALPN.get(version, ALPN["1.1"])
    if chain and b"PRIVATE KEY" not in pem:
        note = "the client's certificate is taken for verified: with its key in the file it would be"
        try:
            of = _shake(front, name, b"", offer)
        except HandshakeError:
            of = None
        return cast(Connection, Presented(of, chain, name, alpn)), (note,)
    return _shake(front, name, pem, offer), ()


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise AskedError(f"cannot read the client's certificate '{path}': {error.strerror}") from error


def _chain(pem: bytes, path: str) -> list[bytes]:
    try:
        found = pem_certificates(pem)
    except ValueError as error:
        raise AskedError(f"'{path}' holds no certificate: {error}") from error
    if not found:
        raise AskedError(f"'{path}' holds no certificate in PEM")
    return found


def _shake(front: FrontTls, name: str, pem: bytes, alpn: bytes) -> Connection:
    context = Context(False)
    context.verify(0, (), (), 0)
    context.alpn = alpn
    if pem:
        try:
            context.certificate(pem, pem, None)
        except (ValueError, TlsError) as error:
            raise AskedError(f"the client's certificate cannot be used: {error}") from error
    near, far = socket.socketpair()  # nobody else's: two ends in this process
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        server = Connection(front.context, near.fileno())
        client = Connection(context, far.fileno(), b"", name or None)
        try:
            _turns(server, client)
        finally:
            client.close()
            server.close()
    return server


def _turns(server: Connection, client: Connection) -> None:
    done = [False, False]
    for _ in range(TURNS):
        for index, one in enumerate((client, server)):
            if not done[index]:
                try:
                    done[index] = one.handshake() == 0
                except OSError as error:
                    code = getattr(error, "code", 0)
                    text = error_text(code).decode("latin-1") if code else str(error)
                    if index == 0 and not done[1]:
                        continue  # the server says what is wrong
                    raise HandshakeError(text) from error
        if all(done):
            return
    raise HandshakeError("it comes to no end")
