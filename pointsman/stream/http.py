"""One HTTP exchange, its response's half; the request's half stands in http_request.py. Both read from top to bottom.

      head -> request rules -> backend -> its rules -> server, queue, connect (exchange.py) -> send
           -> response head -> response rules -> forward -> log -> the next one

      IDLE --begin--> (QUEUE, PAUSE, CONNECT) --> SENT ----> FORWARD --> LAST --> IDLE
                 \\-- own answer -------------------------/          \\--> TUNNEL (101, CONNECT) --> ENDED

The stream sees heads without a version and payload without framing; how they look on the wire is the business of its
two sides. How it ends badly stands in faults.py.
"""

from mypy_extensions import mypyc_attr

from pointsman.config.verdict import ANSWER, CLOSE_SERVER, DENY, DROP, FAILED, WAIT
from pointsman.core.columns import NOTHING
from pointsman.core.epoch import EPOCH
from pointsman.core.wishes import WISHES
from pointsman.net.duplex import Duplex
from pointsman.proto.message import Field, Response
from pointsman.rules.plan import CONNECTION, MOVING, OF_REQUEST, OF_RESPONSE
from pointsman.sample.record import NOT_REACHED
from pointsman.server.pool import REUSE_NEVER
from pointsman.stream.decision import RESPONSE_LETTERS
from pointsman.stream.entries import DECIDED
from pointsman.stream.http_request import HttpRequest
from pointsman.stream.outcome import Answer
from pointsman.stream.phases import FORWARD, HOLD, IDLE, LAST, SENT, SERVICE, TUNNEL
from pointsman.stream.proxies import CLOSE


@mypyc_attr(free_list_len=1)
class HttpStream(HttpRequest):
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
            if answer.received in backend.retry_statuses and self.retry_status(answer.received):
                return False
        self.forget()
        record = self.record
        record.answered = self.reactor.now
        record.status = response.status
        record.received = answer.received
        if WISHES.answers:
            self.count_answer(answer.received)
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
        if received in backend.retry_statuses and self.retry_status(received):
            return False
        self.forget()
        now = self.reactor.now
        record.answered = now
        record.status = record.received = received
        context = self.context
        context.now = now
        if WISHES.answers:
            self.count_answer(received)
        context.response = response
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
        if self.context.limits is not None:
            self.take_times(self.backend)
            self.touch_server()
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
        if decision.inspecting:
            self._end_inspected(outcome)
            return
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

    def _end_inspected(self, outcome: int) -> None:
        """tcp-response content rules have refused it, or closed its connection."""
        self.record.answered = NOT_REACHED
        if outcome == CLOSE_SERVER:
            self.failed_response()
            self.refuse(502, 0x53, 0x48)  # SH
            return
        if outcome == DROP:
            self.denied_response(self.backend)
            self.blame(0x50, 0x44)  # PD
        else:
            self.denied_request()
            self.blame(0x50, 0x52)  # PR
        self._hang_up(outcome)

    def response_rules(self) -> bool:
        outcome = self.decision.begin_response(self.backend, False)
        if outcome == DECIDED:
            if self.context.limits is not None:
                self.take_times(None)
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
        if response.status in (204, 304) and not response.empty:
            self.bodiless = True  # rules have made it so: a body would be taken for the next response (RFC 9112 6.3)
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
        process = self.frontend.program.process
        if process.stopping and process.drawn():
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

    def _detach(self) -> None:
        """The server connection goes to the pool, stays with this client, or is closed."""
        connection = self.connection
        place = self.place
        server = self.server
        backend = self.backend
        assert connection is not None and place is not None and server is not None and backend is not None
        usable = server.alive or backend.honours(server, self.persistence)
        lasts = usable and self.keeps_servers(backend) and connection.aim is server.dial.target
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
                if connection.private or backend.reuse == REUSE_NEVER:
                    if connection.shares:
                        server.pool.forget(connection)
                    session.keep(connection)
                else:
                    if connection.reserved:
                        connection.reserved = False
                        session.release(connection)
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
