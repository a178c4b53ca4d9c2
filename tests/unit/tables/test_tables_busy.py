"""A table whose lock a stopped process holds: traffic goes on without it, and no tracker is counted for ever."""

import os
import signal
import time
from dataclasses import replace

import pytest

from pointsman.core.plain_slab_shard import LOCK, Shard
from pointsman.core.slabs import BUILT
from pointsman.net.clock import monotonic_ms
from pointsman.tables.handed_tables import HandedTable
from pointsman.tables.stick_options import StickTableOptions
from pointsman.tables.stick_table import PINS, StickTable
from pointsman.tables.stick_types import BY_NAME, KeyType, Stored
from tests.support.slabs import hang, memory_of

NOW = 1_000


@pytest.mark.alone
def test_who_leaves_a_table_that_is_locked_is_taken_out_later() -> None:
    store = (Stored(BY_NAME["conn_cur"]), Stored(BY_NAME["conn_cnt"]))
    table = StickTable(
        StickTableOptions(name="t", type=KeyType.STRING, key_size=8, size=10, expire=60_000, store=store), 2
    )
    reading, counting = table.reading("conn_cur"), table.counting("conn_cnt")
    ref = table.track(b"a", NOW)
    other = table.track(b"a", NOW)
    assert ref == other
    assert (table.read(ref, PINS, NOW), table.read(ref, reading, NOW)) == (2, 2)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        table.slab.slot = 1
        hang(table.slab, writer)
    os.read(reader, 1)
    assert table.find(b"a", NOW) == 0  # without the table
    assert table.track(b"a", NOW) == 0
    table.run(ref, counting, NOW)
    table.leave(ref, NOW)
    table.leave(ref, NOW)
    assert len(table.owed) == 2
    table.settle(NOW)
    assert len(table.owed) == 2
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    table.settle(NOW)
    assert not table.owed
    assert (table.read(ref, PINS, NOW), table.read(ref, reading, NOW)) == (0, 0)
    assert table.find(b"a", NOW) == ref
    os.close(reader)
    os.close(writer)


@pytest.mark.alone
@pytest.mark.skipif(not BUILT, reason="an extension was not built")  # plain ones are locked by the kernel
def test_a_former_table_is_copied_though_its_processes_are_at_work() -> None:
    options = StickTableOptions(name="t", type=KeyType.STRING, key_size=8, size=10, expire=60_000)
    former = HandedTable(StickTable(options, 2))
    former.hand_on()
    assert former.table.enter(b"a", monotonic_ms())
    child = os.fork()
    if not child:
        memory = memory_of(former.table.slab)
        memory.put64(Shard(memory, 0, 0).base + LOCK, os.getpid() << 32 | 2)
        time.sleep(0.03)
        memory.put64(Shard(memory, 0, 0).base + LOCK, 0)
        os._exit(0)
    while not memory_of(former.table.slab).get64(Shard(memory_of(former.table.slab), 0, 0).base + LOCK):
        time.sleep(0.001)
    following = HandedTable(StickTable(replace(options, size=20), 2))
    fd = os.dup(former.fd)
    assert not following.adopt(fd)  # it is copied
    os.close(fd)
    os.waitpid(child, 0)
    assert following.table.find(b"a", monotonic_ms())
