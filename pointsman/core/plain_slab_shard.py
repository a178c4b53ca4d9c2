"""A shard of a slab in plain Python, while it is locked (plain_slabs.py): what _slabs_entry.c and _slabs_program.c do.

The heap has four children at each place. Its keys may be earlier than the orders of the entries: touching one leaves
the heap alone, and who meets it at the top puts it where it belongs. A pinned one that is met there leaves the heap; it
comes back when nobody pins it any more.
"""

from typing import Final

from pointsman.core import slab_program as ops
from pointsman.core.plain_slab_memory import CHANGE, ENDIAN, MASK32, MASK64, NEVER, SEQUENCE_BITS, USED, Memory, siphash

_LATE: Final = 65536  # ms that the clock of one process may be behind that of another

LOCK: Final = 0  # places in a shard's head
COUNT: Final = 8
FREE: Final = 12
FRESH: Final = 16
HEAPED: Final = 20
JOURNAL: Final = 24
SEQUENCE: Final = 28

GENERATION: Final = 0  # places in an entry
HASH: Final = 4
NEXT: Final = 8
PLACE: Final = 12
ORDER: Final = 16
NUMBER: Final = 24
LENGTH: Final = 32
KEY: Final = 36

Described = tuple[int, bytes, int, int, bytes, int]


def order_after(now: int) -> int:
    """The first order that is not over at that time."""
    return now + 1 << SEQUENCE_BITS


