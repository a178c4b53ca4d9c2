"""Five hundred clients stall in their handshakes: others go on as before, `timeout client-hs` ends the stalled ones."""

from __future__ import annotations

import resource
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.certificates import authority
from support.crowd import until
from support.programs import POINTSMAN, Program
from support.record_client import RecordClient
from support.scenario import query, show_stat

from pointsman.core.tls import VERSION

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")
HOST = "www.example.test"
CROWD = 500
ASKED = 300  # connections, each with its handshake and a request
CONFIG = """
global
    maxconn 2000
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout client 10s
    timeout client-hs 6s
frontend web
    bind 127.0.0.1:{port:web} ssl crt {pem}
    http-request return status 200
"""


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Enough of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def late(port: int, context: ssl.SSLContext) -> float:
    """Of a hundred clients one waits longer than so many seconds for its answer."""
    times = []
    for _ in range(ASKED):
        began = time.perf_counter()
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as sock,
        ):
            sock.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            assert sock.recv(4096).startswith(b"HTTP/1.1 200")
        times.append(time.perf_counter() - began)
    return sorted(times)[ASKED * 99 // 100 - 1]


@pytest.mark.alone
@pytest.mark.timeout(120)
def test_stalled_handshakes_hold_up_nobody(tmp_path: Path, descriptors: None) -> None:
    context = ssl.create_default_context(cadata=authority().ca.decode())
    with Program(POINTSMAN, CONFIG, tmp_path, {"pem": str(authority().path(HOST))}) as program:
        port, stats = program.ports["web"], tmp_path / "stats"
        late(port, context)
        best = []
        for _ in range(3):  # a neighbour on this machine may disturb one of them
            alone = late(port, context)
            began = time.monotonic()
            crowd = [RecordClient(port, ssl.TLSVersion.TLSv1_3, HOST) for _ in range(CROWD)]
            try:
                flights = [client.flight() for client in crowd]
                for number, client in enumerate(crowd):  # nothing; a part of a hello; a hello, and no answer to ours
                    client.send(flights[number][: (0, 100, 1 << 20)[number % 3]])
                beside = late(port, context)
                assert time.monotonic() - began < 6, "they have not been there all the time"
                assert int(show_stat(stats)["web/FRONTEND"]["conn_tot"]) >= CROWD
                for client in crowd:
                    assert client.received()[0] == b""
                assert 5.5 < time.monotonic() - began < 12
            finally:
                for client in crowd:
                    client.sock.close()
            until(lambda: "\nCurrConns: 0\n" in query(stats, "show info"))
            best.append(beside / alone)
            if best[-1] <= 2:
                break
        assert min(best) <= 2, best
