"""Servers by hash: the program's own choices on a map, and the promises of a ring."""

from collections import Counter

import pytest
from farm import ANY, Waited, farm, stream
from hypothesis import given, settings
from hypothesis import strategies as st

import pointsman.keywords
from pointsman.balance.build import build, hash_key
from pointsman.balance.hashed import DENSITY, Hashed, HashKey, Ring
from pointsman.balance.hashing import ALWAYS, MAXCONN, MAXQUEUE, Hashing
from pointsman.balance.hdr import main_domain
from pointsman.balance.source import SourceKey
from pointsman.balance.uri import Uri
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics
from pointsman.sample.context import Context
from pointsman.server.algorithm import Algorithm
from pointsman.server.server import Server

assert pointsman.keywords
SOURCES = [f"192.0.2.{last}" for last in range(1, 9)] + [
    "10.1.2.3",
    "172.31.6.124",
    "8.8.8.8",
    "2001:db8::1",
    "2001:db8:1:2::7f",
    "::1",
]
URIS = [
    "/",
    "/a",
    "/a?b=c",
    "/abc/def/ghi",
    "/abc/def/ghi?x=1",
    "//x",
    "/a/b/c/d/e",
    "http://host.example/a/b/c",
    "http://host.example/a/b/c?q=1/2/3",
    "/q?a=/b/c/d",
    "/r1/s7",
    "/r2/s14",
]
HEADERS = ["Firefox", "one, two", "a,b,c", "www.example.com", "v1", "v2", "v3"]
HOSTS = [
    "haproxy.1wt.eu",
    "www.example.com",
    "a.b.c.d.example.co.uk",
    "localhost",
    "www.example.com:8080",
    "192.168.1.10",
    "a..b",
    "[::1]:80",
    "foo.com.",
]
QUERIES = [
    "/?id=abc",
    "/?x=1&id=abc",
    "/p?id=a%20b",
    "/p?id=a;b&c",
    "/p?id=1&id=2",
    "/p?xid=1&id=zz",
    "/p?id=a?id=b",
    "/p?id=&id=5",
]
USERS = [
    "Administrator",
    "user1",
    "user2",
    r"CORP\jane",
    "jane@example.com",
    "x",
    "3640205228.15629.0000",
    "a very long name of a user",
]


def logging_in(name: str, user: str) -> Context:
    """The first bytes of an RDP connection have come."""
    context = stream()
    context.request_bytes = bytes(11) + f"Cookie: {name}={user}\r\n".encode()
    return context


STREAMS = {
    "users": [logging_in("mstshash", user) for user in USERS],
    "tokens": [logging_in("msts", user) for user in USERS],
    "sources": [stream(source=source) for source in SOURCES],
    "uris": [stream(uri) for uri in URIS],
    "headers": [stream(fields={"x-id": value}) for value in HEADERS],
    "hosts": [stream(fields={"x-id": value}) for value in HOSTS],
    "queries": [stream(query) for query in QUERIES],
}

# What HAProxy 2.6 chose of seven servers s1 to s7 of weight 1 for these streams, in their order.
CHOSEN = [
    ("sources", "balance source", "67123456352622"),
    ("sources", "balance source|hash-type map-based djb2", "67123456352622"),
    ("sources", "balance source|hash-type map-based sdbm avalanche", "14363755733564"),
    ("uris", "balance uri", "633665266565"),
    ("uris", "balance uri whole", "634615264165"),
    ("uris", "balance uri len 8", "633665255565"),
    ("uris", "balance uri depth 2", "633665733565"),
    ("uris", "balance uri len 6 depth 1", "633556311556"),
    ("uris", "balance uri path-only", "633665222565"),
    ("uris", "balance uri path-only whole depth 1", "634556333656"),
    ("uris", "balance uri|hash-type map-based djb2", "333227722567"),
    ("uris", "balance uri|hash-type map-based crc32 avalanche", "744666655372"),
    ("uris", "balance uri|hash-type map-based sdbm avalanche", "777776455356"),
    ("headers", "balance hdr(X-Id)", "4775671"),
    ("headers", "balance hdr(x-id)|hash-type map-based djb2 avalanche", "3127151"),
    ("hosts", "balance hdr(x-id) use_domain_only", "512611353"),
    ("queries", "balance url_param id", "22171321"),
    ("queries", "balance url_param id|hash-type map-based crc32", "66133531"),
    ("sources", "balance hash src", "34567123467512"),
    ("headers", "balance hash req.hdr(x-id)", "4725671"),
    ("headers", "balance hash req.hdr(x-id),crc32", "7311345"),
    ("uris", "balance hash path,length", "233664477371"),
    # Asked of 3.2: there the last source, ::1, is 0.0.0.1 for ipmask.
    ("sources", "balance hash src,ipmask(24)|hash-type map-based djb2", "77777777431127"),
    ("users", "balance rdp-cookie", "51276254"),
    ("users", "balance rdp-cookie(mstshash)|hash-type map-based djb2", "73477645"),
    ("users", "balance rdp-cookie(MSTSHASH)|hash-type map-based crc32 avalanche", "51162511"),
    ("tokens", "balance rdp-cookie(msts)", "51276254"),
]


