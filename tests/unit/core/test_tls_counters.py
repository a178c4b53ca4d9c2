"""What is counted of TLS over lanes: sums, gauges of a lane that has ended, rates, and the part without new keys."""

import pytest

from pointsman.core.arena import Arena
from pointsman.core.tls_counters import TlsCounters, tls_places

ROOM = 128


def lanes(count: int) -> list[TlsCounters]:
    """The process's counters in so many lanes."""
    first = Arena(count, ROOM)
    found = []
    for number in range(count):
        arena = Arena(count, ROOM)
        arena.cells = first.cells
        arena.lane = number
        found.append(TlsCounters(arena))
    return found


def test_lanes_add_up() -> None:
    one, two = lanes(2)
    one.tally(tls_places("accepted", "current"), 3, 2)
    two.tally(tls_places("connected", "current"), 1, 1)
    assert (one.current, two.current) == (2, 1)
    assert one.sum_of("current") == two.sum_of("current") == 3
    assert two.sum_of("accepted") + two.sum_of("connected") == 4


def test_the_limit_is_one_for_all() -> None:
    one, two = lanes(2)
    assert not two.full
    one.limit = 3
    one.current = 2
    assert not two.full
    two.current = 1
    assert one.full and two.full
    one.limit = 0
    assert not two.full


def test_a_lane_that_has_ended_holds_nothing() -> None:
    one, two = lanes(2)
    one.limit = 2
    two.current = 2
    two.waiting = 1
    two.accepted = 9
    assert one.full and one.awaited
    one.release_lane(1)
    assert not one.full and not one.awaited
    assert (one.sum_of("current"), one.sum_of("accepted")) == (0, 9)


def test_after_a_fork_it_writes_its_own_row() -> None:
    one, two = lanes(2)
    one.arena.lane = 1
    one.move()
    one.accepted = 5
    assert two.accepted == 5


@pytest.mark.parametrize(
    "accepted, keys, per_cent",
    [(0, 0, 0), (1, 0, 100), (3, 1, 66), (3, 3, 0), (4, 1, 75), (1, 2, 0)],  # 66 and 75: as HAProxy 3.2 has them
)
def test_the_part_without_new_keys(accepted: int, keys: int, per_cent: int) -> None:
    """Of the last second; handshakes that have failed have made no key, either (as in HAProxy)."""
    (one,) = lanes(1)
    one.tick(5_000)
    one.accepted = accepted
    one.keys = keys
    assert one.reuse(5_500) == per_cent
    assert one.reuse(9_000) == 0


def test_rates() -> None:
    one, two = lanes(2)
    one.tick(5_000)
    one.accepted, two.accepted, two.server_keys, one.keys = 4, 2, 3, 1
    assert [rate.read(5_999) for rate in two.rates] == [6, 1, 3]
    two.tick(6_000)
    two.tick(7_000)
    assert [rate.read(7_500) for rate in one.rates] == [0, 0, 0]
    assert [rate.highest for rate in one.rates] == [6, 1, 3]
