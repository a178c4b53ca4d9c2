"""A grant names the generation of its server: one that was added later under the same number is not meant."""

from lane_rows import Lane

from pointsman.server.backend import LiveServer
from pointsman.server.dial import Dial


def lanes(generation: int) -> tuple[Lane, Lane]:
    first = Lane(0, 2, None)
    both = (first, Lane(1, 2, first.arena.cells))
    for lane in both:
        server = LiveServer("s1", 1, lane.backend, Dial(), 1)
        server.be_generation(generation)
        server.maxconn = 1
        lane.backend.servers.append(server)
        lane.backend.refresh()
    return both


def successor(lane: Lane, generation: int) -> LiveServer:
    """Another server with the same number in the same cells, which count nothing any more."""
    before = lane.backend.servers[0]
    with lane.arena.placed(before.counters.table.first, 1 << 9):
        server = LiveServer("s1", 1, lane.backend, Dial(), 1)
    server.be_generation(generation)
    server.maxconn = 1
    lane.backend.servers[0] = server
    lane.backend.refresh()
    return server


def test_a_grant_for_a_server_that_is_gone_reaches_no_other() -> None:
    here, there = lanes(5)
    holder, waiter = here.begin(), there.begin()
    assert holder.server is not None and waiter.server is None
    holder.end()  # the slot is granted to the other lane, which has not looked yet
    old = here.backend.servers[0]
    assert here.backend.grants.pending(old.granted_as) == 1
    new = successor(here, 6)
    assert here.backend.grants.pending(new.granted_as) == 0
    assert not new.full  # the grant takes no slot of this one
    other = successor(there, 6)
    there.backend.look()
    # The waiter was not lost, and took a slot of its own of the one that is there now.
    assert waiter.server is other
    assert other.counters.held == 1
    assert here.backend.grants.pending(old.granted_as) == here.backend.grants.pending(new.granted_as) == 0


def test_servers_of_the_configuration_are_called_by_their_number() -> None:
    here = Lane(0, 1, None, 1)
    assert here.backend.servers[0].granted_as == 1
