"""A stand (stand.py) whose clients speak HTTP/2: frames by h2_peer.py, over the stand's own connections.

with H2Stand(CONFIG, "a") as stand:
    client = stand.h2()                       # preface and SETTINGS have been exchanged
    client.ask(1, "/x")                       # a request, END_STREAM behind its head
    client.put(data(1, b"x", True))           # any frames
    answer = client.answer(1)                 # .status, .fields, .body, .trailers, .reset, .ended: so far
    assert client.resets == {1: CANCEL}
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from hpack import Decoder

from pointsman.stream.acceptor import HTTP_2
from support.h2_peer import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    Answer,
    Frame,
    Head,
    Pair,
    asking,
    headers,
    literals,
    settings,
    window_update,
)
from support.stand import End, Stand

HEAD = struct.Struct(">BHBBI")


class H2Peer:
    """The test's client. It acknowledges nothing by itself, and gives credit where `grants` says so."""

    def __init__(self, end: End, values: Mapping[int, int] | None = None, preface: bool = True) -> None:
        self.end = end
        self.grants = False
        self.frames: list[Frame] = []
        self.answers: dict[int, Answer] = {}
        self.ended: set[int] = set()  # streams of which the proxy has sent END_STREAM
        self.resets: dict[int, int] = {}
        self.decoder = Decoder()
        self.kept = b""
        if preface:
            self.put(PREFACE + settings(values or {}))

    def put(self, *frames: bytes) -> None:
        self.end.send_all(b"".join(frames))

    def ask(self, number: int, path: str = "/", method: str = "GET", *more: Pair, end: bool = True) -> None:
        self.put(headers(number, literals(asking(method, path, *more)), end))

    def look(self) -> H2Peer:
        """Take in what has arrived."""
        buffer = self.kept + self.end.take()
        at = 0
        while len(buffer) - at >= 9:
            high, low, kind, flags, number = HEAD.unpack_from(buffer, at)
            until = at + 9 + (high << 16 | low)
            if until > len(buffer):
                break
            self._came(Frame(kind, flags, number, buffer[at + 9 : until]))
            at = until
        self.kept = buffer[at:]
        return self

    def _came(self, one: Frame) -> None:
        assert one.kind != CONTINUATION
        self.frames.append(one)
        found = self.answers.setdefault(one.stream, Answer()) if one.stream else Answer()
        if one.kind == HEADERS:
            assert one.flags & END_HEADERS
            fields = [(bytes(name), bytes(value)) for name, value in self.decoder.decode(one.payload, raw=True)]
            status = dict(fields).get(b":status")
            if status is None:
                found.trailers = fields
            elif status < b"200":
                found.interim.append(Head(one.stream, fields, False))
            else:
                found.status, found.fields = int(status), fields
        elif one.kind == DATA:
            found.body += one.payload
            if self.grants and one.payload:
                self.put(window_update(0, len(one.payload)), window_update(one.stream, len(one.payload)))
        elif one.kind == RST_STREAM:
            self.resets[one.stream] = one.code
        if one.kind in (HEADERS, DATA) and one.flags & END_STREAM:
            self.ended.add(one.stream)

    # What has arrived so far.

    def answer(self, number: int) -> Answer:
        self.look()
        return self.answers.get(number, Answer())

    def of_kind(self, *kinds: int) -> list[Frame]:
        self.look()
        return [one for one in self.frames if one.kind in kinds]

    def goaways(self) -> list[tuple[int, int]]:
        """(last stream, code) of each GOAWAY."""
        return [(one.last, one.code) for one in self.of_kind(GOAWAY)]

    def pings(self) -> list[bytes]:
        """Those that the proxy has sent."""
        return [one.payload for one in self.of_kind(PING) if not one.flags & ACK]

    def told(self) -> dict[int, int]:
        """The settings that the proxy has sent."""
        return next(one.settings for one in self.of_kind(SETTINGS) if not one.flags & ACK)

    @property
    def closed(self) -> bool:
        self.look()
        return self.end.closed


class H2Stand(Stand):
    def h2(
        self, values: Mapping[int, int] | None = None, name: str = "", buffers: int = 0, preface: bool = True
    ) -> H2Peer:
        """A client whose connection speaks HTTP/2 from its first byte on (bind ... proto h2)."""
        self.bind_states[id(self.frontend(name))].proto = HTTP_2
        return H2Peer(self.client(name, buffers), values, preface)
