"""XXH3 of 64 bits (manual 7.3.1, xxh3), as xxHash's specification describes it.

https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md has the constants and the names of the steps.
"""

import struct
from collections.abc import Callable
from typing import Final

from pointsman.sample.arguments import Arguments
from pointsman.sample.converter.hashing import M64, P32, P64
from pointsman.sample.converter.number import signed
from pointsman.sample.registry import converter_with
from pointsman.sample.types import Type

SECRET: Final = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)
MIX_1: Final = 0x165667919E3779F9
MIX_2: Final = 0x9FB21C651E98DF25
STRIPE: Final = 64  # bytes that are accumulated at once
BLOCK: Final = 1024  # bytes between two scrambles
LANES: Final = struct.Struct("<8Q")
BEGIN: Final = (P32[2], P64[0], P64[1], P64[2], P64[3], P32[1], P64[4], P32[0])


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _folded(one: int, other: int) -> int:
    """The halves of a product of 128 bits, by exclusive or."""
    product = one * other
    return (product & M64) ^ (product >> 64)


def _rotated(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & M64


def _swapped(value: int) -> int:
    return int.from_bytes(value.to_bytes(8, "little"), "big")


def _avalanche(value: int) -> int:
    value = (value ^ value >> 37) * MIX_1 & M64
    return value ^ value >> 32


def _avalanche_of_64(value: int) -> int:
    value = (value ^ value >> 33) * P64[1] & M64
    value = (value ^ value >> 29) * P64[2] & M64
    return value ^ value >> 32


def _up_to_16(data: bytes, seed: int) -> int:
    size = len(data)
    if size > 8:
        low = ((_word(SECRET, 24) ^ _word(SECRET, 32)) + seed & M64) ^ _word(data, 0)
        high = ((_word(SECRET, 40) ^ _word(SECRET, 48)) - seed & M64) ^ _word(data, size - 8)
        return _avalanche(size + _swapped(low) + high + _folded(low, high) & M64)
    if size > 3:
        first, last = int.from_bytes(data[:4], "little"), int.from_bytes(data[-4:], "little")
        seed ^= int.from_bytes((seed & 0xFFFFFFFF).to_bytes(4, "little"), "big") << 32
        value = ((_word(SECRET, 8) ^ _word(SECRET, 16)) - seed & M64) ^ (last | first << 32)
        value ^= _rotated(value, 49) ^ _rotated(value, 24)
        value = value * MIX_2 & M64
        value = (value ^ (value >> 35) + size) * MIX_2 & M64
        return value ^ value >> 28
    if size:
        combined = data[-1] | size << 8 | data[0] << 16 | data[size >> 1] << 24
        words = int.from_bytes(SECRET[:4], "little") ^ int.from_bytes(SECRET[4:8], "little")
        return _avalanche_of_64((words + seed & M64) ^ combined)
    return _avalanche_of_64(seed ^ _word(SECRET, 56) ^ _word(SECRET, 64))


def _mixed(data: bytes, at: int, secret: int, seed: int) -> int:
    return _folded(
        _word(data, at) ^ (_word(SECRET, secret) + seed & M64),
        _word(data, at + 8) ^ (_word(SECRET, secret + 8) - seed & M64),
    )


def _up_to_240(data: bytes, seed: int) -> int:
    size = len(data)
    total = size * P64[0]
    if size <= 128:
        for number in range((size - 1 >> 5) + 1):
            total += _mixed(data, number * 16, number * 32, seed)
            total += _mixed(data, size - number * 16 - 16, number * 32 + 16, seed)
        return _avalanche(total & M64)
    for number in range(8):
        total += _mixed(data, number * 16, number * 16, seed)
    total = _avalanche(total & M64)
    for number in range(8, size >> 4):
        total += _mixed(data, number * 16, (number - 8) * 16 + 3, seed)
    return _avalanche(total + _mixed(data, size - 16, 119, seed) & M64)


def _accumulate(sums: list[int], data: bytes, at: int, secret: bytes, offset: int) -> None:
    stripe, words = LANES.unpack_from(data, at), LANES.unpack_from(secret, offset)
    for lane in range(8):
        value = stripe[lane] ^ words[lane]
        sums[lane ^ 1] = sums[lane ^ 1] + stripe[lane] & M64
        sums[lane] = sums[lane] + (value & 0xFFFFFFFF) * (value >> 32) & M64


def _long(data: bytes, seed: int) -> int:
    size = len(data)
    secret = SECRET
    if seed:
        words = struct.unpack("<24Q", SECRET)
        secret = struct.pack("<24Q", *(word + (-seed if at % 2 else seed) & M64 for at, word in enumerate(words)))
    sums = list(BEGIN)
    scramble = LANES.unpack_from(secret, len(secret) - STRIPE)
    last = (size - 1) // BLOCK * BLOCK  # where the last block begins, which is not scrambled
    for block in range(0, last, BLOCK):
        for number in range(BLOCK // STRIPE):
            _accumulate(sums, data, block + number * STRIPE, secret, number * 8)
        for lane in range(8):
            sums[lane] = (sums[lane] ^ sums[lane] >> 47 ^ scramble[lane]) * P32[0] & M64
    for number in range((size - last - 1) // STRIPE):
        _accumulate(sums, data, last + number * STRIPE, secret, number * 8)
    _accumulate(sums, data, size - STRIPE, secret, len(secret) - 71)
    merging = LANES.unpack_from(secret, 11)
    total = size * P64[0]
    for lane in range(0, 8, 2):
        total += _folded(sums[lane] ^ merging[lane], sums[lane + 1] ^ merging[lane + 1])
    return _avalanche(total & M64)


def xxh3(data: bytes, seed: int = 0) -> int:
    """XXH3_64bits of xxHash's specification; `seed` has 64 bits."""
    if len(data) <= 16:
        return _up_to_16(data, seed)
    return _up_to_240(data, seed) if len(data) <= 240 else _long(data, seed)


@converter_with("xxh3", "([integer])", Type.BIN, Type.SINT)
def hash_xxh3(args: Arguments) -> Callable[[bytes], int]:
    """xxh3([<seed>]): 64 bits, signed."""
    seed = args.number(0) & M64
    return lambda value: signed(xxh3(value, seed))
