"""From an accepted connection to its stream: one small class per mode."""

from pointsman.core.columns import NOTHING, SESSION
from pointsman.core.connection_faults import message_of
from pointsman.net.reactor import Reactor
from pointsman.stream.acceptor import Arrival
from pointsman.stream.exchange import NOTED
from pointsman.stream.h1front import H1Front
from pointsman.stream.proxies import Frontend, Program
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

    def open(self, arrival: Arrival) -> None:
        session = self.welcome(arrival)
        transports = arrival.bind_state.transports
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
        """A failed PROXY header: counted, and logged by the error format."""
        session = self.welcome(arrival)
        self.counters.failed_requests += 1
        logger = self.logger
        if logger is None or silent and not self.log_null:
            return
        context = session.context(self.reactor.now)
        context.record.ended = self.reactor.now
        session.fault = reason
        logger.session_error(context, message_of(reason))
