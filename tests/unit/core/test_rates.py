"""Rates per second, as all lanes see them, and what becomes of them when a lane or control dies."""

from pointsman.core.arena import Arena
from pointsman.core.counters import Counters

ROOM = 256


def lanes(count: int) -> list[Counters]:
    """One object's counters in so many lanes."""
    first = Arena(count, ROOM)
    found = []
    for number in range(count):
        arena = Arena(count, ROOM)
        arena.cells = first.cells
        arena.lane = number
        found.append(Counters(arena))
    return found


def test_a_rate_is_of_the_last_second() -> None:
    (counters,) = lanes(1)
    rate = counters.session_rate
    rate.tick(5_000)
    counters.sessions += 10
    assert rate.read(5_999) == 10
    assert rate.read(6_000) == 10
    assert rate.read(6_500) == 5
    counters.sessions += 3
    assert rate.read(6_500) == 8
    assert rate.read(7_000) == 3
    assert rate.read(9_000) == 0
    assert rate.highest == 10


def test_all_lanes_see_the_same_rate_whenever_they_look() -> None:
    """A lane that looks for the first time in the middle of a second knows what the others did since it began."""
    one, two = lanes(2)
    one.session_rate.tick(5_000)
    one.session_rate.read(6_000)
    one.sessions += 60
    assert two.session_rate.read(6_300) == 60
    two.sessions += 40
    assert one.session_rate.read(6_900) == two.session_rate.read(6_900) == 100
    assert two.session_rate.read(7_000) == one.session_rate.read(7_000) == 100
    assert one.session_rate.highest == two.session_rate.highest == 100


def test_a_limit_is_one_for_all_lanes() -> None:
    one, two = lanes(2)
    one.connection_rate.limit = 7
    assert two.connection_rate.limit == 7


def test_the_highest_rate_outlives_who_measured_it() -> None:
    one, two = lanes(2)
    one.session_rate.tick(1_000)
    one.sessions += 25
    one.session_rate.read(1_900)
    two.move()  # a new process in its place
    assert two.session_rate.highest == 25


def test_clearing_begins_anew_in_all_lanes() -> None:
    one, two = lanes(2)
    one.session_rate.tick(1_000)
    one.sessions += 50
    two.session_rate.read(2_000)
    one.sessions += 5
    two.clear()
    assert one.session_rate.highest == 0
    two.sessions += 2
    assert one.session_rate.read(2_999) == two.session_rate.read(2_999) == 2
    assert one.session_rate.read(3_000) == 2
