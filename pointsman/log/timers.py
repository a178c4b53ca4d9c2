"""The timers of log-formats (manual 8.4), in milliseconds: differences of the marks of a record. -1: not reached.

    accepted --Th-- handshake --Ti-- begun --TR-- head --Tw-- queued --Tc-- connected --Tr-- answered --Td-- ended

Tq, Ta, Tt and Tu span several of them. A line that is written before the end (option logasap) counts them up to the
last mark that was reached, and puts a "+" before those that reach to the end.
"""

from typing import Final

from mypy_extensions import i64

from pointsman.sample.context import Context
from pointsman.sample.key import CommonChain, Family, Number, Total
from pointsman.sample.record import Record
from pointsman.sample.tag import number_tag

TARPITTED: Final = 0x54  # "T", the second letter of the termination state (manual 8.5)
BITS: Final = 12  # that a timer has in the key of a line's piece: up to 4 s


def _span(start: i64, end: i64) -> i64:
    if start < 0 or end < 0:  # not one expression, which would be made of objects
        return -1
    return end - start


def _end(record: Record) -> i64:
    """Where the exchange stands: its end, or the last mark it reached."""
    if record.ended >= 0:
        return record.ended
    return max(record.answered, record.connected, record.queued, record.head, record.begun, record.handshake)


def _idle(ctx: Context) -> i64:
    record = ctx.record
    if not ctx.frontend.http or record.handshake < 0:
        return 0
    return _span(record.handshake, record.begun)


class HandshakeTime(Number):
    """Handshakes below the protocol: PROXY header, TLS. Zero but for the first request; -1: their time was up."""

    def value(self, ctx: Context) -> i64:
        record = ctx.record
        if record.handshake < 0:
            return -1
        return max(record.handshake - record.accepted, 0)


class IdleTime(Number):
    """From the handshakes (or the response before) to the first byte of the request; -1: none came."""

    def value(self, ctx: Context) -> i64:
        return _idle(ctx)


class RequestTime(Number):
    """From the first byte of the request to the end of its head."""

    def value(self, ctx: Context) -> i64:
        record = ctx.record
        return _span(record.begun, record.head)


class RequestTotalTime(Number):
    """Th + Ti + TR."""

    def value(self, ctx: Context) -> i64:
        record = ctx.record
        return _span(record.accepted, record.head) if record.begun >= 0 else -1


class QueueTime(Number):
    """In queues, waiting for a place at a server."""

    def value(self, ctx: Context) -> i64:
        record = ctx.record
        if record.step == TARPITTED:
            return _span(record.begun, record.queued)  # waiting is all that was done
        if ctx.frontend.http or record.head > record.begun:
            return _span(record.head, record.queued)
        return _span(record.begun, record.queued)


class ConnectTime(Number):
    """Connecting to the server, retries included."""

    def value(self, ctx: Context) -> i64:
        record = ctx.record
        return _span(record.queued, record.connected)


class ResponseTime(Number):
    """From the connection to the end of the response's head."""

    def value(self, ctx: Context) -> i64:
        record = ctx.record
        return _span(record.connected, record.answered)


class DataTime(Number):
    """Forwarding data; -1 where there was no response head (HTTP) or no connection (TCP)."""

    def value(self, ctx: Context) -> i64:
        record = ctx.record
        return _span(record.answered if ctx.frontend.http else record.connected, _end(record))


class ActiveTime(Total):
    """From the first byte of the request to the end. Never negative."""

    def value(self, ctx: Context) -> i64:
        record = ctx.record
        begun: i64 = record.begun
        handshake: i64 = record.handshake
        span = _end(record) - (begun if begun > handshake else handshake)
        return span if span > 0 else 0


class TotalTime(Total):
    """From the accept to the end."""

    def value(self, ctx: Context) -> i64:
        record = ctx.record
        return _end(record) - record.accepted


class UserTime(Total):
    """What a user saw: the total less the idle time."""

    def value(self, ctx: Context) -> i64:
        record = ctx.record
        idle = _idle(ctx)
        return _end(record) - record.accepted - (idle if idle > 0 else 0)


class HttpTimers(CommonChain):
    """ "%TR/%Tw/%Tc/%Tr/%Ta" of an exchange that passed all of its marks."""

    def of(self, ctx: Context) -> i64:
        record = ctx.record
        begun: i64 = record.begun
        head: i64 = record.head
        queued: i64 = record.queued
        connected: i64 = record.connected
        answered: i64 = record.answered
        ended: i64 = record.ended
        if (
            (begun | head | queued | connected | answered | ended) < 0
            or not record.complete
            or record.step == TARPITTED
            or not ctx.frontend.http
        ):
            return self.slowly(ctx)
        handshake: i64 = record.handshake
        active = ended - (begun if begun > handshake else handshake)
        if active < 0:
            active = 0
        wait = queued - head
        connect = connected - queued
        answer = answered - connected
        request = head - begun
        all_bits = request | wait | connect | answer | active
        if all_bits < 0 or all_bits >= _LIMIT:
            return self.slowly(ctx)
        return (request + 1) << 48 | (wait + 1) << 36 | (connect + 1) << 24 | (answer + 1) << 12 | (active + 1)


_LIMIT: Final = (1 << BITS) - 1

REQUEST_TIME: Final = RequestTime(Family.TIMES, BITS)
QUEUE_TIME: Final = QueueTime(Family.TIMES, BITS)
CONNECT_TIME: Final = ConnectTime(Family.TIMES, BITS)
RESPONSE_TIME: Final = ResponseTime(Family.TIMES, BITS)
ACTIVE_TIME: Final = ActiveTime(Family.TIMES, BITS)
HttpTimers((REQUEST_TIME, QUEUE_TIME, CONNECT_TIME, RESPONSE_TIME, ACTIVE_TIME))
number_tag("Th", HandshakeTime(Family.TIMES, BITS))
number_tag("Ti", IdleTime(Family.TIMES, BITS), http=True)
number_tag("TR", REQUEST_TIME, http=True)
number_tag("Tq", RequestTotalTime(Family.TIMES, BITS), http=True)
number_tag("Tw", QUEUE_TIME)
number_tag("Tc", CONNECT_TIME)
number_tag("Tr", RESPONSE_TIME, http=True)
number_tag("Td", DataTime(Family.TIMES, BITS))
number_tag("Ta", ACTIVE_TIME, http=True)
number_tag("Tt", TotalTime(Family.TIMES, BITS))
number_tag("Tu", UserTime(Family.TIMES, BITS))
