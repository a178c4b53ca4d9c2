"""Rules of a live exchange that wait (sample/need.py): where it stands meanwhile, and what may end the wait.

      begin --> WAIT: GATHER --need met, time over--> the decision goes on (http.py)
      answered --> WAIT: HOLD --need met, time over--> the decision goes on
                     |
                     +-- the client leaves, a side's time is up, the server breaks off, the process stops:
                         the exchange ends with its letters, and the need is withdrawn

While the rules of a request wait, its body is received and kept, up to a buffer; while those of a response wait, the
body of the response is. So an end or a fault is noticed when it comes, and rules behind may look at the body. A side
has its inactivity timeout as long as something is expected of it: a client whose request is whole, or a server whose
response is, may wait as long as the rules do.
"""

from typing import Final

from pointsman.net.alarms import Alarm
from pointsman.net.reactor import Reactor
from pointsman.proto.errors import ProtocolError
from pointsman.proto.message import EXPECT
from pointsman.proto.weight import PIECE, weight
from pointsman.sample.context import Context
from pointsman.sample.need import (
    CONTENT,
    ELSEWHERE,
    ENDLESS,
    HANDSHAKE,
    PENDING,
    REQUEST_BODY,
    RESPONSE_BODY,
    TIME,
    Need,
    Waiter,
)
from pointsman.sample.record import NOT_REACHED
from pointsman.stream.decision import Decision
from pointsman.stream.phases import GATHER, HOLD, IDLE, LAST, SENT
from pointsman.stream.proxies import BackendProxy
from pointsman.stream.served import ServedStream
from pointsman.stream.session import ClientSession
from pointsman.stream.sides import CUT, ENOUGH, PARTIAL, WRONG, HttpFront

_C: Final = 0x43  # letters of the termination state
_S: Final = 0x53
_P: Final = 0x50
_R: Final = 0x52
_H: Final = 0x48
_D: Final = 0x44
_L: Final = 0x4C
_CLIENT_TIME: Final = 0x63
_SERVER_TIME: Final = 0x73


class RulesTimer(Alarm):
    """The deadline of what rules wait for."""

    def __init__(self, stream: "Waiting") -> None:
        super().__init__(stream.reactor)
        self.stream = stream

    def rang(self, now: int) -> None:
        self.stream.wait_expired()

    def broken(self) -> None:
        self.stream.abandon()


class RulesWaiter(Waiter):
    """Whom an answer from elsewhere is told."""

    def __init__(self, stream: "Waiting") -> None:
        self.stream = stream

    def need_met(self, need: Need) -> None:
        self.stream.need_met(need)


