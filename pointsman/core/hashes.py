"""The 32-bit hash functions of `hash-type` and of the converters of the same names (manual 4.2 hash-type, 7.3.1).

sdbm, djb2 and CRC-32 are public algorithms, and `avalanche` is Bob Jenkins' six-shift integer hash (public domain,
burtleburtle.net/bob/hash/integer.html) times a constant that was measured on the program: these four give the same
numbers as HAProxy's. The manual gives no formula for wt6; ours has the same purpose (mixing keys that are numbers or
differ in few bits) but gives other numbers.
"""

import zlib
from typing import Final

MASK: Final = 0xFFFFFFFF
SPREAD: Final = 0xC0000001  # the program's avalanche, divided by Jenkins' hash, is this for every input that was tried


def sdbm(key: bytes) -> int:
    """hash * 65599 + byte, of the sdbm library."""
    value = 0
    for byte in key:
        value = (value * 65599 + byte) & MASK
    return value


def djb2(key: bytes) -> int:
    """hash * 33 + byte, beginning with 5381; by Dan Bernstein."""
    value = 5381
    for byte in key:
        value = (value * 33 + byte) & MASK
    return value


def crc32(key: bytes) -> int:
    """As in Ethernet, gzip and PNG."""
    return zlib.crc32(key)


def wt6(key: bytes) -> int:
    """Two lanes that take each byte and are turned against each other by unequal steps. The numbers are our own."""
    left = 0x9E3779B9  # the golden ratio's fraction
    right = 0x7F4A7C15
    for byte in key:
        left = ((left ^ byte) * 0x2C1B3C6D) & MASK
        right = (right + left + byte) & MASK
        left = (left >> 15) ^ right
        right = ((right << 7) | (right >> 25)) & MASK
    return avalanche(left ^ right)


def avalanche(value: int) -> int:
    """Mix a 32-bit number so that each bit of it moves about half the bits of the result."""
    value = (value + 0x7ED55D16 + (value << 12)) & MASK
    value = value ^ 0xC761C23C ^ (value >> 19)
    value = (value + 0x165667B1 + (value << 5)) & MASK
    value = ((value + 0xD3A2646C) ^ (value << 9)) & MASK
    value = (value + 0xFD7046C5 + (value << 3)) & MASK
    value = value ^ 0xB55A4F09 ^ (value >> 16)
    return value * SPREAD & MASK
