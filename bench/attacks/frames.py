"""Frames of HTTP/2 as attackers write them (RFC 9113 section 6): made fast, and never checked.

Header blocks are written by hand with the static table of RFC 7541 (appendix A), without a dynamic one but where an
attack is about it.
"""

from __future__ import annotations

from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM: Final = 1
ACK: Final = 1
END_HEADERS: Final = 4
PADDED: Final = 8
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = range(1, 6)
CANCEL: Final = 8
LARGEST: Final = (1 << 31) - 1


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """A frame (4.1)."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def settings(*pairs: tuple[int, int]) -> bytes:
    """SETTINGS (6.5)."""
    return frame(
        SETTINGS, payload=b"".join(name.to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in pairs)
    )


def window_update(stream: int, credit: int) -> bytes:
    """WINDOW_UPDATE (6.9)."""
    return frame(WINDOW_UPDATE, stream=stream, payload=credit.to_bytes(4, "big"))


def rst_stream(stream: int, code: int = CANCEL) -> bytes:
    """RST_STREAM (6.4)."""
    return frame(RST_STREAM, stream=stream, payload=code.to_bytes(4, "big"))


def priority(stream: int, parent: int = 0) -> bytes:
    """PRIORITY (6.3, deprecated)."""
    return frame(PRIORITY, stream=stream, payload=parent.to_bytes(4, "big") + b"\x0f")


def integer(value: int, bits: int, first: int) -> bytes:
    """An integer with a prefix of that many bits (RFC 7541 5.1); `first` is what stands in front of it in its byte."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((first | value,))
    value -= most
    out = bytearray((first | most,))
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(value: bytes, huffman: bool = False) -> bytes:
    """A string literal (RFC 7541 5.2); `huffman`: it is coded already."""
    return integer(len(value), 7, 128 if huffman else 0) + value


def literal(name: bytes, value: bytes, kept: bool = False) -> bytes:
    """A field as a literal with a new name (RFC 7541 6.2), `kept` in the dynamic table."""
    return (b"\x40" if kept else b"\x00") + text(name) + text(value)


def request(path: bytes = b"/", method: bytes = b"GET") -> bytes:
    """The block of a request to www.example.com."""
    verb = {b"GET": b"\x82", b"POST": b"\x83"}[method]
    return verb + b"\x86\x04" + text(path) + b"\x01" + text(b"www.example.com")


def headers(stream: int, block: bytes, flags: int = END_HEADERS | END_STREAM) -> bytes:
    """HEADERS (6.2)."""
    return frame(HEADERS, flags, stream, block)
