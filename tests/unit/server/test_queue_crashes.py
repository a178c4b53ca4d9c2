"""Slots and queues over lanes; and a lane that is killed between any two operations on shared cells.

Each story runs again and again, each time with the lane killed one operation later, until it reaches the end.
"""

from collections.abc import Callable
from random import Random

import pytest
from lane_rows import Killed, Lane, Mortal

LIMITS = (1, 2)


def family(*limits: int, lanes: int = 3) -> tuple[list[Lane], Lane]:
    """So many lanes, and the keeper."""
    first = Lane(0, lanes, None, *limits)
    others = [Lane(number, lanes, first.arena.cells, *limits) for number in range(1, lanes)]
    keeper = Lane(0, lanes, first.arena.cells, *limits)
    keeper.arena.become_keeper()
    return [first, *others], keeper


def fill(lanes: list[Lane], each: int) -> None:
    for _ in range(each):
        for lane in lanes:
            lane.begin()


def carried(lanes: list[Lane]) -> list[int]:
    """Streams that have a slot, by server."""
    return [
        sum(stream.server is not None and stream.server.number == number for lane in lanes for stream in lane.streams)
        for number in range(1, len(LIMITS) + 1)
    ]


def nothing_left(lane: Lane) -> None:
    backend = lane.backend
    assert len(backend.queue) == 0
    assert lane.arena.cells.load(backend.lock) == 0
    for server in backend.servers:
        assert server.counters.held == 0
        assert len(server.queue) == 0
        assert backend.grants.pending(server.granted_as) == 0


def go_on(lanes: list[Lane]) -> None:
    """The living serve everybody who waits, never more at once than they may."""
    for lane in lanes:
        lane.backend.look()
    rounds = 0
    while any(lane.streams for lane in lanes):
        rounds += 1
        assert rounds < 1000, "somebody waits for ever"
        held = carried(lanes)
        assert all(have <= limit for have, limit in zip(held, LIMITS, strict=True)), held
        assert sum(held) > 0, "there are slots, and nobody is given one"
        next(lane for lane in lanes if lane.end_one())
        for lane in lanes:
            lane.backend.look()


def ends(lane: Lane) -> None:
    """Its slots go to others, one after the other."""
    while lane.end_one():
        pass


def begins(lane: Lane) -> None:
    for _ in range(3):
        lane.begin()


def leaves(lane: Lane) -> None:
    for stream in list(lane.streams):
        stream.leave()


def looks(lane: Lane) -> None:
    lane.backend.look()


def mixed(lane: Lane) -> None:
    lane.end_one()
    lane.begin()
    lane.backend.look()
    lane.streams[-1].leave()
    lane.end_one()
    lane.backend.look()


def test_first_in_first_out_over_lanes() -> None:
    lanes, _ = family(*LIMITS)
    fill(lanes, 1)  # all three slots
    waiting = [lane.begin() for _ in range(4) for lane in lanes]
    served = []
    while any(lane.streams for lane in lanes):
        for lane in lanes:
            if lane.end_one():
                break
        for lane in lanes:
            lane.backend.look()
        served += [stream for stream in waiting if stream.server is not None and stream not in served]
    assert served == waiting
    nothing_left(lanes[0])


def test_more_wait_than_others_can_see() -> None:
    lanes, _ = family(*LIMITS)
    fill(lanes[:1], 3)
    for _ in range(40):
        lanes[1].begin()
    go_on(lanes)
    nothing_left(lanes[0])


@pytest.mark.parametrize("story", [ends, begins, leaves, looks, mixed])
@pytest.mark.parametrize("each", [1, 2, 5])
def test_a_lane_is_killed_between_any_two_operations(story: Callable[[Lane], None], each: int) -> None:
    for operations in range(3000):
        lanes, keeper = family(*LIMITS)
        victim, *living = lanes
        fill(lanes, each)
        living[0].end_one()  # a lane may have been granted something that it has not taken up
        cells = victim.arena.cells
        victim.arena.cells = Mortal(cells, operations)
        try:
            story(victim)
            survived = True
        except Killed:
            survived = False
        victim.arena.cells = cells
        if survived:
            assert operations > 2
            return
        keeper.backend.release_lane(victim.arena.lane)
        go_on(living)
        nothing_left(keeper)
        successor = Lane(0, 3, cells, *LIMITS)
        fill([successor, *living], 3)
        go_on([successor, *living])
        nothing_left(keeper)
    raise AssertionError("the story has no end")


@pytest.mark.parametrize("seed", range(20))
def test_kills_at_random(seed: int) -> None:
    """Three lanes do anything; now and then one is killed at whatever it does, and replaced."""
    drawn = Random(seed)
    lanes, keeper = family(*LIMITS)
    cells = keeper.arena.cells
    for _ in range(120):
        number = drawn.randrange(3)
        lane = lanes[number]
        story = drawn.choice([ends, begins, leaves, looks, mixed])
        if drawn.random() < 0.2:
            lane.arena.cells = Mortal(cells, drawn.randrange(150))
        try:
            story(lane)
        except Killed:
            keeper.backend.release_lane(number)
            lanes[number] = Lane(number, 3, cells, *LIMITS)
            for one in lanes:
                one.backend.look()
        lane.arena.cells = cells
        for one in lanes:
            one.backend.look()
        held = carried(lanes)
        assert all(have <= limit for have, limit in zip(held, LIMITS, strict=True)), held
    go_on(lanes)
    nothing_left(keeper)


def test_a_change_is_announced_though_control_crashed_before_it_was() -> None:
    lanes, keeper = family(*LIMITS)
    lanes[2].backend.servers[0].admin = 1  # and it crashes
    keeper.backend.release_lane(2)
    lanes[0].backend.look()
    assert [server.name for server in lanes[0].backend.usable] == [b"s2"]


def test_what_another_process_sets_holds_at_the_next_choice() -> None:
    lanes, _ = family(0, 0)
    here, control = lanes[0].backend, lanes[2].backend
    stream = lanes[0].begin
    assert not here.servers[0].limited
    assert here.servers[0].alive
    for server in control.servers:
        server.maxconn = 1
        control.changed(server)
    assert [stream().server is not None for _ in range(3)] == [True, True, False]
    control.servers[0].admin = 1
    control.changed(control.servers[0])
    here.keep_up()
    assert not here.servers[0].alive
    assert here.servers[1].alive
    for server in control.servers:
        server.admin = server.maxconn = 0
        control.changed(server)
    here.look()
    assert not any(server.limited for server in here.servers)


def test_a_lock_that_is_not_given_back_does_not_hold_the_keeper_up() -> None:
    lanes, keeper = family(*LIMITS)
    assert lanes[1].arena.locked(lanes[1].backend.lock)  # stopped, or crashed and the keeper does not know yet
    fill(lanes[:0], 0)
    keeper.backend.release_lane(0)
    assert lanes[1].arena.cells.load(lanes[1].backend.lock) == 2
