"""PROXY headers of version 2 that both programs send for the same clients, over TLS and not (manual 5.2)."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.certificates import Authority, authority
from support.programs import HAPROXY, POINTSMAN, Kind, Program

from pointsman.core.tls import MISSING
from pointsman.proto.proxy import CRC32C, SIGNATURE

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed"),
    pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL"),
]

HOST = "www.example.test"
ALL = "ssl,cert-cn,ssl-cipher,cert-sig,cert-key,crc32c,unique-id,authority"
OPTIONS = (
    "send-proxy-v2",
    "send-proxy-v2-ssl",
    "send-proxy-v2-ssl-cn",
    *(f"send-proxy-v2 proxy-v2-options {name}" for name in ALL.split(",")),
    "send-proxy-v2-ssl-cn no-send-proxy",
    "send-proxy send-proxy-v2-ssl",
    f"send-proxy-v2 proxy-v2-options {ALL}",
)
EVERYTHING = len(OPTIONS) - 1
TEXT = """
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port:plain}
    bind 127.0.0.1:{port:ec} ssl crt {ec} ca-file {ca} verify optional {ignored} alpn http/1.1
    bind 127.0.0.1:{port:rsa} ssl crt {rsa} ssl-max-ver TLSv1.2
    bind 127.0.0.1:{port:ed} ssl crt {ed}
    unique-id-format id-%ci
""" + "".join(f"    use_backend b{number} if {{ path /{number} }}\n" for number in range(len(OPTIONS)))


@dataclass(frozen=True)
class Client:
    port: str = "plain"
    shown: Path | None = None
    name: str | None = HOST
    alpn: bool = False
    resumed: bool = False


def context(client: Client) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if client.shown is not None:
        made.load_cert_chain(client.shown)
    if client.alpn:
        made.set_alpn_protocols(["http/1.1"])
    if client.resumed:
        made.maximum_version = ssl.TLSVersion.TLSv1_2
    return made


def fetch(program: Program, server: socket.socket, client: Client, number: int) -> list[bytes]:
    """What the server was told, without what a run differs in: the command and the family, then TLV by TLV."""
    made = context(client)
    session = None
    for last in (False, True) if client.resumed else (True,):
        with socket.create_connection(("127.0.0.1", program.ports[client.port]), timeout=10) as sock:
            end = sock
            if client.port != "plain":
                end = made.wrap_socket(sock, server_hostname=client.name, session=session)
            end.sendall(b"GET /%d HTTP/1.0\r\n\r\n" % number)
            header = serve(server)
            assert end.recv(100).startswith(b"HTTP/1.1 204")
            session = end.session if isinstance(end, ssl.SSLSocket) else None
            if last and client.resumed:
                assert isinstance(end, ssl.SSLSocket) and end.session_reused
            end.close()
    return cut(header)


def serve(server: socket.socket) -> bytes:
    """The header of the next connection, whose request is answered."""
    taken, _ = server.accept()
    with taken:
        taken.settimeout(10)
        data = b""
        while not data[16:].endswith(b"\r\n\r\n"):
            more = taken.recv(4096)
            assert more, data
            data += more
        taken.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert data.startswith(SIGNATURE)
    size = 16 + int.from_bytes(data[14:16], "big")
    assert data[size:].startswith(b"GET /")
    return data[:size]


def cut(header: bytes) -> list[bytes]:
    found = [header[12:14]]
    at = 28
    while at < len(header):
        kind, size = struct.unpack(">BH", header[at : at + 3])
        found.append(header[at : at + 3] if kind == CRC32C else header[at : at + 3 + size])
        at += 3 + size
    return found


def told(kind: Kind, folder: Path, questions: Sequence[tuple[Client, int]]) -> list[list[bytes]]:
    ca = folder / "ca.pem"
    ca.write_bytes(authority().ca)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        where = f"127.0.0.1:{server.getsockname()[1]}"
        backends = "".join(f"backend b{n}\n    server s {where} {words}\n" for n, words in enumerate(OPTIONS))
        values = {one: str(authority().path(HOST, one)) for one in ("ec", "rsa", "ed")}
        values |= {"ca": str(ca), "ignored": "ca-ignore-err all crt-ignore-err all"}
        (folder / kind.name).mkdir(exist_ok=True)
        with Program(kind, TEXT + backends, folder / kind.name, values) as program:
            return [fetch(program, server, client, number) for client, number in questions]


def test_both_programs_tell_the_same(tmp_path: Path) -> None:
    good = authority().path("client.example")
    late = authority().path("late.example", expired=True)
    foreign = Authority("another").path("foreign.example")
    clients = [
        Client("ec", None),
        Client("ec", None, None),
        Client("ec", late, alpn=True),
        Client("ec", foreign, HOST.upper()),
        Client("rsa"),
        Client("ed"),
        Client("ec", good, resumed=True),
    ]
    questions = [(client, number) for client in (Client(), Client("ec", good)) for number in range(len(OPTIONS))]
    questions += [(client, EVERYTHING) for client in clients]
    theirs, ours = told(HAPROXY, tmp_path, questions), told(POINTSMAN, tmp_path, questions)
    for (client, number), one, other in zip(questions, theirs, ours, strict=True):
        assert other == one, (client, OPTIONS[number])
    told_of_all = ours[2 * EVERYTHING + 1]
    assert any(b"client.example" in one and b"EC256" in one for one in told_of_all)
    assert ours[-1][-1][:8] == b"\x20" + struct.pack(">H", len(ours[-1][-1]) - 3) + b"\x05\0\0\0\0"
