"""From an accepted connection to its stream: one small class per mode.

accepted --screen--> tcp-request connection rules --open--> PROXY header, TLS --> tcp-request session rules
    '--> closed by a reset, no session               '--> closed, no session       '--> H1Front or RawFront
"""

import os

from pointsman.config.verdict import DROP, SILENT_DROP
from pointsman.core.columns import NOTHING, SESSION, TLS_FAILED
from pointsman.core.connection_faults import PROXY_TIMEOUT
from pointsman.net.parting import reset_on_close, vanish
from pointsman.net.reactor import Reactor
from pointsman.rules.plan import Step, run_steps
from pointsman.sample.context import Context, Session
from pointsman.sample.tracking import session_begun
from pointsman.stream.acceptor import HTTP_2, Arrival, BindState
from pointsman.stream.h1front import H1Front
from pointsman.stream.h2front import open_h2
from pointsman.stream.proxies import NOTED, Frontend, Program
from pointsman.stream.raw import RawFront
from pointsman.stream.session import ClientSession


class LiveFrontend(Frontend):
    """Opens connections, and knows those that are open (for soft stops)."""

    def __init__(self, program: Program, reactor: Reactor, name: str, number: int, http: bool) -> None:
        super().__init__(program, name, number, http)
        self.reactor = reactor
        self.screening: Context | None = None  # what rules see of a connection that has no stream yet

    # Rules about connections that have no stream.

    def screen(self, arrival: Arrival) -> bool:
        session = ClientSession(self, arrival, self.reactor.now)
        verdict = self._ask(self.tcp_connection, session)
        session.real_source, session.real_destination = session.source, session.destination
        if verdict in (DROP, SILENT_DROP):
            if verdict == DROP:
                self.counters.denied_connections += 1
                arrival.bind_state.counters.denied_connections += 1
                reset_on_close(arrival.fd)
            os.close(arrival.fd)
            session.closed()
            return False
        arrival.source, arrival.destination = session.source, session.destination
        arrival.session = session
        return True

    def lets_in_session(self, session: Session) -> bool:
        verdict = self._ask(self.tcp_session, session)
        if verdict == DROP:
            self.counters.denied_sessions += 1
            if isinstance(session.listener, BindState):
                session.listener.counters.denied_sessions += 1
        return verdict not in (DROP, SILENT_DROP)

    def _ask(self, rules: list[Step], session: Session) -> int:
        """Evaluate them; what they say of addresses holds for the whole connection."""
        context = self.screening
        if context is None:
            context = self.screening = Context(self, session)
        now = self.reactor.now
        context.session = session
        context.listener = session.listener
        context.reset()
        context.now = now
        context.date_offset = self.program.date_offset
        context.record.accepted = session.accepted
        context.record.accept_date = session.accept_date
        verdict = run_steps(rules, context)
        session.source, session.destination = context.source, context.destination
        if verdict == SILENT_DROP:
            ttl = context.answer
            self.counters.denied_requests += 1
            if isinstance(session.listener, BindState):
                session.listener.counters.denied_requests += 1
            if session.descriptor >= 0:
                vanish(session.descriptor, ttl if isinstance(ttl, int) else 0)
        return verdict

    # Sessions.

    def _session(self, arrival: Arrival) -> ClientSession:
        """What has passed the rules on connections goes on with what these made of it."""
        session = arrival.session
        if not isinstance(session, ClientSession):
            return ClientSession(self, arrival, self.reactor.now)
        session.source, session.destination = arrival.source, arrival.destination
        session.tlvs = arrival.tlvs
        session.ready = session.since = self.reactor.now
        return session

    def welcome(self, arrival: Arrival) -> ClientSession | None:
        """A connection becomes a session, and is counted. None: rules have refused it, and it is closed."""
        bind_state = arrival.bind_state
        if bind_state.frontend is not self:
            self.own(bind_state)
        session = self._session(arrival)
        if self.tcp_session and not self.lets_in_session(session):
            os.close(arrival.fd)
            session.closed()
            return None
        bind_state.climb(SESSION, NOTHING)
        now = self.reactor.now
        if now - self.noted >= NOTED:
            self.noted = now
            self.counters.last_session = now
        if session.tracked is not None:
            session_begun(session, now)
        return session

    def expect(self, arrival: Arrival) -> ClientSession:
        """One becomes a session when its handshake is over: the process has it now, the frontend then."""
        if arrival.bind_state.frontend is not self:
            self.own(arrival.bind_state)
        if not self.secures and arrival.bind_state.transports is not None:
            self.secures = True
            self.transport_spot = -1
        arrival.bind_state.process.counters.tally(SESSION, 1)
        return self._session(arrival)

    def open(self, arrival: Arrival) -> None:
        transports = arrival.bind_state.transports
        session = self.welcome(arrival) if transports is None else self.expect(arrival)
        if session is None:
            return
        if self.http and arrival.bind_state.proto == HTTP_2 and transports is None:
            h2 = open_h2(session, self.reactor, arrival.fd)
            try:
                h2.start(arrival.pending)
            except Exception:
                h2.wire.broken()
                raise
        elif self.http:
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
        session.over()
