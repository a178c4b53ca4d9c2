"""Counters of frontends, listeners, backends and servers, declared once; gauges; and rates per second.

`CounterFields` is the declaration: a field's comment names the column of the statistics (management 9.1). Each lane has
a row of these cells in the arena:

    counters.requests += 1        writes this lane's row, a load and a store without any lock
    counters.totals.requests      reads the sum over all lanes (of MOST the greatest): for statistics and limits

`current` is a gauge: what a lane holds. When a lane dies its `current` is set to zero (`bury`) and what it had counted
stays, for its successor goes on in the same row. Rates are derived by readers from totals, once a second (`Rates`).
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
    log_lines: int  # lines written about its streams
    current: int  # scur
    highest: int  # smax
    queued: int  # qcur
    queued_highest: int  # qmax
    waiting: int  # 1: a listener of this lane waits for room here
    queue_time: int  # sums in ms over the last exchanges, see note_times
    connect_time: int
    response_time: int
    total_time: int
    queue_time_max: int
    connect_time_max: int
    response_time_max: int
    total_time_max: int
    timed: int  # exchanges in these sums, at most 1024 in each lane
    last_session: int  # monotonic ms of the last one (lastsess), 0: none yet


FIELDS: Final = tuple(CounterFields.__annotations__)
GAUGES: Final = ("current", "queued", "waiting")  # what a dead lane no longer holds
MOST: Final = frozenset(("highest", "queued_highest", "queue_time_max", "connect_time_max", "response_time_max",
                         "total_time_max", "last_session"))
_PLACES: Final = {name: place for place, name in enumerate(FIELDS)}
_CURRENT: Final = _PLACES["current"]
_WAITING: Final = _PLACES["waiting"]


def _total(name: str) -> property:
    place = _PLACES[name]
    if name in MOST:
        return property(lambda self: self.table.most(place))
    return property(lambda self: self.table.total(place))


if TYPE_CHECKING:
    class CounterRow(CounterFields):
        def __init__(self, cells: object, first: int) -> None: ...

    class Totals(CounterFields):
        table: Table
        session_rate: "Rate"
        connection_rate: "Rate"
        request_rate: "Rate"

        def __init__(self, table: Table) -> None: ...
else:
    CounterRow = row_type("pointsman.core.counters.CounterRow", FIELDS)
    Totals = type("Totals", (), {"__doc__": "What all lanes have counted.",
                                 "__init__": lambda self, table: setattr(self, "table", table),
                                 **{name: _total(name) for name in FIELDS}})


class Counters(CounterRow):
    """This lane's row of one object, and the way to the others' (`table`, `totals`)."""

    def __init__(self, arena: Arena | None = None) -> None:
        place = arena if arena is not None else Arena(1, len(FIELDS) + 16)
        self.table = Table(place, len(FIELDS))
        super().__init__(place.cells, self.table.row(place.lane))
        self.totals = Totals(self.table)
        self.session_rate = Rate(self.table, _PLACES["sessions"])  # rate, rate_max
        self.connection_rate = Rate(self.table, _PLACES["connections"])  # conn_rate, conn_rate_max
        self.request_rate = Rate(self.table, _PLACES["requests"])  # req_rate, req_rate_max
        self.totals.session_rate = self.session_rate
        self.totals.connection_rate = self.connection_rate
        self.totals.request_rate = self.request_rate

    def move(self) -> None:
        """This process has another lane number by now: write that row."""
        CounterRow.__init__(self, self.table.arena.cells, self.table.row(self.table.arena.lane))

    def bury(self, lane: int) -> None:
        """A lane has died: it holds nothing any more."""
        for name in GAUGES:
            self.table.arena.cells.store(self.table.row(lane) + _PLACES[name], 0)

    # Gauges.

    @property
    def held(self) -> int:
        """How many all lanes hold."""
        return self.table.total(_CURRENT)

    @property
    def awaited(self) -> bool:
        """A listener of some lane waits for room here."""
        return self.table.total(_WAITING) > 0

    def enter(self) -> None:
        """One more current stream or connection."""
        self.current += 1
        self.note_most()

    def note_most(self) -> None:
        """More than ever before?"""
        held = self.table.total(_CURRENT)
        if held > self.highest:
            self.highest = held

    def leave(self) -> None:
        self.current -= 1

    # Counters.

    def status(self, status: int) -> None:
        """Count a response by its class."""
        family = status // 100
        if family == 2:
            self.http_2xx += 1
        elif family == 3:
            self.http_3xx += 1
        elif family == 4:
            self.http_4xx += 1
        elif family == 5:
            self.http_5xx += 1
        elif family == 1:
            self.http_1xx += 1
        else:
            self.http_other += 1

    def note_times(self, queue: int, connect: int, response: int, total: int) -> None:
        """For the averages over the last 1024 exchanges (qtime, ctime, rtime, ttime): a sum that forgets a 1024th."""
        if self.timed >= 1024:
            self.queue_time -= self.queue_time // 1024
            self.connect_time -= self.connect_time // 1024
            self.response_time -= self.response_time // 1024
            self.total_time -= self.total_time // 1024
        else:
            self.timed += 1
        if queue:
            self.queue_time += queue
            if queue > self.queue_time_max:
                self.queue_time_max = queue
        if connect:
            self.connect_time += connect
            if connect > self.connect_time_max:
                self.connect_time_max = connect
        if response:
            self.response_time += response
            if response > self.response_time_max:
                self.response_time_max = response
        if total:
            self.total_time += total
            if total > self.total_time_max:
                self.total_time_max = total

    def _store_everywhere(self, names: tuple[str, ...]) -> None:
        cells = self.table.arena.cells
        for lane in range(self.table.arena.rows):
            for name in names:
                cells.store(self.table.row(lane) + _PLACES[name], 0)

    def clear_maxima(self) -> None:
        """`clear counters`: the highest values begin anew; `highest` is for the caller, who knows the gauge."""
        self._store_everywhere(("highest", "queued_highest", "queue_time_max", "connect_time_max",
                                "response_time_max", "total_time_max"))
        for rate in (self.session_rate, self.connection_rate, self.request_rate):
            rate.highest = 0

    def clear(self) -> None:
        """`clear counters all`: everything but gauges begins anew."""
        self._store_everywhere(tuple(name for name in FIELDS if name not in GAUGES))
        for rate in (self.session_rate, self.connection_rate, self.request_rate):
            rate.start = 0
            rate.highest = 0


class Rate:
    """Events per second of one counter, over the last second, as sess_rate and its kin show. Times are monotonic ms.

    Nothing is done per event: whoever reads looks at the total, and `tick` remembers it once a second.
    """

    def __init__(self, table: Table, place: int) -> None:
        self.table = table
        self.place = place
        self.second = -1  # the second that is being counted
        self.start = 0  # the total when it began
        self.before = 0  # events in the one before
        self.highest = 0  # the largest count of a second
        self.limit_cell = table.arena.take(1)

    @property
    def limit(self) -> int:
        """What it may reach; 0: anything."""
        return self.table.arena.cells.load(self.limit_cell)

    @limit.setter
    def limit(self, value: int) -> None:
        self.table.arena.cells.store(self.limit_cell, value)

    def tick(self, now: int) -> None:
        """Called about once a second, and by readers."""
        second = now // 1000
        if second == self.second:
            return
        if self.second < 0:
            self.second = second
            return
        total = self.table.total(self.place)
        counted = max(0, total - self.start)
        self.before = counted if second == self.second + 1 else 0
        self.highest = max(self.highest, counted // (second - self.second))
        self.second = second
        self.start = total

    def read(self, now: int) -> int:
        """Events of the last 1000 ms: the whole current second and the part of the one before that is still in view."""
        self.tick(now)
        counted = max(0, self.table.total(self.place) - self.start)
        if counted > self.highest:
            self.highest = counted
        return counted + self.before * (1000 - now % 1000) // 1000
