"""What TCP streams and HTTP exchanges have in common: a server is chosen, waited for, connected to; bytes flow; it
ends.

      choose --> (QUEUE: the server is full) --> CONNECT --> connected: the subclass begins to send
        ^                                           |
        |            again elsewhere (redispatch)   | failed
        +-------------------------------------------+--> PAUSE (a second) --> CONNECT, the same server
                                                    +--> no retry left: the subclass tells the client

Of a raw stream (TCP mode, or a tunnel behind 101 or CONNECT) both directions are pumped here: what is read is sent on
at once; nothing more is read for a side that is blocked; an end is passed on as a half-close.
"""

import errno
from typing import Final

from mypy_extensions import i64

from pointsman.core.columns import (
    BYTES,
    CHOSEN,
    CONNECTS,
    DIALLED,
    HELD,
    NOTHING,
    OVER,
    PICKED,
    QUEUE_TIME,
    REUSED,
    REUSED_TAKEN,
    SERVED,
    TAKEN,
    class_of,
)
from pointsman.core.counters import Counters
from pointsman.core.wishes import WISHES
from pointsman.log.policy import When, wanted
from pointsman.net.reactor import Reactor
from pointsman.net.timers import Timed
from pointsman.net.wire import BRIEF, LARGE, ROUNDS, Wire
from pointsman.proto.proxy import render_v1, render_v2
from pointsman.sample.context import Context
from pointsman.sample.record import SILENT
from pointsman.sample.variable_limits import LIMITS
from pointsman.server.backend import LiveServer
from pointsman.server.connection import Carried, ServerConnection
from pointsman.server.server import Server
from pointsman.stream.acceptor import Door
from pointsman.stream.proxies import FOREVER, BackendProxy, Frontend

IDLE: Final = 0  # phases: between two exchanges, or before the request's head is whole
QUEUE: Final = 1
PAUSE: Final = 2
CONNECT: Final = 3
ANSWER: Final = 4  # the request is under way, no response head yet
FORWARD: Final = 5  # the response's body is under way
LAST: Final = 6  # all received, not all written to the client
TUNNEL: Final = 7  # raw, both ways
ENDED: Final = 8
TARPIT: Final = 9  # the client waits for its rejection
GATHER: Final = 10  # the request's body is waited for
SERVICE: Final = 11  # a service writes the answer

TURN_AROUND: Final = 1_000  # ms between two attempts on the same server (manual 4.2, retries)
NOTED: Final = 500  # ms between two notes of the last session, which is shown in seconds
GRAIN: Final = 64  # ms: two deadlines this near are the same to the wheel
_TIMED_OUT: Final = errno.ETIMEDOUT
_CLIENT: Final = (0x43, 0x63)  # C, c: causes of cli_abrt
_SERVER: Final = (0x53, 0x73)  # S, s: of srv_abrt
NOBODY: Final[list[Server]] = []


class Alarm(Timed):
    """The deadline of an exchange itself: its time in the queue, its pause between two attempts."""

    def __init__(self, exchange: "Exchange") -> None:
        super().__init__()
        self.exchange = exchange

    def expired(self, now: int) -> None:
        self.exchange.alarm()

    def broken(self) -> None:
        self.exchange.abandon()


