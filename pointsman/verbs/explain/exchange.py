"""One exchange that has no connection: what the decision (stream/decision.py) says of it, without all that takes time,
counts, or goes out. What rules wait for is here at once.

    admit --> tcp-request connection rules, TLS (handshake.py), session rules
    run   --> http_exchange.py: a request and its response; raw_exchange.py: a connection of TCP mode
    close     what it has tracked is let go
"""

from typing import Final

from pointsman.config.verdict import DROP, SILENT_DROP, WAIT
from pointsman.core.columns import BEGUN, ENTERED, HELD, NOTHING
from pointsman.core.diagnostics import NOWHERE, Position
from pointsman.extension.actions import ActionSite
from pointsman.extension.remote import PythonNeed
from pointsman.log.policy import When
from pointsman.net.reactor import Reactor
from pointsman.proto.message import EXPECT, Request
from pointsman.proto.weight import PIECE, weight
from pointsman.rules.explained import explain_steps
from pointsman.rules.plan import Step as RuleStep
from pointsman.sample.context import Context
from pointsman.sample.need import CONTENT, ELSEWHERE, PENDING, REQUEST_BODY, TIME, Need
from pointsman.sample.passwords import PasswordNeed
from pointsman.sample.trace import RuleRecord
from pointsman.sample.tracking import exchange_over, session_begun
from pointsman.server.backend import LiveServer
from pointsman.stream.acceptor import Arrival, BindState
from pointsman.stream.decision import Decision
from pointsman.stream.entries import LOG, ROUTED, ContentRules, Rules
from pointsman.stream.proxies import BackendProxy
from pointsman.stream.session import ClientSession
from pointsman.tables.changes import Change
from pointsman.tls.front import FrontTls
from pointsman.verbs.explain.choice import keyless
from pointsman.verbs.explain.entrance import Entrance
from pointsman.verbs.explain.handshake import HandshakeError, shake
from pointsman.verbs.explain.lines import LogFields, Logged
from pointsman.verbs.explain.model import Answered
from pointsman.verbs.explain.plans import Plans, title
from pointsman.verbs.explain.witness import Tell, Witness, known

PASSWORD_TIME: Final = 200  # turns of the reactor, of up to 50 ms, for a password that a thread computes


