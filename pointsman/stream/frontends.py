"""From an accepted connection to its stream: one small class per mode."""

from pointsman.core.columns import NOTHING, SESSION, TLS_FAILED
from pointsman.core.connection_faults import PROXY_TIMEOUT
from pointsman.net.reactor import Reactor
from pointsman.stream.acceptor import Arrival
from pointsman.stream.h1front import H1Front
from pointsman.stream.proxies import NOTED, Frontend, Program
from pointsman.stream.raw import RawFront
from pointsman.stream.session import ClientSession


class LiveFrontend(Frontend):
    """Opens connections, and knows those that are open (for soft stops)."""

    def __init__(self, program: Program, reactor: Reactor, name: str, number: int, http: bool) -> None:
        super().__init__(program, name, number, http)
        self.reactor = reactor

    def welcome(self, arrival: Arrival) -> ClientSession:
        """A connection becomes a session, and is counted."""
        bind_state = arrival.bind_state
        if bind_state.frontend is not self:
            self.own(bind_state)
        bind_state.climb(SESSION, NOTHING)
        now = self.reactor.now
        if now - self.noted >= NOTED:
            self.noted = now
            self.counters.last_session = now
        return ClientSession(self, arrival, now)

    def expect(self, arrival: Arrival) -> ClientSession:
        """One becomes a session when its handshake is over: the process has it now, the frontend then."""
        if arrival.bind_state.frontend is not self:
            self.own(arrival.bind_state)
        if not self.secures and arrival.bind_state.transports is not None:
            self.secures = True
            self.transport_spot = -1
        arrival.bind_state.process.counters.tally(SESSION, 1)
        return ClientSession(self, arrival, self.reactor.now)

    def open(self, arrival: Arrival) -> None:
        transports = arrival.bind_state.transports
        session = self.welcome(arrival) if transports is None else self.expect(arrival)
        if self.http:
            front = H1Front(session, self.reactor, arrival.fd)
            try:
                if transports is not None:
                    front.secure(transports.accept(arrival.fd, arrival.pending))
                else:
                    front.start(arrival.pending)
            except Exception:
                front.wire.broken()  # whoever has it now; the listener only tells of it
                raise
        else:
            raw = RawFront(session, self.reactor, arrival.fd)
            try:
                if transports is not None:
                    raw.secure(transports.accept(arrival.fd, arrival.pending))
                else:
                    raw.start(arrival.pending)
            except Exception:
                raw.wire.broken()
                raise

    def refused(self, arrival: Arrival, reason: int, silent: bool) -> None:
        """A failed PROXY header is logged by the error format, and is no session of the frontend."""
        session = self.expect(arrival)
        transports = arrival.bind_state.transports
        if transports is not None:
            session.tls = transports.accept(arrival.fd, b"").tls  # which says that there would have been TLS
            if reason != PROXY_TIMEOUT:
                arrival.bind_state.climb(TLS_FAILED, NOTHING)
        session.failed(reason, silent, self.reactor.now)
