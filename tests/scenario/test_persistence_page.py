"""docs/persistence.md: its configurations are served, and clients go where the page says."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.programs import POINTSMAN, ROOT, Program
from support.scenario import query

TEXT = (ROOT / "docs" / "persistence.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"(?ms)^## ([^\n]*)\n(?:(?!^## ).)*?^```haproxy\n(.*?)^```$", TEXT))
GLOBAL = "global\n    stats socket {dir}/stats level admin\n"
Answer = Callable[[str, bytes], bytes]


def ok(name: str, request: bytes) -> bytes:
    """A login sets a cookie that is this server's and this request's own."""
    user = re.search(rb"/login/(\w+)", request)
    cookie = b"Set-Cookie: sid=%s-of-%s; Path=/\r\n" % (user[1], name.encode()) if user else b""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(name), cookie, name.encode())


class Server:
    """It answers what comes, once a connection."""

    def __init__(self, name: str, answer: Answer) -> None:
        self.name = name
        self.answer = answer
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                accepted = self.sock.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(accepted,), daemon=True).start()

    def serve(self, accepted: socket.socket) -> None:
        with accepted, suppress(ConnectionError):
            while data := accepted.recv(65536):
                accepted.sendall(self.answer(self.name, data))


class Site:
    def __init__(self, program: Program, folder: Path) -> None:
        self.program = program
        self.folder = folder

    def command(self, text: str) -> str:
        return query(self.folder / "stats", text)

    def ask(self, data: bytes, source: str = "127.0.0.1", port: str = "front") -> str:
        """The body of the answer, or all of it in TCP mode."""
        with socket.create_connection(("127.0.0.1", self.program.ports[port]), 10, (source, 0)) as sock:
            sock.sendall(data)
            return sock.recv(65536).decode().rpartition("\r\n\r\n")[2]

    def get(self, path: str, *lines: str, source: str = "127.0.0.1") -> str:
        head = "".join(f"{one}\r\n" for one in (f"GET {path} HTTP/1.1", "Host: h", *lines, ""))
        return self.ask(head.encode(), source)


@contextmanager
def served(title: str, folder: Path, answer: Answer = ok) -> Iterator[Site]:
    text = GLOBAL + BLOCKS[title]
    servers = []
    for name, port in re.findall(r"server (\S+) 127\.0\.0\.1:(\d+)", text):
        servers.append(Server(name, answer))
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{servers[-1].port}")
    for number, bind in enumerate(re.findall(r"bind :\d+", text)):
        text = text.replace(bind, "bind 127.0.0.1:{port:%s}" % ("front" if not number else f"other{number}"))
    try:
        with Program(POINTSMAN, text, folder) as program:
            yield Site(program, folder)
    finally:
        for server in servers:
            server.sock.close()


def test_the_page_has_these() -> None:
    assert list(BLOCKS) == [
        "By address",
        "By what the application hands out",
        "By anything a request has",
        "By another protocol",
        "Remote desktops",
    ]


def echo(name: str, request: bytes) -> bytes:
    return name.encode()


def test_by_address(tmp_path: Path) -> None:
    with served("By address", tmp_path, echo) as site:
        sources = [f"127.0.0.{number}" for number in range(2, 10)]
        first = {source: site.ask(b"hello", source) for source in sources}
        assert set(first.values()) == {"mail1", "mail2"}
        for _ in range(3):
            assert {source: site.ask(b"hello", source) for source in sources} == first
        assert len(site.command("show table mail").strip().splitlines()) == 1 + len(sources)


def test_by_what_the_application_hands_out(tmp_path: Path) -> None:
    """Logins, requests that bring their cookies back in any order, a server that goes down, and another login."""
    with served("By what the application hands out", tmp_path) as site:
        where = {user: site.get(f"/login/{user}") for user in ("ann", "bob", "cem", "dora")}
        assert set(where.values()) == {"app1", "app2"}
        for user in ("bob", "ann", "dora", "cem", "ann", "bob"):
            assert site.get("/", f"Cookie: theme=dark; sid={user}-of-{where[user]}") == where[user]
        site.command("set server app/app2 state maint")
        assert {site.get("/", f"Cookie: sid={user}-of-{where[user]}") for user in where} == {"app1"}
        site.command("set server app/app2 state ready")
        for user, name in where.items():
            assert site.get("/", f"Cookie: sid={user}-of-{name}") == name
        entry = next(line for line in site.command("show table app").splitlines() if "key=ann-of-" in line)
        assert f"server_key={where['ann']}" in entry


def test_a_drained_server_keeps_its_clients(tmp_path: Path) -> None:
    with served("By what the application hands out", tmp_path) as site:
        where = {user: site.get(f"/login/{user}") for user in ("ann", "bob")}
        site.command("set server app/app2 state drain")
        for user, name in where.items():
            assert site.get("/", f"Cookie: sid={user}-of-{name}") == name
        assert {site.get(f"/login/new{number}") for number in range(4)} == {"app1"}


def test_by_anything_a_request_has(tmp_path: Path) -> None:
    with served("By anything a request has", tmp_path) as site:
        first = site.get("/", "X-Session: s", source="127.0.0.2")
        assert site.get("/", "X-Session: s", source="127.0.0.3") == first, "by its session"
        assert site.get("/", source="127.0.0.3") == first, "by its address"
        assert site.get("/", "X-Session: unknown", source="127.0.0.2") == first
        other = {site.get("/", source=f"127.0.0.{number}") for number in range(4, 10)}
        assert other == {"app1", "app2"}
        for name in ("app1", "app2"):
            site.command(f"set server app/{name} state maint")
        assert site.get("/", "X-Session: s") == "spare"
        for name in ("app1", "app2"):
            site.command(f"set server app/{name} state ready")
        assert site.get("/", "X-Session: s", source="127.0.0.3") == first, "the spare was not learned"


def test_by_another_protocol(tmp_path: Path) -> None:
    with served("By another protocol", tmp_path, echo) as site:
        sources = [f"127.0.0.{number}" for number in range(2, 8)]
        where = {source: site.ask(b"hello", source) for source in sources}
        assert set(where.values()) == {"one", "two"}
        assert {source: site.ask(b"hello", source, "other1") for source in sources} == where


def test_remote_desktops(tmp_path: Path) -> None:
    headers = bytes.fromhex("0300002c27e00000000000")
    with served("Remote desktops", tmp_path, echo) as site:
        users = [f"user{number}" for number in range(8)]

        def logs_in(text: str) -> str:
            return site.ask(headers + f"Cookie: {text}\r\n".encode() + bytes.fromhex("0100080003000000"))

        where = {user: logs_in(f"mstshash={user}") for user in users}
        assert set(where.values()) == {"ts1", "ts2"}
        assert {user: logs_in(f"mstshash={user}") for user in users} == where
        stat = [line.split(",") for line in site.command("show servers state desktops").splitlines()]
        assert stat
        for line in site.command("show stat").splitlines():
            fields = line.split(",")
            if fields[0] == "desktops" and fields[1] in ("ts1", "ts2"):
                address, _, port = fields[73].rpartition(":")
                token = int.from_bytes(socket.inet_aton(address), "little")
                assert {logs_in(f"msts={token}.{socket.htons(int(port))}.0000") for _ in range(3)} == {fields[1]}


def test_clients_are_sent_elsewhere_by_command(tmp_path: Path) -> None:
    with served("By what the application hands out", tmp_path) as site:
        where = site.get("/login/ann")
        other = {"app1": "app2", "app2": "app1"}[where]
        number = {"app1": 1, "app2": 2}[other]
        key = f"ann-of-{where}"
        site.command(f"clear table app key {key}")
        site.command(f"set table app key {key} data.server_id {number}")
        assert site.get("/", f"Cookie: sid={key}") == other


@pytest.mark.parametrize("said", ["server_id=2 server_key=app2", "# table: app, type: string, size:1048576, used:1"])
def test_what_a_table_shows(said: str, tmp_path: Path) -> None:
    """The page shows it in the form in which it is."""
    assert said in TEXT
    with served("By what the application hands out", tmp_path) as site:
        while site.get("/login/ann") != "app2":
            site.command("clear table app")
        assert said in site.command("show table app")
