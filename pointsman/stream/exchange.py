"""What TCP streams and HTTP exchanges have in common: a server is chosen, waited for, connected to.

      choose --> (QUEUE: the server is full) --> CONNECT --> connected: the subclass begins to send
        ^                                           |
        |            again elsewhere (redispatch)   | failed
        +-------------------------------------------+--> PAUSE (a second) --> CONNECT, the same server
                                                    +--> no retry left: the subclass tells the client

An exchange has two deadlines. What its client is expected to do has its own (the exchange itself stands on the wheel);
what is awaited of queues and servers has another (`timer`), for only one of them is awaited at a time.
"""

import errno
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core.columns import (
    CHOSEN,
    CONNECTS,
    DIALLED,
    HELD,
    JOINED,
    JOINS,
    LINK,
    NAMED_REUSED,
    NAMED_TAKEN,
    NOTHING,
    PICKED,
    REUSED,
    REUSED_TAKEN,
    SESSION,
    TAKEN,
)
from pointsman.core.connection_faults import TLS_MISMATCH_SNI, fault_of
from pointsman.core.wishes import WISHES
from pointsman.net.reactor import Reactor
from pointsman.net.timers import Timed
from pointsman.net.tls_state import TlsAccount
from pointsman.sample.context import Context
from pointsman.sample.limits import CLIENT_TIME, CONNECT_TIME, QUEUE_TIME, SERVER_TIME
from pointsman.sample.tracking import exchange_over
from pointsman.sample.variable_limits import VARIABLE_LIMITS
from pointsman.server.backend import LiveServer
from pointsman.server.connection import Dialling, ServerConnection, Spoken
from pointsman.server.dial import fault_of_dial
from pointsman.server.queue import rank_of
from pointsman.server.server import Server
from pointsman.stream.accounts import Accounts
from pointsman.stream.cookies import DOWN, VALID
from pointsman.stream.phases import CONNECT, FOLLOWERS, IDLE, PAUSE, QUEUE, SENT, TUNNEL
from pointsman.stream.proxies import FORCED, FOREVER, NOTED, PLAIN, BackendProxy, Frontend
from pointsman.stream.sides import Front

TURN_AROUND: Final = 1_000  # ms between two attempts on the same server (manual 4.2, retries)
LINK_PAUSE: Final = 10  # ms between two looks whether another lane has closed a connection
GRAIN: Final = 64  # ms: two deadlines this near are the same to the wheel
_TIMED_OUT: Final = errno.ETIMEDOUT
NO_SERVERS: Final[list[Server]] = []


@mypyc_attr(free_list_len=1)
class ServerTimer(Timed):
    """The deadline of what an exchange awaits of a queue or of a server."""

    def __init__(self, exchange: "Exchange") -> None:
        super().__init__()
        self.exchange = exchange

    def expired(self, now: int) -> None:
        self.exchange.alarm()

    def broken(self) -> None:
        self.exchange.abandon()


