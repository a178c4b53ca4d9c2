"""Stick rules as streams run them: what a table says of a key, and what it learns (manual 4.2, stick).

An entry of a table names a server twice: by its number (server_id), which holds in every backend that shares the table,
and by its name or address (server_key, as `srvkey` says), which goes on to hold where servers were reordered or
numbered anew. The second counts first, as in HAProxy. It is kept as a number of 32 bits that each process makes of the
text alike (tables/server_keys.py).
"""

from typing import Final

from pointsman.core.diagnostics import Position
from pointsman.sample.condition import Condition
from pointsman.sample.context import Context
from pointsman.sample.expression import Expression
from pointsman.sample.table_key import KeyGetter
from pointsman.sample.tap import tapped
from pointsman.sample.trace import RouteRecord
from pointsman.server.backend import LiveServer
from pointsman.server.dial import Dial
from pointsman.tables.server_keys import key_number
from pointsman.tables.stick_table import StickTable

MOST_STORES: Final = 8  # of a request and its response (manual 4.2, stick store-request)


class StickServers:
    """The servers of a backend, by number and by name. Numbers of names that two have are left out."""

    def __init__(self, servers: list[LiveServer]) -> None:
        self.servers = servers
        self.by_number = {server.number: server for server in servers}
        self.by_name: dict[int, LiveServer | None] = {}
        for server in servers:
            number = key_number(server.name)
            self.by_name[number] = None if number in self.by_name else server

    def at(self, number: int) -> LiveServer | None:
        """The first one at that address, as it is now."""
        for server in self.servers:
            if key_number(address_key(server.dial)) == number:
                return server
        return None


class StickRule:
    """A stick line. `matches`, `stores`: what it does; `response`: it learns from responses."""

    def __init__(self, table: StickTable, key: KeyGetter, pattern: Expression, at: Position) -> None:
        self.table = table
        self.key = key
        self.pattern = pattern
        self.at = at
        self.matches = False
        self.stores = False
        self.response = False
        self.condition: Condition | None = None
        self.negated = False
        self.asks = pattern.reads
        self.by_address = table.options.server_key == "addr"
        self.set_id = table.setting("server_id")
        self.get_id = table.reading("server_id")
        self.set_key = table.setting("server_key")
        self.get_key = table.reading("server_key")

    def holds(self, context: Context) -> bool:
        condition = self.condition
        return condition is None or condition.test(context) != self.negated

    def explained_key(self, context: Context) -> tuple[bytes | None, RouteRecord]:
        """Its key, if its condition holds, and why."""
        record = None if self.condition is None else self.condition.explain(context)
        if record is not None and record.verdict == self.negated:
            return None, RouteRecord(self.at, record, self.negated, False)
        with tapped([self.pattern], self.at) as samples:
            key = self.key(context)
        return key, RouteRecord(self.at, record, self.negated, key is not None, tuple(samples))

    def find(self, key: bytes, servers: StickServers, now: int, touch: bool) -> LiveServer | None:
        """The server that the table has for this key. `touch`: the entry stays for another `expire`."""
        table = self.table
        ref = table.find(key, now)
        if not ref:
            return None
        if touch:
            table.touch(ref, now)
        name = table.read(ref, self.get_key, now)
        if name > 0:
            found = servers.at(name) if self.by_address else servers.by_name.get(name)
            if found is not None:
                return found
        return servers.by_number.get(table.read(ref, self.get_id, now))

    def learn(self, key: bytes, server: LiveServer, now: int) -> None:
        """From now on the table has that server for this key."""
        table = self.table
        ref = table.enter(key, now, self.set_id, server.number)
        if ref:
            text = address_key(server.dial) if self.by_address else server.name
            table.run(ref, self.set_key, now, key_number(text))


class Store:
    """What a table is to learn: that this key belongs to the server of the exchange."""

    def __init__(self, rule: StickRule, key: bytes) -> None:
        self.rule = rule
        self.key = key


NO_STORES: Final[list[Store]] = []


def learns(stores: list[Store], table: StickTable) -> bool:
    """The table learns one of these already."""
    for store in stores:
        if store.rule.table is table:
            return True
    return False


def address_key(dial: Dial) -> bytes:
    """What names a server under `srvkey addr`: its address and port, or its path."""
    target = dial.target
    if isinstance(target, tuple):
        port = b"%+d" % dial.offset if dial.follow_port else b"%d" % target[1]
        return target[0].encode() + b":" + port
    return target.encode("utf-8", "surrogateescape")
