"""Header blocks of HTTP/2: fields, or HpackError; a decoder that shares what others have seen says what one says that
shares nothing."""

from typing import Final

from pointsman.proto.hpack import Decoder, HpackError, coded
from pointsman.proto.hpack_memory import PERIOD, Shared

LIMIT: Final = 4000
# The first octet of a block, behind its length, says what happens before it.
SEEDS: Final = [
    b"\x12\0"
    + bytes.fromhex("828684418cf1e3c2e5f23a6ba0ab90f4ff")
    + b"\x0d\0"
    + bytes.fromhex("828684be5886a8eb10649cbf"),
    b"\x0f\0\x40\x05other\x06secret" + b"\x10\0\x10\x08password\x06secret" + b"\x03\0\xbe\x82",
    b"\x04\x01\x3f\xe1\x01" + b"\x05\x02\x20\x3f\xe1\x1f" + b"\x09\0\x60\x06a=b; c",
    b"\x07\0\x41\x81\x1f\x04\x81\x18" + b"\x06\0\x7f\x80\x01\x01a",
    b"\x0c\0\x40\x01a\x85\xff\xff\xff\xff\xff\xbe\xbe" + b"\x08\0\0\0\0\x0f\x2f\x01b",
]

_shared: Final = Shared()  # of all runs


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    """Each with what happens before it."""
    found: list[tuple[int, bytes]] = []
    while data:
        size = data[0]
        found.append((data[1] if size and len(data) > 1 else 0, data[2 : 1 + size]))
        data = data[1 + size :]
    return found


def fuzz_one(data: bytes) -> None:
    alone, one, other = Decoder(256, LIMIT, Shared()), Decoder(256, LIMIT, _shared), Decoder(256, LIMIT, _shared)
    decoders = (alone, one, other)
    for number, (before, block) in enumerate(blocks(data)):
        if before:
            for decoder in decoders:
                decoder.settle(before * 40)
        try:
            made = alone.decode(block)
        except HpackError:
            made = None
        for decoder in (one, other):
            try:
                again = decoder.decode(block)
            except HpackError:
                assert made is None
                continue
            assert made is not None
            assert (again.size, again.over, again.secret) == (made.size, made.over, made.secret)
            assert [(a.name, a.value, a.kind) for a in again.fields] == [(a.name, a.value, a.kind) for a in made.fields]
            assert again.size <= LIMIT or again.over
            assert decoder.size == sum(len(a.name) + len(a.value) + 32 for a in decoder.entries) <= decoder.room
            assert sum(len(a.name) + len(a.value) + 32 for a in again.fields) <= LIMIT
        if made is None:
            return
        copy = Decoder(0, 1 << 20, _shared).decode(b"".join([coded(a) for a in made.fields]))
        assert [(a.name, a.value) for a in copy.fields] == [(a.name, a.value) for a in made.fields]
        if number == 7:
            _shared.age(_shared.turned + PERIOD)
