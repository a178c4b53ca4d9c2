"""docs/rate-limits.md: each of its configurations limits what the page says."""

from __future__ import annotations

import http.server
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.dumps import ask
from support.programs import POINTSMAN, ROOT, Program

PAGE = (ROOT / "docs" / "rate-limits.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?ms)^```haproxy\n(.*?)^```$")
BLOCKS = {  # by the heading above
    part.partition("\n")[0]: BLOCK.findall(part) for part in re.split(r"(?m)^## ", PAGE)[1:] if BLOCK.search(part)
}


class Application(http.server.BaseHTTPRequestHandler):
    """Answers /<status> with that status, and tells the balancer what a request costs; anything else with 1,000
    bytes."""

    protocol_version = "HTTP/1.1"
    seen: dict[str, str]

    def do_GET(self) -> None:
        Application.seen = {name.lower(): value for name, value in self.headers.items()}
        word = self.path[1:]
        body = b"x" * 1000
        self.send_response(int(word) if word.isdigit() else 200)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-cost", "40")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def application() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def limited(heading: str, number: int, application: int, folder: Path) -> Program:
    """A configuration of the page, with a port and a server of ours, and a stats socket."""
    text = BLOCKS[heading][number].replace("127.0.0.1:9001", f"127.0.0.1:{application}")
    text, count = re.subn(r"bind :\d+", "bind 127.0.0.1:{port:front}", text)
    assert count == 1
    return Program(POINTSMAN, "global\n    stats socket {dir}/s level admin\n" + text, folder)


def get(program: Program, path: str = "/", *fields: str) -> int:
    """The status of one request on a connection of its own; 0: none came."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", program.ports["front"]), 10) as connection:
        lines = [f"GET {path} HTTP/1.1", "host: a", "connection: close", *fields]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return int(answer.split()[1]) if answer else 0
    return 0


def test_requests_of_an_address(application: int, tmp_path: Path) -> None:
    with limited("Requests of an address", 0, application, tmp_path) as program:
        assert [get(program) for _ in range(30)] == [200] * 20 + [429] * 10
        assert "::ffff:127.0.0.1" in ask(tmp_path / "s", "show table web")


def test_what_is_denied_does_not_count(application: int, tmp_path: Path) -> None:
    with limited("Requests of an address", 1, application, tmp_path) as program:
        assert [get(program) for _ in range(30)] == [200] * 20 + [429] * 10
        assert "http_req_rate(10000)=20" in ask(tmp_path / "s", "show table web")


def test_requests_of_an_api_key(application: int, tmp_path: Path) -> None:
    with limited("Requests of an API key", 0, application, tmp_path) as program:
        assert get(program) == 401
        assert [get(program, "/", "x-api-key: one") for _ in range(7)] == [200] * 5 + [429] * 2
        assert [get(program, "/", "x-api-key: two") for _ in range(2)] == [200] * 2
        assert Application.seen["x-requests"] == "2"
        assert ask(tmp_path / "s", "show table keys").count("key=") == 2


def test_connections_at_once(application: int, tmp_path: Path) -> None:
    with limited("Connections at once", 0, application, tmp_path) as program:
        held = [socket.create_connection(("127.0.0.1", program.ports["front"]), 10) for _ in range(3)]
        for one in held:
            one.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            assert one.recv(20).startswith(b"HTTP/1.1 200")
        assert get(program) == 0
        held.pop().close()
        limit = time.monotonic() + 5
        while get(program) != 200:
            assert time.monotonic() < limit
            time.sleep(0.05)
        for one in held:
            one.close()


def test_connections_in_tcp_mode(application: int, tmp_path: Path) -> None:
    with limited("Connections in TCP mode", 0, application, tmp_path) as program:
        assert [get(program) for _ in range(5)] == [200, 200, 200, 0, 0]


def test_failed_logins(application: int, tmp_path: Path) -> None:
    with limited("Failed logins and scans", 0, application, tmp_path) as program:
        assert [get(program, "/401") for _ in range(4)] == [401] * 4
        since = time.monotonic()
        assert get(program) == 429
        assert time.monotonic() - since > 1.5


def test_bytes(application: int, tmp_path: Path) -> None:
    with limited("Bytes", 0, application, tmp_path) as program:
        statuses = [get(program) for _ in range(100)]
        passed = statuses.index(429)
        assert 80 <= passed <= 100  # 1,000 bytes each, and their heads
        assert set(statuses[passed:]) == {429}


def test_what_the_application_says(application: int, tmp_path: Path) -> None:
    with limited("What the application says", 0, application, tmp_path) as program:
        assert [get(program) for _ in range(5)] == [200, 200, 200, 429, 429]
        assert ask(tmp_path / "s", "clear table web key ::ffff:127.0.0.1") == "\n"
        assert get(program) == 200


def test_every_block_has_its_test() -> None:
    assert {name: len(found) for name, found in BLOCKS.items()} == {
        "Requests of an address": 2,
        "Requests of an API key": 1,
        "Connections at once": 1,
        "Connections in TCP mode": 1,
        "Failed logins and scans": 1,
        "Bytes": 1,
        "What the application says": 1,
    }
