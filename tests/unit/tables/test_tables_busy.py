"""A table whose lock a stopped process holds: traffic goes on without it, and no tracker is counted for ever."""

import os
import signal

import pytest

from pointsman.tables.stick_options import StickTableOptions
from pointsman.tables.stick_table import PINS, StickTable
from pointsman.tables.stick_types import BY_NAME, KeyType, Stored
from tests.support.slabs import hang

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
