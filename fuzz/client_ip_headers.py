"""NetScaler's Client IP headers: needs more, a header whose size is its own, or ProtocolError."""

import socket
import struct
from typing import Final

from pointsman.proto.errors import ProtocolError
from pointsman.proto.netscaler import parse_client_ip

MAGIC: Final = 1234
_PORTS: Final = struct.pack(">HH16x", 1, 2)
_FOUR: Final = (
    b"\x45" + bytes(8) + b"\6" + bytes(2) + socket.inet_aton("192.0.2.1") + socket.inet_aton("1.2.3.4") + _PORTS
)
_OPTIONS: Final = b"\x46" + _FOUR[1:20] + b"\1" * 4 + _FOUR[20:]
_SIX: Final = b"\x60" + bytes(5) + b"\6" + bytes(33) + _PORTS
SEEDS: Final = [
    *(struct.pack(">II", MAGIC, len(one)) + one + b"GET /" for one in (_FOUR, _OPTIONS, _SIX)),
    *(struct.pack(">IIHH", MAGIC, len(one) + 12, 1, len(one)) + one + b"GET /" for one in (_FOUR, _OPTIONS, _SIX)),
]


def fuzz_one(data: bytes) -> None:
    try:
        header = parse_client_ip(data, MAGIC)
    except ProtocolError:
        return
    if header is None:
        return
    assert 0 < header.size <= len(data)
    again = parse_client_ip(data[: header.size], MAGIC)
    assert again is not None and again.size == header.size and again.source.same(header.source)
    for end in range(header.size):
        assert parse_client_ip(data[:end], MAGIC) is None
