"""The tags of log-formats that are numbers, timers apart: status, sizes, connections, queues (manual 8.2.6)."""

from collections.abc import Sequence
from typing import Final

from mypy_extensions import i64

from pointsman.log.keys import (
    LETTERS,
    NO_REQUEST_CAPTURES,
    NO_REQUEST_COOKIE,
    NO_RESPONSE_CAPTURES,
    NO_RESPONSE_COOKIE,
    letters_of,
)
from pointsman.sample.context import Context
from pointsman.sample.key import CommonChain, Family, Key, Marked, Number, Total
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


class States(CommonChain):
    """ "%ST %B %CC %CS %tsc": an answer that is complete and of which no cookie was captured."""

    def of(self, ctx: Context) -> i64:
        record = ctx.record
        status: i64 = record.status
        sent: i64 = record.sent
        if (
            not record.complete
            or record.request_cookie is not None
            or record.response_cookie is not None
            or status <= 0
            or status >= _STATUS
            or sent < 0
            or sent >= _SIZE
        ):
            return self.slowly(ctx)
        letters = letters_of(record)
        if letters < 0:
            return -1
        return (status + 1) << 48 | (sent + 1) << 28 | letters


class SizeAndState(CommonChain):
    """ "%B %ts": as States, of a TCP line."""

    def of(self, ctx: Context) -> i64:
        record = ctx.record
        sent: i64 = record.sent
        if not record.complete or sent < 0 or sent >= _SIZE:
            return self.slowly(ctx)
        letters = letters_of(record)
        if letters < 0:
            return -1
        return (sent + 1) << 28 | letters


class Counts(CommonChain):
    """ "%ac/%fc/%bc/%sc/%rc %sq/%bq" without retries and queues, with or without captures that are empty behind it."""

    def __init__(self, keys: Sequence[Key], captures: Sequence[Key]) -> None:
        super().__init__([*keys, *captures])
        self.captures = len(captures) > 0

    def of(self, ctx: Context) -> i64:
        if self.captures and (ctx.request_captures or ctx.response_captures):
            return -1
        record = ctx.record
        first: i64 = record.process_connections
        second: i64 = record.frontend_connections
        third: i64 = record.backend_connections
        fourth: i64 = record.server_connections
        all_bits = first | second | third | fourth
        if (
            all_bits < 0
            or all_bits >= _MANY
            or record.retries != 0
            or record.redispatched
            or record.server_queue != 0
            or record.backend_queue != 0
        ):
            return self.slowly(ctx)
        return (first + 1) << 49 | (second + 1) << 37 | (third + 1) << 25 | (fourth + 1) << 13 | _NO_QUEUE


# How many bits of a key each takes: "%ST %B %CC %CS %tsc" and "%ac/%fc/%bc/%sc/%rc %sq/%bq" are to fit into one. The
# runs above rely on them.
_STATUS: Final = (1 << 10) - 1
_SIZE: Final = (1 << 20) - 1
_MANY: Final = (1 << 12) - 1
_NO_QUEUE: Final = 1 << 10 | 1 << 5 | 1  # of %rc, %sq and %bq

STATUS: Final = StatusCode(Family.STATES, 10)
SENT: Final = BytesRead(Family.STATES, 20)
number_tag("ST", STATUS)
number_tag("B", SENT)
number_tag("U", BytesUploaded(Family.STATES, 20))
States((STATUS, SENT, NO_REQUEST_COOKIE, NO_RESPONSE_COOKIE, LETTERS))
SizeAndState((SENT, LETTERS))

COUNTS: Final = (
    ActiveConnections(Family.COUNTS, 12),
    FrontendConnections(Family.COUNTS, 12),
    BackendConnections(Family.COUNTS, 12),
    ServerConnections(Family.COUNTS, 12),
    Retries(Family.COUNTS, 3),
    ServerQueue(Family.COUNTS, 5),
    BackendQueue(Family.COUNTS, 5),
)
for _name, _number in zip(("ac", "fc", "bc", "sc", "rc", "sq", "bq"), COUNTS, strict=True):
    number_tag(_name, _number)
Counts(COUNTS, ())
Counts(COUNTS, (NO_REQUEST_CAPTURES, NO_RESPONSE_CAPTURES))
