"""Random draws. Every test seeds the generator, so that it always sees the same numbers."""

import random
from collections import Counter

import pytest
from farm import ANY, begin, farm, stream
from hypothesis import given
from hypothesis import strategies as st

from pointsman.balance.load import allowed
from pointsman.balance.random_draws import Random


@pytest.fixture(autouse=True)
def seed() -> None:
    random.seed(4711)


def test_one_draw_follows_the_weights() -> None:
    draw = Random(draws=1)
    servers = farm(2, 1, 3)
    draw.rebuild(list(servers))
    counts = Counter(draw.pick(ANY) for _ in range(6000))
    for server in servers:
        assert abs(counts[server] - 1000 * server.weight) < 150


def test_two_draws_spread_what_stays() -> None:
    """The power of two choices: the fullest of ten servers is near the mean; one draw strays farther."""
    worst = {}
    for draws in (1, 2):
        draw = Random(draws)
        servers = farm(*[1] * 10)
        draw.rebuild(list(servers))
        for _ in range(1000):
            server = draw.pick(ANY)
            assert server is not None
            begin(draw, server)
        worst[draws] = max(server.connections for server in servers)
    assert worst[2] <= 104
    assert worst[1] > worst[2]


def test_a_busy_server_is_seldom_taken() -> None:
    draw = Random()
    servers = farm(1, 1)
    servers[0].connections = 5
    draw.rebuild(list(servers))
    counts = Counter(draw.pick(ANY) for _ in range(1000))
    assert 200 < counts[servers[0]] < 300  # only when both draws fall on it


def test_of_equal_loads_the_lower_rate() -> None:
    context = stream()
    context.now = 5000
    draw = Random(draws=20)
    servers = farm(1, 1)
    draw.rebuild(list(servers))
    for _ in range(3):
        servers[0].counters.sessions += 1
    assert Counter(draw.pick(context) for _ in range(50)) == {servers[1]: 50}


@given(st.lists(st.tuples(st.integers(1, 256), st.integers(0, 30)), min_size=1, max_size=8), st.integers(101, 300))
def test_nobody_is_overloaded(drawn: list[tuple[int, int]], factor: int) -> None:
    servers = farm(*[weight for weight, _ in drawn])
    for server, (_, connections) in zip(servers, drawn, strict=True):
        server.connections = connections
    draw = Random(draws=1, factor=factor)
    draw.rebuild(list(servers))
    chosen = draw.pick(ANY)
    assert chosen is not None
    assert allowed(chosen, servers, factor)


def test_changes_and_avoid() -> None:
    draw = Random()
    servers = farm(1, 256, 1)
    assert draw.pick(ANY) is None
    draw.rebuild(list(servers))
    for _ in range(100):
        assert draw.pick(ANY, servers[1:2]) in (servers[0], servers[2])
        assert draw.pick(ANY, servers) in servers
    draw.rebuild(servers[:1])
    assert {draw.pick(ANY) for _ in range(20)} == {servers[0]}
    servers[0].weight = 0  # the last one loses its weight between two rebuilds
    assert draw.pick(ANY) is servers[0]