def configured(lines: str, mode: str = "http") -> Algorithm:
    found = Diagnostics()
    text = f"backend b\n mode {mode}\n " + lines.replace("|", "\n ") + "\n"
    configuration = load_text(text, found)
    assert [finding.message for finding in found.findings] == []
    return build(configuration.proxies[0], mode == "http", found)


def numbers(algorithm: Algorithm, streams: list[Context]) -> list[int]:
    found = []
    for context in streams:
        server = algorithm.pick(context)
        assert server is not None
        found.append(server.number)
    return found


@pytest.mark.parametrize(("streams", "lines", "expected"), CHOSEN)
def test_a_map_chooses_as_the_program_does(streams: str, lines: str, expected: str) -> None:
    algorithm = configured(lines)
    algorithm.rebuild(list(farm(*[1] * 7)))
    assert "".join(map(str, numbers(algorithm, STREAMS[streams]))) == expected


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        (b"haproxy.1wt.eu", b"1wt"),
        (b"example.com", b"example"),
        (b"a", b"a"),
        (b"www.example.com:80", b"example"),
        (b"", b""),
        (b"x.", b"x"),
    ],
)
def test_main_domain(host: bytes, domain: bytes) -> None:
    assert main_domain(host) == domain


@pytest.mark.parametrize(
    ("lines", "keyless"),
    [
        ("balance hdr(x-id)", [stream(), stream(fields={"x-id": ""}), stream(fields={"x-id": " ,a"})]),
        ("balance url_param id", [stream("/"), stream("/?id"), stream("/?ids=1&ID=2")]),
        ("balance hash req.hdr(x-id)", [stream()] * 3),
        ("balance uri path-only", [stream("*")] * 3),
        ("balance rdp-cookie", [stream(), logging_in("msts", "1.2.0"), logging_in("mstshash", "x\r")]),
    ],
)
def test_without_a_key_it_goes_around(lines: str, keyless: list[Context]) -> None:
    for kind in ("map-based", "consistent"):
        algorithm = configured(f"{lines}|hash-type {kind}")
        algorithm.rebuild(list(farm(1, 1, 1)))
        assert numbers(algorithm, keyless) == [1, 2, 3]


def test_without_a_request_or_an_address_there_is_no_key() -> None:
    context = stream()
    context.request = None
    context.source = type(context.source)(1, b"", b"unix", 0)
    for lines in ("balance uri", "balance hdr(x)", "balance url_param x", "balance source"):
        algorithm = configured(lines)
        algorithm.rebuild(list(farm(1, 1)))
        assert numbers(algorithm, [context] * 3) == [1, 2, 1]


def test_function_none_takes_numbers_as_they_are() -> None:
    algorithm = configured("balance hash req.hdr(x-id)|hash-type map-based none")
    algorithm.rebuild(list(farm(1, 1, 1)))
    streams = [stream(fields={"x-id": text}) for text in ("0", "1", "2", "3", "4294967296", "abc", "-1")]
    assert numbers(algorithm, streams) == [1, 2, 3, 1, 1, 1, 1 + 0xFFFFFFFF % 3]
    algorithm = configured("balance hash str(40),add(2)|hash-type map-based none")
    algorithm.rebuild(list(farm(*[1] * 50)))
    assert numbers(algorithm, [ANY]) == [43]


