"""The memory of slabs in plain Python: how it is laid out, its cells, and who may be in a shard (plain_slabs.py).

The layout is that of C (_slabs.h). Exclusion between processes is by record locks (fcntl(2)) on the file that is the
memory, one byte a shard: the system drops them when their process is killed.
"""

import fcntl
import mmap
import os
import secrets
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MAGIC: Final = 0x31706C732D737470  # "pts-slp1": locks are those of this module
PAGE: Final = 4096
ONE_SHARD: Final = 4096
PER_SHARD: Final = 2048
WORK: Final = 64
MOST_SLOTS: Final = 256
LONGEST: Final = 65535
RING_LEAST: Final = 64
RING_MOST: Final = 1 << 20
SEQUENCE_BITS: Final = 20
NEVER: Final = 1 << 63
LATEST: Final = (1 << 42) - 1
_PATIENCE: Final = 0.01  # s to have a lock

MASK32: Final = (1 << 32) - 1
MASK64: Final = (1 << 64) - 1

_HEADER: Final = struct.Struct(
    "=QQ8I"
)  # magic, entries; key_size, data_size, slots, shards, room, buckets, width, ring
_SECRET: Final = 48
CHANGE: Final = 64
USED: Final = 128
OWNERS: Final = 192
SHARD: Final = 64  # bytes of a shard's head
ENDIAN: Final = sys.byteorder

_KEY: Final = 36  # where an entry's key begins


