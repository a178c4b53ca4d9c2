"""Each server's pool of idle connections.

The pool is last in, first out, so that what is not needed grows old and is closed. Beside them stand connections that
carry exchanges and have room for more (shared.py), by the same rules; they come first.

Which idle connection may carry a request is `http-reuse` (manual 4.2):

    never        only the client connection's own one
    safe         not for a client connection's first request; one that carries exchanges is for more of the same client
                 alone, as a slow one would hold up all others
    aggressive   for a first request only connections that have been reused before
    always       any

Connections are shared only among equals. Most servers' are all alike: then there is one stack of them, `top`. Where
the request or its client has a say in where a connection goes or what it tells of the client, the server has a key
(pool_key.py), and a stack for each value of it (`stacks`); the limits are for all of them together. One that was opened
before the server's address was changed is not kept.
"""

from typing import Final

from pointsman.core.columns import NOTHING, POOLED, POOLED_SAFE, SAFE_ONE
from pointsman.sample.context import Context
from pointsman.server.connection import Dialling, ServerConnection
from pointsman.server.pool_key import PoolKey
from pointsman.server.server import Server

REUSE_NEVER: Final = 0  # http-reuse
REUSE_SAFE: Final = 1
REUSE_AGGRESSIVE: Final = 2
REUSE_ALWAYS: Final = 3

MOST_STACKS: Final = 4_096  # values of its key that a server has idle connections of


class Stack:
    """Idle connections that are alike."""

    def __init__(self) -> None:
        self.top: ServerConnection | None = None  # the last one that came

    def take(self, mode: int, first: bool) -> ServerConnection | None:
        """An idle connection that a request may use under http-reuse; `first`: it is its client connection's first. It
        is for the caller to `unpool` it."""
        if mode == REUSE_NEVER or first and mode == REUSE_SAFE:
            return None
        above: ServerConnection | None = None
        one = self.top
        while one is not None:
            below = one.below
            if one.wire.fd >= 0 and first and mode == REUSE_AGGRESSIVE and one.served < 2:
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

    def lying(self) -> list[ServerConnection]:
        """Those that lie here, the first one first; some may have closed meanwhile."""
        found: list[ServerConnection] = []
        one = self.top
        while one is not None:
            found.append(one)
            one = one.below
        found.reverse()
        return found

    def close_older(self, moment: int) -> None:
        """Close those that have been idle since then or longer, and forget what has closed."""
        kept: ServerConnection | None = None
        for one in self.lying():
            if one.wire.fd >= 0 and one.since > moment:
                one.below = kept
                kept = one
            else:
                one.below = None
                one.close()
        self.top = kept

    def close_oldest(self, reset: bool = False) -> bool:
        """False: none was open."""
        above: ServerConnection | None = None
        oldest: ServerConnection | None = None
        over_oldest: ServerConnection | None = None
        one = self.top
        while one is not None:
            if one.wire.fd >= 0:
                oldest, over_oldest = one, above
            above = one
            one = one.below
        if oldest is None:
            self.top = None
            return False
        if over_oldest is None:
            self.top = None
        else:
            over_oldest.below = None  # below the oldest one there are only closed ones
        oldest.below = None
        if reset:
            oldest.abort()
        else:
            oldest.close()
        return True


