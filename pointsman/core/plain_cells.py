"""The cells of core/_cells.c in plain Python, for where it was not built: the same meaning, several times slower.

Exclusion between processes is by record locks (fcntl(2)) on a temporary file, one byte a cell: the system drops them
when their process is killed. Within a process nothing else runs in between, as there are no threads that use cells.
"""

import fcntl
import mmap
import operator
import os
import tempfile
import time
from collections.abc import Callable

DELTAS = 16  # that one tally may have at most


class Cell:
    """One of Cells, by its method at()."""

    def __init__(self, cells: "Cells", index: int) -> None:
        self._cells = cells
        self._index = index

    def load(self) -> int:
        """The cell's value."""
        return self._cells.load(self._index)

    def turn(self, count: int) -> int:
        """Add one; what it was before, modulo `count`."""
        if count <= 0:
            raise ValueError("a positive number expected")
        return (self._cells.add(self._index, 1) - 1) % count


class Cells:
    """Cells(n, fd=-1): n shared 64-bit integers, all 0; or those at the beginning of a file in memory."""

    def __init__(self, count: int, fd: int = -1, /) -> None:
        if count <= 0:
            raise ValueError("at least one cell")
        if fd >= 0 and os.fstat(fd).st_size < count * 8:
            raise ValueError("the file is too short")
        self._bytes = memoryview(mmap.mmap(fd, count * 8))
        self._view = self._bytes.cast("q")
        self._file, path = tempfile.mkstemp()
        os.unlink(path)

    def __len__(self) -> int:
        return len(self._view)

    def _check(self, i: int) -> None:
        if not 0 <= i < len(self._view):
            raise IndexError("no such cell")

    def load(self, i: int) -> int:
        """The cell's value."""
        self._check(i)
        return self._view[i]

    def store(self, i: int, value: int) -> None:
        self._check(i)
        self._view[i] = value

    def _locked(self, i: int, change: Callable[[int], int]) -> int:
        self._check(i)
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, i)
        try:
            value = self._view[i] = change(self._view[i])
            return value
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, i)

    def add(self, i: int, delta: int) -> int:
        """The new value."""
        return self._locked(i, lambda value: value + delta)

    def cas(self, i: int, old: int, new: int) -> bool:
        """True if it was old, and is new now."""
        seen: list[int] = []

        def change(value: int) -> int:
            seen.append(value)
            return new if value == old else value

        self._locked(i, change)
        return seen[0] == old

    def highest(self, i: int, value: int) -> None:
        """The greater of both from now on."""
        self._locked(i, lambda present: max(present, value))

    def sum(self, i: int, stride: int, count: int) -> int:
        """Of `count` cells from `i` on."""
        if count > 0:
            self._check(i)
            self._check(i + stride * (count - 1))
        return sum(self._view[i + stride * n] for n in range(count))

    def read(self, i: int, length: int) -> bytes:
        """Bytes that begin in cell i. Whoever asks holds a lock."""
        self._check(i)
        if not 0 <= length <= (len(self._view) - i) * 8:
            raise IndexError("no such cell")
        return bytes(self._bytes[8 * i : 8 * i + length])

    def write(self, i: int, data: bytes) -> None:
        """Write bytes from cell i on."""
        self._check(i)
        if len(data) > (len(self._view) - i) * 8:
            raise IndexError("no such cell")
        self._bytes[8 * i : 8 * i + len(data)] = data

    def lock(self, i: int, owner: int) -> bool:
        """False if it took too long (about 10 ms)."""
        for attempt in range(220):
            if self.cas(i, 0, owner):
                return True
            if attempt > 20:
                time.sleep(0.00005)
        return False

    def at(self, i: int) -> Cell:
        """Cell i as an object."""
        self._check(i)
        return Cell(self, i)


def number(value: int) -> int:
    """The number, if it fits into a cell: else OverflowError; TypeError for what is no integer."""
    whole = operator.index(value)
    if not -1 << 63 <= whole < 1 << 63:
        raise OverflowError("int too big to convert")
    return whole


