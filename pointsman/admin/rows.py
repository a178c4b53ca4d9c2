"""The rows of the statistics: for each proxy its frontend, its listeners, its servers, its backend (manual 9.1).

A row holds the columns that its kind has; the others are empty. What is derived (rates, ages, sums of weights) is
worked out here, when somebody looks, never by traffic.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from pointsman.admin.columns import POSITIONS
from pointsman.admin.view import BackSide, FrontSide, ProxyView, View, address_text
from pointsman.core.address import AF_INET, AF_INET6
from pointsman.core.counters import Totals
from pointsman.core.h2_cells import H2Cells
from pointsman.listener.listener import Listener
from pointsman.server.backend import LiveServer
from pointsman.server.checks.status import STATUSES
from pointsman.server.server import (
    DRAIN,
    INHERITED_MAINT,
    MAINT,
    RESOLUTION_MAINT,
    RUNNING,
    STARTING,
    STOPPED,
    STOPPING,
)

FRONTEND: Final = 1  # what `show stat <iid> <type> <sid>` selects
BACKEND: Final = 2
SERVER: Final = 4
LISTENER: Final = 8
ALL: Final = -1
KINDS: Final = {"F": FRONTEND, "B": BACKEND, "S": SERVER, "L": LISTENER}
TYPES: Final = {"F": 0, "B": 1, "S": 2, "L": 3}  # column `type`
FULL_SHARE: Final = 16
HTTP2: Final = {  # column: what is counted (core/h2_cells.py)
    "h2_headers_rcvd": "headers",
    "h2_data_rcvd": "data",
    "h2_settings_rcvd": "settings",
    "h2_rst_stream_rcvd": "rst_stream",
    "h2_goaway_rcvd": "goaway",
    "h2_detected_conn_protocol_errors": "connection_errors",
    "h2_detected_strm_protocol_errors": "stream_errors",
    "h2_rst_stream_resp": "rst_stream_sent",
    "h2_goaway_resp": "goaway_sent",
    "h2_open_connections": "connections",
    "h2_backend_open_streams": "streams",
    "h2_total_connections": "total_connections",
    "h2_backend_total_streams": "total_streams",
}

Value = int | str


@dataclass(slots=True)
class StatisticsRow:
    kind: str  # F, B, S, L
    number: int  # of the proxy
    sid: int
    values: dict[str, Value] = field(default_factory=dict)

    def put(self, name: str, value: Value) -> None:
        assert name in POSITIONS, name
        self.values[name] = value

    def put_all(self, **values: Value) -> None:
        for name, value in values.items():
            self.put(name, value)

    def get(self, name: str) -> Value:
        """The value of a column, "" where this kind of row has none."""
        return self.values.get(name, "")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows, and how much of them."""

    types: int = ALL
    sid: int = ALL
    number: int = ALL  # of a proxy
    scope: tuple[str, ...] = ()  # names of proxies; empty: all
    search: str = ""  # part of a proxy's name
    hide_down: bool = False  # only servers that are up, or not checked
    hide_maintenance: bool = False  # no servers in maintenance
    private: bool = True  # addresses, cookies and algorithms too

    def wants(self, proxy: ProxyView) -> bool:
        if self.number not in (ALL, proxy.number) or self.scope and proxy.name not in self.scope:
            return False
        return self.search in proxy.name


def rows(view: View, chosen: Selection) -> Iterator[StatisticsRow]:
    """All rows that were asked for, in the order of the configuration."""
    for proxy in view.proxies:
        if not chosen.wants(proxy):
            continue
        front, back = proxy.front, proxy.back
        if front is not None:
            if chosen.types & FRONTEND and chosen.sid in (ALL, 0):
                yield frontend_row(view, proxy, front)
            if chosen.types & LISTENER and front.socket_stats:
                yield from (
                    listener_row(proxy, listener, chosen)
                    for listener in front.listeners
                    if chosen.sid in (ALL, listener.bind_state.number)
                )
        if back is not None:
            if chosen.types & SERVER:
                yield from (
                    server_row(view, proxy, server, chosen)
                    for server in list(back.backend.servers)  # some may come and go between two rows
                    if chosen.sid in (ALL, server.number) and not _hidden(server, chosen)
                )
            if chosen.types & BACKEND and chosen.sid in (ALL, 0):
                yield backend_row(view, proxy, back, chosen)


