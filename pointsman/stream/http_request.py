"""The request's half of an exchange: its head, what is decided of it, a connection to a server, and sending.

The response's half stands in http.py.
"""

from typing import Final

from pointsman.config.verdict import ANSWER, DENY, FAILED, INVALID, SILENT_DROP, TARPIT, WAIT
from pointsman.core.columns import CHOSEN, ENTERED, NOTHING, REQUEST, SESSION, SESSION_TAKEN
from pointsman.core.epoch import EPOCH
from pointsman.core.wishes import ALL_OF_IT, WISHES
from pointsman.net.duplex import Duplex
from pointsman.net.reactor import Reactor
from pointsman.proto.message import Field, Request, Response, field
from pointsman.proto.websocket import is_websocket
from pointsman.rules.headers import without
from pointsman.rules.plan import CONNECTION, MOVING, OF_REQUEST
from pointsman.rules.reply import MOVED, Challenge, Reply, Served
from pointsman.sample.context import Noted
from pointsman.sample.format import Format
from pointsman.sample.limits import TARPIT_TIME
from pointsman.sample.record import NOT_REACHED
from pointsman.sample.tracking import client_failed, request_begun, request_follows
from pointsman.sample.variable_limits import VARIABLE_LIMITS
from pointsman.server.backend import LiveServer
from pointsman.server.connection import ServerConnection, Spoken
from pointsman.server.pool import REUSE_NEVER, REUSE_SAFE
from pointsman.stream.decision import REQUEST_LETTERS
from pointsman.stream.entries import DECIDED, LOG, MONITORED, ROUTED, SERVED, UNROUTED
from pointsman.stream.outcome import Outcome
from pointsman.stream.phases import FORWARD, HOLD, SENT
from pointsman.stream.proxies import KEEP_ALIVE, PLAIN, SERVER_CLOSE, BackendProxy, Frontend
from pointsman.stream.ring import Kept
from pointsman.stream.session import ClientSession
from pointsman.stream.sides import TAKES, HttpBack, HttpFront
from pointsman.stream.waiting import Waiting

EARLY_HINTS: Final = 103  # RFC 8297

_MOVED_METHODS: Final = (b"GET", b"HEAD")  # what redir is about
# Fields of what redir answers with (manual 5.2), but for where it leads.
MOVED_AWAY: Final[list[tuple[bytes, bytes | Format]]] = [(b"cache-control", b"no-cache"), (b"content-length", b"")]


