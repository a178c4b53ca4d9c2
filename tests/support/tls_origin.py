"""Servers of TLS behind a load balancer, for programs that run: a scripted one of Python, and others' programs."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.certificates import authority
from support.crowd import until
from support.ports import free_port, listening_ports

HOST = "www.example.test"


@dataclass
class Seen:
    """What a connection was: its name, whether its session was resumed, and whom its requests have named."""

    name: str | None
    resumed: bool
    hosts: list[str] = field(default_factory=list)
    client: dict[str, object] | None = None


class TlsOrigin:
    """Answers every request with 200 and the connection's name (SNI)."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.names: dict[int, str | None] = {}
        context.sni_callback = lambda sock, name, _: self.names.__setitem__(id(sock), name)
        self.seen: list[Seen] = []
        self.failed: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.listener.getsockname()[1]
        self.open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        secured = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self.open.append(secured)
        try:
            secured.do_handshake()
        except OSError as error:
            self.failed.append(str(error))
            secured.close()
            return
        reused = bool(secured.session_reused)
        seen = Seen(self.names.pop(id(secured), None), reused, client=secured.getpeercert())
        self.seen.append(seen)
        try:
            data = b""
            while piece := secured.recv(65_536):
                data += piece
                while b"\r\n\r\n" in data:
                    head, _, data = data.partition(b"\r\n\r\n")
                    seen.hosts += [line[6:].decode() for line in head.split(b"\r\n") if line[:6].lower() == b"host: "]
                    body = str(seen.name).encode()
                    secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        except OSError:
            pass
        finally:
            secured.close()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.open:
            sock.close()

    def __enter__(self) -> TlsOrigin:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A program that serves there."""
    silent = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=silent, stderr=silent) as process:
        try:
            until(lambda: port in listening_ports() or process.poll() is not None, 10)
            assert process.poll() is None, command
            yield process
        finally:
            process.terminate()


@contextmanager
def openssl_server(*words: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """openssl s_server: its port, and the process."""
    port, pem = free_port(), str(authority().path(HOST))
    with running(["openssl", "s_server", "-accept", str(port), "-cert", pem, "-key", pem, *words], port) as process:
        yield port, process


@contextmanager
def nginx(folder: Path, *lines: str) -> Iterator[int]:
    port, pem = free_port(), authority().path(HOST)
    text = "\n".join(
        (
            f"worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;",
            "events { worker_connections 64; }",
            "http { access_log off;",
            *(f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")),
            f"server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {pem}; ssl_certificate_key {pem};",
            "ssl_protocols TLSv1.2 TLSv1.3;",
            *lines,
            'return 200 "nginx $ssl_protocol $ssl_server_name $ssl_client_verify"; } }',
        )
    )
    (folder / "nginx.conf").write_text(text)
    with running(["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)], port):
        yield port


@contextmanager
def haproxy(folder: Path, words: str = "") -> Iterator[int]:
    """Debian's, as a server of TLS."""
    port = free_port()
    (folder / "server.cfg").write_text(
        "defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n"
        f"frontend f\n bind 127.0.0.1:{port} ssl crt {authority().path(HOST)} {words}\n"
        ' http-request return status 200 content-type a/b lf-string "haproxy %[ssl_fc_protocol] %[ssl_fc_sni] '
        '%[ssl_c_used]"\n'
    )
    with running(["haproxy", "-db", "-f", str(folder / "server.cfg")], port):
        yield port


def have(program: str) -> bool:
    return shutil.which(program) is not None
