"""A head of HTTP/1 cut into lines, and one line as a Field.

Lines that end in a bare LF or are folded are mended by the slow way (`_mend`); all others are taken as they are.
"""

from pointsman.proto.errors import ProtocolError
from pointsman.proto.message import KINDS, PLAIN, Field
from pointsman.proto.tokens import CLEAN, NAMES


def first_line(data: bytes) -> int:
    """Where the first line that is not empty begins (RFC 9112 2.2)."""
    at = 0
    size = len(data)
    while at < size:
        if data[at] == 0x0A or (data[at] == 0x0D and at + 1 == size):
            at += 1
        elif data[at] == 0x0D and data[at + 1] == 0x0A:
            at += 2
        else:
            break
    return at


def _is_line(raw: bytes) -> bool:
    """The line may be taken as it is: it is not empty, no fold, and has no stray control character."""
    return len(raw) > 0 and raw[0] != 0x20 and raw[0] != 0x09 and raw.translate(CLEAN) == raw


def cut_lines(block: bytes, hint: list[Field], start: bytes, strict: bool) -> list[bytes]:
    """The lines of a head, without their ends and without the empty one. `hint`, `start`: what an earlier head had."""
    raws = block.split(b"\r\n")
    last = len(raws) - 2
    if last < 1 or raws[last + 1] or raws[last]:
        return _mend(block, strict)
    del raws[last:]
    known = len(hint)
    for i, raw in enumerate(raws):
        if i > known or not raw or raw != (hint[i - 1].raw if i else start):
            if not _is_line(raw):
                return _mend(block, strict)
    return raws


def _mend(block: bytes, strict: bool) -> list[bytes]:
    """The lines of a head that has empty lines before it, bare LFs or folds: each byte of a line's end that was folded
    becomes a space (RFC 9112 5.2)."""
    block = block[first_line(block) :]
    if block.find(b"\0") >= 0:
        raise ProtocolError("NUL in a head")
    lines: list[bytes] = []
    pieces: list[bytes] = []
    raws = block.split(b"\n")
    last = len(raws) - 2  # the empty line
    ending = b""
    for i, raw in enumerate(raws):
        if i == last:
            break
        blanks = b" "
        if raw.endswith(b"\r"):
            raw = raw[:-1]
            blanks = b"  "
        elif strict:
            raise ProtocolError("line ends in a bare LF")
        if not raw or raw.find(b"\r") >= 0:
            raise ProtocolError("stray CR or empty line in a head")
        if raw[0] == 0x20 or raw[0] == 0x09:
            if not lines:
                raise ProtocolError("a fold before the first field")
            pieces.append(ending)
        elif pieces:
            lines.append(b"".join(pieces))
            pieces = []
        pieces.append(raw)
        ending = blanks
    if not pieces or raws[-1] or raws[last] not in (b"", b"\r") or (strict and not raws[last]):
        raise ProtocolError("not one whole head")
    lines.append(b"".join(pieces))
    return lines


def field_line(raw: bytes) -> Field:
    """One line, which has no CR, LF or NUL in it (RFC 9112 5)."""
    spelt, colon, value = raw.partition(b":")
    name = spelt.translate(NAMES)
    if not colon or not name or not name.isascii():
        raise ProtocolError("invalid field line")
    made = Field(name, value.strip(b" \t"), KINDS.get(name, PLAIN))
    made.raw = raw
    made.spelt = spelt + b":"
    return made
