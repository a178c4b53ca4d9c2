"""Comparing the loads of servers, with their weights."""

from collections.abc import Sequence

from pointsman.server.server import Server


def lighter(one: Server, other: Server, now: int) -> bool:
    """Whether one carries less for its weight; of equals, whether it began fewer sessions in the last second."""
    difference = one.connections * other.effective - other.connections * one.effective
    if difference:
        return difference < 0
    rate = one.counters.session_rate.read(now)
    return rate * other.effective < other.counters.session_rate.read(now) * one.effective


def looks_lighter(one: Server, other: Server, now: int) -> bool:
    """The same, with nothing remembered of having looked (`Rate.peek`)."""
    difference = one.connections * other.effective - other.connections * one.effective
    if difference:
        return difference < 0
    rate = one.counters.session_rate.peek(now)
    return rate * other.effective < other.counters.session_rate.peek(now) * one.effective


def allowed(server: Server, servers: Sequence[Server], factor: int) -> bool:
    """Whether a server may take one more: it then carries at most `factor` percent of its share of the whole load,
    rounded up (manual 4.2 hash-balance-factor). With a factor above 100 at least one server may."""
    load = 1
    weights = 0
    for one in servers:
        load += one.connections
        weights += one.effective
    return server.connections * 100 * weights < factor * load * server.effective
