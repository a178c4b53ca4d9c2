"""TCP mode: a client connection, a server connection, and the bytes between them.

Routing asks only what is known of a connection: addresses, listener, frontend. Where it leads to a backend of HTTP, the
connection speaks HTTP/1 from then on (manual 4). The client's side is in raw.py.
"""

from pointsman.core.columns import BEGUN, NOTHING
from pointsman.core.wishes import WISHES
from pointsman.net.reactor import Reactor
from pointsman.stream.decision import Decision
from pointsman.stream.entries import LOG, ROUTED
from pointsman.stream.phases import ENDED, QUEUE, TUNNEL
from pointsman.stream.proxies import BackendProxy
from pointsman.stream.session import ClientSession
from pointsman.stream.sides import Front
from pointsman.stream.tunnel import Tunnel


class RawClient(Front):
    """The client of a TCP stream."""

    def end(self) -> None:
        """Close it."""
        raise NotImplementedError

    def become_http(self, backend: BackendProxy | None, data: bytes) -> None:
        """HTTP/1 is spoken on it from now on, `data` first; the stream is parted. `backend`: it was chosen already."""
        raise NotImplementedError


class TcpStream(Tunnel):
    """One connection through the proxy."""

    def __init__(self, reactor: Reactor, session: ClientSession, client: RawClient) -> None:
        super().__init__(reactor, session.frontend, client, session.context(reactor.now))
        self.client = client
        self.early = b""

    def begin(self, pending: bytes) -> None:
        """Choose a backend and a server. `pending`: bytes that came behind a PROXY header."""
        self.early = pending
        record = self.record
        record.head = record.begun
        record.number = self.frontend.program.process.next_number()
        record.uploaded = len(pending)
        self.touch_client()
        decision = Decision(self.frontend, self.context)
        outcome = decision.begin(False)
        if outcome == LOG:
            self.write_log(b"txn_accept")
            outcome = decision.proceed()
        backend = decision.backend
        if outcome != ROUTED or backend is None:
            self.refuse(503, 0x53, 0x43)  # SC
            return
        if backend.http:
            self.client.become_http(backend, pending)
            return
        self.backend = backend
        self.context.backend = backend
        self.limits_of(backend)
        backend.step(BEGUN, NOTHING, NOTHING)
        decision.enter()
        self.forced = decision.forced
        self.persistence = decision.persistence
        self.choose()

    def begin_sending(self) -> None:
        connection = self.connection
        assert connection is not None
        self.record.answered = self.reactor.now  # there is no head to wait for
        self.context.server_source = connection.local_address() if WISHES.server_source else None
        self.context.server_tls = connection.tls() if WISHES.server_tls else None
        self.log_early(b"txn_connect")
        far = connection.duplex(self)
        far.accept(self.early)
        self.early = b""
        self.tunnel(far.failed != 0)  # reading tells how it ends

    # Events.

    def server_readable(self) -> None:
        if self.phase == TUNNEL:
            self.pump_down()

    def server_lost(self) -> None:
        self.side_failed(False)

    def server_expired(self) -> None:
        self.tunnel_expired()

    def client_gone(self) -> None:
        """A reset from the client."""
        if self.phase == QUEUE:
            self.blame(0x43, 0x51)  # CQ
            self.waited_in_vain()
        self.blame(0x43, 0x44 if self.phase == TUNNEL else 0x43 if self.record.queued >= 0 else 0x51)
        self.finish()

    def client_ended(self) -> None:
        """The client closed before there is a server connection: under abortonclose that ends it."""
        backend = self.backend
        if backend is not None and backend.abort_on_close:
            self.client_gone()

    def expired(self, now: int) -> None:
        """timeout client."""
        self.blame(0x63, 0x44 if self.phase == TUNNEL else 0x43 if self.record.queued >= 0 else 0x51)
        self.finish()

    # The end.

    def refuse(self, status: int, cause: int, step: int) -> None:
        self.blame(cause, step)
        self.finish()

    def finish(self) -> None:
        if self.phase == ENDED:
            return
        self.move(ENDED)
        self.leave_backend()
        try:
            self.write_log(b"txn_close", self.count_end(0))
        finally:
            self.client.end()
            self.part()

    def abandon(self) -> None:
        self.blame(0x49, 0x2D)  # I: an internal error
        self.finish()
