"""A request of HTTP that is asked about, and the response that its server would give (stream/http_request.py, http.py).

run --> talk: the decision --DECIDED--> a server --> _send --> _respond --> what goes out to the client
                            '--> _end_request: an answer of our own, or none
"""

from typing import Final

from pointsman.config.verdict import ANSWER, DENY, DROP, FAILED, INVALID, SILENT_DROP, TARPIT
from pointsman.proto.errors import UNANSWERED, ProtocolError
from pointsman.proto.h1 import REQUEST_TOO_LARGE, parse_request, parse_response, split_head
from pointsman.proto.h1_render import request_bytes, response_head
from pointsman.proto.h2_fields import request_block
from pointsman.proto.h2_fields import request_of as request_of_block
from pointsman.proto.hpack import Decoder
from pointsman.proto.message import Request, Response, field
from pointsman.proto.reasons import reason_of
from pointsman.proto.spelling import respelt
from pointsman.proto.unsafe import UNSAFE
from pointsman.proto.weight import PIECE
from pointsman.rules.explained import explain_steps
from pointsman.rules.headers import without
from pointsman.rules.pages import unread_page
from pointsman.rules.reply import MOVED, Reply, Served
from pointsman.sample.record import NOT_REACHED
from pointsman.sample.tracking import client_failed, request_begun, request_follows
from pointsman.stream.acceptor import HTTP_1, HTTP_2
from pointsman.stream.decision import REQUEST_LETTERS, RESPONSE_LETTERS
from pointsman.stream.entries import DECIDED, MONITORED, SERVED, UNROUTED
from pointsman.stream.h1client import CLOSES, UNREAD
from pointsman.stream.http_request import MOVED_AWAY
from pointsman.stream.proxies import CLOSE, KEEP_ALIVE, SERVER_CLOSE, BackendProxy, Frontend
from pointsman.verbs.explain.exchange import Exchange
from pointsman.verbs.explain.model import Answered
from pointsman.verbs.explain.plans import title

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


