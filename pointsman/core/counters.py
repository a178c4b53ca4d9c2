"""Counters of frontends, listeners, backends and servers, declared once; gauges; and rates per second.

`CounterFields` is the declaration: a field's comment names the column of the statistics (management 9.1). Each lane has
a row of these cells in the arena:

    counters.requests += 1        writes this lane's row, a load and a store without any lock
    counters.totals.requests      reads the sum over all lanes (of MOST the greatest): for statistics and limits

`current` is a gauge: what a lane holds. When a lane has crashed its `current` is set to zero
(`release_lane`) and what it had counted stays, for its successor goes on in the same row. Rates are derived by readers
from totals, once a second (`Rates`).
"""

from typing import TYPE_CHECKING, Final

from pointsman.core.arena import Arena, Table, row_type


class CounterFields:
    """Totals since start (or since `clear counters`). Comments name the columns of the statistics (management 9.1)."""

    sessions: int  # stot: connections (frontend, listener), streams that reached it (backend, server)
    connections: int  # conn_tot: accepted connections, those refused by rules included
    requests: int  # req_tot: HTTP requests
    bytes_in: int  # bin
    bytes_out: int  # bout
    denied_requests: int  # dreq
    denied_responses: int  # dresp
    failed_requests: int  # ereq
    failed_connections: int  # econ
    failed_responses: int  # eresp
    retries: int  # wretr
    redispatches: int  # wredis
    http_1xx: int  # hrsp_1xx
    http_2xx: int
    http_3xx: int
    http_4xx: int
    http_5xx: int
    http_other: int
    client_aborts: int  # cli_abrt
    server_aborts: int  # srv_abrt
    denied_connections: int  # dcon
    denied_sessions: int  # dses
    chosen: int  # lbtot
    connects: int  # connect: attempts to open a connection
    reuses: int  # reuse
    internal_errors: int  # eint
    intercepted: int  # requests answered by the proxy itself: statistics, monitor-uri, return, redirect
    failed_header_rewrites: int  # wrew
    spliced: int  # of the process: bytes that went through a pipe
    exhausted: int  # of the process: matches of regular expressions that took too many steps
    log_lines: int  # lines written about its streams
    dropped_logs: int  # of the process: log lines that were lost
    maxconn_reached: int  # of the process: how often its maxconn kept a connection waiting
    cli_sessions: int  # of the process: connections to stats sockets
    current: int  # scur
    highest: int  # smax
    waiting: int  # 1: a listener of this lane waits for room here
    links: int  # connections to a server that are open, in use or idle
    idle: int  # server connections in the pool (srv_icur)
    idle_safe: int  # and those of these that were reused before (safe_conn_cur)
    queue_time: int  # sums in ms over the last exchanges (qtime, ctime, rtime, ttime): see settle in _cells.c
    connect_time: int
    response_time: int
    total_time: int
    queue_time_max: int
    connect_time_max: int
    response_time_max: int
    total_time_max: int
    timed: int  # exchanges in these sums, at most 1024 in each lane
    last_session: int  # monotonic ms of the last one (lastsess), 0: none yet
    tls_sessions: int  # ssl_sess: handshakes that have made a new key
    tls_resumed: int  # ssl_reused_sess: those that have gone on with the key of an earlier session
    tls_failed: int  # ssl_failed_handshake: those that have failed, but for those whose time was up
    tls_staples: int  # ssl_ocsp_staple: OCSP responses that were sent along
    tls_failed_staples: int  # ssl_failed_ocsp_staple: those that could not be, as they were no longer valid


COUNTER_FIELDS: Final = tuple(CounterFields.__annotations__)
GAUGES: Final = ("current", "waiting", "links", "idle", "idle_safe")  # what a lane that has ended no longer holds
MOST: Final = frozenset(
    ("highest", "queue_time_max", "connect_time_max", "response_time_max", "total_time_max", "last_session")
)
_PLACES: Final = {name: place for place, name in enumerate(COUNTER_FIELDS)}
_CURRENT: Final = _PLACES["current"]
_HIGHEST: Final = _PLACES["highest"]
_WAITING: Final = _PLACES["waiting"]
_IDLE: Final = _PLACES["idle"]

