"""What is counted in stick tables: the same configuration and bytes through both programs, and `show table` compared.

Bytes are left out: haproxy counts its own representation of messages (docs/differences.md, `%U`). They have a test of
their own below, whose figures are those of the wire.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.dumps import dump
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version

pytestmark = pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed")

COUNTED = (
    "gpc0,gpc0_rate(1h),gpt0,conn_cnt,conn_cur,conn_rate(1h),sess_cnt,sess_rate(1h),http_req_cnt,http_req_rate(1h),"
    "http_err_cnt,http_err_rate(1h),http_fail_cnt,http_fail_rate(1h)"
)
HEAD = """
global
    stats socket {dir}/s level admin
    http-err-codes 400-499
defaults
    mode http
    timeout client 2s
    timeout http-request 2s
    timeout server 1s
    timeout connect 1s
    timeout tarpit 200ms
    retries 0
"""


class Server:
    """Answers with the status in the path, or as its word says."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        data = b""
        with connection, suppress(OSError):
            while True:
                while b"\r\n\r\n" not in data:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    data += piece
                head, _, data = data.partition(b"\r\n\r\n")
                word = head.split()[1].decode().lstrip("/")
                if word == "slow":
                    time.sleep(1.5)
                if word == "close":
                    return
                if word == "junk":
                    connection.sendall(b"junk\r\n\r\n")
                    return
                status = int(word) if word.isdigit() else 200
                connection.sendall(b"HTTP/1.1 %d X\r\ncontent-length: 2\r\n\r\nok" % status)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.listener.close()


def request(path: str, rest: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: a\r\n{rest}\r\n".encode()


def received(connection: socket.socket) -> bytes:
    """One response with a length, or what came before the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: (\d+)", head)
    missing = int(found[1]) - len(body) if found is not None else 0
    while missing > 0:
        piece = connection.recv(65536)
        if not piece:
            break
        missing -= len(piece)
    return data


@dataclass(frozen=True)
class Step:
    """What a client sends on one connection: complete requests whose responses it reads, then bytes, then it leaves.
    `waits`: it reads to the end."""

    paths: tuple[str, ...] = ()
    raw: bytes = b""
    waits: bool = False


STEPS: dict[str, Step] = {
    "one": Step(("/",)),
    "two": Step(("/", "/404")),
    **{status: Step((f"/{status}",)) for status in ("204", "401", "404", "418", "500", "501", "503", "505", "599")},
    **{word: Step((f"/{word}",)) for word in ("deny", "later", "tarpit", "return", "return404", "redirect", "auth")},
    **{word: Step((f"/{word}",)) for word in ("back-deny", "junk", "close", "slow", "nowhere", "refused", "202")},
    "reject": Step(raw=request("/reject"), waits=True),
    "bad": Step(raw=b"GET\r\n\r\n", waits=True),
    "half": Step(raw=b"GET / HT"),
    "nothing": Step(),
    "half behind one": Step(("/",), b"GET /x"),
    "late": Step(raw=b"GET / HT", waits=True),
}


def play(step: Step, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        try:
            for path in step.paths:
                connection.sendall(request(path))
                received(connection)
            if step.raw:
                connection.sendall(step.raw)
            while step.waits and connection.recv(65536):
                pass
        except OSError:
            pass  # it was reset, which some steps are about


PLACES = {
    "connection": ("tcp-request connection track-sc0 str(k) table t", ""),
    "session": ("tcp-request session track-sc0 str(k) table t", ""),
    "content": ("tcp-request content track-sc0 str(k) table t", ""),
    "request": ("http-request track-sc0 str(k) table t", ""),
    "response": ("http-response track-sc0 str(k) table t", ""),
    "request in the backend": ("", "http-request track-sc0 str(k) table t"),
    "response in the backend": ("", "http-response track-sc0 str(k) table t"),
}


def configuration(front: str, back: str, port: int) -> str:
    early = front if front.startswith("tcp") else ""
    late = front if not early else ""
    return f"""{HEAD}
frontend web
    bind 127.0.0.1:{{port:front}}
    {early}
    http-request deny if {{ path /deny }}
    {late}
    http-request sc-inc-gpc0(0)
    http-request deny if {{ path /later }}
    http-request tarpit if {{ path /tarpit }}
    http-request return status 200 if {{ path /return }}
    http-request return status 404 if {{ path /return404 }}
    http-request redirect location /x if {{ path /redirect }}
    http-request auth if {{ path /auth }}
    http-request reject if {{ path /reject }}
    http-response deny if {{ status 202 }}
    use_backend refused if {{ path /refused }}
    use_backend back if !{{ path /nowhere }}
backend back
    {back}
    http-request deny if {{ path /back-deny }}
    server s 127.0.0.1:{port}
backend refused
    server s 127.0.0.1:1
backend t
    stick-table type string size 100 expire 1h store {COUNTED}
"""


def tables(kind: Kind, text: str, folder: Path) -> dict[str, object]:
    """The table after each step, which has its own program: none shall see what another one left."""
    found: dict[str, object] = {}
    with Program(kind, text, folder) as program:
        console = folder / "s"
        before: dict[str, int] = {}
        for name, step in STEPS.items():
            play(step, program.ports["front"])
            after = settled(lambda: dump(console, "t").get("k", {}))
            found[name] = {word: after[word] - before.get(word, 0) for word in after if after[word] != before.get(word)}
            before = after
    return found


def settled(look: Callable[[], dict[str, int]]) -> dict[str, int]:
    """What it says once it says the same for a while and nobody is tracked any more."""
    last, since = look(), time.monotonic()
    limit = since + 5
    while time.monotonic() < limit and (time.monotonic() - since < 0.15 or last.get("use")):
        time.sleep(0.03)
        now = look()
        if now != last:
            last, since = now, time.monotonic()
    return last


@pytest.mark.parametrize("place", PLACES)
def test_events_count_alike(place: str, server: Server, tmp_path: Path) -> None:
    """Each of what may become of a request, tracked from each rule set."""
    text = configuration(*PLACES[place], server.port)
    if peer_version() < (3, 0):
        text = text.replace("    http-err-codes 400-499\n", "")
    with ThreadPoolExecutor(2) as pool:
        theirs = pool.submit(tables, HAPROXY, text, tmp_path / "h")
        ours = pool.submit(tables, POINTSMAN, text, tmp_path / "p")
    assert ours.result() == theirs.result()
    assert sum(bool(one) for one in ours.result().values()) > 10
