"""A raw client and a raw server of HTTP/2: any frame, right or wrong, over blocking sockets with deadlines.

Nothing here keeps the rules of RFC 9113: what a test says is what is sent. Frames to send are bytes, made by the
functions below or by hand, or frames of the library hyperframe. Heads are coded by the library hpack, or by hand
(`literal`).

    with RawClient(port) as client:                  # connection preface and SETTINGS have been sent
        client.request(1, path="/x")                 # HEADERS with END_STREAM; more=True: without
        answer = client.answer(1)                    # .status, .fields, .body, .trailers
        client.send(data(3, b"x"), ping())           # any frames, in one write
        client.until(goaway_of(PROTOCOL_ERROR))      # reads on to the frame for which this is true, and returns it
        assert client.ended()                        # the program closes the connection
        client.serves(5)                             # it does not: one more exchange, on stream 5, is answered with 200

    with RawServer() as server:                      # .port: for the `server` line
        with server.accept() as back:                # the client's preface has been read, SETTINGS have been sent
            asked = back.asked()                     # the next request's head: .stream, .fields, .ended
            back.respond(asked.stream, body=b"hi")   # HEADERS, DATA with END_STREAM

Each wait ends within `patience` seconds of the call: with an AssertionError (Silence) that lists all frames so far.
`frames` are all that have been received; `until` and `next` go through them once, each behind the one before.
A connection acknowledges SETTINGS and PING by itself, unless `polite` is False. Windows are the test's business: as
long as it sends no WINDOW_UPDATE, 65,535 bytes come and no more.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from hpack import Decoder, Encoder, HPACKError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# Kinds of frames (RFC 9113 6).
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
KINDS = (
    *("DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE"),
    *("PING", "GOAWAY", "WINDOW_UPDATE", "CONTINUATION"),
)
# Flags.
ACK = END_STREAM = 1
END_HEADERS = 4
PADDED = 8
PRIORITIZED = 0x20
# Settings (6.5.2; RFC 8441).
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = range(1, 5)
MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 5, 6
ENABLE_CONNECT_PROTOCOL = 8
# Error codes (7).
CODES = (
    *("NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED"),
    *("FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM"),
    *("INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"),
)
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED = range(6)
FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM = range(6, 12)
INADEQUATE_SECURITY, HTTP_1_1_REQUIRED = 12, 13

WINDOW = 65_535  # the initial window of a connection and of each stream (6.9.2)
LARGEST = 16_384  # the payload of a frame that everybody takes (4.2)
PATIENCE = 5.0

Pair = tuple[str | bytes, str | bytes]


class Serialized(Protocol):
    """A frame of the library hyperframe."""

    def serialize(self) -> bytes: ...


class Silence(AssertionError):
    """What was waited for has not come."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One that was received."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def ends(self) -> bool:
        """The last one of its direction of its stream."""
        return self.kind in (DATA, HEADERS) and bool(self.flags & END_STREAM)

    @property
    def code(self) -> int:
        """The error code of RST_STREAM and GOAWAY; -1 of others."""
        if self.kind == RST_STREAM:
            return int.from_bytes(self.payload[:4], "big")
        return int.from_bytes(self.payload[4:8], "big") if self.kind == GOAWAY else -1

    @property
    def last(self) -> int:
        """The last stream that GOAWAY names."""
        return int.from_bytes(self.payload[:4], "big") & 0x7FFFFFFF

    @property
    def increment(self) -> int:
        """Of WINDOW_UPDATE."""
        return int.from_bytes(self.payload, "big") & 0x7FFFFFFF

    @property
    def settings(self) -> dict[int, int]:
        """Of SETTINGS."""
        return dict(struct.iter_unpack(">HI", self.payload))

    @property
    def content(self) -> bytes:
        """The payload of DATA, or the piece of a block in HEADERS, without padding and priority."""
        payload = self.payload
        if self.flags & PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        return payload[5:] if self.kind == HEADERS and self.flags & PRIORITIZED else payload

    def __str__(self) -> str:
        name = KINDS[self.kind] if self.kind < len(KINDS) else f"kind {self.kind}"
        if self.kind in (RST_STREAM, GOAWAY):
            code = CODES[self.code] if self.code < len(CODES) else str(self.code)
            return f"{name} {self.stream} {code}" + (f" last {self.last} {self.payload[8:]!r}" * (self.kind == GOAWAY))
        return f"{name} {self.stream} flags {self.flags:#x} {len(self.payload)} bytes"


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"", length: int | None = None) -> bytes:
    """`length`: what the frame says of its length where that is not so. The reserved bit may be set in `stream`."""
    size = len(payload) if length is None else length
    return struct.pack(">BHBBI", size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def table_of(values: Mapping[int, int] | Sequence[tuple[int, int]]) -> int:
    """Bytes of the dynamic table that these SETTINGS let the other end use."""
    return dict(values).get(HEADER_TABLE_SIZE, 4096)


def _padded(payload: bytes, pad: int | None) -> bytes:
    return payload if pad is None else bytes((pad,)) + payload + bytes(pad)


def data(stream: int, payload: bytes = b"", end: bool = False, pad: int | None = None) -> bytes:
    flags = END_STREAM * end | PADDED * (pad is not None)
    return frame(DATA, flags, stream, _padded(payload, pad))


def headers(
    stream: int, block: bytes, end: bool = True, whole: bool = True, pad: int | None = None, priority: bytes = b""
) -> bytes:
    """`whole`: with END_HEADERS. `priority`: the five bytes of priority_fields()."""
    flags = END_STREAM * end | END_HEADERS * whole | PADDED * (pad is not None) | PRIORITIZED * bool(priority)
    return frame(HEADERS, flags, stream, _padded(priority + block, pad))


def continuation(stream: int, block: bytes, whole: bool = True) -> bytes:
    return frame(CONTINUATION, END_HEADERS * whole, stream, block)


def priority_fields(depends: int, weight: int = 15, exclusive: bool = False) -> bytes:
    return struct.pack(">IB", depends | exclusive << 31, weight)


def priority(stream: int, depends: int = 0, weight: int = 15, exclusive: bool = False) -> bytes:
    return frame(PRIORITY, 0, stream, priority_fields(depends, weight, exclusive))


def rst_stream(stream: int, code: int = CANCEL) -> bytes:
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def settings(values: Mapping[int, int] | Sequence[tuple[int, int]] = (), ack: bool = False) -> bytes:
    pairs = values.items() if isinstance(values, Mapping) else values
    return frame(SETTINGS, ACK * ack, 0, b"".join(struct.pack(">HI", name, value) for name, value in pairs))


def push_promise(stream: int, promised: int, block: bytes) -> bytes:
    return frame(PUSH_PROMISE, END_HEADERS, stream, struct.pack(">I", promised) + block)


def ping(payload: bytes = b"pingpong", ack: bool = False) -> bytes:
    return frame(PING, ACK * ack, 0, payload)


def goaway(last: int = 0, code: int = NO_ERROR, debug: bytes = b"") -> bytes:
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + debug)


