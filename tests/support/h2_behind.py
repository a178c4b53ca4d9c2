"""Cases of a server of HTTP/2: what it sends, and what the program, its client, must do about it (see h2_script).

A client of HTTP/1 asks the program, which asks a raw server. By the time that a case's steps begin, the server has read
the head of the request, on stream 1, and has sent its SETTINGS. Bytes are sent by the server; functions are called with
the exchange:

    case("8.3.2", "no :status", headers(1, literals([("x-a", "b")])), resets(PROTOCOL_ERROR), got(502))
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from support import h2_script
from support.h2_peer import (
    DATA,
    GOAWAY,
    PATIENCE,
    PING,
    RST_STREAM,
    WINDOW_UPDATE,
    Head,
    Pair,
    RawServer,
    RawServerConnection,
    Serialized,
    Silence,
    goaway_of,
    ping,
    reset_of,
    settings_ack,
)
from support.h2_script import named

GET = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"


@dataclass(slots=True)
class Got:
    """What a client of HTTP/1 has received."""

    status: int
    head: bytes
    body: bytes
    whole: bool  # not broken off
    trailers: bytes = b""

    def get(self, name: bytes) -> bytes | None:
        """The value of the first field of that name."""
        start = name.lower() + b":"
        lines = self.head.split(b"\r\n")
        return next((line[len(start) :].strip() for line in lines if line.lower().startswith(start)), None)


class Asking:
    """A client of HTTP/1, with one request."""

    def __init__(self, port: int, text: bytes, patience: float) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), patience)
        self.head_only = text.startswith(b"HEAD ")
        self.unread = b""
        self.over = False
        self.sock.sendall(text)

    def _more(self) -> bool:
        try:
            piece = self.sock.recv(1 << 18)
        except TimeoutError:
            raise Silence(f"no answer of HTTP/1 but {self.unread[:1000]!r}") from None
        except OSError:
            piece = b""
        self.unread += piece
        self.over = not piece
        return not self.over

    def _until(self, text: bytes) -> bytes | None:
        """All up to the end of that text; None where the connection ends before it."""
        while text not in self.unread:
            if not self._more():
                return None
        piece, _, self.unread = self.unread.partition(text)
        return piece + text

    def exactly(self, size: int) -> bytes:
        """So many bytes, or those that come before the end."""
        while len(self.unread) < size and self._more():
            pass
        piece, self.unread = self.unread[:size], self.unread[size:]
        return piece

    def head(self) -> Got:
        """The next head, interim or final, without its body."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return Got(0, b"", b"", False)
        return Got(int(head.split(b" ", 2)[1]), head, b"", True)

    def answer(self) -> Got:
        """The final answer, with its body."""
        got = self.head()
        while got.status // 100 == 1:
            got = self.head()
        if not got.whole or self.head_only or got.status in (204, 304):
            return got
        if (got.get(b"transfer-encoding") or b"").lower() == b"chunked":
            self._chunks(got)
        elif (length := got.get(b"content-length")) is not None:
            got.body = self.exactly(int(length))
            got.whole = len(got.body) == int(length)
        else:
            while self._more():
                pass
            got.body = self.unread
        return got

    def _chunks(self, got: Got) -> None:
        while (line := self._until(b"\r\n")) is not None:
            size = int(line.partition(b";")[0], 16)
            if not size:
                rest = b""
                while (line := self._until(b"\r\n")) not in (None, b"\r\n"):
                    rest += line or b""
                got.trailers, got.whole = rest, line is not None
                return
            got.body += self.exactly(size)
            self.exactly(2)
        got.whole = False


@dataclass(frozen=True, slots=True)
class BackCase:
    """One requirement that a client meets or breaks."""

    section: str
    title: str
    steps: tuple[bytes | Serialized | Callable[[Exchange], object], ...]
    asked: bytes  # the request of HTTP/1
    values: Mapping[int, int] | Sequence[tuple[int, int]]  # the server's first SETTINGS
    first: bytes | None  # what the server sends first, in place of SETTINGS; it does not acknowledge then
    headed: bool  # the head of the request is read before the steps begin
    haproxy: str  # what haproxy does in place of that: it does not meet this case

    @property
    def name(self) -> str:
        return f"{self.section} {self.title}".replace(" ", "-")