class HttpExchange(Exchange):
    # The request.

    def run(self, head: bytes, body: bytes, answer: Answered) -> None:
        """All of it. `head`: as the client sends it."""
        self.record.uploaded = len(head)
        try:
            request = parsed(head, self.frontend, self._version(), self.session.tls is not None)
        except ProtocolError as error:
            self.unreadable(error)
        else:
            self.talk(request, body, answer)
        self.write_log(b"txn_close")

    def _version(self) -> str:
        """Of HTTP, that the client speaks: what it wants, where it can."""
        version, session = self.entrance.asked.version, self.session
        if version != "2" or session.bind_state.proto == HTTP_2:
            return version
        tls = session.tls
        if session.bind_state.proto != HTTP_1 and (tls.alpn == b"h2" if tls is not None else self.frontend.upgrades_h2):
            return version
        self.notes.append("HTTP/2 cannot be spoken here: the client speaks HTTP/1.1")
        return "1.1"

    def talk(
        self,
        request: Request,
        body: bytes,
        answer: Answered,
        routed: BackendProxy | None = None,
        inspected: bool = False,
    ) -> None:
        """A request that is whole. `routed`: where it goes, if that was decided before it was HTTP; `inspected`:
        content rules have seen its bytes."""
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
        self.session.major = request.major
        if inspected or not frontend.tcp_content:
            if context.tracked is not None:
                request_follows(context, self.reactor.now)
            request_begun(self.session, self.reactor.now)
            self.decision.counted = False
        if routed is not None:
            outcome = self.decide(self.decision.begin_routed(routed))
        else:
            outcome = self.decide(self.decision.begin(True, inspected))
        self.witness.settle()
        self.backend = self.decision.backend
        if outcome == DECIDED:
            self.choose()
            if self.server is not None:
                self._send(request, answer)
        else:
            self._end_request(outcome)

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
        outcome = self.decide(self.decision.begin_response(self.backend, True))
        self.witness.settle()
        if outcome == DECIDED:
            if not self._after():
                self.own_reply(self.decision.page(500), "PH")
                return
            self.body_from = "server"
            self._finish(response, request, answer.body)
            return
        self.ended_by = self.ended()
        letters = RESPONSE_LETTERS[outcome].decode()
        if outcome == FAILED:
            self.own_reply(self.decision.page(500), "PH")
        elif outcome in (DROP, SILENT_DROP):
            self.blame(letters)
        else:
            self.own_reply(self.decision.reply(502 if outcome == DENY else 200), letters)

    def _finish(self, response: Response, request: Request, body: bytes) -> None:
        """Its head goes out."""
        if response.status in (204, 304) and not response.empty:
            self.bodiless = True  # rules have made it so
        self.content = b"" if self.bodiless or response.empty else body
        closing = _closes(request)
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
            close=closing and self.session.major == 1,
            strict=self.frontend.strict,
        )
        if self.frontend.spellings is not None:
            head = respelt(head, self.frontend.spellings)
        self.response = self._as_sent(head)
        self.status = self.record.status = response.status
        self.record.sent = len(head)
        self.log_early(b"txn_response")
        self.record.sent += len(self.content)

    def unreadable(self, error: ProtocolError) -> None:
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
        self.blame("PR")
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
            self.ended_by = self.ended()
        if outcome in (DENY, TARPIT):
            decision.denied()
            if outcome == TARPIT:
                record.head = NOT_REACHED
            self.own_reply(decision.reply(403 if outcome == DENY else 500), letters)
        elif outcome in (DROP, SILENT_DROP):
            record.head = NOT_REACHED
            self.blame(letters)
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
            self.refuse(503, letters)
        else:
            if outcome != FAILED or not self.context.waiting:
                record.head = NOT_REACHED
            self.own_reply(decision.page(500) if outcome == FAILED else decision.reply(400), letters)

    def _serve(self, reply: Reply, letters: str) -> None:
        """A service of a proxy answers: the statistics page."""
        record = self.record
        record.stand_in = b"<STATS>"
        record.queued = record.connected = self.reactor.now
        if reply.status not in (401, 407):
            record.answered = self.reactor.now
        self.context.backend = self.decision.proxy
        self.own_reply(reply, letters)

    def refuse(self, status: int, letters: str) -> None:
        self.context.server = None
        self.own_reply(self.decision.page(status), letters)

    def own_reply(self, reply: Reply, letters: str) -> None:
        self.blame(letters)
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
            close=closing and self.session.major == 1,
        )
        if self.frontend.spellings is not None:
            head = respelt(head, self.frontend.spellings)
        self.response = self._as_sent(head)
        self.status = response.status
        record.status = logged
        record.sent = len(head) + len(self.content)

    def _as_sent(self, head: bytes) -> bytes:
        """With the first line of the client's protocol."""
        if self.session.major == 1:
            return head
        first, _, rest = head.partition(b"\r\n")
        return b"HTTP/2 " + first.split(b" ", 2)[1] + b"\r\n" + rest

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


def parsed(head: bytes, frontend: Frontend, version: str, secure: bool) -> Request:
    """As a client's side reads it. Raises ProtocolError."""
    program = frontend.program
    if version == "2":
        return _parsed_h2(head, frontend, secure)
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


def _parsed_h2(head: bytes, frontend: Frontend, secure: bool) -> Request:
    """As a client of HTTP/2 would send it."""
    program = frontend.program
    request = parse_request(head, max_fields=program.field_limit)
    block = Decoder(4_096, 1 << 20).decode(request_block(request, secure))
    return request_of_block(block, request.length <= 0, False, program.lax, program.field_limit)


def _closes(request: Request | None) -> bool:
    return (
        request is not None
        and request.major == 1
        and (request.close or request.close_after or not (request.minor or request.keep))
    )


def _opens_tunnel(answer: Answered, request: Request) -> bool:
    """What comes behind such a head belongs to the tunnel: no length is sent (RFC 9110 9.3.6)."""
    return request.method == b"CONNECT" and 200 <= answer.status < 300


def _response(answer: Answered, request: Request) -> tuple[bytes, Response]:
    """The server's, as if it had come in HTTP/1."""
    names = {name.lower() for name, _ in answer.headers}
    reason = answer.reason or reason_of(answer.status).decode()
    lines = [f"HTTP/1.1 {answer.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    bodiless = answer.status < 200 or answer.status in (204, 304) or _opens_tunnel(answer, request)
    if not bodiless and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"content-length: {len(answer.body)}")
    block = "".join(f"{one}\r\n" for one in [*lines, ""]).encode("utf-8", "surrogateescape")
    response = parse_response(block)
    response.empty = request.method == b"HEAD" or answer.status in (204, 304)
    return block, response
