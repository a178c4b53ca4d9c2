"""Peeking: what a pick would choose, told without moving anything. A twin that is never peeked at chooses the same."""

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from unittest import mock

import pytest
from farm import ANY, Waited, begin, end, farm, stream
from hypothesis import given, settings
from hypothesis import strategies as st

import pointsman.keywords
from pointsman.balance.build import build
from pointsman.balance.first import First
from pointsman.balance.hashed import Hashed
from pointsman.balance.hashing import ALWAYS, MAXCONN, MAXQUEUE, Hashing
from pointsman.balance.hdr import Header
from pointsman.balance.leastconn import LeastConn
from pointsman.balance.random_draws import Random
from pointsman.balance.registry import ALGORITHMS
from pointsman.balance.roundrobin import RoundRobin, StaticRoundRobin
from pointsman.balance.source import SourceKey
from pointsman.balance.uri import Uri
from pointsman.config.load import load_text
from pointsman.core.arena import Arena
from pointsman.core.diagnostics import Diagnostics
from pointsman.sample.context import Context
from pointsman.server.algorithm import Algorithm
from pointsman.server.server import FORCED_MAINT, Server

assert pointsman.keywords

DETERMINED: dict[str, Callable[[], Algorithm]] = {
    "roundrobin": RoundRobin,
    "static-rr": StaticRoundRobin,
    "leastconn": LeastConn,
    "first": First,
    "source": lambda: Hashed(SourceKey(), Hashing()),
    "uri, full servers pass": lambda: Hashed(Uri(), Hashing(affinity=MAXCONN)),
    "uri, full queues pass": lambda: Hashed(Uri(), Hashing(affinity=MAXQUEUE)),
    "uri consistent": lambda: Hashed(Uri(), Hashing(True, avalanche=True, factor=120, affinity=ALWAYS)),
    "hdr, which not all have": lambda: Hashed(Header(b"x"), Hashing()),
    "hdr consistent": lambda: Hashed(Header(b"x"), Hashing(True)),
}


@dataclass
class Farm:
    """Servers and their algorithm. `open`: on which server each stream is."""

    algorithm: Algorithm
    servers: list[Waited] = field(default_factory=lambda: farm(1, 1, 2, 3, 9))
    open: list[Server] = field(default_factory=list)

    def refresh(self) -> None:
        self.algorithm.rebuild([server for server in self.servers if server.usable])

    def do(self, step: tuple[int, int, int], now: int) -> None:
        kind, place, number = step
        server = self.servers[place]
        if kind == 0:
            server.weight = number % 8
        elif kind == 1:
            server.admin = FORCED_MAINT if number % 2 else 0
        elif kind == 2:
            server.maxconn = number % 8
        elif kind == 3:
            server.waiters = server.maxqueue = number % 4
        elif kind == 4 and self.open:
            end(self.algorithm, self.open.pop(number % len(self.open)))
        elif kind == 5:
            server.counters.sessions += number
        elif kind == 6:
            server.counters.session_rate.read(now)
        if kind < 2:
            self.refresh()

    def avoided(self, mask: int) -> list[Server]:
        return [server for place, server in enumerate(self.servers) if mask >> place & 1]

    def pick(self, context: Context, mask: int, seed: int) -> int:
        random.seed(seed)
        server = self.algorithm.pick(context, self.avoided(mask))
        if server is None:
            return 0
        begin(self.algorithm, server)
        self.open.append(server)
        return server.number

    def peek(self, context: Context, mask: int) -> list[int]:
        return [server.number for server in self.algorithm.peek(context, self.avoided(mask))]


STEPS = st.tuples(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4), st.integers(0, 256)), max_size=4),  # what happens first
    st.sampled_from([stream(), stream("/a/b", "192.0.2.9", {"x": "1"}), stream("/c?d", "2001:db8::5", {"x": "2"})]),
    st.one_of(st.just(0), st.integers(0, 31)),  # which servers the pick avoids
    st.integers(0, 9),  # how often somebody peeks
    st.integers(0, 900),  # ms that pass
)


def play(make: Callable[[], Algorithm], story: list[tuple[list[tuple[int, int, int]], Context, int, int, int]]) -> None:
    peeked, twin = Farm(make()), Farm(make())
    now = 5000
    for one in (peeked, twin):
        one.refresh()
    for seed, (steps, context, mask, peeks, passed) in enumerate(story):
        now += passed
        context.now = now
        for step in steps:
            peeked.do(step, now)
            twin.do(step, now)
        told = [peeked.peek(context, mask) for _ in range(peeks)]
        number = peeked.pick(context, mask, seed)
        assert number == twin.pick(context, mask, seed)
        for candidates in told:
            assert candidates == told[0]
            assert len(set(candidates)) == len(candidates)
            assert number in candidates if number else candidates == []
            if not isinstance(peeked.algorithm, Random):
                assert len(candidates) <= 1


@pytest.mark.parametrize("name", DETERMINED)
@given(story=st.lists(STEPS, max_size=12))
@settings(max_examples=40, deadline=None)
def test_peek_and_pick_agree(name: str, story: list[tuple[list[tuple[int, int, int]], Context, int, int, int]]) -> None:
    play(DETERMINED[name], story)


@pytest.mark.parametrize(("draws", "factor"), [(1, 0), (2, 0), (2, 101), (3, 130)])
@given(story=st.lists(STEPS, max_size=12))
@settings(max_examples=40, deadline=None)
def test_what_is_drawn_was_a_candidate(
    draws: int, factor: int, story: list[tuple[list[tuple[int, int, int]], Context, int, int, int]]
) -> None:
    play(lambda: Random(draws, factor), story)


