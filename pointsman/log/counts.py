"""The tags of log-formats that are numbers, timers apart: status, sizes, connections, queues (manual 8.2.6)."""
from mypy_extensions import i64

from pointsman.sample.context import Context
from pointsman.sample.key import Family, Marked, Number, Total
from pointsman.sample.tag import number_tag


class StatusCode(Number):
    """The status that the client got; -1 where none was sent, 0 in TCP mode."""

    def value(self, ctx: Context) -> i64:
        status: i64 = ctx.record.status
        return status if status > 0 or ctx.frontend.http else 0


class BytesRead(Total):
    """Bytes sent to the client; with "+" while there is more to come (option logasap)."""

    def value(self, ctx: Context) -> i64:
        return ctx.record.sent


class BytesUploaded(Number):
    """Bytes that came from the client."""

    def value(self, ctx: Context) -> i64:
        return ctx.record.uploaded


class ActiveConnections(Number):
    """Connections of the process."""

    def value(self, ctx: Context) -> i64:
        return ctx.record.process_connections


class FrontendConnections(Number):
    """Connections of the frontend."""

    def value(self, ctx: Context) -> i64:
        return ctx.record.frontend_connections


class BackendConnections(Number):
    """Streams of the backend, those in its queues included."""

    def value(self, ctx: Context) -> i64:
        return ctx.record.backend_connections


class ServerConnections(Number):
    """Streams of the server."""

    def value(self, ctx: Context) -> i64:
        return ctx.record.server_connections


class Retries(Marked):
    """Connection retries; with "+" where the stream was redispatched."""

    def value(self, ctx: Context) -> i64:
        return ctx.record.retries

    def marked(self, ctx: Context) -> bool:
        return ctx.record.redispatched


class ServerQueue(Number):
    """Requests that were before this one in the server's queue."""

    def value(self, ctx: Context) -> i64:
        return ctx.record.server_queue


class BackendQueue(Number):
    """Requests that were before this one in the backend's queue."""

    def value(self, ctx: Context) -> i64:
        return ctx.record.backend_queue


# How many bits of a key each takes: "%ST %B %CC %CS %tsc" and "%ac/%fc/%bc/%sc/%rc %sq/%bq" are to fit into one.
number_tag("ST", StatusCode(Family.STATES, 10))
number_tag("B", BytesRead(Family.STATES, 20))
number_tag("U", BytesUploaded(Family.STATES, 20))
number_tag("ac", ActiveConnections(Family.COUNTS, 12))
number_tag("fc", FrontendConnections(Family.COUNTS, 12))
number_tag("bc", BackendConnections(Family.COUNTS, 12))
number_tag("sc", ServerConnections(Family.COUNTS, 12))
number_tag("rc", Retries(Family.COUNTS, 3))
number_tag("sq", ServerQueue(Family.COUNTS, 5))
number_tag("bq", BackendQueue(Family.COUNTS, 5))
