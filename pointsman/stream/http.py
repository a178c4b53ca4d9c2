"""One HTTP exchange, read from top to bottom.

      head -> request rules -> backend -> its rules -> server, queue, connect (exchange.py) -> send
           -> response head -> response rules -> forward -> log -> the next one

      IDLE --begin--> (QUEUE, PAUSE, CONNECT) --> ANSWER --> FORWARD --> LAST --> IDLE
                 \\-- own answer -------------------------/          \\--> TUNNEL (101, CONNECT) --> ENDED

The stream sees heads without a version and payload without framing; how they look on the wire is the business of its
two sides. How it ends badly stands in faults.py.
"""

from mypy_extensions import mypyc_attr

from pointsman.config.verdict import ANSWER, DENY, FAILED, SILENT_DROP, TARPIT, WAIT
from pointsman.core.columns import ENTERED, NOTHING, REQUEST
from pointsman.core.epoch import EPOCH
from pointsman.core.wishes import WISHES
from pointsman.net.duplex import Duplex
from pointsman.net.reactor import Reactor
from pointsman.proto.message import Field, Request, Response
from pointsman.rules.plan import CONNECTION, MOVING, OF_REQUEST, OF_RESPONSE
from pointsman.rules.reply import Reply, Served
from pointsman.sample.context import Context
from pointsman.sample.record import NEVER as NOT_REACHED
from pointsman.sample.variable_limits import LIMITS
from pointsman.server.backend import LiveServer
from pointsman.server.connection import ServerConnection
from pointsman.server.pool import NEVER
from pointsman.stream.decision import REQUEST_LETTERS, RESPONSE_LETTERS
from pointsman.stream.entries import DECIDED, LOG, MONITORED, ROUTED, SERVED, UNROUTED
from pointsman.stream.outcome import Answer, Outcome
from pointsman.stream.phases import FORWARD, HOLD, IDLE, LAST, SENT, SERVICE, TUNNEL
from pointsman.stream.proxies import CLOSE, KEEP_ALIVE, SERVER_CLOSE, BackendProxy, Frontend
from pointsman.stream.session import ClientSession
from pointsman.stream.sides import HttpBack, HttpFront
from pointsman.stream.waiting import Waiting