def _up(value: int, unit: int) -> int:
    return -(-value // unit) * unit


def _highest_power(value: int) -> int:
    return 1 << value.bit_length() - 1


class Layout:
    """Where what lies; ValueError where there can be no such slab."""

    def __init__(self, entries: int, key_size: int, data_size: int, slots: int) -> None:
        sizes = 1 <= key_size <= LONGEST and 0 <= data_size <= LONGEST
        if not (1 <= entries <= 1 << 30 and sizes and 1 <= slots <= MOST_SLOTS):
            raise ValueError("there is no slab of that size")
        self.entries, self.key_size, self.data_size, self.slots = entries, key_size, data_size, slots
        self.shards = 1 if entries <= ONE_SHARD else 1 << (-(-entries // PER_SHARD) - 1).bit_length()
        average = -(-entries // self.shards)
        self.room = average if self.shards == 1 else average + average // 8 + 64
        self.bits = (self.room - 1).bit_length()
        self.buckets = _highest_power(self.room)
        self.ring = min(max(RING_LEAST, 1 << (entries - 1).bit_length()), RING_MOST)
        self.data_at = _up(_KEY + key_size, 8)
        self.gauges_at = _up(self.data_at + data_size, 8)
        self.width = self.gauges_at + 8 * slots
        self.journal_at = SHARD
        self.buckets_at = self.journal_at + _up(data_size, 8)
        self.keys_at = _up(self.buckets_at + 4 * self.buckets, 8)
        self.who_at = self.keys_at + 8 * self.room
        self.entries_at = _up(self.who_at + 4 * self.room, 64)
        self.shard_size = _up(self.entries_at + self.width * self.room, PAGE)
        self.shards_at = _up(PAGE + 8 * self.ring, PAGE)
        self.length = self.shards_at + self.shard_size * self.shards

    def header(self) -> bytes:
        sizes = (self.key_size, self.data_size, self.slots, self.shards, self.room, self.buckets, self.width, self.ring)
        return _HEADER.pack(MAGIC, self.entries, *sizes)


def _turn(value: int, bits: int) -> int:
    return (value << bits | value >> 64 - bits) & MASK64


def _mix(a: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
    a = a + b & MASK64
    b = _turn(b, 13) ^ a
    a = _turn(a, 32)
    c = c + d & MASK64
    d = _turn(d, 16) ^ c
    a = a + d & MASK64
    d = _turn(d, 21) ^ a
    c = c + b & MASK64
    b = _turn(b, 17) ^ c
    return a, b, _turn(c, 32), d


def siphash(secret: bytes, key: bytes) -> int:
    """SipHash-2-4 (Aumasson and Bernstein, 2012)."""
    k0, k1 = struct.unpack("<QQ", secret)
    v = (k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573)
    padded = key + bytes(-(len(key) + 1) % 8) + bytes([len(key) & 255])
    for (word,) in struct.iter_unpack("<Q", padded):
        v = _mix(*_mix(v[0], v[1], v[2], v[3] ^ word))
        v = (v[0] ^ word, *v[1:])
    v = (v[0], v[1], v[2] ^ 0xFF, v[3])
    for _ in range(4):
        v = _mix(*v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def is_dead(process: int) -> bool:
    """It has ended, though perhaps nobody has asked how: some containers have a first process that never does."""
    try:
        os.kill(process, 0)
        with open(f"/proc/{process}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] in (b"Z", b"X")
    except ProcessLookupError:
        return True
    except OSError:
        return False


class Memory:
    """The cells. Each store is one step: a process can be killed between any two of them."""

    def __init__(self, entries: int, key_size: int, data_size: int, slots: int, fd: int = -1) -> None:
        self.at = Layout(entries, key_size, data_size, slots)
        if fd >= 0 and os.fstat(fd).st_size < self.at.length:
            raise ValueError("the file is too short")
        self.fd = os.memfd_create("slab", os.MFD_CLOEXEC) if fd < 0 else fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 0)
        try:
            if fd < 0:
                os.ftruncate(self.fd, self.at.length)
            self.bytes = mmap.mmap(self.fd, self.at.length)
            self._begin()
        except BaseException:
            os.close(self.fd)
            self.fd = -1
            raise
        self.secret = bytes(self.bytes[_SECRET : _SECRET + 16])

    def __del__(self) -> None:
        if getattr(self, "fd", -1) >= 0:
            os.close(self.fd)

    def _begin(self) -> None:
        header = self.at.header()
        if self.bytes[:8] == bytes(8):
            if self.bytes[_SECRET : _SECRET + 16] == bytes(16):
                self.bytes[_SECRET : _SECRET + 16] = secrets.token_bytes(16)
            self.bytes[: len(header)] = header
        elif self.bytes[: len(header)] != header:
            raise ValueError("the memory is that of another slab")

    def shard_of(self, number: int) -> int:
        """Where the keys with that hash are."""
        return number >> 32 & self.at.shards - 1

    def ring_place(self, number: int) -> int:
        """Where the change with that number stands."""
        return PAGE + 8 * (number & self.at.ring - 1)

    def get32(self, place: int) -> int:
        return int.from_bytes(self.bytes[place : place + 4], ENDIAN)

    def get64(self, place: int) -> int:
        return int.from_bytes(self.bytes[place : place + 8], ENDIAN)

    def put32(self, place: int, value: int) -> None:
        self.put(place, (value & MASK32).to_bytes(4, ENDIAN))

    def put64(self, place: int, value: int) -> None:
        self.put(place, (value & MASK64).to_bytes(8, ENDIAN))

    def put(self, place: int, data: bytes) -> None:
        """One step."""
        self.bytes[place : place + len(data)] = data

    @contextmanager
    def exclusive(self, byte: int) -> Iterator[bool]:
        """Whether it was to be had in time: only one process is in here with that byte."""
        began = 0.0
        while True:
            try:
                fcntl.lockf(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
                break
            except (BlockingIOError, PermissionError):
                now = time.monotonic()
                began = began or now
                if now - began > _PATIENCE:
                    yield False
                    return
                time.sleep(0.00005)
        try:
            yield True
        finally:
            fcntl.lockf(self.fd, fcntl.LOCK_UN, 1, byte)

    def add64(self, place: int, delta: int) -> int:
        """The new value; the byte that excludes others is the cell's own, in the header, where no shard's is."""
        while True:
            with self.exclusive(self.at.length + place) as mine:
                if mine:
                    value = self.get64(place) + delta & MASK64
                    self.put64(place, value)
                    return value
