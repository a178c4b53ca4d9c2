"""The columns of the statistics, in their fixed order, declared once (management manual 9.1 and 9.2).

What a letter of `tags` means stands in manual 9.2: origin (Metric, Status, Key, Config), nature (Age, average, Counter,
Duration, Gauge, Limit, Max, Name, Output, Rate), scope (Process, Service), persistence (Volatile, or Persistent: a
file of statistics could keep it over a reload). A column whose nature depends on the kind of row says so in `variants`.

Two groups: the columns that each version has at the same places, and behind a column named "-" those of protocols,
named after them. What nothing counts yet (compression, cache) is zero where HAProxy shows a number.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    tags: str
    type: str
    text: str
    variants: dict[str, str] = field(default_factory=dict)  # kind of row: its tags

    def tags_of(self, kind: str) -> str:
        return self.variants.get(kind, self.tags)


STATIC: Final = (
    Column("pxname", "KNSV", "str", "Name of the proxy"),
    Column("svname", "KNSV", "str", "FRONTEND, BACKEND, or the name of the server or listener"),
    Column("qcur", "MGPV", "u32", "Requests that wait in the queue now"),
    Column("qmax", "MMPV", "u32", "Most requests that have waited at once"),
    Column("scur", "MGPV", "u32", "Sessions now"),
    Column("smax", "MMPV", "u32", "Most sessions at once"),
    Column("slim", "CLPV", "u32", "Limit of sessions: maxconn, or fullconn of a backend"),
    Column("stot", "MCPP", "u64", "Sessions since the start"),
    Column("bin", "MCPP", "u64", "Bytes received from clients"),
    Column("bout", "MCPP", "u64", "Bytes sent to clients"),
    Column("dreq", "MCPP", "u64", "Requests that rules denied"),
    Column("dresp", "MCPP", "u64", "Responses that rules denied"),
    Column("ereq", "MCPP", "u64", "Requests that never became whole or were invalid"),
    Column("econ", "MCPP", "u64", "Requests for which no server connection could be had"),
    Column("eresp", "MCPP", "u64", "Responses that were invalid or broken off"),
    Column("wretr", "MCPP", "u64", "Repeated attempts to connect"),
    Column("wredis", "MCPP", "u64", "Requests that went to another server than the one chosen first"),
    Column("status", "SGPV", "str", "OPEN, FULL or STOP of a frontend, UP or DOWN of a backend, the state of a server"),
    Column("weight", "MaPV", "u32", "Effective weight, of a backend the sum of what is in use"),
    Column("act", "SGPV", "u32", "Active servers in use; of a server whether it is an active one", {"B": "MGPV"}),
    Column("bck", "SGPV", "u32", "Backup servers that are up; of a server whether it is one", {"B": "MGPV"}),
    Column("chkfail", "MCPP", "u64", "Checks that failed while the server was up"),
    Column("chkdown", "MCPP", "u64", "Changes from UP to DOWN"),
    Column("lastchg", "MAPP", "u32", "Seconds since the last change between UP and DOWN"),
    Column("downtime", "MCPV", "u32", "Seconds spent DOWN"),
    Column("qlimit", "CGSV", "u32", "Limit of the server's queue (maxqueue)"),
    Column("pid", "KGPV", "u32", "Number of the process, from 1 on"),
    Column("iid", "KGSV", "u32", "Number of the proxy"),
    Column("sid", "KGSV", "u32", "Number of the server or listener in its proxy"),
    Column("throttle", "MaPV", "u32", "Per cent of its weight that a server has during slowstart"),
    Column("lbtot", "MCPP", "u64", "How often a server was chosen"),
    Column("tracked", "CNSV", "str", "The server whose state this one follows"),
    Column("type", "CGSV", "u32", "0 frontend, 1 backend, 2 server, 3 listener"),
    Column("rate", "MRPP", "u32", "New sessions during the last second"),
    Column("rate_lim", "CLPV", "u32", "Limit of new sessions per second"),
    Column("rate_max", "MMPV", "u32", "Most new sessions in one second", {"B": "MGPV"}),
    Column("check_status", "MOPV", "str", "Status of the last health check"),
    Column("check_code", "MOPV", "u32", "Code that the last health check received"),
    Column("check_duration", "MDPV", "u64", "Milliseconds that the last health check took"),
    Column("hrsp_1xx", "MCPP", "u64", "Responses with a status from 100 to 199"),
    Column("hrsp_2xx", "MCPP", "u64", "Responses with a status from 200 to 299"),
    Column("hrsp_3xx", "MCPP", "u64", "Responses with a status from 300 to 399"),
    Column("hrsp_4xx", "MCPP", "u64", "Responses with a status from 400 to 499"),
    Column("hrsp_5xx", "MCPP", "u64", "Responses with a status from 500 to 599"),
    Column("hrsp_other", "MCPP", "u64", "Responses with any other status"),
    Column("hanafail", "MCPP", "u64", "Failures that observed traffic has shown"),
    Column("req_rate", "MRPP", "u32", "HTTP requests during the last second"),
    Column("req_rate_max", "MMPV", "u32", "Most HTTP requests in one second"),
    Column("req_tot", "MCPP", "u64", "HTTP requests since the start"),
    Column("cli_abrt", "MCPP", "u64", "Exchanges that the client broke off"),
    Column("srv_abrt", "MCPP", "u64", "Exchanges that the server broke off"),
    Column("comp_in", "MCPP", "u64", "Bytes given to the compressor"),
    Column("comp_out", "MCPP", "u64", "Bytes that the compressor gave"),
    Column("comp_byp", "MCPP", "u64", "Bytes that went past the compressor"),
    Column("comp_rsp", "MCPP", "u64", "Responses that were compressed"),
    Column("lastsess", "MAPP", "s32", "Seconds since the last session, -1 before the first"),
    Column("last_chk", "MOPV", "str", "What the last health check said"),
    Column("last_agt", "MOPV", "str", "What the last agent check said"),
    Column("qtime", "MaPV", "u32", "Milliseconds in the queue, average of the last 1024 requests"),
    Column("ctime", "MaPV", "u32", "Milliseconds to connect, average of the last 1024 requests"),
    Column("rtime", "MaPV", "u32", "Milliseconds until the response, average of the last 1024 requests"),
    Column("ttime", "MaPV", "u32", "Milliseconds in all, average of the last 1024 requests"),
    Column("agent_status", "MOPV", "str", "Status of the last agent check"),
    Column("agent_code", "MOPV", "u32", "Code of the last agent check"),
    Column("agent_duration", "MDPV", "u64", "Milliseconds that the last agent check took"),
    Column("check_desc", "MOPV", "str", "check_status in words"),
    Column("agent_desc", "MOPV", "str", "agent_status in words"),
    Column("check_rise", "CGSV", "u32", "Checks that must pass before the server is UP (rise)"),
    Column("check_fall", "CGSV", "u32", "Checks that must fail before the server is DOWN (fall)"),
    Column("check_health", "CGSV", "u32", "Health of the server, from 0 to rise+fall-1"),
    Column("agent_rise", "CGSV", "u32", "rise of the agent check"),
    Column("agent_fall", "CGSV", "u32", "fall of the agent check"),
    Column("agent_health", "CGSV", "u32", "Health by the agent, from 0 to rise+fall-1"),
    Column("addr", "CGSV", "str", "Address and port of a server or listener; with show-legends, or at level operator"),
    Column("cookie", "CNSV", "str", "Cookie value of a server, cookie name of a backend"),
    Column("mode", "CGSV", "str", "tcp or http"),
    Column("algo", "CGSV", "str", "Balance algorithm; with show-legends, or at level operator"),
    Column("conn_rate", "MRPP", "u32", "Connections accepted during the last second"),
    Column("conn_rate_max", "MMPV", "u32", "Most connections accepted in one second"),
    Column("conn_tot", "MCPP", "u64", "Connections accepted since the start"),
    Column("intercepted", "MCPP", "u64", "Requests that the proxy answered itself"),
    Column("dcon", "MCPP", "u64", "Connections that tcp-request connection rules denied"),
    Column("dses", "MCPP", "u64", "Sessions that tcp-request session rules denied"),
    Column("wrew", "MCPP", "u64", "Rewrites of headers that failed"),
    Column("connect", "MCPP", "u64", "Attempts to open a server connection"),
    Column("reuse", "MCPP", "u64", "Requests that used an idle server connection"),
    Column("cache_lookups", "MCPP", "u64", "Requests that were looked for in the cache"),
    Column("cache_hits", "MCPP", "u64", "Requests that the cache answered"),
    Column("srv_icur", "MGPV", "u32", "Idle server connections now"),
    Column("src_ilim", "CLPV", "u32", "Limit of idle server connections"),
    Column("qtime_max", "MMPV", "u32", "Longest time in the queue, ms"),
    Column("ctime_max", "MMPV", "u32", "Longest time to connect, ms"),
    Column("rtime_max", "MMPV", "u32", "Longest time until the response, ms"),
    Column("ttime_max", "MMPV", "u32", "Longest time in all, ms"),
    Column("eint", "MCPP", "u64", "Internal errors"),
    Column("idle_conn_cur", "MGPV", "u32", "Idle server connections that were never reused"),
    Column("safe_conn_cur", "MGPV", "u32", "Idle server connections that were reused before"),
    Column("used_conn_cur", "MGPV", "u32", "Server connections in use"),
    Column("need_conn_est", "MGPV", "u32", "Server connections that are needed, by what is in use"),
    Column("uweight", "MaPV", "u32", "Weight as it was set, of a backend the sum of what is in use"),
    Column("agg_server_status", "MGPV", "u32", "Servers of the backend that are up"),
    Column("agg_server_check_status", "MGPV", "u32", "The same under its old name"),
    Column("agg_check_status", "MGPV", "u32", "Servers of the backend whose last check passed"),
    Column("srid", "MCPV", "u32", "How often a server of this number was put in place of another"),
    Column("sess_other", "MCPV", "u64", "Sessions that do not speak HTTP"),
    Column("h1sess", "MCPP", "u64", "Sessions of HTTP/1"),
    Column("h2sess", "MCPP", "u64", "Sessions of HTTP/2"),
    Column("h3sess", "MCPP", "u64", "Sessions of HTTP/3"),
    Column("req_other", "MCPP", "u64", "Streams that do not speak HTTP"),
    Column("h1req", "MCPP", "u64", "Requests of HTTP/1"),
    Column("h2req", "MCPP", "u64", "Requests of HTTP/2"),
    Column("h3req", "MCPP", "u64", "Requests of HTTP/3"),
    Column("proto", "SGPV", "str", "Protocol of the listener"),
    Column("priv_idle_cur", "MGPV", "u32", "Idle server connections that belong to one client"),
    Column("reqbin", "MCPP", "u64", "Bytes of requests received"),
    Column("reqbout", "MCPP", "u64", "Bytes of requests sent"),
    Column("resbin", "MCPP", "u64", "Bytes of responses received"),
    Column("resbout", "MCPP", "u64", "Bytes of responses sent"),
    Column("cache_hint_hits", "MCPP", "u64", "Cache answers that followed early hints"),
)

PROTOCOLS: Final = (
    Column("h2_headers_rcvd", "MCPV", "u64", "HEADERS frames received"),
    Column("h2_data_rcvd", "MCPV", "u64", "DATA frames received"),
    Column("h2_settings_rcvd", "MCPV", "u64", "SETTINGS frames received"),
    Column("h2_rst_stream_rcvd", "MCPV", "u64", "RST_STREAM frames received"),
    Column("h2_goaway_rcvd", "MCPV", "u64", "GOAWAY frames received"),
    Column("h2_detected_conn_protocol_errors", "MCPV", "u64", "Protocol errors that end a connection of HTTP/2"),
    Column("h2_detected_strm_protocol_errors", "MCPV", "u64", "Protocol errors that end a stream of HTTP/2"),
    Column("h2_rst_stream_resp", "MCPV", "u64", "RST_STREAM frames sent for an error"),
    Column("h2_goaway_resp", "MCPV", "u64", "GOAWAY frames sent for an error"),
    Column("h2_open_connections", "MGPV", "u64", "Connections of HTTP/2 now"),
    Column("h2_backend_open_streams", "MGPV", "u64", "Streams of HTTP/2 now"),
    Column("h2_total_connections", "MCPV", "u64", "Connections of HTTP/2 since the start"),
    Column("h2_backend_total_streams", "MCPV", "u64", "Streams of HTTP/2 since the start"),
    Column("ssl_sess", "MCPV", "u64", "TLS sessions that have made a new key"),
    Column("ssl_reused_sess", "MCPV", "u64", "TLS sessions that were resumed"),
    Column("ssl_failed_handshake", "MCPV", "u64", "TLS handshakes that failed"),
    Column("ssl_ocsp_staple", "MCPV", "u64", "OCSP responses sent along"),
    Column("ssl_failed_ocsp_staple", "MCPV", "u64", "OCSP responses that could not be sent along"),
    Column("h1_open_connections", "MGPV", "u64", "Connections of HTTP/1 now"),
    Column("h1_open_streams", "MGPV", "u64", "Exchanges of HTTP/1 now"),
    Column("h1_total_connections", "MCPV", "u64", "Connections of HTTP/1 since the start"),
    Column("h1_total_streams", "MCPV", "u64", "Exchanges of HTTP/1 since the start"),
    Column("h1_bytes_in", "MCPV", "u64", "Bytes that connections of HTTP/1 received"),
    Column("h1_bytes_out", "MCPV", "u64", "Bytes that connections of HTTP/1 sent"),
    Column("h1_spliced_bytes_in", "MCPV", "u64", "Bytes received through a pipe"),
    Column("h1_spliced_bytes_out", "MCPV", "u64", "Bytes sent through a pipe"),
)
COLUMNS: Final = STATIC + PROTOCOLS
POSITIONS: Final = {column.name: position for position, column in enumerate(COLUMNS)}
DIVIDER: Final = "-"  # in CSV, a column between the two groups; it has no position


def line(cells: Iterable[str]) -> str:
    """A line of CSV from one cell for each column."""
    texts = list(cells)
    return ",".join([*texts[: len(STATIC)], DIVIDER, *texts[len(STATIC) :]]) + ","


CSV_HEADER: Final = "# " + line(column.name for column in COLUMNS)
