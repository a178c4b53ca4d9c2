"""Exchanges of HTTP/2 in haproxy and in Pointsman: what the client gets, and the log line: status, letters, server,
version, request line. What differs on purpose stands in docs/differences.md.

All stories run at the same time in both programs. A story's lines are those of its connection's port.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.h2_peer import GOAWAY, RawClient, Silence, asking, data, headers, literals, rst_stream
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.receiver import LogReceiver

pytestmark = [pytest.mark.peer, pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older")]

TEXT = """
defaults
    mode http
    timeout connect 5s
    timeout client 1s
    timeout server 1500
    timeout tarpit 300
    log {log} format raw local0
    log-format "%cp %ST %ts %s %HV %r"
    no option abortonclose
frontend f
    bind 127.0.0.1:{port:front} proto h2
    http-request deny if { path /deny }
    http-request reject if { path /reject }
    http-request tarpit if { path /tarpit }
    http-request redirect location /there if { path /redirect }
    http-request return status 201 content-type text/plain lf-string '%[http_first_req] %r' if { path /return }
    http-request wait-for-body time 300 if { path_beg /wait }
    default_backend b
backend b
    http-reuse never  # an answer that fails on an old connection is another story
    server s {server}
"""
PATIENCE = 6.0  # s
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
# What a server answers, by path; b"" behind it: and closes; None: and stands still. Else OK.
ANSWERS: dict[bytes, tuple[bytes | None, ...]] = {
    b"/head": (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n",),
    b"/empty": (b"HTTP/1.1 204 No Content\r\n\r\n",),
    b"/trailers": (CHUNKED + b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",),
    b"/until-close": (b"HTTP/1.0 200 OK\r\n\r\nabc", b""),
    b"/interim": (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", OK),
    b"/cut": (LONG, b""),
    b"/cut-chunks": (CHUNKED + b"3\r\nabc\r\n", b""),
    b"/no-answer": (b"",),
    b"/no-http": (b"foo\r\n\r\n", b""),
    b"/stall": (LONG, None),
    b"/slow": (None,),
    b"/large": (b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000,),
    b"/tunnel": (b"HTTP/1.1 200 OK\r\n\r\nhello", None),
}


class Server:
    """Answers by path, once all of the body that a length speaks of is here, or its last chunk."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.where = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            try:
                while self._answer(sock):
                    pass
            except OSError:
                pass

    def _answer(self, sock: socket.socket) -> bool:
        head = self._until(sock, b"", b"\r\n\r\n")
        if head is None:
            return False
        head, _, body = head.partition(b"\r\n\r\n")
        lower = head.lower()
        path = head.split(b" ")[1]
        if lower.startswith(b"connect"):
            path = b"/tunnel"
        elif b"transfer-encoding: chunked" in lower:
            if self._until(sock, body, b"0\r\n") is None:
                return False
        elif b"content-length: " in lower:
            size = int(lower.partition(b"content-length: ")[2].split(b"\r\n")[0])
            while len(body) < size:
                piece = sock.recv(65_536)
                if not piece:
                    return False
                body += piece
        for piece in ANSWERS.get(path, (OK,)):
            if piece is None:
                self.over.wait(PATIENCE)
                return False
            if not piece:
                return False
            sock.sendall(piece)
        return True

    def _until(self, sock: socket.socket, got: bytes, mark: bytes) -> bytes | None:
        while mark not in got:
            piece = sock.recv(65_536)
            if not piece:
                return None
            got += piece
        return got

    def close(self) -> None:
        self.over.set()
        self.listener.close()


Story = Callable[[RawClient], None]
STORIES: dict[str, tuple[Story, int]] = {}  # with the number of lines


def story(lines: int = 1) -> Callable[[Story], Story]:
    def record(play: Story) -> Story:
        STORIES[play.__name__] = play, lines
        return play

    return record


def _asked(path: str) -> Callable[[RawClient], None]:
    def play(client: RawClient) -> None:
        client.request(1, path=path)
        client.collect(1)

    return play


for _name in (
    *("x", "empty", "trailers", "until-close", "interim", "cut", "cut-chunks", "no-answer", "no-http"),
    *("stall", "slow", "deny", "tarpit", "redirect", "return"),
):
    STORIES[_name] = _asked(f"/{_name}"), 1


@story()
def head(client: RawClient) -> None:
    client.request(1, "HEAD", "/head")
    client.collect(1)


@story(2)
def two_in_a_row(client: RawClient) -> None:
    for stream in (1, 3):
        client.request(stream)
        client.collect(stream)


@story()
def an_upload_without_a_length(client: RawClient) -> None:
    client.request(1, "POST", "/x", more=True)
    client.send(data(1, b"abc"), headers(1, literals([("x-sum", "1")])))
    client.collect(1)


