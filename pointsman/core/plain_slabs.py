"""The slabs of core/_slabs.c in plain Python, for where it was not built: the same meaning, many times slower.

core/slabs.py says what each method does; plain_slab_memory.py what lies where, plain_slab_shard.py what is done under
a shard's lock. Whoever gets that lock finds in the shard whether the owner before had finished; if not, that is dead,
as the system has taken its lock away, and the shard is put in order first.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from pointsman.core import slab_program as ops
from pointsman.core.plain_slab_memory import CHANGE, LATEST, MASK32, OWNERS, USED, Layout, Memory, is_dead, siphash
from pointsman.core.plain_slab_shard import COUNT, FRESH, HEAPED, LOCK, Described, Shard, order_after

__all__ = ["Busy", "Slab"]

WORK: Final = 64  # entries that are looked at under one lock
INSPECTED: Final = 4096  # entries that one call of items() meets at most, and numbers one of changed_since()
_LAST: Final = (1 << 64) - 1


class Busy(Exception):
    """A lock could not be had in time."""


def _time(value: int) -> int:
    if not 0 <= value <= LATEST:
        raise OverflowError("no time in milliseconds")
    return value


class Slab:
    """Slab(entries, key_size, data_size, slots, fd=-1): entries with keys in shared memory."""

    def __init__(self, entries: int, key_size: int, data_size: int, slots: int, fd: int = -1) -> None:
        self.memory = Memory(entries, key_size, data_size, slots, fd)
        self.last_was_new = False
        self._at = self.memory.at
        self._slot = 0
        self._next_shard = 0  # where expire() goes on

    @staticmethod
    def size_for(entries: int, key_size: int, data_size: int, slots: int) -> int:
        """The bytes of its memory."""
        return Layout(entries, key_size, data_size, slots).length

    @staticmethod
    def fits(fd: int, entries: int, key_size: int, data_size: int, slots: int) -> bool:
        """Whether that file has a slab of just this layout."""
        at = Layout(entries, key_size, data_size, slots)
        header = at.header()
        try:
            return os.fstat(fd).st_size >= at.length and os.pread(fd, len(header), 0) == header
        except OSError:
            return False

    @property
    def slot(self) -> int:
        """This process's."""
        return self._slot

    @slot.setter
    def slot(self, slot: int) -> None:
        self._slot = self._known_slot(slot)

    @property
    def used(self) -> int:
        return self.memory.get64(USED)

    @property
    def size(self) -> int:
        return self._at.entries

    @property
    def change(self) -> int:
        return self.memory.get64(CHANGE)

    @property
    def shards(self) -> int:
        return self._at.shards

    # Locks. Without one an entry may be changed by another process at any moment.

    @contextmanager
    def _locked(self, number: int) -> Iterator[Shard]:
        """That shard is this process's, and in order."""
        with self.memory.exclusive(number) as mine:
            if not mine:
                raise Busy("the shard is locked")
            shard = Shard(self.memory, number, self._slot)
            died = self.memory.get64(shard.base + LOCK) != 0
            self.memory.put64(shard.base + LOCK, os.getpid() << 32 | self._slot + 1)
            if died:
                shard.rebuild()
            yield shard
            self.memory.put64(shard.base + LOCK, 0)

    @contextmanager
    def _held(self, ref: int) -> Iterator[tuple[Shard | None, int]]:
        """The entry and its locked shard; None: it is no more."""
        if ref < 0:
            raise OverflowError("can't convert negative value to unsigned int")
        number, local = (ref & MASK32) >> self._at.bits, ref & (1 << self._at.bits) - 1
        if number >= self._at.shards or local >= self._at.room or not ref >> 32 & 1:
            yield None, 0
            return
        with self._locked(number) as shard:
            yield (shard if shard.holds(ref, local) else None), local

    @contextmanager
    def _found(self, key: bytes, now: int) -> Iterator[tuple[Shard | None, int]]:
        """The same of the one with that key, if its time is not up."""
        number = self._hash(key)
        with self._locked(self.memory.shard_of(number)) as shard:
            local = shard.lookup(number, key)
            yield (shard if local >= 0 and not shard.is_over(local, now) else None), local

    def _hash(self, key: bytes) -> int:
        if not isinstance(key, bytes):
            raise TypeError("bytes expected")
        if len(key) > self._at.key_size:
            raise ValueError("the key is too long")
        return siphash(self.memory.secret, key)

    def _check(self, program: bytes, read: bool = False) -> bytes:
        if not isinstance(program, bytes):
            raise TypeError("bytes expected")
        size = ops.OP.size
        sound = len(program) == size if read else len(program) % size == 0 and len(program) <= ops.MOST * size
        if sound:
            for code, _, offset, argument in ops.OP.iter_unpack(program):
                sound &= (code >= ops.READ_32) is read and ops.is_sound(code, offset, argument, self._at.data_size)
        if not sound:
            raise ValueError("nothing to read in this slab" if read else "no program for this slab")
        return program

    # One entry.

    def find(self, key: bytes, now: int) -> int:
        """A reference, or 0."""
        with self._found(key, _time(now)) as (shard, local):
            return shard.ref(local) if shard else 0

    def enter(
        self, key: bytes, now: int, expire: int, evict: bool = True, program: bytes = b"", amount: int = 0
    ) -> int:
        """A reference, or 0: there is no room."""
        number = self._hash(key)
        self._check(program)
        before = _LAST if evict else order_after(now)
        wanted = self.memory.shard_of(number)
        _time(now)
        _time(expire)
        self.last_was_new = False
        for _ in range(2 * self._at.entries + 64):
            with self._locked(wanted) as shard:
                local, why = self._enter(shard, number, key, now, expire, before)
                if local >= 0:
                    shard.run(local, program, amount, now, not self.last_was_new)
                    return shard.ref(local)
                empty, full = shard.head(HEAPED) == 0, shard.is_full()
            if why == "nothing" and (not empty or full or not evict or not self._drop_elsewhere(wanted)):
                break
        return 0

    def _enter(self, shard: Shard, number: int, key: bytes, now: int, expire: int, before: int) -> tuple[int, str]:
        """The entry, or -1 and what is to be done: it looked at many ("again"), or there was nothing to drop."""
        local = shard.lookup(number, key)
        if local >= 0 and not shard.is_over(local, now):
            shard.touch(local, now, expire)
            return local, ""
        if local >= 0:
            shard.drop(local)
        budget, dropped = WORK, True
        while dropped and budget > 0:
            if shard.reserve():
                self.last_was_new = True
                return shard.make(number, key, now, expire), ""
            dropped, budget = shard.drop_oldest(before, budget)
        return -1, "again" if dropped or budget < 0 else "nothing"

    def _drop_elsewhere(self, wanted: int) -> bool:
        """The oldest of another shard, where the wanted one has none to drop."""
        for i in range(1, self._at.shards):
            budget = -1
            while budget < 0:
                try:
                    with self._locked(wanted + i & self._at.shards - 1) as shard:
                        dropped, budget = shard.drop_oldest(_LAST, WORK)
                except Busy:
                    break
                if dropped:
                    return True
        return False

    def touch(self, ref: int, now: int, expire: int) -> bool:
        _time(now)
        _time(expire)
        with self._held(ref) as (shard, local):
            if shard:
                shard.touch(local, now, expire)
                shard.note(local)
            return shard is not None

    def pin(self, ref: int) -> bool:
        with self._held(ref) as (shard, local):
            if shard:
                shard.pin(local)
            return shard is not None

    def unpin(self, ref: int) -> bool:
        with self._held(ref) as (shard, local):
            return shard is not None and shard.unpin(local)

    def pins(self, ref: int) -> int:
        """Of all slots; -1: it is no more."""
        with self._held(ref) as (shard, local):
            return shard.pins(local) if shard else -1

    def current(self, ref: int) -> int:
        """Of all slots; -1: it is no more."""
        with self._held(ref) as (shard, local):
            return shard.current(local) if shard else -1

    def current_add(self, ref: int, delta: int) -> bool:
        """In this slot."""
        with self._held(ref) as (shard, local):
            if shard:
                shard.add_current(local, delta)
                shard.note(local)
            return shard is not None

    def apply(self, ref: int, program: bytes, amount: int, now: int) -> bool:
        self._check(program)
        _time(now)
        with self._held(ref) as (shard, local):
            if shard:
                shard.run(local, program, amount, now)
            return shard is not None

    def apply_read(self, ref: int, program: bytes, amount: int, now: int, what: bytes) -> int:
        """The value after the changes, or -1."""
        self._check(program)
        self._check(what, True)
        _time(now)
        with self._held(ref) as (shard, local):
            if not shard:
                return -1
            shard.run(local, program, amount, now)
            return shard.value(local, what, now)

    def read(self, ref: int, what: bytes, now: int) -> int:
        """The value, or -1."""
        self._check(what, True)
        _time(now)
        with self._held(ref) as (shard, local):
            return shard.value(local, what, now) if shard else -1

    def find_read(self, key: bytes, what: bytes, now: int) -> int:
        """The value, or -1."""
        self._check(what, True)
        with self._found(key, _time(now)) as (shard, local):
            return shard.value(local, what, now) if shard else -1

    def read32(self, ref: int, offset: int) -> int:
        return self.read(ref, self._op(ops.READ_32, offset), 0)

    def read64(self, ref: int, offset: int) -> int:
        return self.read(ref, self._op(ops.READ_64, offset), 0)

    def read_rate(self, ref: int, offset: int, period: int, now: int) -> int:
        return self.read(ref, self._op(ops.READ_RATE, offset, _time(period)), now)

    @staticmethod
    def _op(code: int, offset: int, argument: int = 0) -> bytes:
        if offset < 0:
            raise OverflowError("can't convert negative value to unsigned int")
        return ops.op(code, min(offset, 65535), argument if argument <= MASK32 else 0)

    def data(self, ref: int) -> bytes:
        """b"" where it is no more."""
        with self._held(ref) as (shard, local):
            return shard.data(local) if shard else b""

    def write(self, ref: int, offset: int, data: bytes) -> bool:
        if not isinstance(data, bytes):
            raise TypeError("bytes expected")
        if not 0 <= offset <= self._at.data_size - len(data):
            raise ValueError("an entry has no such bytes")
        with self._held(ref) as (shard, local):
            if shard:
                shard.write(local, offset, data)
                shard.note(local)
            return shard is not None

    def entry(self, ref: int) -> Described | None:
        """As `items` lists it."""
        with self._held(ref) as (shard, local):
            return shard.describe(local) if shard else None

    def remove(self, which: bytes | int, even_pinned: bool = False) -> bool:
        """The one with that key, or that reference."""
        if isinstance(which, int):
            with self._held(which) as (shard, local):
                return shard is not None and self._drop(shard, local, even_pinned)
        number = self._hash(which)
        with self._locked(self.memory.shard_of(number)) as locked:
            found = locked.lookup(number, which)
            return found >= 0 and self._drop(locked, found, even_pinned)

    @staticmethod
    def _drop(shard: Shard, local: int, even_pinned: bool) -> bool:
        if shard.pins(local) and not even_pinned:
            return False
        shard.drop(local)
        return True

    # Many entries.

    def clear(self, even_pinned: bool = False) -> int:
        """How many were dropped."""
        dropped = 0
        for number in range(self._at.shards):
            start, fresh = 0, 1
            while start < fresh:
                with self._locked(number) as shard:
                    fresh = shard.head(FRESH)
                    end = min(start + WORK, fresh)
                    used = [local for local in range(start, end) if shard.is_used(local)]
                    dropped += sum(self._drop(shard, local, even_pinned) for local in used)
                start = end
        return dropped

    def expire(self, now: int, most: int = WORK) -> int:
        """How many entries were looked at; fewer than `most`: nothing more is over."""
        before = order_after(_time(now))
        left = most = max(most, 1)
        idle, was_busy = 0, False
        while idle < self._at.shards and left > 0:
            budget = given = min(left, WORK)
            try:
                with self._locked(self._next_shard) as shard:
                    dropped = True
                    while dropped and budget > 0:
                        dropped, budget = shard.drop_oldest(before, budget)
            except Busy:
                was_busy = True
            left -= given - max(budget, 0)
            idle = 0 if budget < given else idle + 1
            if budget > 0:
                self._next_shard = (self._next_shard + 1) % self._at.shards
        if was_busy and left == most:
            raise Busy("the shard is locked")
        return most - left

    def items(self, cursor: int, most: int = WORK) -> tuple[int, list[Described]]:
        """Where to go on, and entries; 0 is the beginning, and the end."""
        if cursor < 0:
            raise OverflowError("can't convert negative int to unsigned")
        most = min(max(most, 1), WORK)
        number, local = cursor >> self._at.bits, cursor & (1 << self._at.bits) - 1
        found: list[Described] = []
        met = 0
        while number < self._at.shards and len(found) < most and met < INSPECTED:
            with self._locked(number) as shard:
                fresh, seen = shard.head(FRESH), 0
                while local < fresh and seen < WORK and len(found) < most:
                    if shard.is_used(local):
                        found.append(shard.describe(local))
                    local, seen = local + 1, seen + 1
            met += WORK
            if local >= fresh:
                number, local = number + 1, 0
        return (number << self._at.bits | local if number < self._at.shards else 0), found

    def changed_since(self, number: int, most: int = WORK) -> tuple[int, list[tuple[int, int]]]:
        """The last number that was looked at, and references with the numbers of their changes; -1: too long ago."""
        if number < 0:
            raise OverflowError("can't convert negative int to unsigned")
        newest = self.change
        if number > newest or newest - number > self._at.ring // 2:
            return -1, []
        found: list[tuple[int, int]] = []
        passed = False
        for following in range(number + 1, min(newest, number + INSPECTED) + 1):
            if len(found) >= min(max(most, 1), WORK):
                break
            try:
                if not self._is_noted(following) and not passed:
                    self._pass_all()  # it is noted once its process is out of the shard; or that was killed
                    passed = True
                if self._is_noted(following):
                    found += self._look_at(following)
            except Busy:
                if not found:
                    raise
                break
            number = following
        return number, found

    def _is_noted(self, number: int) -> bool:
        return self.memory.get64(self.memory.ring_place(number)) >> 32 == number & MASK32

    def _pass_all(self) -> None:
        for number in range(self._at.shards):
            with self._locked(number):
                pass

    def _look_at(self, number: int) -> list[tuple[int, int]]:
        """The entry whose last change has that number, if there is one."""
        index = self.memory.get64(self.memory.ring_place(number)) & MASK32
        local = index & (1 << self._at.bits) - 1
        if index >> self._at.bits >= self._at.shards or local >= self._at.room:
            return []
        with self._locked(index >> self._at.bits) as shard:
            there = local < shard.head(FRESH) and shard.is_used(local)
            return [(shard.ref(local), number)] if there and shard.change_of(local) == number else []

    # Slots.

    def _known_slot(self, slot: int) -> int:
        if not 0 <= slot < self._at.slots:
            raise IndexError("no such slot")
        return slot

    def _owner(self, slot: int) -> int:
        return self.memory.get64(OWNERS + 8 * slot)

    def _change_owner(self, slot: int, was: int, now: int) -> bool:
        place = OWNERS + 8 * slot
        with self.memory.exclusive(self._at.length + place) as mine:
            if not mine or self.memory.get64(place) != was:
                return False
            self.memory.put64(place, now)
            return True

    def claim_slot(self, process: int) -> int:
        """A slot that nobody has, or whose process is dead. MemoryError: there is none."""
        if not 0 < process < 1 << 31:
            raise ValueError("no number of a process")
        for slot in range(self._at.slots):
            if self._change_owner(slot, 0, process):
                return slot
        for slot in range(self._at.slots):
            owner = self._owner(slot)
            try:
                if owner and is_dead(owner):
                    self._release(slot, owner)
                    if self._change_owner(slot, owner, process):
                        return slot
            except Busy:
                continue
        raise MemoryError("all slots are taken")

    def release_slot(self, slot: int, process: int = 0) -> bool:
        """Its process has ended. With `process` only if it is that one's, which is known to be dead."""
        owner = self._owner(self._known_slot(slot))
        if process and owner != process:
            return False
        self._release(slot, owner)
        self._change_owner(slot, owner, 0)
        return True

    def release_dead(self) -> int:
        """How many slots were given back whose processes are dead, of whichever generation."""
        released = 0
        for slot in range(self._at.slots):
            owner = self._owner(slot)
            if owner and is_dead(owner):
                self._release(slot, owner)
                released += self._change_owner(slot, owner, 0)
        return released

    def slot_of(self, process: int) -> int:
        """-1 where it has none."""
        owners = [self._owner(slot) for slot in range(self._at.slots)]
        return owners.index(process) if process and process in owners else -1

    def _release(self, slot: int, owner: int) -> None:
        """All that it had. Where somebody else was faster, it may have a new owner, whose gauges stay."""
        for number in range(self._at.shards):
            start, fresh = 0, 1
            while start < fresh:
                with self._locked(number) as shard:
                    if self._owner(slot) != owner:
                        return
                    fresh = shard.head(FRESH)
                    end = min(start + WORK, fresh)
                    shard.forget_gauges(slot, start, end)
                start = end
        self._recount()

    def _recount(self) -> None:
        """Count anew what all shards hold, while no shard can change."""
        with ExitStack() as all_locks:
            shards = [all_locks.enter_context(self._locked(number)) for number in range(self._at.shards)]
            self.memory.put64(USED, sum(shard.head(COUNT) for shard in shards))
