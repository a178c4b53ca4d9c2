"""Early data of openssl's client: what reaches the server and what is answered, as with haproxy (manual 5.1,
allow-0rtt; 4.4, wait-for-handshake)."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.certificates import authority
from support.crowd import until
from support.programs import HAPROXY, POINTSMAN, ROOT, Kind, Program, peer_version

from pointsman.cli import main
from pointsman.core.tls import MISSING, Connection, Context

pytestmark = pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL")
HOST = "www.example.test"
CONFIG = """
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 5s
frontend f
    bind 127.0.0.1:{port:early} ssl crt {pem} alpn http/1.1 allow-0rtt
    bind 127.0.0.1:{port:late} ssl crt {pem} alpn http/1.1
    bind 127.0.0.1:{port:list} ssl crt-list {dir}/list alpn http/1.1
    http-request set-header X-Front "%[req.hdr(early-data)] %[ssl_fc_has_early]"
    http-request wait-for-handshake if { path_beg /wait }
    http-request set-header X-Behind "%[req.hdr(early-data)] %[ssl_fc_has_early]"
    http-request deny deny_status 425 if { path_beg /deny } { ssl_fc_has_early }
    http-request return status 200 content-type text/plain lf-string "%[ssl_fc_has_early]" if { path_beg /own }
    use_backend said if { req.hdr(early-data) -m found } { path_beg /route }
    default_backend b
backend b
    http-request set-header X-Back "%[req.hdr(early-data)]"
    server s 127.0.0.1:{origin}
backend said
    http-request set-header X-Route said
    server s 127.0.0.1:{origin}
