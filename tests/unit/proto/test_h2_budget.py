"""proto/h2_budget.py: honest clients never meet the end of the budget, floods do soon."""

from __future__ import annotations

import pytest

from pointsman.proto.h2_budget import FRAME, MOST, RATE, START, STOPPED, WASTED, Budget

BEGIN = 1_000_000


def flood(budget: Budget, cost: int, a_second: int, seconds: int) -> int | None:
    """So many frames, evenly; the number of the one that was too much."""
    for number in range(a_second * seconds):
        budget.spend(cost)
        if not budget.bears(BEGIN + number * 1000 // a_second):
            return number + 1
    return None


@pytest.mark.parametrize("cost", [FRAME, STOPPED, WASTED])
def test_a_flood_ends_after_what_a_connection_has_at_first(cost: int) -> None:
    ended = flood(Budget(100, BEGIN), cost, 1_000_000, 1)
    assert ended is not None
    assert START <= ended * cost <= START + START // 50 + cost


def test_what_time_allows_goes_on_for_ever() -> None:
    assert flood(Budget(100, BEGIN), FRAME, RATE - 10, 60) is None


def test_time_that_has_passed_idly_allows_no_more_than_the_beginning() -> None:
    budget = Budget(100, BEGIN)
    hour = BEGIN + 3_600_000
    for _ in range(2 * START):
        budget.spend(FRAME)
        assert budget.bears(hour)
    budget.spend(FRAME)
    assert not budget.bears(hour)


def test_a_download_allows_credit_for_every_kilobyte() -> None:
    """Readers of small pieces send WINDOW_UPDATE for each of them, for stream and connection, and PING beside."""
    budget = Budget(100, BEGIN)
    for _ in range(10_000):
        budget.sent(1024, True)
        budget.spend(4 * FRAME)
        assert budget.bears(BEGIN)


def test_what_is_earned_has_a_limit() -> None:
    budget = Budget(100, BEGIN)
    for _ in range(10_000):
        budget.answered()
        budget.sent(16_384, False)
    assert MOST <= budget.left <= MOST + 66


def test_a_page_that_is_stopped_and_loaded_again() -> None:
    """A hundred images, answered or stopped, with PRIORITY for each, as fast as the user can click."""
    budget = Budget(100, BEGIN)
    for page in range(50):
        now = BEGIN + page * 300
        for _ in range(100):
            budget.spend(FRAME)
            budget.spend(STOPPED)
            assert budget.bears(now)


def test_glitches_are_counted_beside_the_budget() -> None:
    budget = Budget(100, BEGIN)
    budget.odd(WASTED)
    budget.spend(FRAME)
    assert (budget.glitches, budget.left) == (1, START - WASTED - FRAME)


@pytest.mark.parametrize(("parts", "glitches"), [(4, 0), (5, 1), (16, 1), (17, 2), (32, 2), (33, 3), (96, 6), (97, 7)])
def test_blocks_in_many_parts_are_glitches(parts: int, glitches: int) -> None:
    """As a newer haproxy counts: measured."""
    budget = Budget(100, BEGIN)
    for number in range(parts):
        budget.part(number + 1)
    assert budget.glitches == glitches


def test_a_window_of_few_bytes_earns_nothing() -> None:
    budget = Budget(100, BEGIN)
    for _ in range(START + 1):
        budget.sent(255, True)
        budget.spend(FRAME)
    assert not budget.bears(BEGIN)


@pytest.mark.parametrize("streams", [1, 100, 500])
def test_all_streams_may_be_stopped_as_soon_as_they_are_opened(streams: int) -> None:
    budget = Budget(streams, BEGIN)
    for _ in range(streams):
        budget.odd(WASTED)
        assert budget.bears(BEGIN)
