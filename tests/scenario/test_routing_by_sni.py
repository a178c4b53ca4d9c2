"""docs/tls-passthrough.md: three servers of TLS, chosen by the name in the hello, whose bytes nobody decrypts."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread

import pytest
from support.certificates import authority
from support.hello import WHOLE, client_hello, extension, sized
from support.programs import POINTSMAN, ROOT, Program
from support.tls_origin import TlsOrigin

from pointsman.core.tls import MISSING

PAGE = (ROOT / "docs" / "tls-passthrough.md").read_text(encoding="utf-8")
BY_NAME, MIXED = re.findall(r"(?ms)^```haproxy\n(.*?)^```$", PAGE)
NAMES = {"one": "shop.test", "two": "a.mail.test", "three": "rest.test"}
PORTS = {"9441": "one", "9442": "two", "9443": "three"}
WITH_CURL = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is needed")


def page(text: str, ports: dict[str, int], delay: str = "5s") -> str:
    """A block of the page, with this test's ports."""
    for there, here in ports.items():
        text = text.replace(f"127.0.0.1:{there}", f"127.0.0.1:{here}")
    return text.replace("bind :443", "bind 127.0.0.1:{port:front}").replace(
        "inspect-delay 5s", f"inspect-delay {delay}"
    )


@contextmanager
def tls_servers() -> Iterator[dict[str, TlsOrigin]]:
    """Each has a certificate of its own, and answers with the name that its connection's hello has said."""
    with ExitStack() as stack:
        made = {}
        for server, name in NAMES.items():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(authority().path(name))
            context.set_alpn_protocols(["http/1.1", "acme-tls/1"])
            made[server] = stack.enter_context(TlsOrigin(context))
        yield made


def served(ports: dict[str, int], folder: Path, text: str = BY_NAME, delay: str = "5s") -> Program:
    return Program(POINTSMAN, page(text, ports, delay), folder)


@WITH_CURL
@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_curl_and_openssl_reach_the_server_of_their_name(tmp_path: Path) -> None:
    """They verify its certificate, so what they have spoken to is the server itself."""
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority().ca)
    with tls_servers() as servers:
        ports = {there: servers[server].port for there, server in PORTS.items()}
        with served(ports, tmp_path / "program") as program:
            front = program.ports["front"]
            for server, name in NAMES.items():
                words = ["--cacert", str(ca), "--connect-to", f"{name}:443:127.0.0.1:{front}", f"https://{name}/"]
                done = subprocess.run(["curl", "-sS", "-m", "10", *words], capture_output=True, check=True)
                assert done.stdout == name.encode()
                assert [one.name for one in servers[server].seen] == [name]
                for version in ("-tls1_2", "-tls1_3"):
                    where = ["-connect", f"127.0.0.1:{front}", "-servername", name.upper(), version, "-CAfile", str(ca)]
                    shown = subprocess.run(
                        ["openssl", "s_client", *where, "-verify_return_error", "-verify_hostname", name],
                        input=b"",
                        capture_output=True,
                        check=True,
                    ).stdout
                    assert f"subject=CN = {name}".encode() in shown, shown
                    assert b"Verify return code: 0 (ok)" in shown
            words = ["-connect", f"127.0.0.1:{front}", "-noservername", "-alpn", "acme-tls/1"]
            shown = subprocess.run(["openssl", "s_client", *words], input=b"", capture_output=True, check=True).stdout
            assert b"subject=CN = a.mail.test" in shown
            shown = subprocess.run(
                ["openssl", "s_client", *words[:3]], input=b"", capture_output=True, check=True
            ).stdout
            assert b"subject=CN = rest.test" in shown
        lines = (tmp_path / "program" / "stdout").read_text().splitlines()
    assert sum(" shop.test shop/one " in line and line.endswith(" --") for line in lines) == 3
    assert sum(" a.mail.test mail/two " in line for line in lines) == 3
    assert sum(" - mail/two " in line or " - rest/three " in line for line in lines) == 2


class Raw:
    """A server that keeps what it was sent, up to `size` bytes, and answers with its name."""

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size
        self.seen: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
        self.port = self.listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            data = b""
            while len(data) < self.size and (more := sock.recv(65_536)):
                data += more
            self.seen.append(data)
            sock.sendall(self.name.encode())

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def hello(name: str) -> bytes:
    named = extension(0, b"\0" + sized(2, name.encode()))
    return client_hello(extensions=(*WHOLE[1:], named, (21, bytes(20 - len(name)))))