class Exchange(Carried):
    def __init__(self, reactor: Reactor, frontend: Frontend, front: Wire, context: Context) -> None:
        super().__init__()
        self.reactor = reactor
        self.frontend = frontend
        self.front = front
        self.context = context
        self.record = context.record
        self.backend: BackendProxy | None = None
        self.server: LiveServer | None = None  # whose slot is reserved
        self.connection: ServerConnection | None = None
        self.phase = IDLE
        self.granted: LiveServer | None = None  # by a queue; taken up at the front's next go
        self.again_from_queue = False
        self.forced: LiveServer | None = None  # by use-server
        self.avoid: list[Server] = NOBODY
        self.timer: Alarm | None = None  # made when it is first needed
        self.client_time = frontend.client  # ms of inactivity
        self.server_time = FOREVER
        self.independent = False  # option independent-streams of the backend
        self.logged = False

    # What a subclass makes of it.

    def begin_sending(self) -> None:
        """The server connection is open, and a PROXY header, if any, pushed."""
        raise NotImplementedError

    def new_connection(self, server: LiveServer, fd: int) -> ServerConnection:
        raise NotImplementedError

    def idle_connection(self, server: LiveServer) -> ServerConnection | None:
        """One that may carry this exchange, if there is one."""
        return None

    def last_server(self, backend: BackendProxy) -> LiveServer | None:
        """The server of the exchange before, where this one should go to it, too."""
        return None

    def refuse(self, status: int, cause: int, step: int) -> None:
        """End it before anything of a response was sent; the two letters are those of the log."""
        raise NotImplementedError

    def finish(self) -> None:
        """It is over, well or not: log it, go on or close."""
        raise NotImplementedError

    # Choice and queue.

    def choose(self) -> None:
        backend = self.backend
        assert backend is not None
        wanted_server = self.forced or self.last_server(backend)
        if wanted_server is not None:
            backend.keep_up()
        server = wanted_server or backend.pick(self.context, self.avoid)
        if server is None:
            self.context.server = None
            backend.counters.failed_connections += 1
            self.refuse(503, 0x53, 0x43)  # SC
            return
        if not server.limited:
            self.assigned(server, False)
        elif backend.reserve(server):
            self.assigned(server)
        else:
            self._wait(server if wanted_server is not None or backend.algorithm.sticky else None)

    def _wait(self, server: LiveServer | None) -> None:
        backend = self.backend
        assert backend is not None
        self.phase = QUEUE
        self.context.server = server
        place = backend.wait(self, server)
        if server is None:
            self.record.backend_queue = place + 1
        else:
            self.record.server_queue = place + 1
        self.wake_at(self.reactor.now + backend.queue_time)

    def grant(self, server: Server) -> None:
        assert isinstance(server, LiveServer)
        self.granted = server
        self.reactor.another(self.front)

    def requeue(self) -> None:
        self.again_from_queue = True
        self.reactor.another(self.front)

    def resume(self) -> bool:
        """The front's go: true if it was asked for by a queue."""
        server = self.granted
        if server is not None:
            self.granted = None
            self.sleep_on()
            self.assigned(server)
            return True
        if self.again_from_queue:
            self.again_from_queue = False
            if self.phase == QUEUE and self.queue is None:
                self.sleep_on()
                self.choose()
            return True
        return False

    def wake_at(self, deadline: int) -> None:
        """Call `alarm` then (monotonic ms)."""
        timer = self.timer
        if timer is None:
            timer = self.timer = Alarm(self)
        self.reactor.wheel.arm(timer, deadline)

    def sleep_on(self) -> None:
        """There is nothing to be called for any more."""
        timer = self.timer
        if timer is not None:
            self.reactor.wheel.disarm(timer)

    def part(self) -> None:
        """It is not used any more: nothing may keep it alive, not even itself."""
        self.sleep_on()
        self.timer = None
        LIMITS.connection_over(self.context)

    def alarm(self) -> None:
        """The queue's time is up, or the pause is over."""
        if self.phase == QUEUE and self.granted is None:
            self.leave_queue()
            if self.backend is not None:
                self.backend.counters.failed_connections += 1
            self.waited_in_vain()
            self.refuse(503, 0x73, 0x51)  # sQ
        elif self.phase == PAUSE:
            self._dial_again()

    def waited_in_vain(self) -> None:
        """It leaves a queue without a server: how long it waited is logged, and what its server is busy with."""
        self.record.queued = self.reactor.now
        server = self.context.server
        if isinstance(server, LiveServer):
            self.record.server_connections = server.connections

    def leave_queue(self) -> None:
        if self.queue is not None:
            assert self.backend is not None
            self.backend.stop_waiting(self)
        self.sleep_on()
        server = self.granted
        if server is not None:
            self.granted = None
            assert self.backend is not None
            self.backend.release(server)

    # Connection.

    def assigned(self, server: LiveServer, reserved: bool = True) -> None:
        """A slot of it is reserved for us, or it has no limit and is not even counted yet."""
        backend = self.backend
        assert backend is not None
        now = self.reactor.now
        self.context.server = server
        self.context.responding = True
        self.context.server_address = server.dial.address(self.context.destination)
        self.record.queued = now
        if now - server.noted >= NOTED:
            server.noted = backend.noted = now
            server.counters.last_session = backend.counters.last_session = now
        self.server_time = backend.server_time
        self.independent = backend.independent
        connection = self.idle_connection(server)
        if connection is None:
            server.step(CHOSEN if reserved else TAKEN, NOTHING, CHOSEN)
        else:
            server.step(REUSED if reserved else REUSED_TAKEN, connection.unpool(), PICKED)
        self.server = server
        if not reserved:
            backend.algorithm.took(server)
        if connection is None:
            self.dial()
            return
        self._attach(connection)
        self.record.connected = now
        self.begin_sending()

    def _attach(self, connection: ServerConnection) -> None:
        connection.user = self
        self.connection = connection

    def dial(self) -> None:
        """Open a new connection to the chosen server."""
        server = self.server
        backend = self.backend
        assert server is not None and backend is not None
        server.step(DIALLED, NOTHING, CONNECTS)
        self.phase = CONNECT
        try:
            fd = server.dial.connect(self.context.destination)
        except OSError as error:
            self.connect_failed(error.errno or errno.ECONNREFUSED)
            return
        connection = self.new_connection(server, fd)
        connection.aim = server.dial.target
        connection.address = self.context.server_address
        self._attach(connection)
        self.reactor.add(connection)
        self.reactor.wheel.arm(connection, self.reactor.now + backend.connect)

    def connected(self) -> None:
        server = self.server
        connection = self.connection
        assert server is not None and connection is not None
        self.record.connected = self.reactor.now
        if server.send_proxy:
            render = render_v1 if server.send_proxy == 1 else render_v2
            connection.push(render(self.context.source, self.context.destination))
            connection.told_source = self.context.source
            connection.told_destination = self.context.destination
        self.begin_sending()

    def connect_failed(self, error: int) -> None:
        server = self.server
        backend = self.backend
        assert server is not None and backend is not None
        if WISHES.server_source and self.connection is not None:
            self.context.server_source = self.connection.local_address()
        self.drop_connection()
        self.sleep_on()
        record = self.record
        cause = 0x73 if error == _TIMED_OUT else 0x53
        if error in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL):
            cause = 0x52  # R: a resource is exhausted
        if record.retries >= backend.retries or not backend.retry_connections:
            server.counters.failed_connections += 1
            backend.counters.failed_connections += 1
            self.refuse(503, cause, 0x43)
            return
        record.retries += 1
        if self.may_redispatch(backend, record.retries):
            others = [one for one in backend.usable if one is not server]
            if others:
                self.redispatch(backend, server)
                return
        if error == _TIMED_OUT:
            self._dial_again()
        else:
            self.phase = PAUSE
            self.wake_at(self.reactor.now + min(TURN_AROUND, backend.connect))

    def _dial_again(self) -> None:
        """Another attempt on the same server; on another one it is a redispatch."""
        server = self.server
        backend = self.backend
        assert server is not None and backend is not None
        server.counters.retries += 1
        backend.counters.retries += 1
        self.dial()

    def may_redispatch(self, backend: BackendProxy, attempt: int) -> bool:
        """option redispatch: an algorithm without affinity goes elsewhere at once; with affinity on the last attempt,
        or on every n-th (manual 4.2; observed of the peer program)."""
        every = backend.redispatch
        if not every or self.forced is not None:
            return False
        if not backend.algorithm.sticky:
            return True
        if every < 0:
            return (backend.retries - attempt) % -every == 0 if every < -1 else attempt == backend.retries
        return attempt % every == 0

    def redispatch(self, backend: BackendProxy, server: LiveServer) -> None:
        server.counters.redispatches += 1
        backend.counters.redispatches += 1
        self.record.redispatched = True
        self.release_server()
        self.avoid = [server]
        self.choose()

    def drop_connection(self) -> None:
        """Close the server connection, if there is one: by a reset, as the peer program does, unless the server has
        closed already. So the server knows at once that nobody listens, and no port of ours waits for a minute."""
        connection = self.connection
        if connection is not None:
            self.connection = None
            connection.user = None
            if not connection.finished or self.backend is not None and self.backend.no_linger:
                connection.reset_on_close()
            connection.close()

    def release_server(self, pooled: bytes = NOTHING) -> None:
        """Give the reserved slot back. `pooled`: what `Pool.give` said of its connection."""
        server = self.server
        if server is not None:
            self.server = None
            assert self.backend is not None
            self.record.server_connections = self.backend.release(server, pooled)

    def server_drained(self) -> None:
        if self.phase == TUNNEL:
            self._touch()
            self.pump_up()
            self._over()

    def server_moved(self) -> None:
        if self.phase == TUNNEL:
            self._touch()
        else:
            self.touch_server()

    def client_moved(self) -> None:
        if self.phase == TUNNEL:
            self._touch()
        else:
            self.touch_client()

    # Raw bytes, both ways.

    def tunnel(self) -> None:
        """From here on nobody looks at the bytes."""
        backend = self.backend
        connection = self.connection
        assert backend is not None and connection is not None
        self.phase = TUNNEL
        if backend.tunnel:
            self.client_time = self.server_time = backend.tunnel
        self._touch()
        if self.front.unread:
            self.pump_up()
        if self.phase == TUNNEL and self.connection is connection and connection.unread:
            self.pump_down()

    def touch_client(self) -> None:
        self.reactor.wheel.arm(self.front, self.reactor.now + self.client_time)

    def touch_server(self) -> None:
        connection = self.connection
        if connection is not None:
            self.reactor.wheel.arm(connection, self.reactor.now + self.server_time)

    def pump_up(self) -> None:
        """From the client to the server, as far as both go."""
        connection = self.connection
        front = self.front
        if front.finished and front.failed:  # a reset behind its end: it takes nothing any more
            self.side_failed(True)
        elif connection is not None and not front.finished:
            self._pump(front, connection, True)

    def pump_down(self) -> None:
        connection = self.connection
        if connection is None:
            return
        if connection.finished and connection.failed:
            self.side_failed(False)
        elif not connection.finished:
            self._pump(connection, self.front, False)

    def _pump(self, source: Wire, sink: Wire, up: bool) -> None:
        record = self.record
        for _ in range(1 if up else ROUNDS):
            if sink.out or sink.failed or source.going or self.phase != TUNNEL:
                return
            if source.plenty and sink.straight():
                size = source.carry(sink, LARGE)
                if size < 0:
                    return
            else:
                data = source.read(LARGE if source.plenty else BRIEF)
                if data is None:
                    return
                size = len(data)
                sink.push(data)
            if not size:
                self._side_ended(source, sink, up)
                return
            if up:
                record.uploaded += size
            else:
                record.sent += size
            sink.flush()
            self._touch(not up and self.frontend.independent, up and self.independent)
            if sink.failed:
                self.side_failed(not up)
                return
            if not source.unread:
                return
        self.reactor.another(source)

    def _side_ended(self, source: Wire, sink: Wire, up: bool) -> None:
        """One side sends no more: the other is told, and the shorter timeouts of half-closed connections hold."""
        if source.failed:
            self.side_failed(up)
            return
        backend = self.backend
        assert backend is not None
        sink.end_write()
        # Who is still expected to send or to take something has the -fin time, where it is set.
        if self.frontend.client_fin != FOREVER:
            self.client_time = self.frontend.client_fin
        if backend.server_fin != FOREVER:
            self.server_time = backend.server_fin
        self._touch()
        self._over()

    def _touch(self, not_client: bool = False, not_server: bool = False) -> None:
        """Both sides of a raw stream have their time again. One that has ended, and has nothing to take, has none: the
        other's alone counts (manual 4.2, timeout client-fin, timeout server-fin). Under option independent-streams a
        side that was only sent something is left out."""
        front = self.front
        connection = self.connection
        wheel = self.reactor.wheel
        now = self.reactor.now
        if front.finished and not front.out:
            wheel.disarm(front)
        elif not not_client:
            wheel.arm(front, now + self.client_time)
        if connection is not None:
            if connection.finished and not connection.out:
                wheel.disarm(connection)
            elif not not_server:
                wheel.arm(connection, now + self.server_time)

    half_open = True  # a raw stream goes on in one direction when the other has ended

    def _over(self) -> None:
        connection = self.connection
        front = self.front
        if self.phase != TUNNEL or connection is None or front.out:
            return
        if connection.finished and (front.finished and not connection.out or not self.half_open):
            self.finish()

    def side_failed(self, client: bool) -> None:
        """A reset in the middle of a raw stream."""
        if self.phase != TUNNEL:
            return
        connection = self.connection
        if client:
            self.blame(0x43, 0x44)  # CD
        elif not (self.front.finished and connection is not None and not connection.out and connection.shut_down):
            self.blame(0x53, 0x44)  # SD; a reset that answers our own end is no fault
            self.failed_response()
        self.finish()

    def tunnel_expired(self) -> None:
        """The server's side of a raw stream was idle for too long; if the client's was too, that is what is logged."""
        late = self.front.deadline <= self.reactor.now + GRAIN
        self.blame(0x63 if late else 0x73, 0x44)  # cD, sD
        self.finish()

    def blame(self, cause: int, step: int) -> None:
        """The first fault is the one that is logged."""
        record = self.record
        if record.cause == 0x2D:
            record.cause = cause
            record.step = step

    # The end.

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
        found = self.context.server if record.queued >= 0 and backend is not None else None
        server = found if isinstance(found, LiveServer) else None
        if frontend.socket_stats and isinstance(self.context.listener, Door):
            self.context.listener.counters.tally(BYTES, up, down)
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
        return gauges

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
        if step == 0x52:  # R: its body was waited for, by a backend
            return cause == 0x43 and self.backend is not None
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
        if isinstance(self.context.listener, Door):
            self.context.listener.counters.internal_errors += 1

    def failed_request(self) -> None:
        """Nothing that could be forwarded came from the client (ereq)."""
        self.frontend.counters.failed_requests += 1
        if isinstance(self.context.listener, Door):
            self.context.listener.counters.failed_requests += 1

    def failed_response(self) -> None:
        """The server has broken off, or what it sent is no response (eresp)."""
        if self.backend is not None:
            self.backend.counters.failed_responses += 1
        if self.server is not None:
            self.server.counters.failed_responses += 1

    def denied_request(self) -> None:
        """A rule has denied it (dreq)."""
        self.frontend.counters.denied_requests += 1
        if self.backend is not None:
            self.backend.counters.denied_requests += 1
        if isinstance(self.context.listener, Door):
            self.context.listener.counters.denied_requests += 1

    def denied_response(self, backend: BackendProxy | None) -> None:
        """A rule has denied it (dresp)."""
        self.frontend.counters.denied_responses += 1
        if backend is not None:
            backend.counters.denied_responses += 1
        if isinstance(self.context.server, LiveServer):
            self.context.server.counters.denied_responses += 1
        if isinstance(self.context.listener, Door):
            self.context.listener.counters.denied_responses += 1

    def leave_backend(self) -> None:
        """The slot goes back; that the backend has one less is counted at the end."""
        self.leave_queue()
        self.drop_connection()
        self.release_server()

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
            record.process_connections = frontend.program.room.connections
            record.frontend_connections = frontend.connections
            record.backend_connections = backend.connections if backend is not None else 0
        self.context.now = self.reactor.now
        self.context.date_offset = frontend.program.date_offset
        logger.stream(self.context, record.level)


def _count_bytes(counters: Counters, status: int, up: int, down: int) -> None:
    """Both ways, and the status, if there is one."""
    if status > 0:
        counters.tally(OVER[class_of(status)], up, down, 1)
    else:
        counters.tally(BYTES, up, down)
