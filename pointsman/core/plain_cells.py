"""The cells of core/_cells.c in plain Python, for where it was not built: the same meaning, several times slower.

Exclusion between processes is by record locks (fcntl(2)) on a temporary file, one byte a cell: the system drops them
when their process dies. Within a process nothing else runs in between, as there are no threads that use cells.
"""
import fcntl
import mmap
import os
import tempfile
import time
from collections.abc import Callable


class Cells:
    """Cells(n): n shared 64-bit integers, all 0."""

    def __init__(self, count: int) -> None:
        if count <= 0:
            raise ValueError("at least one cell")
        self._bytes = memoryview(mmap.mmap(-1, count * 8))
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
        return bytes(self._bytes[8 * i:8 * i + length])

    def write(self, i: int, data: bytes) -> None:
        """They begin in cell i."""
        self._check(i)
        if len(data) > (len(self._view) - i) * 8:
            raise IndexError("no such cell")
        self._bytes[8 * i:8 * i + len(data)] = data

    def lock(self, i: int, owner: int) -> bool:
        """False if it took too long (about 10 ms)."""
        for attempt in range(220):
            if self.cas(i, 0, owner):
                return True
            if attempt > 20:
                time.sleep(0.00005)
        return False


def row_type(name: str, fields: tuple[str, ...]) -> type:
    """A type whose attributes are consecutive cells."""
    def init(self: object, cells: Cells, first: int, table: int = -1, width: int = 0, rows: int = 1) -> None:
        beginning = first if table < 0 else table
        if first < 0 or first + len(fields) > len(cells) or width < 0 or rows < 1 \
                or beginning + width * (rows - 1) + len(fields) > len(cells):
            raise IndexError("no such cells")
        object.__setattr__(self, "_place", (cells, first))
        object.__setattr__(self, "_table", (beginning, width, rows))

    def member(offset: int) -> property:
        def get(self: object) -> int:
            cells, first = _place(self)
            return cells.load(first + offset)

        def put(self: object, value: int) -> None:
            cells, first = _place(self)
            cells.store(first + offset, value)

        return property(get, put)

    members: dict[str, object] = {field: member(i) for i, field in enumerate(fields)}
    return type(name.rpartition(".")[2], (), {"__init__": init, "FIELDS": fields, "tally": _tally, "total": _total,
                                              "rise": _rise, "note": _note, "settle": _settle, **members})


def _tally(row: object, places: bytes, *deltas: int) -> None:
    """Each delta is added at the place that the byte of the same position names."""
    if len(places) != len(deltas):
        raise TypeError("as many deltas as places expected")
    cells, first = _place(row)
    for place, delta in zip(places, deltas, strict=True):
        _within(row, place, 1)
        cells.store(first + place, cells.load(first + place) + delta)


def _within(row: object, place: int, room: int) -> None:
    if place < 0 or place + room > len(row.FIELDS):  # type: ignore[attr-defined]  # as all types made here
        raise IndexError("no such place")


def _total(row: object, place: int) -> int:
    """The sum over all rows of its table."""
    _within(row, place, 1)
    table, width, rows = row._table  # type: ignore[attr-defined]
    return _place(row)[0].sum(table + place, width, rows)


def _rise(row: object, gauge: int, highest: int) -> None:
    """One more, and note a new maximum of all rows."""
    _within(row, highest, 1)
    _tally(row, bytes([gauge]), 1)
    _note(row, gauge, highest)


def _note(row: object, gauge: int, highest: int) -> None:
    """Note a new maximum of all rows."""
    _within(row, highest, 1)
    cells, first = _place(row)
    cells.store(first + highest, max(cells.load(first + highest), _total(row, gauge)))


def _settle(row: object, places: bytes, up: int, down: int, place: int, *times: int) -> None:
    """`up` and `down` are added at the first two of the places and 1 at all others; `times` to four sums from `place`
    on, which forget a 1024th each time once 1024 were added. Behind them are their maxima and that number."""
    if len(places) < 2 or len(times) != 4:
        raise TypeError("at least two places and 8 arguments expected")
    _within(row, max(places), 1)
    _within(row, place, 9)
    _tally(row, places, up, down, *[1] * (len(places) - 2))
    cells, first = _place(row)
    at = first + place
    full = cells.load(at + 8) >= 1024
    for i, value in enumerate(times, at):
        present = cells.load(i)
        forgotten = abs(present) // 1024 * (1 if present >= 0 else -1) if full else 0  # as C divides
        cells.store(i, present - forgotten + value)
        cells.store(i + 4, max(cells.load(i + 4), value))
    if not full:
        cells.store(at + 8, cells.load(at + 8) + 1)


def _place(row: object) -> tuple[Cells, int]:
    place: tuple[Cells, int] = row._place  # type: ignore[attr-defined]  # set by init above
    return place