def opened(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), 10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def all_of(sock: socket.socket) -> bytes:
    data = b""
    while more := sock.recv(65_536):
        data += more
    return data


@pytest.fixture
def raw_servers() -> Iterator[dict[str, Raw]]:
    with ExitStack() as stack:
        yield {server: stack.enter_context(Raw(server, len(hello("x")))) for server in NAMES}


@pytest.mark.parametrize("server", NAMES)
def test_a_hello_cut_at_every_byte(server: str, raw_servers: dict[str, Raw], tmp_path: Path) -> None:
    """All cuts at once, each with its first part alone for a while; the server gets the same bytes."""
    whole = hello(NAMES[server])
    ports = {there: raw_servers[name].port for there, name in PORTS.items()}
    with served(ports, tmp_path, delay="20s") as program, ExitStack() as stack:
        clients = [stack.enter_context(opened(program.ports["front"])) for _ in range(len(whole))]
        for cut, client in enumerate(clients):
            client.sendall(whole[:cut])
        time.sleep(0.3)
        assert not any(one.seen for one in raw_servers.values())
        for cut, client in enumerate(clients):
            client.sendall(whole[cut:])
        assert {all_of(client) for client in clients} == {server.encode()}
    assert raw_servers[server].seen == [whole] * len(whole)


def test_a_hello_byte_by_byte_and_what_comes_behind(raw_servers: dict[str, Raw], tmp_path: Path) -> None:
    """The bytes behind the hello go on as well, in their order."""
    whole, behind = hello("shop.test"), bytes(range(256)) * 200
    raw_servers["one"].size += len(behind)
    ports = {there: raw_servers[name].port for there, name in PORTS.items()}
    with served(ports, tmp_path) as program, opened(program.ports["front"]) as client:
        for at in range(len(whole)):
            client.sendall(whole[at : at + 1])
        client.sendall(behind)
        assert all_of(client) == b"one"
    assert raw_servers["one"].seen == [whole + behind]


def test_what_is_no_hello_is_refused_and_when(raw_servers: dict[str, Raw], tmp_path: Path) -> None:
    """Garbage at its first byte; silence, and a hello that stays cut, when the delay is over; an end at once."""
    ports = {there: raw_servers[name].port for there, name in PORTS.items()}
    whole = hello("shop.test")
    with served(ports, tmp_path, delay="700ms") as program:
        for data, ends, least, most in (
            (b"G", False, 0.0, 0.5),
            (b"GET / HTTP/1.1\r\n\r\n", False, 0.0, 0.5),
            (b"", False, 0.65, 3.0),
            (whole[:50], False, 0.65, 3.0),
            (whole[:50], True, 0.0, 0.5),
            (b"\x16\x03\x01\x00\x02\x01\x00\x00\x00\x00", False, 0.0, 0.5),
        ):
            with opened(program.ports["front"]) as client:
                start = time.monotonic()
                client.sendall(data)
                if ends:
                    client.shutdown(socket.SHUT_WR)
                try:
                    assert client.recv(10) == b""
                except ConnectionResetError:
                    pass
                assert least <= time.monotonic() - start <= most, data
    assert not any(one.seen for one in raw_servers.values())
    lines = (tmp_path / "stdout").read_text().splitlines()
    assert len(lines) == 6 and all("tls/<NOSRV>" in line and line.endswith(" PR") for line in lines), lines


def test_one_port_for_several_protocols(tmp_path: Path) -> None:
    sent = {"tls": hello("x"), "ssh": b"SSH-2.0-client\r\n", "plain": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(Raw(name, len(data))) for name, data in sent.items()}
        ports = {"9441": servers["tls"].port, "9022": servers["ssh"].port, "9080": servers["plain"].port}
        with served(ports, tmp_path, MIXED) as program:
            for name, data in sent.items():
                with opened(program.ports["front"]) as client:
                    client.sendall(data[:3])
                    time.sleep(0.05)
                    client.sendall(data[3:])
                    assert all_of(client) == name.encode()
        assert {name: server.seen for name, server in servers.items()} == {name: [data] for name, data in sent.items()}
