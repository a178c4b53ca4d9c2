"""Tracking: which entries of stick tables a connection and its exchanges are counted in (manual 4.4, track-sc0).

    tcp-request connection, session    tracked by the connection, until it ends: Session.tracked
    all other rule sets                tracked by the exchange, until it ends: Context.tracked

A counter that is tracked already is left alone, also where it is the connection that tracks it. Each beginning counts
a connection, and a request where there is one: also one that was counted of the connection itself.

Who serves traffic tells what happens by the functions here; WISHES.tracks says whether any rule tracks at all, so that
nothing is asked otherwise. Of a connection with several exchanges, each counts what is its own.
"""

from typing import Final

from pointsman.core.wishes import WISHES
from pointsman.sample.context import Context, Session
from pointsman.sample.table_key import TableKey
from pointsman.tables.stick_table import StickTable
from pointsman.tables.tracked import Tracked


class FaultCodes:
    """Which statuses of servers count as errors of clients and as failures of servers (manual 3.1, http-err-codes)."""

    def __init__(self) -> None:
        self.errors: frozenset[int] = DEFAULT_ERRORS
        self.failures: frozenset[int] = DEFAULT_FAILURES

    def set(self, errors: frozenset[int], failures: frozenset[int]) -> None:
        """What a configuration says."""
        self.errors = errors
        self.failures = failures


DEFAULT_ERRORS: Final = frozenset(range(400, 500))
DEFAULT_FAILURES: Final = frozenset(range(500, 600)) - {501, 505}
FAULT_CODES: Final = FaultCodes()


def tracked(ctx: Context, index: int) -> Tracked | None:
    """What a counter tracks: of the exchange, or else of its connection."""
    own = ctx.tracked
    if own is not None:
        for one in own:
            if one.index == index:
                return one
    inherited = ctx.session.tracked
    if inherited is not None:
        for one in inherited:
            if one.index == index:
                return one
    return None


def track(
    ctx: Context, index: int, table: StickTable, ask: TableKey, by_connection: bool, by_content: bool = False
) -> None:
    """Begin to track the entry of a key, which is made if there is none. Nothing happens where the counter tracks one
    already, where there is no key, or where the table has no room. `by_connection`: until that ends. `by_content`: the
    request is counted when it has passed the content rules (`request_follows`)."""
    if tracked(ctx, index) is not None:
        return
    key = ask.get(ctx)
    if key is None:
        return
    now = ctx.now
    ref = table.track(key, now, ctx.request is not None and not by_connection and not by_content)
    if not ref:
        return
    made = Tracked(index, table, ref, by_content)
    if by_connection:
        session = ctx.session
        if session.tracked is None:
            session.tracked = [made]
        else:
            session.tracked.append(made)
        return
    if ctx.tracked is None:
        ctx.tracked = [made]
    else:
        ctx.tracked.append(made)
    response = ctx.response
    if response is not None:  # it was counted of others when it came
        _count_status(made, response.status, now)


# What happens to a connection.


def session_begun(session: Session, now: int) -> None:
    """Its layer 4 rules have let it pass: it is a session."""
    if session.tracked is not None:
        for one in session.tracked:
            if one.table.session:
                one.table.run(one.ref, one.table.session, now)


def glitches_seen(session: Session, count: int, now: int) -> None:
    """What a client has sent was odd, in so many ways."""
    if session.tracked is not None:
        for one in session.tracked:
            if one.table.glitch:
                one.table.run(one.ref, one.table.glitch, now, count)


def session_over(session: Session, now: int) -> None:
    """It has ended. Called once or more."""
    found = session.tracked
    if found is not None:
        session.tracked = None
        for one in found:
            one.table.leave(one.ref, now)


# What happens to an exchange.


def request_begun(session: Session, now: int) -> None:
    """A request has come, good or bad. Who begins to track later counts it then."""
    if session.tracked is not None:
        for one in session.tracked:
            if one.table.request:
                one.table.run(one.ref, one.table.request, now)


def request_follows(ctx: Context, now: int) -> None:
    """It has passed the content rules of a proxy, or has come on a connection whose bytes were inspected before it
    spoke HTTP: what was tracked then is its own."""
    if ctx.tracked is not None:
        for one in ctx.tracked:
            if one.uncounted:
                one.uncounted = False
                if one.table.request:
                    one.table.run(one.ref, one.table.request, now)


def client_failed(ctx: Context, now: int) -> None:
    """The request is none, or was denied."""
    _count_errors(ctx.tracked, now)
    _count_errors(ctx.session.tracked, now)


def server_failed(ctx: Context, now: int) -> None:
    """No response came, or one that is none."""
    _count_failures(ctx.tracked, now)
    _count_failures(ctx.session.tracked, now)


def _count_errors(found: list[Tracked] | None, now: int) -> None:
    if found is not None:
        for one in found:
            if one.table.error:
                one.table.run(one.ref, one.table.error, now)


def _count_failures(found: list[Tracked] | None, now: int) -> None:
    if found is not None:
        for one in found:
            if one.table.failure:
                one.table.run(one.ref, one.table.failure, now)


def server_answered(ctx: Context, status: int, now: int) -> None:
    """A server's response has come, with this status."""
    if status in FAULT_CODES.errors:
        client_failed(ctx, now)
    if status in FAULT_CODES.failures:
        server_failed(ctx, now)


def _count_status(one: Tracked, status: int, now: int) -> None:
    table = one.table
    if table.error and status in FAULT_CODES.errors:
        table.run(one.ref, table.error, now)
    if table.failure and status in FAULT_CODES.failures:
        table.run(one.ref, table.failure, now)


def bytes_moved(ctx: Context, received: int, sent: int, now: int) -> None:
    """So many bytes have come from the client and gone to it since this was told last."""
    _weigh(ctx.tracked, received, sent, now)
    _weigh(ctx.session.tracked, received, sent, now)


def _weigh(found: list[Tracked] | None, received: int, sent: int, now: int) -> None:
    if found is not None:
        for one in found:
            if one.table.weighs:
                one.table.weigh(one.ref, received, sent, now)


def exchange_over(ctx: Context, now: int) -> None:
    """It has ended. Called once or more."""
    found = ctx.tracked
    if found is not None:
        ctx.tracked = None
        for one in found:
            one.table.leave(one.ref, now)


def wish() -> None:
    """A rule tracks."""
    WISHES.tracks = WISHES.answers = True
