"""When a lane makes way for the others."""

import os

import pytest

from pointsman.core.arena import Arena
from pointsman.core.counters import Counters
from pointsman.stream.share import Share


def lanes(*held: int, alive: int = -1) -> list[Share]:
    """Lanes that hold so many connections; the first `alive` of them are alive. Control is there as well."""
    first = Arena(len(held), 1 << 12, len(held) + 1)
    shares = []
    for number, count in enumerate(held):
        arena = Arena(len(held), 1 << 12, len(held) + 1)  # the same cells, as another process sees them
        arena.cells = first.cells
        arena.lane = number
        share = Share(arena, Counters(arena))
        share.enter()
        if alive < 0 or number < alive:
            share.begun()
        accept(share, count)
        shares.append(share)
    arena.lane = len(held)
    share.begun()  # control: it does not count
    arena.lane = len(held) - 1
    return shares


def accept(share: Share, count: int) -> None:
    share.counters.current += count
    share.counters.connections += count


def test_a_single_process_never_makes_way() -> None:
    arena = Arena(1, 1 << 10)
    share = Share(arena, Counters(arena))
    accept(share, 100)
    assert not share.over()
    assert share.taken_by_others() == 0


def test_who_has_more_than_its_share_is_over() -> None:
    for held, over in (
        ((50, 50), False),
        ((58, 42), False),
        ((59, 41), True),
        ((8, 0), False),
        ((16, 0), False),
        ((17, 0), True),
        ((30, 30, 50), True),
        ((33, 33, 34), False),
        ((560, 440), False),
        ((570, 430), True),
    ):
        assert lanes(*held)[held.index(max(held))].over() == over, held


def test_one_lane_at_least_accepts() -> None:
    for held in ((20, 2), (200, 200), (90, 90, 10), (50, 40, 30, 0)):
        assert not all(share.over() for share in lanes(*held))


def test_who_makes_way_calls_the_others() -> None:
    one, two = lanes(20, 2)
    one.arena.bells = two.arena.bells = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(3)]
    try:
        one.rest(True)
        assert two.somebody_rests()
        assert os.eventfd_read(one.arena.bells[1]) == 1
        for fd in (one.arena.bells[0], one.arena.bells[2]):  # neither itself nor control
            with pytest.raises(BlockingIOError):
                os.eventfd_read(fd)
        one.rest(False)
        assert not two.somebody_rests()
    finally:
        for fd in one.arena.bells:
            os.close(fd)


def test_who_has_less_is_not() -> None:
    assert not lanes(60, 40)[1].over()


def test_lanes_that_have_ended_do_not_count() -> None:
    one, two = lanes(20, 0)
    assert one.over() and one.is_alive(1)
    one.release_lane(1)
    assert not one.over() and not one.is_alive(1)
    assert not lanes(20, 0, alive=1)[0].over()
    two.begun()
    assert one.over()


def test_what_leaves_makes_room() -> None:
    one, _ = lanes(20, 2)
    assert one.over()
    one.counters.current -= 4
    assert not one.over()
    assert one.held == 16


def test_others_take() -> None:
    one, two = lanes(3, 4)
    assert (one.taken_by_others(), two.taken_by_others()) == (4, 3)
    accept(two, 1)
    two.counters.leave()
    assert one.taken_by_others() == 5
