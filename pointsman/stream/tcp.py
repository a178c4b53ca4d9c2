"""TCP mode: a client connection, a server connection, and the bytes between them.

Routing asks what is known of a connection, and what layer 4 content rules have waited for: its first bytes, which then
go to the server as they are. Rules on the server's first bytes (tcp-response content) hold them back, in the tunnel,
until they have been asked.

      begin --WAIT: GATHER--> bytes, their end, the delay --DECIDED--> a server --> TUNNEL [its first bytes: inspecting]

Where it leads to a backend of HTTP, the connection speaks HTTP/1 from then on (manual 4). The client's side is raw.py.
"""

from pointsman.config.verdict import DROP, SILENT_DROP, SWITCH, WAIT
from pointsman.core.columns import BEGUN, NOTHING
from pointsman.core.wishes import WISHES
from pointsman.net.alarms import Alarm
from pointsman.net.reactor import Reactor
from pointsman.rules.peek import peek_request
from pointsman.sample.need import ELSEWHERE, Need, Waiter
from pointsman.stream.decision import Decision
from pointsman.stream.entries import DECIDED, LOG, ROUTED
from pointsman.stream.phases import ENDED, GATHER, QUEUE, TUNNEL
from pointsman.stream.proxies import BackendProxy
from pointsman.stream.session import ClientSession
from pointsman.stream.sides import Front
from pointsman.stream.stick_rules import NO_STORES
from pointsman.stream.tunnel import Tunnel


class RawClient(Front):
    """The client of a TCP stream."""

    def end(self) -> None:
        """Close it."""
        raise NotImplementedError

    def receive(self, most: int) -> bytes | None:
        """Up to so many bytes of it; b"" at its end, or where it has failed; None: nothing now."""
        raise NotImplementedError

    def disappear(self, ttl: int) -> None:
        """Make its close leave the client in the dark (silent-drop)."""
        raise NotImplementedError

    def become_http(self, backend: BackendProxy | None, data: bytes, fixed: bool = False) -> None:
        """HTTP/1 is spoken on it from now on, `data` first; the stream is parted. `backend`: it was chosen already.
        `fixed`: it is HTTP/1, whatever the client begins with."""
        raise NotImplementedError

    def become_h2(self, data: bytes) -> None:
        """The same of HTTP/2: nothing of this stream goes on."""
        raise NotImplementedError


class InspectionTimer(Alarm):
    """The deadline of content rules that wait."""

    def __init__(self, stream: "TcpStream") -> None:
        super().__init__(stream.reactor)
        self.stream = stream

    def rang(self, now: int) -> None:
        self.stream.inspection_over()

    def broken(self) -> None:
        self.stream.abandon()


class ContentWaiter(Waiter):
    """Whom an answer from elsewhere is told."""

    def __init__(self, stream: "TcpStream") -> None:
        self.stream = stream

    def need_met(self, need: Need) -> None:
        self.stream.need_met(need)


