"""From an accepted connection to its stream: one small class per mode."""

from pointsman.core.address import NetAddress
from pointsman.core.columns import NOTHING, SESSION
from pointsman.net.reactor import Reactor
from pointsman.sample.context import Context
from pointsman.stream.acceptor import REFUSALS, Door
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

    def _count(self, door: Door) -> None:
        if door.frontend is not self:
            self.own(door)
        door.climb(SESSION, NOTHING)
        now = self.reactor.now
        if now - self.noted >= NOTED:
            self.noted = now
            self.counters.last_session = now

    def open(
        self, fd: int, source: NetAddress, destination: NetAddress, listener: Door, accepted: int, pending: bytes
    ) -> None:
        self._count(listener)
        session = ClientSession(self, listener, source, destination, accepted, self.reactor.now)
        if self.http:
            front = H1Front(session, self.reactor, fd)
            try:
                front.start(pending)
            except Exception:
                front.broken()  # the listener only tells of it
                raise
        else:
            raw = RawFront(session, self.reactor, fd)
            try:
                raw.stream.begin(pending)
            except Exception:
                raw.broken()
                raise

    def refused(
        self, source: NetAddress, destination: NetAddress, listener: Door, accepted: int, reason: int, silent: bool
    ) -> None:
        """A failed PROXY header: counted, and logged by the error format."""
        self._count(listener)
        self.counters.failed_requests += 1
        logger = self.logger
        if logger is None or silent and not self.log_null:
            return
        session = ClientSession(self, listener, source, destination, accepted, self.reactor.now)
        context = Context(self, session)
        context.now = self.reactor.now
        context.date_offset = self.program.date_offset
        context.record.ended = self.reactor.now
        logger.session_error(context, REFUSALS[reason])
