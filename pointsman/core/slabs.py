"""Entries with keys that all lanes share: the ground of stick tables.

A slab is a fixed number of entries of one size (a key of up to so many bytes, an expiry, some 64-bit fields) in shared
cells made before the fork. It is cut into shards, each with a lock of its own:

    shard    lock | count, free, fresh, oldest, newest | bucket ... | entry ...
    entry    state | hash, expiry, stamp | next in its bucket (or free), older, newer | length, key ... | field ...

A key's hash says the shard and the bucket in it. Everything in a shard is read and written under its lock, so nobody
sees half a change. Entries stand in the order in which they were touched; a new one for which there is no room takes
the place of the oldest of its shard. Small slabs have one shard, and so one order. Memory is taken as entries are used.

The lock holds its owner's number. When a lane has crashed, the keeper marks its locks (`release_lane`), and the lane
that wants one next puts the shard in order first: an entry that was being written is dropped, and all chains are made
anew from what stands in the entries themselves. A link between entries is never trusted after a crash, so it does not
matter at which step it happened; an entry counts from the moment its state says so.

Times are milliseconds of one clock; an expiry of 0 is never. Where a lock cannot be had (its owner hangs, or has
crashed and the keeper does not know yet), `Busy` is raised: traffic goes on without the table.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from pointsman.core.arena import Cells

FREE: Final = 0  # states of an entry
USED: Final = 1
CHANGING: Final = 2  # a lane writes its fields: not to be trusted if that lane crashes meanwhile

ORPHANED: Final = -1  # in a lock: its owner has crashed
SMALL: Final = 4096  # entries that one shard holds
MOST: Final = 64  # shards

_LOCK: Final = 0  # cells of a shard
_COUNT: Final = 1
_FREE: Final = 2
_FRESH: Final = 3  # how many entries were ever used
_OLDEST: Final = 4
_NEWEST: Final = 5
_HEAD: Final = 6  # cells before the buckets

_STATE: Final = 0  # cells of an entry
_HASH: Final = 1
_EXPIRY: Final = 2
_STAMP: Final = 3
_NEXT: Final = 4
_OLDER: Final = 5
_NEWER: Final = 6
_LENGTH: Final = 7
_KEY: Final = 8

Change = Callable[[list[int]], None]


class Busy(Exception):
    """A shard's lock could not be had in time."""


