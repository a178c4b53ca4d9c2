"""Least connections, and first: both look at what servers carry."""

from farm import ANY, Waited, begin, end, farm
from hypothesis import given
from hypothesis import strategies as st

from pointsman.balance.first import First
from pointsman.balance.leastconn import LeastConn
from pointsman.core.arena import Arena


def test_idle_servers_take_turns_whatever_their_weight() -> None:
    """As the program does with weights 2, 1, 3 and one request after the other."""
    least = LeastConn()
    least.rebuild(list(farm(2, 1, 3)))
    found = []
    for _ in range(7):
        server = least.pick(ANY)
        assert server is not None
        found.append(server.number)
        begin(least, server)
        end(least, server)
    assert found == [1, 2, 3, 1, 2, 3, 1]


def test_slow_servers_get_less() -> None:
    """The episode on leastconn: two servers hold on to their streams, so the third gets the traffic."""
    least = LeastConn()
    servers = farm(1, 1, 1)
    least.rebuild(list(servers))
    counts = {1: 0, 2: 0, 3: 0}
    for _ in range(20):
        server = least.pick(ANY)
        assert server is not None
        counts[server.number] += 1
        begin(least, server)
        if server.number == 2:
            end(least, server)
    assert counts == {1: 1, 2: 18, 3: 1}


def test_weights_divide_the_load() -> None:
    least = LeastConn()
    servers = farm(1, 3)
    least.rebuild(list(servers))
    for _ in range(40):
        server = least.pick(ANY)
        assert server is not None
        begin(least, server)
    assert [server.connections for server in servers] == [10, 30]


def test_the_longest_idle_wins() -> None:
    least = LeastConn()
    servers = farm(1, 1, 1)
    least.rebuild(list(servers))
    for server in servers:
        begin(least, server)
    for index in (2, 0, 1):
        end(least, servers[index])
    assert least.pick(ANY) is servers[2]


def test_lanes_agree_who_has_waited_longest() -> None:
    """One after the other, in turns on two lanes: idle servers go around as if there were one lane."""
    arenas = [Arena(2, 8), Arena(2, 8)]
    arenas[1].cells = arenas[0].cells
    servers = farm(1, 1, 1)
    lanes = [LeastConn(), LeastConn()]
    for lane, arena in zip(lanes, arenas, strict=True):
        lane.share(arena)
        lane.rebuild(list(servers))
    found = []
    for turn in range(9):
        lane = lanes[turn % 2]
        server = lane.pick(ANY)
        assert server is not None
        found.append(server.number)
        begin(lane, server)
        end(lane, server)
    assert found == [1, 2, 3] * 3


def test_waiters_are_load() -> None:
    least = LeastConn()
    servers = farm(1, 1)
    servers[0].waiters = 1
    least.rebuild(list(servers))
    assert least.pick(ANY) is servers[1]


FARMS = st.lists(
    st.tuples(st.integers(1, 256), st.integers(0, 50), st.integers(0, 9), st.integers(1, 16)), min_size=1, max_size=12
)


def loaded(drawn: list[tuple[int, int, int, int]]) -> list[Waited]:
    servers = farm(*[weight for weight, _, _, _ in drawn])
    for server, (_, connections, waiters, share) in zip(servers, drawn, strict=True):
        server.connections, server.waiters, server.share = connections, waiters, share
    return servers


@given(FARMS, st.sets(st.integers(0, 11)))
def test_never_a_busier_one(drawn: list[tuple[int, int, int, int]], avoided: set[int]) -> None:
    servers = loaded(drawn)
    avoid = [server for index, server in enumerate(servers) if index in avoided]
    least = LeastConn()
    least.rebuild(list(servers))
    chosen = least.pick(ANY, avoid)
    assert chosen is not None
    others = [server for server in servers if server not in avoid] or servers
    assert chosen in others
    for other in others:
        assert (chosen.connections + chosen.queued) * other.effective <= (
            other.connections + other.queued
        ) * chosen.effective


def test_changes_of_the_farm() -> None:
    least = LeastConn()
    servers = farm(1, 1, 1)
    assert least.pick(ANY) is None
    least.rebuild(list(servers))
    begin(least, servers[0])
    least.rebuild(servers[1:])
    end(least, servers[0])  # it is gone: nothing to note
    assert least.pick(ANY) is servers[1]
    least.rebuild(list(servers))
    assert least.pick(ANY, servers[:2]) is servers[2]
    least.rebuild([])
    assert least.pick(ANY) is None


def test_first_fills_in_the_order_of_ids() -> None:
    first = First()
    servers = farm(1, 1, 1)
    servers[0].number = 9
    for server in servers:
        server.maxconn = 2
    first.rebuild(list(servers))
    found = []
    for _ in range(6):
        server = first.pick(ANY)
        assert server is not None
        found.append(server.number)
        begin(first, server)
    assert found == [2, 2, 3, 3, 9, 9]
    assert first.pick(ANY) is servers[1]  # all full: the first, where it waits
    end(first, servers[2])
    assert first.pick(ANY) is servers[2]


def test_first_without_limits_and_with_avoid() -> None:
    first = First()
    servers = farm(1, 1)
    first.rebuild(list(servers))
    for _ in range(5):
        begin(first, servers[0])
    assert first.pick(ANY) is servers[0]
    assert first.pick(ANY, [servers[0]]) is servers[1]
    assert first.pick(ANY, servers) is servers[0]
    first.rebuild([])
    assert first.pick(ANY, servers) is None
