"""One HTTP exchange, read from top to bottom.

      head -> request rules -> backend -> its rules -> server, queue, connect (exchange.py) -> send
           -> response head -> response rules -> forward -> log -> the next one

      IDLE --begin--> (QUEUE, PAUSE, CONNECT) --> ANSWER --> FORWARD --> LAST --> IDLE
                 \\-- own answer -------------------------/          \\--> TUNNEL (101, CONNECT) --> ENDED

The stream sees heads without a version and payload without framing; how they look on the wire is the business of its
two sides. How it ends badly stands in faults.py.
"""

from pointsman.config.verdict import ALLOW, ANSWER, CONTINUE, DENY, FAILED, SILENT_DROP, TARPIT
from pointsman.core.address import NetAddress
from pointsman.core.columns import ENTERED, NOTHING, REQUEST
from pointsman.core.epoch import EPOCH
from pointsman.core.wishes import WISHES
from pointsman.log.policy import When
from pointsman.net.reactor import Reactor
from pointsman.proto.body import CHUNKED, NONE, TO_CLOSE
from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1 import check_switch
from pointsman.proto.h1_render import interim, request_bytes, response_head
from pointsman.proto.message import Field, Request, Response, field
from pointsman.rules.plan import CONNECTION, HEADER_BLOCK, MOVING, OF_REQUEST, OF_RESPONSE, Step, run_steps
from pointsman.rules.reply import Challenge, Reply, Served
from pointsman.rules.room import add_field
from pointsman.sample.context import Context
from pointsman.sample.record import NEVER as NOT_REACHED
from pointsman.sample.variable_limits import LIMITS
from pointsman.server.backend import LiveServer
from pointsman.server.connection import NEVER, ServerConnection
from pointsman.stream.exchange import ANSWER as WAIT_ANSWER
from pointsman.stream.exchange import FORWARD, IDLE, LAST, SERVICE, TUNNEL
from pointsman.stream.header_names import PRESERVE, names_pass
from pointsman.stream.outcome import Answer, Outcome
from pointsman.stream.proxies import (
    CLOSE,
    FOREVER,
    KEEP_ALIVE,
    SERVER_CLOSE,
    BackendProxy,
    ForwardFor,
    Frontend,
    Service,
)
from pointsman.stream.routing import pick_backend, pick_server
from pointsman.stream.served import ServedStream
from pointsman.stream.sides import HttpBack, HttpFront


