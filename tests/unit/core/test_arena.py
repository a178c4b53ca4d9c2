"""Locks: who waits for one says so, and the keeper knows who is in the way."""

import os
import signal
import time

import pytest

from pointsman.core.arena import Arena


def shared(arena: Arena, lane: int) -> Arena:
    """The same cells, as that row's process sees them."""
    other = Arena(arena.lanes, arena.room, arena.rows)
    other.cells, other.next, other.locks, other.lane = arena.cells, arena.next, arena.locks, lane
    return other


def test_who_waits_is_seen_and_goes_on_turning() -> None:
    keeper = Arena(2, 64, 3)
    keeper.take(5)
    lock = keeper.take_lock()
    keeper.become_keeper()
    owner, waiter = shared(keeper, 1), shared(keeper, 0)
    owner.hold(lock)
    assert keeper.in_the_way() == set()
    began = time.monotonic_ns() // 1_000_000
    child = os.fork()
    if not child:
        waiter.hold(lock)
        os._exit(0 if keeper.cells.load(lock) == 1 else 1)
    try:
        limit = time.monotonic() + 20
        while keeper.in_the_way() != {1} and time.monotonic() < limit:
            time.sleep(0.01)
        assert keeper.in_the_way() == {1}
        while keeper.cells.load(keeper.turns) < began and time.monotonic() < limit:
            time.sleep(0.01)  # it notes so between two attempts, which take longer on some machines
        assert keeper.cells.load(keeper.turns) >= began
        assert os.waitpid(child, os.WNOHANG) == (0, 0)  # it waits on
    finally:
        owner.unlock(lock)
    assert os.waitpid(child, 0)[1] == 0
    assert keeper.in_the_way() == set()
    assert keeper.cells.load(keeper.awaited) == 0


def test_a_dead_one_waits_for_nothing() -> None:
    keeper = Arena(2, 64, 3)
    lock = keeper.take_lock()
    keeper.become_keeper()
    shared(keeper, 2).hold(lock)
    child = os.fork()
    if not child:
        shared(keeper, 0).hold(lock)
        os._exit(1)
    while keeper.in_the_way() != {2}:
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    keeper.release_lane(0)
    assert keeper.in_the_way() == set()


def test_a_lock_is_not_held_twice() -> None:
    arena = Arena(1, 8)
    lock = arena.take_lock()
    arena.hold(lock)
    with pytest.raises(AssertionError, match="holds that lock already"):
        arena.hold(lock)


def test_who_does_not_let_the_keeper_have_a_lock_is_known() -> None:
    keeper = Arena(2, 64, 3)
    lock, other = keeper.take_lock(), keeper.take_lock()
    keeper.become_keeper()
    shared(keeper, 0).hold(lock)
    assert keeper.take_over(other, 1)
    keeper.unlock(other)
    assert not keeper.take_over(lock, 1)
    assert keeper.obstinate == {0}
    keeper.release_lane(0)
    assert keeper.obstinate == set()
    assert keeper.take_over(lock, 1)


def test_the_room_that_was_asked_for_is_there() -> None:
    arena = Arena(2, 4, 3)
    assert arena.take(4) == 0
    with pytest.raises(MemoryError):
        arena.take(1)
    arena.lane = 2
    arena.turned(7)
    assert [arena.cells.load(i) for i in range(4)] == [0] * 4


def test_what_is_taken_after_the_seal_is_a_mistake() -> None:
    arena = Arena(2, 64, 3)
    block = arena.take(8)
    arena.seal()
    with pytest.raises(RuntimeError, match="before the processes part"):
        arena.take(1)
    with pytest.raises(RuntimeError, match="before the processes part"):
        arena.take_lock()
    with arena.placed(block, 8):
        assert arena.take(3) == block
        lock = arena.take_lock()
        assert lock == block + 3
        with pytest.raises(MemoryError, match="the block is full"):
            arena.take(5)
        assert arena.take(4) == block + 4
    with pytest.raises(RuntimeError, match="before the processes part"):
        arena.take(1)
    assert arena.locks == [lock]
    arena.forget_lock(lock)
    assert arena.locks == []


def test_a_block_that_could_not_be_filled_leaves_the_arena_as_it_was() -> None:
    arena = Arena(1, 64)
    block = arena.take(2)
    with pytest.raises(MemoryError), arena.placed(block, 2):
        arena.take(3)
    assert arena.take(1) == block + 2
