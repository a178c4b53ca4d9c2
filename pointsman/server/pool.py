"""Each server's pool of idle connections.

The pool is last in, first out, so that what is not needed grows old and is closed. Beside them stand connections that
carry exchanges and have room for more (shared.py), by the same rules; they come first.

Which idle connection may carry a request is `http-reuse` (manual 4.2):

    never        only the client connection's own one
    safe         not for a client connection's first request
    aggressive   for a first request only connections that have been reused before
    always       any

An idle connection is never lent to another destination. Where the request or the client's connection chooses it (a
server without a port, or at 0.0.0.0: `Dial.follows`), connections are not pooled: the next request of the same client
may use them, if it goes to the same place. One that was opened before the server's address was changed is not kept.
"""

from typing import Final

from pointsman.core.columns import NOTHING, POOLED, POOLED_SAFE, SAFE_ONE
from pointsman.server.connection import ServerConnection
from pointsman.server.server import Server

NEVER: Final = 0  # http-reuse
SAFE: Final = 1
AGGRESSIVE: Final = 2
ALWAYS: Final = 3


class Pool:
    """A server's idle connections in this lane. Its limit is for those of all lanes.

    What an exchange takes and gives is counted by the exchange, with what else it counts of the server.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.top: ServerConnection | None = None  # the last one that came
        self.shared: list[ServerConnection] = []  # that carry exchanges, and may carry more at once
        self.limit = -1  # pool-max-conn; -1: none
        self.keep_for = 5_000  # ms (pool-purge-delay)
        self.need = 0  # connections that were used at once, lately

    def take(self, mode: int, first: bool) -> ServerConnection | None:
        """An idle connection that a request may use under http-reuse; `first`: it is its client connection's first. It
        is for the caller to `unpool` it."""
        if mode == NEVER or first and mode == SAFE:
            return None
        if self.shared:
            found = self._with_room(first and mode == AGGRESSIVE)
            if found is not None:
                return found
        above: ServerConnection | None = None
        one = self.top
        while one is not None:
            below = one.below
            if one.wire.fd >= 0 and first and mode == AGGRESSIVE and one.served < 2:
                above = one
            else:
                if above is None:
                    self.top = below
                else:
                    above.below = below
                one.below = None
                if one.wire.fd >= 0:
                    return one
            one = below
        return None

    def share(self, connection: ServerConnection) -> None:
        """It is in use, and has room for more."""
        if connection not in self.shared:
            self.shared.append(connection)

    def _with_room(self, reused: bool) -> ServerConnection | None:
        """One that carries exchanges, and takes another. `reused`: only one that has completed several."""
        for one in self.shared:
            if one.has_room() and not one.private and not (reused and one.served < 2):
                return one
        return None

    @property
    def idle(self) -> list[ServerConnection]:
        """Those that lie here, the first one first; some may have closed meanwhile."""
        found: list[ServerConnection] = []
        one = self.top
        while one is not None:
            found.append(one)
            one = one.below
        found.reverse()
        return found

    def give(self, connection: ServerConnection) -> bytes:
        """Back to the idle ones, or closed where they are too many. Returns the places that its server, whose counts
        are for the caller, counts one more at.

        One more is kept than were ever used at once in the last seconds: under `safe` each client connection brings a
        new one, and nobody would ask for most of them (observed of the peer program).
        """
        server = self.server
        if connection.shares:
            self.forget(connection)
        idle = server.idle
        used = server.links - idle
        if used > self.need:
            self.need = used
        wire = connection.wire
        now = wire.reactor.now
        if not self.keep_for or idle > self.need or self.limit >= 0 and not self._enter(now):
            connection.abort()
            return NOTHING
        server.idle += 1
        connection.since = now
        connection.below = self.top
        self.top = connection
        safe = connection.served > 1
        connection.pooled = 2 if safe else 1
        if self.limit >= 0:
            return SAFE_ONE if safe else NOTHING
        return POOLED_SAFE if safe else POOLED

    def forget(self, connection: ServerConnection) -> None:
        """It has room for no more, or is closed."""
        if connection in self.shared:
            self.shared.remove(connection)

    def _enter(self, now: int) -> bool:
        """Count one more; False: there are enough in all lanes, and none of this lane's is old."""
        counters = self.server.counters
        if counters.hold_idle() > self.limit:
            self.purge(now)
            if counters.totals.idle > self.limit:
                counters.idle -= 1
                return False
        return True

    def purge(self, now: int) -> None:
        """Close what has been idle for long, and forget what has closed. Called about once a second."""
        self.need = max(self.server.links - self.server.idle, self.need - (self.need + 7 >> 3))
        self._close_older(now - self.keep_for)

    def close(self) -> None:
        """All of them: the server went away, or the process stops. Those in use take nothing more."""
        self._close_older(1 << 60)
        for one in list(self.shared):
            one.retire()

    def _close_older(self, moment: int) -> None:
        kept: ServerConnection | None = None
        for one in self.idle:
            if one.wire.fd >= 0 and one.since > moment:
                one.below = kept
                kept = one
            else:
                one.below = None
                one.close()
        self.top = kept
