"""One exchange that has no connection: what the decision (stream/decision.py) says of a request, of the response that
its server would give, and what would go out on both sides.

    admit --> tcp-request connection and session rules --> request: Decision.begin, enter --> DECIDED
                                                                      |                         |  the server
                                                                      '--> our own answer      respond --> the client's

It does what a live stream does (stream/http_request.py, stream/http.py), but for everything that takes time, counts, or
goes out. What rules wait for is here at once.
"""

from typing import Final

from pointsman.config.verdict import ANSWER, DENY, DROP, FAILED, INVALID, SILENT_DROP, TARPIT, WAIT
from pointsman.core.columns import ENTERED, HELD, NOTHING
from pointsman.core.diagnostics import NOWHERE, Position
from pointsman.log.policy import When
from pointsman.net.reactor import Reactor
from pointsman.proto.errors import UNANSWERED, ProtocolError
from pointsman.proto.h1 import REQUEST_TOO_LARGE, parse_request, parse_response, split_head
from pointsman.proto.h1_render import request_bytes, response_head
from pointsman.proto.message import EXPECT, Request, Response, field
from pointsman.proto.reasons import reason_of
from pointsman.proto.spelling import respelt
from pointsman.proto.unsafe import UNSAFE
from pointsman.proto.weight import PIECE, weight
from pointsman.rules.explained import explain_steps
from pointsman.rules.headers import without
from pointsman.rules.pages import unread_page
from pointsman.rules.plan import Step as RuleStep
from pointsman.rules.reply import MOVED, Reply, Served
from pointsman.sample.context import Context
from pointsman.sample.need import CONTENT, ELSEWHERE, PENDING, REQUEST_BODY, TIME, Need
from pointsman.sample.passwords import PasswordNeed
from pointsman.sample.record import NOT_REACHED
from pointsman.sample.trace import RuleRecord
from pointsman.sample.tracking import client_failed, exchange_over, request_begun, session_begun
from pointsman.server.backend import LiveServer
from pointsman.stream.acceptor import Arrival, BindState
from pointsman.stream.decision import REQUEST_LETTERS, RESPONSE_LETTERS, Decision
from pointsman.stream.entries import DECIDED, LOG, MONITORED, ROUTED, SERVED, UNROUTED
from pointsman.stream.h1client import CLOSES, UNREAD
from pointsman.stream.http_request import MOVED_AWAY
from pointsman.stream.proxies import CLOSE, KEEP_ALIVE, SERVER_CLOSE, BackendProxy, Frontend
from pointsman.stream.session import ClientSession
from pointsman.tables.changes import Change
from pointsman.verbs.explain.entrance import Entrance
from pointsman.verbs.explain.lines import LogFields, Logged
from pointsman.verbs.explain.model import Answered
from pointsman.verbs.explain.plans import Plans, title
from pointsman.verbs.explain.witness import Tell, Witness, known

OUTCOMES: Final = {
    DENY: "deny",
    TARPIT: "tarpit",
    DROP: "drop",
    SILENT_DROP: "drop",
    ANSWER: "answer",
    MONITORED: "answer",
    FAILED: "answer",
    INVALID: "answer",
    SERVED: "service",
    UNROUTED: "no backend",
}
PASSWORD_TIME: Final = 200  # turns of the reactor, of up to 50 ms, for a password that a thread computes


