"""The timers of log-formats (manual 8.4), in milliseconds: differences of the marks of a record. -1: not reached.

    accepted --Th-- handshake --Ti-- begun --TR-- head --Tw-- queued --Tc-- connected --Tr-- answered --Td-- ended

Tq, Ta, Tt and Tu span several of them. A line that is written before the end (option logasap) counts them up to the
last mark that was reached, and puts a "+" before those that reach to the end.
"""
from typing import Final

from pointsman.sample.context import Context
from pointsman.sample.record import Record
from pointsman.sample.tag import Kind, tag

TARPITTED: Final = 0x54  # "T", the second letter of the termination state (manual 8.5)


def _span(start: int, end: int) -> int:
    return end - start if start >= 0 and end >= 0 else -1


def _end(record: Record) -> int:
    """Where the exchange stands: its end, or the last mark it reached."""
    if record.ended >= 0:
        return record.ended
    return max(record.answered, record.connected, record.queued, record.head, record.begun, record.handshake)


def _idle(ctx: Context) -> int:
    record = ctx.record
    return _span(record.handshake, record.begun) if ctx.frontend.http else 0


def _total(ctx: Context, value: int) -> int | bytes:
    return value if ctx.record.complete else b"+%d" % value


@tag("Th", Kind.NUMBER)
def handshake_time(ctx: Context) -> int:
    """Handshakes below the protocol: PROXY header, TLS. Zero but for the first request."""
    return max(ctx.record.handshake - ctx.record.accepted, 0)


@tag("Ti", Kind.NUMBER, http=True)
def idle_time(ctx: Context) -> int:
    """From the handshakes (or the response before) to the first byte of the request; -1: none came."""
    return _idle(ctx)


@tag("TR", Kind.NUMBER, http=True)
def request_time(ctx: Context) -> int:
    """From the first byte of the request to the end of its head."""
    return _span(ctx.record.begun, ctx.record.head)


@tag("Tq", Kind.NUMBER, http=True)
def request_total_time(ctx: Context) -> int:
    """Th + Ti + TR."""
    return _span(ctx.record.accepted, ctx.record.head) if ctx.record.begun >= 0 else -1


@tag("Tw", Kind.NUMBER)
def queue_time(ctx: Context) -> int:
    """In queues, waiting for a place at a server."""
    record = ctx.record
    if record.step == TARPITTED:
        return _span(record.begun, record.queued)  # waiting is all that was done
    return _span(record.head if ctx.frontend.http else max(record.head, record.begun), record.queued)


@tag("Tc", Kind.NUMBER)
def connect_time(ctx: Context) -> int:
    """Connecting to the server, retries included."""
    return _span(ctx.record.queued, ctx.record.connected)


@tag("Tr", Kind.NUMBER, http=True)
def response_time(ctx: Context) -> int:
    """From the connection to the end of the response's head."""
    return _span(ctx.record.connected, ctx.record.answered)


@tag("Td", Kind.NUMBER)
def data_time(ctx: Context) -> int:
    """Forwarding data; -1 where there was no response head (HTTP) or no connection (TCP)."""
    record = ctx.record
    return _span(record.answered if ctx.frontend.http else record.connected, _end(record))


@tag("Ta", Kind.NUMBER, http=True)
def active_time(ctx: Context) -> int | bytes:
    """From the first byte of the request to the end. Never negative."""
    record = ctx.record
    return _total(ctx, max(_end(record) - max(record.begun, record.handshake), 0))


@tag("Tt", Kind.NUMBER)
def total_time(ctx: Context) -> int | bytes:
    """From the accept to the end."""
    return _total(ctx, _end(ctx.record) - ctx.record.accepted)


@tag("Tu", Kind.NUMBER)
def user_time(ctx: Context) -> int | bytes:
    """What a user saw: the total less the idle time."""
    return _total(ctx, _end(ctx.record) - ctx.record.accepted - max(_idle(ctx), 0))
