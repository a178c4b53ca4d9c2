"""What `option accept-unsafe-violations-in-http-request` and `-response` let through (manual 4.2).

A head is read by these rules only after it was refused by all others, so good ones never come here, and nothing of it
is remembered. Names that are no tokens go away with their lines: whoever is behind us cannot read them in another way.
"""

from typing import Final

from pointsman.proto.errors import ProtocolError
from pointsman.proto.tokens import NAMES

UNSAFE: Final = 1 << 8  # a bit of `lax`
_VERSION: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./"
_LARGEST: Final = 65_535  # the largest status: it fits in 16 bits
# A target's bytes: no blank, no control, but a fragment and what is above 127.
ODD_TARGETS: Final = bytes([c if 0x20 < c != 0x7F else c ^ 1 for c in range(256)])


def simple_target(line: bytes) -> bytes:
    """The target of a request of HTTP/0.9: "GET", a target and no version; b"": it is none."""
    words = [word for word in line.rstrip(b"\r").replace(b"\t", b" ").split(b" ") if word]
    return words[1] if len(words) == 2 and words[0] == b"GET" and line.startswith(b"GET") else b""


def end_of_simple_request(data: bytes, start: int) -> int:
    """Where the line of a request of HTTP/0.9 ends; 0: it is none, or not whole."""
    end = data.find(b"\n", start)
    return end + 1 if end >= 0 and simple_target(data[start:end]) else 0


def unsafe_lines(block: bytes) -> list[bytes]:
    """The lines of a head, without their ends and without the empty one. NUL stands where it stood, folds are spaces,
    lines with bad names are gone. Raises ProtocolError for those that have none, or no colon."""
    lines: list[bytes] = []
    for raw in block.lstrip(b"\r\n").split(b"\n"):
        fold = b"  " if raw.endswith(b"\r") else b" "
        raw = raw[:-1] if raw.endswith(b"\r") else raw
        if not raw:
            break
        if raw.find(b"\r") >= 0:
            raise ProtocolError("stray CR in a head")
        if raw[0] in b" \t":
            if len(lines) < 2:
                raise ProtocolError("a fold before the first field")
            lines[-1] += fold + raw
        else:
            lines.append(raw)
    if not lines:
        raise ProtocolError("not one whole head")
    kept = lines[:1]
    for line in lines[1:]:
        name, colon, _ = line.partition(b":")
        if not colon or not name:
            raise ProtocolError("invalid field line")
        if name.translate(NAMES).isascii():
            kept.append(line)
    return kept


def is_odd_target(target: bytes) -> bool:
    """The target may stand in a request's line, although it has bytes that no URI may have."""
    return target.translate(ODD_TARGETS) == target


def is_odd_version(version: bytes) -> bool:
    """Another protocol's name (RTSP/1.0, ICY), or numbers of several digits."""
    return version[:1].isalpha() and not version.translate(None, _VERSION)


def odd_status(digits: bytes) -> int:
    """A status of more than three digits; -1: it is none."""
    if len(digits) <= 3 or not digits.isdigit():
        return -1
    significant = digits.lstrip(b"0") or b"0"
    status = int(significant) if len(significant) <= 5 else _LARGEST
    return status if 100 <= status < _LARGEST else -1


def without_codings(values: list[bytes]) -> bool:
    """Transfer-Encoding that says nothing, instead of "chunked", once or several times. Raises ProtocolError."""
    found = False
    for part in b",".join(values).split(b","):
        coding = part.strip(b" \t").lower()
        if coding == b"chunked":
            found = True
        elif coding:
            raise ProtocolError("invalid Transfer-Encoding")
    return not found