class Exchange:
    """What has become of one request. Attributes are final once `run` is over."""

    def __init__(
        self,
        reactor: Reactor,
        entrance: Entrance,
        bind_state: BindState,
        plans: Plans,
        fields: LogFields,
        changes: list[Change],
        tell: Tell = known,
    ) -> None:
        """`changes`: those that are gathered meanwhile (tables/changes.py)."""
        frontend = self.frontend = entrance.frontend
        self.reactor = reactor
        self.plans = plans
        self.fields = fields
        arrival = Arrival(-1, entrance.source, entrance.destination, bind_state, reactor.now)
        session = self.session = ClientSession(frontend, arrival, reactor.now)
        context = self.context = session.context(reactor.now)
        context.buffer = frontend.program.buffer
        context.room = context.buffer.reserve
        record = self.record = context.record
        record.begun = reactor.now
        captures = frontend.captures
        if captures is not None:
            context.request_capture_sizes = captures.request_sizes
            context.response_capture_sizes = captures.response_sizes
        self.witness = Witness(context, changes, tell)
        self.witness.places.update(frontend.places)
        self.decision = Decision(frontend, context)
        self.decision.trace = self.witness
        self.body = b""
        self.bodiless = False  # HEAD: what is answered has no body
        self.number = -1  # of the request; -1: the next one
        self.turns: bytes | None = None  # no turn is taken: it goes to that server, if it may
        self.outcome = ""
        self.ended_by = NOWHERE
        self.backend: BackendProxy | None = None
        self.entered: BackendProxy | None = None  # which counts it among its streams
        self.server: LiveServer | None = None
        self.candidates: list[LiveServer] = []
        self.request_head = b""  # as the server gets it
        self.response: bytes = b""  # head, as the client gets it
        self.content = b""  # and its body
        self.body_from = ""
        self.status = 0
        self.notes: list[str] = []
        self.logs = True  # unless it is one of those that are never logged
        self.log: Logged | None = None  # what is written, once it is

    # The connection.

    def admit(self) -> bool:
        """tcp-request connection and session rules. False: one of them has refused it."""
        frontend, session = self.frontend, self.session
        frontend.admit(session.bind_state, self.reactor.now)
        if frontend.tcp_connection and not self._ask("tcp-request connection", frontend.tcp_connection):
            return False
        session.real_source, session.real_destination = session.source, session.destination
        if frontend.tcp_session and not self._ask("tcp-request session", frontend.tcp_session):
            return False
        if session.tracked is not None:
            session_begun(session, self.reactor.now)
        self.context.source, self.context.destination = session.source, session.destination
        return True

    def _ask(self, name: str, rules: list[RuleStep]) -> bool:
        session, witness = self.session, self.witness
        screening = Context(self.frontend, session)
        screening.now = self.reactor.now
        screening.date_offset = self.frontend.program.date_offset
        witness.turn_to(screening)
        witness.begin(name, title(self.frontend))
        verdict = explain_steps(rules, screening, witness)
        witness.settle()
        witness.turn_to(self.context)
        session.source, session.destination = screening.source, screening.destination
        if verdict not in (DROP, SILENT_DROP):
            return True
        self.outcome = "drop"
        self.ended_by = self._last_rule()
        self.logs = False
        self.notes.append("the connection is closed before it is a session: nothing is logged")
        return False

    # The request.

    def run(self, head: bytes, body: bytes, answer: Answered) -> None:
        """All of it. `head`: as the client sends it."""
        self.record.uploaded = len(head)
        try:
            request = parsed(head, self.frontend)
        except ProtocolError as error:
            self._unreadable(error)
        else:
            self._run(request, body, answer)
        self._write_log(b"txn_close")

    def _run(self, request: Request, body: bytes, answer: Answered) -> None:
        context, record = self.context, self.record
        frontend = self.frontend
        context.request = request
        self.body = body
        context.body = body[: max(0, context.buffer.size - context.buffer.reserve - self.record.uploaded)]
        self.bodiless = request.method == b"HEAD"
        record.request_line = request.line
        record.head = self.reactor.now
        record.number = self.number if self.number >= 0 else frontend.program.process.next_number()
        self.witness.turn_to(context)  # what the client has sent is no change of the first rule
        self.plans.watch_frontend(frontend)
        if not frontend.tcp_content:
            request_begun(self.session, self.reactor.now)
            self.decision.counted = False
        outcome = self._decide(self.decision.begin())
        self.witness.settle()
        self.backend = self.decision.backend
        if outcome == DECIDED:
            self._choose()
            if self.server is not None:
                self._send(request, answer)
        else:
            self._end_request(outcome)

    def _write_log(self, origin: bytes) -> None:
        """The log line, once: `Accounts.write_log` (stream/accounts.py)."""
        record = self.record
        if self.log is not None:
            return
        record.origin = origin
        record.ended = self.reactor.now
        at_end = origin == b"txn_close"
        if at_end:
            self._leave_backend()
        record.process_connections = self.frontend.program.process.connections
        record.frontend_connections = self.frontend.connections
        backend = self.decision.backend
        record.backend_connections = 0 if backend is None else backend.connections
        record.server_connections = 0 if at_end or self.server is None else 1
        self.log = self.fields.logged(self.frontend, self.context, self.logs)

    def _log_early(self, origin: bytes) -> None:
        """A line that need not wait for the end."""
        logger = self.frontend.logger
        if logger is None or not self.frontend.log_asap and logger.when > When.DATA:
            return
        self.record.complete = not self.frontend.log_asap
        self._write_log(origin)

    def _leave_backend(self) -> None:
        entered, self.entered = self.entered, None
        if entered is not None:
            entered.step(NOTHING, HELD, NOTHING)

    def close(self) -> None:
        """It is over: what it tracked is let go."""
        self.plans.leave()
        self._leave_backend()
        self.frontend.closed(self.session.bind_state)
        exchange_over(self.context, self.reactor.now)
        self.session.over()

    def _decide(self, outcome: int) -> int:
        """Up to the end of the decision about the request, or of that about the response."""
        decision, context = self.decision, self.context
        while outcome in (WAIT, LOG, ROUTED):
            if outcome == WAIT:
                self._meet()
                outcome = decision.go_on()
            elif outcome == ROUTED:
                self.witness.settle()
                backend = decision.backend
                assert backend is not None
                context.backend = backend
                self.entered = backend
                backend.step(ENTERED, NOTHING, NOTHING)
                limits = context.limits
                if limits is not None and backend is not self.frontend.twin:
                    limits.enter_backend()
                self.plans.watch_backend(self.frontend, backend)
                self.witness.places.update(backend.places)
                outcome = decision.enter()
            else:
                self._write_log(b"txn_request")
                outcome = decision.proceed()
        return outcome

    def _meet(self) -> None:
        """What a live stream waits for is told at once."""
        context = self.context
        need, request = context.need, context.request
        assert need is not None
        if need.kind == REQUEST_BODY and request is not None and request.expects_continue:
            request.expects_continue = False
            request.fields = [one for one in request.fields if one.kind != EXPECT]
        if request is not None:
            self._gathered(request)
        if need.kind == TIME:
            self.notes.append(f"waits {need.time} ms here (pause)")
        if need.kind == ELSEWHERE:
            self._ask_elsewhere(need)
        elif need.kind == CONTENT:
            self.decision.final = True
            need.expire()
        else:
            need.meet()

    def _gathered(self, request: Request) -> None:
        """What is here of the body when rules go on that have waited: up to a buffer, and in it
        (`Waiting.gathered`, stream/waiting.py)."""
        context = self.context
        buffer = context.buffer
        context.body = self.body[: self.frontend.program.head_limit]
        if context.body and not context.responding:
            own = weight(request)
            context.waiting = max(0, min(PIECE + len(context.body), buffer.size - buffer.reserve - own))
            context.room = buffer.size - context.waiting - own

    def _ask_elsewhere(self, need: Need) -> None:
        if isinstance(need, PasswordNeed):
            for _ in range(PASSWORD_TIME):
                if need.state != PENDING:
                    return
                self.reactor.turn(50)
        self.notes.append("what is asked of others (a name, another process) is not asked: it has no answer here")
        need.expire()

    def _last_rule(self) -> Position:
        for record in reversed(self.witness.records):
            if isinstance(record, RuleRecord) and record.verdict is not None:
                return record.at
        return NOWHERE

    # Its server.

    def _choose(self) -> None:
        decision, context = self.decision, self.context
        backend = decision.backend
        assert backend is not None
        self.backend = backend
        server = decision.forced
        if server is None:
            self.candidates = backend.peek(context)
            server = self._pick(backend)
        self.server = server
        self.outcome = "server"
        if server is None:
            self.outcome = "no server"
            self._refuse(503, "SC")
            return
        context.server = server
        context.responding = True
        context.server_address = server.dial.address(context.destination)
        self.record.queued = self.reactor.now

    def _pick(self, backend: BackendProxy) -> LiveServer | None:
        """Whom the algorithm chooses. A turn is taken by an exchange that ends at once."""
        if self.turns is not None:
            able = self.candidates if backend.algorithm.sticky else [*backend.usable, *self.candidates]
            named = [one for one in able if isinstance(one, LiveServer) and one.name == self.turns]
            return next(iter([*named, *self.candidates]), None)
        server = backend.pick(self.context, ())
        if server is not None:
            backend.algorithm.took(server)
            backend.algorithm.left(server)
        return server

    def _send(self, request: Request, answer: Answered) -> None:
        server, backend = self.server, self.backend
        assert server is not None and backend is not None
        if server.redirects and request.method in (b"GET", b"HEAD"):
            query = request.query
            location = server.redirect_prefix + (request.path or b"/") + (b"?" + query if query is not None else b"")
            self.notes.append("the server's line says 'redir': the client is sent there")
            self.own_reply(Reply(302, [*MOVED_AWAY, (b"location", location)], b"", MOVED[302]), "LC")
            return
        record, now = self.record, self.reactor.now
        record.connected = now
        if backend.name_header:
            request.fields = [*without(request, backend.name_header), field(backend.name_header, server.name)]
        keeps = backend.mode == KEEP_ALIVE and self.frontend.mode != SERVER_CLOSE
        closing = not keeps and not backend.pretend_keepalive or request.close_asked
        head = request_bytes(request, close=closing, strict=self.frontend.strict)
        if backend.spellings is not None:
            head = respelt(head, backend.spellings)
        self.request_head = head
        record.uploaded += len(self.body)
        self._respond(request, answer)

    # The response.

    def _respond(self, request: Request, answer: Answered) -> None:
        context, record = self.context, self.record
        head, response = _response(answer, request)
        context.response = response
        context.asked = 0
        context.room = context.buffer.reserve
        context.waiting = 0
        record.answered = self.reactor.now
        record.status = record.received = response.status
        if self.frontend.program.too_heavy(response, len(head)):
            context.response = None
            self.notes.append("the server's answer is larger than a head may be")
            self.own_reply(self.decision.page(502), "PH")
            return
        self.witness.turn_to(context)
        outcome = self._decide(self.decision.begin_response(self.backend, True))
        self.witness.settle()
        if outcome == DECIDED:
            if not self._after():
                self.own_reply(self.decision.page(500), "PH")
                return
            self.body_from = "server"
            self._finish(response, request, answer.body)
            return
        self.ended_by = self._last_rule()
        letters = RESPONSE_LETTERS[outcome].decode()
        if outcome == FAILED:
            self.own_reply(self.decision.page(500), "PH")
        elif outcome in (DROP, SILENT_DROP):
            self._blame(letters)
        else:
            self.own_reply(self.decision.reply(502 if outcome == DENY else 200), letters)

    def _finish(self, response: Response, request: Request, body: bytes) -> None:
        """Its head goes out."""
        if response.status in (204, 304) and not response.empty:
            self.bodiless = True  # rules have made it so
        self.content = b"" if self.bodiless or response.empty else body
        closing = request.close or request.close_after or not (request.minor or request.keep)
        if response.close_asked or response.close_after or self.frontend.mode == CLOSE:
            closing = True
        if not self.bodiless and (request.method == b"HEAD" or response.status < 200):
            closing = True  # rules have made something of it that the client cannot frame
        if not (self.bodiless or response.empty or response.chunked or response.length >= 0):
            closing = True
        head = response_head(
            response.status,
            response.reason,
            response.fields,
            minor=response.minor,
            client_minor=request.minor,
            length=response.length,
            chunked=response.chunked,
            close=closing,
            strict=self.frontend.strict,
        )
        if self.frontend.spellings is not None:
            head = respelt(head, self.frontend.spellings)
        self.response = head
        self.status = self.record.status = response.status
        self.record.sent = len(head)
        self._log_early(b"txn_response")
        self.record.sent += len(self.content)

    # Answers of our own.

    def _unreadable(self, error: ProtocolError) -> None:
        """Bytes that are no request: nothing is asked of them."""
        record = self.record
        status = error.status or 400
        self.outcome = "answer"
        self.notes.append(f"the client is told that this is no request: {error}")
        record.head = NOT_REACHED
        record.status = status
        record.number = self.frontend.program.process.next_number()
        request_begun(self.session, self.reactor.now)
        client_failed(self.context, self.reactor.now)
        self._blame("PR")
        self.body_from = "answer"
        if status == UNANSWERED:
            return
        page = self.frontend.pages.get(status)
        if page is not None and page.silent:
            return
        if page is None:
            status, reason, self.content, closes = unread_page(status)
            self.response = UNREAD % (status, reason, len(self.content), CLOSES if closes else b"")
        else:
            response, self.content = page.render(self.context)
            status = response.status
            fields = response.fields
            self.response = response_head(status, response.reason, fields, length=len(self.content), close=True)
        self.status = status
        record.sent = len(self.response) + len(self.content)

    def _end_request(self, outcome: int) -> None:
        decision, record = self.decision, self.record
        self.outcome = OUTCOMES.get(outcome, "answer")
        letters = REQUEST_LETTERS[outcome].decode()
        if outcome != UNROUTED:
            self.ended_by = self._last_rule() if outcome not in (MONITORED, SERVED) else self._place()
        if outcome in (DENY, TARPIT):
            decision.denied()
            if outcome == TARPIT:
                record.head = NOT_REACHED
            self.own_reply(decision.reply(403 if outcome == DENY else 500), letters)
        elif outcome in (DROP, SILENT_DROP):
            record.head = NOT_REACHED
            self._blame(letters)
        elif outcome == MONITORED:
            self.logs = False
            self.notes.append("requests to monitor-uri are not logged")
            self.own_reply(decision.taken(), letters)
        elif outcome == SERVED:
            self._serve(decision.taken(), letters)
        elif outcome == ANSWER:
            self.own_reply(decision.reply(200), letters)
        elif outcome == UNROUTED:
            record.head = NOT_REACHED
            self._refuse(503, letters)
        else:
            if outcome != FAILED or not self.context.waiting:
                record.head = NOT_REACHED
            self.own_reply(decision.page(500) if outcome == FAILED else decision.reply(400), letters)

    def _place(self) -> Position:
        entry = self.decision.entry
        return entry.at if entry is not None else NOWHERE

    def _serve(self, reply: Reply, letters: str) -> None:
        """A service of a proxy answers: the statistics page."""
        record = self.record
        record.stand_in = b"<STATS>"
        record.queued = record.connected = self.reactor.now
        if reply.status not in (401, 407):
            record.answered = self.reactor.now
        self.context.backend = self.decision.proxy
        self.own_reply(reply, letters)

    def _refuse(self, status: int, letters: str) -> None:
        self.context.server = None
        self.own_reply(self.decision.page(status), letters)

    def _blame(self, letters: str) -> None:
        record = self.record
        if record.cause == 0x2D:
            record.cause, record.step = letters.encode()

    def own_reply(self, reply: Reply, letters: str) -> None:
        self._blame(letters)
        context, record = self.context, self.record
        self.body_from = self.outcome if self.outcome != "server" else "a rule"
        if reply.silent:
            record.status = reply.logged or NOT_REACHED
            self.notes.append("its error file is empty: the connection is just closed")
            return
        if isinstance(reply, Served):
            self._told_elsewhere(reply)
            return
        response, content = reply.render(context)
        context.responding = True
        context.response = response
        record.status = reply.logged or response.status
        self.witness.turn_to(context)
        context.room = 0  # nobody has weighed it
        context.waiting = PIECE + len(content) if content else 0
        if not self._after() and reply is not self.decision.page(500):
            if letters == "LR":
                record.head = NOT_REACHED
            reply = self.decision.page(500)
            response, content = reply.render(context)
            context.response = response
            record.status = reply.logged or response.status
            self._after()
        request = context.request
        self.content = b"" if self.bodiless or response.status in (204, 304) else content
        logged = record.status
        closing = reply.close or response.close_asked or self.frontend.mode == CLOSE or _closes(request)
        head = response_head(
            response.status,
            response.reason,
            response.fields,
            length=response.length,
            client_minor=1 if request is None else request.minor,
            close=closing,
        )
        if self.frontend.spellings is not None:
            head = respelt(head, self.frontend.spellings)
        self.response = head
        self.status = response.status
        record.status = logged
        record.sent = len(head) + len(self.content)

    def _told_elsewhere(self, reply: Served) -> None:
        """Another process writes it."""
        self.notes.append("the live program writes this answer: what is in it is not known here")
        self.status = self.record.status = reply.status
        self.response = b"HTTP/1.1 %d OK\r\n\r\n" % reply.status

    def _after(self) -> bool:
        """http-after-response, of the backend, then of the frontend."""
        witness = self.witness
        backend = self.decision.backend
        for proxy in (self.frontend,) if backend is None else (backend, self.frontend):
            if proxy.http_after_response:
                witness.begin("http-after-response", title(proxy))
                if explain_steps(proxy.http_after_response, self.context, witness) == FAILED:
                    return False
        return True


