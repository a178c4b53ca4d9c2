"""Hashes (manual 7.3.1): the functions of `hash-type`, CRC-32C, xxHash, and message digests."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from pointsman.core.diagnostics import ConfigError
from pointsman.core.hashes import avalanche, crc32, djb2, sdbm, wt6
from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.converter.number import signed
from pointsman.sample.registry import ContextStep, converter, converter_with
from pointsman.sample.types import Reads, Type, Value
from pointsman.sample.variables import parse_variable

Hash = Callable[[bytes], int]
M32: Final = (1 << 32) - 1
M64: Final = (1 << 64) - 1


def _spread(args: Arguments, function: Hash) -> Hash:
    """With the argument 1 an avalanche is put behind a hash."""
    option = args.number(0)
    if option not in (0, 1):
        raise args.wrong(f"'{option}' is not an avalanche", "0 or 1")
    return (lambda value: avalanche(function(value))) if option else function


@converter_with("sdbm", "([integer])", Type.BIN, Type.SINT)
def hash_sdbm(args: Arguments) -> Hash:
    """sdbm([<avalanche>]): 32 bits."""
    return _spread(args, sdbm)


@converter_with("djb2", "([integer])", Type.BIN, Type.SINT)
def hash_djb2(args: Arguments) -> Hash:
    """djb2([<avalanche>]): 32 bits."""
    return _spread(args, djb2)


@converter_with("wt6", "([integer])", Type.BIN, Type.SINT)
def hash_wt6(args: Arguments) -> Hash:
    """wt6([<avalanche>]): 32 bits, the same as those of `hash-type ... wt6` here."""
    return _spread(args, wt6)


@converter_with("crc32", "([integer])", Type.BIN, Type.SINT)
def hash_crc32(args: Arguments) -> Hash:
    """crc32([<avalanche>]): as in Ethernet and gzip."""
    return _spread(args, crc32)


@converter_with("crc32c", "([integer])", Type.BIN, Type.SINT)
def hash_crc32c(args: Arguments) -> Hash:
    """crc32c([<avalanche>]): Castagnoli's polynomial (RFC 4960, appendix B)."""
    return _spread(args, crc32c)


def _castagnoli() -> list[int]:
    table: list[int] = []
    for octet in range(256):
        value = octet
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CASTAGNOLI: Final = _castagnoli()


def crc32c(value: bytes) -> int:
    """CRC-32C of the bytes."""
    crc = M32
    for octet in value:
        crc = CASTAGNOLI[(crc ^ octet) & 0xFF] ^ crc >> 8
    return crc ^ M32


# The constants of xxHash's specification (github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
P32: Final = (2654435761, 2246822519, 3266489917, 668265263, 374761393)
P64: Final = (11400714785074694791, 14029467366897019727, 1609587929392839161, 9650029242287828579, 2870177450012600261)


def _rotate32(value: int, bits: int) -> int:
    return (value << bits | value >> (32 - bits)) & M32


def _rotate64(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & M64


def xxh32(value: bytes, seed: int = 0) -> int:
    """XXH32 of xxHash's specification."""
    size, index = len(value), 0
    if size >= 16:
        lanes = [(seed + P32[0] + P32[1]) & M32, (seed + P32[1]) & M32, seed & M32, (seed - P32[0]) & M32]
        while index <= size - 16:
            for lane in range(4):
                word = int.from_bytes(value[index : index + 4], "little")
                lanes[lane] = _rotate32((lanes[lane] + word * P32[1]) & M32, 13) * P32[0] & M32
                index += 4
        total = sum(_rotate32(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18))) & M32
    else:
        total = (seed + P32[4]) & M32
    total = (total + size) & M32
    while index <= size - 4:
        word = int.from_bytes(value[index : index + 4], "little")
        total = _rotate32((total + word * P32[2]) & M32, 17) * P32[3] & M32
        index += 4
    for octet in value[index:]:
        total = _rotate32((total + octet * P32[4]) & M32, 11) * P32[0] & M32
    total = (total ^ total >> 15) * P32[1] & M32
    total = (total ^ total >> 13) * P32[2] & M32
    return total ^ total >> 16


def _round64(lane: int, word: int) -> int:
    return _rotate64((lane + word * P64[1]) & M64, 31) * P64[0] & M64


