"""A client's connection, as its streams share it: who it is, and what was kept of the exchange before.

It lives as long as the connection; streams come and go, one after the other or several at once. What rules and log
lines ask of it stands in its base (sample/context.py). Streams that are started from inside have one that no connection
belongs to (`inside`).
"""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core.address import UNIX_ADDRESS
from pointsman.core.columns import NOTHING, SESSION, TLS_FAILED, TLS_RESUMED, TLS_SESSION, TLS_STALE, TLS_STAPLE
from pointsman.core.connection_faults import (
    PROXY_TIMEOUT,
    TLS_CA_FAILED,
    TLS_CERTIFICATE_FAILED,
    TLS_EMPTY,
    TLS_HANDSHAKE,
    TLS_TIMEOUT,
    message_of,
)
from pointsman.core.tls import Connection, error_text
from pointsman.net.transport import Transport
from pointsman.sample.context import Context, Session
from pointsman.sample.record import NOT_REACHED, Record
from pointsman.sample.tracking import session_begun, session_over
from pointsman.sample.variable_limits import VARIABLE_LIMITS
from pointsman.server.backend import LiveServer
from pointsman.server.connection import ServerConnection
from pointsman.stream.acceptor import Arrival, BindState
from pointsman.stream.proxies import BackendProxy, Frontend

NOT_VERIFIED: Final = 0x0A000086  # OpenSSL's "certificate verify failed"
BY_PROXY: Final = 0x50  # "P", "R": the letters of a connection that was refused (manual 8.5)
IN_REQUEST: Final = 0x52


