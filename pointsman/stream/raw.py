"""TCP mode's sides: a client's connection whose bytes nobody looks at. The server's is the plain ServerConnection."""

from pointsman.net.duplex import Duplex
from pointsman.net.reactor import Reactor
from pointsman.net.timers import NEVER
from pointsman.net.transport import Transport
from pointsman.net.wire import BRIEF, Wire, WireUser
from pointsman.stream.connections import ClientConnection
from pointsman.stream.exchange import Exchange
from pointsman.stream.h1front import DRAINS, H1Front
from pointsman.stream.h2front import H2
from pointsman.stream.handover import hand_over
from pointsman.stream.phases import ENDED, GATHER, TUNNEL
from pointsman.stream.protocols import ClientProtocol
from pointsman.stream.proxies import BackendProxy
from pointsman.stream.session import ClientSession
from pointsman.stream.tcp import RawClient, TcpStream


class RawFront(RawClient, WireUser, ClientConnection):
    def __init__(self, session: ClientSession, reactor: Reactor, fd: int) -> None:
        super().__init__(session)
        self.wire = Wire(reactor, fd, self)
        self.stream: TcpStream | None = TcpStream(reactor, session, self)
        reactor.add(self.wire)

    def start(self, pending: bytes) -> None:
        """The connection is open. `pending`: bytes that came behind a PROXY header."""
        self._living().begin(pending)

    def secure(self, transport: Transport) -> None:
        """The connection is open, and its bytes pass through that: its handshake comes first."""
        wire = self.wire
        wire.secure(transport)
        limit = self.session.frontend.handshake_time
        if limit > 0:
            wire.reactor.wheel.arm(wire, self.session.accepted + limit)

    def _living(self) -> TcpStream:
        """Its stream, as long as the connection is not closed."""
        stream = self.stream
        assert stream is not None
        return stream

    def opened(self) -> None:
        wire = self.wire
        record = self._living().record
        record.handshake = record.begun = wire.reactor.now
        wire.reactor.wheel.disarm(wire)
        if self.session.secured(wire.tls(), wire.reactor.now):
            self.start(b"")
        else:
            wire.cut = True
            self._living().part()
            self.close()

    def not_opened(self, error: int) -> None:
        self._not_secured(False)

    def expired(self, now: int) -> None:
        if self.wire.shaking:
            self._not_secured(True)

    def _not_secured(self, timed_out: bool) -> None:
        """Its handshake has failed."""
        wire = self.wire
        transport = wire.transport
        assert transport is not None
        self.session.not_secured(transport, timed_out, wire.reactor.now)
        self._living().part()
        self.close()

    # The stream's client.

    def duplex(self) -> Duplex:
        return self.wire

    def look_behind(self) -> None:
        pass

    def end(self) -> None:
        """Close it."""
        wire = self.wire
        if wire.fd >= 0:
            if not wire.finished and not wire.failed:
                self._drain()
            self.close()

    def _drain(self) -> None:
        """Take what the client has sent in vain: unread, it would make a reset of our end. One that sends without an
        end gets that reset."""
        wire = self.wire
        for _ in range(DRAINS):
            if not wire.read(BRIEF):  # there is nothing now, or no more
                return

    def receive(self, most: int) -> bytes | None:
        return self.wire.read(most)

    def disappear(self, ttl: int) -> None:
        self.wire.disappear(ttl)

    # Another side.

    def become_http(self, backend: BackendProxy | None, data: bytes, fixed: bool = False) -> None:
        raw = self._living()
        wire = self.wire
        wire.reactor.wheel.disarm(wire)
        raw.move(ENDED)
        self.session.routed = backend
        front = H1Front(self.session, wire.reactor, -1, wire)
        front.fixed = fixed
        front.take_up(raw.context, raw.logged)
        raw.part()
        self.stream = None
        front.start(data)
        if wire.fd >= 0 and wire.unread:
            wire.reactor.another(wire)

    def become_h2(self, data: bytes) -> None:
        self.become(H2, data)

    def become(self, protocol: ClientProtocol, data: bytes) -> None:
        """The same, of a protocol whose streams are others: nothing of this one goes on."""
        stream = self._living()
        stream.move(ENDED)
        stream.part()
        self.stream = None
        hand_over(protocol, self.session, self.wire, data)

    def failure(self) -> int:
        return self.wire.failed

    # The wire's user.

    def readable(self) -> None:
        stream = self._living()
        wire = self.wire
        if stream.phase == TUNNEL:
            stream.pump_up()
        elif stream.phase == GATHER:
            stream.look_again(False)
        elif wire.failed:
            stream.client_gone()
        elif wire.ending:
            stream.client_ended()

    def again(self) -> None:
        stream = self._living()
        if stream.phase == TUNNEL:
            stream.pump_up()

    def drained(self) -> None:
        stream = self._living()
        if stream.phase == TUNNEL:
            stream.near_drained()

    def moved(self) -> None:
        self._living().client_moved()

    def lost(self) -> None:
        self._living().client_gone()

    def broken(self) -> None:
        self._living().abandon()

    # The client's connection.

    def of_session(self) -> ClientSession:
        return self.session

    def descriptor(self) -> int:
        return self.wire.fd

    def streams(self) -> list[Exchange]:
        return [self.stream] if self.stream is not None else []

    def wake(self) -> Exchange | None:
        return self.stream

    def shown(self) -> Exchange | None:
        return self.stream

    def named(self, stream: Exchange) -> object:
        return self

    def is_idle(self) -> bool:
        return False

    def until(self) -> int:
        if self.wire.shaking:
            return self.wire.deadline
        return self.stream.deadline if self.stream is not None else NEVER

    def look(self) -> None:
        self.wire.unread = True
        self.readable()

    def close(self) -> None:
        wire = self.wire
        if wire.fd >= 0:
            self.stream = None  # they know each other: nobody else would free them soon
            wire.close()
            self.session.closed()