class Shard:
    """`number`: which one; `slot`: this process's. Entries are numbers from 0 on (`local`)."""

    def __init__(self, memory: Memory, number: int, slot: int) -> None:
        self.memory = memory
        self.at = memory.at
        self.number = number
        self.slot = slot
        self.base = self.at.shards_at + self.at.shard_size * number
        self.keys = self.base + self.at.keys_at
        self.who = self.base + self.at.who_at

    def head(self, place: int) -> int:
        """One of the 32-bit cells of its head."""
        return self.memory.get32(self.base + place)

    def set_head(self, place: int, value: int) -> None:
        self.memory.put32(self.base + place, value)

    def entry(self, local: int) -> int:
        """Where it begins."""
        return self.base + self.at.entries_at + self.at.width * local

    def index(self, local: int) -> int:
        return self.number << self.at.bits | local

    def ref(self, local: int) -> int:
        return self.memory.get32(self.entry(local)) << 32 | self.index(local)

    def is_used(self, local: int) -> bool:
        return self.memory.get32(self.entry(local)) & 1 != 0

    def holds(self, ref: int, local: int) -> bool:
        """The entry is still the one that the reference means."""
        return local < self.head(FRESH) and self.memory.get32(self.entry(local)) == ref >> 32

    def key(self, local: int) -> bytes:
        entry = self.entry(local)
        length = min(self.memory.get32(entry + LENGTH), self.at.key_size)
        return bytes(self.memory.bytes[entry + KEY : entry + KEY + length])

    def data(self, local: int) -> bytes:
        place = self.entry(local) + self.at.data_at
        return bytes(self.memory.bytes[place : place + self.at.data_size])

    def order(self, local: int) -> int:
        return self.memory.get64(self.entry(local) + ORDER)

    def change_of(self, local: int) -> int:
        """The number of its last change."""
        return self.memory.get64(self.entry(local) + NUMBER)

    def expiry(self, local: int) -> int:
        order = self.order(local)
        return 0 if order & NEVER else order >> SEQUENCE_BITS

    def is_over(self, local: int, now: int) -> bool:
        return self.order(local) < order_after(now) and self.pins(local) == 0

    def describe(self, local: int) -> Described:
        """As `items` lists it."""
        return (
            *(self.ref(local), self.key(local), self.expiry(local), self.pins(local), self.data(local)),
            self.current(local),
        )

    # Gauges.

    def _gauge(self, local: int, slot: int) -> int:
        return self.entry(local) + self.at.gauges_at + 8 * slot

    def pins(self, local: int) -> int:
        """Of all slots."""
        return sum(self.memory.get32(self._gauge(local, slot)) for slot in range(self.at.slots))

    def _currents(self, local: int) -> int:
        found = [self.memory.get32(self._gauge(local, slot) + 4) for slot in range(self.at.slots)]
        return sum(one - (one >> 31 << 32) for one in found)

    def current(self, local: int) -> int:
        """Of all slots."""
        return max(self._currents(local), 0)

    def add_current(self, local: int, delta: int) -> None:
        place = self._gauge(local, self.slot) + 4
        self.memory.put32(place, self.memory.get32(place) + delta)

    def pin(self, local: int) -> None:
        place = self._gauge(local, self.slot)
        self.memory.put32(place, self.memory.get32(place) + 1)

    def unpin(self, local: int) -> bool:
        """False: this slot had not pinned it."""
        place = self._gauge(local, self.slot)
        pins = self.memory.get32(place)
        if pins:
            self.memory.put32(place, pins - 1)
            self._unparked(local)
        return pins != 0

    def forget_gauges(self, slot: int, start: int, end: int) -> None:
        """Take that slot's out of these entries."""
        for local in range(start, end):
            place = self._gauge(local, slot)
            if self.is_used(local) and self.memory.get64(place):
                self.memory.put32(place + 4, 0)
                self.memory.put32(place, 0)
                self._unparked(local)

    def _unparked(self, local: int) -> None:
        """Nobody may pin it any more: then it can be dropped again."""
        if not self.memory.get32(self.entry(local) + PLACE) and not self.pins(local):
            self._heap_add(local)

    # The heap.

    def _heap_key(self, place: int) -> int:
        return self.memory.get64(self.keys + 8 * place)

    def _heap_who(self, place: int) -> int:
        return self.memory.get32(self.who + 4 * place)

    def _settle(self, place: int, key: int, local: int) -> None:
        self.memory.put64(self.keys + 8 * place, key)
        self.memory.put32(self.who + 4 * place, local)
        self.memory.put32(self.entry(local) + PLACE, place + 1)

    def _rise(self, place: int, key: int, local: int) -> None:
        while place > 0:
            parent = (place - 1) // 4
            if self._heap_key(parent) <= key:
                break
            self._settle(place, self._heap_key(parent), self._heap_who(parent))
            place = parent
        self._settle(place, key, local)

    def _sink(self, place: int, key: int, local: int) -> None:
        count = self.head(HEAPED)
        while True:
            children = range(4 * place + 1, min(4 * place + 5, count))
            if not children:
                break
            least = min(children, key=self._heap_key)
            if self._heap_key(least) >= key:
                break
            self._settle(place, self._heap_key(least), self._heap_who(least))
            place = least
        self._settle(place, key, local)

    def _heap_add(self, local: int) -> None:
        count = self.head(HEAPED)
        self.set_head(HEAPED, count + 1)
        self._rise(count, self.order(local), local)

    def _heap_remove(self, local: int) -> None:
        place = self.memory.get32(self.entry(local) + PLACE) - 1
        if place < 0:
            return
        last = self.head(HEAPED) - 1
        self.memory.put32(self.entry(local) + PLACE, 0)
        self.set_head(HEAPED, last)
        if place == last:
            return
        key, moved = self._heap_key(last), self._heap_who(last)
        if place > 0 and self._heap_key((place - 1) // 4) > key:
            self._rise(place, key, moved)
        else:
            self._sink(place, key, moved)

    # Changes.

    def note(self, local: int) -> None:
        """It has changed: it gets the next number."""
        number = self.memory.add64(CHANGE, 1)
        self.memory.put64(self.entry(local) + NUMBER, number)
        self._note_in_ring(number, local)

    def _note_in_ring(self, number: int, local: int) -> None:
        place = self.memory.ring_place(number)
        self.memory.put64(place, (number & MASK32) << 32 | self.index(local))

    def _next_order(self, now: int, expire: int) -> int:
        sequence = self.head(SEQUENCE)
        self.set_head(SEQUENCE, sequence + 1)
        first = sequence & (1 << SEQUENCE_BITS) - 1
        return (now + expire) << SEQUENCE_BITS | first | (0 if expire else NEVER)

    def touch(self, local: int, now: int, expire: int) -> None:
        order = self._next_order(now, expire)
        entry = self.entry(local)
        self.memory.put64(entry + ORDER, order)
        place = self.memory.get32(entry + PLACE) - 1
        if place >= 0 and order < self._heap_key(place):
            self._rise(place, order, local)

    def write(self, local: int, offset: int, data: bytes) -> None:
        """Data of any length. If this process is killed meanwhile, all are put back as they were."""
        self.memory.put(self.base + self.at.journal_at, self.data(local))
        self.set_head(JOURNAL, local + 1)
        self.memory.put(self.entry(local) + self.at.data_at + offset, data)
        self.set_head(JOURNAL, 0)

    # Entries.

    def _bucket(self, number: int) -> int:
        return self.base + self.at.buckets_at + 4 * (number & self.at.buckets - 1)

    def lookup(self, number: int, key: bytes) -> int:
        """The entry with that key and its hash; -1: there is none."""
        found = self.memory.get32(self._bucket(number))
        while found:
            entry = self.entry(found - 1)
            if self.memory.get32(entry + HASH) == number & MASK32 and self.key(found - 1) == key:
                break
            found = self.memory.get32(entry + NEXT)
        return found - 1

    def _turn_generation(self, local: int) -> None:
        entry = self.entry(local)
        self.memory.put32(entry + GENERATION, self.memory.get32(entry + GENERATION) + 1 & 0x7FFFFFFF)

    def drop(self, local: int) -> None:
        memory, entry = self.memory, self.entry(local)
        self._turn_generation(local)
        self._heap_remove(local)
        place = self._bucket(memory.get32(entry + HASH))
        other = memory.get32(place)
        while other != local + 1:
            place = self.entry(other - 1) + NEXT
            other = memory.get32(place)
        memory.put32(place, memory.get32(entry + NEXT))
        memory.put32(entry + NEXT, self.head(FREE))
        self.set_head(FREE, local + 1)
        self.set_head(COUNT, self.head(COUNT) - 1)
        memory.add64(USED, -1)

    def drop_oldest(self, before: int, budget: int) -> tuple[bool, int]:
        """Drop the one whose time is up next, if that is before an order and was found among so many. Whether it was,
        and what is left of the budget; less than 0: it was too small."""
        while self.head(HEAPED):
            key, local = self._heap_key(0), self._heap_who(0)
            if key >= before:
                break
            budget -= 1
            if budget < 0:
                break
            if self.pins(local):
                self._heap_remove(local)
            elif self.order(local) != key:
                self._sink(0, self.order(local), local)
            else:
                self.drop(local)
                return True, budget
        return False, budget

    def is_full(self) -> bool:
        return self.head(FREE) == 0 and self.head(FRESH) >= self.at.room

    def reserve(self) -> bool:
        """Take one of the table's entries, if one is left and the shard has room."""
        if self.is_full():
            return False
        if self.memory.add64(USED, 1) <= self.at.entries:
            return True
        self.memory.add64(USED, -1)
        return False

    def make(self, number: int, key: bytes, now: int, expire: int) -> int:
        """An entry with that key; its room is reserved."""
        memory = self.memory
        if free := self.head(FREE):
            local = free - 1
            self.set_head(FREE, memory.get32(self.entry(local) + NEXT))
        else:
            local = self.head(FRESH)
            self.set_head(FRESH, local + 1)
        entry = self.entry(local)
        memory.put32(entry + HASH, number)
        memory.put32(entry + LENGTH, len(key))
        memory.put32(entry + PLACE, 0)
        memory.put64(entry + ORDER, self._next_order(now, expire))
        memory.put(entry + KEY, key + bytes(self.at.width - KEY - len(key)))
        self.note(local)
        bucket = self._bucket(number)
        memory.put32(entry + NEXT, memory.get32(bucket))
        memory.put32(bucket, local + 1)
        self._heap_add(local)
        self.set_head(COUNT, self.head(COUNT) + 1)
        self._turn_generation(local)
        return local

    # Programs.

    def run(self, local: int, program: bytes, amount: int, now: int, changes: bool = False) -> None:
        """The program has been checked. What only pins is no change that others are told of, but what was before may
        be (`changes`)."""
        for code, _, offset, argument in ops.OP.iter_unpack(program):
            self._run_one(local, code, offset, argument, amount, now)
            changes |= code not in (ops.PIN, ops.UNPIN)
        if changes:
            self.note(local)

    def _run_one(self, local: int, code: int, offset: int, argument: int, amount: int, now: int) -> None:
        memory, place = self.memory, self.entry(local) + self.at.data_at + offset
        if code in (ops.ADD1_32, ops.ADD_32):
            memory.put32(place, memory.get32(place) + (1 if code == ops.ADD1_32 else amount))
        elif code in (ops.ADD1_64, ops.ADD_64):
            memory.put64(place, memory.get64(place) + (1 if code == ops.ADD1_64 else amount))
        elif code == ops.SET_32:
            memory.put32(place, amount)
        elif code == ops.SET_64:
            memory.put64(place, amount)
        elif code in (ops.RATE1, ops.RATE):
            self._count(local, offset, argument, 1 if code == ops.RATE1 else amount, now)
        elif code == ops.RATE_SET:
            self._write_rate(local, offset, now, amount, 0)
        elif code == ops.TOUCH:
            self.touch(local, now, argument)
        elif code == ops.PIN:
            self.pin(local)
        elif code == ops.UNPIN:
            self.unpin(local)
        elif code == ops.CURRENT_SET:
            whole = (amount & MASK64) - ((amount >> 63 & 1) << 64)
            self.add_current(local, whole - self._currents(local))
        else:
            self.add_current(local, 1 if code == ops.CURRENT_UP else -1)

    def _write_rate(self, local: int, offset: int, *values: int) -> None:
        data = b"".join([(value & MASK32).to_bytes(4, ENDIAN) for value in values])
        self.write(local, offset, data)

    def _elapsed(self, tick: int, now: int) -> int:
        """Milliseconds since the period began, which another process may have begun whose clock is a little ahead."""
        elapsed = now - tick & MASK32
        return 0 if elapsed > MASK32 - _LATE else elapsed

    def _count(self, local: int, offset: int, period: int, amount: int, now: int) -> None:
        place = self.entry(local) + self.at.data_at + offset
        tick, current = self.memory.get32(place), self.memory.get32(place + 4)
        elapsed = self._elapsed(tick, now)
        if not (tick or current or self.memory.get32(place + 8)):  # its period begins now
            self._write_rate(local, offset, now, amount, 0)
        elif elapsed < period:
            self.memory.put32(place + 4, current + amount)
        elif elapsed - period < period:
            self._write_rate(local, offset, tick + period, amount, current)
        else:
            self._write_rate(local, offset, now, amount, 0)

    def _rate(self, place: int, period: int, now: int) -> int:
        tick, current, previous = [self.memory.get32(place + offset) for offset in (0, 4, 8)]
        elapsed = self._elapsed(tick, now)
        if elapsed >= period:
            if elapsed - period >= period:
                return 0
            current, previous, elapsed = 0, current, elapsed - period
        if current == 0 and previous == 1:
            return 1  # a single event is not forgotten before its second period has passed, in HAProxy as well
        return current + previous * (period - elapsed) // period & MASK32

    def value(self, local: int, what: bytes, now: int) -> int:
        """What an operation reads."""
        code, _, offset, argument = ops.OP.unpack(what)
        place = self.entry(local) + self.at.data_at + offset
        if code == ops.READ_32:
            return self.memory.get32(place)
        if code == ops.READ_64:
            return self.memory.get64(place)
        if code == ops.READ_RATE:
            return self._rate(place, argument, now)
        if code == ops.READ_CURRENT:
            return self.current(local)
        if code == ops.READ_PINS:
            return self.pins(local)
        return self.expiry(local) if code == ops.READ_EXPIRY else self.change_of(local)

    # After a death.

    def _is_sound(self, local: int) -> bool:
        entry = self.entry(local)
        if not self.is_used(local) or self.memory.get32(entry + LENGTH) > self.at.key_size:
            return False
        number = siphash(self.memory.secret, self.key(local))
        return self.memory.get32(entry + HASH) == number & MASK32 and self.memory.shard_of(number) == self.number

    def rebuild(self) -> None:
        """Everything anew that can be made from the entries themselves. Whose key does not stand whole where it should
        is dropped: it was not finished."""
        memory = self.memory
        self.set_head(FRESH, min(self.head(FRESH), self.at.room))
        journal = self.head(JOURNAL)
        if 0 < journal <= self.head(FRESH):
            place = self.base + self.at.journal_at
            memory.put(self.entry(journal - 1) + self.at.data_at, memory.bytes[place : place + self.at.data_size])
        for place in (JOURNAL, FREE, COUNT, HEAPED):
            self.set_head(place, 0)
        memory.put(self.base + self.at.buckets_at, bytes(4 * self.at.buckets))
        newest = memory.get64(CHANGE)
        for local in range(self.head(FRESH)):
            entry = self.entry(local)
            if not self._is_sound(local):
                if self.is_used(local):
                    self._turn_generation(local)
                memory.put32(entry + PLACE, 0)
                memory.put32(entry + NEXT, self.head(FREE))
                self.set_head(FREE, local + 1)
                continue
            bucket = self._bucket(memory.get32(entry + HASH))
            memory.put32(entry + NEXT, memory.get32(bucket))
            memory.put32(bucket, local + 1)
            self._heap_add(local)
            self.set_head(COUNT, self.head(COUNT) + 1)
            number = self.change_of(local)
            if newest - number < self.at.ring:
                self._note_in_ring(number, local)
