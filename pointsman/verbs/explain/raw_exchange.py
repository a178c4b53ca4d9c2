"""A connection of TCP mode that is asked about: what is decided of its first bytes (stream/tcp.py).

run --> content rules, routing, the backend's rules --DECIDED--> a server --> tcp-response content rules
                          '--> a backend of HTTP, switch-mode: an exchange of HTTP goes on (exchange.py)
"""

from pointsman.config.verdict import DROP, SILENT_DROP, SWITCH
from pointsman.proto.errors import ProtocolError
from pointsman.sample.need import CONTENT, Need
from pointsman.stream.entries import DECIDED
from pointsman.stream.proxies import BackendProxy
from pointsman.verbs.explain.http_exchange import HttpExchange, parsed
from pointsman.verbs.explain.model import Answered
from pointsman.verbs.explain.words import time_text


class RawExchange(HttpExchange):
    """As a client's first bytes come a moment behind its connection, rules are first asked without any."""

    goes_over: BackendProxy | None = None  # the backend of HTTP where its routes lead
    unsent = b""  # what the client sends, as long as nobody has waited for it

    def run(self, head: bytes, body: bytes, answer: Answered) -> None:
        """`head` and `body`: what the client sends first."""
        self._bytes(head + body, answer)
        self.write_log(b"txn_close")

    def _bytes(self, data: bytes, answer: Answered) -> None:
        context, record, decision = self.context, self.record, self.decision
        frontend = self.frontend
        record.head = record.begun
        record.number = self.number if self.number >= 0 else frontend.program.process.next_number()
        self.unsent = data
        decision.inspects = True
        self.plans.watch_frontend(frontend)
        outcome = self.decide(decision.begin(False))
        self.witness.settle()
        record.uploaded = len(data)
        backend = self.backend = decision.backend
        if self.goes_over is not None:
            self._become_http(data, answer, self.goes_over)
        elif outcome == DECIDED:
            context.request = None
            self.choose()
            if self.server is not None:
                self._connect(answer)
        elif outcome == SWITCH:
            name, context.answer = context.answer, None
            self.notes.append(f"the connection speaks HTTP from here on{' (HTTP/2)' if name == 'h2' else ''}")
            self._become_http(data, answer, None)
        elif outcome in (DROP, SILENT_DROP):
            self.outcome = "drop"
            self.ended_by = self.last_rule()
            self.blame("PR")
        else:
            self.outcome = "no backend" if backend is None else "no server"
            self.blame("SC")

    def enter(self, backend: BackendProxy) -> bool:
        """A backend of HTTP: nothing more is decided of bytes."""
        if backend.http and not self.frontend.http and not self.http:
            self.goes_over = backend
            return False
        return super().enter(backend)

    def meet(self) -> None:
        need = self.context.need
        if need is None or need.kind != CONTENT:
            super().meet()
        elif self.unsent and not self.context.responding:
            data, self.unsent = self.unsent, b""
            self.context.request_bytes = data[: self.frontend.program.head_limit]
            self.decision.final = len(data) >= self.frontend.program.head_limit
        else:
            self._late(need)

    def _late(self, need: Need) -> None:
        """No more bytes come in time."""
        if need.time:
            self.notes.append(f"content rules wait here up to {time_text(need.time)} for more bytes (inspect-delay)")
        self.decision.final = True
        need.expire()

    def refuse(self, status: int, letters: str) -> None:
        """Of bytes, nothing is said to the client."""
        if self.http:
            super().refuse(status, letters)
            return
        self.context.server = None
        self.blame(letters)
        self.leave_backend()

    def _connect(self, answer: Answered) -> None:
        backend = self.backend
        assert backend is not None
        now = self.reactor.now
        self.record.connected = self.record.answered = now
        self.body_from = "server"
        context = self.context
        context.response_bytes = answer.body
        context.responding = True
        stores = self.decision.stores
        self.decision = self.another_decision()
        self.decision.inspects = len(backend.tcp_response) > 0
        self.decision.stores = stores
        self.decision.final = True
        self.plans.watch_backend(self.frontend, backend)
        self.record.sent = len(answer.body)
        outcome = self.decide(self.decision.begin_response(backend, False))
        self.witness.settle()
        if outcome == DECIDED:
            self.content = answer.body
            return
        self.ended_by = self.last_rule()
        self.blame("PD" if outcome == DROP else "PR" if outcome == SILENT_DROP else "SD")

    def _become_http(self, data: bytes, answer: Answered, backend: BackendProxy | None) -> None:
        self.http = True
        context = self.context
        context.request = None
        context.request_bytes = b""
        head, mark, body = data.partition(b"\r\n\r\n")
        head += mark
        self.record.uploaded = len(head)
        self.decision = self.another_decision()
        try:
            request = parsed(head, self.frontend, "1.1", False)
        except ProtocolError as error:
            self.unreadable(error)
        else:
            self.talk(request, body, answer, backend, inspected=True)
