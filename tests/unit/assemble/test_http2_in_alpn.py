"""Clients and servers are offered what lines say, in each mode (manual 5.1, 5.2)."""

import socket
import ssl
import threading
from pathlib import Path

import pytest
from support.certificates import authority
from support.configs import good
from support.programs import POINTSMAN, Program

import pointsman.keywords
from pointsman.assemble import assemble
from pointsman.core.tls import MISSING

assert pointsman.keywords

pytestmark = pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL")
HOST = "www.example.test"
TEXT = """
defaults
    mode {mode}
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port:web} ssl crt {pem} alpn h2,http/1.1
    default_backend app
backend app
    server s 127.0.0.1:{server} ssl verify none alpn {agreed}
"""


@pytest.mark.parametrize("mode", ["http", "tcp"])
def test_servers(mode: str) -> None:
    lines = [f"server {name} 10.0.0.1:443 ssl alpn h2,http/1.1 verify none" for name in "st"]
    loaded = good("backend", f"mode {mode}", *lines)
    live = assemble(loaded.configuration, loaded.diagnostics)
    live.reactor.epoll.close()
    offers = [options.alpn for options in live.server_contexts.made]
    assert offers[0] == b"\x02h2\x08http/1.1"
    assert [one for one in loaded.warnings if "h2" in one] == []


@pytest.mark.parametrize("front, back", [("tcp", "tcp"), ("tcp", "http"), ("http", "http")])
def test_clients(front: str, back: str, tmp_path: Path) -> None:
    """Requests may also be read behind a frontend in TCP mode."""
    (tmp_path / "list").write_text(f"{authority().path(HOST)} [alpn h2,x]\n")
    bind = f"bind 127.0.0.1:1 ssl alpn h2,x crt-list {tmp_path}/list"
    before = f"backend b\n mode {back}\n server s 10.0.0.1:80\n"
    loaded = good("frontend", bind, f"mode {front}", "default_backend b", before=before)
    live = assemble(loaded.configuration, loaded.diagnostics)
    live.reactor.epoll.close()
    (shown,) = live.fronts
    assert (shown.own.alpn, shown.lines[0].options.alpn) == (b"\x02h2\x01x", b"\x02h2\x01x")
    assert [one for one in loaded.warnings if "h2" in one] == []


@pytest.mark.parametrize("mode, agreed", [("tcp", "h2"), ("http", "http/1.1")])
def test_what_both_ends_agree_on(mode: str, agreed: str, tmp_path: Path) -> None:
    """And in TCP mode their bytes pass, whatever they say."""
    pem = authority().path(HOST)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.set_alpn_protocols(["h2", "http/1.1"])
    found: list[str | None] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as sock, context.wrap_socket(sock, server_side=True) as tls:
                found.append(tls.selected_alpn_protocol())
                assert tls.recv(1000)
                tls.sendall(b"HTTP/1.0 200 OK\r\n\r\nPRI")

        thread = threading.Thread(target=serve)
        thread.start()
        values = {"mode": mode, "pem": str(pem), "agreed": agreed, "server": str(listening.getsockname()[1])}
        with Program(POINTSMAN, TEXT, tmp_path, values) as program:
            client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
            client.set_alpn_protocols(["h2", "http/1.1"] if mode == "tcp" else ["http/1.1"])
            with (
                socket.create_connection(("127.0.0.1", program.ports["web"]), 5) as sock,
                client.wrap_socket(sock, server_hostname=HOST) as tls,
            ):
                assert tls.selected_alpn_protocol() == agreed
                tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
                received = b""
                while data := tls.recv(1000):
                    received += data
        thread.join(5)
    assert received.endswith(b"PRI")
    assert found == [agreed]