def window_update(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def integer(value: int, bits: int, first: int = 0) -> bytes:
    """An integer of HPACK with a prefix of so many bits (RFC 7541 5.1); `first`: what stands in the bits before it."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((first | value,))
    coded, value = bytearray((first | most,)), value - most
    while value >= 0x80:
        coded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*coded, value))


def string(text: str | bytes) -> bytes:
    """A string of HPACK that is not Huffman-coded (RFC 7541 5.2)."""
    text = text.encode("latin-1") if isinstance(text, str) else text
    return integer(len(text), 7) + text


def literal(name: str | bytes, value: str | bytes, first: int = 0x00) -> bytes:
    """A field as a literal with a new name: 0x00 not indexed, 0x10 never indexed, 0x40 with incremental indexing."""
    return bytes((first,)) + string(name) + string(value)


def literals(pairs: Iterable[Pair]) -> bytes:
    """A block of such literals: it changes no table, whatever comes of it."""
    return b"".join(literal(name, value) for name, value in pairs)


def asking(
    method: str = "GET", path: str = "/", *more: Pair, scheme: str = "http", authority: str = "a.test"
) -> list[Pair]:
    """The fields of a request, pseudo-header fields first."""
    return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path), *more]


@dataclass(slots=True)
class Head:
    """A decoded head: a request's, a response's, or trailers."""

    stream: int
    fields: list[tuple[bytes, bytes]]
    ended: bool

    def get(self, name: bytes) -> bytes | None:
        """The value of the first field of that name."""
        return next((value for one, value in self.fields if one == name), None)


@dataclass(slots=True)
class Answer:
    """What has come on a stream up to its end."""

    status: int = 0
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    trailers: list[tuple[bytes, bytes]] | None = None
    interim: list[Head] = field(default_factory=list)  # 1xx
    reset: int | None = None  # the code of the RST_STREAM that has ended it

    def get(self, name: bytes) -> bytes | None:
        return next((value for one, value in self.fields if one == name), None)


class RawConnection:
    """One end of a connection; `RawClient` and what `RawServer.accept` returns are made of it."""

    def __init__(self, sock: socket.socket, patience: float = PATIENCE, polite: bool = True) -> None:
        self.sock = sock
        self.patience = patience
        self.polite = polite
        self.cut = 0  # so many bytes of each write go one by one
        self.frames: list[Frame] = []
        self.heads: dict[int, Head] = {}  # by the place in `frames` of its HEADERS
        self.closed = False  # the program has ended the connection, or broken it
        self.encoder = Encoder()
        self.decoder = Decoder(max_header_list_size=1 << 24)
        self.table_size = 4096  # that our SETTINGS allow, from their acknowledgment on
        self.unread = b""
        self._at = 0  # how many of `frames` have been gone through
        self._block: tuple[int, Frame, bytes] | None = None  # a head whose END_HEADERS is still to come

    def send(self, *parts: bytes | Serialized) -> None:
        """Frames, or any bytes. That the program has gone is seen by who reads, as it may have said why."""
        whole = b"".join(part if isinstance(part, bytes) else part.serialize() for part in parts)
        cuts = range(1, min(len(whole), self.cut))
        self.sock.settimeout(self.patience)
        try:
            for at in cuts:
                self.sock.sendall(whole[at - 1 : at])
            self.sock.sendall(whole[len(cuts) :])
        except TimeoutError:
            raise Silence(f"what is sent is not read; received:\n{self.transcript()}") from None
        except OSError:
            pass

    def block(self, pairs: Iterable[Pair]) -> bytes:
        """Coded by hpack, with a dynamic table; every block that is made is to be sent, in this order."""
        return bytes(self.encoder.encode(list(pairs)))

    def next(self, patience: float | None = None) -> Frame | None:
        """The next frame, or None where the connection ends before it."""
        limit = time.monotonic() + (self.patience if patience is None else patience)
        while self._at >= len(self.frames):
            if self.closed:
                return None
            self._read(limit)
        self._at += 1
        return self.frames[self._at - 1]

    def until(self, wanted: Callable[[Frame], bool], patience: float | None = None) -> Frame:
        """The next frame of which that is true; those before it are passed over (`frames` has them)."""
        limit = time.monotonic() + (self.patience if patience is None else patience)
        while True:
            found = self.next(limit - time.monotonic())
            if found is None:
                raise Silence(f"the connection has ended; received:\n{self.transcript()}")
            if wanted(found):
                return found

    def ended(self, patience: float | None = None) -> bool:
        """Reads until the program ends the connection; False if it does not."""
        limit = time.monotonic() + (self.patience if patience is None else patience)
        try:
            while not self.closed:
                self._read(limit)
        except Silence:
            return False
        return True

    def pinged(self, payload: bytes = b"a ping!!") -> None:
        """Sends PING and waits for its answer: by then, the program has read all that was sent before."""
        self.send(ping(payload))
        self.until(lambda one: one.kind == PING and bool(one.flags & ACK) and one.payload == payload)

    def head(self, stream: int | None = None) -> Head:
        """The next head, on that stream or on any."""
        while True:
            self.until(lambda one: one.kind == HEADERS and stream in (None, one.stream))
            place = self._at - 1
            limit = time.monotonic() + self.patience
            while place not in self.heads:
                if self.closed:
                    raise Silence(f"a head without its end; received:\n{self.transcript()}")
                self._read(limit)
            return self.heads[place]

    def collect(self, stream: int, patience: float | None = None) -> Answer:
        """All of a stream, from its first frame to its end: what has been read already counts."""
        limit = time.monotonic() + (self.patience if patience is None else patience)
        while True:
            over = any(one.stream == stream and (one.ends or one.kind == RST_STREAM) for one in self.frames)
            if over and self._block is None:
                return self._answer(stream)
            if self.closed:
                raise Silence(f"the connection has ended within stream {stream}; received:\n{self.transcript()}")
            self._read(limit)

    def transcript(self) -> str:
        """All that was received, a line for each frame."""
        return "\n".join(f"    {one}" for one in self.frames) + ("\n    (closed)" if self.closed else "\n    (open)")

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self, stream: int) -> Answer:
        made = Answer()
        for place, one in enumerate(self.frames):
            if one.stream != stream:
                continue
            if one.kind == DATA:
                made.body += one.content
            elif one.kind == RST_STREAM:
                made.reset = one.code
            elif one.kind == HEADERS:
                head = self.heads[place]
                status = head.get(b":status")
                if status is None:
                    made.trailers = head.fields
                elif status[:1] == b"1":
                    made.interim.append(head)
                else:
                    made.status, made.fields = int(status), head.fields
        return made

    def _read(self, limit: float) -> None:
        """One read of the socket; what it completes goes to `frames`."""
        left = limit - time.monotonic()
        if left <= 0 and not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
            raise Silence(f"nothing more has come; received:\n{self.transcript()}")
        self.sock.settimeout(max(left, 0.001))
        try:
            piece = self.sock.recv(1 << 18)
        except TimeoutError:
            raise Silence(f"nothing more has come; received:\n{self.transcript()}") from None
        except OSError:
            piece = b""
        if not piece:
            self.closed = True
            return
        buffer = self.unread + piece
        at = 0
        while len(buffer) - at >= 9:
            high, low, kind, flags, stream = struct.unpack_from(">BHBBI", buffer, at)
            end = at + 9 + (high << 16 | low)
            if len(buffer) < end:
                break
            self._take(Frame(kind, flags, stream & 0x7FFFFFFF, buffer[at + 9 : end]))
            at = end
        self.unread = buffer[at:]

    def _take(self, one: Frame) -> None:
        self.frames.append(one)
        if one.kind == HEADERS:
            self._block = (len(self.frames) - 1, one, one.content)
        elif one.kind == CONTINUATION and self._block is not None:
            self._block = (*self._block[:2], self._block[2] + one.payload)
        elif one.kind == SETTINGS and one.flags & ACK:
            self.decoder.max_allowed_table_size = self.table_size
        elif self.polite and not one.flags & ACK:
            if one.kind == SETTINGS:
                self.send(settings(ack=True))
            elif one.kind == PING:
                self.send(ping(one.payload, ack=True))
        if self._block is not None and one.flags & END_HEADERS:
            place, first, block = self._block
            self._block = None
            try:
                pairs = self.decoder.decode(block, raw=True)
            except HPACKError as error:
                raise AssertionError(f"a head that cannot be decoded: {error}") from error
            self.heads[place] = Head(first.stream, [(bytes(name), bytes(value)) for name, value in pairs], first.ends)


class RawClient(RawConnection):
    """A connection to a program's port. `tls`: a context, over which it goes; `alpn` are its protocols.

    `preface`: what is sent first in place of the preface and empty SETTINGS; b"" for nothing.
    """

    def __init__(
        self,
        port: int,
        values: Mapping[int, int] | Sequence[tuple[int, int]] = (),
        preface: bytes | None = None,
        tls: ssl.SSLContext | None = None,
        patience: float = PATIENCE,
        polite: bool = True,
    ) -> None:
        sock = socket.create_connection(("127.0.0.1", port), patience)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(sock if tls is None else tls.wrap_socket(sock, server_hostname="a.test"), patience, polite)
        self.table_size = table_of(values)
        self.send(PREFACE + settings(values) if preface is None else preface)

    def request(
        self,
        stream: int,
        method: str = "GET",
        path: str = "/",
        fields: Sequence[Pair] = (),
        body: bytes | None = None,
        more: bool = False,
    ) -> None:
        """HEADERS, and DATA of at most 16,384 bytes each. `more`: END_STREAM is still to come."""
        block = self.block(asking(method, path, *fields))
        pieces = [body[at : at + LARGEST] for at in range(0, len(body), LARGEST) or (0,)] if body is not None else []
        frames = [headers(stream, block, end=not pieces and not more)]
        frames += [data(stream, piece, end=at == len(pieces) and not more) for at, piece in enumerate(pieces, 1)]
        self.send(*frames)

    def answer(self, stream: int, patience: float | None = None) -> Answer:
        """The whole answer: one that is not broken off."""
        made = self.collect(stream, patience)
        assert made.status, f"no answer on stream {stream}; received:\n{self.transcript()}"
        return made

    def serves(self, stream: int) -> None:
        """The connection is in order: one more request is answered."""
        self.request(stream)
        assert self.answer(stream).status == 200, self.transcript()


class RawServer:
    """Listens on a port of its own, for `server ... proto h2`."""

    def __init__(self, patience: float = PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port: int = self.listener.getsockname()[1]
        self.patience = patience
        self.tls = tls

    def accept(
        self, values: Mapping[int, int] | Sequence[tuple[int, int]] | None = (), polite: bool = True
    ) -> RawServerConnection:
        """The next connection; `values` None: nothing is sent and the preface stays unread (`read_preface`)."""
        self.listener.settimeout(self.patience)
        try:
            sock, _ = self.listener.accept()
        except TimeoutError:
            raise Silence("nobody has connected") from None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is not None:
            sock.settimeout(self.patience)
            sock = self.tls.wrap_socket(sock, server_side=True)
        made = RawServerConnection(sock, self.patience, polite)
        if values is not None:
            made.settle(values)
            made.read_preface()
        return made

    def close(self) -> None:
        self.listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RawServerConnection(RawConnection):
    """The server's end."""

    def read_preface(self) -> None:
        """The first 24 bytes of the client."""
        self.sock.settimeout(self.patience)
        got = b""
        while len(got) < len(PREFACE) and (piece := self.sock.recv(len(PREFACE) - len(got))):
            got += piece
        assert got == PREFACE, got

    def settle(self, values: Mapping[int, int] | Sequence[tuple[int, int]] = (), first: bytes | None = None) -> None:
        """Sends SETTINGS, or `first` in place of them."""
        self.table_size = table_of(values)
        self.send(settings(values) if first is None else first)

    def asked(self) -> Head:
        """The head of the next request."""
        return self.head()

    def respond(
        self,
        stream: int,
        status: int = 200,
        fields: Sequence[Pair] = (),
        body: bytes | None = b"",
        trailers: Sequence[Pair] | None = None,
    ) -> None:
        """A whole response; `body` None: END_STREAM stands in its head."""
        frames = [
            headers(stream, self.block([(":status", str(status)), *fields]), end=body is None and trailers is None)
        ]
        if body is not None:
            pieces = [body[at : at + LARGEST] for at in range(0, len(body), LARGEST) or (0,)]
            frames += [
                data(stream, one, end=at == len(pieces) and trailers is None) for at, one in enumerate(pieces, 1)
            ]
        if trailers is not None:
            frames.append(headers(stream, self.block(trailers)))
        self.send(*frames)


# What `until` may be asked for.


def settings_of(one: Frame) -> bool:
    """The other end's SETTINGS."""
    return one.kind == SETTINGS and not one.flags & ACK


def settings_ack(one: Frame) -> bool:
    return one.kind == SETTINGS and bool(one.flags & ACK)


def goaway_of(*codes: int) -> Callable[[Frame], bool]:
    """GOAWAY with one of these codes, or with any."""
    return lambda one: one.kind == GOAWAY and (not codes or one.code in codes)


def reset_of(stream: int, *codes: int) -> Callable[[Frame], bool]:
    """RST_STREAM of that stream with one of these codes, or with any."""
    return lambda one: one.kind == RST_STREAM and one.stream == stream and (not codes or one.code in codes)


def end_of(stream: int) -> Callable[[Frame], bool]:
    """The last frame of a stream, whichever way it ends."""
    return lambda one: one.stream == stream and (one.ends or one.kind == RST_STREAM)