def _hidden(server: LiveServer, chosen: Selection) -> bool:
    maintenance = bool(server.admin & MAINT)
    return chosen.hide_down and (maintenance or server.state == STOPPED) or chosen.hide_maintenance and maintenance


def _row(kind: str, proxy: ProxyView, name: str, sid: int, counters: Totals) -> StatisticsRow:
    """What all four kinds have."""
    row = StatisticsRow(kind, proxy.number, sid)
    row.put_all(
        pxname=proxy.name,
        svname=name,
        smax=counters.highest,
        stot=counters.sessions,
        bin=counters.bytes_in,
        bout=counters.bytes_out,
        dresp=counters.denied_responses,
        pid=1,
        iid=proxy.number,
        sid=sid,
        type=TYPES[kind],
        mode="http" if proxy.http else "tcp",
        wrew=counters.failed_header_rewrites,
        eint=counters.internal_errors,
        ssl_sess=counters.tls_sessions,
        ssl_reused_sess=counters.tls_resumed,
        ssl_failed_handshake=counters.tls_failed,
        ssl_ocsp_staple=counters.tls_staples,
        ssl_failed_ocsp_staple=counters.tls_failed_staples,
    )
    return row


def _responses(row: StatisticsRow, counters: Totals) -> None:
    row.put_all(
        hrsp_1xx=counters.http_1xx,
        hrsp_2xx=counters.http_2xx,
        hrsp_3xx=counters.http_3xx,
        hrsp_4xx=counters.http_4xx,
        hrsp_5xx=counters.http_5xx,
        hrsp_other=counters.http_other,
        req_tot=counters.requests,
    )


def _flows(row: StatisticsRow, counters: Totals) -> None:
    """Bytes by direction. What went to servers and came from them is not counted apart from the clients' side."""
    row.put_all(
        reqbin=counters.bytes_in, reqbout=counters.bytes_in, resbin=counters.bytes_out, resbout=counters.bytes_out
    )


def _unbuilt(row: StatisticsRow, http: bool) -> None:
    """Compression and cache: neither is there yet."""
    row.put_all(comp_in=0, comp_out=0, comp_byp=0, comp_rsp=0)
    if http:
        row.put_all(cache_lookups=0, cache_hits=0, cache_hint_hits=0)


def _http2(row: StatisticsRow, cells: H2Cells) -> None:
    """The columns of HTTP/2."""
    for column, name in HTTP2.items():
        row.put(column, cells.sum_of(name))


def _http1(
    row: StatisticsRow, *, links: int, streams: int, connections: int, exchanges: int, received: int, sent: int
) -> None:
    """The columns of HTTP/1; pipes are counted for the whole process alone."""
    row.put_all(
        h1_open_connections=links,
        h1_open_streams=streams,
        h1_total_connections=connections,
        h1_total_streams=exchanges,
        h1_bytes_in=received,
        h1_bytes_out=sent,
        h1_spliced_bytes_in=0,
        h1_spliced_bytes_out=0,
    )


# Frontends and listeners.


def frontend_status(front: FrontSide) -> str:
    """STOP: for good; PAUSED: it may come back."""
    if front.stopped or front.frontend.program.process.stopping:
        return "STOP"
    if front.listeners and not front.open:
        return "PAUSED"
    full = 0 < front.frontend.limit <= front.frontend.connections
    return "FULL" if full else "OPEN"


