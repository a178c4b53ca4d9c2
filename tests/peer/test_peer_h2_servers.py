"""Servers of HTTP/2 behind haproxy and Pointsman (manual 5.2, proto; 4.2, retry-on): what a client of HTTP/1 gets,
status and letters in the log, and how often the server was asked. What differs on purpose stands in
docs/differences.md.

All stories run at the same time in both programs, each with a server and a backend of its own.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.h2_peer import (
    CANCEL,
    DATA,
    ENABLE_CONNECT_PROTOCOL,
    HTTP_1_1_REQUIRED,
    INTERNAL_ERROR,
    Head,
    RawServer,
    RawServerConnection,
    data,
    frame,
    goaway,
    headers,
    literals,
    rst_stream,
)
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.receiver import LogReceiver

pytestmark = [pytest.mark.peer, pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older")]

HEAD = """
defaults
    mode http
    timeout connect 5s
    timeout client 4s
    timeout server 1s
    retries 2
    log {log} format raw local0
    log-format "%b %ST %ts"
frontend f
    bind 127.0.0.1:{port:front}
    use_backend %[path,field(2,/)]
"""
GET = b"GET /%b/x HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /%b/x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"
ASKED = (
    b"GET /%b/ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
CLOSE = b""  # what a server says then

Said = list[bytes]
Answers = Callable[[RawServerConnection, Head, int], Said]  # on the so many-eth request


def ok(back: RawServerConnection, asked: Head, count: int) -> Said:
    return [
        headers(asked.stream, literals([(":status", "200"), ("content-length", "2")]), end=False),
        *end(asked, b"hi"),
    ]


def end(asked: Head, body: bytes) -> Said:
    return [data(asked.stream, body, end=True)]


def once(*said: Callable[[int], bytes] | bytes) -> Answers:
    """To the first request that; then all is well."""

    def answer(back: RawServerConnection, asked: Head, count: int) -> Said:
        if count > 1:
            return ok(back, asked, count)
        return [one if isinstance(one, bytes) else one(asked.stream) for one in said]

    return answer


def head(*pairs: tuple[str, str], status: str = "200", ended: bool = False) -> Callable[[int], bytes]:
    return lambda stream: headers(stream, literals([(":status", status), *pairs]), end=ended)


def piece(payload: bytes, ended: bool = False) -> Callable[[int], bytes]:
    return lambda stream: data(stream, payload, end=ended)


def reset(code: int) -> Callable[[int], bytes]:
    return lambda stream: rst_stream(stream, code)


LENGTH = ("content-length", "10")


@dataclass(frozen=True)
class Story:
    answers: Answers
    request: bytes = GET
    lines: str = ""
    words: str = ""
    values: tuple[tuple[int, int], ...] = ()


STORIES = {
    "whole": Story(ok),
    "post": Story(ok, POST),
    "head": Story(once(head(LENGTH, ended=True)), GET.replace(b"GET", b"HEAD")),
    "nolength": Story(once(head(), piece(b"ab"), piece(b"c", True))),
    "empty": Story(once(head(ended=True))),
    "nocontent": Story(once(head(status="204", ended=True))),
    "trailers": Story(once(head(), piece(b"ab"), lambda s: headers(s, literals([("x-sum", "1")])))),
    "interim": Story(once(head(("link", "</x>"), status="103"), head(), piece(b"ab", True))),
    "reset": Story(once(reset(CANCEL))),
    "resetpost": Story(once(reset(INTERNAL_ERROR)), POST),
    "http11": Story(once(reset(HTTP_1_1_REQUIRED))),
    "close": Story(once(CLOSE)),
    "goawayclose": Story(once(goaway(1), CLOSE)),
    "silent": Story(once()),
    "nostatus": Story(once(lambda s: headers(s, literals([("x", "y")])))),
    "upper": Story(once(lambda s: headers(s, literals([(":status", "200"), ("X-Y", "z")])))),
    "switching": Story(once(head(status="101"))),
    "badframe": Story(once(frame(DATA, 0, 0, b"x"))),
    "cutreset": Story(once(head(LENGTH), piece(b"abc"), reset(INTERNAL_ERROR))),
    "cutclose": Story(once(head(LENGTH), piece(b"abc"), CLOSE)),
    "cutsilent": Story(once(head(LENGTH), piece(b"abc"))),
    "retryempty": Story(once(reset(CANCEL)), lines="retry-on empty-response"),
    "retrypost": Story(once(reset(CANCEL)), POST, "retry-on empty-response"),
    "retryclose": Story(once(CLOSE), lines="retry-on empty-response"),
    "retryjunk": Story(once(lambda s: headers(s, literals([("x", "y")]))), lines="retry-on junk-response"),
    "noretry": Story(once(reset(CANCEL)), lines="retry-on junk-response"),
    "retrytime": Story(once(), lines="retry-on response-timeout"),
    "retrystatus": Story(once(head(("content-length", "0"), status="503", ended=True)), lines="retry-on 503"),
    "retryframe": Story(once(frame(DATA, 0, 0, b"x")), lines="retry-on empty-response"),
    "retrynever": Story(lambda *_: [CLOSE], lines="retry-on all-retryable-errors"),
    "websocket": Story(once(head(), piece(b"hi", True)), ASKED, values=((ENABLE_CONNECT_PROTOCOL, 1),)),
    "nowebsocket": Story(ok, ASKED),
    "wsdenied": Story(
        once(head(("content-length", "2"), status="403"), piece(b"no", True)),
        ASKED,
        values=((ENABLE_CONNECT_PROTOCOL, 1),),
    ),
}


class Origin:
    """The server of a story."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.server = RawServer(patience=0.2)
        self.count = 0  # of requests
        self.open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while self.open:
            try:
                back = self.server.accept(self.story.values)
            except (AssertionError, OSError):
                continue
            back.patience = 5.0
            threading.Thread(target=self._serve, args=(back,), daemon=True).start()

    def _serve(self, back: RawServerConnection) -> None:
        try:
            while True:
                asked = back.asked()
                while not asked.ended and self.story.request is POST:
                    if back.until(lambda one: one.kind == DATA).ends:
                        break
                self.count += 1
                for one in self.story.answers(back, asked, self.count):
                    if one == CLOSE:
                        back.close()
                        return
                    back.send(one)
        except (AssertionError, OSError):
            back.close()

    def close(self) -> None:
        self.open = False
        self.server.close()