"""
LIST = "{pem} [allow-0rtt] early.example.test\n{pem} www.example.test\n"


@contextmanager
def origin(heads: list[bytes]) -> Iterator[int]:
    """A server that notes what it gets, and answers with two bytes. Its port."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve(sock: socket.socket) -> None:
            with sock:
                data = b""
                with suppress(ConnectionResetError):
                    while chunk := sock.recv(1 << 16):
                        data += chunk
                        if b"\r\n\r\n" in data:
                            heads.append(data)
                            data = b""
                            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        def accept() -> None:
            while True:
                try:
                    sock, _ = door.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(sock,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield door.getsockname()[1]
        door.shutdown(socket.SHUT_RDWR)
        thread.join(5)


class Client:
    """openssl s_client, with the session of its first connection."""

    def __init__(self, folder: Path, port: int, alpn: bool = True, name: str = HOST) -> None:
        self.folder = folder
        self.words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name]
        self.words += ["-alpn", "http/1.1"] if alpn else []
        self.first = self._run(b"GET /first HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "-sess_out", "session")

    def _run(self, data: bytes, *words: str) -> bytes:
        done = subprocess.run(
            [*self.words, "-ign_eof", *words], input=data, cwd=self.folder, capture_output=True, check=False, timeout=20
        )
        return done.stdout

    def early(self, path: str, *lines: str) -> tuple[str, str, str]:
        """What became of the early data, the status, and the body's end."""
        head = "\r\n".join((f"GET {path} HTTP/1.1", "Host: h", "Connection: close", *lines, "", ""))
        (self.folder / "request").write_text(head)
        said = self._run(b"", "-sess_in", "session", "-early_data", "request")
        fate = re.search(rb"Early data was (\w+ ?\w*)", said)
        status = re.search(rb"HTTP/1.1 (\d+)", said)
        ends = re.search(rb"\r\n\r\n([^\r]*?)(?:closed|read:errno|---|$)", said, re.S)
        return (
            fate[1].decode() if fate else "",
            status[1].decode() if status else "",
            ends[1].decode()[:20].strip() if ends else "",
        )


def shape(head: bytes) -> list[str]:
    lines = head.decode().lower().split("\r\n")
    return [lines[0].split(" ")[1], *sorted(line for line in lines[1:] if line and not line.startswith("connection:"))]


class SlowClient:
    """One that ends its handshake when whatever its early data began has happened."""

    def __init__(self, port: int, alpn: bool = True, name: str = HOST) -> None:
        self.port, self.name = port, name
        self.context = Context(False)
        self.context.trust(authority().ca, False)
        self.context.sessions = True
        if alpn:
            self.context.alpn = b"\x08http/1.1"
        self.session: bytes | None = None
        self.talk(b"", b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n")

    def talk(self, early: bytes, late: bytes = b"") -> list[str]:
        """The status, and the last line of the answer."""
        with socket.create_connection(("127.0.0.1", self.port)) as sock:
            sock.setblocking(False)
            connection = Connection(self.context, sock.fileno(), name=self.name, session=self.session)
            if early:
                assert connection.allow_early() == 15_360
                assert connection.write(early) == len(early)
                time.sleep(0.3)
            until(lambda: connection.handshake() == 0)
            assert not connection.early_refused
            if late:
                connection.write(late)
            got = b""
            while not got.endswith((b"ok", b"1", b"0", b"</html>\n")):
                select.select([sock], [], [], 5)
                got += connection.read(1 << 16) or b""
            self.session = connection.session or self.session
        lines = got.decode().split("\r\n")
        return [lines[0].split(" ")[1], lines[-1]]


def get(path: str, *lines: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", "Host: h", *lines, "", "")).encode()


@contextmanager
def started(kind: Kind, folder: Path, heads: list[bytes]) -> Iterator[Program]:
    folder.mkdir()
    pem = str(authority().path(HOST))
    (folder / "list").write_text(LIST.replace("{pem}", pem))
    with origin(heads) as port, Program(kind, CONFIG, folder, {"pem": pem, "origin": str(port)}) as program:
        yield program


def story(kind: Kind, folder: Path) -> tuple[list[list[str]], list[list[str]]]:
    """What a client was told, and what the server got."""
    heads: list[bytes] = []
    with started(kind, folder, heads) as program:
        client = SlowClient(program.ports["early"])
        told = [client.talk(get(path)) for path in ("/plain", "/own", "/deny", "/route")]
        told.append(client.talk(get("/told", "Early-Data: 1")))
        told.append(client.talk(get("/half")[:20], get("/half")[20:]))
        post = b"POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n"
        told.append(client.talk(post + b"1234"))
        told.append(SlowClient(program.ports["early"], alpn=False).talk(get("/no-alpn")))
    return told, [shape(head) for head in heads if b"/first" not in head]


def test_what_reaches_the_server(tmp_path: Path) -> None:
    told, got = story(POINTSMAN, tmp_path / "ours")
    assert told[0] == ["200", "ok"] and told[1] == ["200", "1"] and told[2][0] == "425"
    assert got[0][0] == "/plain" and "early-data: 1" in got[0] and "x-back: 1" in got[0]
    assert [line for line in got[1] if line.startswith("x-")][-2:] == ["x-front:  1", "x-route: said"]
    if peer_version() >= (3, 2):  # before, it waited for the end of the handshake
        assert (told, got) == story(HAPROXY, tmp_path / "theirs")


def test_openssls_client(tmp_path: Path) -> None:
    heads: list[bytes] = []
    folder = tmp_path / "ours"
    with started(POINTSMAN, folder, heads) as program:
        client = Client(folder, program.ports["early"])
        assert b"Max Early Data: 15360" in client.first
        assert client.early("/plain") == ("accepted", "200", "ok")
        assert "early-data: 1" in shape(heads[-1])
        assert client.early("/wait") == ("accepted", "200", "ok")
        assert shape(heads[-1]) == ["/wait", "host: h", "x-back: ", "x-behind:  0", "x-front:  1"]
        assert client.early("/deny")[:2] == ("accepted", "425")
        client = Client(folder, program.ports["early"], alpn=False)
        assert client.early("/no-alpn") == ("accepted", "200", "ok")
        assert shape(heads[-1])[-1] == "x-front:  0"
        assert b"Max Early Data: 0" in Client(folder, program.ports["late"]).first
        assert Client(folder, program.ports["list"], name="early.example.test").early("/list")[0] == "accepted"
        assert b"Max Early Data: 0" in Client(folder, program.ports["list"]).first


BACK = """
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 5s
    retries 2
    http-reuse never
    default-server ssl verify none sni str(www.example.test) proto h1 allow-0rtt
listen passed-on
    bind 127.0.0.1:{port:early} ssl crt {pem} alpn http/1.1 allow-0rtt
    server s 127.0.0.1:{origin}
listen always
    bind 127.0.0.1:{port:always}
    retry-on 0rtt-rejected
    server s 127.0.0.1:{origin}
listen never
    bind 127.0.0.1:{port:never}
    server s 127.0.0.1:{origin}
"""


class EarlyOrigin:
    """A TLS server with early data. `notes`: of each request, whether it came early, and its shape. `refuses`: the next
    connection's early data is not taken."""

    def __init__(self) -> None:
        pem = authority().pem(HOST)
        keys = os.urandom(80)
        self.contexts = []
        for size in (15_360, 0):
            context = Context(True)
            context.certificate(pem, pem)
            context.tickets([keys])
            context.early = size
            self.contexts.append(context)
        self.refuses = False
        self.notes: list[tuple[bool, list[str]]] = []
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.door.accept()
            except OSError:
                return
            context = self.contexts[self.refuses]
            self.refuses = False
            threading.Thread(target=self._serve, args=(sock, context), daemon=True).start()

    def _serve(self, sock: socket.socket, context: Context) -> None:
        with sock, suppress(OSError):
            sock.setblocking(False)
            connection = Connection(context, sock.fileno())
            data, early = b"", False
            while True:
                shaken = connection.handshake() == 0
                chunk = connection.read(1 << 16) if shaken or connection.early else None
                if chunk == b"":
                    return
                if chunk is None:
                    select.select([sock], [], [], 5)
                    continue
                early = early or not shaken
                data += chunk
                if b"\r\n\r\n" in data:
                    self.notes.append((early, shape(data)))
                    data, early = b"", False
                    connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def close(self) -> None:
        self.door.shutdown(socket.SHUT_RDWR)
        self.door.close()
        self.thread.join(5)


def ask(port: int, data: bytes) -> list[str]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(data)
        got = b""
        while not got.endswith((b"ok", b"</html>\n")):
            got += sock.recv(1 << 16)
        lines = got.decode().split("\r\n")
    return [lines[0].split(" ")[1], lines[-1]]


def story_of_servers(kind: Kind, folder: Path) -> tuple[list[list[str]], list[tuple[bool, list[str]]]]:
    """What clients were told, and what the server got."""
    server = EarlyOrigin()
    values = {"pem": str(authority().path(HOST)), "origin": str(server.port)}
    told: list[list[str]] = []
    # One lane: haproxy's threads do not know each other's sessions.
    with Program(kind, "global\n    nbthread 1\n" + BACK, folder, values) as program:
        for port in ("never", "always"):
            told += [ask(program.ports[port], get(f"/{port}")) for _ in range(3)]
        told.append(ask(program.ports["always"], b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n1234"))
        client = SlowClient(program.ports["early"])
        told.append(client.talk(get("/early")))
        server.refuses = True
        told.append(client.talk(get("/refused")))
        told.append(client.talk(get("/again")))
        server.notes = [note for note in server.notes if note[1][0] != "/first"]
        if kind is POINTSMAN:  # haproxy 3.2 waits in vain for the answer
            server.refuses = True
            assert ask(program.ports["always"], get("/repeated")) == ["200", "ok"]
            assert server.notes.pop() == (False, ["/repeated", "host: h"])
    server.close()
    return told, server.notes


def test_what_goes_to_servers(tmp_path: Path) -> None:
    told, got = story_of_servers(POINTSMAN, tmp_path / "ours")
    assert [status for status, _ in told] == ["200"] * 8 + ["425", "200"]
    assert [early for early, _ in got] == [False] * 4 + [True] * 4 + [False]
    if peer_version() >= (3, 2):
        theirs, same = story_of_servers(HAPROXY, tmp_path / "theirs")
        assert theirs[8][0] in ("425", "504")  # it notices at once, or does not
        assert (told[:8], told[9:], got) == (theirs[:8], theirs[9:], same)


def test_the_configuration_of_the_page_loads(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "early-data.md").read_text(encoding="utf-8")
    text = page.partition("```haproxy tls\n")[2].partition("```\n")[0]
    text = text.replace("/etc/haproxy/site.pem", str(authority().path(HOST)))
    assert "allow-0rtt" in text and "wait-for-handshake" in text
    (tmp_path / "page.cfg").write_text(text)
    status = main(["-c", "-dW", "-f", str(tmp_path / "page.cfg")])
    assert (status, capfd.readouterr().err) == (0, "")


def test_after_a_reload(tmp_path: Path) -> None:
    """On every lane of both generations."""
    pem = str(authority().path(HOST))
    (tmp_path / "list").write_text(LIST.replace("{pem}", pem))
    heads: list[bytes] = []
    with origin(heads) as port:
        values = {"pem": pem, "origin": str(port)}
        program = Program(POINTSMAN, "global\n    nbthread 2\n" + CONFIG, tmp_path, values, ("-W", "-db"))
        program.start()
        try:
            client = SlowClient(program.ports["early"])
            for turn in range(8):
                if turn == 4:
                    before = program.stderr().count("Loading success.")
                    os.kill(program.pid, signal.SIGUSR2)
                    until(lambda: program.stderr().count("Loading success.") > before, 15)  # noqa: B023
                assert client.talk(get(f"/{turn}")) == ["200", "ok"]
        finally:
            assert program.stop() == 0
    got = [shape(head) for head in heads[1:]]
    assert [head[0] for head in got] == [f"/{turn}" for turn in range(8)]
    assert all("early-data: 1" in head for head in got)