def parsed(head: bytes, frontend: Frontend) -> Request:
    """As a client's side reads it. Raises ProtocolError."""
    program = frontend.program
    try:
        size = split_head(head, 0, program.head_limit, True)
        request = parse_request(head, frontend.strict, program.field_limit, lax=program.lax)
    except ProtocolError:
        if not frontend.unsafe:
            raise
        size = split_head(head, 0, program.head_limit, True, True)
        request = parse_request(head, frontend.strict, program.field_limit, lax=program.lax | UNSAFE)
    if program.too_heavy(request, size):
        raise ProtocolError(REQUEST_TOO_LARGE, 431)
    return request


def _closes(request: Request | None) -> bool:
    return request is not None and (request.close or request.close_after or not (request.minor or request.keep))


def _response(answer: Answered, request: Request) -> tuple[bytes, Response]:
    """The server's, as if it had come in HTTP/1."""
    names = {name.lower() for name, _ in answer.headers}
    reason = answer.reason or reason_of(answer.status).decode()
    lines = [f"HTTP/1.1 {answer.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if not names & {"content-length", "transfer-encoding"} and answer.status >= 200 and answer.status not in (204, 304):
        lines.append(f"content-length: {len(answer.body)}")
    block = "".join(f"{one}\r\n" for one in [*lines, ""]).encode("utf-8", "surrogateescape")
    response = parse_response(block)
    response.empty = request.method == b"HEAD" or answer.status in (204, 304)
    return block, response
