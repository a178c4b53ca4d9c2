"""Shared cells: the extension and its plain stand-in mean the same, also between processes."""

import os
import signal
from collections.abc import Callable
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
    for use in (lambda: cells.load(index), lambda: cells.store(index, 1), lambda: cells.add(index, 1),
                lambda: cells.cas(index, 0, 1), lambda: cells.sum(index, 1, 1), lambda: cells.highest(index, 1)):
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


def test_bytes_in_cells(made: ModuleType) -> None:
    cells = made.Cells(3)
    cells.write(1, b"0123456789abcdef")
    assert cells.read(1, 16) == b"0123456789abcdef"
    assert cells.read(2, 3) == b"89a"
    assert cells.load(1) == int.from_bytes(b"01234567", "little")
    assert cells.read(0, 0) == b""
    for wrong in (lambda: cells.write(2, b"123456789"), lambda: cells.read(2, 9), lambda: cells.read(0, -1),
                  lambda: cells.read(3, 0), lambda: cells.write(3, b"")):
        with pytest.raises(IndexError):
            wrong()


FIELDS = ("up", "down", "served", "gauge", "highest", *[f"sum{i}" for i in range(4)], *[f"most{i}" for i in range(4)],
          "timed")


def rows(made: ModuleType) -> tuple[object, list[object]]:
    """A table of three rows."""
    cells = made.Cells(100)
    kind = made.row_type("test.Row", FIELDS)
    width = len(FIELDS)
    return cells, [kind(cells, 10 + width * lane, 10, width, 3) for lane in range(3)]


def values(row: object, *names: str) -> list[int]:
    return [getattr(row, name) for name in names]


def test_a_row_is_added_to_in_one_call(made: ModuleType) -> None:
    _, (first, second, _) = rows(made)
    first.tally(bytes([0, 1, 2]), 5, -7, 1)
    first.tally(bytes([2]), 2)
    second.tally(bytes([0]), 100)
    assert values(first, "up", "down", "served") == [5, -7, 3]
    assert first.total(0) == second.total(0) == 105
    for wrong in ((bytes([0]),), (bytes([0]), 1, 2), ()):
        with pytest.raises(TypeError):
            first.tally(*wrong)
    with pytest.raises(IndexError):
        first.tally(bytes([len(FIELDS)]), 1)
    with pytest.raises(IndexError):
        first.total(len(FIELDS))


def test_a_gauge_notes_the_most_of_all_rows(made: ModuleType) -> None:
    _, (first, second, third) = rows(made)
    first.rise(3, 4)
    second.rise(3, 4)
    second.rise(3, 4)
    assert [row.highest for row in (first, second, third)] == [1, 3, 0]
    second.tally(bytes([3]), -2)
    third.note(3, 4)
    first.rise(3, 4)
    assert [row.highest for row in (first, second, third)] == [2, 3, 1]


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
