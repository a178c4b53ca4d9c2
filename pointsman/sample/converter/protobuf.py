"""Fields of protocol buffers' messages, plain or in gRPC's frames (manual 7.3.1, protobuf and ungrpc).

https://protobuf.dev/programming-guides/encoding/ describes the messages, gRPC's protocol over HTTP/2 the frames: a byte
that says whether it is compressed, four bytes of its size, a message. The first field of a number is looked at, and
what stands behind it is not: a message that is wrong there has it all the same.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Final

from pointsman.sample.arguments import Arguments
from pointsman.sample.casts import HIGHEST, LOWEST
from pointsman.sample.converter.number import signed
from pointsman.sample.registry import converter_with
from pointsman.sample.types import Binary, Type, Value

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5  # wire types
LONGEST: Final = 10  # bytes of a number of 64 bits


def _zigzag(number: int) -> int:
    return number >> 1 ^ -(number & 1)


def _whole(number: float) -> int:
    """Without its fraction; 0 where 64 bits do not hold it."""
    return int(number) if LOWEST <= number <= HIGHEST else 0  # never true of what is not a number


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


def varint(data: bytes) -> int:
    """A number in groups of seven bits, the lowest first."""
    number = 0
    for at, octet in enumerate(data):
        number |= (octet & 0x7F) << 7 * at
    return number & (1 << 64) - 1


# Types of fields: their wire type, and what their bytes mean. A number keeps its 64 bits, whatever its type.
TYPES: Final[dict[str, tuple[int, Callable[[bytes], int]]]] = {
    **{name: (VARINT, lambda data: signed(varint(data))) for name in ("int32", "int64", "uint32", "uint64")},
    **{name: (VARINT, lambda data: signed(varint(data))) for name in ("bool", "enum")},
    **{name: (VARINT, lambda data: signed(_zigzag(varint(data)) & (1 << 64) - 1)) for name in ("sint32", "sint64")},
    "fixed64": (FIXED64, lambda data: signed(_little(data))),
    "sfixed64": (FIXED64, lambda data: signed(_little(data))),
    "double": (FIXED64, lambda data: _whole(struct.unpack("<d", data)[0])),
    "fixed32": (FIXED32, _little),
    "sfixed32": (FIXED32, lambda data: struct.unpack("<i", data)[0]),
    "float": (FIXED32, lambda data: _whole(struct.unpack("<f", data)[0])),
}
Field = tuple[int, bytes]  # its wire type and its bytes


def _end_of_varint(data: bytes, at: int) -> int:
    """The index behind it; -1: it has no end."""
    for index in range(at, min(at + LONGEST, len(data))):
        if data[index] < 0x80:
            return index + 1
    return -1


def find_field(data: bytes, number: int) -> Field | None:
    """The first field of that number."""
    at = 0
    while at < len(data):
        end = _end_of_varint(data, at)
        if end < 0:
            return None
        key = varint(data[at:end])
        kind, at = key & 7, end
        if at == len(data) and kind in (VARINT, DELIMITED):
            end = at  # a field without a value, at the end: its bytes are none, its number is 0, as in HAProxy
        elif kind == VARINT:
            end = _end_of_varint(data, at)
        elif kind == DELIMITED:
            begin = _end_of_varint(data, at)
            if begin < 0:
                return None
            end, at = begin + varint(data[at:begin]), begin
        elif kind in (FIXED64, FIXED32):
            end = at + (8 if kind == FIXED64 else 4)
        else:
            return None  # groups, which nobody has written for long, and what is no wire type
        if end < 0 or end > len(data):
            return None
        if key >> 3 == number:
            return kind, data[at:end]
        at = end
    return None


def find(data: bytes, path: Sequence[int]) -> Field | None:
    """The field at the end of a path of numbers."""
    for number in path[:-1]:
        found = find_field(data, number)
        if found is None or found[0] != DELIMITED:
            return None
        data = found[1]
    return find_field(data, path[-1])


def find_in_frames(data: bytes, path: Sequence[int]) -> Field | None:
    """The same in the first message of gRPC that has it."""
    while len(data) >= 5:
        end = 5 + int.from_bytes(data[1:5], "big")
        if end > len(data):
            return None
        found = find(data[5:end], path)
        if found is not None:
            return found
        data = data[end:]
    return None


def _converted(
    args: Arguments, look: Callable[[bytes, Sequence[int]], Field | None]
) -> Callable[[bytes], Value | None]:
    path = [int(part) for part in args.word(0).split(".")]
    named = args.word(1)
    if not named:

        def raw(value: bytes) -> Value | None:
            found = look(value, path)
            return None if found is None else Binary(found[1])

        return raw
    if named not in TYPES:
        raise args.wrong(f"Wrong protocol buffer type '{named}'", "one of " + ", ".join(TYPES))
    kind, mean = TYPES[named]

    def number(value: bytes) -> Value | None:
        found = look(value, path)
        return mean(found[1]) if found is not None and found[0] == kind else None

    return number


@converter_with("protobuf", "(Protocol buffers field number[,string])", Type.BIN, Type.ANY)
def protobuf(args: Arguments) -> Callable[[bytes], Value | None]:
    """protobuf(<field_number>[,<field_type>]): the bytes of a field of a message, or its number with a type: int32,
    int64, uint32, uint64, sint32, sint64, bool, enum, fixed64, sfixed64, double, fixed32, sfixed32 or float.

    2.1 is field 1 of the message that is field 2. No sample where there is none, or it has another wire type.
    """
    return _converted(args, find)


@converter_with("ungrpc", "(Protocol buffers field number[,string])", Type.BIN, Type.ANY)
def ungrpc(args: Arguments) -> Callable[[bytes], Value | None]:
    """ungrpc(<field_number>[,<field_type>]): the same of gRPC's messages."""
    return _converted(args, find_in_frames)
