"""The first line of a head of HTTP/1: a request line or a status line (RFC 9112 3 and 4)."""

from typing import Final

from pointsman.proto.errors import UNANSWERED, ProtocolError
from pointsman.proto.message import Request, Response
from pointsman.proto.tokens import NAMES, TARGETS
from pointsman.proto.unsafe import is_odd_target, is_odd_version, odd_status, simple_target

_METHODS: Final = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"CONNECT"))


def _version(version: bytes, strict: bool) -> int:
    """The x of HTTP/1.x: a later version than 1.1 is taken for 1.1, an earlier one for 1.0 (RFC 9110 2.5)."""
    if len(version) != 8 or not version.startswith(b"HTTP/") or version[6] != 0x2E:
        raise ProtocolError("invalid HTTP version")
    major = version[5] - 0x30
    minor = version[7] - 0x30
    if not 0 <= major <= 9 or not 0 <= minor <= 9:
        raise ProtocolError("invalid HTTP version")
    if strict and major != 1:
        raise ProtocolError("unsupported HTTP version", 505)
    return 1 if major > 1 or (major == 1 and minor > 0) else 0


def read_request_line(head: Request, raw: bytes, strict: bool, unsafe: bool = False) -> None:
    """method SP request-target SP HTTP-version (RFC 9112 3); several blanks or tabs count as one space, unless
    `strict`, and then go on as one."""
    parts = raw.split(b" ")
    if not strict and (len(parts) != 3 or raw.find(b"\t") >= 0):
        parts = raw.replace(b"\t", b" ").split(b" ")
        if parts[0] and parts[-1]:
            parts = [part for part in parts if part]
            raw = b" ".join(parts)
    if unsafe and simple_target(raw):
        parts = [b"GET", simple_target(raw), b"HTTP/1.0"]
        raw = b" ".join(parts)
    if len(parts) != 3:
        raise ProtocolError("invalid request line")
    method = parts[0]
    if raw == b"PRI * HTTP/2.0":
        raise ProtocolError("HTTP/2 is not spoken here", UNANSWERED)
    target = parts[1]
    if method not in _METHODS and (not method or method == b"PRI" or not method.translate(NAMES).isascii()):
        raise ProtocolError("invalid method")
    if parts[2] != b"HTTP/1.1":
        try:
            head.minor = _version(parts[2], strict)
        except ProtocolError:
            if not unsafe or not is_odd_version(parts[2]):
                raise
            head.version = parts[2]
            head.minor = 0
    if not target or not target.translate(TARGETS).isascii():
        if not unsafe or not is_odd_target(target):
            raise ProtocolError("invalid request target")
        head.odd = True
    head.line = raw
    head.method = method
    head.uri = target


def read_odd_status_line(head: Response, raw: bytes) -> None:
    """A status line with another version than HTTP/1.0 and 1.1, or a status of more digits."""
    version, _, rest = raw.replace(b"\t", b" ").partition(b" ")
    if version != b"HTTP/1.1":
        try:
            head.minor = _version(version, False)
        except ProtocolError:
            if not is_odd_version(version):
                raise
            head.version = version
            head.minor = 0
    digits = rest.lstrip(b" ").partition(b" ")[0]
    status = odd_status(digits)
    if status >= 0:
        head.digits = digits
        digits = b"%d" % status
    elif len(digits) != 3 or not digits.isdigit() or digits[0] == 0x30:
        raise ProtocolError("invalid status line")
    head.line = raw
    head.status = int(digits)
    head.reason = rest.lstrip(b" ").partition(b" ")[2].lstrip(b" ")


def read_status_line(head: Response, raw: bytes) -> None:
    """HTTP-version SP 3DIGIT SP [reason] (RFC 9112 4); any white space and a missing reason are tolerated."""
    version = raw[:8]
    rest = raw[8:].lstrip(b" \t")
    if version != b"HTTP/1.1":
        head.minor = _version(version, False)
    code = rest[:3]
    if (
        len(rest) + 8 == len(raw)
        or len(code) != 3
        or not code.isdigit()
        or code[0] == 0x30
        or rest[3:4] not in (b"", b" ", b"\t")
    ):
        raise ProtocolError("invalid status line")
    head.line = raw
    head.status = int(code)
    head.reason = rest[3:].lstrip(b" \t")
