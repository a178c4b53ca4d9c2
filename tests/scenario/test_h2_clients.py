"""Clients and servers of HTTP/2 that others have written: each of these clients, through the program, to each server.

One program with two lanes stands in front of all of them. A path begins with the name of its backend, which takes that
word off: /nginx2/small.txt is /small.txt of nginx over HTTP/2 in clear. 1 is HTTP/1, 2 is HTTP/2 in clear, 3 is HTTP/2
over TLS by ALPN. POINTSMAN_TEST_PROXY=haproxy puts the peer (POINTSMAN_PEER) in the program's place.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from support.actor import Serve
from support.certificates import authority
from support.h2_client import H2Client, trusting
from support.h2_servers import Ports, hypercorn, nghttpd, nginx
from support.origin import Origin, ok
from support.programs import HAPROXY, POINTSMAN, Program
from support.tls_origin import HOST
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, TextMessage

KIND = HAPROXY if os.environ.get("POINTSMAN_TEST_PROXY") == "haproxy" else POINTSMAN
TEXT = """
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    timeout tunnel 20s
frontend web
    bind 127.0.0.1:{port:clear} proto h2
    bind 127.0.0.1:{port:either}
    bind 127.0.0.1:{port:tls} ssl crt {pem} alpn h2,http/1.1
    http-request set-header X-Version %[req.ver]
    use_backend %[path,field(2,/)]
"""
BACKEND = """
backend {name}
    http-request replace-path /[^/]+(/.*) \\1
    server s 127.0.0.1:{port}{words}
