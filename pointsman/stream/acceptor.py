"""Where accepted connections go, and how many there may be: what a listener knows of a frontend.

    Listener (accepts) --> BindState (a socket's counts and limit) --> Acceptor.open (the frontend)
                           ProcessState (the process's counts and limits)

Three limits bound open connections: the socket's (`bind ... maxconn`), the frontend's (`maxconn`) and the process's
(global `maxconn`). `admit` counts a connection in all three, `closed` takes it out; a listener that reached
a limit waits in the list of that limit, and is called (`again`) when a connection has left it. The counters stand one
above the other, so that what concerns all three is one call (`climb`).
"""

import random
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core.address import NetAddress
from pointsman.core.arena import Arena
from pointsman.core.columns import ADMITTED, CURRENT, HELD, NOTHING, WAITING
from pointsman.core.counters import Counters
from pointsman.core.wishes import WISHES
from pointsman.net.reactor import Channel, Reactor
from pointsman.net.tls_state import TlsState
from pointsman.net.transport import Transports
from pointsman.sample.context import ListenerFacts, ProcessFacts, ProxyFacts, Session
from pointsman.stream.share import Share

STOPPED_TEXT: Final = b"Proxy %b stopped (cumulated conns: FE: %d, BE: %d)."  # the message of a proxy's end

NOT_BEGUN: Final = -1

# What is spoken on a socket's connections, where its frontend is one of HTTP (bind ... proto).
ANY: Final = 0  # HTTP/1, or what ALPN has found, or what a client begins with
HTTP_1: Final = 1
HTTP_2: Final = 2


class ProcessState(ProcessFacts):
    """What all frontends of the process share: global maxconn, maxconnrate, maxsessrate (manual 3.2)."""

    def __init__(self, reactor: Reactor, arena: Arena | None = None) -> None:
        super().__init__()
        self.started = reactor.now
        self.reactor = reactor
        self.arena = arena if arena is not None else Arena(1, 1 << 16)
        self.lock = self.arena.take_lock()  # of the limits of connections, here and of frontends and sockets
        self.limit_cell = self.arena.take(1)
        self.limit_now = self.arena.cells.at(self.limit_cell).load  # without a look-up each time
        self.counters = Counters(self.arena)
        self.sum_up = self.counters.total
        self.requests = 0  # of this process: their numbers, where nobody asks for those of all
        self.number_cell = self.arena.take(1)
        self.connection_rate = self.counters.connection_rate  # its `limit` is maxconnrate
        self.session_rate = self.counters.session_rate  # its `limit` is maxsessrate
        self.connection_rate_limit = self.connection_rate.limit_now
        self.session_rate_limit = self.session_rate.limit_now
        self.waiting: list[Channel] = []  # listeners that reached the limit here
        self.spread = 0  # ms over which a soft stop ends connections (close-spread-time); 0: at once, -1: never
        self.spread_from = NOT_BEGUN  # when that began (monotonic ms)
        self.pipes = 0  # that may be made; each is emptied within the call that fills it
        self.share = Share(self.arena, self.counters)
        self.tls = TlsState(reactor, self.arena, self.lock)

    @property
    def limit(self) -> int:
        """Global maxconn; 0: none."""
        return self.limit_now()

    @limit.setter
    def limit(self, value: int) -> None:
        self.arena.cells.store(self.limit_cell, value)

    @property
    def connections(self) -> int:
        """Open client connections of all lanes (CurrConns)."""
        return self.sum_up(CURRENT)

    @property
    def total(self) -> int:
        """Connections since start (CumConns)."""
        return self.counters.totals.connections

    def drawn(self) -> bool:
        """In a soft stop: the connection that is about to answer ends with that. The later, the likelier."""
        if self.spread <= 0:
            return self.spread == 0
        return self.spread_from != NOT_BEGUN and random.random() * self.spread < self.reactor.now - self.spread_from

    def idle_share(self, elapsed: int) -> float:
        """In a soft stop: which part of the idle connections is to be closed now, `elapsed` ms after the last time."""
        if self.spread <= 0:
            return 1.0 if self.spread == 0 else 0.0
        left = self.spread_from + self.spread - self.reactor.now
        return elapsed / (left + elapsed) if left > 0 else 1.0

    def next_number(self) -> int:
        """Of an exchange, from 0 on: one sequence over all lanes where somebody asks for it (%rt, txn.id32)."""
        if WISHES.number:
            return self.arena.cells.add(self.number_cell, 1) - 1
        number = self.requests
        self.requests += 1
        return number

    def wake(self, waiting: list[Channel]) -> None:
        """A connection has left: those who waited look again, in their order."""
        for channel in waiting:
            self.reactor.another(channel)
        waiting.clear()


@mypyc_attr(free_list_len=1)
class Arrival:
    """A connection that was accepted, and what is known of it."""

    def __init__(
        self,
        fd: int,
        source: NetAddress,
        destination: NetAddress,
        bind_state: "BindState",
        accepted: int,
        pending: bytes = b"",
    ) -> None:
        """`fd` is non-blocking and now the frontend's; `accepted`: when it came (monotonic ms); `pending`: what was
        received behind its PROXY header."""
        self.fd = fd
        self.source = source
        self.destination = destination
        self.bind_state = bind_state
        self.accepted = accepted
        self.pending = pending
        self.tlvs: list[tuple[int, bytes]] | None = None  # of its PROXY header; see WISHES.proxy_tlvs
        self.real_source: NetAddress | None = None  # its own addresses, where such a header has named others
        self.real_destination: NetAddress | None = None
        self.session: Session | None = None  # of who has passed tcp-request connection rules

    def rename(self, source: NetAddress, destination: NetAddress) -> None:
        """A header has said who the client is, and where it has connected to."""
        if self.real_source is None:
            self.real_source, self.real_destination = self.source, self.destination
        self.source, self.destination = source, destination


