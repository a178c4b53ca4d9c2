"""Large bodies through whole programs, in two lanes: what arrives, and which way the statistics say it took."""

from __future__ import annotations

import hashlib
import http.client
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.crowd import until
from support.programs import POINTSMAN, Program
from support.scenario import query

SIZE = 3_000_000
ROUNDS = 4
BODY = random.Random(5).randbytes(SIZE)
CONFIG = """
global
    nbthread 2
    stats socket {dir}/stats level admin
    {word}
defaults
    timeout connect 2s
    timeout client 20s
    timeout server 20s
frontend web
    mode http
    bind 127.0.0.1:{port:web}
    default_backend app
backend app
    mode http
    server s1 127.0.0.1:{origin}
listen door
    mode tcp
    bind 127.0.0.1:{port:door}
    server s1 127.0.0.1:{origin}
"""


class Origin(BaseHTTPRequestHandler):
    """Answers POST with the sum of what it got, GET with BODY."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        got = self.rfile.read(int(self.headers["content-length"]))
        self._answer(hashlib.sha256(got).hexdigest().encode())

    def do_GET(self) -> None:
        self._answer(BODY)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def origin() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Origin) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def exchange(port: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for _ in range(ROUNDS):
        client.request("GET", "/")
        assert client.getresponse().read() == BODY
        client.request("POST", "/", BODY)
        assert client.getresponse().read().decode() == hashlib.sha256(BODY).hexdigest()
    client.close()


def info(folder: Path, name: str) -> int:
    lines = dict(line.split(": ", 1) for line in query(folder / "stats", "show info").splitlines() if ": " in line)
    return int(lines[name])


WAYS = [
    ("", ()),
    ("nosplice", ()),
    ("maxpipes 0", ()),
    ("tune.disable-fast-forward", ()),
    ("tune.disable-zero-copy-forwarding", ()),
    ("", ("-dS",)),
    ("", ("-dF",)),
    ("", ("-dZ",)),
]


@pytest.mark.parametrize("word, arguments", WAYS, ids=[word or "".join(more) or "as it is" for word, more in WAYS])
def test_they_arrive_and_the_pipe_may_be_forbidden(
    tmp_path: Path, origin: int, word: str, arguments: tuple[str, ...]
) -> None:
    values = {"origin": str(origin), "word": word}
    with Program(POINTSMAN, CONFIG, tmp_path, values, arguments=("-db", *arguments)) as program:
        until((tmp_path / "stats").exists)
        for name in ("web", "door"):
            exchange(program.ports[name])
        if word or arguments:
            assert info(tmp_path, "Maxpipes") == 0
            assert info(tmp_path, "TotalSplicedBytesOut") == 0
        else:
            assert info(tmp_path, "Maxpipes") == 2
            most = 2 * 2 * ROUNDS * SIZE  # two doors, two directions
            until(lambda: info(tmp_path, "TotalSplicedBytesOut") > most // 10)  # counted once a second
            assert info(tmp_path, "TotalSplicedBytesOut") < most + 100_000
        assert "no effect" not in program.stderr()
