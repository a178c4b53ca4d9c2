"""TCP mode: a client connection, a server connection, and the bytes between them.

The client's side is a TcpFront, the exchange a TcpStream; there is one of each for a connection. Routing asks only what
is known of a connection: addresses, listener, frontend.
"""

from pointsman.core.columns import BEGUN, NOTHING
from pointsman.core.wishes import WISHES
from pointsman.log.policy import When
from pointsman.net.reactor import Reactor
from pointsman.net.wire import BRIEF, Wire
from pointsman.sample.context import Context
from pointsman.sample.variable_limits import LIMITS
from pointsman.server.backend import LiveServer
from pointsman.server.connection import ServerConnection
from pointsman.stream.acceptor import Door
from pointsman.stream.exchange import ENDED, QUEUE, TUNNEL, Exchange
from pointsman.stream.proxies import Frontend
from pointsman.stream.routing import pick_backend, pick_server


class TcpFront(Wire):
    """The client's side."""

    def __init__(self, reactor: Reactor, frontend: Frontend, fd: int, context: Context, door: Door) -> None:
        super().__init__(reactor, fd)
        self.frontend = frontend
        self.door = door
        self.stream = TcpStream(reactor, frontend, self, context)

    def readable(self) -> None:
        stream = self.stream
        if stream.phase == TUNNEL:
            stream.pump_up()
        elif self.failed:
            stream.client_gone()
        elif self.ending:
            stream.client_ended()

    def again(self) -> None:
        if not self.stream.resume() and self.stream.phase == TUNNEL:
            self.stream.pump_up()

    def drained(self) -> None:
        self.stream.client_drained()

    def moved(self) -> None:
        self.stream.client_moved()

    def lost(self) -> None:
        self.stream.client_gone()

    def expired(self, now: int) -> None:
        self.stream.client_expired()

    def broken(self) -> None:
        self.stream.abandon()

    def close(self) -> None:
        if self.fd >= 0:
            Wire.close(self)
            self.frontend.closed(self.door)


class TcpStream(Exchange):
    """One connection through the proxy."""

    def begin(self, pending: bytes) -> None:
        """Choose a backend and a server. `pending`: bytes that came behind a PROXY header."""
        self.early = pending
        record = self.record
        record.head = record.begun
        record.number = self.frontend.program.room.next_number()
        record.uploaded = len(pending)
        self.touch_client()
        logger = self.frontend.logger
        if logger is not None and logger.when <= When.REQUEST:
            self.write_log(b"txn_accept")
        backend = pick_backend(self.frontend, self.context)
        if backend is None:
            self.refuse(503, 0x53, 0x43)  # SC
            return
        self.backend = backend
        self.context.backend = backend
        backend.step(BEGUN, NOTHING, NOTHING)
        self.forced = pick_server(backend, self.context)
        self.choose()

    def new_connection(self, server: LiveServer, fd: int) -> ServerConnection:
        return ServerConnection(self.reactor, server, fd)

    def begin_sending(self) -> None:
        connection = self.connection
        assert connection is not None
        self.record.answered = self.reactor.now  # there is no head to wait for
        connection.push(self.early)
        self.early = b""
        self.context.server_source = connection.local_address() if WISHES.server_source else None
        self.log_early(b"txn_connect")
        connection.flush()
        if connection.failed:
            connection.unread = True  # reading tells how it ends
        self.tunnel()

    # Events.

    def server_readable(self) -> None:
        if self.phase == TUNNEL:
            self.pump_down()

    def server_lost(self) -> None:
        self.side_failed(False)

    def server_expired(self) -> None:
        self.tunnel_expired()

    def client_drained(self) -> None:
        if self.phase == TUNNEL:
            self._touch()
            self.pump_down()
            self._over()

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

    def client_expired(self) -> None:
        self.blame(0x63, 0x44 if self.phase == TUNNEL else 0x43 if self.record.queued >= 0 else 0x51)
        self.finish()

    # The end.

    def refuse(self, status: int, cause: int, step: int) -> None:
        self.blame(cause, step)
        self.finish()

    def finish(self) -> None:
        if self.phase == ENDED:
            return
        self.phase = ENDED
        self.leave_backend()
        gauges = self.count_end(0)
        try:
            self.write_log(b"txn_close", gauges)
        finally:
            if self.front.fd >= 0 and not self.front.finished and not self.front.failed:
                self.front.read(BRIEF)  # what it has sent in vain: unread, it would make a reset of our end
            self.front.close()
            LIMITS.connection_over(self.context)

    def abandon(self) -> None:
        self.blame(0x49, 0x2D)  # I: an internal error
        self.finish()