class Exchange:
    """What has become of it. Attributes are final once `run` is over."""

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
        self.decision = self.another_decision()
        self.entrance = entrance
        self.http = frontend.http  # it speaks HTTP
        self.body = b""
        self.bodiless = False  # HEAD: what is answered has no body
        self.number = -1  # of the request; -1: the next one
        self.turns: bytes | None = None  # no turn is taken: it goes to that server, if it may
        self.outcome = ""
        self.ended_by = NOWHERE
        self.backend: BackendProxy | None = None
        self.entered: BackendProxy | None = None  # which counts it among its streams
        self.server: LiveServer | None = None
        self.forced: LiveServer | None = None  # the same, if it is no algorithm that has named it
        self.candidates: list[LiveServer] = []
        self.request_head = b""  # as the server gets it
        self.response: bytes = b""  # head, as the client gets it
        self.content = b""  # and its body
        self.body_from = ""
        self.status = 0
        self.notes: list[str] = []
        self.logs = True  # unless it is one of those that are never logged
        self.log: Logged | None = None  # what is written, once it is

    def another_decision(self) -> Decision:
        """One that is watched."""
        made = Decision(self.frontend, self.context)
        made.trace = self.witness
        return made

    def admit(self) -> bool:
        """tcp-request connection rules, TLS, tcp-request session rules. False: it is over already."""
        frontend, session = self.frontend, self.session
        frontend.admit(session.bind_state, self.reactor.now)
        if frontend.tcp_connection and not self._ask("tcp-request connection", frontend.tcp_connection):
            return False
        session.real_source, session.real_destination = session.source, session.destination
        if not self._secure():
            return False
        if frontend.tcp_session and not self._ask("tcp-request session", frontend.tcp_session):
            return False
        if session.tracked is not None:
            session_begun(session, self.reactor.now)
        self.context.source, self.context.destination = session.source, session.destination
        return True

    def _secure(self) -> bool:
        """The handshake of a bind line with TLS. False: it fails."""
        entrance, session = self.entrance, self.session
        front = session.bind_state.transports
        if not isinstance(front, FrontTls):
            return True
        self.frontend.secures = True
        self.frontend.transport_spot = -1
        asked = entrance.asked
        try:
            session.tls, notes = shake(front, entrance.sni, asked.client_certificate, asked.version)
        except HandshakeError as error:
            self.outcome = "drop"
            self.logs = False
            self.notes.append(f"the TLS handshake fails: {error}")
            return False
        self.notes += notes
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
        self.ended_by = self.last_rule()
        self.logs = False
        self.notes.append("the connection is closed before it is a session: nothing is logged")
        return False

    def write_log(self, origin: bytes) -> None:
        """The log line, once: `Accounts.write_log` (stream/accounts.py)."""
        record = self.record
        if self.log is not None:
            return
        record.origin = origin
        record.ended = self.reactor.now
        at_end = origin == b"txn_close"
        if at_end:
            self.leave_backend()
        record.process_connections = self.frontend.program.process.connections
        record.frontend_connections = self.frontend.connections
        backend = self.decision.backend
        record.backend_connections = 0 if backend is None else backend.connections
        record.server_connections = 0 if at_end or self.server is None else 1
        self.log = self.fields.logged(self.frontend, self.context, self.logs)

    def log_early(self, origin: bytes) -> None:
        """A line that need not wait for the end."""
        logger = self.frontend.logger
        if logger is None or not self.frontend.log_asap and logger.when > When.DATA:
            return
        self.record.complete = not self.frontend.log_asap
        self.write_log(origin)

    def leave_backend(self) -> None:
        entered, self.entered = self.entered, None
        if entered is not None:
            entered.step(NOTHING, HELD, NOTHING)

    def close(self) -> None:
        """It is over: what it tracked is let go."""
        self.plans.leave()
        self.leave_backend()
        self.frontend.closed(self.session.bind_state)
        exchange_over(self.context, self.reactor.now)
        self.session.over()

    def decide(self, outcome: int) -> int:
        """Up to the end of the decision about the request, or of that about the response."""
        decision = self.decision
        while outcome in (WAIT, LOG, ROUTED):
            if outcome == WAIT:
                self.meet()
                outcome = decision.go_on()
            elif outcome == ROUTED:
                self.witness.settle()
                backend = decision.backend
                assert backend is not None
                if not self.enter(backend):
                    return ROUTED
                outcome = decision.enter()
            else:
                self.write_log(b"txn_request")
                outcome = decision.proceed()
        return outcome

    def enter(self, backend: BackendProxy) -> bool:
        """It goes there. False: but not as what it is."""
        context = self.context
        context.backend = self.entered = backend
        backend.step(ENTERED if self.http else BEGUN, NOTHING, NOTHING)
        limits = context.limits
        if limits is not None and backend is not self.frontend.twin:
            limits.enter_backend()
        self.plans.watch_backend(self.frontend, backend)
        self.witness.places.update(backend.places)
        return True

    def meet(self) -> None:
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
        if isinstance(need, PythonNeed) and isinstance(need.site, ActionSite):
            self.notes.append(f"python.{need.name} runs in the live program alone: here it changes nothing")
            need.answer = ([], None, None)
            need.meet()
            return
        self.notes.append("what is asked of others (a name, another process) is not asked: it has no answer here")
        need.expire()

    def ended(self) -> Position:
        """Where that stands which has ended it: the last rule of a list, or an option, which is a step then."""
        entry = self.decision.entry
        if entry is None or isinstance(entry, Rules | ContentRules):
            return self.last_rule()
        self.witness.passed(entry.name, entry.at, always=True)
        return entry.at if entry.at.line else self.witness.places.get(entry.name, NOWHERE)

    def last_rule(self) -> Position:
        for record in reversed(self.witness.records):
            if isinstance(record, RuleRecord) and record.verdict is not None:
                return record.at
        return NOWHERE

    def run(self, head: bytes, body: bytes, answer: Answered) -> None:
        """All of it. `head`, `body`: what the client sends."""
        raise NotImplementedError

    def refuse(self, status: int, letters: str) -> None:
        """It ends with an error page, if anything is said at all."""
        raise NotImplementedError

    def choose(self) -> None:
        decision, context = self.decision, self.context
        backend = decision.backend
        assert backend is not None
        self.backend = backend
        server = self.forced = decision.forced
        if server is None:
            self.candidates = backend.peek(context)
            server = self._pick(backend)
        self.server = server
        self.outcome = "server"
        if server is None:
            self.outcome = "no server"
            self.refuse(503, "SC")
            return
        context.server = server
        context.responding = True
        context.server_address = server.dial.address(context.destination)
        self.record.queued = self.reactor.now

    def _pick(self, backend: BackendProxy) -> LiveServer | None:
        """Whom the algorithm chooses. A turn is taken by an exchange that ends at once."""
        if self.turns is not None:
            able = (
                self.candidates
                if backend.algorithm.sticky and not keyless(backend, self.context)
                else [*backend.usable, *self.candidates]
            )
            named = [one for one in able if isinstance(one, LiveServer) and one.name == self.turns]
            return next(iter([*named, *self.candidates]), None)
        server = backend.pick(self.context, ())
        if server is not None:
            backend.algorithm.took(server)
            backend.algorithm.left(server)
        return server

    def blame(self, letters: str) -> None:
        record = self.record
        if record.cause == 0x2D:
            record.cause, record.step = letters.encode()
