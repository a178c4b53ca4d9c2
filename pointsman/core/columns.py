"""Places of counters that traffic writes, for the calls of a row (core/_cells.c): a compiled module, so that compiled
code has them without a look-up."""

from typing import Final

from pointsman.core.counters import COUNTER_FIELDS, places

CURRENT: Final = COUNTER_FIELDS.index("current")
WAITING: Final = COUNTER_FIELDS.index("waiting")
QUEUE_TIME: Final = COUNTER_FIELDS.index("queue_time")  # the first of the times

NOTHING: Final = b""
HELD: Final = places("current")
SESSION_TAKEN: Final = places("sessions", "current")  # a server, with its slot
REQUEST: Final = places("requests")
SESSION: Final = places("sessions")
ADMITTED: Final = places("connections", "current")
ENTERED: Final = places("current", "sessions", "requests")  # a backend, by a request
BEGUN: Final = places("current", "sessions")  # by a connection

CHOSEN: Final = places("chosen")
TAKEN: Final = places("chosen", "current")  # a server, with its slot
REUSED: Final = places("chosen", "sessions", "reuses")
REUSED_TAKEN: Final = places("chosen", "sessions", "reuses", "current")
NAMED_REUSED: Final = places("sessions", "reuses")  # the same of one that was named, and not chosen by the algorithm
NAMED_TAKEN: Final = places("sessions", "reuses", "current")
PICKED: Final = places("chosen", "reuses")  # the backend of a server that is reused
DIALLED: Final = places("connects", "sessions")  # each attempt is a session of the server
CONNECTS: Final = places("connects")
JOINED: Final = places("sessions", "reuses")  # a server, by who has waited for another's connection to it
JOINS: Final = places("reuses")
LINK: Final = places("links")
POOLED: Final = places("idle")
POOLED_SAFE: Final = places("idle", "idle_safe")
SAFE_ONE: Final = places("idle_safe")  # where the pool has counted it as idle itself
LINK_POOLED: Final = places("links", "idle")
LINK_POOLED_SAFE: Final = places("links", "idle", "idle_safe")

TLS_SESSION: Final = places("tls_sessions")
TLS_RESUMED: Final = places("tls_resumed")
TLS_FAILED: Final = places("tls_failed")
TLS_STAPLE: Final = places("tls_staples")
TLS_STALE: Final = places("tls_failed_staples")

SPLICED: Final = places("spliced")
EXHAUSTED_REGEXES: Final = places("exhausted")
LOG_LINES: Final = places("log_lines")
DROPPED_LOGS: Final = places("dropped_logs")
BYTES: Final = places("bytes_in", "bytes_out")
_CLASSES: Final = ("http_other", "http_1xx", "http_2xx", "http_3xx", "http_4xx", "http_5xx")
OVER: Final = [places("bytes_in", "bytes_out", name) for name in _CLASSES]  # by the class of the status
SERVED: Final = [places("bytes_in", "bytes_out", name, "requests") for name in _CLASSES]  # a server; see `conclude`


def class_of(status: int) -> int:
    """The index of a status in OVER and SERVED."""
    return status // 100 if 100 <= status < 600 else 0
