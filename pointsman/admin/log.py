"""The log of changes: what control has changed, in order, for lanes that read on and for processes that begin anew.

    file A or B:  [snapshot: n records, all numbered s] [record s+1] [record s+2] ...

It lies in two files in memory, of which one is in use; shared cells say which (the epoch: even is A), how long each is,
and the number of the last record. Control is the only writer: it appends, then moves the cells, so that a record
which it could not finish was never there. When the file has grown large, the present state is written to the other
file as a snapshot, and then the epoch moves on. So the log is as long as what can be changed is large, not as what was
changed.

Each lane says in a cell how far it has read, so that control knows what nobody depends on any more.

A reader keeps its place; where the epoch has moved on it goes through the other file from its beginning, leaving out
what it has done already.
"""

import json
import os
from collections.abc import Callable
from typing import Final

from pointsman.core.arena import Cells
from pointsman.tables.changes import CHANGES, Change

GROWN: Final = 1 << 20  # bytes from which it is worth writing a snapshot
_EPOCH: Final = 0
_LAST: Final = 1
_SIZES: Final = 2  # the first of two cells
_READ: Final = 4  # the first of a cell for each lane


class Log:
    """`readers`: how many lanes read it."""

    def __init__(self, readers: int = 0) -> None:
        self.files = (os.memfd_create("log-a", os.MFD_CLOEXEC), os.memfd_create("log-b", os.MFD_CLOEXEC))
        self.cells = Cells(_READ + readers)
        self.readers = readers
        self.reader = -1  # the lane that this process is
        self.epoch = 0  # this process's place
        self.offset = 0
        self.done = 0
        self.base = 0  # size of the snapshot that the file begins with

    def close(self) -> None:
        for file in self.files:
            os.close(file)

    # In control.

    def lead(self, make: Callable[[Change], None]) -> None:
        """This process writes from now on, once it has carried out what its predecessor had written."""
        self.follow(make)
        self.base = self.offset // 2

    def write(self, change: Change) -> None:
        """One more record, of a change that this process has just made. Its own place moves on with it."""
        number = self.cells.load(_LAST) + 1
        which = self.epoch & 1
        self.offset = self._append(self.files[which], [[number, change]], self.offset)
        self.cells.store(_LAST, number)
        self.cells.store(_SIZES + which, self.offset)
        self.done = number

    def last(self) -> int:
        """The number of the last record."""
        number: int = self.cells.load(_LAST)
        return number

    def read_by_all(self) -> int:
        """The number of the last record that all lanes have read."""
        return min([self.cells.load(_READ + lane) for lane in range(self.readers)], default=self.done)

    def tidy(self) -> None:
        """Before a change is made: if the log has grown large, begin it anew with a snapshot.

        By now the lanes have made all changes, as a rule, so that they need not read the snapshot. It goes to the file
        that is not in use; whoever still reads there sees the epoch move, and begins again.
        """
        if self.offset <= GROWN or self.offset <= 2 * self.base:
            return
        epoch = self.epoch + 1
        file = self.files[epoch & 1]
        os.ftruncate(file, 0)
        self.base = self._append(file, [[self.done, change] for change in CHANGES.snapshot()], 0)
        self.cells.store(_SIZES + (epoch & 1), self.base)
        self.cells.store(_EPOCH, epoch)
        self.epoch, self.offset = epoch, self.base

    def _append(self, file: int, records: list[list[int | Change]], offset: int) -> int:
        """Returns where they end."""
        for record in records:
            view = memoryview(json.dumps(record).encode() + b"\n")
            while view:
                written = os.pwrite(file, view, offset)
                offset += written
                view = view[written:]
        return offset

    # In all processes.

    def follow(self, make: Callable[[Change], None]) -> None:
        """Make what others have written since the last time. A snapshot is made as a whole, or not at all."""
        if self.cells.load(_LAST) == self.done:
            self._tell_place()
            return
        before = self.done
        for line in self._new_lines():
            number, change = json.loads(line)
            if number > before:
                make(change)
                self.done = number
        self._tell_place()

    def _tell_place(self) -> None:
        if self.reader >= 0:
            self.cells.store(_READ + self.reader, self.done)

    def _new_lines(self) -> list[bytes]:
        while True:
            epoch = self.cells.load(_EPOCH)
            offset = self.offset if epoch == self.epoch else 0
            size = self.cells.load(_SIZES + (epoch & 1))
            data = self._read(self.files[epoch & 1], offset, size)
            if self.cells.load(_EPOCH) != epoch or data is None:
                continue  # the file was emptied meanwhile
            self.epoch, self.offset = epoch, size
            return data.splitlines()

    def _read(self, file: int, offset: int, size: int) -> bytes | None:
        """None: it is shorter than that."""
        pieces: list[bytes] = []
        while offset < size:
            piece = os.pread(file, size - offset, offset)
            if not piece:
                return None
            pieces.append(piece)
            offset += len(piece)
        return b"".join(pieces)
