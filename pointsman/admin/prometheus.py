"""The metrics of `use-service prometheus-exporter`, declared once: Prometheus' name, ours, the type.

Names, types, labels and their order are those that HAProxy 2.6 and 3.2 print, so that dashboards and alerts go on
working; 2.6 has fewer. What a metric means is the text of its column (columns.py) or field (info.py). NEWER has columns
that HAProxy 3.5 added: their names are ours, by the same rules.
"""

from dataclasses import dataclass
from typing import Final

GAUGE: Final = "gauge"
COUNTER: Final = "counter"

METRIC_SCOPES: Final = {"F": "frontend", "L": "listener", "B": "backend", "S": "server"}  # by the kind of row

# Metrics with a series for each state: the states, in the order in which they are printed.
SERVER_STATES: Final = ("DOWN", "UP", "MAINT", "DRAIN", "NOLB")
STATES: Final = {"F": ("DOWN", "UP"), "L": ("WAITING", "OPEN", "FULL"), "B": ("DOWN", "UP"), "S": SERVER_STATES}
CHECK_STATES: Final = (
    "HANA",
    "SOCKERR",
    "L4OK",
    "L4TOUT",
    "L4CON",
    "L6OK",
    "L6TOUT",
    "L6RSP",
    "L7TOUT",
    "L7RSP",
    "L7OK",
    "L7OKC",
    "L7STS",
    "PROCERR",
    "PROCTOUT",
    "PROCOK",
)
STATUS_CLASSES: Final = (
    "1xx",
    "2xx",
    "3xx",
    "4xx",
    "5xx",
    "other",
)  # of http_responses_total: columns hrsp_1xx and its kin


@dataclass(frozen=True, slots=True)
class Metric:
    """One of haproxy_<scope>_<name>, for the kinds of rows that have it. Where a row lacks the column its value is NaN,
    and it has no series at all where it is one of HTTP's in a TCP proxy, or optional."""

    name: str
    column: str
    type: str
    kinds: str
    http: bool = False
    milliseconds: bool = False  # the column is in these, the metric in seconds
    optional: bool = False
    module: str = ""  # whose it is, as the label `mod` says; "": nobody's