def case(
    section: str,
    title: str,
    *steps: bytes | Serialized | Callable[[Exchange], object],
    asked: bytes = GET,
    values: Mapping[int, int] | Sequence[tuple[int, int]] = (),
    first: bytes | None = None,
    headed: bool = True,
    haproxy: str = "",
) -> BackCase:
    return BackCase(section, title, steps, asked, values, first, headed, haproxy)


@dataclass(slots=True)
class Exchange:
    """A case under way. `port`: the program's, for HTTP/1; the request names the port of the server. `tls`: of a server
    that is asked over it (ALPN h2). `cut`: so many bytes of each write of the server go one by one."""

    port: int
    patience: float = PATIENCE
    tls: ssl.SSLContext | None = None
    cut: int = 0
    server: RawServer = field(init=False)
    back: RawServerConnection = field(init=False)
    client: Asking = field(init=False)
    head: Head = field(init=False)
    later: list[Asking] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.server = RawServer(self.patience, self.tls)
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self.client.sock, self.back, self.server, *(more.sock for more in self.later)):
            one.close()

    def ask(self, text: bytes) -> Asking:
        """A request, to this case's server."""
        line, _, rest = text.partition(b"\r\n")
        way = b"tls" if self.tls is not None else b"clear"
        more = b"\r\nX-Port: %d\r\nX-Way: %b\r\n" % (self.server.port, way)
        return Asking(self.port, line + more + rest, self.patience)

    def ask_again(self, text: bytes = GET) -> Asking:
        """Another request, on a connection of its own."""
        self.later.append(self.ask(text))
        return self.later[-1]

    def play(self, one: BackCase) -> None:
        """All steps in turn; raises AssertionError where the program does something else."""
        self.client = self.ask(one.asked)
        self.back = self.server.accept(None, polite=one.first is None)
        self.back.cut = self.cut
        self.back.read_preface()
        self.back.settle(one.values, one.first)
        if one.headed:
            self.head = self.back.asked()
        for step in one.steps:
            if callable(step):
                step(self)
            else:
                self.back.send(step)


def client_sends(data: bytes) -> Callable[[Exchange], None]:
    """The client of HTTP/1 goes on with its request."""
    return lambda exchange: exchange.client.sock.sendall(data)


# What must be seen.


def got(
    status: int = 200, body: bytes | None = None, also: Callable[[Got], bool] | None = None
) -> Callable[[Exchange], None]:
    """The client gets a whole answer."""

    def wait(exchange: Exchange) -> None:
        answer = exchange.client.answer()
        assert answer.status == status and answer.whole, f"{answer}\n{exchange.back.transcript()}"
        assert body is None or answer.body == body, answer
        assert also is None or also(answer), answer

    return wait


def cut(exchange: Exchange) -> None:
    """The client gets the beginning of an answer, and its connection ends before the answer does."""
    answer = exchange.client.answer()
    assert answer.status == 200 and not answer.whole, answer


def fails(exchange: Exchange) -> None:
    """The client gets 502, or the beginning of an answer that is broken off."""
    answer = exchange.client.answer()
    assert answer.status == 502 or not answer.whole, f"{answer}\n{exchange.back.transcript()}"


def breaks(*codes: int) -> Callable[[Exchange], None]:
    """A connection error: GOAWAY with one of these codes, and the connection is closed."""
    wait = h2_script.breaks(*codes)
    return lambda exchange: wait(exchange.back)


def ends(*codes: int) -> Callable[[Exchange], None]:
    """The connection is closed, with GOAWAY with one of these codes, or without any GOAWAY."""
    wait = h2_script.closes(*codes)
    return lambda exchange: wait(exchange.back)


def resets_or_breaks(*codes: int, stream: int = 1) -> Callable[[Exchange], None]:
    """A stream error or a connection error with one of these codes: an endpoint may take one for the other (5.4)."""

    def wait(exchange: Exchange) -> None:
        back = exchange.back
        found = back.until(lambda one: reset_of(stream)(one) or goaway_of()(one))
        assert found.code in codes, f"not {named(codes)}:\n{back.transcript()}"
        if found.kind == RST_STREAM:
            again(exchange)
        else:
            assert back.ended(), f"the connection stays open:\n{back.transcript()}"

    return wait


