"""No counter of the statistics is zero by omission: traffic of every kind moves all but those that are named here."""

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from support.actor import Serve
from support.crowd import until
from support.origin import Origin
from support.programs import POINTSMAN, Program
from support.scenario import show_stat

from pointsman.admin.columns import STATIC

# What counts in a feature that is not built, or in a bug of ours.
NOTHING_COUNTS: Final = {
    "comp_in",
    "comp_out",
    "comp_byp",
    "comp_rsp",  # compression
    "cache_lookups",
    "cache_hits",
    "cache_hint_hits",
    "hanafail",  # observe
    "srid",  # servers that come and go while running
    "h2sess",
    "h3sess",
    "h2req",
    "h3req",
}

CONFIG: Final = """
global
    nbthread 2
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 500ms
    retries 1
frontend web
    bind 127.0.0.1:{port:web}
    option socket-stats
    tcp-request connection reject if { src 127.0.0.8 }
    tcp-request session reject if { src 127.0.0.9 }
    http-request deny if { path /denied }
    http-request redirect location /else if { path /else }
    http-request set-header x-big {big} if { path /big }
    http-request add-header x-big {big} if { path /big }
    http-request add-header x-big {big} if { path /big }
    http-response deny if { res.hdr(x-bad) -m found }
    stats uri /statistics
    use_backend refused if { path /refused }
    use_backend two if { path /two }
    default_backend app
backend app
    http-reuse always
    server s1 {origin}
backend refused
    server dead {dead}
backend two
    balance roundrobin
    option redispatch 1
    retries 3
    server dead {dead}
    server s1 {origin}
backend checked
    server s1 {dead} check inter 50ms fall 1
listen raw
    mode tcp
    bind 127.0.0.1:{port:raw}
    server s1 {origin}
"""


def answer(status: str, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", "Content-Length: 0", *fields, "", ""]).encode()


PATHS: Final = (
    ("/100", b"HTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\n" + answer("200 OK")),
    ("/302", answer("302 Found", "Location: /x")),
    ("/404", answer("404 No")),
    ("/500", answer("500 Oh")),
    ("/600", answer("600 What")),
    ("/bad", answer("200 OK", "X-Bad: 1")),
    ("/nonsense", b"nonsense\r\n\r\n"),
    ("/cut", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    origin = Origin(((Serve(answer("200 OK"), PATHS),),))
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        values = {
            "origin": f"127.0.0.1:{origin.port}",
            "dead": f"127.0.0.1:{dead.getsockname()[1]}",
            "big": "b" * 6_000,
        }
        with Program(POINTSMAN, CONFIG, tmp_path, values) as made:
            yield made
    origin.close()


def ask(program: Program, *paths: str, port: str = "web") -> None:
    """On one connection, as long as it lasts."""
    with socket.create_connection(("127.0.0.1", program.ports[port]), timeout=5) as client:
        for path in paths:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            assert client.recv(65_536)
            while path == "/cut" and client.recv(65_536):
                pass  # until the server's time is up


def test_every_counter_moves(program: Program) -> None:
    for path, _ in PATHS:
        ask(program, path)
    ask(program, "/1", "/2")
    for path in ("/denied", "/big", "/else", "/refused", "/two", "/two", "/statistics"):
        ask(program, path)
    ask(program, "/1", port="raw")
    for source in ("127.0.0.8", "127.0.0.9"):
        # A reset may come before the program sees that it is connected.
        to = "127.0.0.1", program.ports["web"]
        with contextlib.suppress(ConnectionError), socket.create_connection(to, 5, (source, 0)) as client:
            assert client.recv(1) == b""
    with socket.create_connection(("127.0.0.1", program.ports["web"]), timeout=5) as client:
        client.sendall(b"nonsense\r\n\r\n")
        assert client.recv(65_536)
    client = socket.create_connection(("127.0.0.1", program.ports["web"]), timeout=5)
    client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf")
    time.sleep(0.2)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    wanted = {column.name for column in STATIC if column.tags.startswith("MC")} - NOTHING_COUNTS

    def still() -> set[str]:
        rows = show_stat(program.folder / "stats").values()
        return {name for name in wanted if not any(row[name] not in ("", "0") for row in rows)}

    try:
        until(lambda: not still())
    finally:
        assert still() == set()