def test_a_map_follows_weights_exactly_and_ignores_changes() -> None:
    algorithm = Hashed(SourceKey(), Hashing())
    servers = farm(2, 1, 3)
    servers[1].weight = 100
    algorithm.rebuild(list(servers))
    streams = [stream(source=f"10.0.{third}.{last}") for third in range(6) for last in range(100)]
    assert Counter(numbers(algorithm, streams)) == {1: 200, 2: 100, 3: 300}


class Number(HashKey):
    """The key is what `now` says."""

    def bytes(self, context: Context) -> bytes | None:
        return b"key %d" % context.now


CONSISTENT = Hashing(consistent=True, avalanche=True)


def choices(algorithm: Algorithm, count: int = 400, avoid: tuple[Server, ...] = ()) -> list[Server | None]:
    context = stream()
    found = []
    for now in range(count):
        context.now = now
        found.append(algorithm.pick(context, avoid))
    return found


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=8), st.data())
def test_only_the_keys_of_a_lost_server_move(weights: list[int], data: st.DataObject) -> None:
    servers = farm(*weights)
    algorithm = Hashed(Number(), CONSISTENT)
    algorithm.rebuild(list(servers))
    before = choices(algorithm)
    lost = data.draw(st.sampled_from(servers))
    algorithm.rebuild([server for server in servers if server is not lost])
    after = choices(algorithm)
    assert lost not in after
    assert all(old is new for old, new in zip(before, after, strict=True) if old is not lost)
    algorithm.rebuild(list(servers))
    assert choices(algorithm) == before


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=6), st.integers(1, 40))
def test_more_weight_only_attracts(weights: list[int], more: int) -> None:
    servers = farm(*weights)
    algorithm = Hashed(Number(), CONSISTENT)
    algorithm.rebuild(list(servers))
    before = choices(algorithm)
    servers[0].weight += more
    algorithm.rebuild(list(servers))
    assert all(new is old or new is servers[0] for old, new in zip(before, choices(algorithm), strict=True))


def test_shares_of_a_ring_are_near_the_weights() -> None:
    servers = farm(2, 1, 3, 1, 1)
    algorithm = Hashed(Number(), CONSISTENT)
    algorithm.rebuild(list(servers))
    counts = Counter(choices(algorithm, 8000))
    for server in servers:
        assert 0.7 < counts[server] / (1000 * server.weight) < 1.3


def test_two_balancers_agree_by_address() -> None:
    """hash-key addr-port: the order in which the servers stand doesn't matter."""
    ports = (8001, 8002, 8003)
    rings = []
    for order in (ports, ports[::-1]):
        servers = farm(1, 1, 1)
        for server, port in zip(servers, order, strict=True):
            server.hash_key = hash_key("addr-port", server.number, "", "192.0.2.1", port)
        ring = Ring()
        ring.rebuild(list(servers))
        rings.append([order[ring.find(place).number - 1] for place in range(0, 1 << 32, 1 << 24)])
    assert rings[0] == rings[1]
    assert len(set(rings[0])) == 3


def test_what_a_hash_key_is() -> None:
    same = hash_key("id", 7, "", "", None)
    assert hash_key("id", (1 << 28) + 7, "g", "h", 1) == same  # 28 bits of the id count
    assert hash_key("id32", (1 << 28) + 7, "", "", None) != same
    assert hash_key("guid", 7, "", "h", 1) == hash_key("addr", 7, "g", "", 1) == same  # unknown: the id
    assert hash_key("guid", 7, "g", "h", 1) == hash_key("guid", 8, "g", "i", 2) != same
    assert hash_key("addr", 7, "", "h", 1) == hash_key("addr", 8, "", "h", 2)
    assert hash_key("addr-port", 7, "", "h", 1) != hash_key("addr-port", 7, "", "h", 2)
    server = farm(1)[0]
    ring = Ring()
    ring.rebuild([server])
    old = ring.points
    server.hash_key = hash_key("id", 1, "", "", None)
    ring.rebuild([server])
    assert ring.points == old
    assert len(old) == 16 * DENSITY