_LIMIT: Final = 0  # cells of a rate
_SECOND: Final = 1  # the second that is being counted; 0: none yet
_START: Final = 2  # the total when it began
_BEFORE: Final = 3  # events in the one before
_PEAK: Final = 4
_RATE_CELLS: Final = 5


def places(*names: str) -> bytes:
    """The places of these fields, as a row's tally, step, climb, settle and conclude take them (core/columns.py)."""
    return bytes([_PLACES[name] for name in names])


def _total(name: str) -> property:
    place = _PLACES[name]
    if name in MOST:
        return property(lambda self: self.table.most(place))
    return property(lambda self: self.table.total(place))


if TYPE_CHECKING:

    class CounterRow(CounterFields):
        def __init__(self, cells: object, first: int, table: int = -1, width: int = 0, rows: int = 1) -> None: ...
        def tally(self, places: bytes, *deltas: int) -> None: ...
        def total(self, place: int) -> int: ...
        def join(self, row: "CounterRow") -> None: ...
        def step(self, plus: bytes, minus: bytes, above: bytes) -> int: ...
        def climb(self, plus: bytes, minus: bytes) -> None: ...
        def peak(self) -> None: ...
        def settle(self, places: bytes, up: int, down: int, place: int, a: int, b: int, c: int, d: int) -> None: ...
        def conclude(
            self, front: "CounterRow", places: bytes, up: int, down: int, place: int, a: int, b: int, c: int, d: int
        ) -> int: ...

    class Totals(CounterFields):
        table: Table
        session_rate: "Rate"
        connection_rate: "Rate"
        request_rate: "Rate"

        def __init__(self, table: Table) -> None: ...
else:
    CounterRow = row_type("pointsman.core.counters.CounterRow", COUNTER_FIELDS, _CURRENT, _HIGHEST)
    Totals = type(
        "Totals",
        (),
        {
            "__doc__": "What all lanes have counted.",
            "__init__": lambda self, table: setattr(self, "table", table),
            **{name: _total(name) for name in COUNTER_FIELDS},
        },
    )


_ONE: Final = places("current")


def gauges_of(arena: Arena, first: int) -> int:
    """What all lanes hold of an object whose counters begin in that cell."""
    width = len(COUNTER_FIELDS)
    return sum([arena.cells.sum(first + _PLACES[name], width, arena.rows) for name in GAUGES])


class Counters(CounterRow):
    """This lane's row of one object, and the way to the others' (`table`, `totals`)."""

    def __init__(self, arena: Arena | None = None) -> None:
        place = arena if arena is not None else Arena(1, len(COUNTER_FIELDS) + 3 * _RATE_CELLS + 8)
        self.table = Table(place, len(COUNTER_FIELDS))
        super().__init__(place.cells, self.table.row(place.lane), self.table.first, len(COUNTER_FIELDS), place.rows)
        self.totals = Totals(self.table)
        self.session_rate = Rate(self.table, _PLACES["sessions"])  # rate, rate_max
        self.connection_rate = Rate(self.table, _PLACES["connections"])  # conn_rate, conn_rate_max
        self.request_rate = Rate(self.table, _PLACES["requests"])  # req_rate, req_rate_max
        self.totals.session_rate = self.session_rate
        self.totals.connection_rate = self.connection_rate
        self.totals.request_rate = self.request_rate

    def move(self) -> None:
        """After a fork: this process writes the row of its own lane."""
        arena = self.table.arena
        CounterRow.__init__(
            self, arena.cells, self.table.row(arena.lane), self.table.first, len(COUNTER_FIELDS), arena.rows
        )

    def release_lane(self, lane: int) -> None:
        """A lane has ended: it holds nothing any more."""
        for name in GAUGES:
            self.table.arena.cells.store(self.table.row(lane) + _PLACES[name], 0)

    def of_lane(self, lane: int, name: str) -> int:
        """What one lane has counted."""
        return self.table.arena.cells.load(self.table.row(lane) + _PLACES[name])

    # Gauges.

    @property
    def held(self) -> int:
        """How many all lanes hold."""
        return self.total(_CURRENT)

    @property
    def awaited(self) -> bool:
        """A listener of some lane waits for room here."""
        return self.total(_WAITING) > 0

    def enter(self) -> None:
        """One more current stream or connection."""
        self.step(_ONE, b"", b"")

    def leave(self) -> None:
        self.current -= 1

    def hold_idle(self) -> int:
        """One more idle connection; how many all lanes have by now, so that two lanes cannot both be within a limit."""
        self.table.arena.cells.add(self.table.row(self.table.arena.lane) + _IDLE, 1)
        return self.table.total(_IDLE)

    # Counters.

    def _store_everywhere(self, names: tuple[str, ...]) -> None:
        cells = self.table.arena.cells
        for lane in range(self.table.arena.rows):
            for name in names:
                cells.store(self.table.row(lane) + _PLACES[name], 0)

    def clear_maxima(self) -> None:
        """`clear counters`: the highest values begin anew; `highest` is for the caller, who knows the gauge."""
        self._store_everywhere(("highest", "queue_time_max", "connect_time_max", "response_time_max", "total_time_max"))
        for rate in (self.session_rate, self.connection_rate, self.request_rate):
            rate.highest = 0

    def clear(self) -> None:
        """`clear counters all`: everything but gauges begins anew."""
        self._store_everywhere(tuple(name for name in COUNTER_FIELDS if name not in GAUGES))
        for rate in (self.session_rate, self.connection_rate, self.request_rate):
            rate.forget()