"""
WORDS = {"1": "", "2": " proto h2", "3": " ssl verify none alpn h2"}
RESOURCES = 100
LARGE = 10_000_000
WAITS = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4\r\nsome\r\n0\r\nX-Sum: 4\r\n\r\n"
# Answers of servers that are scripted, by the names of their backends.
SCRIPTS = {"trailers1": CHUNKED, "hints1": HINTS + ok(b"after hints")}
PORTS = ("clear", "either", "tls")


@dataclass(frozen=True, slots=True)
class Running:
    program: Program
    folder: Path  # www below it is what nginx and nghttpd serve

    def url(self, port: str, path: str) -> str:
        return f"http{'s' * (port == 'tls')}://127.0.0.1:{self.program.ports[port]}{path}"

    def curl(self, port: str, path: str, *words: str) -> tuple[str, bytes, str]:
        """Version and status, the body, and header lines, of interim responses and trailers, too."""
        head, body = self.folder / "curl.head", self.folder / "curl.body"
        head.unlink(missing_ok=True)
        body.write_bytes(b"")
        version = "--http2" if port == "tls" else "--http2-prior-knowledge"
        command = ["curl", "-sSk", "--max-time", "20", version, "-D", str(head), "-o", str(body), *words]
        command += ["-w", "%{http_version} %{http_code}", self.url(port, path)]
        return output(command), body.read_bytes(), head.read_bytes().decode()


def output(command: Sequence[str]) -> str:
    """What it prints; it has to end well."""
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout.decode()}{done.stderr.decode()}"
    return done.stdout.decode()


def write_files(www: Path) -> None:
    """A small file, a large one, and a page with 100 scripts, each of which counts; its title tells how they came."""
    www.mkdir()
    (www / "small.txt").write_text("small\n")
    (www / "large.txt").write_bytes(random.Random(7).randbytes(LARGE))
    scripts = "".join(f"<script src='r{number}.js'></script>\n" for number in range(RESOURCES))
    ended = (
        "<script>onload = function () { var all = performance.getEntriesByType('resource'), seen = {};\n"
        "all.forEach(function (one) { seen[one.nextHopProtocol] = (seen[one.nextHopProtocol] || 0) + 1; });\n"
        "document.title = count + ' ' + JSON.stringify(seen); };</script>"
    )
    page = f"<html><head><script>var count = 0;</script></head><body>{scripts}{ended}</body></html>"
    (www / "page.html").write_text(page)
    for number in range(RESOURCES):
        (www / f"r{number}.js").write_text("count += 1;\n" + "// filled\n" * (number * 7))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("h2")
    write_files(folder / "www")
    with ExitStack() as stack:
        servers: dict[str, Ports] = {
            "nginx": stack.enter_context(nginx(folder)),
            "nghttpd": stack.enter_context(nghttpd(folder)),
            "hypercorn": stack.enter_context(hypercorn()),
        }
        ports = {}
        for name, found in servers.items():
            ports |= {f"{name}2": found.h2, f"{name}3": found.tls}
            if name != "nghttpd":
                ports[f"{name}1"] = found.plain
        for name, script in SCRIPTS.items():
            origin = Origin(((Serve(script),),))
            stack.callback(origin.close)
            ports[name] = origin.port
        text = TEXT + "".join(
            BACKEND.format(name=name, port=port, words=WORDS[name[-1]]) for name, port in ports.items()
        )
        values = {"pem": str(authority().path(HOST))}
        yield Running(stack.enter_context(Program(KIND, text, folder / "program", values)), folder)


SERVERS = ("nginx1", "nginx2", "nginx3", "nghttpd2", "nghttpd3")


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("server", SERVERS)
def test_curl_gets_a_file(running: Running, port: str, server: str) -> None:
    printed, body, head = running.curl(port, f"/{server}/small.txt")
    assert (printed, body) == ("2 200", b"small\n")
    assert "content-length: 6" in head


@pytest.mark.parametrize("server", ("nginx1", "nginx2", "nghttpd2"))
def test_curl_asks_for_a_head(running: Running, server: str) -> None:
    printed, body, head = running.curl("tls", f"/{server}/small.txt", "--head")
    assert printed == "2 200" and "content-length: 6" in head
    assert b"small" not in body


def test_http1_stays_where_both_are_spoken(running: Running) -> None:
    for port in ("either", "tls"):
        url = running.url(port, "/nginx2/small.txt")
        assert output(["curl", "-sSk", "--http1.1", "-w", "%{http_version}", url]) == "small\n1.1"


@pytest.mark.parametrize("port", ("clear", "tls"))
@pytest.mark.parametrize("server", ("nginx1", "nginx2", "nghttpd2", "nghttpd3"))
def test_ten_megabytes_down(running: Running, port: str, server: str) -> None:
    printed, body, _ = running.curl(port, f"/{server}/large.txt")
    assert printed == "2 200"
    assert hashlib.sha256(body).digest() == hashlib.sha256((running.folder / "www/large.txt").read_bytes()).digest()


@pytest.mark.parametrize("port", ("clear", "tls"))
@pytest.mark.parametrize("server", ("hypercorn1", "hypercorn2"))
def test_ten_megabytes_up(running: Running, port: str, server: str) -> None:
    path = running.folder / "www" / "large.txt"
    printed, body, _ = running.curl(port, f"/{server}/digest", "--data-binary", f"@{path}")
    assert printed == "2 200"
    assert body.decode() == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("server", ("nghttpd2", "nghttpd3"))
def test_ten_megabytes_up_and_down(running: Running, server: str) -> None:
    path = running.folder / "www" / "large.txt"
    printed, body, _ = running.curl("tls", f"/{server}/x", "--data-binary", f"@{path}")
    assert printed == "2 200"
    assert hashlib.sha256(body).digest() == hashlib.sha256(path.read_bytes()).digest()


def test_up_and_down_at_the_same_time(running: Running) -> None:
    """The echo begins before the upload ends: neither direction waits for the other."""
    with H2Client(running.program.ports["clear"]) as client:
        stream = client.open(client.fields("POST", "/hypercorn2/echo"), end=False)
        for number in range(20):
            client.send(stream, b"%04d" % number * 250)
            client.wait(lambda: len(client.answers[stream].body) == (number + 1) * 1000)  # noqa: B023  # at once
        client.end(stream)
        answer = client.answer(stream)
    assert (answer.status, answer.body) == (200, b"".join(b"%04d" % number * 250 for number in range(20)))


@pytest.mark.parametrize(
    ("path", "body", "line"),
    [("/trailers1/", b"some", "x-sum: 4"), ("/hypercorn2/trailers", b"with trailers", "x-sum: 13")],
)
def test_trailers_reach_curl(running: Running, path: str, body: bytes, line: str) -> None:
    printed, got, head = running.curl("clear", path, "-H", "TE: trailers")
    assert (printed, got) == ("2 200", body)
    assert line in head.partition("\r\n\r\n")[2], "behind the header"


@pytest.mark.parametrize("path", ("/hints1/", "/hypercorn2/hints"))
def test_early_hints_reach_curl(running: Running, path: str) -> None:
    printed, body, head = running.curl("clear", path)
    assert (printed, body) == ("2 200", b"after hints")
    first, _, second = head.partition("\r\n\r\n")
    assert first.startswith("HTTP/2 103") and "link: </style.css>; rel=preload" in first
    assert second.startswith("HTTP/2 200")


def test_curl_waits_for_100_continue(running: Running) -> None:
    """hypercorn asks for a body by 100; curl would wait 20 s for it otherwise."""
    words = ["-H", "Expect: 100-continue", "--expect100-timeout", "20", "--data-binary", "some"]
    printed, body, head = running.curl("clear", "/hypercorn1/echo", *words, "--max-time", "10")
    assert (printed, body) == ("2 200", b"some")
    assert head.startswith("HTTP/2 100")


@pytest.mark.parametrize("port", ("either", "tls"))
@pytest.mark.parametrize("server", ("nginx1", "nghttpd2"))
def test_nghttp_gets_many_resources_on_a_connection(running: Running, port: str, server: str) -> None:
    urls = [running.url(port, f"/{server}/r{number}.js") for number in range(RESOURCES)]
    lines = [line.split() for line in output(["nghttp", "-n", "-s", *urls]).splitlines()]
    rows = [line for line in lines if len(line) >= 6 and line[0].isdigit()]
    assert sorted(line[-1] for line in rows) == sorted(f"/{server}/r{number}.js" for number in range(RESOURCES))
    assert {line[-3] for line in rows} == {"200"}


@pytest.mark.parametrize("port", ("clear", "tls"))
@pytest.mark.parametrize("server", ("nginx1", "nginx2", "nghttpd3"))
def test_h2load_succeeds_every_time(running: Running, port: str, server: str) -> None:
    printed = output(["h2load", "-n400", "-c4", "-m20", "-t1", running.url(port, f"/{server}/small.txt")])
    assert "400 succeeded, 0 failed, 0 errored, 0 timeout" in printed and "400 2xx" in printed, printed


def test_httpx_over_tls_and_in_clear(running: Running) -> None:
    with httpx.Client(http2=True, verify=trusting()) as client:
        # Our windows are known before a body is sent, or httpx 0.28 loops: it has then sent more than they allow, and
        # takes what is below zero for room (haproxy's default of 16,384 bytes has the same effect).
        assert client.get(running.url("tls", "/nginx1/small.txt")).http_version == "HTTP/2"
        for server in ("hypercorn1", "hypercorn2", "hypercorn3"):
            answer = client.post(running.url("tls", f"/{server}/digest"), content=b"x" * 100_000)
            assert (answer.http_version, answer.status_code) == ("HTTP/2", 200)
            assert answer.text == hashlib.sha256(b"x" * 100_000).hexdigest()
        seen = client.get(running.url("tls", "/hypercorn1/seen"), cookies=None, headers={"X-Mixed-Case": "Kept"}).json()
        assert (seen["version"], seen["x-version"], seen["x-mixed-case"]) == ("1.1", "2.0", "Kept")
    with httpx.Client(http1=False, http2=True) as client:
        answer = client.get(running.url("either", "/nginx2/small.txt"))
        assert (answer.http_version, answer.text) == ("HTTP/2", "small\n")


def test_the_library_h2_keeps_a_hundred_streams_apart(running: Running) -> None:
    with H2Client(running.program.ports["tls"], tls=True) as client:
        servers = ("nginx1", "nginx2", "nghttpd2", "nginx3")
        client.wait(lambda: bool(client.events))
        streams = {}
        for number in range(RESOURCES):
            path = f"/{servers[number % 4]}/r{number}.js"
            client.wait(lambda: client.h2.open_outbound_streams < client.h2.remote_settings.max_concurrent_streams)
            streams[client.open(client.fields("GET", path))] = number
        for stream, number in streams.items():
            answer = client.answer(stream)
            assert answer.status == 200
            assert answer.body == (running.folder / f"www/r{number}.js").read_bytes()


def test_cookies_are_one_field_for_servers(running: Running) -> None:
    """Split by the client (RFC 9113, 8.2.3), one field for HTTP/1; one value for an application over HTTP/2, too."""
    crumbs = [(b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"cookie", b"c=3")]
    with H2Client(running.program.ports["clear"]) as client:
        for server in ("hypercorn1", "hypercorn2"):
            answer = client.ask(f"/{server}/seen", more=crumbs)
            assert json.loads(answer.body)["cookie"] == "a=1; b=2; c=3"


def test_a_cancelled_stream_leaves_the_others(running: Running) -> None:
    with H2Client(running.program.ports["clear"], window=65_535) as client:
        for _ in range(5):
            dropped = client.open(client.fields("GET", "/nginx2/large.txt"))
            client.wait(lambda: len(client.answers[dropped].body) > 0)  # noqa: B023  # at once
            client.reset(dropped)
        assert client.ask("/nginx2/small.txt").body == b"small\n"


class WebSocket:
    """A client's end over one stream of HTTP/2 (RFC 8441); what it asks and gets is the library wsproto's."""

    def __init__(self, client: H2Client, path: str) -> None:
        self.client = client
        client.wait(lambda: bool(client.events) and client.h2.remote_settings.enable_connect_protocol == 1)
        fields = client.fields("CONNECT", path, [(b":protocol", b"websocket"), (b"sec-websocket-version", b"13")])
        self.stream = client.open(fields, end=False)
        self.answer = client.answers[self.stream]
        self.ws = Connection(ConnectionType.CLIENT)
        self._taken = 0
        client.wait(lambda: self.answer.status > 0 or self.answer.reset is not None)

    def send(self, event: Message | CloseConnection) -> None:
        self.client.send(self.stream, self.ws.send(event))

    def next(self) -> object:
        """The next event; messages are whole."""
        held: list[str | bytes] = []
        while True:
            for event in self.ws.events():
                if isinstance(event, Message):
                    held.append(event.data)
                    if not event.message_finished:
                        continue
                    return ("" if isinstance(held[0], str) else b"").join(held)  # type: ignore[arg-type]
                return event
            self.client.wait(lambda: len(self.answer.body) > self._taken or self.answer.ended)
            assert len(self.answer.body) > self._taken, "the stream has ended"
            self.ws.receive_data(self.answer.body[self._taken :])
            self._taken = len(self.answer.body)


@pytest.mark.parametrize("port", ("clear", "tls"))
@pytest.mark.parametrize(("server", "version"), [("hypercorn1", "1.1"), ("hypercorn2", "2")])
def test_a_websocket_over_http2(running: Running, port: str, server: str, version: str) -> None:
    """To a server that is asked by an upgrade of HTTP/1, and to one that is asked over HTTP/2."""
    with H2Client(running.program.ports[port], tls=port == "tls") as client:
        one, other = WebSocket(client, f"/{server}/ws"), WebSocket(client, f"/{server}/ws")
        assert (one.answer.status, other.answer.status) == (200, 200)
        one.send(TextMessage("hello"))
        other.send(BytesMessage(b"\x00\xff" * 100_000))
        assert one.next() == f"server {version}, client 2.0: hello"
        assert other.next() == b"\x00\xff" * 100_000
        assert client.ask("/nginx1/small.txt").body == b"small\n", "beside them"
        for socket_ in (one, other):
            socket_.send(CloseConnection(1000))
            assert isinstance(socket_.next(), CloseConnection)


def test_an_http1_websocket_to_a_server_of_http2(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.program.ports["either"]), 10) as sock:
        sock.sendall(
            b"GET /hypercorn2/ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        data = b""
        while b"\r\n\r\n" not in data:
            data += sock.recv(65_536)
        head, _, data = data.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, "what RFC 6455, 1.3, computes of that key"
        ws = Connection(ConnectionType.CLIENT)
        sock.sendall(ws.send(TextMessage("hello")))
        ws.receive_data(data)
        while not (events := list(ws.events())):
            ws.receive_data(sock.recv(65_536))
        assert [event.data for event in events if isinstance(event, TextMessage)] == ["server 2, client 1.1: hello"]


def chromium(folder: Path, url: str) -> str:
    """The title of the page when everything on it has been loaded."""
    words = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--ignore-certificate-errors"]
    words += ["--disable-background-networking", "--disable-dev-shm-usage", f"--user-data-dir={folder}", "--dump-dom"]
    found = re.search("<title>(.*?)</title>", output(["chromium", *words, url]))
    assert found is not None
    return found[1].replace("&quot;", '"')


with_chromium = pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")


@with_chromium
@pytest.mark.parametrize("server", ("nginx1", "nginx2"))
def test_chromium_loads_a_page_with_a_hundred_resources(running: Running, tmp_path: Path, server: str) -> None:
    title = chromium(tmp_path, running.url("tls", f"/{server}/page.html"))
    assert title == '100 {"h2":100}'


@with_chromium
@pytest.mark.parametrize(("server", "version"), [("hypercorn1", "1.1"), ("hypercorn2", "2")])
def test_chromium_opens_websockets_over_http2(running: Running, tmp_path: Path, server: str, version: str) -> None:
    title = chromium(tmp_path, running.url("tls", f"/{server}/page"))
    assert title == f"server {version}, client 2.0: hello"
