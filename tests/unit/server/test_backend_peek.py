"""What a backend would choose, where servers are full, go down and come back: peeking agrees with picking and moves
nothing. A twin that is never peeked at chooses the same."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.balance.first import First
from pointsman.balance.hashed import Hashed
from pointsman.balance.hashing import Hashing
from pointsman.balance.leastconn import LeastConn
from pointsman.balance.random_draws import Random
from pointsman.balance.roundrobin import RoundRobin
from pointsman.balance.source import SourceKey
from pointsman.core.address import net_address
from pointsman.core.arena import Arena
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session
from pointsman.server.algorithm import Algorithm
from pointsman.server.backend import Backend, LiveServer
from pointsman.server.dial import Dial
from pointsman.server.server import FORCED_MAINT, Server

ALGORITHMS: dict[str, Callable[[], Algorithm]] = {
    "roundrobin": RoundRobin,
    "leastconn": LeastConn,
    "first": First,
    "source": lambda: Hashed(SourceKey(), Hashing()),
    "random": Random,
    "random with a factor": lambda: Random(2, 110),
}
BACKUP = 3  # the place of the backup server


def stream() -> Context:
    context = Context(ProxyFacts("f", 2, True), Session(ListenerFacts("", 1)))
    context.source = net_address("192.0.2.1", 40000)
    context.now = 5000
    return context


class Farm:
    def __init__(self, make: Callable[[], Algorithm], arena: Arena | None = None) -> None:
        self.backend = Backend("b", 1, True, make(), arena)
        for number in range(1, 5):
            server = LiveServer(f"s{number}", number, self.backend, Dial(), 1 + number % 2)
            server.backup = number == BACKUP + 1
            self.backend.servers.append(server)
        self.backend.refresh()
        self.open: list[LiveServer] = []

    def avoided(self, mask: int) -> list[Server]:
        return [server for place, server in enumerate(self.backend.servers) if mask >> place & 1]

    def do(self, kind: int, place: int, number: int) -> None:
        server = self.backend.servers[place]
        if kind == 0:
            server.maxconn = number % 3
        elif kind == 1:
            server.admin = FORCED_MAINT if number % 2 else 0
        elif kind == 2:
            server.weight = number
        elif kind == 3 and self.open:
            self.backend.release(self.open.pop(number % len(self.open)))
            return
        self.backend.changed(server)

    def pick(self, mask: int, seed: int) -> LiveServer | None:
        random.seed(seed)
        server = self.backend.pick(stream(), self.avoided(mask))
        if server is not None and self.backend.reserve(server):
            self.open.append(server)
        return server


STORY = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 6)), max_size=3),
        st.one_of(st.just(0), st.integers(0, 15)),
        st.integers(0, 3),
    ),
    max_size=15,
)


@pytest.mark.parametrize("name", ALGORITHMS)
@given(story=STORY)
@settings(max_examples=40, deadline=None)
def test_peek_and_pick_agree(name: str, story: list[tuple[list[tuple[int, int, int]], int, int]]) -> None:
    peeked, twin = Farm(ALGORITHMS[name]), Farm(ALGORITHMS[name])
    for seed, (steps, mask, peeks) in enumerate(story):
        for step in steps:
            peeked.do(*step)
            twin.do(*step)
        told = [peeked.backend.peek(stream(), peeked.avoided(mask)) for _ in range(peeks)]
        server, other = peeked.pick(mask, seed), twin.pick(mask, seed)
        assert (server and server.name) == (other and other.name)
        for candidates in told:
            assert candidates == told[0]
            if "random" not in name:
                assert candidates == ([] if server is None else [server])
            else:
                assert candidates == [] if server is None else server in candidates


def test_a_full_server_is_passed_over() -> None:
    """s1's turn comes, and it is full: a pick takes its turn and the next one, a peek says so and takes none."""
    farm = Farm(RoundRobin)
    for server in farm.backend.servers:
        server.weight = 1
    farm.backend.servers[0].maxconn = 1
    farm.backend.changed(farm.backend.servers[0])
    first = farm.pick(0, 0)
    assert first is farm.backend.servers[0]
    assert [farm.pick(0, 0), farm.pick(0, 0)] == farm.backend.servers[1:3]
    assert farm.backend.peek(stream()) == farm.backend.peek(stream()) == [farm.backend.servers[1]]
    farm.backend.release(first)
    assert farm.backend.peek(stream()) == [first]


def test_a_full_server_whose_turn_it_is_among_servers_that_failed() -> None:
    """All have failed this stream: the first choice is whose turn it is. It is full, so that a pick takes two turns."""
    farm = Farm(RoundRobin)
    for server in farm.backend.servers:
        server.weight = 1
    farm.backend.servers[0].maxconn = 1
    farm.backend.changed(farm.backend.servers[0])
    assert farm.pick(0, 0) is farm.backend.servers[0]
    for _ in range(2):
        farm.pick(0, 0)
    told = farm.backend.peek(stream(), farm.avoided(15))
    assert told == farm.backend.peek(stream(), farm.avoided(15)) == [farm.backend.servers[1]]
    assert farm.pick(15, 0) is told[0]


def test_two_lanes() -> None:
    """A lane knows of a server's maintenance, of its slots and of turns that another lane has taken."""
    arenas = [Arena(2, 1 << 13), Arena(2, 1 << 13)]
    arenas[1].cells = arenas[0].cells
    arenas[1].lane = 1
    here, there = Farm(RoundRobin, arenas[0]), Farm(RoundRobin, arenas[1])
    for _ in range(5):
        told = here.backend.peek(stream())
        other = there.pick(0, 0)
        assert other is not None
        assert [server.name for server in told] == [other.name]
    there.backend.servers[1].admin = FORCED_MAINT
    there.backend.changed(there.backend.servers[1])
    for _ in range(4):
        told = here.backend.peek(stream())
        assert told == here.backend.peek(stream())
        assert told[0] is not here.backend.servers[1]
        other = there.pick(0, 0)
        assert other is not None and other.name == told[0].name