def xxh64(value: bytes, seed: int = 0) -> int:
    """XXH64 of xxHash's specification."""
    size, index = len(value), 0
    if size >= 32:
        lanes = [(seed + P64[0] + P64[1]) & M64, (seed + P64[1]) & M64, seed & M64, (seed - P64[0]) & M64]
        while index <= size - 32:
            for lane in range(4):
                lanes[lane] = _round64(lanes[lane], int.from_bytes(value[index : index + 8], "little"))
                index += 8
        total = sum(_rotate64(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18))) & M64
        for lane in lanes:
            total = ((total ^ _round64(0, lane)) * P64[0] + P64[3]) & M64
    else:
        total = (seed + P64[4]) & M64
    total = (total + size) & M64
    while index <= size - 8:
        word = int.from_bytes(value[index : index + 8], "little")
        total = (_rotate64(total ^ _round64(0, word), 27) * P64[0] + P64[3]) & M64
        index += 8
    if index <= size - 4:
        word = int.from_bytes(value[index : index + 4], "little")
        total = (_rotate64(total ^ word * P64[0] & M64, 23) * P64[1] + P64[2]) & M64
        index += 4
    for octet in value[index:]:
        total = _rotate64(total ^ octet * P64[4] & M64, 11) * P64[0] & M64
    total = (total ^ total >> 33) * P64[1] & M64
    total = (total ^ total >> 29) * P64[2] & M64
    return total ^ total >> 32


@converter_with("xxh32", "([integer])", Type.BIN, Type.SINT)
def hash_xxh32(args: Arguments) -> Hash:
    """xxh32([<seed>]): 32 bits, unsigned."""
    seed = args.number(0)
    return lambda value: xxh32(value, seed)


@converter_with("xxh64", "([integer])", Type.BIN, Type.SINT)
def hash_xxh64(args: Arguments) -> Hash:
    """xxh64([<seed>]): 64 bits, signed."""
    seed = args.number(0)
    return lambda value: signed(xxh64(value, seed))


@converter("sha1", Type.BIN, Type.BIN)
def hash_sha1(value: bytes) -> bytes:
    """SHA-1."""
    return hashlib.sha1(value, usedforsecurity=False).digest()


@converter_with("sha2", "([integer])", Type.BIN, Type.BIN)
def hash_sha2(args: Arguments) -> Callable[[bytes], bytes]:
    """sha2([<bits>]): SHA-2 of 224, 256 (the default), 384 or 512 bits."""
    bits = args.number(0, 256)
    if bits not in (224, 256, 384, 512):
        raise args.wrong(f"Unsupported number of bits: '{bits}'", "one of 224, 256, 384, 512")
    name = f"sha{bits}"
    return lambda value: hashlib.new(name, value).digest()


def _algorithm(args: Arguments) -> str:
    name = args.word(0).lower()
    try:
        fixed = hashlib.new(name).digest_size > 0
    except (ValueError, TypeError):  # of no algorithm; of bytes that are not UTF-8
        fixed = False
    if not fixed:
        raise args.wrong(
            f"Algorithm must be a valid OpenSSL message digest name, not '{args.word(0)}'", "a digest such as sha256"
        )
    return name


@converter_with("digest", "(string)", Type.BIN, Type.BIN)
def digest(args: Arguments) -> Callable[[bytes], bytes]:
    """digest(<algorithm>): a message digest by OpenSSL's name."""
    name = _algorithm(args)
    return lambda value: hashlib.new(name, value).digest()


@converter_with("hmac", "(string,string)", Type.BIN, Type.BIN)
def authentication_code(args: Arguments) -> Callable[[bytes], bytes] | ContextStep:
    """hmac(<algorithm>,<key>): a message authentication code; the key is base64, in a string or a variable."""
    name, text = _algorithm(args), args.word(1)
    key = _key(text)
    if key is not None:
        secret = key
        return lambda value: hmac.new(secret, value, name).digest()
    args.reads |= int(Reads.MOVING)
    try:
        variable = parse_variable(text, args.at, parents=True)
    except ConfigError:
        raise args.wrong("failed to parse key in base64", "a key in base64, or a variable") from None

    def run(ctx: Context, value: Value) -> Value | None:
        assert isinstance(value, bytes)
        found = variable.get(ctx)
        known = _key(found) if isinstance(found, bytes) else None
        return None if known is None else hmac.new(known, value, name).digest()

    return ContextStep(run)


def _key(text: str | bytes) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