def frontend_row(view: View, proxy: ProxyView, front: FrontSide) -> StatisticsRow:
    frontend = front.frontend
    counters = frontend.counters.totals
    now = view.now
    http = proxy.http
    h2 = frontend.h2
    requests = max(0, counters.requests - h2.sum_of("requests"))  # those of HTTP/1
    row = _row("F", proxy, "FRONTEND", 0, counters)
    row.put_all(
        scur=frontend.connections,
        slim=frontend.limit or view.process.limit,
        dreq=counters.denied_requests,
        ereq=counters.failed_requests,
        status=frontend_status(front),
        rate=counters.session_rate.read(now),
        rate_lim=front.rate_limit,
        rate_max=counters.session_rate.highest,
        conn_rate=counters.connection_rate.read(now),
        conn_rate_max=counters.connection_rate.highest,
        conn_tot=counters.connections,
        dcon=counters.denied_connections,
        dses=counters.denied_sessions,
        sess_other=0 if http else counters.sessions,
        h1sess=max(0, counters.sessions - h2.sum_of("total_connections")) if http else 0,
        h2sess=h2.sum_of("total_connections"),
        h3sess=0,
        req_other=0 if http else counters.sessions,
        h1req=requests if http else 0,
        h2req=h2.sum_of("requests"),
        h3req=0,
    )
    row.put_all(
        req_rate=counters.request_rate.read(now), req_rate_max=counters.request_rate.highest, req_tot=counters.requests
    )
    if http:
        _responses(row, counters)
        row.put("intercepted", counters.intercepted)
    _flows(row, counters)
    _unbuilt(row, http)
    _http2(row, h2)
    if http:
        _http1(
            row,
            links=max(0, frontend.connections - h2.sum_of("connections")),
            streams=0,
            connections=max(0, counters.sessions - h2.sum_of("total_connections")),
            exchanges=requests,
            received=max(0, counters.bytes_in - h2.sum_of("bytes_in")),
            sent=max(0, counters.bytes_out - h2.sum_of("bytes_out")),
        )
    else:
        _http1(row, links=0, streams=0, connections=0, exchanges=0, received=0, sent=0)
    return row


def listener_status(listener: Listener) -> str:
    """OPEN; FULL: its own limit is reached; WAITING: another one is."""
    bind_state = listener.bind_state
    if not bind_state.listening:
        return "STOP"
    if 0 < bind_state.limit <= bind_state.connections:
        return "FULL"
    waits = bind_state.counters.awaited or listener.frontend.counters.awaited or bind_state.process.counters.awaited
    return "WAITING" if waits else "OPEN"


def listener_row(proxy: ProxyView, listener: Listener, chosen: Selection) -> StatisticsRow:
    bind_state = listener.bind_state
    counters = bind_state.counters.totals
    row = _row("L", proxy, bind_state.name.decode() or f"sock-{bind_state.number}", bind_state.number, counters)
    row.put_all(
        scur=bind_state.connections,
        slim=bind_state.limit,
        dreq=counters.denied_requests,
        ereq=counters.failed_requests,
        status=listener_status(listener),
        conn_tot=counters.connections,
        dcon=counters.denied_connections,
        dses=counters.denied_sessions,
        proto={AF_INET: "tcpv4", AF_INET6: "tcpv6"}.get(listener.family, "unix_stream"),
    )
    if chosen.private:
        row.put("addr", listener_address(listener))
    return row


def listener_address(listener: Listener) -> str:
    if listener.family == AF_INET6:
        return f"[{listener.bound.text.decode()}]:{listener.bound.port}"
    if listener.family == AF_INET:
        return f"{listener.bound.text.decode()}:{listener.bound.port}"
    return "unix"


# Servers and backends.


def server_status(server: LiveServer) -> str:
    """As manual 9.1 names it, with how far a server that changes has come: "UP 1/3", "DOWN 1/2"."""
    if server.admin & RESOLUTION_MAINT:
        return "MAINT (resolution)"
    if server.admin & INHERITED_MAINT and server.tracks is not None:
        return f"MAINT (via {server.tracks.route.decode()})"
    if server.admin & MAINT:
        return "MAINT"
    watched = server
    while watched.tracks is not None:
        watched = watched.tracks
    checked = watched.checked and not watched.check_paused
    asked = watched.agent and not watched.agent_paused
    health, rise, fall = watched.check_health, watched.rise, watched.fall
    if server.state == STOPPED:
        if asked and not watched.agent_health:
            return "DOWN (agent)"
        return f"DOWN {health}/{rise}" if checked and 0 < health < rise else "DOWN"
    if server.admin & DRAIN:
        word = "DRAIN"
        if asked:
            return "DRAIN (agent)"
    elif server.state == STOPPING:
        word = "NOLB"
    elif not checked:
        return "no check"
    else:
        word = "UP"
    if checked and rise <= health < rise + fall - 1:
        return f"{word} {health - rise + 1}/{fall}"
    return word


