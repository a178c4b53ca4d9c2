"""What is counted of an exchange, and its log line.

An exchange counts what it has moved once, at its end (`count_end`); of one that lasts, progress.py counts most before.
"""

from typing import Final

from mypy_extensions import i64

from pointsman.core.columns import BYTES, HELD, NOTHING, OVER, QUEUE_TIME, SERVED, class_of
from pointsman.core.counters import Counters
from pointsman.core.wishes import WISHES
from pointsman.log.policy import When, wanted
from pointsman.net.reactor import Reactor
from pointsman.sample.context import Context
from pointsman.sample.record import SILENT
from pointsman.sample.tracking import bytes_moved, server_answered
from pointsman.server.backend import LiveServer
from pointsman.server.connection import Carried
from pointsman.stream.acceptor import BindState
from pointsman.stream.proxies import BackendProxy, Frontend
from pointsman.stream.ring import Kept

_CLIENT: Final = (0x43, 0x63)  # C, c: causes of cli_abrt
_SERVER: Final = (0x53, 0x73)  # S, s: of srv_abrt


class Accounts(Carried):
    """Base of an exchange: who it is counted of."""

    def __init__(self, reactor: Reactor, frontend: Frontend, context: Context) -> None:
        super().__init__()
        self.reactor = reactor
        self.frontend = frontend
        self.context = context
        self.record = context.record
        self.backend: BackendProxy | None = None
        self.server: LiveServer | None = None  # whose slot is reserved
        self.logged = False

    def blame(self, cause: int, step: int) -> None:
        """The first fault is the one that is logged."""
        record = self.record
        if record.cause == 0x2D:
            record.cause = cause
            record.step = step

    def count_end(self, status: int) -> int:
        """What is counted once of every exchange, whatever became of it. `status`: of an HTTP response; 0: none.

        Returns the gauges that a log line shows, as `conclude` of _cells.c packs them; -1: they must be asked for.
        """
        record = self.record
        frontend = self.frontend
        backend = self.backend
        up = record.uploaded
        down = record.sent
        counted = record.counted
        if counted is not None:  # it took long (progress.py)
            up -= counted.up
            down -= counted.down
            record.counted = None
        gauges = -1
        record.ended = self.reactor.now
        streams = self.context.session.streams
        if streams is not None:
            streams.moved(up, down)
        streams = self.context.server_streams
        if streams is not None and backend is not None:
            streams.moved(up, down)
        found = self.context.server if record.queued >= 0 and backend is not None else None
        server = found if isinstance(found, LiveServer) else None
        if frontend.watched:
            self._note_end(up, down)
        if record.answered < 0 or record.queued < 0 or backend is None:
            self._count_unanswered(status, up, down, server)
        else:
            queue = record.queued - (record.head if record.head > record.begun else record.begun)
            connect = record.connected - record.queued if record.connected >= 0 else 0
            response = record.answered - record.connected
            total = record.ended - record.accepted
            if server is not None:
                places = SERVED[class_of(status)] if status > 0 else BYTES
                gauges = server.conclude(
                    frontend.counters, places, up, down, QUEUE_TIME, queue, connect, response, total
                )
            else:  # a service of the backend's
                _count_bytes(frontend.counters, status, up, down)
                backend.step(NOTHING, HELD, NOTHING)
                backend.counters.settle(
                    OVER[class_of(status)] if status > 0 else BYTES,
                    up,
                    down,
                    QUEUE_TIME,
                    queue,
                    connect,
                    response,
                    total,
                )
        if record.cause != 0x2D:
            self._count_fault(server)
        if WISHES.tracks:
            self.end_tracking(up, down)
        return gauges

    def _note_end(self, up: int, down: int) -> None:
        """Its bytes count by listener too, or what was decided of it is kept."""
        frontend = self.frontend
        if frontend.socket_stats and isinstance(self.context.listener, BindState):
            self.context.listener.counters.tally(BYTES, up, down)
        program = frontend.program
        ring = program.ring
        if ring is not None:
            self.noted(ring.note(self.context, self.backend, program.date_offset))

    def noted(self, kept: Kept) -> None:
        """What a subclass knows beside that: `block`, in any case."""
        kept.block = None

    def end_tracking(self, up: int, down: int) -> None:
        """So many of its bytes were not counted in entries of stick tables yet. It tracks these until its line is
        written, which may ask for them (`part`, `_reset`)."""
        if up or down:
            bytes_moved(self.context, up, down, self.reactor.now)

    def _count_unanswered(self, status: int, up: int, down: int, server: LiveServer | None) -> None:
        frontend = self.frontend
        backend = self.backend
        _count_bytes(frontend.counters, status, up, down)
        if backend is not None:
            backend.step(NOTHING, HELD, NOTHING)
            _count_bytes(backend.counters, status, up, down)
        elif frontend.twin is not None:
            frontend.twin.counters.tally(BYTES, up, down)
        if server is not None:
            server.counters.tally(BYTES, up, down)

    def _count_fault(self, server: LiveServer | None) -> None:
        record = self.record
        frontend = self.frontend
        if record.cause == 0x49:
            self._count_internal_error(frontend, server)
        if self._is_client_abort():
            frontend.counters.client_aborts += 1
            if self.backend is not None:
                self.backend.counters.client_aborts += 1
            if server is not None:
                server.counters.client_aborts += 1
        elif record.cause in _SERVER and record.step == 0x44:
            self.count_server_abort(server)

    def _is_client_abort(self) -> bool:
        """The client ended a transfer that had begun: nothing is transferred for one that waits for its server."""
        cause = self.record.cause
        step = self.record.step
        if step == 0x52:  # R: its body was waited for, by a backend; of TCP mode, its bytes
            return (cause == 0x43 or cause == 0x63 and not self.frontend.http) and self.backend is not None
        return cause in _CLIENT and step not in (0x43, 0x51)  # C, Q

    def count_server_abort(self, server: LiveServer | None) -> None:
        """The server ended a transfer that had begun (srv_abrt)."""
        self.frontend.counters.server_aborts += 1
        if self.backend is not None:
            self.backend.counters.server_aborts += 1
        if server is not None:
            server.counters.server_aborts += 1

    def _count_internal_error(self, frontend: Frontend, server: object) -> None:
        """A bug of ours (I in the log)."""
        frontend.counters.internal_errors += 1
        if self.backend is not None:
            self.backend.counters.internal_errors += 1
        if isinstance(server, LiveServer):
            server.counters.internal_errors += 1

    def internal_error(self) -> None:
        """A rewrite did not fit, and that ends the exchange (eint)."""
        self._count_internal_error(self.frontend, self.context.server)
        if isinstance(self.context.listener, BindState):
            self.context.listener.counters.internal_errors += 1

    def failed_request(self) -> None:
        """Nothing that could be forwarded came from the client (ereq)."""
        self.frontend.counters.failed_requests += 1
        if isinstance(self.context.listener, BindState):
            self.context.listener.counters.failed_requests += 1

    def failed_response(self) -> None:
        """The server has broken off, or what it sent is no response (eresp)."""
        if self.backend is not None:
            self.backend.counters.failed_responses += 1
        if self.server is not None:
            self.server.counters.failed_responses += 1

    def count_answer(self, status: int) -> None:
        """The server has answered (WISHES.answers)."""
        if WISHES.tracks:
            server_answered(self.context, status, self.reactor.now)
        server = self.server
        if server is not None and server.observer is not None:
            server.observer.response(status)

    def count_no_answer(self, cause: int) -> None:
        """The server has not, or not so that it could be passed on. `cause`: of observer.py."""
        server = self.server
        if server is not None and server.observer is not None:
            server.observer.no_response(cause)

    def denied_request(self) -> None:
        """A rule has denied it (dreq)."""
        self.frontend.counters.denied_requests += 1
        if self.backend is not None:
            self.backend.counters.denied_requests += 1
        if isinstance(self.context.listener, BindState):
            self.context.listener.counters.denied_requests += 1

    def denied_contents(self) -> None:
        """A tcp-request content rule has: whichever proxy it stands in, it is the frontend's that is counted."""
        self.frontend.counters.denied_requests += 1
        if isinstance(self.context.listener, BindState):
            self.context.listener.counters.denied_requests += 1

    def denied_response(self, backend: BackendProxy | None) -> None:
        """A rule has denied it (dresp)."""
        self.frontend.counters.denied_responses += 1
        if backend is not None:
            backend.counters.denied_responses += 1
        if isinstance(self.context.server, LiveServer):
            self.context.server.counters.denied_responses += 1
        if isinstance(self.context.listener, BindState):
            self.context.listener.counters.denied_responses += 1

    def log_early(self, origin: bytes) -> None:
        """A line that need not wait for the end (option logasap, or a format that shows nothing of it)."""
        frontend = self.frontend
        logger = frontend.logger
        if logger is None or not frontend.log_asap and logger.when > When.DATA:
            return
        self.record.complete = not frontend.log_asap
        self.record.ended = self.reactor.now
        self.write_log(origin)

    def write_log(self, origin: bytes, gauges: int = -1) -> None:
        """The log line, if one is wanted, and only once. `gauges`: of `count_end`."""
        frontend = self.frontend
        logger = frontend.logger
        if logger is None or self.logged:
            return
        self.logged = True
        record = self.record
        record.origin = origin
        if record.level == SILENT or not wanted(self.context, frontend.log_null, frontend.log_normal):
            return
        backend = self.backend
        if self.server is not None:
            record.server_connections = self.server.connections
        if gauges >= 0:
            packed: i64 = gauges
            record.process_connections = packed >> 40
            record.frontend_connections = packed >> 20 & 0xFFFFF
            record.backend_connections = packed & 0xFFFFF
        else:
            record.process_connections = frontend.program.process.connections
            record.frontend_connections = frontend.connections
            record.backend_connections = backend.connections if backend is not None else 0
        self.context.now = self.reactor.now
        self.context.date_offset = frontend.program.date_offset
        if WISHES.faults:
            self.note_faults()
        logger.stream(self.context, record.level)

    def note_faults(self) -> None:
        """What its connections have failed of, for fc_err and bc_err."""


def _count_bytes(counters: Counters, status: int, up: int, down: int) -> None:
    """Both ways, and the status, if there is one."""
    if status > 0:
        counters.tally(OVER[class_of(status)], up, down, 1)
    else:
        counters.tally(BYTES, up, down)
