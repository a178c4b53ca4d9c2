"""Shared cells: the extension and its plain stand-in mean the same, also between processes."""

import os
import signal
import sys
from collections.abc import Callable
from itertools import pairwise
from types import ModuleType

import pytest

from pointsman.core import plain_cells

MODULES = [plain_cells]
try:
    from pointsman.core import _cells

    MODULES.append(_cells)
except ImportError:
    pass


@pytest.fixture(params=MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def made(request: pytest.FixtureRequest) -> ModuleType:
    module = request.param
    assert isinstance(module, ModuleType)
    return module


def in_children(count: int, work: Callable[[int], None]) -> None:
    """Run it in so many processes at once; each must end well."""
    children = []
    for number in range(1, count + 1):
        child = os.fork()
        if not child:
            try:
                work(number)
            except BaseException:
                os._exit(1)
            os._exit(0)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * count


def test_new_cells_are_zero_and_keep_what_is_stored(made: ModuleType) -> None:
    cells = made.Cells(3)
    assert len(cells) == 3
    assert [cells.load(i) for i in range(3)] == [0, 0, 0]
    cells.store(1, -(1 << 63))
    cells.store(2, (1 << 63) - 1)
    assert [cells.load(i) for i in range(3)] == [0, -(1 << 63), (1 << 63) - 1]


def test_cells_of_a_file_in_memory(made: ModuleType) -> None:
    fd = os.memfd_create("cells", os.MFD_CLOEXEC)
    os.ftruncate(fd, 80)
    one, other = made.Cells(10, fd), made.Cells(3, fd)
    with pytest.raises(ValueError, match="too short"):
        made.Cells(11, fd)
    os.close(fd)
    one.store(2, 7)
    assert other.add(2, 1) == 8
    assert one.load(2) == 8
    with pytest.raises(OSError):
        made.Cells(1, fd)


def test_operations_return_what_they_say(made: ModuleType) -> None:
    cells = made.Cells(6)
    assert cells.add(0, 5) == 5
    assert cells.add(0, -7) == -2
    assert not cells.cas(0, 0, 9)
    assert cells.cas(0, -2, 9)
    cells.highest(0, 4)
    assert cells.load(0) == 9
    cells.highest(0, 10)
    assert cells.load(0) == 10
    cells.store(2, 3)
    cells.store(4, 4)
    assert cells.sum(0, 2, 3) == 17
    assert cells.sum(5, 1, 0) == 0


@pytest.mark.parametrize("index", [-1, 2, 1 << 40])
def test_a_cell_that_is_not_there_is_an_error(made: ModuleType, index: int) -> None:
    cells = made.Cells(2)
    for use in (
        lambda: cells.load(index),
        lambda: cells.store(index, 1),
        lambda: cells.add(index, 1),
        lambda: cells.cas(index, 0, 1),
        lambda: cells.sum(index, 1, 1),
        lambda: cells.highest(index, 1),
    ):
        with pytest.raises(IndexError):
            use()
    with pytest.raises(IndexError):
        cells.sum(0, 2, 2)


def test_processes_share_them_and_no_addition_is_lost(made: ModuleType) -> None:
    cells = made.Cells(1)
    in_children(4, lambda _: [cells.add(0, 1) for _ in range(2000)] and None)
    assert cells.load(0) == 8000


def test_a_lock_excludes(made: ModuleType) -> None:
    cells = made.Cells(2)

    def work(owner: int) -> None:
        for _ in range(300):
            while not cells.lock(0, owner):
                pass
            cells.store(1, cells.load(1) + 1)
            assert cells.cas(0, owner, 0)

    in_children(3, work)
    assert cells.load(1) == 900
    assert cells.load(0) == 0


def test_a_dead_owner_is_seen_and_can_be_dispossessed(made: ModuleType) -> None:
    cells = made.Cells(1)
    child = os.fork()
    if not child:
        cells.lock(0, 7)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert cells.load(0) == 7
    assert not cells.lock(0, 8)
    assert cells.cas(0, 7, 0)
    assert cells.lock(0, 8)


def test_rows_are_cells_with_names(made: ModuleType) -> None:
    cells = made.Cells(10)
    row = made.row_type("test.Row", ("first", "second"))(cells, 4)
    row.first += 3
    row.second -= 1
    assert [cells.load(i) for i in range(3, 7)] == [0, 3, -1, 0]
    cells.store(5, 40)
    assert row.second == 40
    with pytest.raises(AttributeError):
        row.third  # noqa: B018
    with pytest.raises(IndexError):
        made.row_type("test.Row", ("first", "second"))(cells, 9)


def test_a_row_without_cells(made: ModuleType) -> None:
    """No place of it is read or written."""
    kind = made.row_type("test.Row", FIELDS, 3, 4)
    row, other = kind.__new__(kind), made.Cells(1)
    for wrong in (
        lambda: row.up,
        lambda: setattr(row, "up", 1),
        lambda: row.total(0),
        lambda: row.tally(b"\0", 1),
        lambda: row.step(b"\0", b"", b""),
        lambda: row.climb(b"\0", b""),
        lambda: row.settle(b"\0\1", 1, 1, 5, 1, 1, 1, 1),
        lambda: kind.up.__get__(row),
    ):
        with pytest.raises((IndexError, AttributeError)):
            wrong()
    with pytest.raises(AttributeError):
        del row.up
    assert other.load(0) == 0


@pytest.mark.parametrize(
    "numbers",
    [
        (sys.maxsize,),
        (sys.maxsize - 1,),
        (-1,),
        (0, sys.maxsize),
        (0, 0, sys.maxsize, 3),
        (0, 0, 1 << 62, 5),
        (0, 1, 0, sys.maxsize, 1),
        (0, 2, 15, 2),
        (0, 0, 15, 3),
        (0, 0, -1, 2),
        (0, 0, 15, 0),
    ],
)
def test_rows_lie_within_their_cells(made: ModuleType, numbers: tuple[int, ...]) -> None:
    kind = made.row_type("test.Row", FIELDS, 3, 4)
    cells = made.Cells(2 * len(FIELDS) + 1)
    with pytest.raises((IndexError, TypeError)):
        kind(cells, *numbers)
    assert kind(cells, 0, 0, len(FIELDS), 2).total(0) == 0


def test_sums_lie_within_their_cells(made: ModuleType) -> None:
    cells = made.Cells(8)
    cells.store(7, 5)
    assert cells.sum(1, 6, 2) == cells.sum(7, sys.maxsize, 1) == 5
    assert cells.sum(0, 1, 0) == cells.sum(0, 1, -5) == 0
    for numbers in ((0, 1, 9), (7, 1, 2), (0, -1, 2), (1, sys.maxsize, 3), (0, 1 << 62, 5), (7, 1, sys.maxsize)):
        with pytest.raises(IndexError):
            cells.sum(*numbers)


def test_bytes_in_cells(made: ModuleType) -> None:
    cells = made.Cells(3)
    cells.write(1, b"0123456789abcdef")
    assert cells.read(1, 16) == b"0123456789abcdef"
    assert cells.read(2, 3) == b"89a"
    assert cells.load(1) == int.from_bytes(b"01234567", "little")
    assert cells.read(0, 0) == b""
    for wrong in (
        lambda: cells.write(2, b"123456789"),
        lambda: cells.read(2, 9),
        lambda: cells.read(0, -1),
        lambda: cells.read(3, 0),
        lambda: cells.write(3, b""),
    ):
        with pytest.raises(IndexError):
            wrong()


FIELDS = (
    "up",
    "down",
    "served",
    "gauge",
    "highest",
    *[f"sum{i}" for i in range(4)],
    *[f"most{i}" for i in range(4)],
    "timed",
)


def table(made: ModuleType, cells: object, first: int) -> list[object]:
    """Three rows of one table."""
    kind = made.row_type("test.Row", FIELDS, 3, 4)
    width = len(FIELDS)
    return [kind(cells, first + width * lane, first, width, 3) for lane in range(3)]


def rows(made: ModuleType) -> tuple[object, list[object]]:
    cells = made.Cells(100)
    return cells, table(made, cells, 10)


def values(row: object, *names: str) -> list[int]:
    return [getattr(row, name) for name in names]


def test_a_row_is_added_to_in_one_call(made: ModuleType) -> None:
    _, (first, second, _) = rows(made)
    first.tally(bytes([0, 1, 2]), 5, -7, 1)
    first.tally(bytes([2]), 2)
    second.tally(bytes([0]), 100)
    assert values(first, "up", "down", "served") == [5, -7, 3]
    assert first.total(0) == second.total(0) == 105
    for wrong in ((bytes([0]),), (bytes([0]), 1, 2), (), (bytes(17), *[1] * 17)):
        with pytest.raises(TypeError):
            first.tally(*wrong)
    for bad, error in (("x", TypeError), (1.0, TypeError), (1 << 63, OverflowError), (None, TypeError)):
        with pytest.raises(error):
            first.tally(bytes([0, 1]), 1000, bad)
    assert values(first, "up", "down") == [5, -7]  # nothing was written
    for places in (bytes([len(FIELDS)]), bytes([0, len(FIELDS)])):
        with pytest.raises(IndexError):
            first.tally(places, *[1] * len(places))
    with pytest.raises(IndexError):
        first.total(len(FIELDS))
    assert values(first, "up", "down", "served") == [5, -7, 3]


def test_a_gauge_notes_the_most_of_all_rows(made: ModuleType) -> None:
    _, (first, second, third) = rows(made)
    gauge = bytes([3])
    assert [row.step(gauge, b"", b"") for row in (first, second, second)] == [1, 2, 3]
    assert [row.highest for row in (first, second, third)] == [1, 3, 0]
    second.tally(gauge, -2)
    third.peak()
    assert first.step(gauge, b"", b"") == 2
    assert first.step(b"", gauge, b"") == 1
    assert [row.highest for row in (first, second, third)] == [2, 3, 1]


def test_without_a_gauge_nothing_is_noted(made: ModuleType) -> None:
    cells = made.Cells(10)
    row = made.row_type("test.Plain", ("first", "second"))(cells, 4)
    assert row.step(bytes([0, 1]), b"", b"") == 0
    row.peak()
    assert values(row, "first", "second") == [1, 1]
    with pytest.raises(IndexError):
        made.row_type("test.Wrong", ("first", "second"), 0, 2)(cells, 4)


def test_a_step_counts_above_as_well(made: ModuleType) -> None:
    cells = made.Cells(100)
    server, backend = table(made, cells, 0)[1], table(made, cells, 50)[1]
    with pytest.raises(IndexError):
        server.step(bytes([0]), b"", bytes([2]))
    server.join(backend)
    server.step(bytes([0, 3]), bytes([1]), bytes([2]))
    assert values(server, "up", "down", "served", "gauge", "highest") == [1, -1, 0, 1, 1]
    assert values(backend, "up", "down", "served", "gauge", "highest") == [0, 0, 1, 0, 0]
    outside = bytes([len(FIELDS)])
    for wrong in ((outside, b"", b""), (bytes([0]), outside, b""), (bytes([0]), b"", outside)):
        with pytest.raises(IndexError):
            server.step(*wrong)
    for wrong in ((b"", b""), ("", b"", b""), (b"", b"", 0)):
        with pytest.raises(TypeError):
            server.step(*wrong)
    assert server.up == 1


def test_a_climb_counts_in_all_rows_above(made: ModuleType) -> None:
    cells = made.Cells(200)
    chain = [table(made, cells, first)[2] for first in (0, 50, 100)]
    small = made.row_type("test.Small", ("only",))(cells, 150)
    for row, above in pairwise(chain):
        row.join(above)
    chain[0].climb(bytes([0, 3]), bytes([1]))
    chain[1].climb(bytes([3]), b"")
    assert [values(row, "up", "down", "gauge", "highest") for row in chain] == [
        [1, -1, 1, 0],
        [1, -1, 2, 0],
        [1, -1, 2, 0],
    ]
    chain[0].peak()
    assert [row.highest for row in chain] == [1, 2, 2]
    chain[2].join(small)
    with pytest.raises(IndexError):
        chain[0].climb(bytes([1]), b"")
    assert [row.down for row in chain] == [-1, -1, -1]
    for row in (chain[0], chain[2]):
        with pytest.raises(ValueError):
            row.join(chain[0])
    with pytest.raises(TypeError):
        chain[0].join(cells)


def test_a_row_that_moves_keeps_its_place_in_the_chain(made: ModuleType) -> None:
    cells = made.Cells(200)
    (first, second, _), (above, _, _) = table(made, cells, 0), table(made, cells, 50)
    first.join(above)
    above.__init__(cells, 50 + len(FIELDS), 50, len(FIELDS), 3)
    first.__init__(cells, len(FIELDS), 0, len(FIELDS), 3)
    first.climb(bytes([2]), b"")
    assert (second.served, above.served) == (1, 1)
    assert cells.load(50 + len(FIELDS) + 2) == 1


def test_one_cell_by_itself(made: ModuleType) -> None:
    cells = made.Cells(3)
    one = cells.at(1)
    cells.store(1, 5)
    assert one.load() == 5
    assert [one.turn(3) for _ in range(4)] == [2, 0, 1, 2]
    assert [cells.load(i) for i in range(3)] == [0, 9, 0]
    for index in (-1, 3):
        with pytest.raises(IndexError):
            cells.at(index)
    for count in (0, -1):
        with pytest.raises(ValueError):
            one.turn(count)
    del cells
    assert one.load() == 9


def test_averages_forget_slowly_and_keep_maxima(made: ModuleType) -> None:
    _, (first, _, _) = rows(made)
    sums, most = [f"sum{i}" for i in range(4)], [f"most{i}" for i in range(4)]
    for _ in range(1024):
        first.settle(bytes([0, 1]), 0, 0, 5, 1, 2, 0, 10)
    assert values(first, *sums, *most, "timed") == [1024, 2048, 0, 10240, 1, 2, 0, 10, 1024]
    first.settle(bytes([0, 1]), 0, 0, 5, 9, 2, 0, 0)
    assert values(first, *sums, *most, "timed") == [1032, 2048, 0, 10230, 9, 2, 0, 10, 1024]


def test_the_end_of_an_exchange_is_one_call(made: ModuleType) -> None:
    _, (first, second, _) = rows(made)
    for _ in range(3):
        first.settle(bytes([0, 1, 2]), 10, 20, 5, 1, 2, 3, 4)
        second.tally(bytes([0, 1, 2]), 10, 20, 1)
    counted = ("up", "down", "served", "gauge", "highest")
    assert values(first, *counted) == values(second, *counted) == [30, 60, 3, 0, 0]
    sums, most = [f"sum{i}" for i in range(4)], [f"most{i}" for i in range(4)]
    assert values(first, *sums, *most, "timed") == [3, 6, 9, 12, 1, 2, 3, 4, 3]
    with pytest.raises(IndexError):
        first.settle(bytes([0, 99]), 1, 1, 5, 1, 1, 1, 1)
    with pytest.raises(IndexError):
        first.settle(bytes([0, 1]), 1, 1, 6, 1, 1, 1, 1)
    with pytest.raises(TypeError):
        first.settle(bytes([0]), 1, 1, 5, 1, 1, 1, 1)


def test_an_exchange_that_ends_is_counted_in_three_rows(made: ModuleType) -> None:
    cells = made.Cells(400)
    server, backend, front, process = (table(made, cells, first)[0] for first in (0, 50, 100, 150))
    end = (bytes([0, 1, 2, 5]), 10, 20, 5, 1, 2, 3, 4)  # its fourth place is for the server alone
    with pytest.raises(TypeError):
        server.conclude(front, *end)  # nothing is above
    server.join(backend)
    front.join(process)
    backend.tally(bytes([3]), 5)
    front.tally(bytes([3]), 7)
    process.tally(bytes([3]), 9)
    assert server.conclude(front, *end) == 9 << 40 | 7 << 20 | 4
    assert server.conclude(front, bytes([0, 1]), 1, 1, 5, 0, 0, 0, 0) == 9 << 40 | 7 << 20 | 3
    assert [values(row, "up", "down", "served", "gauge") for row in (server, backend, front, process)] == [
        [11, 21, 1, 0],
        [11, 21, 1, 3],
        [11, 21, 1, 7],
        [0, 0, 0, 9],
    ]
    sums, most = [f"sum{i}" for i in range(4)], [f"most{i}" for i in range(4)]
    assert values(server, *sums, *most, "timed") == [2, 2, 3, 4, 1, 2, 3, 4, 2]  # one more in the first: place 5
    assert values(backend, *sums, *most, "timed") == [1, 2, 3, 4, 1, 2, 3, 4, 2]
    assert values(front, *sums, "timed") == [0] * 5


@pytest.mark.parametrize("held", [1 << 20, -1])
def test_gauges_that_do_not_fit_have_to_be_asked_for(made: ModuleType, held: int) -> None:
    cells = made.Cells(400)
    server, backend, front, process = (table(made, cells, first)[0] for first in (0, 50, 100, 150))
    server.join(backend)
    front.join(process)
    backend.tally(bytes([3]), 10)
    process.tally(bytes([3]), held)
    assert server.conclude(front, bytes([0, 1, 2]), 1, 1, 5, 0, 0, 0, 0) == -1
    assert values(front, "up", "served") == [1, 1]
    assert backend.gauge == 9


def test_an_end_that_is_wrong_is_counted_nowhere(made: ModuleType) -> None:
    cells = made.Cells(400)
    server, backend, front = (table(made, cells, first)[0] for first in (0, 50, 100))
    server.join(backend)
    small = made.row_type("test.Small", ("only", "other"), 0, 1)(cells, 200)
    good = (bytes([0, 1, 2]), 10, 20, 5, 1, 2, 3, 4)
    for error, arguments in (
        (IndexError, (front, bytes([0, 99]), *good[1:])),
        (IndexError, (small, *good)),
        (IndexError, (front, *good[:3], 6, *good[4:])),
        (TypeError, (cells, *good)),
        (TypeError, (front, b"", *good[1:])),
        (TypeError, (front, *good[:-1])),
        (TypeError, (front, *good, 1)),
    ):
        with pytest.raises(error):
            server.conclude(*arguments)
    assert values(server, "up", "served", "timed") == values(front, "up", "served", "timed") == [0, 0, 0]
    assert values(backend, "up", "gauge") == [0, 0]