METRICS: Final = (
    Metric("current_queue", "qcur", GAUGE, "BS"),
    Metric("max_queue", "qmax", GAUGE, "BS"),
    Metric("current_sessions", "scur", GAUGE, "FLBS"),
    Metric("max_sessions", "smax", GAUGE, "FLBS"),
    Metric("limit_sessions", "slim", GAUGE, "FLBS"),
    Metric("sessions_total", "stot", COUNTER, "FLBS"),
    Metric("bytes_in_total", "bin", COUNTER, "FLBS"),
    Metric("bytes_out_total", "bout", COUNTER, "FLBS"),
    Metric("requests_denied_total", "dreq", COUNTER, "FLB"),
    Metric("responses_denied_total", "dresp", COUNTER, "FLBS"),
    Metric("request_errors_total", "ereq", COUNTER, "FL"),
    Metric("connection_errors_total", "econ", COUNTER, "BS"),
    Metric("response_errors_total", "eresp", COUNTER, "BS"),
    Metric("retry_warnings_total", "wretr", COUNTER, "BS"),
    Metric("redispatch_warnings_total", "wredis", COUNTER, "BS"),
    Metric("status", "status", GAUGE, "FLBS"),
    Metric("weight", "weight", GAUGE, "BS"),
    Metric("active_servers", "act", GAUGE, "B"),
    Metric("active", "act", GAUGE, "S"),
    Metric("backup_servers", "bck", GAUGE, "B"),
    Metric("backup", "bck", GAUGE, "S"),
    Metric("check_failures_total", "chkfail", COUNTER, "S"),
    Metric("check_up_down_total", "chkdown", COUNTER, "BS"),
    Metric("check_last_change_seconds", "lastchg", GAUGE, "BS"),
    Metric("downtime_seconds_total", "downtime", COUNTER, "BS"),
    Metric("queue_limit", "qlimit", GAUGE, "S"),
    Metric("current_throttle", "throttle", GAUGE, "S"),
    Metric("loadbalanced_total", "lbtot", COUNTER, "BS"),
    Metric("current_session_rate", "rate", GAUGE, "FBS"),
    Metric("limit_session_rate", "rate_lim", GAUGE, "F"),
    Metric("max_session_rate", "rate_max", GAUGE, "FBS"),
    Metric("check_status", "check_status", GAUGE, "S"),
    Metric("check_code", "check_code", GAUGE, "S", optional=True),
    Metric("check_duration_seconds", "check_duration", GAUGE, "S", milliseconds=True, optional=True),
    Metric("http_responses_total", "hrsp_1xx", COUNTER, "FBS", http=True),
    Metric("http_requests_rate_max", "req_rate_max", GAUGE, "F", http=True),
    Metric("http_requests_total", "req_tot", COUNTER, "FBS", http=True),
    Metric("client_aborts_total", "cli_abrt", COUNTER, "BS"),
    Metric("server_aborts_total", "srv_abrt", COUNTER, "BS"),
    Metric("http_comp_bytes_in_total", "comp_in", COUNTER, "FB", http=True),
    Metric("http_comp_bytes_out_total", "comp_out", COUNTER, "FB", http=True),
    Metric("http_comp_bytes_bypassed_total", "comp_byp", COUNTER, "FB", http=True),
    Metric("http_comp_responses_total", "comp_rsp", COUNTER, "FB", http=True),
    Metric("last_session_seconds", "lastsess", GAUGE, "BS"),
    Metric("queue_time_average_seconds", "qtime", GAUGE, "BS", milliseconds=True),
    Metric("connect_time_average_seconds", "ctime", GAUGE, "BS", milliseconds=True),
    Metric("response_time_average_seconds", "rtime", GAUGE, "BS", milliseconds=True),
    Metric("total_time_average_seconds", "ttime", GAUGE, "BS", milliseconds=True),
    Metric("agent_status", "agent_status", GAUGE, "S"),
    Metric("agent_code", "agent_code", GAUGE, "S", optional=True),
    Metric("agent_duration_seconds", "agent_duration", GAUGE, "S", milliseconds=True, optional=True),
    Metric("connections_rate_max", "conn_rate_max", GAUGE, "F"),
    Metric("connections_total", "conn_tot", COUNTER, "FL"),
    Metric("intercepted_requests_total", "intercepted", COUNTER, "F", http=True),
    Metric("denied_connections_total", "dcon", COUNTER, "FL"),
    Metric("denied_sessions_total", "dses", COUNTER, "FL"),
    Metric("failed_header_rewriting_total", "wrew", COUNTER, "FLBS"),
    Metric("connection_attempts_total", "connect", COUNTER, "BS"),
    Metric("connection_reuses_total", "reuse", COUNTER, "BS"),
    Metric("http_cache_lookups_total", "cache_lookups", COUNTER, "FB", http=True),
    Metric("http_cache_hits_total", "cache_hits", COUNTER, "FB", http=True),
    Metric("idle_connections_current", "srv_icur", GAUGE, "S"),
    Metric("idle_connections_limit", "src_ilim", GAUGE, "S"),
    Metric("max_queue_time_seconds", "qtime_max", GAUGE, "BS", milliseconds=True),
    Metric("max_connect_time_seconds", "ctime_max", GAUGE, "BS", milliseconds=True),
    Metric("max_response_time_seconds", "rtime_max", GAUGE, "BS", milliseconds=True),
    Metric("max_total_time_seconds", "ttime_max", GAUGE, "BS", milliseconds=True),
    Metric("internal_errors_total", "eint", COUNTER, "FLBS"),
    Metric("unsafe_idle_connections_current", "idle_conn_cur", GAUGE, "S"),
    Metric("safe_idle_connections_current", "safe_conn_cur", GAUGE, "S"),
    Metric("used_connections_current", "used_conn_cur", GAUGE, "S"),
    Metric("need_connections_current", "need_conn_est", GAUGE, "S"),
    Metric("uweight", "uweight", GAUGE, "BS"),
    Metric("agg_server_status", "agg_server_status", GAUGE, "B"),
    Metric("agg_server_check_status", "agg_server_status", GAUGE, "B"),
    Metric("agg_check_status", "agg_check_status", GAUGE, "B"),
)

NEWER: Final = (
    Metric("sessions_other_total", "sess_other", COUNTER, "F", optional=True),
    Metric("h1_sessions_total", "h1sess", COUNTER, "F", optional=True),
    Metric("h2_sessions_total", "h2sess", COUNTER, "F", optional=True),
    Metric("h3_sessions_total", "h3sess", COUNTER, "F", optional=True),
    Metric("requests_other_total", "req_other", COUNTER, "F", optional=True),
    Metric("h1_requests_total", "h1req", COUNTER, "F", optional=True),
    Metric("h2_requests_total", "h2req", COUNTER, "F", optional=True),
    Metric("h3_requests_total", "h3req", COUNTER, "F", optional=True),
    Metric("private_idle_connections_current", "priv_idle_cur", GAUGE, "S", optional=True),
    Metric("request_bytes_in_total", "reqbin", COUNTER, "FLBS", optional=True),
    Metric("request_bytes_out_total", "reqbout", COUNTER, "FLBS", optional=True),
    Metric("response_bytes_in_total", "resbin", COUNTER, "FLBS", optional=True),
    Metric("response_bytes_out_total", "resbout", COUNTER, "FLBS", optional=True),
    Metric("http_cache_hint_hits_total", "cache_hint_hits", COUNTER, "FB", http=True, optional=True),
)

