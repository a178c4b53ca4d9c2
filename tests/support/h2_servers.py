"""Servers of HTTP/2 behind a load balancer: others' programs, each in clear and over TLS with ALPN."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.certificates import authority
from support.crowd import until
from support.ports import free_port, listening_ports
from support.programs import ROOT
from support.tls_origin import HOST, running


@dataclass(frozen=True, slots=True)
class Ports:
    """`h1` is 0 where a program speaks both versions on one clear port."""

    h2: int
    tls: int
    h1: int = 0

    @property
    def plain(self) -> int:
        """Where HTTP/1 is spoken."""
        return self.h1 or self.h2


@contextmanager
def nginx(folder: Path, *locations: str) -> Iterator[Ports]:
    """Serves the files of folder/www; `locations` come before."""
    ports, pem = Ports(free_port(), free_port(), free_port()), authority().path(HOST)
    # Workers of root become another user by default, who may not look into folders of tests.
    user = "user root;" if not os.geteuid() else ""
    text = "\n".join(
        (
            f"{user} worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;",
            "events { worker_connections 512; }",
            "http { access_log off; keepalive_requests 100000; client_max_body_size 64m;",
            "types { text/html html; application/javascript js; text/plain txt; }",
            *(f"{kind}_temp_path {folder}/tmp;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")),
            f"server {{ listen 127.0.0.1:{ports.h1}; listen 127.0.0.1:{ports.h2} http2;",
            f"listen 127.0.0.1:{ports.tls} ssl http2; ssl_certificate {pem}; ssl_certificate_key {pem};",
            f"root {folder}/www;",
            *locations,
            "} }",
        )
    )
    (folder / "nginx.conf").write_text(text)
    with running(["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)], ports.tls):
        yield ports


@contextmanager
def nghttpd(folder: Path) -> Iterator[Ports]:
    """Serves the same files, and echoes what is posted."""
    ports, pem = Ports(free_port(), free_port()), str(authority().path(HOST))
    words = ["nghttpd", "-a", "127.0.0.1", "-d", str(folder / "www"), "--echo-upload"]
    with running([*words, "--no-tls", str(ports.h2)], ports.h2), running([*words, str(ports.tls), pem, pem], ports.tls):
        yield ports


@contextmanager
def hypercorn() -> Iterator[Ports]:
    """Serves h2_app.py; HTTP/1 on the same ports."""
    ports, pem = Ports(free_port(), free_port()), str(authority().path(HOST))
    words = [sys.executable, str(ROOT / "tests" / "support" / "h2_app.py"), str(ports.h2), pem, str(ports.tls)]
    with running(words, ports.tls):
        until(lambda: ports.h2 in listening_ports(), 10)
        yield ports