@story()
def denied_before_the_body(client: RawClient) -> None:
    client.request(1, "POST", "/deny", [("content-length", "10")], more=True)
    client.until(lambda one: one.kind == 3)


@story()
def waits_for_the_body(client: RawClient) -> None:
    client.request(1, "POST", "/wait", [("content-length", "3"), ("expect", "100-continue")], more=True)
    client.head(1)
    client.send(data(1, b"abc", True))
    client.collect(1)


@story()
def the_body_never_comes(client: RawClient) -> None:
    client.request(1, "POST", "/wait/for-ever", [("content-length", "3")], more=True)
    client.collect(1)


@story()
def an_upload_stalls(client: RawClient) -> None:
    client.request(1, "POST", "/x", [("content-length", "3")], more=True)
    client.collect(1)


@story()
def reset_within_the_answer(client: RawClient) -> None:
    client.request(1, path="/stall")
    client.until(lambda one: one.kind == 0)
    client.send(rst_stream(1))
    client.pinged()


@story()
def reset_within_an_upload(client: RawClient) -> None:
    client.request(1, "POST", "/x", [("content-length", "3")], more=True)
    client.pinged()
    client.send(rst_stream(1))
    client.pinged(b"another!")


@story()
def lost_while_the_server_thinks(client: RawClient) -> None:
    client.request(1, path="/slow")
    client.pinged()
    client.close()


@story()
def no_credit(client: RawClient) -> None:
    client.request(1, path="/large")
    client.collect(1)


@story()
def malformed(client: RawClient) -> None:
    client.send(headers(1, literals([*asking(), ("Upper", "x")])))
    client.collect(1)


@story()
def no_method(client: RawClient) -> None:
    client.send(headers(1, literals(asking("G(T"))))
    client.collect(1)


@story()
def a_frame_without_a_stream(client: RawClient) -> None:
    client.send(data(0, b"x"))
    client.until(lambda one: one.kind == GOAWAY)


@story()
def rejected(client: RawClient) -> None:
    client.request(1, path="/reject")
    client.ended()


@story()
def a_tunnel(client: RawClient) -> None:
    client.send(headers(1, literals([(":method", "CONNECT"), (":authority", "a.test:80")]), end=False))
    client.until(lambda one: one.kind == 0)
    client.send(rst_stream(1))
    client.pinged()


def seen(client: RawClient) -> dict[str, object]:
    """What a client got, less what is each program's own business."""
    found: dict[str, object] = {"goodbyes": sorted({one.code for one in client.frames if one.kind == GOAWAY})}
    for stream in sorted({one.stream for one in client.frames} - {0}):
        try:
            answer = client.collect(stream, 0.01)
        except Silence:
            continue
        heads = [head.fields for head in answer.interim]
        found[f"{stream}"] = (heads, answer.status, sorted(answer.fields), answer.trailers, answer.reset or 0)
        found[f"{stream} body"] = answer.body if answer.status < 400 else b""
    return found


class Told:
    """What became of all stories in one program."""

    def __init__(self, kind: Kind, folder: Path, server: Server) -> None:
        self.receiver = LogReceiver()
        self.results: dict[str, object] = {}
        self.ports: dict[str, int] = {}
        values = {"log": self.receiver.where, "server": server.where}
        with Program(kind, TEXT, folder, values) as program:
            with ThreadPoolExecutor(len(STORIES)) as pool:
                list(pool.map(lambda name: self._play(name, program.ports["front"]), STORIES))
            self.lines = self.receiver.wait(sum(lines for _, lines in STORIES.values()), PATIENCE)
        self.receiver.close()

    def _play(self, name: str, port: int) -> None:
        with RawClient(port, patience=PATIENCE) as client:
            self.ports[name] = client.sock.getsockname()[1]
            try:
                STORIES[name][0](client)
            except Silence as silence:
                self.results[name] = str(silence)
            else:
                self.results[name] = seen(client)

    def lines_of(self, name: str) -> list[str]:
        begin = f"{self.ports[name]} "
        return sorted(line.removeprefix(begin) for line in self.lines if line.startswith(begin))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Told, Told]]:
    folder = tmp_path_factory.mktemp("h2")
    server = Server()
    with ThreadPoolExecutor(2) as pool:
        theirs, ours = pool.map(lambda kind: Told(kind, folder / kind.name, server), (HAPROXY, POINTSMAN))
    yield theirs, ours
    server.close()


@pytest.mark.parametrize("name", STORIES)
def test_story(name: str, told: tuple[Told, Told]) -> None:
    theirs, ours = told
    assert ours.results[name] == theirs.results[name]
    assert ours.lines_of(name) == theirs.lines_of(name)
    assert len(ours.lines_of(name)) == STORIES[name][1]