LOADS = st.lists(st.tuples(st.integers(1, 256), st.integers(0, 30)), min_size=1, max_size=6)


@given(LOADS, st.sampled_from([0, 101, 150]), st.integers(1, 3), st.integers(0, 63))
def test_each_candidate_can_be_drawn(loads: list[tuple[int, int]], factor: int, draws: int, mask: int) -> None:
    """And none but they, where all draws fall on one server: each of them in turn."""
    servers = farm(*[weight for weight, _ in loads])
    for server, (_, connections) in zip(servers, loads, strict=True):
        server.connections = connections
    algorithm = Random(draws, factor)
    algorithm.rebuild(list(servers))
    avoid = [server for place, server in enumerate(servers) if mask >> place & 1]
    left = [server for server in servers if server not in avoid] or servers
    total = sum(server.weight for server in left)
    drawn, before = set(), 0
    for server in left:
        with mock.patch("pointsman.balance.random_draws.random.random", return_value=(before + 0.5) / total):
            drawn.add(algorithm.pick(ANY, avoid))
        before += server.weight
    assert set(algorithm.peek(ANY, avoid)) == drawn


def test_a_peek_draws_no_number() -> None:
    algorithm = Random()
    algorithm.rebuild(list(farm(1, 2, 3)))
    before = random.getstate()
    assert len(algorithm.peek(ANY)) == 3
    assert random.getstate() == before


def test_a_peek_begins_no_second() -> None:
    """Of equal loads the rate decides, and whoever reads a rate first in a second sets where the second begins."""
    rates = []
    for peeks in (0, 3):
        servers = farm(1, 1)
        algorithm = Random(2, 101)
        algorithm.rebuild(list(servers))
        context = stream()
        for now in (5000, 6000):
            for server in servers:
                server.connections += 5  # more than either may have: the lighter one is looked for
                server.counters.sessions += 3
                server.counters.session_rate.read(now)
        context.now = 7100
        for _ in range(peeks):
            assert algorithm.peek(context)
        servers[0].counters.sessions += 7
        rates.append([server.counters.session_rate.read(7900) for server in servers])
    assert rates[0] == rates[1]


def test_nobody() -> None:
    for make in [*DETERMINED.values(), Random]:
        algorithm = make()
        algorithm.rebuild([])
        assert algorithm.peek(ANY) == []


def after(algorithm: Algorithm, first: Collection[Server], then: Collection[Server]) -> Server | None:
    algorithm.pick(ANY, first)
    return algorithm.pick(ANY, then)


@pytest.mark.parametrize("weights", [(1, 1), (2, 1, 3), tuple(4096 - 7 * index for index in range(20))])
@given(turns=st.integers(0, 50), first=st.integers(0, 7), then=st.integers(0, 7))
@settings(max_examples=40, deadline=None)
def test_behind_another_pick(weights: tuple[int, ...], turns: int, first: int, then: int) -> None:
    """Also where a pick passes over some, finds that it avoids all, or has no schedule."""
    servers = farm(*[1] * len(weights))
    for server, weight in zip(servers, weights, strict=True):
        server.share = weight
    robin = RoundRobin()
    robin.rebuild(list(servers))
    assert (robin.strides is not None) == (len(weights) == 20)
    for _ in range(turns):
        robin.pick(ANY)
    avoided = [[server for place, server in enumerate(servers) if mask >> place % 3 & 1] for mask in (first, then)]
    told = robin.peek(ANY, avoided[1], avoided[0])
    assert told == robin.peek(ANY, avoided[1], avoided[0])
    assert [after(robin, avoided[0], avoided[1])] == told


def test_two_lanes_see_the_same_turn() -> None:
    """The position is one for all lanes: what another lane has picked, a peek knows."""
    servers = list(farm(2, 1, 3))
    arenas = [Arena(2, 8), Arena(2, 8)]
    arenas[1].cells = arenas[0].cells
    lanes = [RoundRobin(), RoundRobin()]
    for lane, arena in zip(lanes, arenas, strict=True):
        lane.share(arena)
        lane.rebuild(list(servers))
    for turn in range(24):
        told = lanes[turn // 3 % 2].peek(ANY)
        assert told == lanes[0].peek(ANY) == lanes[1].peek(ANY)
        assert [lanes[turn % 2].pick(ANY)] == told


def test_every_algorithm_can_be_peeked_at() -> None:
    """One that is registered and does not say what it would choose raises here."""
    words = {"hash": "hash src", "hdr": "hdr(x)", "url_param": "url_param id"}
    for name in ALGORITHMS:
        loaded = load_text(f"backend b\n    balance {words.get(name, name)}\n", diagnostics := Diagnostics())
        algorithm = build(loaded.proxies[0], True, diagnostics)
        servers = farm(1, 1)
        algorithm.rebuild(list(servers))
        told = algorithm.peek(stream("/?id=1", fields={"x": "1"}))
        assert told and set(told) <= set(servers)


@given(st.lists(st.tuples(st.integers(0, 2500), st.integers(0, 5), st.booleans()), max_size=20))
def test_a_rate_is_told_without_a_trace(story: list[tuple[int, int, bool]]) -> None:
    """`Rate.peek` says what `read` says, and what is read later is the same with and without."""
    peeked, twin = farm(1, 1)
    now = 5000
    for passed, count, read in story:
        now += passed
        for server in (peeked, twin):
            server.counters.sessions += count
        told = peeked.counters.session_rate.peek(now)
        assert told == peeked.counters.session_rate.peek(now)
        if read:
            assert told == peeked.counters.session_rate.read(now) == twin.counters.session_rate.read(now)
        assert peeked.counters.session_rate.highest == twin.counters.session_rate.highest