class Slab:
    """`entries`: how many there may be; `key_size`: bytes of the longest key; `fields`: integers of each entry."""

    def __init__(self, entries: int, key_size: int, fields: int, make: Callable[[int], Cells] = Cells) -> None:
        if entries < 1 or key_size < 1 or fields < 0:
            raise ValueError("a slab has entries, and they have keys")
        self.shards = min(MOST, -(-entries // SMALL))
        self.room = -(-entries // self.shards)  # entries of a shard
        self.key_size = key_size
        self.fields = fields
        self.lane = 0  # the lane that asks; set in each process after the fork
        self.buckets = 1 << max(self.room - 1, 1).bit_length()
        self.data = _KEY + -(-key_size // 8)  # where an entry's fields begin
        self.width = self.data + fields
        self.size = _HEAD + self.buckets + self.room * self.width
        self.layout = struct.Struct(f"={fields}q")
        self.cells = make(self.shards * self.size)

    # Asking and changing.

    def get(self, key: bytes, now: int) -> tuple[int, ...] | None:
        """The fields; None: there is no such entry, or its time is up."""
        number = hash(key)
        base = self._lock(number)
        try:
            entry = self._find(base, number, key, now)
            return self._fields(entry) if entry else None
        finally:
            self._unlock(base)

    def expiry(self, key: bytes, now: int) -> int | None:
        """When its time is up; None: there is no such entry."""
        number = hash(key)
        base = self._lock(number)
        try:
            entry = self._find(base, number, key, now)
            return self.cells.load(entry + _EXPIRY) if entry else None
        finally:
            self._unlock(base)

    def put(self, key: bytes, values: Sequence[int], expiry: int, now: int) -> None:
        """Give an entry these fields (signed, 64 bits); it is made if there is none."""

        def replace(fields: list[int]) -> None:
            fields[:] = values

        self.change(key, replace, expiry, now)

    def change(self, key: bytes, change: Change, expiry: int, now: int, make: bool = True) -> tuple[int, ...] | None:
        """Let `change` work on the fields (all 0 in a new entry), and touch it. The new fields; None: there is no such
        entry, and none was to be made. Nobody else sees or changes it meanwhile, so `change` must be short; if it
        raises, nothing has changed."""
        number = hash(key)
        base = self._lock(number)
        try:
            entry = self._find(base, number, key, now)
            if not entry and not make:
                return None
            values = list(self._fields(entry)) if entry else [0] * self.fields
            change(values)
            data = self.layout.pack(*values)
            if not entry:
                entry = self._new(base, number, key)
            else:
                self.cells.store(entry + _STATE, CHANGING)
                self._unlink(base, entry)
            self.cells.write(entry + self.data, data)
            self._append(base, entry, expiry, now)
            self.cells.store(entry + _STATE, USED)
            return tuple(values)
        finally:
            self._unlock(base)

    def touch(self, key: bytes, expiry: int, now: int) -> bool:
        """Make this entry the newest, with another expiry. False: there is none of this key."""
        number = hash(key)
        base = self._lock(number)
        try:
            entry = self._find(base, number, key, now)
            if entry:
                self._unlink(base, entry)
                self._append(base, entry, expiry, now)
            return entry != 0
        finally:
            self._unlock(base)

    def remove(self, key: bytes) -> bool:
        """False: there was none."""
        number = hash(key)
        base = self._lock(number)
        try:
            entry = self._find(base, number, key, 0)
            if entry:
                self._drop(base, entry)
            return entry != 0
        finally:
            self._unlock(base)

    def clear(self) -> None:
        """All entries of all shards."""
        for shard in range(self.shards):
            base = self._lock(shard)
            try:
                for entry in self._entries(base):
                    self.cells.store(entry + _STATE, FREE)
                self._rebuild(base)
            finally:
                self._unlock(base)

    def expire(self, now: int) -> int:
        """Drop what is over; how many. Where all entries live equally long this looks at none of the others: from the
        oldest one on, until one lives on. Others are dropped when they are found."""
        count = 0
        for shard in range(self.shards):
            base = self._lock(shard)
            try:
                entry = self.cells.load(base + _OLDEST)
                while entry and 0 < self.cells.load(entry + _EXPIRY) <= now:
                    newer = self.cells.load(entry + _NEWER)
                    self._drop(base, entry)
                    count += 1
                    entry = newer
            finally:
                self._unlock(base)
        return count

    def items(self, now: int) -> Iterator[tuple[bytes, int, tuple[int, ...]]]:
        """Key, expiry and fields of all entries; of each shard as it is at one moment."""
        cells = self.cells
        for shard in range(self.shards):
            base = self._lock(shard)
            try:
                found = [
                    (self._key(entry), cells.load(entry + _EXPIRY), self._fields(entry))
                    for entry in self._entries(base)
                ]
            finally:
                self._unlock(base)
            yield from [one for one in found if not 0 < one[1] <= now]

    def __len__(self) -> int:
        """Entries, those included whose time is up but which nobody has met since."""
        return self.cells.sum(_COUNT, self.size, self.shards)

    # The keeper.

    def release_lane(self, lane: int) -> None:
        """That lane has crashed: the lane that next wants what it had locked puts it in order first."""
        for shard in range(self.shards):
            self.cells.cas(shard * self.size + _LOCK, lane + 1, ORPHANED)

    # Locks.

    def _lock(self, number: int) -> int:
        """Where the key's shard begins, which is this process's now."""
        base = number % self.shards * self.size
        lock, owner = base + _LOCK, self.lane + 1
        cells = self.cells
        if cells.load(lock) != ORPHANED and cells.lock(lock, owner):
            return base
        if not cells.cas(lock, ORPHANED, owner):
            raise Busy("the shard is locked")
        try:
            self._rebuild(base)
        except BaseException:  # a signal, no memory: it is still to be put in order, by the lane that comes next
            cells.cas(lock, owner, ORPHANED)
            raise
        return base

    def _unlock(self, base: int) -> None:
        self.cells.cas(base + _LOCK, self.lane + 1, 0)

    # Under the lock. An entry is known by the index of its first cell; 0 is none, as cell 0 is a lock.

    def _entries(self, base: int) -> list[int]:
        """All that are used, the oldest first."""
        found: list[int] = []
        entry = self.cells.load(base + _OLDEST)
        while entry:
            found.append(entry)
            entry = self.cells.load(entry + _NEWER)
        return found

    def _bucket(self, base: int, number: int) -> int:
        return base + _HEAD + (number // self.shards & self.buckets - 1)

    def _key(self, entry: int) -> bytes:
        return self.cells.read(entry + _KEY, self.cells.load(entry + _LENGTH))

    def _fields(self, entry: int) -> tuple[int, ...]:
        return self.layout.unpack(self.cells.read(entry + self.data, 8 * self.fields)) if self.fields else ()

    def _find(self, base: int, number: int, key: bytes, now: int) -> int:
        """The entry, or 0. One whose time is up is dropped."""
        cells = self.cells
        entry = cells.load(self._bucket(base, number))
        while entry:
            if cells.load(entry + _HASH) == number and self._key(entry) == key:
                if 0 < cells.load(entry + _EXPIRY) <= now:
                    self._drop(base, entry)
                    return 0
                return entry
            entry = cells.load(entry + _NEXT)
        return 0

    def _new(self, base: int, number: int, key: bytes) -> int:
        """An entry with that key, in its bucket but in no order yet."""
        if len(key) > self.key_size:
            raise ValueError("the key is too long")
        cells = self.cells
        entry = self._vacancy(base)
        cells.store(entry + _STATE, CHANGING)
        cells.store(entry + _HASH, number)
        cells.store(entry + _LENGTH, len(key))
        cells.write(entry + _KEY, key)
        bucket = self._bucket(base, number)
        cells.store(entry + _NEXT, cells.load(bucket))
        cells.store(bucket, entry)
        cells.store(base + _COUNT, cells.load(base + _COUNT) + 1)
        return entry

    def _vacancy(self, base: int) -> int:
        """An entry that was given back, or one never used, or the oldest."""
        cells = self.cells
        fresh = cells.load(base + _FRESH)
        if not cells.load(base + _FREE):
            if fresh < self.room:
                cells.store(base + _FRESH, fresh + 1)
                return base + _HEAD + self.buckets + fresh * self.width
            self._drop(base, cells.load(base + _OLDEST))
        entry = cells.load(base + _FREE)
        cells.store(base + _FREE, cells.load(entry + _NEXT))
        return entry

    def _drop(self, base: int, entry: int) -> None:
        cells = self.cells
        cells.store(entry + _STATE, FREE)
        self._unlink(base, entry)
        place = self._bucket(base, cells.load(entry + _HASH))
        other = cells.load(place)
        while other != entry:
            place = other + _NEXT
            other = cells.load(place)
        cells.store(place, cells.load(entry + _NEXT))
        cells.store(entry + _NEXT, cells.load(base + _FREE))
        cells.store(base + _FREE, entry)
        cells.store(base + _COUNT, cells.load(base + _COUNT) - 1)

    def _unlink(self, base: int, entry: int) -> None:
        """Out of the order."""
        cells = self.cells
        older, newer = cells.load(entry + _OLDER), cells.load(entry + _NEWER)
        cells.store(older + _NEWER if older else base + _OLDEST, newer)
        cells.store(newer + _OLDER if newer else base + _NEWEST, older)

    def _append(self, base: int, entry: int, expiry: int, now: int) -> None:
        """The newest one."""
        cells = self.cells
        newest = cells.load(base + _NEWEST)
        cells.store(entry + _EXPIRY, expiry)
        cells.store(entry + _STAMP, now)
        cells.store(entry + _OLDER, newest)
        cells.store(entry + _NEWER, 0)
        cells.store(newest + _NEWER if newest else base + _OLDEST, entry)
        cells.store(base + _NEWEST, entry)

    def _is_sound(self, entry: int) -> bool:
        """The entry was written to its end."""
        cells = self.cells
        return (
            cells.load(entry + _STATE) == USED
            and 0 <= cells.load(entry + _LENGTH) <= self.key_size
            and cells.load(entry + _HASH) == hash(self._key(entry))
        )

    def _rebuild(self, base: int) -> None:
        """All chains anew, from the entries alone."""
        cells = self.cells
        for cell in (_COUNT, _FREE, _OLDEST, _NEWEST, *range(_HEAD, _HEAD + self.buckets)):
            cells.store(base + cell, 0)
        sound: list[tuple[int, int]] = []
        first = base + _HEAD + self.buckets
        for entry in range(first, first + cells.load(base + _FRESH) * self.width, self.width):
            if self._is_sound(entry):
                sound.append((cells.load(entry + _STAMP), entry))
                continue
            cells.store(entry + _STATE, FREE)
            cells.store(entry + _NEXT, cells.load(base + _FREE))
            cells.store(base + _FREE, entry)
        sound.sort()
        for stamp, entry in sound:
            bucket = self._bucket(base, cells.load(entry + _HASH))
            cells.store(entry + _NEXT, cells.load(bucket))
            cells.store(bucket, entry)
            self._append(base, entry, cells.load(entry + _EXPIRY), stamp)
        cells.store(base + _COUNT, len(sound))
