"""What is counted of the TLS of the whole process, towards clients and servers; its limits, and its rates.

Cells of the arena as in counters.py: each lane writes its own row, readers add them up, and the gauges of a lane that
has ended are set to zero. What belongs to one socket, frontend, server or backend (ssl_sess and its kin) is counted
there.
"""

from typing import TYPE_CHECKING, Final

from pointsman.core.arena import Arena, Table, row_type
from pointsman.core.counters import Rate


class TlsCounterFields:
    """Totals since the start. Comments name the lines of `show info` (management 9.3)."""

    accepted: int  # connections of clients that speak TLS, before their handshake: SslRate, and with `connected`
    connected: int  # those to servers, before the connection is there: CumSslConns
    current: int  # CurrSslConns, of both
    keys: int  # handshakes with clients that have made a new key: SslFrontendKeyRate
    server_keys: int  # and with servers: SslBackendKeyRate
    waiting: int  # 1: a listener of this lane waits for room here


FIELDS: Final = tuple(TlsCounterFields.__annotations__)
GAUGES: Final = ("current", "waiting")  # what a lane that has ended no longer holds
_PLACES: Final = {name: place for place, name in enumerate(FIELDS)}


def tls_places(*names: str) -> bytes:
    """The places of these fields, as `tally` takes them."""
    return bytes([_PLACES[name] for name in names])


if TYPE_CHECKING:

    class TlsCounterRow(TlsCounterFields):
        def __init__(self, cells: object, first: int, table: int = -1, width: int = 0, rows: int = 1) -> None: ...
        def tally(self, places: bytes, *deltas: int) -> None: ...
        def total(self, place: int) -> int: ...
else:
    TlsCounterRow = row_type("pointsman.core.tls_counters.TlsCounterRow", FIELDS)


class TlsCounters(TlsCounterRow):
    """This lane's row, and what all lanes have counted (`sum_of`)."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.table = Table(arena, len(FIELDS))
        super().__init__(arena.cells, self.table.row(arena.lane), self.table.first, len(FIELDS), arena.rows)
        self.rate = Rate(self.table, _PLACES["accepted"])  # SslRate; its `limit` is maxsslrate
        self.key_rate = Rate(self.table, _PLACES["keys"])
        self.server_key_rate = Rate(self.table, _PLACES["server_keys"])
        self.rates = (self.rate, self.key_rate, self.server_key_rate)
        self.limit_cell = arena.take(1)

    def move(self) -> None:
        """After a fork: this process writes the row of its own lane."""
        arena = self.arena
        TlsCounterRow.__init__(self, arena.cells, self.table.row(arena.lane), self.table.first, len(FIELDS), arena.rows)

    def release_lane(self, lane: int) -> None:
        """A lane has ended: it holds nothing any more."""
        for name in GAUGES:
            self.arena.cells.store(self.table.row(lane) + _PLACES[name], 0)

    def sum_of(self, name: str) -> int:
        return self.table.total(_PLACES[name])

    @property
    def limit(self) -> int:
        """maxsslconn; 0: none."""
        return self.arena.cells.load(self.limit_cell)

    @limit.setter
    def limit(self, value: int) -> None:
        self.arena.cells.store(self.limit_cell, value)

    @property
    def full(self) -> bool:
        """No connection may be begun."""
        limit = self.limit
        return 0 < limit <= self.sum_of("current")

    @property
    def awaited(self) -> bool:
        """A listener of some lane waits until there is room."""
        return self.sum_of("waiting") > 0

    def tick(self, now: int) -> None:
        """Called about once a second (monotonic ms)."""
        for rate in self.rates:
            rate.tick(now)

    def reuse(self, now: int) -> int:
        """Per cent of the connections of clients during the last second that have not made a new key, those that have
        failed among them (SslFrontendSessionReuse_pct)."""
        connections = self.rate.read(now)
        return max(0, connections - self.key_rate.read(now)) * 100 // connections if connections else 0
