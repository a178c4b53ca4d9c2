"""An HTTP side that is not HTTP/1: frames on one connection, several exchanges at once, heads as objects.

    frame     kind (1 byte), number of the place (4), length (4), payload
    HEAD      a head as JSON: method and uri, or status; fields; `end`: no body follows
    DATA      payload, as far as the other side has given credit
    END       the end of one direction of a place, with its trailers as JSON
    RESET     the end of a place, at once
    CREDIT    so many bytes (4) more may come

Here is what both ends have in common. The proxy's sides are in frame_sides.py, the test's end in frame_stand.py.
"""

from __future__ import annotations

import errno
import json
import struct
from collections.abc import Callable, Iterable
from typing import Final

from pointsman.net.duplex import NOTHING, Duplex
from pointsman.net.wire import BRIEF, Wire
from pointsman.proto.message import CODING, CONNECTION, HOP, Field, field

HEAD, DATA, END, RESET, CREDIT = range(1, 6)
WINDOW: Final = 65_536  # bytes of a place that may be under way without further credit
PIECE: Final = 16_384  # bytes of a DATA frame
_FRAME: Final = struct.Struct(">BII")
_DROPPED: Final = frozenset((CONNECTION, HOP, CODING))  # fields that are about a connection of HTTP/1

Frame = tuple[int, int, bytes]


def frame(kind: int, number: int, payload: bytes = b"") -> bytes:
    return _FRAME.pack(kind, number, len(payload)) + payload


def asking(uri: str, method: str = "GET", fields: Iterable[list[str]] = (), end: bool = True) -> bytes:
    """The head of a request, as a frame has it."""
    return json.dumps({"method": method, "uri": uri, "fields": list(fields), "end": end}).encode()


def packed(fields: Iterable[Field]) -> list[list[str]]:
    return [[one.name.decode("latin-1"), one.value.decode("latin-1")] for one in fields if one.kind not in _DROPPED]


def unpacked(pairs: Iterable[Iterable[str]]) -> list[Field]:
    return [field(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


class Cutter:
    """Cuts frames out of bytes."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[Frame]:
        self.rest += data
        found: list[Frame] = []
        while len(self.rest) >= _FRAME.size:
            kind, number, length = _FRAME.unpack_from(self.rest)
            end = _FRAME.size + length
            if len(self.rest) < end:
                break
            found.append((kind, number, self.rest[_FRAME.size : end]))
            self.rest = self.rest[end:]
        return found


class Flow(Duplex):
    """The payload of one place, both ways, with credit. No descriptor belongs to it."""

    def __init__(self, wire: Wire, number: int, wake: Callable[[], None]) -> None:
        super().__init__()
        self.wire = wire
        self.number = number
        self.wake = wake  # whoever reads it has another go
        self.inbox = b""
        self.ended = False  # nothing comes behind that
        self.credit = WINDOW  # bytes that may be sent
        self.ending = False  # nothing will be sent behind `out`
        self.trailers: list[Field] = []  # that come, and that go
        self.last: list[Field] = []

    # What goes.

    def send(self, kind: int, payload: bytes = b"") -> int:
        data = frame(kind, self.number, payload)
        self.wire.push(data)
        return len(data)

    def write(self) -> bool:
        """As far as the credit and the wire go. False: it is lost."""
        while self.out and self.credit and not self.wire.blocked and not self.failed and not self.wire.failed:
            piece = self.out[: min(self.credit, PIECE)]
            self.out = self.out[len(piece) :]
            self.credit -= len(piece)
            self.send(DATA, piece)
            self.wire.flush()
        if self.ending and not self.out and not self.shut_down and not self.failed:
            self.shut_down = True
            self.send(END, json.dumps(packed(self.last)).encode())
        self.wire.flush()
        return not self.failed and not self.wire.failed

    def accept(self, data: bytes) -> None:
        self.out += data
        self.write()

    def end(self) -> None:
        self.ending = True
        self.write()

    def granted(self, count: int) -> bool:
        """The other side takes more. True: all that waited has gone."""
        waited = len(self.out) > 0
        self.credit += count
        self.write()
        return waited and not self.out

    # What comes.

    def came(self, kind: int, payload: bytes) -> None:
        if kind == DATA:
            self.inbox += payload
        elif kind == END:
            self.ended = True
            self.trailers = unpacked(json.loads(payload))
        else:
            self.failed = errno.ECONNRESET
            self.out = b""
        self.unread = True

    def take(self, most: int = BRIEF) -> bytes | None:
        """A piece; b"" at the end; None: nothing now."""
        piece, self.inbox = self.inbox[:most], self.inbox[most:]
        if piece:
            self.unread = bool(self.inbox) or self.ended or bool(self.failed)
            if not self.ended and not self.failed:
                self.send(CREDIT, struct.pack(">I", len(piece)))
                self.wire.flush()
            return piece
        self.unread = False
        if self.ended or self.failed:
            self.finished = True
            return b""
        return None

    def pass_on(self, sink: Duplex) -> int:
        data = self.take()
        if data is None:
            return NOTHING
        if data:
            sink.accept(data)
        return len(data)

    def ask_again(self) -> None:
        self.wire.reactor.another(self)

    def go(self) -> None:
        self.wake()

    def ready(self, events: int) -> None:
        raise AssertionError("nobody watches it")

    def again(self) -> None:
        self.wake()
