"""docs/tls-clients.md: its configurations are served, and say of clients what they are there for."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.programs import POINTSMAN, ROOT, Program
from support.receiver import LogReceiver
from support.tls_pairs import certificates
from support.x509 import forest

from pointsman.core.tls import MISSING

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

BLOCK = re.compile(r"(?ms)^```haproxy tls\n(.*?)^```$")
BLOCKS = BLOCK.findall((ROOT / "docs" / "tls-clients.md").read_text(encoding="utf-8"))
SUBJECT = "CN=second\\;#"
Fields = dict[str, str]


class Server:
    """It answers each request on a connection of its own, and keeps the fields of the last one."""

    def __init__(self) -> None:
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.fields: Fields = {}
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                accepted = self.sock.accept()[0]
            except OSError:
                return
            with accepted:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += accepted.recv(65536)
                lines = data.decode("latin-1").split("\r\n")[1:-2]
                self.fields = dict(line.split(": ", 1) for line in lines)
                accepted.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")


@contextmanager
def served(number: int, folder: Path, log: str = "127.0.0.1:9") -> Iterator[tuple[int, Server]]:
    certificates()
    files, server = forest().folder, Server()
    text = BLOCKS[number].replace("bind :8443", "bind 127.0.0.1:{port:front}")
    text = text.replace("/etc/haproxy/site.pem", str(files / "front.pem"))
    text = text.replace("/etc/haproxy/clients.pem", str(forest().authorities()))
    text = text.replace("127.0.0.1:9001", f"127.0.0.1:{server.sock.getsockname()[1]}").replace("127.0.0.1:5514", log)
    with Program(POINTSMAN, text, folder) as program:
        yield program.ports["front"], server
    server.sock.close()


def context(certificate: str = "") -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(forest().folder / "root.crt"))
    if certificate:
        made.load_cert_chain(forest().folder / certificate)
    return made


def get(port: int, client: ssl.SSLContext, path: str = "/") -> tuple[int, bytes]:
    """The status, and the client's hello, as it left."""
    sent, received = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client.wrap_bio(received, sent, server_hostname="www.example.test")
    hello = b""
    with socket.create_connection(("127.0.0.1", port), 10) as sock:

        def until(call):  # type: ignore[no-untyped-def]
            nonlocal hello
            while True:
                try:
                    done = call()
                except ssl.SSLWantReadError:
                    done = None
                data = sent.read()
                hello = hello or data
                sock.sendall(data)
                if done is not None:
                    return done
                received.write(sock.recv(65536))

        until(lambda: tls.do_handshake() or True)
        until(lambda: tls.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nx-client-name: root\r\n\r\n".encode()))
        return int(until(lambda: tls.read(65536)).split(b" ")[1]), hello


def numbers(data: bytes) -> list[int]:
    """Of two octets; GREASE is left out."""
    found = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
    return [one for one in found if one & 0x0F0F != 0x0A0A or one >> 8 != one & 0xFF]


def taken_apart(hello: bytes) -> tuple[int, list[int], list[tuple[int, bytes]]]:
    """The version, suites and extensions of a hello (RFC 8446, 4.1.2)."""
    at = 9 + 2 + 32  # record, message, version, random
    at += 1 + hello[at]
    size = int.from_bytes(hello[at : at + 2], "big")
    suites = numbers(hello[at + 2 : at + 2 + size])
    at += 2 + size
    at += 1 + hello[at] + 2
    extensions = []
    while at < len(hello):
        size = int.from_bytes(hello[at + 2 : at + 4], "big")
        extensions.append((int.from_bytes(hello[at : at + 2], "big"), hello[at + 4 : at + 4 + size]))
        at += 4 + size
    return int.from_bytes(hello[9:11], "big"), suites, extensions


def test_names_of_clients(tmp_path: Path) -> None:
    with served(0, tmp_path) as (port, server):
        assert get(port, context("client.pem"), "/private")[0] == 200
        names = {name: value for name, value in server.fields.items() if name.startswith("x-client")}
        assert names["x-client-name"] == "client" and SUBJECT in names["x-client-dn"].replace("\\\\", "\\")
        assert "DNS:www.example.test" in names["x-client-names"]
        assert names["x-client-sha1"] == hashlib.sha1(forest().der("client")).hexdigest()
        assert re.fullmatch(r"\d{12}Z", names["x-client-until"]) and "x-client-error" not in names
        assert get(port, context("alone.pem"), "/private")[0] == 403
        assert get(port, context("alone.pem"))[0] == 200
        assert server.fields["x-client-error"] == "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT"
        assert get(port, context(), "/private")[0] == 403
        assert get(port, context())[0] == 200
        assert not [name for name in server.fields if name.startswith("x-client")]


@pytest.mark.parametrize("protocol", ["", "http/1.1"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_kinds_of_clients(tmp_path: Path, version: ssl.TLSVersion, protocol: str) -> None:
    client = context()
    client.minimum_version = client.maximum_version = version
    if protocol:
        client.set_alpn_protocols([protocol])
    with served(1, tmp_path) as (port, server):
        status, hello = get(port, client)
    assert status == 200
    number, suites, extensions = taken_apart(hello)
    kinds, lists = [kind for kind, _ in extensions], dict(extensions)
    groups, formats, algorithms = numbers(lists[10][2:]), list(lists[11][1:]), numbers(lists[13][2:])
    ja3 = ",".join([str(number), *("-".join(map(str, one)) for one in (suites, kinds, groups, formats))])
    assert server.fields["x-ja3"] == ja3
    assert server.fields["x-ja3-digest"] == hashlib.md5(ja3.encode()).hexdigest()
    name = "13" if version == ssl.TLSVersion.TLSv1_3 else "12"
    first = f"t{name}d{len(suites):02}{len(kinds):02}{'h1' if protocol else '00'}"
    rest = [",".join(f"{one:04x}" for one in those) for those in (suites, kinds, algorithms)]
    assert server.fields["x-ja4"] == "_".join([first, *rest])


def test_the_log_of_keys(tmp_path: Path) -> None:
    """What OpenSSL itself writes for the same connection."""
    log, client = LogReceiver(), context()
    client.keylog_filename = str(tmp_path / "keys")
    with served(2, tmp_path / "program", log.where) as (port, _):
        assert get(port, client)[0] == 200
        log.wait(5)
    told = " ".join(log.close()).lower()
    lines = [line for line in (tmp_path / "keys").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == 5
    for line in lines:
        label, random, secret = line.lower().split()
        assert f"{label} {random} {secret}" in told
