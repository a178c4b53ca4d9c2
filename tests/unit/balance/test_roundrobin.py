"""Turns by weight: exact over every period, evenly spread, and no one left out when things change."""

import random
from collections import Counter

import pytest
from farm import ANY, farm, picks
from hypothesis import given
from hypothesis import strategies as st

from pointsman.balance.roundrobin import RoundRobin, StaticRoundRobin
from pointsman.balance.schedule import Strides, fits, period, reduced, smooth
from pointsman.core.arena import Arena
from pointsman.server.server import Server

WEIGHTS = st.lists(st.integers(1, 256), min_size=1, max_size=8)


def test_equal_weights_go_around() -> None:
    robin = RoundRobin()
    robin.rebuild(list(farm(1, 1, 1)))
    assert picks(robin, 9) == "123123123"


def test_weights_count_exactly() -> None:
    """The episode on weights: 60 requests over 2/1/3."""
    robin = RoundRobin()
    robin.rebuild(list(farm(2, 1, 3)))
    assert Counter(picks(robin, 60)) == {"1": 20, "2": 10, "3": 30}


def test_turns_do_not_clump() -> None:
    assert smooth([5, 1, 1]) == [0, 0, 1, 0, 2, 0, 0]
    assert smooth([2, 1, 3]) == [2, 0, 2, 1, 0, 2]


@given(WEIGHTS)
def test_a_period_is_exact(weights: list[int]) -> None:
    robin = RoundRobin()
    servers = farm(*weights)
    robin.rebuild(list(servers))
    small = reduced(weights)
    counts = Counter(robin.pick(ANY) for _ in range(2 * sum(small)))
    assert [counts[server] for server in servers] == [2 * weight for weight in small]


@given(WEIGHTS)
def test_both_ways_are_exact_and_even(weights: list[int]) -> None:
    """After any number of turns a server had its share, give or take what cannot be avoided."""
    small = reduced(weights)
    total = sum(small)
    ways = [Strides(small)]
    orders = [[way.next() for _ in range(total)] for way in ways]
    if fits(small):
        orders.append(smooth(small))
    for order in orders:
        had = [0] * len(small)
        for turn, index in enumerate(order, 1):
            had[index] += 1
            for server, weight in enumerate(small):
                assert abs(had[server] * total - turn * weight) <= len(small) * total
        assert had == small


@given(st.lists(st.integers(1, 4096), min_size=1, max_size=40))
def test_large_weights_have_an_exact_period(weights: list[int]) -> None:
    assert Counter(period(weights)) == dict(enumerate(reduced(weights)))


@given(st.lists(st.integers(1, 4096), min_size=1, max_size=12), st.lists(st.integers(0, 300), max_size=30))
def test_any_turn_can_be_asked_for(weights: list[int], steps: list[int]) -> None:
    """As often happens when other lanes take those in between; also behind the period's end."""
    strides, plain = Strides(weights), Strides(weights)
    total = sum(weights)
    turns = [plain.next() for _ in range(min(2 * total, 3000))]
    place = 0
    for step in steps:
        place += step
        if place < len(turns):
            assert strides.turn(place) == turns[place]
            assert strides.turn(place + 3 * total) == turns[place]


def lanes_of(servers: list[Server], count: int) -> list[RoundRobin]:
    """The same backend in several lanes: one position."""
    first = Arena(count, 8)
    found = []
    for _ in range(count):
        arena = Arena(count, 8)
        arena.cells = first.cells
        robin = RoundRobin()
        robin.share(arena)
        robin.rebuild(servers)
        found.append(robin)
    return found


@pytest.mark.parametrize("weights", [(2, 1, 3), tuple(256 - index for index in range(100))])
@pytest.mark.parametrize("seed", range(3))
def test_lanes_share_the_turns(weights: tuple[int, ...], seed: int) -> None:
    """Whoever picks, in whatever order: together they give each server its share, a new lane included."""
    servers = farm(*weights)
    drawn = random.Random(seed)
    lanes = lanes_of(list(servers), 3)
    total = sum(reduced(weights))
    counts: Counter[object] = Counter()
    for turn in range(total):
        if turn == total // 2:  # one dies, its successor knows nothing
            lanes[1].rebuild(list(servers))
        lane = lanes[0] if turn % 1000 < 500 else drawn.choice(lanes)
        counts[lane.pick(ANY)] += 1
    assert [counts[server] for server in servers] == reduced(weights)


def test_hundred_servers_of_odd_weights_need_no_schedule() -> None:
    weights = [256 - index for index in range(100)]
    robin = RoundRobin()
    servers = farm(*weights)
    for index, server in enumerate(servers):
        server.share = 16 - index % 5
    robin.rebuild(list(servers))
    assert robin.strides is not None
    total = sum(reduced([server.effective for server in servers]))
    counts = Counter(robin.pick(ANY) for _ in range(total))
    assert all(counts[server] * sum(s.effective for s in servers) == server.effective * total for server in servers)


def test_a_weight_changes_at_once() -> None:
    robin = RoundRobin()
    servers = farm(1, 1)
    robin.rebuild(list(servers))
    picks(robin, 3)
    servers[1].weight = 3
    robin.rebuild(list(servers))
    assert Counter(picks(robin, 40)) == {"1": 10, "2": 30}


def test_slow_start_counts_in_sixteenths() -> None:
    robin = RoundRobin()
    servers = farm(1, 1)
    servers[1].share = 4
    robin.rebuild(list(servers))
    assert Counter(picks(robin, 50)) == {"1": 40, "2": 10}


def test_static_ignores_changes() -> None:
    robin = StaticRoundRobin()
    servers = farm(2, 1)
    servers[1].weight = 200
    servers[0].share = 1
    robin.rebuild(list(servers))
    assert Counter(picks(robin, 30)) == {"1": 20, "2": 10}


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 7)), max_size=30))
def test_frequent_changes_favour_nobody(changes: list[tuple[int, int]]) -> None:
    """Rebuilt before each pick with the same servers, it still goes around."""
    robin = RoundRobin()
    servers = farm(1, 1, 1)
    found = ""
    for _ in range(9):
        robin.rebuild(list(servers))
        found += picks(robin, 1)
    assert found == "123123123"
    for gone, count in changes:
        robin.rebuild([server for server in servers if server.number != gone + 1])
        assert str(gone + 1) not in picks(robin, count)


@pytest.mark.parametrize("weights", [(1, 1, 1), (2, 1, 3), (256, 255, 127)])
def test_avoid_is_honoured_if_there_is_another(weights: tuple[int, ...]) -> None:
    robin = RoundRobin()
    servers = farm(*weights)
    robin.rebuild(list(servers))
    for _ in range(20):
        assert robin.pick(ANY, [servers[0]]) in servers[1:]
        assert robin.pick(ANY, servers[:2]) is servers[2]
        assert robin.pick(ANY, servers) in servers


def test_nobody() -> None:
    robin = RoundRobin()
    assert robin.pick(ANY) is None
    robin.rebuild(list(farm(1)))
    robin.rebuild([])
    assert robin.pick(ANY) is None
    assert robin.pick(ANY, farm(1)) is None