class Row:
    """Base of the types that row_type makes; each method means what it does in _cells.c."""

    FIELDS: tuple[str, ...] = ()
    GAUGE = -1
    HIGHEST = -1
    _above: "Row | None" = None

    def __init__(self, cells: Cells, first: int, table: int = -1, width: int = 0, rows: int = 1) -> None:
        beginning = first if table < 0 else table
        size = len(self.FIELDS)
        if (
            first < 0
            or first + size > len(cells)
            or width < 0
            or rows < 1
            or beginning + width * (rows - 1) + size > len(cells)
        ):
            raise IndexError("no such cells")
        if not -1 <= self.GAUGE < size or not -1 <= self.HIGHEST < size:
            raise IndexError("no such place")
        self._cells = cells
        self._first = first
        self._table = (beginning, width, rows)

    def _within(self, place: int, room: int = 1) -> None:
        if place < 0 or place + room > len(self.FIELDS):
            raise IndexError("no such place")

    def _check(self, places: bytes) -> None:
        if not isinstance(places, bytes):
            raise TypeError("bytes expected")
        for place in places:
            self._within(place)

    def _add(self, places: bytes, delta: int) -> None:
        for place in places:
            self._cells.store(self._first + place, self._cells.load(self._first + place) + delta)

    def tally(self, places: bytes, *deltas: int) -> None:
        """Each delta is added at the place that the byte of the same position names."""
        if len(places) != len(deltas) or len(places) > DELTAS:
            raise TypeError("as many deltas as places expected, 16 at most")
        self._tally(places, deltas)

    def _tally(self, places: bytes, deltas: tuple[int, ...]) -> None:
        """All is checked before any is written."""
        values = [number(delta) for delta in deltas]
        self._check(places)
        for place, value in zip(places, values, strict=True):
            self._add(bytes([place]), value)

    def total(self, place: int) -> int:
        """The sum over all rows of its table."""
        self._within(place)
        table, width, rows = self._table
        return self._cells.sum(table + place, width, rows)

    def _note(self) -> int:
        """The gauge's sum over all rows; it is noted if it is a new maximum."""
        if self.GAUGE < 0:
            return 0
        held = self.total(self.GAUGE)
        most = self._first + self.HIGHEST
        self._cells.store(most, max(self._cells.load(most), held))
        return held

    def _chain(self) -> "list[Row]":
        above = self._above
        return [self, *(above._chain() if above is not None else [])]

    def join(self, row: "Row") -> None:
        """Count in `row` too what is counted here."""
        if not isinstance(row, Row):
            raise TypeError("a row expected")
        if any(one is self for one in row._chain()):
            raise ValueError("a row cannot be above itself")
        self._above = row

    def step(self, plus: bytes, minus: bytes, above: bytes) -> int:
        """One more at each place of `plus`, one less at each of `minus`, and in the row above one more at each of
        `above`. Returns the gauge's sum over all rows, whose maximum is noted."""
        self._check(plus)
        self._check(minus)
        if self._above is not None:
            self._above._check(above)
            self._above._add(above, 1)
        elif above != b"":
            raise IndexError("no such place") if isinstance(above, bytes) else TypeError("bytes expected")
        self._add(plus, 1)
        self._add(minus, -1)
        return self._note()

    def climb(self, plus: bytes, minus: bytes) -> None:
        """One more at each place of `plus`, one less at each of `minus`, here and in all rows above."""
        for row in self._chain():
            row._check(plus + minus)
        for row in self._chain():
            row._add(plus, 1)
            row._add(minus, -1)

    def peak(self) -> None:
        """Note the maxima of the gauges, here and in all rows above."""
        for row in self._chain():
            row._note()

    def _check_end(self, places: bytes, place: int) -> None:
        if len(places) < 2:
            raise TypeError("at least two places expected")
        self._check(places)
        self._within(place, 9)

    def _time(self, place: int, times: tuple[int, ...]) -> None:
        """Four sums that forget a 1024th each time once 1024 were added. Behind them are their maxima and that
        number."""
        cells = self._cells
        at = self._first + place
        full = cells.load(at + 8) >= 1024
        for i, value in enumerate(times, at):
            present = cells.load(i)
            forgotten = abs(present) // 1024 * (1 if present >= 0 else -1) if full else 0  # as C divides
            cells.store(i, present - forgotten + value)
            cells.store(i + 4, max(cells.load(i + 4), value))
        if not full:
            cells.store(at + 8, cells.load(at + 8) + 1)

    def settle(self, places: bytes, up: int, down: int, place: int, *times: int) -> None:
        """`up` and `down` are added at the first two of the places and 1 at all others; `times` to four sums from
        `place` on."""
        if len(times) != 4:
            raise TypeError("8 arguments expected")
        self._check_end(places, place)
        self._tally(places, (up, down, *[1] * (len(places) - 2)))
        self._time(place, times)

    def conclude(self, front: "Row", places: bytes, up: int, down: int, place: int, *times: int) -> int:
        """An exchange ends, in three rows; the gauges of the row above `front`, of `front`, and of the one above this
        one."""
        above = self._above
        if len(times) != 4 or above is None or above.GAUGE < 0 or not isinstance(front, Row):
            raise TypeError("9 arguments, a row above with a gauge, and a row expected")
        for row in (self, above, front):
            row._check_end(places, place)
        self.settle(places, up, down, place, *times)
        above.settle(places[:3], up, down, place, *times)
        front._tally(places[:3], (up, down, *[1] * (len(places[:3]) - 2)))
        above._add(bytes([above.GAUGE]), -1)
        shown = (front._above, front, above)
        held = [row.total(row.GAUGE) if row is not None and row.GAUGE >= 0 else 0 for row in shown]
        if any(not 0 <= one < 1 << 20 for one in held):
            return -1
        return held[0] << 40 | held[1] << 20 | held[2]


def row_type(name: str, fields: tuple[str, ...], gauge: int = -1, highest: int = -1) -> type:
    """A type whose attributes are consecutive cells. `gauge`, `highest`: places of a gauge and its maximum."""

    def member(offset: int) -> property:
        def get(self: Row) -> int:
            return self._cells.load(self._first + offset)

        def put(self: Row, value: int) -> None:
            self._cells.store(self._first + offset, value)

        return property(get, put)

    members: dict[str, object] = {field: member(i) for i, field in enumerate(fields)}
    return type(
        name.rpartition(".")[2],
        (Row,),
        {"FIELDS": fields, "GAUGE": gauge if highest >= 0 else -1, "HIGHEST": highest, **members},
    )
