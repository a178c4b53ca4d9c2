"""Message bodies: received bytes in, payload out. No I/O.

One Body serves all messages of one direction of a connection, one after the other. `begin` says how the message is
framed; `feed` takes what was received and returns the payload in it, without chunk sizes; `done` tells that the
message is over, and `excess` then holds what came behind it. What is sent on is framed anew by `chunk` and
`last_chunk`: sizes and line ends are our own and extensions are dropped, so that the next parser reads what this one
has understood (RFC 9112 7.1).

        SIZE --0--> TRAILER --empty line--> done
         | ^
         v |
        DATA --> CRLF
"""

from typing import Final

from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1 import LIMIT, MAX_FIELDS
from pointsman.proto.h1_lines import field_line
from pointsman.proto.message import Field
from pointsman.proto.tokens import CLEAN, HEXES, NAMES, TEXT

NONE: Final = 0  # no body
SIZED: Final = 1  # Content-Length
CHUNKED: Final = 2
TO_CLOSE: Final = 3  # ends with the connection

_SIZE: Final = 0
_DATA: Final = 1
_CRLF: Final = 2
_TRAILER: Final = 3
_DIGITS: Final = 13  # a chunk's size of more digits, without zeros in front, is refused whatever it is
_LINE: Final = LIMIT  # bytes of a size line with its extensions
# Framing and routing cannot be said behind the body (RFC 9110 6.5.1).
_NOT_TRAILERS: Final = frozenset((b"content-length", b"transfer-encoding", b"host"))


