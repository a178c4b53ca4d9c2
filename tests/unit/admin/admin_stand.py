"""A generation from a text, assembled but not started, and a console to it: no socket is opened."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pointsman.keywords  # noqa: F401  # fills the registries
from pointsman.admin.console import RuntimeConnection
from pointsman.admin.gauge import Gauge
from pointsman.admin.statistics import Writer
from pointsman.admin.view import View
from pointsman.assemble import assemble
from pointsman.assemble.admin import Administration
from pointsman.assemble.live import Live
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics
from pointsman.net.clock import monotonic_ms
from pointsman.server.backend import LiveServer

TEXT = """
global
    stats socket /nowhere/sock level admin
    stats socket ipv4@127.0.0.1:9999 level user
    node here
    maxconn 500
    maxconnrate 7
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend web
    bind 127.0.0.1:1 name one
    maxconn 123
    rate-limit sessions 9
    option socket-stats
    use_backend app if { path /app }
    default_backend spare
listen both
    bind 127.0.0.1:2
    balance leastconn
    server l1 127.0.0.1:81 weight 5 maxconn 10
backend app
    balance roundrobin
    server s1 127.0.0.1:81 weight 2
    server s2 [::1]:82 backup
    server s3 127.0.0.1:83 disabled
backend spare
    balance static-rr
    server u1 /run/u.sock weight 3
backend raw
    mode tcp
"""


@dataclass(slots=True)
class Stand:
    live: Live
    view: View
    gauge: Gauge
    console: RuntimeConnection
    writer: Writer

    def ask(self, line: str) -> str:
        """The answer to one command, without the empty line that ends it."""
        answer = asyncio.run(self.console.answer(line.split()))
        assert answer.endswith("\n"), answer
        return answer[:-1]

    def server(self, backend: str, name: str) -> LiveServer:
        proxy = self.view.back(backend)
        assert proxy is not None and proxy.back is not None
        found = proxy.back.backend.find(name.encode())
        assert found is not None
        return found


@contextmanager
def stand(text: str = TEXT, level: str = "admin") -> Iterator[Stand]:
    diagnostics = Diagnostics()
    live = assemble(load_text(text, diagnostics, variables={"HOME": "/root"}), diagnostics)
    assert not diagnostics.failed, [finding.message for finding in diagnostics.findings]
    administration = next(one for one in live.services if isinstance(one, Administration))
    view = administration.view
    view.started = monotonic_ms()
    view.limit = view.process.limit = 500
    try:
        yield Stand(
            live,
            view,
            administration.gauge,
            RuntimeConnection(view, administration.gauge, level, "none", 10_000),
            administration.writer,
        )
    finally:
        live.reactor.epoll.close()
