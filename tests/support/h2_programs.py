"""Programs of each kind for cases of HTTP/2, on one configuration for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from support.programs import Kind, Program

FRONT = """
defaults
    mode http
    timeout client 20s
    timeout server 20s
    timeout connect 5s
    timeout http-request 20s
frontend front
    bind 127.0.0.1:{port:clear} proto h2
    bind 127.0.0.1:{port:http1}
    bind 127.0.0.1:{port:tls} ssl crt {certificate} alpn h2,http/1.1
    use_backend unreachable if { path /unreachable }
    default_backend origin
backend unreachable
    server silent 127.0.0.1:{silent}
backend origin
    server origin 127.0.0.1:{origin}
"""

# Requests name the port of the server that is to answer them. One lane, so that all find the same idle connections.
BACK = """
global
    nbthread 1
defaults
    mode http
    timeout client 20s
    timeout server 20s
    timeout connect 5s
    retries 0
    http-reuse always
frontend front
    bind 127.0.0.1:{port:http1}
    http-request set-dst-port req.hdr(x-port)
    http-request set-var(txn.way) req.hdr(x-way)
    http-request del-header x-port
    http-request del-header x-way
    use_backend over_tls if { var(txn.way) -m str tls }
    default_backend servers
backend servers
    server any 127.0.0.1:0 proto h2
backend over_tls
    server any 127.0.0.1:0 ssl verify none alpn h2
"""


class Running:
    """Programs of each kind on one configuration, started when they are first asked for."""

    def __init__(self, text: str, values: Mapping[str, str], folder: Path) -> None:
        self.text, self.values, self.folder = text, values, folder
        self.programs: dict[str, Program] = {}

    def ports(self, kind: Kind) -> dict[str, int]:
        """Those of a program of this kind."""
        if kind.name not in self.programs:
            program = Program(kind, self.text, self.folder / kind.name, self.values)
            program.start()
            self.programs[kind.name] = program
        return self.programs[kind.name].ports

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for program in self.programs.values():
            program.__exit__(None, None, None)
