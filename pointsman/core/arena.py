"""The arena: one shared mapping of 64-bit cells for the state that must be one across lanes.

It is made before the lanes are forked, and a module that needs cells takes them then (`take`). From the fork on it is
sealed: each process has its own copy of the place that comes next, so that two of them would be given the same cells.
What comes later (a server that is added at run time) is made in a block of the reserve (core/reserve.py) that the
change which makes it names, in a `placed` context, and so in the same cells in every process. Three kinds of state live
in the arena:

    rows       each lane has its own row of a table and writes it without any lock; readers add the rows up.
               Counters and gauges are rows: what a lane that has ended had counted stays, what it held is set to zero.
    single     one cell for all, changed by atomic operations only (a round-robin index, a version), or written by
               the control process alone (a server's state).
    locks      a cell that names its owner; the keeper takes away the locks of a lane that has ended.

A lock is held for microseconds. A lane that does not get one within about 10 ms does without, where that is possible
(`locked`: a listener rests, a stick table is left alone), and waits otherwise (`hold`). The one policy for an owner
that does not let go, because it is stopped or computes without end: it is killed, and what it held is given back as
after any crash. A process that waits says for which lock (`awaited`) and goes on noting that it turns; the keeper,
which looks once a second, kills an owner that does not turn while others wait for it (master/stuck.py). No lock is
taken away from a process that still runs: it would go on where it stood.

Lane numbers run from 0; the control process has the row behind the last lane. With one process all of it is row 0.

Where the extension was not built, plain_cells.py stands in (cells.py decides).
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pointsman.core.cells import BUILT, Cells, row_type

__all__ = ["BUILT", "Arena", "Cells", "row_type"]

_ATTEMPTS: Final = 100  # of about 10 ms each; then the keeper takes it that the owner does not let go
ROOM: Final = 1 << 21  # cells for each row: 16 MB of addresses; only what is touched takes memory


class Arena:
    """`lanes`: how many traffic processes there are; `rows`: with the control process's, where there may be one."""

    def __init__(self, lanes: int = 1, room: int = 0, rows: int = 0) -> None:
        self.lanes = lanes
        self.rows = rows or lanes
        self.room = room or ROOM * self.rows
        self.cells = Cells(self.room + 2 * self.rows)
        self.turns = self.room  # for each row when its process's loop has turned (monotonic ms), to a second
        self.awaited = self.turns + self.rows  # for each row the lock that it waits for, and 1; 0: none
        self.obstinate: set[int] = set()  # in the keeper: whose locks it could not have
        self.next = 0
        self.end = self.room  # where `take` has to stop
        self.sealed = False
        self.attached = False  # what is made is in use already: no first values are written (`placed`)
        self.lane = 0  # this process's row
        self.locks: list[int] = []

        self.bells: list[int] = []  # an eventfd for each lane, and one for the control process

    def ring(self, lane: int) -> None:
        """Make another process of the generation look at what has changed."""
        if lane < len(self.bells):
            try:
                os.eventfd_write(self.bells[lane], 1)
            except BlockingIOError:
                pass  # it has been rung 2**64 times already, so it will look

    def ring_others(self) -> None:
        for lane in range(len(self.bells)):
            if lane != self.lane:
                self.ring(lane)

    def take(self, count: int) -> int:
        """The index of so many cells in a row, all 0. Raises MemoryError when the arena, or the block that is being
        filled, is full; RuntimeError where other processes would not learn of it: a mistake of the program."""
        if self.sealed:
            raise RuntimeError("cells of the arena are taken before the processes part, or in a block of the reserve")
        index = self.next
        if index + count > self.end:
            raise MemoryError("the arena is full" if self.end == self.room else "the block is full")
        self.next = index + count
        return index

    def seal(self) -> None:
        """Before the first fork, or where a single process begins to serve: nothing more is taken but in blocks."""
        self.sealed = True

    @contextmanager
    def placed(self, first: int, count: int, attached: bool = False) -> Iterator[None]:
        """What is taken meanwhile comes from these cells, from the first one on. They were taken before.

        attached: another process has made the same there already, and they have values since. Who has first values
        for its cells asks (`Arena.attached`)."""
        before = self.next, self.end, self.sealed, self.attached
        self.next, self.end, self.sealed, self.attached = first, first + count, False, attached
        try:
            yield
        finally:
            self.next, self.end, self.sealed, self.attached = before

    def take_lock(self) -> int:
        """A cell to lock with `locked`."""
        index = self.take(1)
        self.locks.append(index)
        return index

    def forget_lock(self, lock: int) -> None:
        """What it protected is gone."""
        self.locks.remove(lock)

    def locked(self, lock: int) -> bool:
        """Take a lock; False: its owner did not give way in time (if it has crashed, the keeper frees the lock)."""
        return self.cells.lock(lock, self.lane + 1)

    def hold(self, lock: int) -> None:
        """Take a lock, however long that takes. Not in the keeper."""
        if self.locked(lock):
            return
        assert self.cells.load(lock) != self.lane + 1, "this process holds that lock already"
        self.cells.store(self.awaited + self.lane, lock + 1)
        while not self.locked(lock):
            self.turned(time.monotonic_ns() // 1_000_000)  # this process is not stuck: the owner of the lock is
        self.cells.store(self.awaited + self.lane, 0)

    def turned(self, now: int) -> None:
        """The loop of this process turns (monotonic ms)."""
        self.cells.store(self.turns + self.lane, now)

    def in_the_way(self) -> set[int]:
        """In the keeper: rows whose process holds a lock that another one waits for."""
        found: set[int] = set()
        for row in range(self.rows):
            lock = self.cells.load(self.awaited + row) - 1
            owner = self.cells.load(lock) - 1 if lock >= 0 else -1
            if 0 <= owner < self.rows and owner != row:
                found.add(owner)
        return found

    def unlock(self, lock: int) -> None:
        self.cells.cas(lock, self.lane + 1, 0)

    def become_keeper(self) -> None:
        """This process has no row; but it may lock."""
        self.lane = self.rows

    def take_over(self, lock: int, lane: int) -> bool:
        """In the keeper, after a lane has ended: this lock is the keeper's, so that no lane sees what it protects
        before that is in order again. False: another process holds it and does not let go, stopped or ended as well:
        it is to be killed (`obstinate`), and does not go on."""
        if self.cells.cas(lock, lane + 1, self.lane + 1):
            return True
        for _ in range(_ATTEMPTS if not self.obstinate else 1):
            if self.locked(lock):
                return True
        owner = self.cells.load(lock) - 1
        if 0 <= owner < self.rows:
            self.obstinate.add(owner)
        return False

    def release_lane(self, lane: int) -> None:
        """In the keeper: a lane has ended; whatever it had locked is free, and it waits for nothing."""
        self.obstinate.discard(lane)
        self.cells.store(self.awaited + lane, 0)
        for lock in self.locks:
            self.cells.cas(lock, lane + 1, 0)


class Table:
    """Rows of one width, one for each lane."""

    def __init__(self, arena: Arena, width: int) -> None:
        self.arena = arena
        self.width = width
        self.first = arena.take(width * arena.rows)

    def row(self, lane: int) -> int:
        """The index of a lane's row."""
        return self.first + self.width * lane

    def total(self, offset: int) -> int:
        return self.arena.cells.sum(self.first + offset, self.width, self.arena.rows)

    def most(self, offset: int) -> int:
        cells = self.arena.cells
        return max([cells.load(self.first + offset + self.width * lane) for lane in range(self.arena.rows)])
