"""How bytes are made safe for where they go: log lines, header fields, JSON and CBOR (manual 8.2.6 and 8.6)."""

import json
import re
from typing import Final

from pointsman.sample.types import Type, Value

# Manual 8.6: in logs only 32 to 126 are written as they are, and neither '#' nor '"'.
LOG_UNSAFE: Final = re.compile(rb'[^ -~]|["#]')
# In captured headers, which are shown in braces, neither '{', '|' nor '}'.
CAPTURE_UNSAFE: Final = re.compile(rb'[^ -~]|["#{|}]')
# Values of expressions in logs: what would end or garble a line. Quotes and '#' stay, so that JSON can be logged.
LINE_UNSAFE: Final = re.compile(rb"[\x00-\x1f\x7f]")
# What a header field may not contain (RFC 9110 5.5); bytes from 0x80 on may.
HEADER_UNSAFE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
NUMBER: Final = re.compile(rb"[+-]?[0-9]{1,19}")
STRUCTURED: Final = re.compile(rb'["\\\]]')


def _stained(unsafe: re.Pattern[bytes]) -> bytes:
    """A table that changes what is unsafe and nothing else: bytes that translate() leaves as they are need no more."""
    return bytes([number ^ 0x80 if unsafe.match(bytes([number])) else number for number in range(256)])


_LOG_STAINED: Final = _stained(LOG_UNSAFE)
_CAPTURE_STAINED: Final = _stained(CAPTURE_UNSAFE)
_LINE_STAINED: Final = _stained(LINE_UNSAFE)
_HEADER_STAINED: Final = _stained(HEADER_UNSAFE)
_STRUCTURED_STAINED: Final = _stained(STRUCTURED)


def _hash(found: re.Match[bytes]) -> bytes:
    return b"#%02X" % found.group()[0]


def _percent(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found.group()[0]


def _backslash(found: re.Match[bytes]) -> bytes:
    return b"\\" + found.group()


def encode_log(text: bytes) -> bytes:
    """As manual 8.6 says: "#22" for a quote."""
    return text if text.translate(_LOG_STAINED) == text else LOG_UNSAFE.sub(_hash, text)


def encode_capture(text: bytes) -> bytes:
    """As manual 8.6 says for captured headers."""
    return text if text.translate(_CAPTURE_STAINED) == text else CAPTURE_UNSAFE.sub(_hash, text)


def encode_line(text: bytes) -> bytes:
    """Control characters as in manual 8.6, the rest untouched."""
    return text if text.translate(_LINE_STAINED) == text else LINE_UNSAFE.sub(_hash, text)


def encode_header(text: bytes) -> bytes:
    """What a header field may not contain as "%0A"."""
    return text if text.translate(_HEADER_STAINED) == text else HEADER_UNSAFE.sub(_percent, text)


def escape_structured(text: bytes) -> bytes:
    """For RFC 5424's structured data (flag E): a backslash before '"', '\\' and ']'."""
    return text if text.translate(_STRUCTURED_STAINED) == text else STRUCTURED.sub(_backslash, text)


def json_text(text: bytes) -> bytes:
    """A JSON string; bytes that are no UTF-8 are left out."""
    return json.dumps(text.decode("utf-8", "ignore")).encode()


def typed(value: Value | None, kind: Type) -> Value | None:
    """A value as an item's type asks (":sint" and its kin); ANY: as it is. What does not fit is None."""
    if value is None or kind == Type.ANY:
        return value
    text = value if isinstance(value, bytes) else b"%d" % value
    if kind == Type.STR:
        return text
    number = int(text) if NUMBER.fullmatch(text) else None
    if kind == Type.BOOL:
        return text == b"true" if number is None else number != 0
    return number


def json_value(value: Value | None) -> bytes:
    """One value in JSON; no sample is null."""
    if value is None:
        return b"null"
    if isinstance(value, bool):
        return b"true" if value else b"false"
    return b"%d" % value if isinstance(value, int) else json_text(value)


def cbor_head(major: int, number: int) -> bytes:
    """The initial bytes of a CBOR item (RFC 8949 3): major type and argument in its shortest form."""
    if number < 24:
        return bytes([major << 5 | number])
    for code, size in ((24, 1), (25, 2), (26, 4)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | code]) + number.to_bytes(size, "big")
    return bytes([major << 5 | 27]) + number.to_bytes(8, "big")


def cbor_value(value: Value | None, binary: bool = False) -> bytes:
    """One value in CBOR; text as a text string, or as a byte string where it is no UTF-8 or is binary."""
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return cbor_head(0, value) if value >= 0 else cbor_head(1, -1 - value)
    if not binary:
        try:
            value.decode("utf-8")
        except UnicodeDecodeError:
            binary = True
    return cbor_head(2 if binary else 3, len(value)) + value


CBOR_MAP: Final = b"\xbf"  # of indefinite length
CBOR_LIST: Final = b"\x9f"
CBOR_END: Final = b"\xff"
