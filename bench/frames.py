"""A client's half of a connection of HTTP/2 for rows that are counted: one stream at a time, always the same bytes.

What h2load sends at its first request, and the short blocks of all that follow: fields that do not change are inserted
in the table of the other side once, and are an index of one byte from then on (RFC 7541, 6.1 and 6.2.1).
"""

from __future__ import annotations

import struct

from bench.rows import Row

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 7, 8  # RFC 9113, 6
END_STREAM = ACK = 1
END_HEADERS = 4
INITIAL_WINDOW_SIZE = 4  # of SETTINGS
LARGE = (1 << 30) - 1  # h2load's windows
CONNECTION = 65_535  # what the window of a connection is at first
# Static table (RFC 7541, appendix A): GET, POST, /, http, https, 200.
GET, POST, ROOT, HTTP, HTTPS, OK = (bytes([0x80 | index]) for index in (2, 3, 4, 6, 7, 8))
PATH, AUTHORITY, USER_AGENT = 4, 1, 58  # indices of names
FIRST_DYNAMIC = 62


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame (RFC 9113, 4.1)."""
    return struct.pack("!HBBBI", len(payload) >> 8, len(payload) & 255, kind, flags, stream) + payload


def text(value: bytes) -> bytes:
    """A string literal, not Huffman-coded (RFC 7541, 5.2); below 127 bytes."""
    assert len(value) < 127
    return bytes([len(value)]) + value


def inserted(row: Row) -> list[bytes]:
    """Fields that are the same in every request, as literals that are inserted (RFC 7541, 6.2.1)."""
    fields = [bytes([0x40 | AUTHORITY]) + text(row.host.encode()), bytes([0x40 | USER_AGENT]) + text(b"bench")]
    for line in row.lines:
        name, _, value = line.partition(": ")
        fields.append(b"\x40" + text(name.lower().encode()) + text(value.encode()))
    return fields


class Exchanges:
    """Of one connection. `request`, then `feed` what comes until `answered`."""

    def __init__(self, row: Row) -> None:
        self.status = b""  # the first byte of the answer's block, without changes of the table's size
        self.body = b""
        self.answered = False
        self._row = row
        self._stream = -1
        self._data = b""
        self._held = b""  # what is to be said, but not before the preface
        fields = inserted(row)
        path = ROOT if row.path == "/" else bytes([PATH]) + text(row.path.encode())
        block = (POST if row.post else GET) + path + (HTTPS if row.tls else HTTP)
        self._first = block + b"".join(fields)
        # The last that was inserted has the lowest index.
        self._later = block + bytes(0x80 | FIRST_DYNAMIC + place for place in reversed(range(len(fields))))

    def request(self) -> bytes:
        """The next request, behind what opens the connection if it is the first."""
        self.status, self.body, self.answered = b"", b"", False
        self._stream += 2
        first = self._stream == 1
        opening = b""
        if first:
            settings = struct.pack("!HI", INITIAL_WINDOW_SIZE, LARGE)
            credit = struct.pack("!I", LARGE - CONNECTION)
            opening = PREFACE + frame(SETTINGS, 0, 0, settings) + frame(WINDOW_UPDATE, 0, 0, credit) + self._held
        flags = END_HEADERS if self._row.post else END_HEADERS | END_STREAM
        head = frame(HEADERS, flags, self._stream, self._first if first else self._later)
        return opening + head + (frame(DATA, END_STREAM, self._stream, self._row.sent) if self._row.post else b"")

    def feed(self, data: bytes) -> bytes:
        """Takes what was received, gives what is to be sent. SystemExit if the other side refuses."""
        self._data += data
        reply = b""
        while len(self._data) >= 9:
            high, low, kind, flags, stream = struct.unpack_from("!HBBBI", self._data)
            end = 9 + (high << 8 | low)
            if len(self._data) < end:
                break
            payload, self._data = self._data[9:end], self._data[end:]
            if kind in (RST_STREAM, GOAWAY):
                raise SystemExit(f"row {self._row.name}: a frame of type {kind}: {payload!r}")
            if kind == SETTINGS and not flags & ACK:
                reply += frame(SETTINGS, ACK, 0)
            if kind in (DATA, HEADERS) and stream == self._stream:
                self._take(kind, flags, payload)
        if self._stream < 0:  # the other side greets first
            self._held += reply
            return b""
        return reply

    def _take(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == DATA:
            self.body += payload
        elif not self.status:
            self.status = payload.lstrip(bytes(range(0x20, 0x40)))[:1]  # RFC 7541, 6.3
        self.answered = bool(flags & END_STREAM)
