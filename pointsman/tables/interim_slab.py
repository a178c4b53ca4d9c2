"""A stand-in for core/slabs.py until that is here: of one process, with the same methods and programs."""

import struct
from typing import Final

_OP: Final = struct.Struct("=BBHI")

ADD1_32: Final = 1
ADD_32: Final = 2
ADD1_64: Final = 3
ADD_64: Final = 4
SET_32: Final = 5
SET_64: Final = 6
RATE1: Final = 7
RATE: Final = 8
RATE_SET: Final = 9
CURRENT_UP: Final = 10
CURRENT_DOWN: Final = 11
CURRENT_SET: Final = 12
TOUCH: Final = 13
PIN: Final = 14
UNPIN: Final = 15

READ_32: Final = 32
READ_64: Final = 33
READ_RATE: Final = 34
READ_CURRENT: Final = 35
READ_PINS: Final = 36
READ_EXPIRY: Final = 37


class Busy(Exception):
    """A lock could not be had."""


def op(code: int, offset: int = 0, argument: int = 0) -> bytes:
    """One operation of a program."""
    return _OP.pack(code, 0, offset, argument)


class Entry:
    def __init__(self, number: int, key: bytes, size: int) -> None:
        self.number = number
        self.key = key
        self.data = bytearray(size)
        self.expiry = 0
        self.pins = 0
        self.current = 0


class Slab:
    def __init__(self, entries: int, key_size: int, data_size: int, slots: int, fd: int = -1) -> None:
        self.size = entries
        self.data_size = data_size
        self.by_key: dict[bytes, Entry] = {}
        self.by_number: dict[int, Entry] = {}
        self.next = 1
        self.last_was_new = False
        self.slot = 0

    @property
    def used(self) -> int:
        return len(self.by_key)

    def find(self, key: bytes, now: int) -> int:
        found = self.by_key.get(key)
        if found is None:
            return 0
        if 0 < found.expiry <= now and not found.pins:
            self._drop(found)
            return 0
        return found.number

    def enter(
        self, key: bytes, now: int, expire: int, evict: bool = True, program: bytes = b"", amount: int = 0
    ) -> int:
        ref = self.find(key, now)
        self.last_was_new = not ref
        if not ref:
            if len(self.by_key) >= self.size:
                free = [one for one in self.by_key.values() if not one.pins]
                if not evict or not free:
                    return 0
                self._drop(min(free, key=lambda one: one.expiry))
            entry = Entry(self.next, key, self.data_size)
            self.next += 1
            self.by_key[key] = self.by_number[entry.number] = entry
            ref = entry.number
        self.touch(ref, now, expire)
        self.apply(ref, program, amount, now)
        return ref

    def _drop(self, entry: Entry) -> None:
        del self.by_key[entry.key], self.by_number[entry.number]

    def touch(self, ref: int, now: int, expire: int) -> bool:
        entry = self.by_number.get(ref)
        if entry is None:
            return False
        del self.by_key[entry.key]
        self.by_key[entry.key] = entry
        entry.expiry = now + expire if expire else 0
        return True

    def apply(self, ref: int, program: bytes, amount: int, now: int) -> bool:
        entry = self.by_number.get(ref)
        if entry is None:
            return False
        for code, _, offset, argument in _OP.iter_unpack(program):
            self._do(entry, code, offset, argument, amount, now)
        return True

    def _do(self, entry: Entry, code: int, offset: int, argument: int, amount: int, now: int) -> None:
        data = entry.data
        if code in (ADD1_32, ADD_32, SET_32, ADD1_64, ADD_64, SET_64):
            width = 4 if code in (ADD1_32, ADD_32, SET_32) else 8
            value = 0 if code in (SET_32, SET_64) else int.from_bytes(data[offset : offset + width], "little")
            value += 1 if code in (ADD1_32, ADD1_64) else amount
            data[offset : offset + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
        elif code in (RATE1, RATE, RATE_SET):
            tick, current, previous = (
                (now & 0xFFFFFFFF, 0, 0) if code == RATE_SET else _rate(data, offset, argument, now)
            )
            current = current + (1 if code == RATE1 else amount) & 0xFFFFFFFF
            struct.pack_into("<III", data, offset, tick, current, previous)
        elif code == CURRENT_UP:
            entry.current += 1
        elif code == CURRENT_DOWN:
            entry.current -= 1
        elif code == CURRENT_SET:
            entry.current = amount
        elif code == TOUCH:
            self.touch(entry.number, now, argument)
        elif code == PIN:
            entry.pins += 1
        else:
            assert code == UNPIN
            entry.pins -= 1

    def apply_read(self, ref: int, program: bytes, amount: int, now: int, what: bytes) -> int:
        return self.read(ref, what, now) if self.apply(ref, program, amount, now) else -1

    def read(self, ref: int, what: bytes, now: int) -> int:
        entry = self.by_number.get(ref)
        if entry is None:
            return -1
        code, _, offset, argument = _OP.unpack(what)
        if code == READ_RATE:
            tick, current, previous = _rate(entry.data, offset, argument, now)
            left = argument - ((now & 0xFFFFFFFF) - tick & 0xFFFFFFFF)
            return int(current + previous * left // argument)
        if code in (READ_32, READ_64):
            return int.from_bytes(entry.data[offset : offset + (4 if code == READ_32 else 8)], "little")
        return entry.current if code == READ_CURRENT else entry.pins if code == READ_PINS else entry.expiry

    def find_read(self, key: bytes, what: bytes, now: int) -> int:
        ref = self.find(key, now)
        return self.read(ref, what, now) if ref else -1

    def entry(self, ref: int) -> tuple[int, bytes, int, int, bytes, int] | None:
        entry = self.by_number.get(ref)
        return None if entry is None else self._described(entry)

    def _described(self, entry: Entry) -> tuple[int, bytes, int, int, bytes, int]:
        return entry.number, entry.key, entry.expiry, entry.pins, bytes(entry.data), entry.current

    def remove(self, ref: int) -> bool:
        """False: it is pinned, or there is none."""
        entry = self.by_number.get(ref)
        if entry is None or entry.pins:
            return False
        self._drop(entry)
        return True

    def expire(self, now: int, most: int = 64) -> int:
        count = 0
        for entry in list(self.by_key.values()):
            if 0 < entry.expiry <= now and not entry.pins:
                self._drop(entry)
                count += 1
        return count

    def items(self, cursor: int, most: int = 64) -> tuple[int, list[tuple[int, bytes, int, int, bytes, int]]]:
        """Where to go on, 0 at the end; and entries."""
        found = sorted(number for number in self.by_number if number > cursor)[:most]
        entries = [self._described(self.by_number[number]) for number in found]
        return (found[-1] if len(found) == most else 0), entries


def _rate(data: bytearray, offset: int, period: int, now: int) -> tuple[int, int, int]:
    tick, current, previous = struct.unpack_from("<III", data, offset)
    elapsed = (now & 0xFFFFFFFF) - tick & 0xFFFFFFFF
    if elapsed >= 2 * period:
        return now & 0xFFFFFFFF, 0, 0
    if elapsed >= period:
        return tick + period & 0xFFFFFFFF, 0, current
    return tick, current, previous