class Waiting(ServedStream):
    def __init__(self, reactor: Reactor, session: ClientSession, client: HttpFront, context: Context) -> None:
        super().__init__(reactor, session, client, context)
        self.decision = Decision(session.frontend, context)
        self.rules_timer: RulesTimer | None = None  # made when it is first needed
        self.answer_came = False  # from elsewhere; taken up at the next go
        self.request_here = False  # all of it, or a full buffer: nothing is expected of the client while rules wait
        self.response_here = False  # the same of the server
        self.left = False  # the client has broken off while content rules waited: they have their say, and it ends

    # What http.py makes of it.

    def decided(self, outcome: int) -> None:
        """The decision about the request has come so far."""
        raise NotImplementedError

    def response_decided(self, outcome: int) -> bool:
        """The same of a response. True: its body is wanted."""
        raise NotImplementedError

    # The request's rules.

    def wait(self) -> bool:
        """They wait for `context.need`. True: it is met already."""
        need = self._need()
        if self.context.limits is not None:
            self.take_times(None)
        self.move(GATHER)
        if need.kind == REQUEST_BODY:
            self._expect()
        limit = self.frontend.program.head_limit
        whole = self.client.gather(limit)
        if self.phase != GATHER:
            return False  # what came is wrong, or the client has left
        if need.kind == CONTENT and len(self.client.received()) >= limit and not self.decision.final:
            self.decision.final = True
            self.gathered()
            return True
        if self._is_met(need, whole, REQUEST_BODY, len(self.client.received())):
            self.gathered()
            return True
        self._begin(need)
        self._expect_of_client(whole)
        return False

    def go_on_gathering(self) -> None:
        """More of the request's body may have come."""
        need = self._need()
        received = len(self.client.received())
        whole = self.client.gather(self.frontend.program.head_limit)
        if self.phase == GATHER:
            if need.kind == CONTENT:
                if len(self.client.received()) > received:
                    self._go_on()  # they are asked again with each piece
            elif self._is_met(need, whole, REQUEST_BODY, len(self.client.received())):
                self._go_on()
            else:
                self._expect_of_client(whole)

    def gathered(self) -> None:
        """The rules go on, and see what is here of the body. Their wait is part of the request's time (%TR)."""
        self.move(IDLE)
        context = self.context
        context.now = self.record.head = self.reactor.now
        context.body = self.client.received()
        request = context.request
        if context.body and request is not None:  # what waits is in the buffer, but never in what rewrites may use
            buffer = context.buffer
            own = weight(request)
            context.waiting = max(0, min(PIECE + len(context.body), buffer.size - buffer.reserve - own))
            context.room = buffer.size - context.waiting - own

    def _expect(self) -> None:
        """A client that waits for leave to send the body would wait for ever."""
        request = self.context.request
        assert request is not None
        if request.expects_continue:
            request.expects_continue = False
            request.fields = [one for one in request.fields if one.kind != EXPECT]
            self.client.expect()

    def _expect_of_client(self, whole: bool) -> None:
        self.request_here = whole
        if whole and self._need().kind != HANDSHAKE:
            self.reactor.wheel.disarm(self)
        else:
            self.touch_client()

    # The response's rules.

    def hold(self) -> bool:
        """They wait for `context.need`. True: it is met already."""
        self.move(HOLD)
        if self._received():
            self.move(SENT)
            return True
        if self.phase == HOLD:
            self._begin(self._need())
        return False

    def go_on_holding(self) -> None:
        """More of the response's body may have come."""
        if self._received() or self.phase == HOLD and self._need().kind == CONTENT:
            self._go_on()

    def _received(self) -> bool:
        """Receive the response's body, as far as it is here. True: that is what was waited for. A response that is cut
        short ends the exchange, but not before rules that wait for its body have had their say."""
        need = self._need()
        place = self.place
        assert place is not None
        state = ENOUGH if self.makes_tunnel() else place.gather(self.frontend.program.head_limit)
        if state != WRONG and self._is_met(need, state != PARTIAL, RESPONSE_BODY, place.held()):
            return True
        if state in (CUT, WRONG):
            self._lost(state)
        else:
            self._expect_of_server(state)
        return False

    def makes_tunnel(self) -> bool:
        """What follows the response's head is no body: 101, or 2xx to CONNECT (RFC 9110 7.8, 9.3.6)."""
        request, response = self.context.request, self.context.response
        if response is None:
            return False
        return response.status == 101 or (
            self.tunnelling and request is not None and request.method == b"CONNECT" and 200 <= response.status < 300
        )

    def _lost(self, state: int) -> None:
        """The response will never be whole, and nothing of it has gone out: the client sees its connection closed."""
        self._end_wait()
        self.failed_response()
        self.blame(_P if state == WRONG else _S, _D)
        self.cut()

    def _expect_of_server(self, state: int) -> None:
        self.response_here = state != PARTIAL
        if state == PARTIAL:
            self.touch_server()
        else:
            self.sleep_on()

    # Waiting.

    def _need(self) -> Need:
        need = self.context.need
        assert need is not None
        return need

    def _is_met(self, need: Need, whole: bool, kind: int, received: int) -> bool:
        return need.state != PENDING or need.kind == kind and (whole or 0 < need.size <= received)

    def _begin(self, need: Need) -> None:
        if need.kind == ELSEWHERE:
            need.waiter = RulesWaiter(self)
        if need.time < ENDLESS:
            timer = self.rules_timer
            if timer is None:
                timer = self.rules_timer = RulesTimer(self)
            timer.arm(self.reactor.now + need.time)

    def need_met(self, need: Need) -> None:
        if need is self.context.need:
            self.answer_came = True
            self.reactor.another(self)

    def handshake_over(self) -> None:
        """Of the client, whose request came before, as early data."""
        need = self.context.need
        if self.phase == GATHER and need is not None and need.kind == HANDSHAKE:
            need.meet()
            self._go_on()
            self.client.look_behind()

    def resume(self) -> bool:
        if self.answer_came:
            self.answer_came = False
            if self.phase in (GATHER, HOLD):
                self._go_on()
            return True
        return super().resume()

    def wait_expired(self) -> None:
        """The time of what rules wait for is over."""
        need = self._need()
        need.waiter = None
        if need.kind in (REQUEST_BODY, RESPONSE_BODY):
            context = self.context
            context.last_rule, context.waiting_rule = context.waiting_rule, None  # that is its verdict
        if need.kind == REQUEST_BODY:
            self.body_missing(408, _CLIENT_TIME)
        elif need.kind == RESPONSE_BODY:
            self.refuse(504, _SERVER_TIME, _H)
        else:
            if need.kind == TIME:
                need.meet()
            else:
                need.expire()
            self._go_on()
            self.client.look_behind()

    def _go_on(self) -> None:
        """The need is met, or its time is over: it stays in the context until the decision takes it."""
        self._disarm()
        if self.phase == GATHER:
            self.gathered()
            self.touch_client()
            self.decided(self.decision.go_on())
            return
        self.move(SENT)
        self.context.now = self.reactor.now
        if self._need().kind == CONTENT:
            self.record.answered = self.reactor.now
        self.touch_server()
        place = self.place
        if self.response_decided(self.decision.go_on()) and place is not None:
            place.release()

    def _disarm(self) -> None:
        timer = self.rules_timer
        if timer is not None:
            timer.disarm()

    def _end_wait(self) -> None:
        """Nobody waits any more."""
        need = self.context.need
        if need is not None:
            self.context.need = None
            self.answer_came = False
            self._disarm()
            need.withdraw()

    # What ends it.

    def part(self) -> None:
        if self.context.need is not None:
            self._end_wait()
        self.rules_timer = None
        super().part()

    def leave_backend(self) -> None:
        if self.context.need is not None:
            self._end_wait()
        super().leave_backend()

    def refuse(self, status: int, cause: int, step: int) -> None:
        self._end_wait()
        super().refuse(status, cause, step)

    def body_missing(self, status: int, cause: int) -> None:
        self._end_wait()
        super().body_missing(status, cause)

    def alarm(self) -> None:
        if self.phase == HOLD:
            self.server_expired()
        else:
            super().alarm()

    def server_expired(self) -> None:
        """The server owes the rest of a response whose rules wait. Who waits for that very body has an answer for its
        client; else the response has been promised, and is cut short."""
        if self.phase != HOLD:
            super().server_expired()
        elif self.response_here:
            return
        elif self._need().kind == RESPONSE_BODY:
            self.refuse(504, _SERVER_TIME, _H)
        else:
            self._end_wait()
            self.blame(_SERVER_TIME, _D)
            self.cut()

    def expired(self, now: int) -> None:
        """timeout client: the client owes the rest of its request."""
        phase = self.phase
        if phase == GATHER and self._need().kind not in (REQUEST_BODY, HANDSHAKE):
            self._end_wait()
            self.failed_request()
            self.record.head = NOT_REACHED
            self.blame(_CLIENT_TIME, _R)
            self.vanish()
        elif phase == HOLD:
            if not self.client.request_done and not self.upload_blocked():
                self._end_wait()
                self.blame(_CLIENT_TIME, _H)
                self.cut()
        else:
            super().expired(now)

    def client_ended(self) -> None:
        """The client closed its sending side behind its request. Under abortonclose that is as good as leaving; but a
        response that is here already is delivered, with no more delay."""
        phase = self.phase
        if phase == GATHER and self._need().kind == CONTENT:
            self.decision.final = True
            self._go_on()
            self.client.look_behind()
        elif phase == GATHER:
            if self._aborts(self.backend):
                self.record.head = self.reactor.now
                self.closing = True
                self.refuse(400, _C, _R)
        elif phase == HOLD:
            if self._aborts(self.backend):
                need = self._need()
                if need.kind == ELSEWHERE:
                    self._client_left(False)
                else:
                    need.meet()
                    self._go_on()
                    self.client.look_behind()
        else:
            super().client_ended()

    def _aborts(self, backend: BackendProxy | None) -> bool:
        return backend.abort_on_close if backend is not None else self.frontend.abort_on_close

    def leave(self) -> None:
        """The client is gone, and rules of its request wait no more."""
        self._end_wait()
        self.closing = True
        self.record.head = self.reactor.now
        self.failed_request()
        self.blame(_C, _R)
        self.move(LAST)
        self.finish()

    def _client_left(self, by_reset: bool) -> None:
        """Letters and statuses are the peer program's: a request that was whole has no status."""
        phase = self.phase
        if phase == GATHER and self._need().kind == CONTENT:
            self.left = self.decision.final = True
            self._go_on()
        elif phase == GATHER and by_reset and self.request_here:
            self.leave()
        elif phase == HOLD:
            self.closing = True
            place = self.place
            whole = place is not None and place.is_whole()
            self.blame(_C, _H if not self.client.request_done else _L if whole else _D)
            self.finish()
        else:
            super()._client_left(by_reset)

    def body_broken(self, by_client: bool, error: ProtocolError | None) -> None:
        """While a response is held, its request's body still goes to the server."""
        if self.phase == HOLD and not by_client:
            self.closing = True
            self.failed_request()
            self.refuse(error.status if error is not None else 400, _P, _H)
        else:
            super().body_broken(by_client, error)
