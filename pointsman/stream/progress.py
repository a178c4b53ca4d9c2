"""Counters of exchanges that last: a download of hours, a tunnel.

What an exchange has moved is counted when it ends, in one go (exchange.py, `count_end`). Of one that takes longer,
`look` counts about every five seconds what it has moved since the last time, and its end only the rest: so totals are
those of the bytes at any time, and what a lane has counted so outlives its death. Under `option contstats` it is done
every second, from the first one on (manual 4.2).

Nothing is done for this per request or per piece of payload: once a second somebody walks over the client connections.
"""

from typing import Final

from pointsman.core.columns import BYTES
from pointsman.core.wishes import WISHES
from pointsman.net.reactor import Reactor
from pointsman.sample.record import Counted
from pointsman.sample.tracking import bytes_moved
from pointsman.server.backend import LiveServer
from pointsman.stream.acceptor import BindState
from pointsman.stream.connections import client_connections
from pointsman.stream.exchange import Exchange
from pointsman.stream.phases import FORWARD, LAST, SENT, TUNNEL

PERIOD: Final = 4_500  # ms since the last time, or the beginning: seen once a second, that makes five seconds


def look(reactor: Reactor, now: int) -> None:
    """Called once a second."""
    for connection in client_connections(reactor):
        for stream in connection.streams():
            if not stream.may_move():
                _visit(stream, now)


def _visit(stream: Exchange, now: int) -> None:
    """In these phases nothing changes any more about whose bytes they are."""
    if stream.phase not in (SENT, FORWARD, LAST, TUNNEL):
        return
    record = stream.record
    counted = record.counted
    if stream.frontend.continuous or now - (record.begun if counted is None else counted.at) >= PERIOD:
        if counted is None:
            counted = record.counted = Counted()
        counted.at = now
        _note(stream, record.uploaded - counted.up, record.sent - counted.down)
        if WISHES.tracks:
            bytes_moved(stream.context, record.uploaded - counted.up, record.sent - counted.down, now)
        counted.up = record.uploaded
        counted.down = record.sent


def _note(stream: Exchange, up: int, down: int) -> None:
    if not up and not down:
        return
    frontend = stream.frontend
    context = stream.context
    frontend.counters.tally(BYTES, up, down)
    for streams in (context.session.streams, context.server_streams):
        if streams is not None:
            streams.moved(up, down)
    if frontend.socket_stats and isinstance(context.listener, BindState):
        context.listener.counters.tally(BYTES, up, down)
    backend = stream.backend
    if backend is not None:
        backend.counters.tally(BYTES, up, down)
        if context.record.queued >= 0 and isinstance(context.server, LiveServer):
            context.server.counters.tally(BYTES, up, down)
    elif frontend.twin is not None:
        frontend.twin.counters.tally(BYTES, up, down)