@settings(deadline=None, max_examples=40)
@given(st.booleans(), st.lists(st.integers(1, 9), min_size=1, max_size=6), st.sets(st.integers(0, 5)))
def test_avoid_is_honoured_if_there_is_another(consistent: bool, weights: list[int], avoided: set[int]) -> None:
    servers = farm(*weights)
    avoid = tuple(server for index, server in enumerate(servers) if index in avoided)
    algorithm = Hashed(Number(), Hashing(consistent=consistent))
    algorithm.rebuild(list(servers))
    plain = choices(algorithm, 50)
    others = [server for server in servers if server not in avoid]
    for first, second in zip(plain, choices(algorithm, 50, avoid), strict=True):
        assert second in (others or servers)
        if not others or first in others:
            assert second is first


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(101, 300))
def test_bounded_loads(weights: list[int], factor: int) -> None:
    """hash-balance-factor: one hot key does not drown its server; nobody carries more than its bound, rounded up."""
    servers = farm(*weights)
    algorithm = Hashed(Uri(), Hashing(consistent=True, factor=factor))
    algorithm.rebuild(list(servers))
    for total in range(1, 60):
        server = algorithm.pick(ANY)
        assert server is not None
        server.connections += 1
        bound = factor * total * server.weight / (100 * sum(weights))
        assert server.connections < bound + 1


def test_a_map_knows_no_bound() -> None:
    algorithm = Hashed(Uri(), Hashing(factor=101))
    servers = farm(1, 1)
    algorithm.rebuild(list(servers))
    first = algorithm.pick(ANY)
    assert first is not None
    first.connections = 1000
    assert algorithm.pick(ANY) is first


def affine(affinity: int, consistent: bool) -> tuple[Hashed, list[Waited], list[Waited]]:
    """An algorithm, its servers, and these in the order in which ANY would have them."""
    servers = farm(1, 1, 1)
    algorithm = Hashed(Uri(), Hashing(consistent=consistent, affinity=affinity))
    algorithm.rebuild(list(servers))
    order = [server for server in algorithm.table.walk(algorithm.function(b"/")) if isinstance(server, Waited)]
    assert sorted(server.number for server in order) == [1, 2, 3]
    assert algorithm.pick(ANY) is order[0]
    return algorithm, servers, order


@pytest.mark.parametrize("consistent", [False, True])
def test_affinity(consistent: bool) -> None:
    algorithm, servers, order = affine(ALWAYS, consistent)
    for server in servers:
        server.maxconn = server.connections = server.maxqueue = server.waiters = 1
    assert algorithm.pick(ANY) is order[0]
    algorithm, servers, order = affine(MAXCONN, consistent)
    order[0].connections = 5
    assert algorithm.pick(ANY) is order[0]  # no limit: no effect
    order[0].maxconn = 5
    assert algorithm.pick(ANY) is order[1]
    order[1].maxconn = order[1].connections = 1
    assert algorithm.pick(ANY) is order[2]
    order[2].maxconn = order[2].connections = 1
    assert algorithm.pick(ANY) is order[2]  # all full: it waits for the last one before the first
    algorithm, servers, order = affine(MAXQUEUE, consistent)
    order[0].maxconn = order[0].connections = 1
    assert algorithm.pick(ANY) is order[0]  # the queue has no limit
    order[0].maxqueue = 2
    order[0].waiters = 1
    assert algorithm.pick(ANY) is order[0]
    order[0].waiters = 2
    assert algorithm.pick(ANY) is order[1]


def test_nobody() -> None:
    for consistent in (False, True):
        algorithm = Hashed(Uri(), Hashing(consistent=consistent))
        assert algorithm.pick(ANY) is None
        algorithm.rebuild(list(farm(1, 1)))
        algorithm.rebuild([])
        assert algorithm.pick(ANY) is None
