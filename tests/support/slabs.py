"""For tests of slabs: both kinds, what they hold, whether their links are sound, and processes that use them."""

import os
import struct
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import NoReturn, TypeVar

from pointsman.core import plain_slabs, slabs
from pointsman.core.plain_slab_memory import USED, Layout, Memory
from pointsman.core.plain_slab_shard import COUNT, FREE, FRESH, HEAPED, JOURNAL, LOCK, NEXT, PLACE, Shard
from pointsman.core.slabs import BUILT, Slab

Result = TypeVar("Result")

PLAIN: type[Slab] = plain_slabs.Slab  # type: ignore[assignment]  # it has the same methods
KINDS = [PLAIN, Slab] if BUILT else [PLAIN]
BUSY = (plain_slabs.Busy, slabs.Busy)


def memory_of(slab: Slab) -> Memory:
    """Its cells, whichever kind it is."""
    if isinstance(slab, plain_slabs.Slab):
        return slab.memory
    memory = Memory.__new__(Memory)
    memory.bytes = memoryview(slab)  # type: ignore[assignment]  # read and written alike
    entries, key_size, data_size, slots = struct.unpack_from("=Q3I", memory.bytes, 8)
    memory.at = Layout(entries, key_size, data_size, slots)
    memory.secret = bytes(memory.bytes[48:64])
    memory.fd = -1
    return memory


def contents(slab: Slab) -> dict[bytes, bytes]:
    """Keys and data of all entries."""
    found: dict[bytes, bytes] = {}
    cursor = 0
    while True:
        cursor, some = slab.items(cursor)
        found.update({one[1]: one[4] for one in some})
        if not cursor:
            return found


def sound(slab: Slab) -> None:
    """What the links say is what the entries say, and every entry is in exactly one place."""
    memory = memory_of(slab)
    total = sum(_sound_shard(Shard(memory, number, 0)) for number in range(memory.at.shards))
    assert total == slab.used == memory.get64(USED)


def _sound_shard(shard: Shard) -> int:
    """How many entries it has."""
    memory = shard.memory
    fresh = shard.head(FRESH)
    used = [local for local in range(fresh) if shard.is_used(local)]
    free, local = [], shard.head(FREE)
    while local:
        free.append(local - 1)
        local = memory.get32(shard.entry(local - 1) + NEXT)
    chained = []
    for bucket in range(memory.at.buckets):
        local = memory.get32(shard.base + memory.at.buckets_at + 4 * bucket)
        while local:
            chained.append(local - 1)
            local = memory.get32(shard.entry(local - 1) + NEXT)
    heaped = [shard._heap_who(place) for place in range(shard.head(HEAPED))]
    assert memory.get64(shard.base + LOCK) == shard.head(JOURNAL) == 0
    assert fresh <= memory.at.room
    assert sorted(chained) == used
    assert sorted(used + free) == list(range(fresh))
    assert shard.head(COUNT) == len(used)
    assert len({shard.key(local) for local in used}) == len(used)
    assert [memory.get32(shard.entry(local) + PLACE) for local in heaped] == list(range(1, len(heaped) + 1))
    assert set(used) >= set(heaped) >= {local for local in used if not shard.pins(local)}
    for place, local in enumerate(heaped):
        assert shard._heap_key(place) <= shard.order(local)
        assert shard._heap_key(place) >= shard._heap_key((place - 1) // 4 if place else 0)
    return len(used)


def copy_of(kind: type[Slab], room: int) -> Slab:
    """One whose secret is always the same."""
    layout = (room, 20, 12, 2)
    fd = os.memfd_create("slab", os.MFD_CLOEXEC)
    os.ftruncate(fd, kind.size_for(*layout))
    os.pwrite(fd, bytes(range(16)), 48)
    slab = kind(*layout, fd)
    os.close(fd)
    return slab


def insist(work: Callable[[], Result]) -> Result:
    """Once more until the lock is to be had, whose owner may have to wait for a processor."""
    while True:
        with suppress(*BUSY):
            return work()


def in_children(count: int, work: Callable[[int], None]) -> None:
    """Run it in so many processes at once, as lanes; each must end well."""
    children = []
    for lane in range(count):
        child = os.fork()
        if not child:
            try:
                work(lane)
            except BaseException:
                os._exit(1)
            os._exit(0)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * count


def hang(slab: Slab, writer: int) -> NoReturn:
    """Have the lock of the first shard, say so, and do nothing any more."""
    memory = memory_of(slab)
    with memory.exclusive(0) if isinstance(slab, plain_slabs.Slab) else nullcontext():
        memory.put64(Shard(memory, 0, 0).base + LOCK, os.getpid() << 32 | slab.slot + 1)
        os.write(writer, b"x")
        time.sleep(100)
    os._exit(1)
