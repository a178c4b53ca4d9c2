"""Both ends of TLS connections that differ in everything that can be asked of them (manual 7.3.4)."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from functools import cache

from pointsman.core.tls import Connection, Context, Identity, TlsError
from support.x509 import CLIENT, UTF8, forest

ALL_ERRORS = tuple(range(1, 256))
TICKETS = bytes(range(80))


@dataclass(frozen=True)
class Kind:
    """What a connection is like. `own`, `shown`: certificates of the server and of the client."""

    version: str
    suite: str
    group: str
    own: str
    shown: str
    name: str | None
    protocol: bytes
    ignored: bool  # whatever verification says


KINDS = {
    "usual": Kind(
        "TLSv1.3", "TLS_AES_256_GCM_SHA384", "X25519", "front", "client", "www.example.test", b"http/1.1", False
    ),
    "another": Kind(
        "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "P-256", "rsa", "stranger", "Other.example.test", b"other/1", True
    ),
    "self-signed": Kind("TLSv1.3", "TLS_AES_128_GCM_SHA256", "P-256", "front", "alone", None, b"http/1.1", True),
    "without": Kind("TLSv1.3", "TLS_AES_128_GCM_SHA256", "X25519", "rsa", "", None, b"http/1.1", True),
    "refused": Kind("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", "P-256", "front", "alone", None, b"other/1", False),
}


def certificates() -> None:
    """All that connections here show."""
    woods = forest()
    woods.make("front", "/C=DE/CN=www.example.test/CN=front")
    woods.make("client", CLIENT, serial=0xFF0102)
    woods.make("rsa", "/O=Other/CN=other.example.test", key=("rsa:2048",), extensions="plain", signer="root", serial=9)
    woods.make("alone", "/O=Alone/CN=alone", signer="", serial=10, days=20000)
    woods.make("elsewhere", "/O=Elsewhere/CN=CA", extensions="root", signer="")
    path = woods.make("stranger", "/O=Strange/CN=stranger/CN=two", ("rsa:2048",), "plain", "elsewhere", 11, UTF8, 400)
    text = path.read_text()
    if text.count("BEGIN CERTIFICATE") == 1:  # its authority is sent along, which nobody trusts
        path.write_text(text + (woods.folder / "elsewhere.crt").read_text())


def contexts(kind: Kind) -> tuple[Context, Context]:
    """Of a server and a client."""
    certificates()
    woods = forest()
    server, client = Context(True), Context(False)
    trusted = (woods.folder / "root.crt").read_bytes()
    for context, shown in ((server, kind.own), (client, kind.shown)):
        if shown:
            pem = (woods.folder / f"{shown}.pem").read_bytes()
            identity = Identity(pem, pem)
            identity.label = f"{shown}.pem".encode()
            context.use(identity)
        context.set("MinProtocol", kind.version)
        context.set("MaxProtocol", kind.version)
        context.set("CipherString" if kind.version == "TLSv1.2" else "Ciphersuites", kind.suite)
        context.set("Groups", kind.group)
        context.alpn = bytes((len(kind.protocol),)) + kind.protocol
        context.keylog = True
        context.trust(trusted, False)
    server.capture = 512
    server.tickets([TICKETS])
    client.sessions = True
    errors = ALL_ERRORS if kind.ignored else ()
    server.verify(1, errors, errors, 0)
    client.verify(1, ALL_ERRORS, ALL_ERRORS, 0)
    return server, client


def early(over: bool) -> tuple[Connection, Connection]:
    """Both ends behind early data, which came along with the hello: behind the handshake as well, or in it."""
    server, client = contexts(KINDS["usual"])
    server.early = 1_000
    first = shaken(KINDS["usual"], those=(server, client))[1]
    a, b = socket.socketpair()
    with a, b:
        a.setblocking(False)
        b.setblocking(False)
        here = Connection(server, a.fileno())
        there = Connection(client, b.fileno(), name=KINDS["usual"].name, session=first.session)
        assert there.allow_early() == 1_000 and there.write(b"early") == 5
        here.handshake()
        assert here.read(100) == b"early"
        while over and (there.handshake(), here.handshake()) != (0, 0):
            pass
        here.close()
        there.close()
        return here, there


def shaken(
    kind: Kind, session: bytes | None = None, those: tuple[Context, Context] | None = None
) -> tuple[Connection, Connection]:
    """The server's end and the client's behind their handshake, or what became of it."""
    server, client = those or contexts(kind)
    a, b = socket.socketpair()
    with a, b:
        a.setblocking(False)
        b.setblocking(False)
        here = Connection(server, a.fileno())
        there = Connection(client, b.fileno(), name=kind.name, session=session)
        try:
            while (there.handshake(), here.handshake()) != (0, 0):
                pass
            here.write(b"x")  # behind the tickets of TLS 1.3
            while not there.read(1):
                pass
        except TlsError:
            pass
        try:
            there.handshake()
        except OSError:
            pass
        here.close()
        there.close()
        return here, there


@cache
def pair(name: str) -> tuple[Connection, Connection]:
    """By a name of KINDS; "resumed": of the usual one, once more; "early", "early, under way": with early data."""
    if name.startswith("early"):
        return early(name == "early")
    if name == "resumed":
        return shaken(KINDS["usual"], pair("usual")[1].session)
    return shaken(KINDS[name])
