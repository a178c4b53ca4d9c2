"""Times of an exchange (manual 8.4): marks of its record and their differences, in milliseconds; -1: not reached."""

from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.fetch.constant import unit_of
from pointsman.sample.record import Record
from pointsman.sample.registry import Getter, fetch, fetch_with
from pointsman.sample.types import Reads, Type, Value, Where


def _span(start: int, end: int) -> int:
    return end - start if start >= 0 and end >= 0 else -1


def _end(ctx: Context) -> int:
    """The end, or now."""
    return ctx.record.ended if ctx.record.ended >= 0 else ctx.now


def _idle(ctx: Context) -> int:
    record = ctx.record
    return _span(record.handshake, record.begun) if ctx.frontend.http else 0


@fetch_with("accept_date", "([string])", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def accept_date(args: Arguments) -> Getter:
    """accept_date([<unit>]): when the connection was accepted, since 1970, in "s", "ms" or "us"."""
    parts = unit_of(args, 0)

    def get(ctx: Context) -> Value:
        return ctx.record.accept_date * parts // 1000

    return get


@fetch_with("request_date", "([string])", Type.SINT, Where.STREAM, Reads.MOVING, "7.3.6")
def request_date(args: Arguments) -> Getter:
    """request_date([<unit>]): when the first byte of the request came, since 1970, in "s", "ms" or "us"."""
    parts = unit_of(args, 0)

    def get(ctx: Context) -> Value:
        record = ctx.record
        return (record.accept_date + max(record.begun - record.accepted, 0)) * parts // 1000

    return get


@fetch("fc.timer.handshake", Type.SINT, Where.TRAFFIC, Reads.MOVING, "7.3.3")
def handshake_time(ctx: Context) -> int:
    """Th: TLS and PROXY protocol."""
    return max(ctx.record.handshake - ctx.record.accepted, 0)


@fetch("fc.timer.total", Type.SINT, Where.SESSION, Reads.MOVING, "7.3.3")
def session_time(ctx: Context) -> int:
    """Tt: from the accept on."""
    return _end(ctx) - ctx.record.accepted


@fetch("req.timer.idle", Type.SINT, Where.REQUEST | Where.LOG, Reads.MOVING, "7.3.6")
def idle_time(ctx: Context) -> int:
    """Ti: before the first byte of the request."""
    return _idle(ctx)


@fetch("req.timer.hdr", Type.SINT, Where.REQUEST | Where.LOG, Reads.MOVING, "7.3.6")
def request_time(ctx: Context) -> int:
    """TR: from the first byte of the request to the end of its head."""
    return _span(ctx.record.begun, ctx.record.head)


@fetch("req.timer.tq", Type.SINT, Where.REQUEST | Where.LOG, Reads.MOVING, "7.3.6")
def request_total_time(ctx: Context) -> int:
    """Tq = Th + Ti + TR."""
    return _span(ctx.record.accepted, ctx.record.head)


@fetch("req.timer.queue", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.6")
def queue_time(ctx: Context) -> int:
    """Tw: in queues."""
    record = ctx.record
    return _span(record.head if ctx.frontend.http else max(record.head, record.begun), record.queued)


@fetch("bc.timer.connect", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.3")
def connect_time(ctx: Context) -> int:
    """Tc: connecting to the server."""
    return _span(ctx.record.queued, ctx.record.connected)


@fetch("res.timer.hdr", Type.SINT, Where.ANSWERED | Where.LOG, Reads.MOVING, "7.3.6")
def response_time(ctx: Context) -> int:
    """Tr: from the connection to the end of the response's head."""
    return _span(ctx.record.connected, ctx.record.answered)


@fetch("res.timer.data", Type.SINT, Where.RESPONSE | Where.LOG, Reads.MOVING, "7.3.3")
def data_time(ctx: Context) -> int:
    """Td: forwarding data."""
    record: Record = ctx.record
    return _span(record.answered if ctx.frontend.http else record.connected, _end(ctx))


@fetch("txn.timer.total", Type.SINT, Where.STREAM, Reads.MOVING, "7.3.6")
def active_time(ctx: Context) -> int:
    """Ta: from the first byte of the request on."""
    return max(_end(ctx) - max(ctx.record.begun, ctx.record.handshake), 0)


@fetch("txn.timer.user", Type.SINT, Where.STREAM, Reads.MOVING, "7.3.4")
def user_time(ctx: Context) -> int:
    """Tu: what a user saw, the total less the idle time."""
    return _end(ctx) - ctx.record.accepted - max(_idle(ctx), 0)