class BindState(ListenerFacts):
    """The counts of one listening socket. It outlives the socket: connections point to it."""

    def __init__(self, name: str, number: int, process: ProcessState) -> None:
        super().__init__(name, number)
        self.process = process
        self.limit = 0  # maxconn of the bind line; 0: none
        self.magic = 0  # with which a header of NetScaler's begins (accept-netscaler-cip); 0: none is expected
        self.counters = Counters(process.arena)  # what `option socket-stats` shows
        self.climb = self.counters.climb  # without a look-up each time
        self.total = self.counters.total
        self.peak = self.counters.peak
        self.transports: Transports | None = None  # what its connections' bytes pass through; None: they are plain
        self.proto = ANY
        self.idle_ping = 0  # ms after which a silent client of HTTP/2 is asked whether it is there; 0: never
        self.frontend: Acceptor | None = None  # whose counters are above its own
        self.waiting: list[Channel] = []
        self.listening_cell = process.arena.take(1)

    def rewrite_failed(self) -> None:
        self.counters.failed_header_rewrites += 1

    @property
    def listening(self) -> bool:
        """Its socket is open for connections, in the lanes."""
        return self.process.arena.cells.load(self.listening_cell) == 1

    @listening.setter
    def listening(self, value: bool) -> None:
        self.process.arena.cells.store(self.listening_cell, int(value))

    def end_listening(self) -> bool:
        """True for the one lane that is the first to say so."""
        return self.process.arena.cells.cas(self.listening_cell, 1, 0)

    @property
    def connections(self) -> int:
        """Open connections of all lanes that came by this socket."""
        return self.total(CURRENT)


@mypyc_attr(allow_interpreted_subclasses=True)
class Acceptor(ProxyFacts):
    """Base of live frontends. `connections` counts the open client connections; `admit` and `closed` keep it."""

    def __init__(self, name: str, number: int, http: bool, arena: Arena | None = None) -> None:
        super().__init__(name, number, http, arena)
        self.limit_cell = self.counters.table.arena.take(1)
        self.limit_now = self.counters.table.arena.cells.at(self.limit_cell).load  # without a look-up each time
        self.handshake_time = 0  # ms from the accept on, for the PROXY header and TLS's handshake; 0: no limit
        self.wants_destination = True  # the address the client connected to is asked for by rules or logs
        self.screens = False  # it has tcp-request connection rules
        self.waiting: list[Channel] = []  # listeners that reached the limit here

    @property
    def limit(self) -> int:
        """maxconn of the frontend; 0: none."""
        return self.limit_now()

    @limit.setter
    def limit(self, value: int) -> None:
        self.counters.table.arena.cells.store(self.limit_cell, value)

    def belong_to(self, process: ProcessState) -> None:
        """What is counted here is counted of the process as well."""
        self.counters.join(process.counters)

    def own(self, bind_state: BindState) -> None:
        """What is counted of the socket is counted here as well."""
        self.belong_to(bind_state.process)
        bind_state.counters.join(self.counters)
        bind_state.frontend = self

    def admit(self, bind_state: BindState, now: int) -> None:
        """Count a connection that a listener is about to accept (monotonic ms). Sessions are counted by `open`."""
        if bind_state.frontend is not self:
            self.own(bind_state)
        bind_state.climb(ADMITTED, NOTHING)
        if bind_state.transports is not None:
            bind_state.process.tls.admit()

    def arrived(self, bind_state: BindState) -> None:
        """It was accepted."""
        bind_state.peak()

    def withdraw(self, bind_state: BindState) -> None:
        """There was no connection to accept after all."""
        bind_state.climb(NOTHING, ADMITTED)
        if bind_state.transports is not None:
            bind_state.process.tls.withdraw()

    def screen(self, arrival: Arrival) -> bool:
        """Ask the tcp-request connection rules about a connection that was accepted. False: it is closed."""
        raise NotImplementedError

    def open(self, arrival: Arrival) -> None:
        """A connection is ready. The frontend calls `closed` once when it ends."""
        raise NotImplementedError

    def closed(self, listener: BindState) -> None:
        """Called exactly once for each admitted connection, as it ends: lets those in that wait."""
        listener.climb(NOTHING, HELD)
        if listener.transports is not None:
            listener.process.tls.left()
        self.let_in(listener)

    def let_in(self, listener: BindState) -> None:
        """There is room again: whoever waits for it, here or in another lane, looks again."""
        process = listener.process
        if (
            process.limit_now()
            and process.sum_up(WAITING)
            or self.limit_now()
            and self.total(WAITING)
            or listener.limit
            and listener.total(WAITING)
        ):
            if listener.waiting:
                listener.counters.waiting = 0
                process.wake(listener.waiting)
            if self.waiting:
                self.counters.waiting = 0
                process.wake(self.waiting)
            if process.waiting:
                process.counters.waiting = 0
                process.wake(process.waiting)
            process.arena.ring_others()

    def refused(self, arrival: Arrival, reason: int, silent: bool) -> None:
        """An accepted connection never became a session (its PROXY header failed): for the error log (manual 8.2.5).

        `reason` is a row of FAULTS (core/connection_faults.py); `silent`: nothing was received, so `option dontlognull`
        keeps quiet about it. The connection is closed by the caller, which then calls `closed`.
        """
        raise NotImplementedError
