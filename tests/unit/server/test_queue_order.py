"""set-priority-class and set-priority-offset (manual 4.4): who is first in queues that several lanes share."""

from __future__ import annotations

import random

import pytest
from lane_rows import Stream
from test_queue_crashes import family, nothing_left

from pointsman.core.wishes import WISHES
from pointsman.server.queue import rank_of


@pytest.fixture(autouse=True)
def ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a rule had been read that says who is first."""
    monkeypatch.setattr(WISHES, "priorities", True)


def test_ranks() -> None:
    """By classes, then by time and offset, to the millisecond."""
    told = [(-2047, 524_287), (-1, 400), (0, -524_287), (0, -1), (0, 0), (0, 1), (0, 524_287), (1, -524_287), (2047, 0)]
    ranks = [rank_of(priority, offset, 1_000_000) for priority, offset in told]
    assert ranks == sorted(set(ranks))
    assert ranks[0] > 0 and ranks[-1] < 1 << 63
    assert rank_of(0, 5, 100) == rank_of(0, 0, 105) == rank_of(0, -10, 115)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_holds_over_lanes(seed: int) -> None:
    chance = random.Random(seed)
    lanes, _ = family(1)
    lanes[0].begin()  # the only slot
    waiting: list[tuple[int, int, Stream]] = []
    for number in range(60):
        lane = chance.choice(lanes)
        stream = Stream(lane)
        stream.rank = rank_of(chance.choice((-5, 0, 0, 7)), chance.choice((-300, 0, 0, 200)), 10_000 + number // 3)
        lane.streams.append(stream)
        stream.choose()
        waiting.append((stream.rank, number, stream))
    served: list[Stream] = []
    while any(lane.streams for lane in lanes):
        assert any(lane.end_one() for lane in lanes)
        for lane in lanes:
            lane.backend.look()
        served += [stream for _, _, stream in waiting if stream.server is not None and stream not in served]
    assert served == [stream for _, _, stream in sorted(waiting, key=lambda one: one[:2])]
    nothing_left(lanes[0])