class HttpStream(ServedStream):
    def __init__(self, reactor: Reactor, frontend: Frontend, front: HttpFront, context: Context) -> None:
        super().__init__(reactor, frontend, front, context)
        self.last: LiveServer | None = None  # of the exchange before, if its connection was kept
        self.challenged = False  # that exchange ended with 401 or 407
        self.outcome: Outcome | None = None  # of this request, if it would be the same again
        self.repeated = False  # its head is the same as that of the one before: an outcome is worth keeping
        self.version = 0  # EPOCH's, when its rules began to be asked

    # Head.

    def first_byte(self) -> None:
        """The first byte of a request came."""
        record = self.record
        if not self.client.first:
            record.reset()
            record.accepted = record.handshake = self.client.since
        record.begun = self.reactor.now
        if self.context.variables:
            LIMITS.exchange_over(self.context)
        self.context.reset()
        self.logged = False
        self.outcome = None
        self.forget()

    def begin(self, request: Request) -> None:
        """A request whose head is whole."""
        frontend = self.frontend
        self.version = EPOCH.number
        self._take_up(request)
        self.bodiless = request.method == b"HEAD"
        if frontend.captures is not None:
            frontend.captures.of_request(self.context)
        if frontend.unique_id is not None and not self._name(request):
            self._fail_request()
            return
        if self._own(frontend.monitor):
            return
        logger = frontend.logger
        if logger is not None and logger.when <= When.REQUEST:
            self.context.asked |= MOVING  # the line shows the head before its rules
            self.write_log(b"txn_request")
        if not frontend.buffers or self.gather(frontend.http_request_time):
            self.frontend_rules(request)

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
        self.closing = request.close or request.close_after or not (request.minor or request.keep)
        self.tunnelling = request.upgrade or request.method == b"CONNECT"
        self.touch_client()
        self.context.body = self.client.received()

    def frontend_rules(self, request: Request) -> None:
        frontend = self.frontend
        if not self._request_rules(frontend.http_request):
            return
        if frontend.header_names == PRESERVE or self._names_pass(request, frontend.header_names):
            self._route(request)

    def _name(self, request: Request) -> bool:
        """unique-id-format and unique-id-header; false: it does not fit."""
        frontend = self.frontend
        assert frontend.unique_id is not None
        self.context.asked |= MOVING
        self.context.unique_id = frontend.unique_id.render(self.context)
        return not frontend.unique_id_header or add_field(
            self.context, request, field(frontend.unique_id_header, self.context.unique_id)
        )

    # Rules.

    def _request_rules(self, rules: list[Step]) -> bool:
        """True: the request goes on."""
        verdict = run_steps(rules, self.context) if rules else CONTINUE
        if verdict in (CONTINUE, ALLOW):
            return True
        if verdict == DENY:
            self.denied_request()
            self.own_reply(self._reply(403), 0x50, 0x52)  # PR
        elif verdict == FAILED:
            self._fail_request()
        elif verdict == ANSWER:
            reply = self._reply(200)
            if isinstance(reply, Served):
                self.serve(reply, self.backend or self.frontend)
            else:
                self.frontend.counters.intercepted += 1
                self.own_reply(reply, 0x4C, 0x52)  # LR
        else:
            self.denied_request()
            if verdict == TARPIT:
                self.tarpit(self._reply(500), (self.backend or self.frontend).tarpit)
            else:
                self.record.head = NOT_REACHED
                self.blame(0x50, 0x52)
                self._hang_up(verdict)
        return False

    def _fail_request(self) -> None:
        """What a rule or an option writes does not fit (rules/room.py)."""
        self.internal_error()
        if not self.context.waiting:  # as the peer program: only who has waited for a body shows that time
            self.record.head = NOT_REACHED
        self.own_reply(self.page(500), 0x50, 0x52)  # PR

    def _names_pass(self, request: Request, policy: int) -> bool:
        """option http-restrict-req-hdr-names of a proxy; true: the request goes on."""
        self.context.asked |= HEADER_BLOCK
        if names_pass(request, policy):
            return True
        self.denied_request()
        self.own_reply(self.page(403), 0x50, 0x52)  # PR
        return False

    def _hang_up(self, verdict: int) -> None:
        """reject, silent-drop: no answer at all."""
        ttl, self.context.answer = self.context.answer, None
        if verdict == SILENT_DROP:
            self.disappear(ttl if isinstance(ttl, int) else 0)
        else:
            self.vanish()

    def _reply(self, status: int) -> Reply:
        """What a rule decided to answer; a denial may leave it to the error pages."""
        answer = self.context.answer
        self.context.answer = None
        if isinstance(answer, Reply):
            return answer
        if isinstance(answer, Challenge):
            return self.page(answer.status).challenging(answer)
        return self.page(answer if isinstance(answer, int) else status)

    def _own(self, service: Service | None) -> bool:
        """True: a service inside the proxy has answered."""
        reply = service.answer(self.context) if service is not None else None
        if reply is None:
            return False
        if service is self.frontend.monitor:
            self.logged = True  # monitoring requests are not logged (manual 4.2, monitor-uri)
        self.frontend.counters.intercepted += 1
        self.own_reply(reply, 0x4C, 0x52)
        return True

    # Backend.

    def _route(self, request: Request) -> None:
        frontend = self.frontend
        for service in frontend.services:
            if self._own_service(service, frontend):
                return
        backend = pick_backend(frontend, self.context)
        if backend is None:
            self.context.server = None
            self.record.head = NOT_REACHED  # as the peer program: no timer of a request that went nowhere
            self.refuse(503, 0x53, 0x43)  # SC
            return
        self.enter_backend(backend)
        if not backend.buffers or self.gather(backend.request_time or FOREVER):
            self.backend_rules(request, backend)

    def backend_rules(self, request: Request, backend: BackendProxy) -> None:
        if backend.http_request and not self._request_rules(backend.http_request):
            return
        if backend.header_names != PRESERVE and not self._names_pass(request, backend.header_names):
            return
        for service in backend.services:
            if self._own_service(service, backend):
                return
        self.forced = None
        if backend.use_server:
            self.context.asked |= MOVING
            self.forced = pick_server(backend, self.context)
        if self._add_addresses(request, backend):
            self.choose()
        else:
            self._fail_request()

    def _own_service(self, service: Service, proxy: Frontend | BackendProxy) -> bool:
        request = self.context.request
        if request is not None and request.method == b"POST" and service.wants_body(self.context):
            self.asked = service
            self.asked_by = proxy
            if not self.gather(self.frontend.http_request_time):
                return True
        return self.answer_by(service, proxy)

    def answer_by(self, service: Service, proxy: Frontend | BackendProxy) -> bool:
        self.asked = None
        reply = service.answer(self.context)
        if reply is None:
            return False
        if isinstance(reply, Served):
            self.serve(reply, proxy)
            return True
        proxy.counters.intercepted += 1
        record = self.record
        record.queued = record.connected = self.reactor.now
        if reply.status != 401:
            record.answered = self.reactor.now
        self.context.backend = proxy
        self.record.stand_in = b"<STATS>"
        self.own_reply(reply, 0x4C, 0x52)
        return True

    def enter_backend(self, backend: BackendProxy) -> None:
        self.backend = backend
        self.context.backend = backend
        backend.step(ENTERED, NOTHING, NOTHING)

    def _add_addresses(self, request: Request, backend: BackendProxy) -> bool:
        """option forwardfor and option originalto, of the frontend or of the backend; false: they do not fit."""
        frontend = self.frontend
        if not self._add_address(request, frontend.forwardfor, backend.forwardfor, self.context.source):
            return False
        if frontend.originalto is None and backend.originalto is None:
            return True
        self.context.asked |= CONNECTION
        return self._add_address(request, frontend.originalto, backend.originalto, self.context.destination)

    def _add_address(
        self, request: Request, front: ForwardFor | None, back: ForwardFor | None, address: NetAddress
    ) -> bool:
        """Where both have the option, the backend's header is taken, what either excepts is left out, and who does not
        say if-none adds it in any case."""
        option = back if back is not None else front
        if option is None or not address.packed:
            return True
        if front is not None and front.excepts(address) or back is not None and back.excepts(address):
            return True
        if (
            (front is None or front.if_none)
            and (back is None or back.if_none)
            and request.get(option.header) is not None
        ):
            return True
        made = option.made
        if made.value != address.text:
            made = option.made = field(option.header, address.text)
        return add_field(self.context, request, made)

    # Server connection.

    def idle_connection(self, server: LiveServer) -> ServerConnection | None:
        backend = self.backend
        assert backend is not None
        own = self.own
        if own is not None:
            self.own = None
            address = self.context.server_address
            if (
                own.fd >= 0
                and own.server is server
                and own.user is None
                and address is not None
                and own.leads_to(address, self.context.source, self.context.destination)
            ):
                return own
            own.close()
        if server.send_proxy or server.dial.follows:
            return None  # its header names this client; it goes where another client wanted to go
        return server.pool.take(backend.reuse, self.client.first)

    def new_connection(self, server: LiveServer, fd: int) -> ServerConnection:
        return self.client.new_connection(server, fd)

    def last_server(self, backend: BackendProxy) -> LiveServer | None:
        """option prefer-last-server, max-keep-alive-queue (manual 4.2). A connection that stands for a client's
        identity is never left for another server."""
        server = self.last
        if server is None or server.backend is not backend:
            return None
        own = self.own
        private = isinstance(own, HttpBack) and own.private and own.fd >= 0
        # One that has asked who the client is expects to be told.
        asked = private or not backend.algorithm.sticky and self.challenged
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

    def close_own(self) -> None:
        """The client connection ends: so does the server connection that is kept for it alone."""
        own = self.own
        if own is not None:
            self.own = None
            own.close()

    # Send.

    def begin_sending(self) -> None:
        connection = self.connection
        request = self.context.request
        backend = self.backend
        assert isinstance(connection, HttpBack) and request is not None and backend is not None
        self.phase = WAIT_ANSWER
        if WISHES.server_source:
            self.context.server_source = connection.local_address()
        outcome = self.outcome
        if outcome is not None:
            head = outcome.head
        else:
            close = not self._keeps_servers(backend) and not backend.pretend_keepalive or request.close_asked
            head = request_bytes(request, close=close, strict=self.frontend.strict)
            if (
                self.repeated
                and not self.context.asked & ~OF_REQUEST
                and not self.tunnelling
                and not request.expects_continue
            ):
                self.outcome = Outcome(self.context, request, backend, head, self.bodiless, self.version)
                if not self.context.asked & CONNECTION:
                    self.outcome.source = self.context.source
                self.client.remember(self.outcome)
        if WISHES.sending:
            self.context.reused = connection.served > 0
            self.context.server_glitches = connection.glitches
            if not self.replaying:
                self.record.grown = len(head) - self.record.uploaded
        connection.begin_request(head, request.chunked, request.method == b"HEAD")
        if self.replaying:
            assert self.kept is not None
            self.kept.send(connection)
        elif backend.retries_requests and not self.context.no_retry:
            self.keep(head)
        if not self.client.request_done:
            self.touch_client()  # its time begins now: nothing of its body was read so far
            self.client.upload()
            if self.connection is not connection:
                return
        connection.flush()
        if connection.failed:
            self.server_lost()
            return
        self.touch_server()

    @property
    def takes_body(self) -> bool:
        return self.phase in (WAIT_ANSWER, FORWARD) and self.connection is not None

    def upload_blocked(self) -> bool:
        connection = self.connection
        return connection is None or connection.blocked or connection.failed != 0

    def upload(self, payload: bytes) -> None:
        """A piece of the request's body."""
        connection = self.connection
        assert isinstance(connection, HttpBack)
        if self.kept is not None:
            self.kept.add(payload)
        connection.send_body(payload)
        self.uploaded(len(payload))

    def upload_straight(self) -> bool:
        """The next piece may go without being seen."""
        connection = self.connection
        return (
            self.kept is None and isinstance(connection, HttpBack) and connection.takes_raw() and connection.straight()
        )

    def uploaded(self, size: int) -> None:
        """So much of the request's body is on its way to the server."""
        connection = self.connection
        assert isinstance(connection, HttpBack)
        self.record.uploaded += size
        connection.flush()
        self.touch_client()
        if not self.independent:
            self.touch_server()
        if connection.failed:
            connection.unread = True
            self.reactor.another(connection)  # it may have answered before it went away

    def upload_end(self, trailers: list[Field]) -> None:
        connection = self.connection
        if self.backend is not None and self.backend.drop_trailers:
            trailers = []
        if isinstance(connection, HttpBack):
            if self.kept is not None:
                self.kept.trailers = trailers
                self.kept.ended = True
            connection.end_body(trailers)
            connection.flush()
            self.touch_server()

    # The server's events.

    def server_readable(self) -> None:
        connection = self.connection
        assert isinstance(connection, HttpBack)
        if self.phase == WAIT_ANSWER:
            connection.read_head()
        elif self.phase == FORWARD:
            connection.download()
        elif self.phase == TUNNEL:
            self.pump_down()
        if self.client.out and self.client.fd >= 0:
            self.flush_client()
            if self.phase == FORWARD and self.client.blocked:
                self._pace()

    def server_drained(self) -> None:
        if self.phase == TUNNEL:
            super().server_drained()
        elif self.takes_body and not self.client.request_done:
            self.touch_client()
            if not self.independent:
                self.touch_server()
            self.client.upload()

    # Response head.

    def interim(self, response: Response) -> None:
        """A 1xx, relayed without rules; a client of HTTP/1.0 must not get it (RFC 9110 15.2)."""
        request = self.context.request
        if self.server is not None:
            self.server.counters.http_1xx += 1
        if request is not None and request.minor:
            head = interim(response, self.frontend.strict)
            self.client.push(head)
            self.record.sent += len(head)
            self.flush_client()
        self._pace()

    def repeats(self, answer: Answer) -> bool:
        """Would a response in the same bytes become this answer, whatever else is new?"""
        request = self.context.request
        return (
            answer.frontend is self.frontend
            and (answer.outcome is None or answer.outcome is self.outcome)
            and (answer.client is None or answer.client is self.context.real_source)
            and answer.version == EPOCH.number
            and not self.bodiless
            and not self.tunnelling
            and self.phase == WAIT_ANSWER
            and request is not None
            and request.minor == 1
            and request.method != b"HEAD"
        )

    def answered_again(self, answer: Answer, rest: bytes) -> None:
        """A response whose head came before in the very same bytes: its rules are not asked again."""
        response = answer.response
        backend = self.backend
        if backend is not None and backend.retry_statuses:
            if answer.received in backend.retry_statuses and self.retry():
                return
        self.forget()
        record = self.record
        record.answered = self.reactor.now
        record.status = response.status
        self.context.response = response
        if self.frontend.captures is not None:
            answer.captured(self.context)
        self._frame(response, answer.kind)
        if self.closing != answer.closing:
            answer.closing = self.closing
            answer.wire = self._rendered(response, answer.kind)
        self._send_answer(answer.wire, answer.kind)
        self._go_on_answering(rest, answer.kind)

    def answered(self, response: Response, rest: bytes) -> None:
        """The response's head is whole; `rest` came behind it."""
        connection = self.connection
        backend = self.backend
        assert isinstance(connection, HttpBack) and backend is not None
        record = self.record
        if response.status == 101 and not self._may_switch(response):
            if self.server is not None:
                self.server.counters.http_1xx += 1
            self.bad_answer()
            return
        received = response.status
        if received in backend.retry_statuses and self.retry():
            return
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
        if self.frontend.captures is not None:
            self.frontend.captures.of_response(self.context)
        if not self.response_rules(backend):
            return
        kind = connection.body_kind()
        if response.status == 101 or self.tunnelling and self._is_connect() and 200 <= response.status < 300:
            self._switch(response, rest)
            return
        if not self.after_rules():
            self._fail_answer()
            return
        record.status = response.status
        encoding = self._frame(response, kind)
        head = self._rendered(response, encoding)
        if connection.repeated and encoding == kind and not self.bodiless:
            self._remember(connection, response, head, received)
        self._send_answer(head, encoding)
        self._go_on_answering(rest, kind)

    def _remember(self, connection: HttpBack, response: Response, head: bytes, received: int) -> None:
        """If all that rules have looked at were the heads."""
        request = self.context.request
        if request is None or not request.minor or request.method == b"HEAD" or self.tunnelling:
            return
        asked = self.context.asked
        of_request = asked & OF_REQUEST
        if asked & ~(OF_REQUEST | OF_RESPONSE) or of_request and self.outcome is None or self.frontend.strict:
            return
        answer = Answer(self.context, response, self.frontend, self.outcome if of_request else None, EPOCH.number)
        answer.received = received
        if asked & CONNECTION:
            if not self.context.real_source.packed:
                return  # a unix socket's clients are all one
            answer.client = self.context.real_source
        answer.closing = self.closing
        answer.wire = head
        connection.remember(answer)

    def _go_on_answering(self, rest: bytes, kind: int) -> None:
        """The head is on its way, the body follows."""
        connection = self.connection
        assert isinstance(connection, HttpBack)
        self.phase = FORWARD
        if rest or kind == NONE:
            if not connection.feed(rest):
                return
        if connection.body_done:
            self.response_over(connection.trailers())
        elif connection.unread:
            connection.download()
        else:
            self._pace()

    def _may_switch(self, response: Response) -> bool:
        """A 101 is good: it was asked for, and all that was sent with the question has gone on."""
        request = self.context.request
        if request is None or not self.client.request_done:
            return False
        try:
            check_switch(request, response, self.backend is not None and self.backend.unsafe)
        except ProtocolError:
            return False
        return True

    def _is_connect(self) -> bool:
        request = self.context.request
        return request is not None and request.method == b"CONNECT"

    def response_rules(self, backend: BackendProxy | None) -> bool:
        """http-response of the backend, then of the frontend, option checkcache (manual 4.2); true: it goes on."""
        if backend is not None and backend.http_response and not self._goes_on(backend.http_response, backend):
            return False
        if self.frontend.http_response and not self._goes_on(self.frontend.http_response, backend):
            return False
        if backend is None or backend.cache_check is None or not backend.cache_check.blocks(self.context):
            return True
        self.denied_response(backend)
        self.drop_answer(self.page(502), 0x50, 0x48)  # PH
        return False

    def _goes_on(self, rules: list[Step], backend: BackendProxy | None) -> bool:
        verdict = run_steps(rules, self.context)
        if verdict in (CONTINUE, ALLOW):
            return True
        if verdict == DENY:
            self.denied_response(backend)
            self.drop_answer(self._reply(502), 0x50, 0x48)  # PH
        elif verdict == ANSWER:
            self.drop_answer(self._reply(200), 0x4C, 0x48)  # LH
        elif verdict == FAILED:
            self._fail_answer()
        else:
            self.denied_response(backend)
            self.blame(0x50, 0x52)
            self._hang_up(verdict)
        return False

    def after_rules(self) -> bool:
        """http-after-response: on every response, our own ones too. False: a rewrite did not fit."""
        backend = self.backend
        if (
            backend is not None
            and backend.http_after_response
            and run_steps(backend.http_after_response, self.context) == FAILED
        ):
            return False
        rules = self.frontend.http_after_response
        return not rules or run_steps(rules, self.context) != FAILED

    def _fail_answer(self) -> None:
        """A rule's rewrite of the server's response did not fit."""
        self.internal_error()
        self.drop_answer(self.page(500), 0x50, 0x48)  # PH

    def _frame(self, response: Response, kind: int) -> int:
        """How the body goes out to this client, and whether the connection ends with it."""
        request = self.context.request
        assert request is not None
        encoding = kind
        if self.bodiless:
            encoding = NONE
        elif kind == CHUNKED and not request.minor or kind == TO_CLOSE:
            encoding = TO_CLOSE
            self.closing = True
        elif request.method == b"HEAD" or response.status < 200:
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
        return encoding

    def _rendered(self, response: Response, encoding: int) -> bytes:
        """The head for this client. A response to HEAD, and a 304, keep the framing fields that they would have with a
        body."""
        request = self.context.request
        assert request is not None
        return response_head(
            response.status,
            response.reason,
            response.fields,
            minor=response.minor,
            client_minor=request.minor,
            length=response.length,
            chunked=response.chunked and encoding != TO_CLOSE,
            close=self.closing,
            strict=self.frontend.strict,
            head=response,
        )

    def _send_answer(self, head: bytes, encoding: int) -> None:
        self.client.begin_response(head, encoding)
        self.record.sent += len(head)
        self.answer_begun = True
        self.log_early(b"txn_response")

    def _switch(self, response: Response, rest: bytes) -> None:
        """101, or 2xx to CONNECT: from here on it is a tunnel (RFC 9110 7.8, 9.3.6)."""
        request = self.context.request
        connection = self.connection
        assert request is not None and connection is not None
        if not self.after_rules():
            self._fail_answer()
            return
        head = response_head(
            response.status,
            response.reason,
            response.fields,
            minor=response.minor,
            client_minor=request.minor,
            tunnel=response.status != 101,
            strict=self.frontend.strict,
        )
        self.client.begin_response(head, NONE)
        self.client.push(rest)
        self.record.sent += len(head) + len(rest)
        self.answer_begun = True
        self.closing = True
        early = self.client.left_over()
        connection.push(early)
        self.record.uploaded += len(early)
        self.client.flush()
        connection.flush()
        if self.client.failed:
            self.client_gone()
        elif connection.failed:
            self.server_lost()
        else:
            self.client.unread = connection.unread = True
            self.half_open = False  # a server that ends a tunnel ends it for both
            self.tunnel()

    # Forward.

    def download_blocked(self) -> bool:
        return self.client.blocked or self.client.fd < 0

    def download(self, payload: bytes, waits: bool = False) -> None:
        """A piece of the response's body; it `waits` for the next one, if that goes unseen."""
        if not self.bodiless:  # else a rule has made another method of HEAD
            self.record.sent += self.client.send_body(payload)
        if not waits:
            self.flush_client()
        self._pace()

    def download_straight(self) -> bool:
        """The next piece may go without being seen."""
        return not self.bodiless and self.client.takes_raw() and self.client.straight()

    def downloaded(self, size: int) -> None:
        """So much of the response's body has gone to the client, unseen."""
        self.record.sent += size
        self.flush_client()
        self._pace()

    def _pace(self) -> None:
        """The server has sent something: who must do something next, in which time?"""
        connection = self.connection
        if connection is None:
            return
        if self.client.blocked:
            self.touch_client()
            self.reactor.wheel.disarm(connection)  # it is not the server that keeps us waiting
        else:
            self.touch_server()

    def flush_client(self) -> None:
        self.client.flush()
        if self.client.failed and self.phase != IDLE:
            self.client_gone()

    def client_drained(self) -> None:
        """All that was kept for the client is written."""
        phase = self.phase
        if phase == LAST:
            self.finish()
        elif phase in (FORWARD, WAIT_ANSWER):
            self.touch_client()
            self.touch_server()
            if self.connection is not None:
                self.server_readable()
        elif phase == TUNNEL:
            self._touch()
            self.pump_down()
            self._over()
        elif phase == SERVICE:
            self.touch_client()
            self.fed()

    def response_over(self, trailers: list[Field]) -> None:
        """All of the response was received."""
        self.record.sent += self.client.end_body([] if self.frontend.drop_trailers else trailers)
        self._detach()
        self.complete()

    def _keeps_servers(self, backend: BackendProxy) -> bool:
        """Connections to them outlive an exchange. A frontend's httpclose is about its clients alone (manual 4.2)."""
        return backend.mode == KEEP_ALIVE and self.frontend.mode != SERVER_CLOSE

    def _detach(self) -> None:
        """The server connection goes to the pool, stays with this client, or is closed."""
        connection = self.connection
        server = self.server
        backend = self.backend
        assert isinstance(connection, HttpBack) and server is not None and backend is not None
        keep = (
            self.client.request_done
            and connection.clean
            and self._keeps_servers(backend)
            and server.alive
            and connection.aim is server.dial.target
        )
        request = self.context.request
        connection.served += 1
        if request is not None and request.close_asked or 0 <= server.max_reuse < connection.served:
            keep = False
        self.last = server if keep else None
        self.challenged = self.record.status in (401, 407)
        pooled = NOTHING
        if keep:
            self.connection = None
            connection.user = None
            if connection.private or backend.reuse == NEVER or server.send_proxy or server.dial.follows:
                self.own = connection
                connection.reactor.wheel.disarm(connection)
            else:
                pooled = server.pool.give(connection)
        else:
            self.drop_connection()
        self.release_server(pooled)

    def complete(self) -> None:
        """Nothing more will be added to the response."""
        self.client.flush()
        if self.client.failed:
            self.client_gone()
        elif self.client.out:
            self.phase = LAST
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