def tolerates(*codes: int) -> Callable[[Exchange], None]:
    """What was sent is ignored, or is a stream or connection error with one of these codes, where both are allowed."""

    def wait(exchange: Exchange) -> None:
        back = exchange.back
        back.send(ping(b"and now?"))
        found = back.until(lambda one: one.kind == GOAWAY or (one.kind == PING and one.payload == b"and now?"))
        errors = [one for one in back.frames if one.kind in (RST_STREAM, GOAWAY)]
        assert all(one.code in codes for one in errors), f"not {named(codes)}:\n{back.transcript()}"
        if found.kind == PING:
            again(exchange)

    return wait


def resets(*codes: int, stream: int = 1) -> Callable[[Exchange], None]:
    """A stream error: RST_STREAM with one of these codes, and the connection carries further streams."""

    def wait(exchange: Exchange) -> None:
        back = exchange.back
        if not any(reset_of(stream)(one) for one in back.frames):
            found = back.until(lambda one: reset_of(stream)(one) or goaway_of()(one))
            assert found.kind == RST_STREAM, f"the connection is given up:\n{back.transcript()}"
        found = next(one for one in back.frames if reset_of(stream)(one))
        assert found.code in codes, f"not {named(codes)}:\n{back.transcript()}"
        again(exchange)

    return wait


def again(exchange: Exchange) -> None:
    """Another request comes on the same connection, and is answered."""
    client = exchange.ask_again()
    head = exchange.back.asked()
    exchange.back.respond(head.stream, body=b"again")
    answer = client.answer()
    assert answer.status == 200 and answer.body == b"again", f"{answer}\n{exchange.back.transcript()}"


def pings(exchange: Exchange) -> None:
    """All that the server has sent has been read."""
    exchange.back.pinged()


def reply(
    status: int = 200,
    *fields: Pair,
    stream: int = 1,
    body: bytes | None = b"ok",
    trailers: Sequence[Pair] | None = None,
) -> Callable[[Exchange], None]:
    """A whole response; its heads are coded by hpack, with a dynamic table."""
    return lambda exchange: exchange.back.respond(stream, status, fields, body, trailers)


def asked(*pairs: tuple[bytes, bytes], lacks: Sequence[bytes] = ()) -> Callable[[Exchange], None]:
    """The head that has come has these fields, and none of the names of `lacks`."""

    def look(exchange: Exchange) -> None:
        for pair in pairs:
            assert pair in exchange.head.fields, exchange.head
        for name in lacks:
            assert exchange.head.get(name) is None, exchange.head

    return look


def ignored(exchange: Exchange) -> None:
    """What was sent changes nothing: the request is answered, and so is the next one on this connection."""
    exchange.back.send(ping(b"ignored?"))
    exchange.back.respond(1, body=b"ok")
    got(200, b"ok")(exchange)
    again(exchange)
    assert not any(one.kind in (RST_STREAM, GOAWAY) for one in exchange.back.frames), exchange.back.transcript()


def body_of(exchange: Exchange, stream: int = 1) -> bytes:
    """The body of a request, to its end."""
    back = exchange.back
    while not any(one.stream == stream and one.ends for one in back.frames):
        back.until(lambda one: one.stream == stream)
    return b"".join(one.content for one in back.frames if one.stream == stream and one.kind == 0)


def granted(exchange: Exchange, stream: int) -> int:
    """Bytes that WINDOW_UPDATE frames have added so far."""
    return sum(one.increment for one in exchange.back.frames if one.kind == WINDOW_UPDATE and one.stream == stream)


def acknowledges(exchange: Exchange) -> None:
    """The server's SETTINGS are acknowledged."""
    exchange.back.until(settings_ack)


def sends(size: int) -> Callable[[Exchange], None]:
    """So many bytes of the request's body come, and no more."""

    def wait(exchange: Exchange) -> None:
        back = exchange.back
        while sum(len(one.payload) for one in back.frames if one.kind == DATA) < size:
            assert back.next() is not None, back.transcript()
        back.pinged()
        assert sum(len(one.payload) for one in back.frames if one.kind == DATA) == size, back.transcript()

    return wait


def sends_all(size: int) -> Callable[[Exchange], None]:
    """The whole body of the request comes."""

    def wait(exchange: Exchange) -> None:
        assert len(body_of(exchange)) == size

    return wait