class HttpRequest(Waiting):
    def __init__(self, reactor: Reactor, session: ClientSession, client: HttpFront) -> None:
        """For a session's next exchange, the first one or a later one."""
        frontend = session.frontend
        program = frontend.program
        context = session.context(reactor.now)
        super().__init__(reactor, session, client, context)
        if not session.first:
            session.recall(context.record)
        captures = frontend.captures
        if captures is not None:
            context.request_capture_sizes = captures.request_sizes
            context.response_capture_sizes = captures.response_sizes
        context.buffer = program.buffer
        context.room = program.buffer.reserve
        self.outcome: Outcome | None = None  # of this request, if it would be the same again
        self.repeated = False  # its head is the same as that of the one before: an outcome is worth keeping
        self.version = 0  # EPOCH's, when its rules began to be asked
        self.received = 0  # the status of the response, as the server sent it

    # Head.

    def first_byte(self) -> None:
        """The first byte of a request came."""
        record = self.record
        session = self.session
        record.begun = self.reactor.now
        if not session.first:  # else there is nothing of an exchange before
            record.reset()
            record.accepted = record.handshake = session.since
            if self.context.variables:
                VARIABLE_LIMITS.exchange_over(self.context)
            self.context.reset()
            session.begun += 1
            self.context.client_stream = session.begun
            self.logged = False
        self.outcome = None
        self.decision.counted = False
        self.forget()

    def begin(self, request: Request) -> None:
        """A request whose head is whole."""
        self.version = EPOCH.number
        self._take_up(request)
        self.bodiless = request.method == b"HEAD"
        session = self.session
        inspected = session.first and not session.frontend.http
        if WISHES.tracks and (inspected or session.routed is not None or not self.frontend.tcp_content):
            self._count_request()  # or else when the content rules have let it pass
            self.decision.counted = False
        if session.routed is None:
            self.decided(self.decision.begin(True, inspected))
        else:
            routed, session.routed = session.routed, None
            self.context.asked |= MOVING  # nothing shows what that depended on
            self.decided(self.decision.begin_routed(routed))

    def holds_again(self, outcome: Outcome, noted: list[Noted]) -> bool:
        """Whether what a request in the same bytes stood on is so once more. What it tracked is tracked again."""
        context = self.context
        now = self.reactor.now
        context.now = now
        context.date_offset = self.frontend.program.date_offset
        context.request = outcome.request
        if WISHES.tracks:
            self._count_request()
        for index, one in enumerate(noted):
            if not one.again(context):
                if index:
                    context.redone = noted[:index][::-1]
                return False
        return True

    def _count_request(self) -> None:
        """Tables count it, once."""
        if self.decision.counted:
            return
        self.decision.counted = True
        now = self.context.now
        if self.context.tracked is not None:
            request_follows(self.context, now)
        request_begun(self.session, now)

    def begin_again(self, outcome: Outcome) -> None:
        """A request that came before in the very same bytes: its rules are not asked again."""
        self.outcome = outcome
        self._take_up(outcome.request)
        if WISHES.tracks:
            self._count_request()
            self.decision.counted = False
        self.bodiless = outcome.bodiless
        if self.frontend.captures is not None:
            outcome.captured(self.context)
        self.enter_backend(outcome.backend)
        self.forced = None
        self.persistence = PLAIN
        self.choose()

    def _take_up(self, request: Request) -> None:
        """What is noted of every request."""
        frontend = self.frontend
        now = self.reactor.now
        record = self.record
        record.head = now
        record.request_line = request.line
        self.context.request = request
        self.context.now = now
        self.context.date_offset = frontend.program.date_offset
        record.number = frontend.program.process.next_number()
        frontend.climb(REQUEST, NOTHING)
        self.closing = self.client.ends_after(request)
        self.tunnelling = request.upgrade or request.method == b"CONNECT"
        if not self.client.request_done:
            self.touch_client()
            self.context.body = self.client.received()

    def noted(self, kept: Kept) -> None:
        kept.block = self.client.received_block()
        outcome = self.outcome
        if outcome is not None:
            kept.route = outcome.route

    # The decision.

    def decided(self, outcome: int) -> None:
        """The decision about the request (decision.py) has come so far: go on with it, or do what it says."""
        decision = self.decision
        while True:
            if self.context.hints is not None and not self._tell_early():
                return
            if outcome == ROUTED:
                backend = decision.backend
                assert backend is not None
                self.enter_backend(backend)
                if not backend.http:
                    self._leave_http()
                    return
                outcome = decision.enter()
            elif self.left and outcome in (DECIDED, WAIT):
                self.leave()
                return
            elif outcome == DECIDED:
                self.forced = decision.forced
                self.persistence = decision.persistence
                self.choose()
                return
            elif outcome == WAIT:
                if not self.wait():
                    return
                outcome = decision.go_on()
            elif outcome == LOG:
                self.write_log(b"txn_request")
                outcome = decision.proceed()
            else:
                self._end_request(outcome)
                return

    def _tell_early(self) -> bool:
        """Send what early-hint rules have noted (RFC 8297). False: the client is gone."""
        hints, self.context.hints = self.context.hints, None
        assert hints is not None
        for fields in hints.responses:
            response = Response()
            response.status = EARLY_HINTS
            response.reason = b"Early Hints"
            response.fields = fields
            self.record.sent += self.client.interim(response)
        if not self.client.flush():
            self.failed_request()
            self.blame(0x43, 0x52)  # CR
            self.vanish()
            return False
        return True

    def _leave_http(self) -> None:
        """A frontend of TCP has routed a request of HTTP to a backend of TCP (manual 4.4, switch-mode): as the peer
        program, there is no answer."""
        self.record.status = 500
        self.blame(0x49, 0x52)  # IR
        self.vanish()

    def _end_request(self, outcome: int) -> None:
        """The decision is that it does not go on."""
        decision = self.decision
        if self.context.limits is not None:
            self.take_times(None)
        letters = REQUEST_LETTERS[outcome]
        cause, step = letters[0], letters[1]
        if WISHES.tracks and (outcome in (DENY, TARPIT) or isinstance(self.context.answer, Challenge)):
            client_failed(self.context, self.reactor.now)
        if outcome == DENY:
            self.denied_request()
            decision.denied()
            self.own_reply(decision.reply(403), cause, step)
        elif outcome == FAILED:
            self._fail_request()
        elif outcome == INVALID:
            self.failed_request()
            self.record.head = NOT_REACHED
            self.own_reply(decision.reply(400), cause, step)
        elif outcome == ANSWER:
            reply = decision.reply(200)
            if isinstance(reply, Served):
                self.serve(reply, self.backend or self.frontend)
            else:
                self.frontend.counters.intercepted += 1
                self.own_reply(reply, cause, step)
        elif outcome == SERVED:
            self._serve(decision.taken(), decision.proxy)
        elif outcome == MONITORED:
            self.logged = True  # monitoring requests are not logged (manual 4.2, monitor-uri)
            self.frontend.counters.intercepted += 1
            self.own_reply(decision.taken(), cause, step)
        elif outcome == UNROUTED:
            self.context.server = None
            self.record.head = NOT_REACHED  # as the peer program: no timer of a request that went nowhere
            self.refuse(503, cause, step)
        elif outcome == TARPIT:
            self.denied_request()
            decision.denied()
            self.tarpit(decision.reply(500), self.time_of(TARPIT_TIME, (self.backend or self.frontend).tarpit))
        else:
            if not decision.inspecting:
                self.denied_request()
            else:
                self.denied_contents()
                if self.backend is None:
                    self.record.request_line = b""  # as the peer program: nobody has looked at the head yet
            self.record.head = NOT_REACHED
            self.blame(cause, step)
            self._hang_up(outcome)

    def _fail_request(self) -> None:
        """What a rule or an option writes does not fit (rules/room.py)."""
        self.internal_error()
        if not self.context.waiting:  # as the peer program: only who has waited for a body shows that time
            self.record.head = NOT_REACHED
        self.own_reply(self.page(500), 0x50, 0x52)  # PR

    def _hang_up(self, verdict: int) -> None:
        """reject, silent-drop: no answer at all."""
        ttl, self.context.answer = self.context.answer, None
        if verdict == SILENT_DROP:
            self.disappear(ttl if isinstance(ttl, int) else 0)
        else:
            self.client.hang_up()
            self.vanish()

    def _serve(self, reply: Reply, proxy: Frontend | BackendProxy) -> None:
        """A service of the proxy answers."""
        if isinstance(reply, Served):
            self.serve(reply, proxy)
            return
        proxy.counters.intercepted += 1
        if WISHES.tracks and reply.status == 401:
            client_failed(self.context, self.reactor.now)
        record = self.record
        record.queued = record.connected = self.reactor.now
        if reply.status not in (401, 407):
            record.answered = self.reactor.now
        self.context.backend = proxy
        self.record.stand_in = b"<STATS>"
        self.own_reply(reply, 0x4C, 0x52)

    def enter_backend(self, backend: BackendProxy) -> None:
        self.backend = backend
        self.context.backend = backend
        if self.context.limits is not None:
            self.limits_of(backend)
        backend.step(ENTERED, NOTHING, NOTHING)

    # Server connection.

    def idle_connection(self, server: LiveServer) -> ServerConnection | None:
        backend = self.backend
        assert backend is not None
        session = self.session
        pool = server.pool
        if pool.plain and session.own is None:
            return pool.take(backend.reuse, self.record.first)
        value = pool.value(self.context)
        spoken = self.spoken(server)
        if spoken is not None:
            value += spoken.mark
        if session.own is not None:
            own = session.take_own(server, value)
            if own is not None:
                return own
        return pool.take_equal(value, backend.reuse, self.record.first)

    def spoken(self, server: LiveServer) -> Spoken | None:
        found = server.websockets
        request = self.context.request
        return found if found is not None and request is not None and is_websocket(request) else None

    def redirected(self, server: LiveServer, reserved: bool) -> bool:
        """redir (manual 5.2): GET and HEAD are answered with where to go. It counts as served by the server, which has
        seen nothing of it; as in the peer program the log shows LC, and its status counts for the backend alone."""
        request = self.context.request
        backend = self.backend
        if request is None or backend is None or request.method not in _MOVED_METHODS:
            return False
        self.server = server
        if self.forced is None:
            server.step(CHOSEN, NOTHING, CHOSEN)
        server.step(SESSION if reserved else SESSION_TAKEN, NOTHING, NOTHING)
        if not reserved:
            backend.algorithm.took(server)
        self.release_server()
        query = request.query
        location = server.redirect_prefix + (request.path or b"/") + (b"?" + query if query is not None else b"")
        self.own_reply(Reply(302, [*MOVED_AWAY, (b"location", location)], b"", MOVED[302]), 0x4C, 0x43)  # LC
        return True

    def may_be_early(self, backend: BackendProxy) -> bool:
        """Where the request came so, too, or will be sent again if that is refused (manual 5.2, allow-0rtt). One whose
        rules have waited for the handshake is not to be sent twice."""
        if self.replaying:
            return False
        request = self.context.request
        return backend.retry_refused or request is not None and self.context.session.early is request

    def attach(self, connection: ServerConnection) -> None:
        place = connection.lend(self)
        assert isinstance(place, HttpBack)
        self.connection = connection
        self.place = place
        backend = self.backend
        if backend is not None and backend.name_header:
            self._tell_name(backend.name_header)
        if connection.shares and connection.has_room():
            self._share(connection)

    def _tell_name(self, name: bytes) -> None:
        """http-send-name-header: which server it is that this attempt goes to."""
        request = self.context.request
        server = self.server
        if request is not None and server is not None:
            request.fields = [*without(request, name), field(name, server.name)]

    def _share(self, connection: ServerConnection) -> None:
        """It may carry others beside this one: of this client, or of all."""
        server = self.server
        assert server is not None
        if self._is_own(connection):
            self.session.keep(connection)
        elif connection.aim is not server.dial.target:
            return
        elif self.backend is not None and self.backend.reuse == REUSE_SAFE:
            if self.session.several:
                connection.reserved = True
                self.session.keep(connection)
        else:
            server.pool.share(connection)

    def _is_own(self, connection: ServerConnection) -> bool:
        """Only this client may use it again."""
        backend = self.backend
        assert backend is not None
        return connection.private or backend.reuse == REUSE_NEVER

    def drop_connection(self) -> None:
        self.place = None
        connection = self.connection
        super().drop_connection()
        if connection is not None and connection.shares and connection.is_open and not connection.is_busy():
            self._let_go(connection)

    def _let_go(self, connection: ServerConnection) -> None:
        """It has carried this exchange, which was given up, and carries none now: all may have it again."""
        server = connection.server
        if self.backend is not None and self._is_own(connection) or not isinstance(server, LiveServer):
            return
        if connection.reserved:
            connection.reserved = False
            self.session.release(connection)
        if connection.aim is server.dial.target and server.alive:
            server.step(server.pool.give_equal(connection), NOTHING, NOTHING)
        else:
            connection.close()

    def last_server(self, backend: BackendProxy) -> LiveServer | None:
        """option prefer-last-server, max-keep-alive-queue (manual 4.2). A connection that stands for a client's
        identity is never left for another server."""
        session = self.session
        server = session.last
        if server is None or server.backend is not backend:
            return None
        own = session.own
        private = own is not None and own.private and own.is_open
        # One that has asked who the client is expects to be told.
        asked = private or not backend.algorithm.sticky and session.challenged
        if not asked and (backend.algorithm.sticky or not backend.prefer_last_server):
            return None
        backend.keep_up()
        if not server.usable or server in self.avoid:
            return None
        if asked:
            return server
        if server.full and 0 <= backend.keep_alive_queue <= len(server.queue):
            return None
        return server

    def keeps_servers(self, backend: BackendProxy) -> bool:
        """Connections to them outlive an exchange. A frontend's httpclose is about its clients alone (manual 4.2)."""
        return backend.mode == KEEP_ALIVE and self.frontend.mode != SERVER_CLOSE

    # Send.

    def _note_connection(self, connection: ServerConnection) -> None:
        """What somebody wants to know of the server's connection."""
        if WISHES.server_source:
            self.context.server_source = connection.local_address()
        if WISHES.server_tls:
            self.context.server_tls = connection.tls()
        if WISHES.measured:
            self.context.server_measured = connection.measures()

    def _note_sending(self, connection: ServerConnection, place: HttpBack, size: int) -> None:
        """The same, once the head is on its way."""
        context = self.context
        context.reused = connection.served > 0
        if WISHES.sending & ALL_OF_IT:
            context.server_glitches = connection.glitches
            context.server_stream = place.number()
            context.server_reset = -1
            if not self.replaying:
                self.record.grown = size - self.record.uploaded

    def begin_sending(self) -> None:
        connection = self.connection
        place = self.place
        request = self.context.request
        backend = self.backend
        assert connection is not None and place is not None and request is not None and backend is not None
        self.move(SENT)
        if WISHES.server_source or WISHES.server_tls or WISHES.measured:
            self._note_connection(connection)
        if self.request_chain is not None:
            request = self.ask_request_chain(request)
            if request is None:
                return
        outcome = self.outcome
        closing = False
        if outcome is None:
            closing = not self.keeps_servers(backend) and not backend.pretend_keepalive or request.close_asked
            if self.repeated:
                outcome = self._outcome_of(request, backend)
        self.context.server_streams = connection.streams
        size = place.begin_request(request, closing, self.frontend.strict, outcome)
        if WISHES.sending:
            self._note_sending(connection, place, size)
        if self.replaying:
            assert self.kept is not None
            self.kept.send(place)
            self.drain_request()
            if self.connection is not connection:
                return
        elif backend.retries_requests and not self.context.no_retry:
            self.keep(size)
        if not self.client.request_done:
            self.touch_client()  # its time begins now: nothing of its body was read so far
            self.client.upload()
            if self.connection is not connection:
                return
        if not place.flush():
            self.server_lost()
            return
        self.touch_server()

    def _outcome_of(self, request: Request, backend: BackendProxy) -> Outcome | None:
        """What may be remembered, if all that rules have looked at was the head."""
        if self.context.asked & ~OF_REQUEST or self.tunnelling or request.expects_continue:
            return None
        if backend.name_header:  # the next one may go to another server
            return None
        outcome = self.outcome = Outcome(self.context, request, backend, self.bodiless, self.version)
        if not self.context.asked & CONNECTION:
            outcome.source = self.context.source
        self.client.remember(outcome)
        return outcome

    @property
    def takes_body(self) -> bool:
        return self.phase in (SENT, FORWARD, HOLD) and self.connection is not None

    def upload_blocked(self) -> bool:
        place = self.place
        chain = self.request_chain
        return place is None or place.is_blocked() or chain is not None and chain.is_busy()

    def upload_waits(self) -> bool:
        """Nothing of the request's body may be taken of the client yet, as its head waits."""
        place = self.place
        return place is not None and place.waits_to_begin()

    def upload_takes(self) -> int:
        """How large a piece of the request's body may be that is read at once."""
        place = self.place
        return place.takes if place is not None else TAKES

    def upload(self, payload: bytes) -> None:
        """A piece of the request's body."""
        place = self.place
        assert place is not None
        chain = self.request_chain
        if chain is not None:
            self.consume_upload(chain, payload)
            return
        place.send_body(payload)
        self.uploaded(len(payload))

    def upload_straight(self) -> bool:
        """The next piece may go without being seen."""
        place = self.place
        return self.request_chain is None and place is not None and place.goes_unseen()

    def upload_unseen(self, source: Duplex, most: int) -> int:
        """So it goes, up to so many bytes. How many; 0: no more comes; -1: nothing now."""
        place = self.place
        assert place is not None
        return place.take_unseen(source, most)

    def uploaded(self, size: int) -> None:
        """So much of the request's body is on its way to the server."""
        place = self.place
        connection = self.connection
        assert place is not None and connection is not None
        self.record.uploaded += size
        lives = place.flush()
        self.touch_client()
        if not self.independent:
            self.touch_server()
        if not lives:
            connection.look(self)  # it may have answered before it went away

    def upload_end(self, trailers: list[Field]) -> None:
        place = self.place
        if self.backend is not None and self.backend.drop_trailers:
            trailers = []
        if place is not None:
            chain = self.request_chain
            if chain is not None:
                chain.end(trailers)
                self.drain_request()
                return
            place.end_body(trailers)
            place.flush()
            self.touch_server()