# Metrics of modules, with `extra-counters` only: named as their columns, all of them counters to HAProxy.
EXTRA: Final = ("ssl_", "h3_", "quic_", "qpack_", "h2_", "h1_")  # prefixes, in the order in which they are printed

# haproxy_process_<name>: the field of `show info`.
PROCESS_METRICS: Final = (
    ("nbthread", "Nbthread", GAUGE),
    ("nbproc", "Nbproc", GAUGE),
    ("relative_process_id", "Process_num", GAUGE),
    ("uptime_seconds", "Uptime_sec", GAUGE),
    ("pool_failures_total", "PoolFailed", COUNTER),
    ("max_fds", "Ulimit-n", GAUGE),
    ("max_sockets", "Maxsock", GAUGE),
    ("max_connections", "Maxconn", GAUGE),
    ("hard_max_connections", "Hard_maxconn", GAUGE),
    ("current_connections", "CurrConns", GAUGE),
    ("connections_total", "CumConns", COUNTER),
    ("requests_total", "CumReq", COUNTER),
    ("max_ssl_connections", "MaxSslConns", GAUGE),
    ("current_ssl_connections", "CurrSslConns", GAUGE),
    ("ssl_connections_total", "CumSslConns", COUNTER),
    ("max_pipes", "Maxpipes", GAUGE),
    ("pipes_used_total", "PipesUsed", COUNTER),
    ("pipes_free_total", "PipesFree", COUNTER),
    ("current_connection_rate", "ConnRate", GAUGE),
    ("limit_connection_rate", "ConnRateLimit", GAUGE),
    ("max_connection_rate", "MaxConnRate", GAUGE),
    ("current_session_rate", "SessRate", GAUGE),
    ("limit_session_rate", "SessRateLimit", GAUGE),
    ("max_session_rate", "MaxSessRate", GAUGE),
    ("current_ssl_rate", "SslRate", GAUGE),
    ("limit_ssl_rate", "SslRateLimit", GAUGE),
    ("max_ssl_rate", "MaxSslRate", GAUGE),
    ("current_frontend_ssl_key_rate", "SslFrontendKeyRate", GAUGE),
    ("max_frontend_ssl_key_rate", "SslFrontendMaxKeyRate", GAUGE),
    ("frontend_ssl_reuse", "SslFrontendSessionReuse_pct", GAUGE),
    ("current_backend_ssl_key_rate", "SslBackendKeyRate", GAUGE),
    ("max_backend_ssl_key_rate", "SslBackendMaxKeyRate", GAUGE),
    ("ssl_cache_lookups_total", "SslCacheLookups", COUNTER),
    ("ssl_cache_misses_total", "SslCacheMisses", COUNTER),
    ("http_comp_bytes_in_total", "CompressBpsIn", COUNTER),
    ("http_comp_bytes_out_total", "CompressBpsOut", COUNTER),
    ("limit_http_comp", "CompressBpsRateLim", GAUGE),
    ("current_zlib_memory", "ZlibMemUsage", GAUGE),
    ("max_zlib_memory", "MaxZlibMemUsage", GAUGE),
    ("current_tasks", "Tasks", GAUGE),
    ("current_run_queue", "Run_queue", GAUGE),
    ("idle_time_percent", "Idle_pct", GAUGE),
    ("node", "node", GAUGE),
    ("description", "description", GAUGE),
    ("stopping", "Stopping", GAUGE),
    ("jobs", "Jobs", GAUGE),
    ("unstoppable_jobs", "Unstoppable Jobs", GAUGE),
    ("listeners", "Listeners", GAUGE),
    ("active_peers", "ActivePeers", GAUGE),
    ("connected_peers", "ConnectedPeers", GAUGE),
    ("dropped_logs_total", "DroppedLogs", COUNTER),
    ("busy_polling_enabled", "BusyPolling", GAUGE),
    ("failed_resolutions", "FailedResolutions", COUNTER),
    ("bytes_out_total", "TotalBytesOut", COUNTER),
    ("spliced_bytes_out_total", "TotalSplicedBytesOut", COUNTER),
    ("bytes_out_rate", "BytesOutRate", GAUGE),
    ("recv_logs_total", "CumRecvLogs", COUNTER),
    ("build_info", "Build info", GAUGE),
    ("max_memory_bytes", "Memmax_bytes", GAUGE),
    ("pool_allocated_bytes", "PoolAlloc_bytes", GAUGE),
    ("pool_used_bytes", "PoolUsed_bytes", GAUGE),
    ("start_time_seconds", "Start_time_sec", GAUGE),
    ("total_warnings", "TotalWarnings", COUNTER),
)
# Metrics whose value is a label; the number is 1.
LABELS: Final = {"node": "node", "description": "desc", "build_info": "version"}
