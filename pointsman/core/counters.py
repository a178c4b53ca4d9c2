"""Counters of frontends, listeners, backends and servers, declared once; and rates per second.

Streams write them once per request, with plain additions to native integers; readers (statistics, runtime socket)
derive everything else. Where they live is this module's business alone: today one process owns them all.
"""


class Rate:
    """Events per second, sliding over the last second, as sess_rate and its kin show. Times are monotonic ms."""

    def __init__(self) -> None:
        self.second = 0  # the second that is being counted
        self.current = 0  # events in it
        self.before = 0  # events in the one before
        self.highest = 0  # the largest count of a second
        self.limit = 0

    def add(self, now: int) -> None:
        second = now // 1000
        if second != self.second:
            self.before = self.current if second == self.second + 1 else 0
            self.second = second
            self.current = 0
        self.current += 1
        if self.current > self.highest:
            self.highest = self.current

    def read(self, now: int) -> int:
        """Events of the last 1000 ms: the whole current second and the part of the one before that is still in view."""
        second = now // 1000
        if second == self.second:
            return self.current + self.before * (1000 - now % 1000) // 1000
        if second == self.second + 1:
            return self.current * (1000 - now % 1000) // 1000
        return 0


class Counters:
    """Totals since start (or since `clear counters`). Comments name the columns of the statistics (management 9.1)."""

    def __init__(self) -> None:
        self.sessions = 0  # stot: connections (frontend, listener), streams that reached it (backend, server)
        self.connections = 0  # conn_tot: accepted connections, those refused by rules included
        self.requests = 0  # req_tot: HTTP requests
        self.bytes_in = 0  # bin
        self.bytes_out = 0  # bout
        self.denied_requests = 0  # dreq
        self.denied_responses = 0  # dresp
        self.failed_requests = 0  # ereq
        self.failed_connections = 0  # econ
        self.failed_responses = 0  # eresp
        self.retries = 0  # wretr
        self.redispatches = 0  # wredis
        self.http_1xx = 0  # hrsp_1xx
        self.http_2xx = 0
        self.http_3xx = 0
        self.http_4xx = 0
        self.http_5xx = 0
        self.http_other = 0
        self.client_aborts = 0  # cli_abrt
        self.server_aborts = 0  # srv_abrt
        self.denied_connections = 0  # dcon
        self.denied_sessions = 0  # dses
        self.chosen = 0  # lbtot
        self.connects = 0  # connect: attempts to open a connection
        self.reuses = 0  # reuse
        self.internal_errors = 0  # eint
        self.intercepted = 0  # requests answered by the proxy itself: statistics, monitor-uri, return, redirect
        self.failed_header_rewrites = 0  # wrew
        self.current = 0  # scur
        self.highest = 0  # smax
        self.queued = 0  # qcur
        self.queued_highest = 0  # qmax
        self.session_rate = Rate()  # rate, rate_max
        self.connection_rate = Rate()  # conn_rate, conn_rate_max
        self.request_rate = Rate()  # req_rate, req_rate_max
        self.queue_time = 0  # sums in ms over the last exchanges, see note_times
        self.connect_time = 0
        self.response_time = 0
        self.total_time = 0
        self.queue_time_max = 0
        self.connect_time_max = 0
        self.response_time_max = 0
        self.total_time_max = 0
        self.timed = 0  # exchanges in these sums, at most 1024
        self.last_session = -1  # monotonic ms of the last one (lastsess), -1: none yet

    def enter(self) -> None:
        """One more current stream or connection."""
        self.current += 1
        if self.current > self.highest:
            self.highest = self.current

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
        self.queue_time += queue
        self.connect_time += connect
        self.response_time += response
        self.total_time += total
        self.queue_time_max = max(self.queue_time_max, queue)
        self.connect_time_max = max(self.connect_time_max, connect)
        self.response_time_max = max(self.response_time_max, response)
        self.total_time_max = max(self.total_time_max, total)

    def clear_maxima(self) -> None:
        """`clear counters`: the highest values begin anew; `highest` is for the caller, who knows the gauge."""
        self.highest = 0
        self.queued_highest = 0
        for rate in (self.session_rate, self.connection_rate, self.request_rate):
            rate.highest = 0
        self.queue_time_max = self.connect_time_max = self.response_time_max = self.total_time_max = 0

    def clear(self) -> None:
        """`clear counters all`: everything but gauges begins anew."""
        self.sessions = self.connections = self.requests = self.bytes_in = self.bytes_out = 0
        self.denied_requests = self.denied_responses = self.denied_connections = self.denied_sessions = 0
        self.failed_requests = self.failed_connections = self.failed_responses = 0
        self.retries = self.redispatches = self.chosen = self.connects = self.reuses = 0
        self.http_1xx = self.http_2xx = self.http_3xx = self.http_4xx = self.http_5xx = self.http_other = 0
        self.client_aborts = self.server_aborts = self.internal_errors = 0
        self.intercepted = self.failed_header_rewrites = 0
        self.queue_time = self.connect_time = self.response_time = self.total_time = self.timed = 0
        self.last_session = -1
        self.clear_maxima()
