"""PROXY headers of both versions: needs more, a header whose size is its own, or ProtocolError."""

from typing import Final

from pointsman.core.address import net_address
from pointsman.proto.errors import ProtocolError
from pointsman.proto.proxy import AUTHORITY, SIGNATURE, SSL, UNIQUE_ID, inner_tlvs, parse, render_v1, render_v2, tlv

FOUR: Final = net_address("1.2.3.4", 80)
SIX: Final = net_address("2001:db8::1", 65535)
SEEDS: Final = [
    b"PROXY UNKNOWN x\r\nrest",
    render_v1(FOUR, FOUR) + b"GET",
    render_v1(SIX, SIX),
    render_v2(FOUR, FOUR),
    render_v2(SIX, FOUR, tlv(AUTHORITY, b"a.b"), True, tlv(UNIQUE_ID, b"x")) + b"rest",
    SIGNATURE + b"\x20\x00\x00\x00",
    render_v2(FOUR, FOUR, tlv(SSL, b"\1\0\0\0\0" + tlv(0x21, b"TLSv1.3") + tlv(0x22, b"a"))),
    SIGNATURE + b"\x21\x31\x00\xd8" + b"/a".ljust(108, b"\0") + b"/b".ljust(108, b"\0"),
]


def fuzz_one(data: bytes) -> None:
    try:
        header = parse(data)
    except ProtocolError:
        return
    if header is None:
        return
    assert 0 < header.size <= len(data)
    for _, value in header.tlvs:
        assert sum(3 + len(inner) for _, inner in inner_tlvs(value)) <= max(len(value) - 5, 0)
    again = parse(data[: header.size])
    assert again is not None and again.size == header.size
    for end in range(header.size):
        assert parse(data[:end]) is None
