"""A stand-in for core/slabs.py until that can carry stick tables: of one process, with the same methods."""

from collections.abc import Callable

CURRENT = 0


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

    def enter(self, key: bytes, now: int, expire: int, evict: bool = True) -> int:
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

    def pin(self, ref: int) -> bool:
        entry = self.by_number.get(ref)
        if entry is None:
            return False
        entry.pins += 1
        return True

    def unpin(self, ref: int) -> None:
        self.by_number[ref].pins -= 1

    def pins(self, ref: int) -> int:
        entry = self.by_number.get(ref)
        return -1 if entry is None else entry.pins

    def current(self, ref: int) -> int:
        entry = self.by_number.get(ref)
        return -1 if entry is None else entry.current

    def current_add(self, ref: int, step: int) -> None:
        entry = self.by_number.get(ref)
        if entry is not None:
            entry.current += step

    def read(self, ref: int, offset: int, width: int) -> int:
        """-1: there is no such entry any more."""
        entry = self.by_number.get(ref)
        return -1 if entry is None else int.from_bytes(entry.data[offset : offset + width], "little")

    def store(self, ref: int, offset: int, width: int, value: int) -> bool:
        entry = self.by_number.get(ref)
        if entry is None:
            return False
        entry.data[offset : offset + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
        return True

    def add(self, ref: int, offset: int, width: int, amount: int) -> int:
        """The value behind it."""
        value = self.read(ref, offset, width)
        if value < 0:
            return -1
        value = value + amount & (1 << 8 * width) - 1
        self.store(ref, offset, width, value)
        return value

    def _rate(self, ref: int, offset: int, period: int, now: int) -> tuple[int, int, int]:
        tick, current, previous = (self.read(ref, offset + 4 * one, 4) for one in range(3))
        elapsed = (now & 0xFFFFFFFF) - tick & 0xFFFFFFFF
        if elapsed >= 2 * period:
            return now & 0xFFFFFFFF, 0, 0
        if elapsed >= period:
            return tick + period & 0xFFFFFFFF, 0, current
        return tick, current, previous

    def add_rate(self, ref: int, offset: int, period: int, amount: int, now: int) -> bool:
        if ref not in self.by_number:
            return False
        tick, current, previous = self._rate(ref, offset, period, now)
        for place, value in enumerate((tick, current + amount, previous)):
            self.store(ref, offset + 4 * place, 4, value)
        return True

    def rate(self, ref: int, offset: int, period: int, now: int) -> int:
        if ref not in self.by_number:
            return -1
        tick, current, previous = self._rate(ref, offset, period, now)
        left = period - ((now & 0xFFFFFFFF) - tick & 0xFFFFFFFF)
        return current + previous * left // period

    def data(self, ref: int) -> bytes:
        entry = self.by_number.get(ref)
        return b"" if entry is None else bytes(entry.data)

    def key(self, ref: int) -> bytes:
        entry = self.by_number.get(ref)
        return b"" if entry is None else entry.key

    def expiry(self, ref: int) -> int:
        entry = self.by_number.get(ref)
        return 0 if entry is None else entry.expiry

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

    def items(self, cursor: int, most: int = 64) -> tuple[int, list[int]]:
        """Where to go on, 0 at the end; and refs."""
        found = sorted(number for number in self.by_number if number > cursor)[:most]
        return (found[-1] if len(found) == most else 0), found


Make = Callable[[int, int, int, int, int], Slab]