class Body:
    """`left`: bytes still to come of a sized body, or of the chunk."""

    def __init__(self) -> None:
        self.kind = NONE
        self.left = 0
        self.done = True
        self.unsafe = False  # trailers with bad names are dropped, and NUL is let through (proto/unsafe.py)
        self.excess = b""
        self.trailers: list[Field] = []
        self._state = _SIZE
        self._held = b""  # an incomplete line
        self._lines: list[bytes] = []  # of the trailer section, folds joined
        self._weight = 0  # bytes of the trailer section

    def begin(self, kind: int, length: int) -> None:
        """A new message. `length` is for SIZED."""
        self.kind = kind
        self.left = length if kind == SIZED else 0
        self.done = kind == NONE or (kind == SIZED and length == 0)
        self.excess = b""
        if self.trailers:
            self.trailers = []
        if kind == CHUNKED:
            self._state = _SIZE
            self._held = b""
            self._lines = []
            self._weight = 0

    def feed(self, data: bytes) -> bytes:
        """The payload in `data`. Raises ProtocolError."""
        if self.done:
            self.excess += data
            return b""
        if self.kind == SIZED:
            left = self.left = self.left - len(data)
            if left > 0:
                return data
            self.done = True
            if left == 0:
                return data
            self.excess = data[left:]
            self.left = 0
            return data[:left]
        if self.kind == TO_CLOSE:
            return data
        return self._chunks(data)

    def skip(self, size: int) -> None:
        """So much of a body that is SIZED or TO_CLOSE, and no more than is left of it, went by unseen."""
        if self.kind == SIZED:
            self.left -= size
            self.done = self.left == 0

    def at_most(self, most: int) -> int:
        """`most`, or what is left of a SIZED body."""
        return self.left if self.kind == SIZED and self.left < most else most

    def unframed(self, least: int) -> bool:
        """At least so many bytes are to come that nobody needs to look at."""
        return self.kind == SIZED and self.left >= least or self.kind == TO_CLOSE

    def ended(self) -> bool:
        """The sender has closed: is the message whole?"""
        if self.kind == TO_CLOSE:
            self.done = True
        return self.done

    def _chunks(self, data: bytes) -> bytes:
        out: list[bytes] = []
        known = len(self._held)
        if known:
            data = self._held + data
            self._held = b""
        at = 0
        size = len(data)
        while at < size:
            if self._state == _DATA:
                piece = data[at : at + self.left]
                at += len(piece)
                self.left -= len(piece)
                out.append(piece)
                if self.left == 0:
                    self._state = _CRLF
                continue
            end = data.find(b"\n", max(at, known))
            if end < 0:
                self._hold(data[at:])
                break
            if end == at or data[end - 1] != 0x0D:
                raise ProtocolError("bare LF in a chunked body")
            line = data[at : end - 1]
            at = end + 1
            if self._state == _SIZE:
                self._size(line)
            elif self._state == _CRLF:
                if line:
                    raise ProtocolError("chunk longer than its size")
                self._state = _SIZE
            elif line:
                self._trailer(line)
            else:
                self._finish()
                self.excess = data[at:]
                break
        return out[0] if len(out) == 1 else b"".join(out)

    def _hold(self, line: bytes) -> None:
        """The beginning of a line, for the next feed. What cannot become a good line is refused at once."""
        size = len(line)
        if self._state == _CRLF and line != b"\r":
            raise ProtocolError("chunk longer than its size")
        if self._state == _SIZE:
            digits = line.partition(b";")[0].rstrip(b" \t\r")
            if not digits or not digits.translate(HEXES).isascii() or len(digits.lstrip(b"0")) > _DIGITS:
                raise ProtocolError("invalid chunk size")
        if (size > _LINE and self._state == _SIZE) or size + self._weight > LIMIT:
            raise ProtocolError("line too long in a chunked body")
        self._held = line

    def _size(self, line: bytes) -> None:
        """chunk-size [ chunk-ext ] (RFC 9112 7.1). int(x, 16) alone takes "+2", "0x2", "2_0" and " 2"."""
        digits, semicolon, extension = line.partition(b";")
        digits = digits.rstrip(b" \t")
        if len(digits) > _DIGITS:
            digits = digits.lstrip(b"0") or b"0"
        if not digits or len(digits) > _DIGITS or len(line) > _LINE or not digits.translate(HEXES).isascii():
            raise ProtocolError("invalid chunk size")
        if semicolon:
            _check_extension(extension)
        self.left = int(digits, 16)
        self._state = _DATA if self.left else _TRAILER

    def _trailer(self, line: bytes) -> None:
        """One line of the trailer section; folds become spaces, as in heads."""
        self._weight += len(line) + 2
        if self._weight > LIMIT or (line.translate(CLEAN) != line and (not self.unsafe or line.find(b"\r") >= 0)):
            raise ProtocolError("trailers too long, or a control in one")
        if line[0] == 0x20 or line[0] == 0x09:
            if not self._lines:
                raise ProtocolError("a fold before the first trailer")
            self._lines.append(b"  ")
        elif self._lines:
            self._add()
        self._lines.append(line)

    def _add(self) -> None:
        line = b"".join(self._lines)
        if self.unsafe and line.find(b":") > 0 and not line.partition(b":")[0].translate(NAMES).isascii():
            self._lines = []
            return
        one = field_line(line)
        if one.name in _NOT_TRAILERS:
            raise ProtocolError("forbidden trailer")
        self.trailers.append(one)
        if len(self.trailers) > MAX_FIELDS:
            raise ProtocolError("too many trailers")
        self._lines = []

    def _finish(self) -> None:
        if self._lines:
            self._add()
        self.done = True


def _check_extension(text: bytes) -> None:
    """chunk-ext (RFC 9112 7.1.1): dropped, but where it ends must be beyond doubt: no control, no open quote, and a
    backslash only before what it quotes."""
    if text.translate(TEXT) != text:
        raise ProtocolError("control in a chunk extension")
    quoted = escaped = False
    for byte in text:
        if escaped:
            escaped = False
        elif byte == 0x5C:
            if not quoted:
                raise ProtocolError("backslash in a chunk extension")
            escaped = True
        elif byte == 0x22:
            quoted = not quoted
    if quoted:
        raise ProtocolError("open quote in a chunk extension")


def chunk(payload: bytes) -> bytes:
    """One chunk. An empty payload gives nothing: an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(payload), payload) if payload else b""


def last_chunk(trailers: list[Field]) -> bytes:
    """The end of a chunked body."""
    if not trailers:
        return b"0\r\n\r\n"
    return b"0\r\n%b\r\n" % b"".join([b"%b: %b\r\n" % (one.name, one.value) for one in trailers])
