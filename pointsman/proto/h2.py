"""Numbers and frames of HTTP/2 (RFC 9113 4, 6, 7): what both ends of a connection have in common, no I/O."""

from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEAD: Final = 9  # bytes before each payload

# Types of frames (section 6).
DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

# Flags of frames.
ACK: Final = 0x01
END_STREAM: Final = 0x01
END_HEADERS: Final = 0x04
PADDED: Final = 0x08
PRIORITIZED: Final = 0x20

# Settings (section 6.5.2; the last one is of RFC 8441).
HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6
ENABLE_CONNECT_PROTOCOL: Final = 8

# Error codes (section 7).
NO_ERROR: Final = 0
PROTOCOL_ERROR: Final = 1
INTERNAL_ERROR: Final = 2
FLOW_CONTROL_ERROR: Final = 3
SETTINGS_TIMEOUT: Final = 4
STREAM_CLOSED: Final = 5
FRAME_SIZE_ERROR: Final = 6
REFUSED_STREAM: Final = 7
CANCEL: Final = 8
COMPRESSION_ERROR: Final = 9
CONNECT_ERROR: Final = 10
ENHANCE_YOUR_CALM: Final = 11
INADEQUATE_SECURITY: Final = 12
HTTP_1_1_REQUIRED: Final = 13

WINDOW: Final = 65_535  # bytes that each side may send before the other has said anything
LARGEST: Final = 0x7FFFFFFF  # window, number of a stream
SMALLEST_FRAME: Final = 16_384  # bytes of a payload that everybody takes
LARGEST_FRAME: Final = 0xFFFFFF

SETTINGS_ACK: Final = b"\0\0\0\4\1\0\0\0\0"


class H2Error(Exception):
    """What ends a connection (section 5.4.1), by an error code."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code = code
        self.said = said


def frame(kind: int, flags: int, number: int, payload: bytes) -> bytes:
    """A whole frame."""
    return b"".join((len(payload).to_bytes(3, "big"), bytes((kind, flags)), number.to_bytes(4, "big"), payload))


def settings(pairs: list[tuple[int, int]]) -> bytes:
    payload = b"".join([key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in pairs])
    return frame(SETTINGS, 0, 0, payload)


def reset(number: int, code: int) -> bytes:
    return b"\0\0\4\3\0" + number.to_bytes(4, "big") + code.to_bytes(4, "big")


def goaway(last: int, code: int) -> bytes:
    """`last`: of the streams that the peer has opened, the highest that was or will be looked at."""
    return b"\0\0\x08\7\0\0\0\0\0" + last.to_bytes(4, "big") + code.to_bytes(4, "big")


def window_update(number: int, more: int) -> bytes:
    return b"\0\0\4\x08\0" + number.to_bytes(4, "big") + more.to_bytes(4, "big")


def ping(payload: bytes, ack: bool) -> bytes:
    return (b"\0\0\x08\6\1\0\0\0\0" if ack else b"\0\0\x08\6\0\0\0\0\0") + payload