@mypyc_attr(free_list_len=1)
class HttpStream(Waiting):
    def __init__(self, reactor: Reactor, session: ClientSession, client: HttpFront) -> None:
        """For a session's next exchange, the first one or a later one."""
        frontend = session.frontend
        program = frontend.program
        context = Context(frontend, session)
        super().__init__(reactor, session, client, context)
        if not session.first:
            session.recall(context.record)
        context.now = reactor.now
        context.date_offset = program.date_offset
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
                LIMITS.exchange_over(self.context)
            self.context.reset()
            self.logged = False
        self.outcome = None
        self.forget()

    def begin(self, request: Request) -> None:
        """A request whose head is whole."""
        self.version = EPOCH.number
        self._take_up(request)
        self.bodiless = request.method == b"HEAD"
        session = self.session
        if session.routed is None:
            self.decided(self.decision.begin())
        else:
            routed, session.routed = session.routed, None
            self.context.asked |= MOVING  # nothing shows what that depended on
            self.decided(self.decision.begin_routed(routed))

    def begin_again(self, outcome: Outcome) -> None:
        """A request that came before in the very same bytes: its rules are not asked again."""
        self.outcome = outcome
        self._take_up(outcome.request)
        self.bodiless = outcome.bodiless
        if self.frontend.captures is not None:
            outcome.captured(self.context)
        self.enter_backend(outcome.backend)
        self.forced = None
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
        record.number = frontend.program.room.next_number()
        frontend.climb(REQUEST, NOTHING)
        self.closing = self.client.ends_after(request)
        self.tunnelling = request.upgrade or request.method == b"CONNECT"
        if not self.client.request_done:
            self.touch_client()
            self.context.body = self.client.received()

    # The decision.

    def decided(self, outcome: int) -> None:
        """The decision about the request (decision.py) has come so far: go on with it, or do what it says."""
        decision = self.decision
        while True:
            if outcome == ROUTED:
                backend = decision.backend
                assert backend is not None
                self.enter_backend(backend)
                if not backend.http:
                    self._leave_http()
                    return
                outcome = decision.enter()
            elif outcome == DECIDED:
                self.forced = decision.forced
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

    def _leave_http(self) -> None:
        """A frontend of TCP has routed a request of HTTP to a backend of TCP (manual 4.4, switch-mode): as the peer
        program, there is no answer."""
        self.record.status = 500
        self.blame(0x49, 0x52)  # IR
        self.vanish()

    def _end_request(self, outcome: int) -> None:
        """The decision is that it does not go on."""
        decision = self.decision
        letters = REQUEST_LETTERS[outcome]
        cause, step = letters[0], letters[1]
        if outcome == DENY:
            self.denied_request()
            self.own_reply(decision.reply(403), cause, step)
        elif outcome == FAILED:
            self._fail_request()
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
            self.tarpit(decision.reply(500), (self.backend or self.frontend).tarpit)
        else:
            self.denied_request()
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
            self.vanish()

    def _serve(self, reply: Reply, proxy: Frontend | BackendProxy) -> None:
        """A service of the proxy answers."""
        if isinstance(reply, Served):
            self.serve(reply, proxy)
            return
        proxy.counters.intercepted += 1
        record = self.record
        record.queued = record.connected = self.reactor.now
        if reply.status != 401:
            record.answered = self.reactor.now
        self.context.backend = proxy
        self.record.stand_in = b"<STATS>"
        self.own_reply(reply, 0x4C, 0x52)

    def enter_backend(self, backend: BackendProxy) -> None:
        self.backend = backend
        self.context.backend = backend
        backend.step(ENTERED, NOTHING, NOTHING)

    # Server connection.

    def idle_connection(self, server: LiveServer) -> ServerConnection | None:
        backend = self.backend
        assert backend is not None
        session = self.session
        if session.own is not None:
            own = session.take_own(self.context, server)
            if own is not None:
                return own
        pool = server.pool
        if pool.plain:
            return pool.take(backend.reuse, self.record.first)
        return pool.take_equal(pool.value(self.context), backend.reuse, self.record.first)

    def attach(self, connection: ServerConnection) -> None:
        place = connection.lend(self)
        assert isinstance(place, HttpBack)
        self.connection = connection
        self.place = place
        if connection.shares and connection.has_room():
            self._share(connection)

    def _share(self, connection: ServerConnection) -> None:
        """It may carry others beside this one: of this client, or of all."""
        server = self.server
        assert server is not None
        if self._is_own(connection):
            self.session.keep(connection)
        elif connection.aim is server.dial.target:
            server.pool.share(connection)

    def _is_own(self, connection: ServerConnection) -> bool:
        """Only this client may use it again."""
        backend = self.backend
        assert backend is not None
        return connection.private or backend.reuse == NEVER

    def drop_connection(self) -> None:
        self.place = None
        super().drop_connection()

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

    # Send.

    def begin_sending(self) -> None:
        connection = self.connection
        place = self.place
        request = self.context.request
        backend = self.backend
        assert connection is not None and place is not None and request is not None and backend is not None
        self.move(SENT)
        if WISHES.server_source:
            self.context.server_source = connection.local_address()
        if self.request_chain is not None:
            request = self.ask_request_chain(request)
            if request is None:
                return
        outcome = self.outcome
        closing = False
        if outcome is None:
            closing = not self._keeps_servers(backend) and not backend.pretend_keepalive or request.close_asked
            if self.repeated:
                outcome = self._outcome_of(request, backend)
        size = place.begin_request(request, closing, self.frontend.strict, outcome)
        if WISHES.sending:
            self.context.reused = connection.served > 0
            self.context.server_glitches = connection.glitches
            if not self.replaying:
                self.record.grown = size - self.record.uploaded
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

    # The server's events.

    def server_readable(self) -> None:
        phase = self.phase
        place = self.place
        if phase == SENT:
            assert place is not None
            place.read_head()
        elif phase == FORWARD:
            assert place is not None
            place.download()
        elif phase == HOLD:
            self.go_on_holding()
        elif phase == TUNNEL:
            self.pump_down()
        phase = self.phase
        if phase in (FORWARD, SENT):
            client = self.client
            if client.has_pending() and client.is_open():
                self.flush_client()
                if self.phase == FORWARD and client.is_blocked():
                    self.pace()

    def server_drained(self) -> None:
        if self.phase == TUNNEL:
            self.far_drained()
        elif self.request_chain is not None and not self.drain_request():
            return
        elif self.takes_body and not self.client.request_done:
            self.touch_client()
            if not self.independent:
                self.touch_server()
            self.client.upload()

    # Response head.

    def interim(self, response: Response) -> None:
        """A 1xx, relayed without rules; a client of HTTP/1.0 must not get it (RFC 9110 15.2)."""
        if self.server is not None:
            self.server.counters.http_1xx += 1
        size = self.client.interim(response)
        if size:
            self.record.sent += size
            self.flush_client()
        self.pace()

    def repeats(self, answer: Answer) -> bool:
        """Would a response in the same bytes become this answer, whatever else is new?"""
        request = self.context.request
        return (
            answer.frontend is self.frontend
            and (answer.outcome is None or answer.outcome is self.outcome)
            and (answer.client is None or answer.client is self.session.source)
            and answer.version == EPOCH.number
            and not self.bodiless
            and not self.tunnelling
            and self.phase == SENT
            and request is not None
            and self.client.takes_interim
            and request.method != b"HEAD"
            and self.response_chain is None
        )

    def answered_again(self, answer: Answer) -> bool:
        """A response whose head came before in the very same bytes: its rules are not asked again. True: its body is
        wanted."""
        response = answer.response
        backend = self.backend
        if backend is not None and backend.retry_statuses:
            if answer.received in backend.retry_statuses and self.retry():
                return False
        self.forget()
        record = self.record
        record.answered = self.reactor.now
        record.status = response.status
        self.context.response = response
        if self.frontend.captures is not None:
            answer.captured(self.context)
        self._frame(response)
        self._send_answer(response, answer)
        return True

    def answered(self, response: Response) -> bool:
        """The response's head is whole. True: its body is wanted."""
        connection = self.connection
        place = self.place
        backend = self.backend
        assert connection is not None and place is not None and backend is not None
        record = self.record
        if response.status == 101 and not self._may_switch(response):
            if self.server is not None:
                self.server.counters.http_1xx += 1
            self.bad_answer()
            return False
        received = response.status
        if received in backend.retry_statuses and self.retry():
            return False
        self.forget()
        record.answered = self.reactor.now
        record.status = received
        self.context.response = response
        context = self.context
        context.asked = 0
        context.room = context.buffer.reserve
        context.waiting = 0
        if received in (401, 407):
            self.context.asked = MOVING
            connection.private = connection.private or _identifies(response)
        self.received = received
        return self.response_decided(self.decision.begin_response(backend, True))

    def response_decided(self, outcome: int) -> bool:
        """The decision about the response has come so far. True: its body is wanted."""
        while outcome == WAIT:
            if not self.hold():
                return False
            outcome = self.decision.go_on()
        if outcome != DECIDED:
            self._end_response(outcome)
            return False
        record = self.record
        response = self.context.response
        place = self.place
        assert response is not None and place is not None
        if (response.status == 101 or self.tunnelling) and self.makes_tunnel():
            self._switch(response)
            return False
        if not self.after_rules():
            self._fail_answer()
            return False
        if self.response_chain is not None:
            response = self.ask_response_chain(response)
            if response is None:
                return False
        record.status = response.status
        self._frame(response)
        answer = self._answer_of(response) if place.wants_answer() and not self.bodiless else None
        if answer is not None:
            place.remember(answer)
        self._send_answer(response, answer)
        return True

    def _answer_of(self, response: Response) -> Answer | None:
        """What may be remembered, if all that rules have looked at were the heads."""
        request = self.context.request
        if request is None or not self.client.takes_interim or request.method == b"HEAD" or self.tunnelling:
            return None
        asked = self.context.asked
        of_request = asked & OF_REQUEST
        if asked & ~(OF_REQUEST | OF_RESPONSE) or of_request and self.outcome is None or self.frontend.strict:
            return None
        if self.response_chain is not None:
            return None
        answer = Answer(self.context, response, self.frontend, self.outcome if of_request else None, EPOCH.number)
        answer.received = self.received
        if asked & CONNECTION:
            if not self.session.source.packed:
                return None  # a unix socket's clients are all one
            answer.client = self.session.source
        return answer

    def _may_switch(self, response: Response) -> bool:
        """A 101 is good: it was asked for, and all that was sent with the question has gone on."""
        request = self.context.request
        place = self.place
        return (
            request is not None
            and place is not None
            and self.client.request_done
            and place.may_switch(request, response)
        )

    def _end_response(self, outcome: int) -> None:
        """The decision is that it does not go on."""
        decision = self.decision
        letters = RESPONSE_LETTERS[outcome]
        cause, step = letters[0], letters[1]
        if outcome == ANSWER:
            self.drop_answer(decision.reply(200), cause, step)
        elif outcome == FAILED:
            self._fail_answer()
        else:
            self.denied_response(self.backend)
            if outcome == DENY:
                self.drop_answer(decision.reply(502), cause, step)
            else:
                self.blame(cause, step)
                self._hang_up(outcome)

    def response_rules(self) -> bool:
        outcome = self.decision.begin_response(self.backend, False)
        if outcome == DECIDED:
            return True
        self._end_response(outcome)
        return False

    def after_rules(self) -> bool:
        return self.decision.after_response(self.backend)

    def _fail_answer(self) -> None:
        """A rule's rewrite of the server's response did not fit."""
        self.internal_error()
        self.drop_answer(self.page(500), 0x50, 0x48)  # PH

    def _frame(self, response: Response) -> None:
        """How the body goes out to this client, and whether the connection ends with it."""
        request = self.context.request
        assert request is not None
        if self.client.frame(response, self.bodiless):
            self.closing = True
        elif not self.bodiless and (request.method == b"HEAD" or response.status < 200):
            self.closing = True  # rules have made something of it that the client cannot frame
        if self.frontend.mode == CLOSE:  # a backend's httpclose is for its servers
            self.closing = True
        if response.close_asked or response.close_after:
            self.closing = True
        if not self.client.request_done:
            self.closing = True  # it answered without waiting for the rest of the request
        room = self.frontend.program.room
        if room.stopping and room.drawn():
            self.closing = True  # a soft stop ends connections behind their next response (manual 3.1)

    def _send_answer(self, response: Response, answer: Answer | None) -> None:
        """Its head is on its way to the client; the body follows."""
        self.record.sent += self.client.begin_response(response, self.closing, answer)
        self.answer_begun = True
        self.log_early(b"txn_response")
        self.move(FORWARD)

    def _switch(self, response: Response) -> None:
        """101, or 2xx to CONNECT: from here on it is a tunnel (RFC 9110 7.8, 9.3.6)."""
        connection = self.connection
        place = self.place
        assert connection is not None and place is not None
        if not self.after_rules():
            self._fail_answer()
            return
        rest = place.early()
        self.record.sent += self.client.switch(response) + len(rest)
        self.answer_begun = True
        self.closing = True
        early = self.client.early()
        self.record.uploaded += len(early)
        near = self.client.duplex()
        far = connection.duplex(self)
        near.accept(rest)
        far.accept(early)
        if near.failed:
            self.client_gone()
        elif far.failed:
            self.server_lost()
        else:
            self.half_open = False  # a server that ends a tunnel ends it for both
            self.tunnel(True)

    # Forward.

    def download_blocked(self) -> bool:
        chain = self.response_chain
        return self.client.is_blocked() or chain is not None and chain.is_busy()

    def download(self, payload: bytes, waits: bool = False) -> None:
        """A piece of the response's body; it `waits` for the next one, if that goes unseen."""
        chain = self.response_chain
        if chain is not None:
            self.consume_download(chain, payload)
            return
        if not self.bodiless:  # else a rule has made another method of HEAD
            self.record.sent += self.client.send_body(payload)
        if not waits:
            self.flush_client()
        self.pace()

    def download_straight(self) -> bool:
        """The next piece may go without being seen."""
        return not self.bodiless and self.response_chain is None and self.client.goes_unseen()

    def download_unseen(self, source: Duplex, most: int) -> int:
        """So it goes, up to so many bytes. How many; 0: no more comes; -1: nothing now."""
        return self.client.take_unseen(source, most)

    def downloaded(self, size: int) -> None:
        """So much of the response's body has gone to the client, unseen."""
        self.record.sent += size
        self.flush_client()
        self.pace()

    def pace(self) -> None:
        """The server has sent something: who must do something next, in which time?"""
        if self.connection is None:
            return
        if self.client.is_blocked():
            self.touch_client()
            self.sleep_on()  # it is not the server that keeps us waiting
        else:
            self.touch_server()

    def flush_client(self) -> None:
        if not self.client.flush() and self.phase != IDLE:
            self.client_gone()

    def client_drained(self) -> None:
        """All that was kept for the client is written."""
        if self.response_chain is not None and not self.drain_response():
            return
        phase = self.phase
        if phase == LAST:
            self.finish()
        elif phase in (FORWARD, SENT):
            self.touch_client()
            self.touch_server()
            if self.connection is not None:
                self.server_readable()
        elif phase == TUNNEL:
            self.near_drained()
        elif phase == SERVICE:
            self.touch_client()
            self.fed()

    def response_over(self, trailers: list[Field]) -> None:
        """All of the response was received."""
        if self.frontend.drop_trailers:
            trailers = []
        chain = self.response_chain
        if chain is not None:
            self._detach()
            self.move(LAST)
            self.end_response_chain(chain, trailers)
            return
        self.record.sent += self.client.end_body(trailers)
        self._detach()
        self.complete()

    def _keeps_servers(self, backend: BackendProxy) -> bool:
        """Connections to them outlive an exchange. A frontend's httpclose is about its clients alone (manual 4.2)."""
        return backend.mode == KEEP_ALIVE and self.frontend.mode != SERVER_CLOSE

    def _detach(self) -> None:
        """The server connection goes to the pool, stays with this client, or is closed."""
        connection = self.connection
        place = self.place
        server = self.server
        backend = self.backend
        assert connection is not None and place is not None and server is not None and backend is not None
        lasts = self._keeps_servers(backend) and server.alive and connection.aim is server.dial.target
        request = self.context.request
        connection.served += 1
        if request is not None and request.close_asked or 0 <= server.max_reuse < connection.served:
            lasts = False
        keep = lasts and self.client.request_done and self.request_chain is None and place.is_clean()
        session = self.session
        session.last = server if keep else None
        session.challenged = self.record.status in (401, 407)
        pooled = NOTHING
        if keep:
            self.connection = None
            self.place = None
            if connection.give_back(self):
                if connection.private or backend.reuse == NEVER:
                    session.keep(connection)
                else:
                    pool = server.pool
                    pooled = pool.give(connection) if pool.plain else pool.give_equal(connection)
        else:
            if not lasts:
                connection.retire()
            self.drop_connection()
        self.release_server(pooled)

    def complete(self) -> None:
        """Nothing more will be added to the response."""
        if not self.client.flush():
            self.client_gone()
        elif self.client.has_pending():
            self.move(LAST)
            self.touch_client()
        else:
            self.finish()


def _identifies(response: Response) -> bool:
    """The authentication that follows identifies the connection, not the request: nobody else may use it then."""
    for one in response.fields:
        if one.name in (b"www-authenticate", b"proxy-authenticate"):
            scheme = one.value[:9].lower()
            if scheme.startswith(b"ntlm") or scheme == b"negotiate":
                return True
    return False