class Rate:
    """Events per second of one counter, over the last second, as sess_rate and its kin show. Times are monotonic ms.

    Nothing is done per event: a reader looks at the total, and `tick` remembers it once a second. What is remembered is
    shared, as it bounds what all lanes accept: the lane that is the first to see a new second writes it down. A lane
    that reads in that very moment finds too high a rate, never one that is too low.
    """

    def __init__(self, table: Table, place: int) -> None:
        self.table = table
        self.place = place
        self.cells = table.arena.cells
        self.first = table.arena.take(_RATE_CELLS)
        self.limit_now = self.cells.at(self.first + _LIMIT).load  # without a look-up each time

    @property
    def limit(self) -> int:
        """What it may reach; 0: anything."""
        return self.limit_now()

    @limit.setter
    def limit(self, value: int) -> None:
        self.cells.store(self.first + _LIMIT, value)

    @property
    def highest(self) -> int:
        """The largest count of a second."""
        return self.cells.load(self.first + _PEAK)

    @highest.setter
    def highest(self, value: int) -> None:
        self.cells.store(self.first + _PEAK, value)

    def forget(self) -> None:
        """The counter begins anew at 0."""
        self.cells.store(self.first + _START, 0)
        self.highest = 0

    def tick(self, now: int) -> None:
        """Called about once a second, and by readers."""
        cells = self.cells
        first = self.first
        second = now // 1000
        known = cells.load(first + _SECOND)
        if second <= known or not cells.cas(first + _SECOND, known, second):
            return
        total = self.table.total(self.place)
        if known:
            counted = max(0, total - cells.load(first + _START))
            cells.store(first + _BEFORE, counted if second == known + 1 else 0)
            cells.highest(first + _PEAK, counted // (second - known))
            cells.store(first + _START, total)

    def read(self, now: int) -> int:
        """Events of the last 1000 ms: the whole current second and the part of the one before that is still in view."""
        self.tick(now)
        counted = max(0, self.table.total(self.place) - self.cells.load(self.first + _START))
        self.cells.highest(self.first + _PEAK, counted)
        return counted + self.cells.load(self.first + _BEFORE) * (1000 - now % 1000) // 1000

    def peek(self, now: int) -> int:
        """What `read` would say, with nothing remembered: no second begins by it, and no highest value."""
        second = now // 1000
        known = self.cells.load(self.first + _SECOND)
        start, before = self.cells.load(self.first + _START), self.cells.load(self.first + _BEFORE)
        total = self.table.total(self.place)
        if known and second > known:
            start, before = total, max(0, total - start) if second == known + 1 else 0
        return max(0, total - start) + before * (1000 - now % 1000) // 1000
