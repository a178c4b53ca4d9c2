"""Idle connections that differ: shared among equals, and few of them, whatever they differ in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pool_lanes import Lanes
from support.stand import End, Stand

from pointsman.core.address import NetAddress, net_address
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session
from pointsman.server.connection import ServerConnection
from pointsman.server.outgoing_header import OutgoingHeader
from pointsman.server.pool import REUSE_AGGRESSIVE, REUSE_ALWAYS, REUSE_NEVER, REUSE_SAFE
from pointsman.server.pool_key import KeyPart, PoolKey, key_of


class Said(KeyPart):
    """What a test says."""

    def __init__(self) -> None:
        self.said = b""

    def value(self, context: Context) -> bytes:
        return self.said


class HostName(KeyPart):
    """Connections belong to what the request is for: as a name of the server in a handshake would have it."""

    def value(self, context: Context) -> bytes:
        request = context.request
        return next((one.value for one in request.fields if one.name == b"host"), b"") if request is not None else b""


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    made = Lanes()
    for server in made.servers:
        server.key_parts.append(Said())
        server.settle()
        server.pool.need = 100
    yield made
    made.close()
    assert made.shown() == (0, 0, 0)


def give(lanes: Lanes, lane: int, key: bytes, served: int = 1) -> ServerConnection:
    made = lanes.connection(lane, served)
    made.key = key
    server = lanes.servers[lane]
    server.step(server.pool.give_equal(made), b"", b"")
    return made


def take(lanes: Lanes, key: bytes, mode: int = REUSE_ALWAYS, first: bool = False) -> ServerConnection | None:
    server = lanes.servers[0]
    found = server.pool.take_equal(key, mode, first)
    if found is not None:
        server.step(b"", found.unpool(), b"")
    return found


def test_only_equals_are_taken_the_last_one_first(lanes: Lanes) -> None:
    one, two, other = give(lanes, 0, b"a"), give(lanes, 0, b"a"), give(lanes, 0, b"b")
    assert lanes.shown() == (3, 3, 0)
    assert take(lanes, b"c") is None
    assert take(lanes, b"a") is two
    assert take(lanes, b"a") is one
    assert take(lanes, b"a") is None
    assert lanes.shown() == (3, 1, 0)
    assert take(lanes, b"b") is other
    assert lanes.servers[0].pool.stacks == {}
    for connection in (one, two, other):
        connection.close()


def test_http_reuse_holds_for_each_key(lanes: Lanes) -> None:
    fresh, used = give(lanes, 0, b"a"), give(lanes, 0, b"b", served=2)
    assert take(lanes, b"a", REUSE_NEVER) is None
    assert take(lanes, b"a", REUSE_SAFE, True) is None
    assert take(lanes, b"a", REUSE_AGGRESSIVE, True) is None
    assert take(lanes, b"b", REUSE_AGGRESSIVE, True) is used
    assert take(lanes, b"a", REUSE_SAFE, False) is fresh
    for connection in (fresh, used):
        connection.close()


def test_the_limit_is_for_all_keys_and_lanes(lanes: Lanes) -> None:
    for server in lanes.servers:
        server.pool.limit = 3
    first = give(lanes, 0, b"a")
    rest = [give(lanes, 1, b"b"), give(lanes, 0, b"c")]
    assert lanes.shown() == (3, 3, 0)
    last = give(lanes, 0, b"d")  # the key that was given longest ago makes room, in this lane
    assert not first.is_open
    assert [one.is_open for one in (*rest, last)] == [True] * 3
    assert lanes.shown() == (3, 3, 0)


def test_a_lane_that_has_none_closes_what_comes_beyond_the_limit(lanes: Lanes) -> None:
    for server in lanes.servers:
        server.pool.limit = 2
    kept = [give(lanes, 1, b"a"), give(lanes, 1, b"b")]
    assert not give(lanes, 0, b"c").is_open
    assert all(one.is_open for one in kept)
    assert lanes.shown() == (2, 2, 0)


def test_more_than_are_needed_make_room_one_by_one(lanes: Lanes) -> None:
    """A client that is gone leaves what nobody else may use: that is closed, not what the present one brings."""
    lanes.servers[0].pool.need = 2
    given = [give(lanes, 0, b"%d" % number) for number in range(10)]
    assert [one.is_open for one in given] == [False] * 7 + [True] * 3
    assert lanes.shown() == (3, 3, 0)


def test_the_oldest_of_a_stack_makes_room(lanes: Lanes) -> None:
    lanes.servers[0].pool.need = 2
    given = [give(lanes, 0, b"a") for _ in range(3)]
    given[0].close()  # the server did: it lies there still
    given += [give(lanes, 0, b"a"), give(lanes, 0, b"a")]
    assert [one.is_open for one in given] == [False, False, True, True, True]


def test_there_are_not_any_number_of_stacks(lanes: Lanes) -> None:
    lanes.servers[0].pool.most_stacks = 4
    given = [give(lanes, 0, b"%d" % number) for number in range(10)]
    assert [one.is_open for one in given] == [False] * 6 + [True] * 4
    assert len(lanes.servers[0].pool.stacks) == 4
    assert lanes.shown() == (4, 4, 0)


def test_what_is_old_is_purged_and_what_has_closed_is_forgotten(lanes: Lanes) -> None:
    pool = lanes.servers[0].pool
    old, gone, new = give(lanes, 0, b"a"), give(lanes, 0, b"b"), give(lanes, 0, b"c")
    old.since -= pool.keep_for
    gone.close()
    pool.purge(lanes.reactor.now)
    assert not old.is_open and new.is_open
    assert list(pool.stacks) == [b"c"] and pool.idle == [new]


addresses = st.builds(
    net_address,
    st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str), st.sampled_from(["10.0.0.1", "::1"])),
    st.integers(0, 65_535) | st.sampled_from([80, 81]),
)


def context(source: NetAddress, destination: NetAddress) -> Context:
    made = Context(ProxyFacts("f", 2, True), Session(ListenerFacts("", 1)))
    made.source, made.destination = source, destination
    return made


@given(
    st.tuples(addresses, addresses), st.tuples(addresses, addresses), st.booleans(), st.booleans(), st.integers(0, 2)
)
def test_keys_are_equal_where_all_that_counts_is(
    one: tuple[NetAddress, NetAddress], other: tuple[NetAddress, NetAddress], address: bool, port: bool, version: int
) -> None:
    key = key_of(address, port, OutgoingHeader(version, 0, []) if version else None, [])
    if key is None:
        assert not address and not port and not version
        return
    equal = (
        (not address or one[1].packed == other[1].packed)
        and (not port or one[1].port == other[1].port)
        and (not version or one[0].same(other[0]) and one[1].same(other[1]))
    )
    assert (key.value(context(*one)) == key.value(context(*other))) == equal


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=3), st.lists(st.binary(max_size=4), min_size=1, max_size=3))
def test_parts_do_not_run_into_each_other(one: list[bytes], other: list[bytes]) -> None:
    nowhere = net_address("0.0.0.0", 0)

    def value(said: list[bytes]) -> bytes:
        parts: list[KeyPart] = []
        for text in said:
            part = Said()
            part.said = text
            parts.append(part)
        return PoolKey(parts).value(context(nowhere, nowhere))

    assert value(one) != b""
    if len(one) == len(other):
        assert (value(one) == value(other)) == (one == other)


CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    http-reuse always
    server s {a}
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_a_part_of_whatever_kind() -> None:
    """One that this program does not have: it is asked for each request, and nothing else has to know of it."""
    with Stand(CONFIG, "a") as stand:
        server = stand.server("s")
        server.key_parts.append(HostName())
        server.settle()
        ends: dict[bytes, End] = {}
        for host in (b"x", b"y", b"x", b"x", b"y", b"z"):
            client = stand.client()
            client.send(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host)
            new = stand.arrivals("a")
            assert len(new) == (host not in ends)
            for end in new:
                ends[host] = end
            assert b"host: %b\r\n" % host in ends[host].take()
            ends[host].send(OK)
            assert client.take().endswith(b"ok")


def test_a_server_whose_connections_are_alike_has_no_key() -> None:
    with Stand(CONFIG, "a") as stand:
        pool = stand.server("s").pool
        assert pool.key is None and pool.plain


def test_in_tcp_mode_nothing_is_pooled() -> None:
    text = (
        CONFIG.replace("mode http", "mode tcp").replace("    http-reuse always\n", "").replace("{a}", "{a} send-proxy")
    )
    with Stand(text, "a") as stand:
        assert stand.server("s").pool.key is None
        for _ in range(2):
            client = stand.client()
            client.send(b"hello")
            server = stand.accept("a")  # a new one each time
            header, _, rest = server.take().partition(b"\r\n")
            assert header.startswith(b"PROXY TCP4 ") and rest == b"hello"
            server.close()
            client.close()
        assert stand.server("s").links == 0