class TcpStream(Tunnel):
    """One connection through the proxy."""

    def __init__(self, reactor: Reactor, session: ClientSession, client: RawClient) -> None:
        super().__init__(reactor, session.frontend, client, session.context(reactor.now))
        self.client = client
        self.context.buffer = session.frontend.program.buffer
        self.keeps_time = True
        self.early = b""  # what has come from the client and waits for the server
        self.held = b""  # what has come from the server while tcp-response content rules wait
        self.inspecting = False  # these have not said yet that it may go to the client
        self.decision: Decision | None = None  # while it is under way
        self.stores = NO_STORES  # what stick tables are to learn of the server
        self.inspection: InspectionTimer | None = None  # made when it is first needed
        self.answer_came = False  # from elsewhere; taken up at the next go
        self.gone = 0  # the client has left, or its time is up, while rules were waiting: the first letter of the log

    def begin(self, pending: bytes) -> None:
        """Choose a backend and a server. `pending`: bytes that came behind a PROXY header."""
        record = self.record
        record.head = record.begun
        record.number = self.frontend.program.process.next_number()
        self.keep(pending)
        self.touch_client()
        decision = self.decision = Decision(self.frontend, self.context)
        decision.inspects = True
        if self.frontend.tcp_content or self.frontend.peeks:
            self.gather(decision)  # what has come with the connection is seen at once
            if self.frontend.peeks:
                peek_request(self.context)
        self.decided(decision, decision.begin(False))

    def keep(self, data: bytes) -> None:
        """Bytes of the client that wait for the server."""
        self.early = self.early + data if self.early else data
        self.context.request_bytes = self.early
        self.record.uploaded = len(self.early)

    def gather(self, decision: Decision) -> None:
        """Receive what there is of the client's bytes, up to a buffer; past that, and past their end, no more comes."""
        limit = self.frontend.program.head_limit
        while not decision.final:
            missing = limit - len(self.early)
            data = self.client.receive(missing) if missing > 0 else b""
            if data is None:
                return
            if data:
                self.keep(data)
                self.touch_client()
            else:
                decision.final = True
                if self.client.failure():
                    self.gone = 0x43  # C

    def decided(self, decision: Decision, outcome: int) -> None:
        """The decision (decision.py) has come so far: go on with it, or do what it says."""
        while True:
            if outcome == ROUTED:
                backend = decision.backend
                assert backend is not None
                if backend.http:
                    self.client.become_http(backend, self.early)
                    return
                self.backend = backend
                self.context.backend = backend
                self.limits_of(backend)
                backend.step(BEGUN, NOTHING, NOTHING)
                if backend.tcp_content or backend.persists_by_bytes:
                    self.gather(decision)
                    if backend.peeks:
                        peek_request(self.context)
                outcome = decision.enter()
            elif outcome == DECIDED:
                self.forced = decision.forced
                self.persistence = decision.persistence
                self.stores = decision.stores
                self._go_on()
                return
            elif outcome == WAIT:
                self.inspect(decision)
                return
            elif outcome == LOG:
                self.write_log(b"txn_accept")
                outcome = decision.proceed()
            else:
                self._end(outcome)
                return

    def inspect(self, decision: Decision) -> None:
        """Content rules wait for more bytes, or for an answer from elsewhere."""
        need = self.context.need
        assert need is not None
        if self.phase != GATHER:
            self.move(GATHER)
        if need.kind == ELSEWHERE:
            if need.waiter is not None:
                return  # its time is running
            need.waiter = ContentWaiter(self)
        self._time(need.time)

    def need_met(self, need: Need) -> None:
        """What content rules have asked elsewhere is here."""
        if need is self.context.need and self.phase == GATHER:
            self.answer_came = True
            self.reactor.another(self)

    def resume(self) -> bool:
        if self.answer_came:
            self.answer_came = False
            if self.phase == GATHER:
                self.look_again(False)
            return True
        return super().resume()

    def _time(self, time: int) -> None:
        """What content rules wait for may take so many ms from now on."""
        timer = self.inspection
        if timer is None:
            timer = self.inspection = InspectionTimer(self)
        timer.arm(self.reactor.now + time)

    def _end_inspection(self) -> None:
        self.decision = None
        timer = self.inspection
        if timer is not None:
            self.inspection = None
            timer.disarm()

    def inspection_over(self) -> None:
        """The time of content rules is up."""
        if self.phase == GATHER:
            self.look_again(True)
        elif self.inspecting:
            self.look_at_answer(True)

    def look_again(self, late: bool) -> None:
        """More has come, or nothing more will: content rules are asked again. `late`: their time is over."""
        decision = self.decision
        need = self.context.need
        assert decision is not None and need is not None
        self.gather(decision)
        if late:
            need.expire()
        self.context.now = self.reactor.now
        self.decided(decision, decision.go_on())

    def _leave(self, letter: int) -> None:
        """The client is lost while rules wait, or its time is up: all of them have their say of what is here."""
        decision = self.decision
        assert decision is not None
        self.gone = self.gone or letter
        decision.final = True
        self.look_again(True)

    def _go_on(self) -> None:
        """All is decided. Who has left while rules waited has had what these say of it, and that is all."""
        self._end_inspection()
        self.context.request = None  # what was seen of HTTP in its bytes was for the decision alone
        if self.gone:
            self.failed_request()
            self.blame(self.gone, 0x52)  # CR, cR
            self.finish()
        else:
            self.choose()

    def _end(self, outcome: int) -> None:
        """Content rules refuse the connection, or make another one of it; or there is no backend."""
        if outcome == SWITCH:
            name, self.context.answer = self.context.answer, None
            if name == "h2":
                self.client.become_h2(self.early)
            else:
                self.client.become_http(None, self.early, name == "h1")
            return
        if outcome not in (DROP, SILENT_DROP):
            self.refuse(503, 0x53, 0x43)  # SC
            return
        self.denied_contents()
        if outcome == SILENT_DROP:
            ttl, self.context.answer = self.context.answer, None
            self.client.disappear(ttl if isinstance(ttl, int) else 0)
        self.blame(0x50, 0x52)  # PR
        self.finish()

    def begin_sending(self) -> None:
        connection = self.connection
        assert connection is not None
        self.record.answered = self.reactor.now  # there is no head to wait for
        self.context.server_source = connection.local_address() if WISHES.server_source else None
        self.context.server_tls = connection.tls() if WISHES.server_tls else None
        self.context.server_measured = connection.measures() if WISHES.measured else None
        self.log_early(b"txn_connect")
        far = connection.duplex(self)
        far.accept(self.early)
        self.early = self.context.request_bytes = b""
        backend = self.backend
        assert backend is not None
        self.inspecting = len(backend.tcp_response) > 0
        if backend.stick_rules and not self.inspecting:
            self._learn(backend)
        self.tunnel(far.failed != 0)  # reading tells how it ends
        if self.inspecting and self.phase == TUNNEL:
            self._inspect_answer(backend)

    def _learn(self, backend: BackendProxy) -> None:
        """Stick tables learn the server. Where content rules look at its first bytes, that follows these."""
        decision = Decision(self.frontend, self.context)
        decision.stores = self.stores
        self.context.now = self.reactor.now
        decision.begin_response(backend, False)

    # The server's first bytes, if tcp-response content rules look at them.

    def _inspect_answer(self, backend: BackendProxy) -> None:
        """They are asked as soon as the server is there, whether it has said something or not."""
        decision = self.decision = Decision(self.frontend, self.context)
        decision.inspects = True
        decision.stores = self.stores
        self.context.now = self.reactor.now
        if self._take_answer(decision):
            self._answer_decided(decision.begin_response(backend, False))

    def pump_down(self) -> None:
        if self.inspecting:
            self.look_at_answer(False)
        else:
            super().pump_down()

    def look_at_answer(self, late: bool) -> None:
        """More of it has come, or nothing more will. `late`: the rules' time is over."""
        decision = self.decision
        need = self.context.need
        if decision is None or need is None or not self._take_answer(decision):
            return
        if late:
            need.expire()
        self.context.now = self.reactor.now
        self._answer_decided(decision.go_on())

    def _take_answer(self, decision: Decision) -> bool:
        """Receive what there is of the server's bytes, up to a buffer. False: the server has broken off, and that ends
        it."""
        connection = self.connection
        assert connection is not None
        limit = self.frontend.program.head_limit
        while not decision.final:
            missing = limit - len(self.held)
            data = connection.receive(missing) if missing > 0 else b""
            if data is None:
                return True
            if data:
                self.held = self.held + data if self.held else data
                self.context.response_bytes = self.held
                self.record.sent += len(data)
                self._touch(True)
            elif connection.failure():
                self.side_failed(False)
                return False
            else:
                decision.final = True
        return True

    def _answer_decided(self, outcome: int) -> None:
        if outcome == WAIT:
            need = self.context.need
            assert need is not None
            self._time(need.time)
        elif outcome == DECIDED:
            self._release_answer()
        else:
            if outcome == DROP:
                self.denied_response(self.backend)
                self.blame(0x50, 0x44)  # PD
            elif outcome == SILENT_DROP:
                ttl, self.context.answer = self.context.answer, None
                self.denied_request()
                self.client.disappear(ttl if isinstance(ttl, int) else 0)
                self.blame(0x50, 0x52)  # PR
            self.finish()

    def _release_answer(self) -> None:
        """It may go to the client: from here on nobody looks at the bytes."""
        near, far = self.near, self.far
        assert near is not None and far is not None
        self._end_inspection()
        self.inspecting = False
        held, self.held = self.held, b""
        self.context.response_bytes = b""
        if held:
            near.accept(held)
            self._touch()
            if near.failed:
                self.side_failed(True)
                return
        if far.finished:
            self._side_ended(far, near, False)
        else:
            self.pump_down()

    # Events.

    def server_readable(self) -> None:
        if self.phase == TUNNEL:
            self.pump_down()

    def server_lost(self) -> None:
        self.side_failed(False)

    def server_expired(self) -> None:
        self.tunnel_expired()

    def client_gone(self) -> None:
        """A reset from the client."""
        if self.phase == GATHER:
            self._leave(0x43)  # C
            return
        if self.phase == QUEUE:
            self.blame(0x43, 0x51)  # CQ
            self.waited_in_vain()
        self.blame(0x43, 0x44 if self.phase == TUNNEL else 0x43 if self.record.queued >= 0 else 0x51)
        self.finish()

    def client_ended(self) -> None:
        """The client closed before there is a server connection: under abortonclose that ends it."""
        backend = self.backend
        if backend is not None and backend.abort_on_close:
            self.client_gone()

    def expired(self, now: int) -> None:
        """timeout client."""
        if self.phase == GATHER:
            self._leave(0x63)  # c
            return
        self.blame(0x63, 0x44 if self.phase == TUNNEL else 0x43 if self.record.queued >= 0 else 0x51)
        self.finish()

    # The end.

    def part(self) -> None:
        self._end_inspection()
        need, self.context.need = self.context.need, None
        if need is not None:
            need.withdraw()
        super().part()

    def refuse(self, status: int, cause: int, step: int) -> None:
        self.blame(cause, step)
        self.finish()

    def finish(self) -> None:
        if self.phase == ENDED:
            return
        self.move(ENDED)
        self.leave_backend()
        self._end_inspection()
        try:
            self.write_log(b"txn_close", self.count_end(0))
        finally:
            self.client.end()
            self.part()

    def abandon(self) -> None:
        self.blame(0x49, 0x2D)  # I: an internal error
        self.finish()
