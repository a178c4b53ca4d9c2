"""Blocks for what is added at run time: handed out, given back, used again when nobody can write there any more."""

import pytest

from pointsman.core.arena import Arena
from pointsman.core.reserve import Reserve, ReserveError


def made(count: int = 4, size: int = 8) -> Reserve:
    return Reserve(Arena(1, 1024), count, size)


def test_the_same_cells_in_each_process() -> None:
    arena = Arena(1, 128)
    arena.take(5)
    reserve = Reserve(arena, 4, 8)
    arena.seal()
    block = reserve.allot(0)
    with reserve.placed(block, False):
        assert arena.take(8) == reserve.first + 8 * block
        with pytest.raises(MemoryError):
            arena.take(1)


def test_no_more_than_there_are() -> None:
    reserve = made(count=2)
    assert [reserve.allot(0), reserve.allot(0)] == [0, 1]
    with pytest.raises(ReserveError, match="all 2 places are taken"):
        reserve.allot(0)
    reserve.give_back(0, 7)
    with pytest.raises(ReserveError):
        reserve.allot(6)  # a lane has not read yet that it was given back
    assert reserve.allot(7) == 0


def test_the_cells_of_a_block_are_0_when_it_comes_again() -> None:
    reserve = made(count=1)
    cells = reserve.arena.cells
    block = reserve.allot(0)
    for i in range(8):
        cells.store(reserve.place(block) + i, -1)
    reserve.give_back(block, 1)
    assert reserve.allot(1) == block
    assert [cells.load(reserve.place(block) + i) for i in range(8)] == [0] * 8
    assert cells.load(reserve.touched) == 1  # the cell behind it is no part of it


def test_a_block_in_which_somebody_still_counts_waits() -> None:
    reserve = made()
    busy = {reserve.place(0)}
    reserve.quiet = lambda first: first not in busy
    first, second = reserve.allot(0), reserve.allot(0)
    reserve.give_back(first, 1)
    reserve.give_back(second, 2)
    assert reserve.allot(2) == second
    assert reserve.allot(2) == 2
    busy.clear()
    assert reserve.allot(2) == first


def test_many_of_them_one_after_the_other_need_few() -> None:
    reserve = made(count=100)
    for number in range(1, 1000):
        reserve.give_back(reserve.allot(number - 3), number)
    assert reserve.arena.cells.load(reserve.touched) == 3  # two rest, one is in use


def test_a_successor_takes_up_what_the_changes_say() -> None:
    reserve = made()
    for _ in range(3):
        reserve.allot(0)
    reserve.give_back(1, 3)
    successor = Reserve(Arena(1, 1024), 4, 8)
    successor.arena.cells = reserve.arena.cells
    successor.resume({0, 2}, 5)
    assert successor.allot(4) == 3
    with pytest.raises(ReserveError):
        successor.allot(4)
    assert successor.allot(5) == 1