class Pool(Stack):
    """A server's idle connections in this lane. Its limit is for those of all lanes.

    What an exchange takes and gives is counted by the exchange, with what else it counts of the server. Where the pool
    is `plain`, `take` and `give` are for it; else `take_equal` and `give_equal`.
    """

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server
        self.plain = True  # its connections are all alike, and carry one exchange at a time
        self.key: PoolKey | None = None  # what they may differ in
        self.apart = False  # some of them are for some exchanges alone (`Spoken`)
        self.stacks: dict[bytes, Stack] = {}  # by their keys, that whose last connection came first at the front
        self.most_stacks = MOST_STACKS
        self.shared: list[ServerConnection] = []  # that carry exchanges, and may carry more at once
        self.dials: list[Dialling] = []  # under way, to become connections that may carry several exchanges at once
        self.limit = -1  # pool-max-conn; -1: none
        self.keep_for = 5_000  # ms (pool-purge-delay)
        self.need = 0  # connections that were used at once, lately

    def set_key(self, key: PoolKey | None) -> None:
        """What connections may differ in, from now on. There are none yet, or the server has moved: none is kept."""
        self.key = key
        self.plain = key is None and not self.shared and not self.apart
        self.close()

    def value(self, context: Context) -> bytes:
        """The key of the connections that this request may use; b"" where they are all alike."""
        return self.key.value(context) if self.key is not None else b""

    def take_equal(self, value: bytes, mode: int, first: bool) -> ServerConnection | None:
        """As `take`: one whose key has that value, idle or with room for another exchange."""
        if mode == REUSE_NEVER or first and mode == REUSE_SAFE:
            return None
        for one in self.shared:
            if one.key == value and one.has_room() and not one.private:
                if not first or mode == REUSE_ALWAYS or one.served > 1:
                    return one
        if not value:
            return self.take(mode, first)
        stack = self.stacks.get(value)
        if stack is None:
            return None
        found = stack.take(mode, first)
        if stack.top is None:
            del self.stacks[value]
        return found

    def share(self, connection: ServerConnection) -> None:
        """It is in use, and has room for more."""
        self.plain = False
        if connection not in self.shared:
            self.shared.append(connection)

    def forget(self, connection: ServerConnection) -> None:
        """It has room for no more, or is closed."""
        if connection in self.shared:
            self.shared.remove(connection)

    def under_way(
        self, value: bytes, aim: tuple[str, int] | str, most: int, mode: int, first: bool, client: object
    ) -> Dialling | None:
        """A dial to there, with that key, that less than `most` exchanges wait for. It has carried none yet:
        under most modes of http-reuse only its own client's requests may wait for it."""
        own = mode <= REUSE_SAFE or first and mode != REUSE_ALWAYS
        for one in self.dials:
            if one.key == value and one.aim is aim and one.waiting() < most and (not own or one.client is client):
                return one
        return None

    @property
    def idle(self) -> list[ServerConnection]:
        """Those that lie here, of each kind the first one first; some may have closed meanwhile."""
        found = self.lying()
        for stack in self.stacks.values():
            found += stack.lying()
        return found

    def give(self, connection: ServerConnection) -> bytes:
        """Back to the idle ones, or closed where they are too many. Returns the places that its server, whose counts
        are for the caller, counts one more at.

        One more is kept than were ever used at once in the last seconds: under `safe` each client connection brings a
        new one, and nobody would ask for most of them (observed of the peer program).
        """
        server = self.server
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

    def give_equal(self, connection: ServerConnection) -> bytes:
        """As `give`, to those whose key it has. Where they are too many, one of the key that was not asked for longest
        makes room: a client that is gone leaves connections that nobody else may use."""
        self.forget(connection)
        value = connection.key
        if not value:
            return self.give(connection)
        server = self.server
        used = server.links - server.idle
        if server.idle > max(used, self.need) or 0 < self.limit <= server.counters.totals.idle:
            self._close_oldest()
        counted = self.give(connection)
        if connection.pooled:
            self.top = connection.below
            stack = self.stacks.pop(value, None)
            if stack is None:
                stack = Stack()
                if len(self.stacks) >= self.most_stacks:
                    oldest = next(iter(self.stacks))
                    self.stacks.pop(oldest).close_older(1 << 60)
            connection.below = stack.top
            stack.top = connection
            self.stacks[value] = stack  # at the end
        return counted

    def _close_oldest(self, reset: bool = False) -> bool:
        for value in list(self.stacks):
            stack = self.stacks[value]
            closed = stack.close_oldest(reset)
            if stack.top is None:
                del self.stacks[value]
            if closed:
                return True
        return False

    def make_room(self) -> bool:
        """Close an idle one, so that another may be opened: its server knows at once. False: none was idle."""
        return self.close_oldest(True) or self._close_oldest(True)

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
        self._close_all_older(now - self.keep_for)

    def close(self) -> None:
        """All of them: the server went away, or the process stops. Those in use take nothing more."""
        self._close_all_older(1 << 60)
        for one in list(self.shared):
            one.retire()

    def _close_all_older(self, moment: int) -> None:
        self.close_older(moment)
        if self.stacks:
            for value in list(self.stacks):
                stack = self.stacks[value]
                stack.close_older(moment)
                if stack.top is None:
                    del self.stacks[value]
