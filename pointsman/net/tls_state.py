"""How many connections of the process speak TLS, and how many may: maxsslconn and maxsslrate (manual 3.2).

Connections of clients and connections to servers count against the same limit. A listener that has reached it waits in
`waiting` until one of them ends, as it does at the other limits (listener/listener.py); a connection to a server is
refused (`TlsAccount.begin`). Both look for room and take it under one lock, so the limit is exact across lanes.
"""

from typing import Final

from pointsman.core.arena import Arena
from pointsman.core.columns import NOTHING, TLS_FAILED, TLS_RESUMED, TLS_SESSION
from pointsman.core.counters import CounterRow
from pointsman.core.tls_counters import TlsCounters, tls_places
from pointsman.net.reactor import Channel, Reactor

ACCEPTED: Final = tls_places("accepted", "current")
CONNECTED: Final = tls_places("connected", "current")
KEYS: Final = tls_places("keys")
SERVER_KEYS: Final = tls_places("server_keys")


class TlsState:
    """Of the process. `lock`: of the limits of connections."""

    def __init__(self, reactor: Reactor, arena: Arena, lock: int) -> None:
        self.reactor = reactor
        self.arena = arena
        self.lock = lock
        self.counters = TlsCounters(arena)
        self.tally = self.counters.tally
        self.waiting: list[Channel] = []  # listeners of this lane that have reached the limit

    # Connections of clients: the listener has the lock.

    def admit(self) -> None:
        """A listener is about to accept one."""
        self.counters.rate.tick(self.reactor.now)  # so it is counted in its second, whoever looks when
        self.tally(ACCEPTED, 1, 1)

    def withdraw(self) -> None:
        """There was none to accept after all."""
        self.tally(ACCEPTED, -1, -1)

    def made_key(self) -> None:
        """A handshake is over that has gone on with no earlier session."""
        self.counters.key_rate.tick(self.reactor.now)
        self.tally(KEYS, 1)

    def wait(self, listener: Channel) -> bool:
        """There is no room: call it (`again`) when there may be. False: one has ended meanwhile, in another lane, which
        did not know that somebody waits."""
        self.counters.waiting = 1
        if not self.counters.full:
            self.counters.waiting = int(self.waiting != [])
            return False
        if listener not in self.waiting:
            self.waiting.append(listener)
        return True

    def left(self) -> None:
        """A connection has ended: those that wait look again, here and in other lanes."""
        counters = self.counters
        counters.current -= 1
        if counters.limit and counters.awaited:
            counters.waiting = 0
            for listener in self.waiting:
                self.reactor.another(listener)
            self.waiting.clear()
            self.arena.ring_others()

    # Connections to servers.

    def take(self) -> bool:
        """One is about to be opened. False: there is no room for it."""
        if not self.counters.limit:
            self.tally(CONNECTED, 1, 1)
            return True
        locked = self.arena.locked(self.lock)
        try:
            if self.counters.full:
                return False
            self.tally(CONNECTED, 1, 1)
            return True
        finally:
            if locked:
                self.arena.unlock(self.lock)

    def made_server_key(self) -> None:
        self.counters.server_key_rate.tick(self.reactor.now)
        self.tally(SERVER_KEYS, 1)


class TlsAccount:
    """What is counted of the TLS of one server, and by that of its backend: each connection that `begin` allows is told
    of once by `ended`, whatever becomes of it."""

    def __init__(self, row: CounterRow, state: TlsState) -> None:
        self.row = row
        self.state = state

    def begin(self) -> bool:
        """A connection is about to be opened. False: as many as maxsslconn allows are open."""
        return self.state.take()

    def established(self, resumed: bool) -> None:
        """Its handshake is over."""
        if resumed:
            self.row.climb(TLS_RESUMED, NOTHING)
        else:
            self.row.climb(TLS_SESSION, NOTHING)
            self.state.made_server_key()

    def failed(self) -> None:
        """Its handshake has failed. One whose time is up has not: as in HAProxy."""
        self.row.climb(TLS_FAILED, NOTHING)

    def ended(self) -> None:
        self.state.left()