@mypyc_attr(free_list_len=1)
class ClientSession(Session):
    def __init__(self, frontend: Frontend, arrival: Arrival, now: int) -> None:
        """`now`: it is ready (monotonic ms)."""
        super().__init__(arrival.bind_state)
        self.frontend = frontend
        self.bind_state = arrival.bind_state
        self.source = arrival.source
        self.destination = arrival.destination
        self.real_source = arrival.source if arrival.real_source is None else arrival.real_source
        self.real_destination = arrival.destination if arrival.real_destination is None else arrival.real_destination
        self.tlvs = arrival.tlvs
        self.descriptor = arrival.fd
        self.accepted = arrival.accepted
        self.accept_date = arrival.accepted + frontend.program.date_offset
        self.ready = now
        self.first = True  # no exchange of it is over yet
        self.since = now  # when the exchange before was over, or the connection ready (monotonic ms)
        self.last: LiveServer | None = None  # of the exchange before, if its connection was kept
        self.challenged = False  # that exchange ended with 401 or 407
        self.routed: BackendProxy | None = None  # where its first request goes: chosen before it was HTTP
        self.own: ServerConnection | None = None  # kept for this client alone; `below` it others
        self.several = False  # it may have several exchanges at once
        # Of the exchange before, for who looks at a connection that has no stream.
        self.began = arrival.accepted
        self.uploaded = 0
        self.sent = 0
        self.retries = 0
        self.request_line = b""

    def context(self, now: int) -> Context:
        """What rules and log lines may ask of a stream of it that begins (monotonic ms)."""
        made = Context(self.frontend, self)
        made.now = now
        made.date_offset = self.frontend.program.date_offset
        return made

    # The handshake of a client that speaks TLS. The process has counted it as a session when it came.

    def secured(self, tls: Connection | None, now: int) -> bool:
        """Its handshake is over (monotonic ms). False: tcp-request session rules have refused it."""
        self.ready = self.since = now
        self.tls = tls
        bind_state = self.bind_state
        if self.frontend.tcp_session and not self.frontend.lets_in_session(self):
            return False
        bind_state.counters.tally(SESSION, 1)
        self.frontend.tally(SESSION, 1)
        self.frontend.note_session(now)
        if self.tracked is not None:
            session_begun(self, now)
        if tls is not None and tls.resumed:
            bind_state.climb(TLS_RESUMED, NOTHING)
        else:
            bind_state.climb(TLS_SESSION, NOTHING)
            bind_state.process.tls.made_key()
            if tls is not None and tls.stapled:
                bind_state.climb(TLS_STAPLE, NOTHING)
            elif tls is not None and tls.stale:
                bind_state.climb(TLS_STALE, NOTHING)
        return True

    def not_secured(self, transport: Transport, timed_out: bool, now: int) -> None:
        """It has failed (monotonic ms). The connection is closed by the caller."""
        self.tls = transport.tls
        self.tls_fault = transport.code
        if timed_out:
            fault = TLS_TIMEOUT
        else:
            fault = fault_of_handshake(transport)
            self.bind_state.climb(TLS_FAILED, NOTHING)
        self.failed(fault, fault in (TLS_TIMEOUT, TLS_EMPTY), now)

    def failed(self, fault: int, silent: bool, now: int) -> None:
        """Its connection has failed before there was a stream, by a fault of core/connection_faults.py: for the error
        log (manual 8.2.5). `silent`: `option dontlognull` keeps quiet about it."""
        self.fault = fault
        frontend = self.frontend
        logger = frontend.logger
        if logger is None or silent and not frontend.log_null:
            return
        context = self.context(now)
        record = context.record
        record.cause, record.step = BY_PROXY, IN_REQUEST
        if fault in (TLS_TIMEOUT, PROXY_TIMEOUT):
            record.handshake = NOT_REACHED
        else:
            record.handshake = record.begun = now
        record.ended = now
        record.process_connections = self.bind_state.process.connections
        record.frontend_connections = frontend.connections
        code = self.tls_fault
        words = message_of(fault)
        logger.session_error(context, b"%b (%b)" % (words, error_text(code)) if code else words)

    def note(self, record: Record) -> None:
        """Its stream is given up: what is shown of the last exchange."""
        self.began = record.accepted
        self.uploaded = record.uploaded
        self.sent = record.sent
        self.retries = record.retries
        self.request_line = record.request_line

    def recall(self, record: Record) -> None:
        """It has a stream again."""
        record.accepted = self.began
        record.first = self.first
        record.uploaded = self.uploaded
        record.sent = self.sent
        record.retries = self.retries
        record.request_line = self.request_line

    # Connections to servers that are kept for this client alone: some that are idle, and those that its streams share.

    def keep(self, connection: ServerConnection) -> None:
        """It may be used again: it is idle, or carries some of this client's exchanges and has room for more.

        Where there are enough idle ones it is closed; one that stands for the client's identity takes another's place.
        """
        idle = 0
        above: ServerConnection | None = None
        above_oldest: ServerConnection | None = None
        oldest: ServerConnection | None = None
        one = self.own
        while one is not None:
            below = one.below
            if one is connection:
                return
            if not one.is_open:
                self._unlink(one, above)
            else:
                if not one.is_busy():
                    idle += 1
                    above_oldest, oldest = above, one
                above = one
            one = below
        if idle >= self.frontend.most_own and not connection.is_busy():
            if not connection.private or oldest is None:
                connection.abort()
                return
            self._unlink(oldest, above_oldest)
            oldest.abort()
        connection.below = self.own
        self.own = connection

    def take_own(self, server: LiveServer, value: bytes) -> ServerConnection | None:
        """One to that server whose key has that value. Those to where the server was before are closed."""
        above: ServerConnection | None = None
        one = self.own
        while one is not None:
            below = one.below
            if one.server is server and one.aim is not server.dial.target and not one.is_busy():
                self._unlink(one, above)
                one.close()
            elif self._fits(one, server, value):
                if not one.shares:
                    self._unlink(one, above)
                return one
            else:
                above = one
            one = below
        return None

    def release(self, connection: ServerConnection) -> None:
        """It is kept for this client no more."""
        above: ServerConnection | None = None
        one = self.own
        while one is not None:
            if one is connection:
                self._unlink(one, above)
                return
            above = one
            one = one.below

    def _fits(self, one: ServerConnection, server: LiveServer, value: bytes) -> bool:
        return (
            one.is_open
            and one.server is server
            and one.has_room()
            and one.aim is server.dial.target
            and one.key == value
        )

    def _unlink(self, one: ServerConnection, above: ServerConnection | None) -> None:
        if above is None:
            self.own = one.below
        else:
            above.below = one.below
        one.below = None

    def drop_own(self) -> None:
        """The client's connection ends: so do the server connections that are kept for it alone."""
        one = self.own
        self.own = None
        while one is not None:
            below = one.below
            one.below = None
            one.close()
            one = below

    def over(self) -> None:
        """It has no stream any more, and will have none: what they shared is given up."""
        self.drop_own()
        VARIABLE_LIMITS.session_over(self)
        if self.tracked is not None:
            session_over(self, self.bind_state.process.reactor.now)

    def closed(self) -> None:
        """Its connection has ended. Called once."""
        self.descriptor = -1
        self.over()
        self.frontend.closed(self.bind_state)


def fault_of_handshake(transport: Transport) -> int:
    """What it is called that a client's handshake has failed, by core/connection_faults.py."""
    tls = transport.tls
    if tls is None:
        return TLS_HANDSHAKE
    if transport.code == NOT_VERIFIED:
        return TLS_CA_FAILED if tls.verify[1] > 0 else TLS_CERTIFICATE_FAILED
    if tls.cut and not transport.code and tls.cipher is None:
        return TLS_EMPTY  # it has ended before its hello was whole
    return TLS_HANDSHAKE


def inside(frontend: Frontend, bind_state: BindState, now: int) -> ClientSession:
    """Of streams without a client: whoever starts them has a front of its own, which takes the answer, and calls `over`
    behind the last one. No connection is counted. `bind_state`: of no socket, one for all such sessions of a frontend;
    `now`: monotonic ms."""
    return ClientSession(frontend, Arrival(-1, UNIX_ADDRESS, UNIX_ADDRESS, bind_state, now), now)
