"""Servers behind a SOCKS4 proxy (manual 5.2 socks4, check-via-socks4), with two lanes: TLS, TCP mode, checks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.crowd import get, until
from support.programs import POINTSMAN, Program
from support.scenario import query, show_stat
from support.scripted_servers import PATIENCE, CheckServers, Until
from support.socks4_relay import Socks4Relay
from support.tls_origin import HOST, TlsOrigin
from support.tls_stand import serving

from pointsman.core.tls import MISSING

pytestmark = pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL")

CONFIG = """
global
    nbthread 2
    stats socket {dir}/stats level admin
    max-spread-checks 100
defaults
    mode http
    retries 0
    timeout connect 10s
    timeout client 10s
    timeout server 10s
    http-reuse always
frontend web
    bind 127.0.0.1:{port:web}
    use_backend later if { path /later }
    default_backend secure
backend secure
    option httpchk
    http-check send meth GET uri /check
    server s1 192.0.2.7:443 socks4 127.0.0.1:{relay} ssl verify none sni str(www.example.test) check check-via-socks4
backend later
    server s1 192.0.2.8:80 socks4 127.0.0.1:{relay}
listen raw
    mode tcp
    bind 127.0.0.1:{port:raw}
    server s1 192.0.2.9:25 socks4 127.0.0.1:{echo} send-proxy
"""
LARGE = bytes(range(256)) * 4096


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, Socks4Relay, TlsOrigin]]:
    echo = Echo()
    with TlsOrigin(serving(HOST)) as origin:
        relay, other = Socks4Relay(origin.port), Socks4Relay(echo.port)
        values = {"relay": str(relay.port), "echo": str(other.port)}
        with Program(POINTSMAN, CONFIG, tmp_path_factory.mktemp("p"), values) as program:
            yield program, relay, origin
        relay.close()
        other.close()
        echo.close()


class Echo:
    """Sends back what comes, behind the line that it begins with."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            while data := sock.recv(65_536):
                sock.sendall(data)

    def close(self) -> None:
        self.listener.close()


def test_requests_over_tls_by_the_proxy(stand: tuple[Program, Socks4Relay, TlsOrigin]) -> None:
    """The certificate and the name are the server's, connections are used again, and checks go the same way."""
    program, relay, origin = stand
    assert [get(program.ports["web"], "/") for _ in range(12)] == [200] * 12
    until(lambda: "L7OK" in show_stat(program.folder / "stats")["secure/s1"]["check_status"], PATIENCE)
    assert set(relay.asked) == {b"\4\1" + (443).to_bytes(2, "big") + bytes((192, 0, 2, 7))}
    assert {seen.name for seen in origin.seen} >= {HOST}
    lanes = 2
    assert len([seen for seen in origin.seen if seen.name == HOST]) <= lanes
    assert int(show_stat(program.folder / "stats")["secure/s1"]["reuse"]) >= 10


def test_bytes_pass_behind_the_header(stand: tuple[Program, Socks4Relay, TlsOrigin]) -> None:
    program = stand[0]
    with socket.create_connection(("127.0.0.1", program.ports["raw"]), timeout=PATIENCE) as client:
        threading.Thread(target=client.sendall, args=(LARGE,), daemon=True).start()
        data = b""
        while len(data) < len(LARGE) or not data.endswith(LARGE):
            piece = client.recv(65_536)
            assert piece
            data += piece
    head, _, rest = data.partition(b"\r\n")
    assert head.startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ")
    assert rest == LARGE


def test_an_address_that_the_protocol_does_not_know(stand: tuple[Program, Socks4Relay, TlsOrigin]) -> None:
    """A server may be moved to one while it runs: nothing reaches it there, and nothing else is disturbed."""
    program, relay, _ = stand
    query(program.folder / "stats", "set server later/s1 addr 2001:db8::1")
    before = len(relay.asked)
    until(lambda: get(program.ports["web"], "/later") == 503 and get(program.ports["web"], "/later") == 503, PATIENCE)
    assert get(program.ports["web"], "/") == 200
    assert b"\x20\x01" not in b"".join(relay.asked[before:])


def test_a_proxy_that_is_silent_holds_up_nothing_else(tmp_path: Path) -> None:
    """Two lanes, one of whose servers never answers the handshake: `timeout connect` ends it."""
    servers = CheckServers()
    try:
        port = servers.add((Until(b"HAProxy\0"), "hold"))
        text = """
global
    nbthread 2
defaults
    mode http
    retries 0
    timeout connect 400ms
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port:web}
    http-request return status 204 if { path /own }
    default_backend silent
backend silent
    server s1 192.0.2.7:80 socks4 127.0.0.1:{socks}
"""
        with Program(POINTSMAN, text, tmp_path, {"socks": str(port)}) as program:
            found: list[int] = []
            threads = [threading.Thread(target=lambda: found.append(get(program.ports["web"], "/"))) for _ in range(8)]
            for thread in threads:
                thread.start()
            assert get(program.ports["web"], "/own") == 204
            for thread in threads:
                thread.join(PATIENCE)
        assert found == [503] * 8
    finally:
        servers.close()