class Exchange(Accounts):
    def __init__(self, reactor: Reactor, frontend: Frontend, front: Front, context: Context) -> None:
        super().__init__(reactor, frontend, context)
        self.front = front
        self.dialling: Dialling | None = None  # a connection that is under way
        self.connection: ServerConnection | None = None
        self.phase = IDLE
        self.granted: LiveServer | None = None  # by a queue; taken up at the next go
        self.again_from_queue = False
        self.refused = False  # a server has not looked at it, as its connection had too many, or was at its end
        self.awaits_link = False  # the pause is until another lane has closed a connection (strict-maxconn)
        self.forced: LiveServer | None = None  # by use-server or by persistence (persistence.py)
        self.persistence = PLAIN  # what force-persist and ignore-persist say of it
        self.avoid: list[Server] = NO_SERVERS
        self.timer: ServerTimer | None = None  # made when it is first needed
        self.client_time = frontend.client  # ms of inactivity
        self.server_time = FOREVER
        self.independent = False  # option independent-streams of the backend

    def move(self, phase: int) -> None:
        """It stands there from now on."""
        if FOLLOWERS.watched:
            FOLLOWERS.check(self.phase, phase)
        self.phase = phase

    # What a subclass makes of it.

    def begin_sending(self) -> None:
        """The server connection is open, and a PROXY header, if any, pushed."""
        raise NotImplementedError

    def idle_connection(self, server: LiveServer) -> ServerConnection | None:
        """One that may carry this exchange, if there is one."""
        return None

    def spoken(self, server: LiveServer) -> Spoken | None:
        """What is spoken to it for this exchange, where that is not the usual."""
        return None

    def last_server(self, backend: BackendProxy) -> LiveServer | None:
        """The server of the exchange before, where this one should go to it, too."""
        return None

    def may_be_early(self, backend: BackendProxy) -> bool:
        """What it sends may go along with the hello, where somebody could send it once more."""
        tls = self.context.session.tls
        return tls is not None and tls.early

    def may_move(self) -> bool:
        """It may still go to another server, with all that it has sent."""
        return False

    def refuse(self, status: int, cause: int, step: int) -> None:
        """End it before anything of a response was sent; the two letters are those of the log."""
        raise NotImplementedError

    def finish(self) -> None:
        """It is over, well or not: log it, go on or close."""
        raise NotImplementedError

    def end_at_once(self, cause: int) -> None:
        """What has become of its server leaves it no time: nothing more is said to anybody. The step in the log and the
        status are the peer program's, wherever it stood."""
        self.blame(cause, 0x43)
        if self.backend is not None and self.backend.http:
            self.record.status = 500
        self.abandon()

    # Choice and queue.

    def choose(self) -> None:
        backend = self.backend
        assert backend is not None
        forced = self.forced
        if forced is not None:
            backend.keep_up()
            if not backend.honours(forced, self.persistence):  # it went down while this one waited for it
                self._leave_server(backend, forced)
                forced = None
        wanted_server = forced or self.last_server(backend)
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
            wanted = wanted_server is not None or len(self.avoid) > 0  # else one that has failed could have it
            self._wait(backend, backend.queue_of(server, wanted), wanted)

    def _wait(self, backend: BackendProxy, server: LiveServer | None, wanted: bool) -> None:
        """Stand in a queue. `wanted`: it is no server that the algorithm has chosen."""
        self.move(QUEUE)
        self.context.server = server
        if WISHES.priorities:
            self._take_rank()
        if not backend.wait(self, server):
            assert server is not None
            self._queue_full(backend, server, wanted)
            return
        self.wake_at(self.reactor.now + self.time_of(QUEUE_TIME, backend.queue_time))

    def _queue_full(self, backend: BackendProxy, server: LiveServer, wanted: bool) -> None:
        """As many wait for it as may (manual 5.2, maxqueue). Who was sent there by persistence goes elsewhere under
        option redispatch; whose last server it is goes elsewhere in any case; a hash leads nowhere else."""
        if self.forced is server:
            if backend.redispatch and self.persistence != FORCED:
                self._leave_server(backend, server)
                self.choose()
                return
        elif wanted:
            other = backend.pick(self.context, [*self.avoid, server])
            if other is not None and other is not server:
                if not other.limited or backend.reserve(other):
                    self.assigned(other, other.limited)
                else:
                    self._wait(backend, backend.queue_of(other, False), False)
                return
        elif not backend.algorithm.sticky:  # others came first
            self._wait(backend, None, False)
            return
        backend.counters.failed_connections += 1
        self.waited_in_vain()
        self.refuse(503, 0x53, 0x51)  # SQ

    def _take_rank(self) -> None:
        """Where rules say who is first in queues (set-priority-class, set-priority-offset)."""
        limits = self.context.limits
        if limits is None:
            self.rank = rank_of(0, 0, self.reactor.now)
        else:
            self.rank = rank_of(limits.priority_class, limits.priority_offset, self.reactor.now)

    def grant(self, server: Server) -> None:
        assert isinstance(server, LiveServer)
        self.granted = server
        self.reactor.another(self)

    def requeue(self) -> None:
        self.again_from_queue = True
        self.reactor.another(self)

    def go(self) -> None:
        if self.resume():
            self.front.look_behind()

    def resume(self) -> bool:
        """True: a queue has asked for this go."""
        server = self.granted
        if server is not None:
            self.granted = None
            self.sleep_on()
            self._note_turn()
            self.assigned(server)
            return True
        if self.again_from_queue:
            self.again_from_queue = False
            if self.phase == QUEUE and self.queue is None:
                self.sleep_on()
                self._note_turn()
                self.choose()
            return True
        return False

    def _note_turn(self) -> None:
        """It has left a queue: how many went before it is logged (%sq, %bq), of several queues the sum."""
        if self.context.server is None:
            self.record.backend_queue += self.turn
        else:
            self.record.server_queue += self.turn
        self.turn = 0

    def wake_at(self, deadline: int) -> None:
        """Call `alarm` then (monotonic ms)."""
        timer = self.timer
        if timer is None:
            timer = self.timer = ServerTimer(self)
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
        self.reactor.wheel.disarm(self)
        if VARIABLE_LIMITS.on:
            VARIABLE_LIMITS.exchange_over(self.context)
        if WISHES.tracks:
            exchange_over(self.context, self.reactor.now)

    def alarm(self) -> None:
        """The time of a queue or of a server is up, or a pause is over."""
        phase = self.phase
        if phase == CONNECT:
            self.connect_failed(errno.ETIMEDOUT)
        elif phase >= SENT and phase <= TUNNEL:
            self.server_expired()
        elif phase == QUEUE and self.granted is None:
            self.leave_queue()
            if self.backend is not None:
                self.backend.counters.failed_connections += 1
            self.waited_in_vain()
            self.refuse(503, 0x73, 0x51)  # sQ
        elif phase == PAUSE and self.awaits_link:
            self.awaits_link = False
            self.dial()
        elif phase == PAUSE:
            self._dial_again()

    def server_expired(self) -> None:
        """timeout server, or timeout tunnel."""
        raise NotImplementedError

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
        if self.turn:
            self._note_turn()
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
        if self.context.limits is not None:
            self.take_times(backend)
        self.independent = backend.independent
        if server.redirects and self.redirected(server, reserved):
            return
        connection = self.idle_connection(server)
        if self.forced is not None:  # which counts in no lbtot
            if connection is not None:
                server.step(NAMED_REUSED if reserved else NAMED_TAKEN, connection.unpool(), JOINS)
            elif not reserved:
                server.step(HELD, NOTHING, NOTHING)
        elif connection is None:
            server.step(CHOSEN if reserved else TAKEN, NOTHING, CHOSEN)
        else:
            server.step(REUSED if reserved else REUSED_TAKEN, connection.unpool(), PICKED)
        self.server = server
        if not reserved:
            backend.algorithm.took(server)
        if connection is None:
            self.dial()
            return
        self.attach(connection)
        self.record.connected = now
        self.begin_sending()

    def redirected(self, server: LiveServer, reserved: bool) -> bool:
        """The server's line says `redir`: the client was sent there, and the exchange is over. False: it goes on."""
        return False

    def attach(self, connection: ServerConnection) -> None:
        """It carries this exchange from now on."""
        connection.lend(self)
        self.connection = connection

    def dial(self) -> None:
        """Open a new connection to the chosen server."""
        server = self.server
        backend = self.backend
        assert server is not None and backend is not None
        if server.pool.dials and self._join(server, backend):
            return
        spoken = self.spoken(server)
        transports = server.transports if spoken is None else spoken.transports
        speaker = server.speaker if spoken is None else spoken.speaker
        account = server.tls_account if transports is not None else None
        if (account is not None or server.strict) and not self._may_dial(server, backend, account):
            return
        server.step(DIALLED, NOTHING, CONNECTS)
        self.move(CONNECT)
        socks4 = server.socks4
        way = server.dial if socks4 is None else socks4.dial
        try:
            context = self.context
            if way.presented is not None or context.server_mark >= 0 or context.server_tos >= 0:
                seen = way.seen(context)
                fd = way.connect_from(context.destination, context.server_mark, context.server_tos, seen)
            else:
                fd = way.connect(context.destination)
        except OSError as error:
            self._not_dialled(server, account)
            self.connect_failed(error.errno or errno.ECONNREFUSED, fault_of_dial(error))
            return
        dialling = self.dialling = Dialling(self.reactor, server, fd, self)
        dialling.account = account
        dialling.aim = server.dial.target
        key = server.pool.key
        if key is not None:
            dialling.key = key.value(self.context)
        dialling.speaker = speaker
        if spoken is not None:
            dialling.key += spoken.mark
        if transports is not None:
            transport = transports.connect(fd, server.host_name(self.context))
            if socks4 is not None:
                transport = socks4.transport(fd, server.dial.address(context.destination), transport)
            elif server.early_data and speaker.decided and self.may_be_early(backend):
                transport.be_eager()
            dialling.wire.secure(transport)
        elif socks4 is not None:
            dialling.wire.secure(socks4.transport(fd, server.dial.address(context.destination)))
        header = server.header
        if header is not None:
            context = self.context
            unique_id = self.frontend.unique_id
            if header.tells_unique_id and unique_id is not None and not context.unique_id:
                context.unique_id = unique_id.render(context)
            dialling.introduce(header.write(context))
        if speaker.places > 1:
            dialling.list_in(server.pool.dials, self.context.session)
        self.wake_at(self.reactor.now + self.time_of(CONNECT_TIME, backend.connect))

    def _may_dial(self, server: LiveServer, backend: BackendProxy, account: TlsAccount | None) -> bool:
        """Count the connection where connections are limited (maxsslconn, strict-maxconn). False: it may not be opened,
        and what follows of that is done."""
        if account is not None and not account.begin():
            self._no_room(server, backend)
            return False
        if server.strict and not self._take_link(server, backend):
            if account is not None:
                account.ended()
            return False
        return True

    @staticmethod
    def _not_dialled(server: LiveServer, account: TlsAccount | None) -> None:
        """It could not be opened, and is not counted any more."""
        if account is not None:
            account.ended()
        if server.strict:
            server.step(NOTHING, LINK, NOTHING)

    def _take_link(self, server: LiveServer, backend: BackendProxy) -> bool:
        """strict-maxconn: the connection is counted. False: there are as many as may be, and none is idle here that
        could be closed. Where one is idle in another lane, that is asked to, and this waits for a moment; else it is as
        if it could not be connected to, as in the peer program."""
        while not backend.take_link(server):
            if not server.pool.make_room():
                break
        else:
            return True
        now = self.reactor.now
        self.move(CONNECT)
        if server.counters.totals.idle and now - self.record.queued < self.time_of(CONNECT_TIME, backend.connect):
            backend.want_link(server)
            self.awaits_link = True
            self.move(PAUSE)
            self.wake_at(now + LINK_PAUSE)
        else:
            self.connect_failed(errno.EAGAIN)
        return False

    def _no_room(self, server: LiveServer, backend: BackendProxy) -> None:
        """As many connections as maxsslconn allows speak TLS: nothing is tried again (manual 3.2)."""
        server.step(SESSION, NOTHING, NOTHING)
        self.move(CONNECT)
        server.counters.failed_connections += 1
        backend.counters.failed_connections += 1
        self.refuse(500, 0x49, 0x43)  # IC

    def _join(self, server: LiveServer, backend: BackendProxy) -> bool:
        """Wait for a connection that is under way for another exchange. What has failed once has one of its own."""
        record = self.record
        if record.retries and not self.refused:
            return False
        pool = server.pool
        key = pool.value(self.context)
        places = server.speaker.places
        spoken = self.spoken(server)
        if spoken is not None:
            key += spoken.mark
            places = spoken.speaker.places
        found = pool.under_way(key, server.dial.target, places, backend.reuse, record.first, self.context.session)
        if found is None:
            return False
        self.move(CONNECT)
        self.dialling = found
        found.join(self)
        self.wake_at(self.reactor.now + self.time_of(CONNECT_TIME, backend.connect))
        return True

    def joined(self, connection: ServerConnection) -> None:
        self.dialling = None
        self._use(connection)

    def left_over(self) -> None:
        server = self.server
        assert server is not None
        self.dialling = None
        connection = self.idle_connection(server)
        if connection is None:
            self.dial()
            return
        server.step(NOTHING, connection.unpool(), NOTHING)
        self._use(connection)

    def _use(self, connection: ServerConnection) -> None:
        """It was opened for another exchange, and carries this one from now on."""
        server = self.server
        assert server is not None
        server.step(JOINED, NOTHING, JOINS)
        self.record.connected = self.reactor.now
        self.attach(connection)
        self.begin_sending()

    def connected(self, dialling: Dialling) -> None:
        server = self.server
        assert server is not None
        self.record.connected = self.reactor.now
        if WISHES.observes and server.observer is not None:
            server.observer.connection(True)
        self.dialling = None
        self.attach(dialling.take(dialling.speaker))
        self.begin_sending()

    def connect_failed(self, error: int, fault: int = 0) -> None:
        server = self.server
        backend = self.backend
        assert server is not None and backend is not None
        dialling = self.dialling
        if dialling is not None:
            if WISHES.server_source:
                self.context.server_source = dialling.local_address()
            if WISHES.server_tls:
                self.context.server_tls = dialling.wire.tls()
        self.drop_connection()
        self.sleep_on()
        record = self.record
        most = self.most_retries(backend)
        if fault == TLS_MISMATCH_SNI and record.retries < most:
            record.retries = most  # it is about whom the client has named: no server is asked again
        cause = 0x73 if error == _TIMED_OUT else 0x53
        if error in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL):
            cause = 0x52  # R: a resource is exhausted
        elif server.observer is not None:
            server.observer.connection(False)
        if record.retries >= most or not backend.retry_connections:
            server.counters.failed_connections += 1
            backend.counters.failed_connections += 1
            if error != _TIMED_OUT:  # for which there is no number
                self.context.server_fault = fault or fault_of(error)
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
            self.awaits_link = False
            self.move(PAUSE)
            self.wake_at(self.reactor.now + min(TURN_AROUND, self.time_of(CONNECT_TIME, backend.connect)))

    def _dial_again(self) -> None:
        """Another attempt on the same server; on another one it is a redispatch."""
        server = self.server
        backend = self.backend
        assert server is not None and backend is not None
        server.counters.retries += 1
        backend.counters.retries += 1
        self.dial()

    def may_redispatch(self, backend: BackendProxy, attempt: int) -> bool:
        """option redispatch: an algorithm without affinity goes elsewhere at once, and so does who was sent to a server
        that is down; with affinity every n-th attempt does, or the n-th from the last one on (manual 4.2; observed).
        Not under force-persist."""
        every = backend.redispatch
        most = self.most_retries(backend)
        if not every or self.persistence == FORCED:
            return False
        server = self.server
        if server is not None and not server.up or self.forced is None and not backend.algorithm.sticky:
            return True
        if every < 0:  # counted from the last one, which is -1
            every = max(1, most + 1 + every)
        return attempt % every == 0

    def redispatch(self, backend: BackendProxy, server: LiveServer) -> None:
        """Go to another server: to one that has not failed this exchange yet, if there is one."""
        self._leave_server(backend, server)
        self.release_server()
        failed = [*self.avoid, server]
        self.avoid = [server] if all([one in failed for one in backend.usable]) else failed
        self.choose()

    def _leave_server(self, backend: BackendProxy, server: LiveServer) -> None:
        """It is redispatched: it goes to another server than this one."""
        server.counters.redispatches += 1
        backend.counters.redispatches += 1
        self.record.redispatched = True
        if self.forced is not None:
            self.forced = None
            if self.record.cookie_request == VALID:
                self.record.cookie_request = DOWN  # its cookie names a server that cannot be reached

    def note_faults(self) -> None:
        error = self.front.failure()
        if error:
            self.context.session.fault = fault_of(error)
        if self.connection is not None:
            self._note_server_fault(self.connection)

    def _note_server_fault(self, connection: ServerConnection) -> None:
        fault = connection.failure()
        if fault:
            self.context.server_fault = fault

    def drop_connection(self) -> None:
        """Close the server connection, if there is one: by a reset, as the peer program does, unless the server has
        closed already. So the server knows at once that nobody listens, and no port of ours waits for a minute."""
        dialling = self.dialling
        if dialling is not None:
            self.dialling = None
            dialling.leave(self)
        connection = self.connection
        if connection is not None:
            self.connection = None
            if WISHES.faults:
                self._note_server_fault(connection)
            connection.leave(self, self.backend is not None and self.backend.no_linger)

    def release_server(self, pooled: bytes = NOTHING) -> None:
        """Give the reserved slot back. `pooled`: what `Pool.give` said of its connection."""
        server = self.server
        if server is not None:
            self.server = None
            assert self.backend is not None
            self.record.server_connections = self.backend.release(server, pooled)

    # What rules have said for this exchange alone (set-timeout, set-retries).

    def time_of(self, kind: int, otherwise: int) -> int:
        """So many ms hold for it: what a rule has said, or else that."""
        limits = self.context.limits
        if limits is not None and limits.times[kind]:
            return limits.times[kind]
        return otherwise

    def take_times(self, backend: BackendProxy | None) -> None:
        """Those that are counted anew all the time."""
        self.client_time = self.time_of(CLIENT_TIME, self.frontend.client)
        if backend is not None:
            self.server_time = self.time_of(SERVER_TIME, backend.server_time)

    def limits_of(self, backend: BackendProxy) -> None:
        """It goes there: what rules have said before holds no more, but where they were the same listen section's."""
        limits = self.context.limits
        if limits is not None and backend is not self.frontend.twin:
            limits.enter_backend()

    def most_retries(self, backend: BackendProxy) -> int:
        limits = self.context.limits
        if limits is not None and limits.retries >= 0:
            return limits.retries
        return backend.retries

    def touch_client(self) -> None:
        self.reactor.wheel.arm(self, self.reactor.now + self.client_time)

    def touch_server(self) -> None:
        if self.connection is not None:
            timer = self.timer
            if timer is None:
                timer = self.timer = ServerTimer(self)
            self.reactor.wheel.arm(timer, self.reactor.now + self.server_time)

    def leave_backend(self) -> None:
        """The slot goes back; that the backend has one less is counted at the end."""
        if self.queue is not None or self.granted is not None:
            self.leave_queue()
        if self.connection is not None or self.dialling is not None:
            self.drop_connection()
        if self.server is not None:
            self.release_server()
