"""Servers by hash: a key of the stream decides which server it is.

Two tables turn a hash into an order of servers, of which normally the first is taken:

    map-based   one slot per unit of weight, in smooth order; the hash modulo their number is the slot. Very even, but
                most keys move when a server comes or goes; weights are the configured ones.
    consistent  each server has points on a ring of 2**32 places, in proportion to its weight, which only depend on the
                server (hash-key); the next point upwards is the server's. What comes or goes moves only its own keys.

Without a key (no such header...) round robin takes over. Points are our own choice, so that a consistent hash does not
choose the same server as HAProxy's; a map with equal weights does.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterator
from hashlib import blake2b
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.balance.hashing import ALWAYS, MAXCONN, Function, Hashing
from pointsman.balance.load import allowed
from pointsman.balance.registry import Make
from pointsman.balance.roundrobin import RoundRobin, StaticRoundRobin, static_weight
from pointsman.balance.schedule import period
from pointsman.core.hashes import avalanche
from pointsman.sample.context import Context
from pointsman.sample.expression import Expression
from pointsman.server.algorithm import Algorithm
from pointsman.server.server import Server

DENSITY: Final = 8  # points per sixteenth of a weight: 128 for weight 1, where shares vary by about a tenth
PER_DIGEST: Final = 16  # a BLAKE2b digest holds 16 places of 32 bits
BITS: Final = 20  # a point is its place, then the index of its server in the lower bits
INDEX: Final = (1 << BITS) - 1


@mypyc_attr(allow_interpreted_subclasses=True)
class HashKey:
    """What of a stream is hashed."""

    def bytes(self, context: Context) -> bytes | None:
        """None: it has no key."""
        raise NotImplementedError

    def hash(self, context: Context, function: Function) -> int | None:
        key = self.bytes(context)
        return None if key is None else function(key)


class ServerTable:
    """Turns hashes into servers."""

    def __init__(self) -> None:
        self.servers: list[Server] = []

    def rebuild(self, servers: list[Server]) -> None:
        raise NotImplementedError

    def find(self, value: int) -> Server:
        """The server of a hash; there is at least one."""
        raise NotImplementedError

    def walk(self, value: int) -> Iterator[Server]:
        """All servers, each once, in the order in which this hash would have them."""
        raise NotImplementedError


class Map(ServerTable):
    """hash-type map-based."""

    def __init__(self) -> None:
        super().__init__()
        self.slots: list[Server] = []

    def rebuild(self, servers: list[Server]) -> None:
        self.servers = servers
        self.slots = []
        if servers:
            self.slots = [servers[index] for index in period([static_weight(server) for server in servers])]

    def find(self, value: int) -> Server:
        return self.slots[value % len(self.slots)]

    def walk(self, value: int) -> Iterator[Server]:
        start = value % len(self.slots)
        return once(self.slots[start:] + self.slots[:start], len(self.servers))


class Ring(ServerTable):
    """hash-type consistent."""

    def __init__(self) -> None:
        super().__init__()
        self.points: list[int] = []
        self.places: dict[Server, tuple[bytes, list[int]]] = {}  # of all servers ever seen, whose points never change

    def rebuild(self, servers: list[Server]) -> None:
        self.servers = servers
        points: list[int] = []
        for index, server in enumerate(servers):
            points += [place << BITS | index for place in self._places(server)]
        points.sort()
        self.points = points

    def _places(self, server: Server) -> list[int]:
        """As many as its weight asks for; more weight adds some and moves none."""
        name = server.hash_key or b"id %d" % (server.number & 0xFFFFFFF)
        count = server.effective * DENSITY
        known, places = self.places.get(server, (b"", []))
        if known != name:
            places = []
        while len(places) < count:
            digest = blake2b(b"%d %b" % (len(places) // PER_DIGEST, name)).digest()
            places += [int.from_bytes(digest[start : start + 4], "big") for start in range(0, 64, 4)]
        self.places[server] = (name, places)
        return places[:count]

    def find(self, value: int) -> Server:
        points = self.points
        index = bisect_left(points, value << BITS)
        return self.servers[points[index if index < len(points) else 0] & INDEX]

    def walk(self, value: int) -> Iterator[Server]:
        start = bisect_left(self.points, value << BITS)
        return once(
            [self.servers[point & INDEX] for point in self.points[start:] + self.points[:start]], len(self.servers)
        )


def once(turns: list[Server], count: int) -> Iterator[Server]:
    """Each of the `count` servers when it first comes up."""
    seen: set[Server] = set()
    for server in turns:
        if server not in seen:
            seen.add(server)
            yield server
            if len(seen) == count:
                return


class Hashed(Algorithm):
    """The server that a key names (manual 4.2: source, uri, url_param, hdr, hash)."""

    sticky = True

    def __init__(self, key: HashKey, hashing: Hashing) -> None:
        self.key = key
        self.function = hashing.function
        self.avalanche = hashing.avalanche
        self.factor = hashing.factor if hashing.consistent else 0
        self.affinity = hashing.affinity
        self.table: ServerTable = Ring() if hashing.consistent else Map()
        self.keyless: RoundRobin = RoundRobin() if hashing.consistent else StaticRoundRobin()

    def rebuild(self, servers: list[Server]) -> None:
        self.table.rebuild(servers)
        self.keyless.rebuild(servers)

    def pick(self, context: Context, avoid: Collection[Server] = ()) -> Server | None:
        value = self.key.hash(context, self.function)
        if value is None or not self.table.servers:
            return self.keyless.pick(context, avoid)
        return self._of_hash(value, avoid)

    def peek(
        self, context: Context, avoid: Collection[Server] = (), after: Collection[Server] | None = None
    ) -> list[Server]:
        """The server of the key, which moves nothing; without a key, whose turn it is."""
        value = self.key.hash(context, self.function)
        if value is None or not self.table.servers:
            return self.keyless.peek(context, avoid, after)
        return [self._of_hash(value, avoid)]

    def _of_hash(self, value: int, avoid: Collection[Server]) -> Server:
        if self.avalanche:
            value = avalanche(value)
        first = self.table.find(value)
        if self._takes(first) and (not avoid or first not in avoid):
            return first
        choice: Server | None = None
        for server in self.table.walk(value):
            if server in avoid:
                continue
            if self._takes(server):
                return server
            if choice is None or self.affinity == MAXCONN:
                choice = server  # where all are full it is the last one that waits (hash-preserve-affinity maxconn)
        return choice or first

    def _takes(self, server: Server) -> bool:
        """Whether nothing forbids to give it one more."""
        if self.affinity != ALWAYS and 0 < server.slots <= server.connections:
            if self.affinity == MAXCONN or 0 < server.maxqueue <= server.queued:
                return False
        return not self.factor or allowed(server, self.table.servers, self.factor)


def by_hash(key: HashKey, expression: Expression | None = None) -> Make:
    """What makes the algorithm of a key."""
    return Make(lambda hashing: Hashed(key, hashing), expression)
