"""Entries with keys that all processes share: the ground of stick tables.

A slab is one mapping of shared memory: anonymous, or a file in memory (core/handed.py) that the next generation maps as
well, so that it goes on with the same live entries. Its header says the layout, and a random secret for the hash of the
keys, so that a key has one place in every process and generation, and nobody outside can aim at it.

    entry = key (up to so many bytes) | expiry | number of its last change | data | for each slot: pins, current

`data` are cells of 32 and 64 bits and bytes, at offsets that the caller chooses, changed by programs
(core/slab_program.py) or written whole. A process has a `slot` (`claim_slot`, `release_slot`); its gauges in an entry
are its own: what a dead process had pinned or counted as current is taken out by whoever releases its slot.

An entry is known by its reference, a positive number which is never that of another entry: a reference to one that was
dropped is stale, and every method says so (False, -1, None or b""). A pinned entry is neither dropped for another one
nor because its time is up. Where the table is full, the one whose time is up next goes; of those that live for ever the
one that was touched longest ago. Tables of up to 4,096 entries have one order; larger ones have shards, each with its
own lock and order, and it is the oldest of the new key's shard that goes. All times are milliseconds of one clock.

A lock names its owner. Where it cannot be had within about 10 ms, the owner is dead or hangs. If it is dead, the shard
is put in order from what stands in the entries themselves, which takes less than a millisecond: an entry that was being
made is not there, data that were being written are as they were before, and all else is as it was. Otherwise `Busy` is
raised: traffic goes on without the table. Under one lock 64 entries are looked at, at most.

    enter(key, now, expire, evict=True, program=b"", amount=0)   finds and touches, or makes (`last_was_new`) an entry,
                                            then runs the program; reference; 0: no room
    find(key, now)                          reference; 0: there is none, or its time is up. It is not touched
    touch(ref, now, expire)                 another expiry (0: never); it is the newest
    pin(ref), unpin(ref), pins(ref)         current(ref), current_add(ref, delta)
    apply(ref, program, amount, now)        apply_read(ref, program, amount, now, what): and the value after it
    read(ref, what, now)                    find_read(key, what, now), read32, read64, read_rate
    data(ref), write(ref, offset, data)     entry(ref): (ref, key, expiry, pins, data, current)
    remove(key or ref, even_pinned=False)   clear(even_pinned=False)
    expire(now, most=64)                    drops what is over; how many entries it looked at: `most` means once more
    items(cursor, most=64)                  (cursor, entries): from 0 on until it is 0 again; each entry exactly once
    changed_since(number, most=64)          (number to go on with, [(ref, number of its change)]) in that order

    claim_slot(pid), release_slot(slot, pid=0)      slot_of(pid): -1: it has none
    release_dead()                          gives back the slots of all processes that are dead

Each change of an entry has a number, one more than the last one of its slab. The numbers stand in a ring, so
`changed_since` looks at nothing that has not changed. The ring holds as many as there may be entries (2**20 at most);
who was away for more than half of that is told -1, and takes all `items`, then what has changed since it began.
Entries that were removed are not told.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pointsman.core._slabs import Busy, Described, Slab
else:
    try:
        from pointsman.core._slabs import Busy, Slab
    except ImportError:  # no compiler was at hand
        from pointsman.core.plain_slabs import Busy, Slab

    Described = tuple[int, bytes, int, int, bytes, int]

__all__ = ["BUILT", "Busy", "Described", "Slab"]

BUILT: Final = not Slab.__module__.endswith("plain_slabs")
