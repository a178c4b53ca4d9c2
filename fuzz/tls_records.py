"""Bytes that are no TLS, or no longer: a server's and a client's side end with a documented error, whatever comes.

Each input goes to a server and to a client before their handshake, the peer having ended behind it; then, in place of
records, to both ends of a connection whose handshake is over; and to both ends of one on which early data was sent,
which is taken and answered before that.
"""

import errno
import socket
import subprocess
from functools import cache
from typing import Final

from pointsman.core.tls import VERSION, Connection, Context, TlsError

EARLY: Final = 0x1000  # what `handshake` says of early data
ROUNDS: Final = 100  # calls until an end that has come must have been seen
CERTIFICATE: Final = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "-",
                      "-days", "30", "-subj", "/CN=fuzz.test")  # fmt: skip


@cache
def contexts() -> tuple[Context, Context]:
    """A server's, with all that looks at a hello, and a client's."""
    pem = subprocess.run(["openssl", *CERTIFICATE], capture_output=True, check=True).stdout
    server, client = Context(True), Context(False)
    server.certificate(pem, pem)
    server.early = 1_000
    server.names = {b"fuzz.test": server, b"*.fuzz.test": None}
    server.alpn = client.alpn = b"\x02h2\x08http/1.1"
    server.tickets([bytes(range(80))])
    server.capture = 512
    server.keylog = client.sessions = True
    return server, client


def flights(version: str) -> list[bytes]:
    """What both sides send in a handshake."""
    server, client = contexts()
    client.set("MinProtocol", version)
    client.set("MaxProtocol", version)
    a, b = socket.socketpair()
    with a, b:
        ends = (b, Connection(client, a.fileno(), name="www.fuzz.test")), (a, Connection(server, b.fileno()))
        found = []
        for peer, connection in ends:
            connection.handshake()
            found.append(peer.recv(1 << 16, socket.MSG_PEEK))
    client.set("MinProtocol", "TLSv1.2")
    client.set("MaxProtocol", "TLSv1.3")
    return found


@cache
def session() -> bytes:
    """One that a client can resume with early data."""
    server, client = contexts()
    a, b = socket.socketpair()
    with a, b:
        here, there = Connection(server, a.fileno()), Connection(client, b.fileno(), name="fuzz.test")
        while (there.handshake(), here.handshake()) != (0, 0):
            pass
        here.write(b"x")
        assert there.read(10) == b"x" and there.session is not None
        return there.session


def resuming(sock: socket.socket, early: bytes) -> Connection:
    """A client that has sent its hello and early data."""
    made = Connection(contexts()[1], sock.fileno(), name="fuzz.test", session=session())
    assert made.allow_early() == 1_000 and made.write(early) == len(early)
    return made


def early_flight() -> bytes:
    a, b = socket.socketpair()
    with a, b:
        resuming(b, b"GET / HTTP/1.1\r\n\r\n")
        return a.recv(1 << 16)


SEEDS: Final = [
    b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03",
    b"\x15\x03\x03\x00\x02\x01\x00",
    b"\x17\x03\x03\x00\x10" + bytes(16),
    b"\x14\x03\x03\x00\x01\x01",
    b"GET / HTTP/1.1\r\n\r\n",
    *([flight for version in ("TLSv1.2", "TLSv1.3") for flight in flights(version)] if VERSION else []),
    *([early_flight()] if VERSION else []),
]


def play(connection: Connection, shaken: bool) -> None:
    """Calls as a wire makes them, until the peer's end is seen."""
    try:
        for _ in range(ROUNDS):
            waits = 0 if shaken else connection.handshake()
            if waits & EARLY:
                connection.read(1000)
                connection.write(bytes(100))
            elif waits == 0:
                shaken = True
                if connection.read(1000) == b"":
                    connection.write(b"x")
                    connection.shut()
                    return
    except TlsError as error:
        assert error.errno == errno.EPROTO and error.strerror
    except (ConnectionResetError, BrokenPipeError):
        pass
    else:
        raise AssertionError("no end")


def fuzz_one(data: bytes) -> None:
    if not VERSION:
        return
    server, client = contexts()
    for context in (server, client):
        a, b = socket.socketpair()
        with a, b:
            connection = Connection(context, a.fileno(), data[:3] if data[:1] == b"\x16" else b"")
            b.send(data[3:] if data[:1] == b"\x16" else data)
            b.shutdown(socket.SHUT_WR)
            play(connection, False)
    a, b = socket.socketpair()
    with a, b:
        here, there = Connection(server, a.fileno()), Connection(client, b.fileno(), name="fuzz.test")
        while (there.handshake(), here.handshake()) != (0, 0):
            pass
        here.write(b"x" * 100)
        for connection, peer in ((here, b), (there, a)):
            peer.send(data)
            peer.shutdown(socket.SHUT_WR)
            play(connection, True)
    a, b = socket.socketpair()
    with a, b:
        here, there = Connection(server, a.fileno()), resuming(b, b"x" * 100)
        assert here.handshake() & EARLY
        for connection, peer in ((here, b), (there, a)):
            peer.send(data)
            peer.shutdown(socket.SHUT_WR)
            play(connection, False)