def ask(port: int, name: str, request: bytes) -> tuple[bytes, bytes]:
    """The status line's first words, and what stands behind the head, with an asterisk where it ends by a close."""
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.settimeout(2.5)
        sock.sendall(request % name.encode())
        received = b""
        try:
            while more := sock.recv(65_536):
                received += more
            received += b"*"
        except TimeoutError:
            pass
    first, _, body = received.partition(b"\r\n\r\n")
    return first[9:12], b"" if b"<html>" in body else body


Outcome = tuple[tuple[bytes, bytes], list[str], int]


def play(kind: Kind, folder: Path) -> dict[str, Outcome]:
    with ExitStack() as stack:
        log = LogReceiver()
        text = HEAD
        origins: dict[str, Origin] = {}
        for name, story in STORIES.items():
            origin = origins[name] = Origin(story)
            stack.callback(origin.close)
            line = f"server s 127.0.0.1:{origin.server.port} proto h2 {story.words}"
            text += f"backend {name}\n    {story.lines}\n    {line}\n"
        with Program(kind, text, folder, {"log": log.where}) as program, ThreadPoolExecutor(len(STORIES)) as pool:
            port = program.ports["front"]
            asked = {name: pool.submit(ask, port, name, story.request) for name, story in STORIES.items()}
            answers = {name: one.result() for name, one in asked.items()}
        lines = log.close()
        return {
            name: (
                answers[name],
                [line.partition(f"{name} ")[2] for line in lines if line.split()[-3:-2] == [name]],
                origins[name].count,
            )
            for name in STORIES
        }


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Outcome], dict[str, Outcome]]:
    with ThreadPoolExecutor(2) as pool:
        theirs = pool.submit(play, HAPROXY, tmp_path_factory.mktemp("h"))
        ours = pool.submit(play, POINTSMAN, tmp_path_factory.mktemp("p"))
        return theirs.result(), ours.result()


@pytest.mark.parametrize("name", STORIES)
def test_the_same_as_haproxy(both: tuple[dict[str, Outcome], dict[str, Outcome]], name: str) -> None:
    theirs, ours = both[0][name], both[1][name]
    assert theirs[1], "the peer has logged it"
    assert ours == theirs