def weight_of(server: LiveServer) -> int:
    """Its weight in force, rounded up."""
    return (server.weight * server.share + FULL_SHARE - 1) // FULL_SHARE


def _shared(view: View, row: StatisticsRow, counters: Totals) -> None:
    """What servers and backends have in common."""
    count = max(1, counters.timed)
    row.put_all(
        econ=counters.failed_connections,
        eresp=counters.failed_responses,
        wretr=counters.retries,
        wredis=counters.redispatches,
        lbtot=counters.chosen,
        rate=counters.session_rate.read(view.now),
        rate_max=counters.session_rate.highest,
        cli_abrt=counters.client_aborts,
        srv_abrt=counters.server_aborts,
        lastsess=-1 if counters.last_session <= 0 else view.since(counters.last_session),
        qtime=counters.queue_time // count,
        ctime=counters.connect_time // count,
        rtime=counters.response_time // count,
        ttime=counters.total_time // count,
        qtime_max=counters.queue_time_max,
        ctime_max=counters.connect_time_max,
        rtime_max=counters.response_time_max,
        ttime_max=counters.total_time_max,
        connect=counters.connects,
        reuse=counters.reuses,
    )


def server_row(view: View, proxy: ProxyView, server: LiveServer, chosen: Selection) -> StatisticsRow:
    counters = server.counters.totals
    row = _row("S", proxy, server.name.decode(), server.number, counters)
    _shared(view, row, counters)
    row.put_all(
        qcur=server.queued,
        qmax=server.queue.highest,
        scur=server.connections,
        status=server_status(server),
        weight=weight_of(server),
        uweight=server.weight,
        act=0 if server.backup else 1,
        bck=1 if server.backup else 0,
        lastchg=view.since_change(server),
        srid=0,
    )
    if server.maxconn:
        row.put("slim", server.maxconn)
    if server.observer is not None:
        row.put("hanafail", server.observer.failures)
    if server.tracks is not None:
        row.put("tracked", server.tracks.route.decode())
    if server.maxqueue:
        row.put("qlimit", server.maxqueue)
    if server.state == STARTING:
        row.put("throttle", server.share * 100 // FULL_SHARE)
    if proxy.http:
        _responses(row, counters)
    totals = counters  # of all lanes
    used = totals.links - totals.idle
    row.put_all(
        srv_icur=totals.idle,
        idle_conn_cur=totals.idle - totals.idle_safe,
        safe_conn_cur=totals.idle_safe,
        used_conn_cur=used,
        need_conn_est=used,
        priv_idle_cur=0,
    )
    _flows(row, counters)
    if server.pool.limit >= 0:
        row.put("src_ilim", server.pool.limit)
    if server.checked and not server.check_paused:
        _checks(view, row, server)
    if server.agent and not server.agent_paused:
        _agent(row, server)
    if chosen.private:
        row.put("addr", address_text(server))
        if server.cookie:
            row.put("cookie", server.cookie.decode("utf-8", "surrogateescape"))
    return row


def _checks(view: View, row: StatisticsRow, server: LiveServer) -> None:
    down = server.down_time
    if server.state == STOPPED or server.admin & MAINT:
        down += view.now - view.changed_at(server)
    row.put_all(chkfail=server.check_fails, chkdown=server.downs, downtime=down // 1000)
    if server.admin & MAINT:
        return
    row.put_all(
        check_status=server.check_status or "UNK",
        check_rise=server.rise,
        check_fall=server.fall,
        check_health=server.check_health,
        last_chk=server.last_check.replace("\r", "").replace("\n", " ").rstrip(" "),
    )
    known = STATUSES.get(server.check_status.removeprefix("* "))
    if known is not None:
        row.put("check_desc", known[0])
        if known[2]:
            row.put("check_code", server.check_code & 0xFFFFFFFF)  # as HAProxy writes negative ones
    if server.check_duration >= 0:
        row.put("check_duration", server.check_duration)


def _agent(row: StatisticsRow, server: LiveServer) -> None:
    """Its counts go from 0 to 1 alone: an agent's word needs no confirmation."""
    row.put_all(
        agent_status=server.agent_status or "UNK",
        agent_rise=1,
        agent_fall=1,
        agent_health=server.agent_health,
        last_agt=server.last_agent,
    )
    known = STATUSES.get(server.agent_status)
    if known is not None:
        row.put("agent_desc", known[0])
        if known[2]:
            row.put("agent_code", 0)
    if server.agent_duration >= 0:
        row.put("agent_duration", server.agent_duration)


def weights(back: BackSide) -> tuple[int, int]:
    """The sums of effective and of set weights of the servers that are in use."""
    used = [server for server in back.backend.servers if server in back.backend.usable]
    return sum(weight_of(server) for server in used), sum(server.weight for server in used)


def backend_status(back: BackSide) -> str:
    """DOWN where no server may get work, though there are some."""
    return "UP" if not back.backend.servers or back.backend.usable else "DOWN"


def backend_row(view: View, proxy: ProxyView, back: BackSide, chosen: Selection) -> StatisticsRow:
    backend = back.backend
    counters = backend.counters.totals
    row = _row("B", proxy, "BACKEND", 0, counters)
    _shared(view, row, counters)
    usable = [server for server in backend.servers if server.usable]
    effective, user = weights(back)
    status = backend_status(back)
    row.put_all(
        qcur=len(backend.queue),
        qmax=backend.queue.highest,
        scur=backend.connections,
        slim=backend.full_connections,
        dreq=counters.denied_requests,
        status=status,
        weight=effective,
        uweight=user,
        act=sum(1 for one in usable if not one.backup),
        bck=sum(1 for one in usable if one.backup),
        chkdown=backend.downs,
        lastchg=view.since(backend.last_change),
        agg_server_status=sum(1 for one in backend.servers if one.up),
        agg_server_check_status=sum(1 for one in backend.servers if one.up),
        agg_check_status=sum(1 for one in backend.servers if one.checked and one.state in (RUNNING, STARTING)),
    )
    if backend.servers:
        down = backend.down_time
        if status == "DOWN":
            down += view.now - max(backend.last_change, view.started)
        row.put("downtime", down // 1000)
    if chosen.hide_down:  # then the servers that are down are not to be seen: how many there are stands here
        row.put("status", f"{status} ({sum(1 for one in backend.servers if one.up)}/{len(backend.servers)})")
    if proxy.http:
        _responses(row, counters)
    if chosen.private:
        row.put("algo", back.algorithm)
        if back.cookie:
            row.put("cookie", back.cookie)
    _flows(row, counters)
    _unbuilt(row, proxy.http)
    _http2(row, backend.h2)
    _server_side(row, proxy, back)
    return row


def _server_side(row: StatisticsRow, proxy: ProxyView, back: BackSide) -> None:
    """The columns of HTTP/1 of a backend: of what goes on between us and its servers, checks left out."""
    if not proxy.http:
        _http1(row, links=0, streams=0, connections=0, exchanges=0, received=0, sent=0)
        return
    counters = back.backend.counters.totals
    servers = [server.counters.totals for server in back.backend.servers]
    h2 = back.backend.h2
    _http1(
        row,
        links=max(0, sum(one.links for one in servers) - h2.sum_of("connections")),
        streams=max(0, sum(one.current for one in servers) - h2.sum_of("streams")),
        connections=max(0, counters.connects - h2.sum_of("total_connections")),
        exchanges=max(0, counters.connects + counters.reuses - h2.sum_of("total_streams")),
        received=max(0, counters.bytes_out - h2.sum_of("bytes_out")),
        sent=max(0, counters.bytes_in - h2.sum_of("bytes_in")),
    )
