"""How an HTTP exchange ends: well, by a fault, by a timeout, or because somebody left; and what the proxy itself
answers.

Faults carry HAProxy's two letters (manual 8.5): who (C client, S server, P proxy, L a local answer; small: its timeout)
and when (R request, Q queue, C connect, H response head, D data). An error page is sent if nothing of a response was; a
response that cannot be completed is ended by closing, so that the client sees that it is not whole.
"""

from typing import Final

from pointsman.core.wishes import WISHES
from pointsman.net.reactor import Reactor
from pointsman.proto.errors import UNANSWERED, ProtocolError
from pointsman.proto.message import Field, Response
from pointsman.proto.weight import PIECE
from pointsman.rules.pages import DEFAULT_PAGES
from pointsman.rules.reply import Reply
from pointsman.sample.context import Context
from pointsman.sample.record import NOT_REACHED
from pointsman.sample.tracking import client_failed, exchange_over, request_begun, server_failed
from pointsman.server.observer import INVALID, NO_ANSWER, TOO_LATE
from pointsman.stream.exchange import GRAIN, NO_SERVERS
from pointsman.stream.phases import (
    CONNECT,
    ENDED,
    FORWARD,
    GATHER,
    IDLE,
    LAST,
    PAUSE,
    QUEUE,
    SENT,
    SERVICE,
    TARPIT,
    TUNNEL,
)
from pointsman.stream.proxies import CLOSE, PLAIN
from pointsman.stream.session import ClientSession
from pointsman.stream.sides import HttpBack, HttpFront
from pointsman.stream.tunnel import Tunnel

_C: Final = 0x43  # letters of the termination state
_S: Final = 0x53
_P: Final = 0x50
_R: Final = 0x52
_Q: Final = 0x51
_H: Final = 0x48
_D: Final = 0x44
_L: Final = 0x4C
_CLIENT_TIME: Final = 0x63
_SERVER_TIME: Final = 0x73

_IDEMPOTENT: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))  # RFC 9110 9.2.2


class Faults(Tunnel):
    def __init__(self, reactor: Reactor, session: ClientSession, client: HttpFront, context: Context) -> None:
        super().__init__(reactor, session.frontend, client, context)
        self.session = session
        self.client = client
        self.place: HttpBack | None = None  # `connection`, as HTTP sees it
        self.closing = False  # the client connection ends behind this response
        self.bodiless = False  # HEAD: the response has no body
        self.tunnelling = False  # the request asked for a tunnel (Upgrade, CONNECT)
        self.answer_begun = False  # something of the final response was handed to the client's side
        self.late_reply: Reply | None = None  # of a tarpit

    # What http.py adds.

    def after_rules(self) -> bool:
        raise NotImplementedError

    def complete(self) -> None:
        raise NotImplementedError

    def flush_client(self) -> None:
        raise NotImplementedError

    def retry(self) -> bool:
        raise NotImplementedError

    def retry_unseen(self) -> bool:
        """The same of a request that no server has looked at, whatever retry-on says."""
        raise NotImplementedError

    def retry_status(self, status: int) -> bool:
        """The same because of what the server has answered, which counts whatever comes of it."""
        server = self.server
        if not self.retry():
            return False
        if server is not None and server.observer is not None:
            server.observer.response(status)
        return True

    def response_over(self, trailers: list[Field]) -> None:
        raise NotImplementedError

    def upload_blocked(self) -> bool:
        """The server takes no more of the request's body at the moment."""
        raise NotImplementedError

    # Answers of our own.

    def page(self, status: int) -> Reply:
        """The error page for a status: the backend's, the frontend's, the built-in one (manual 4.2, errorfile)."""
        found: Reply | None = None
        if self.backend is not None:
            found = self.backend.pages.get(status)
        if found is None:
            found = self.frontend.pages.get(status)
        if found is None:
            found = DEFAULT_PAGES.get(status)
        return found if found is not None else DEFAULT_PAGES[500]

    def own_reply(self, reply: Reply, cause: int, step: int) -> None:
        """Answer with it. The connection goes on if the request was received wholly and the reply allows it."""
        self.blame(cause, step)
        if reply.silent:
            self.record.status = reply.logged or NOT_REACHED  # it is logged and counted as if it had been sent
            self.vanish()
            return
        response, content = reply.render(self.context)
        self.context.responding = True
        if not self._own_rules(reply, response, content) and reply is not self.page(500):
            if cause == _L:
                self.internal_error()
                if step == _R:
                    self.record.head = NOT_REACHED
            reply = self.page(500)
            response, content = reply.render(self.context)
            self._own_rules(reply, response, content)
        whole = self.client.drop_body()
        frontend = self.frontend
        if reply.close or response.close_asked or not whole or frontend.mode == CLOSE:
            self.closing = True
        process = frontend.program.process
        if process.stopping and process.drawn():
            self.closing = True
        if self.bodiless or response.status in (204, 304):
            content = b""
        self.record.sent += self.client.reply(response, content, self.closing)
        self.answer_begun = True
        self.move(LAST)
        self.complete()

    def _own_rules(self, reply: Reply, response: Response, content: bytes) -> bool:
        """http-after-response; false: what its rules add does not fit beside it."""
        context = self.context
        context.response = response
        context.room = 0  # nobody has weighed it
        context.waiting = PIECE + len(content) if content else 0
        self.record.status = reply.logged or response.status
        return self.after_rules()

    def tarpit(self, reply: Reply, time: int) -> None:
        """Let the client wait so many ms for it."""
        self.blame(_P, 0x54)  # PT
        self.record.head = NOT_REACHED
        self.late_reply = reply
        self.move(TARPIT)
        self.wake_at(self.reactor.now + time)

    def alarm(self) -> None:
        if self.phase == TARPIT:
            self.end_tarpit()
        else:
            super().alarm()

    def end_tarpit(self) -> None:
        """Its time is up, or the client has left."""
        reply = self.late_reply
        assert reply is not None
        self.sleep_on()
        self.late_reply = None
        self.record.queued = self.reactor.now
        self.own_reply(reply, _P, 0x54)

    def disappear(self, ttl: int) -> None:
        """The client connection is forgotten (silent-drop)."""
        self.client.disappear(ttl)
        self.vanish()

    def refuse(self, status: int, cause: int, step: int) -> None:
        """End it with an error page, if nothing of a response was sent yet."""
        self.leave_queue()
        self.drop_connection()
        self.release_server()
        if self.answer_begun:
            self.blame(cause, step)
            self.cut()
        else:
            self.own_reply(self.page(status), cause, step)

    def drop_answer(self, reply: Reply, cause: int, step: int) -> None:
        """The server's response is not sent on; this is, instead."""
        self.drop_connection()
        self.release_server()
        self.own_reply(reply, cause, step)

    def cut(self) -> None:
        """The response cannot be completed: close, without an end mark."""
        self.closing = True
        self.client.cut()
        self.drop_connection()
        self.release_server()
        self.complete()

    def vanish(self) -> None:
        """No answer at all: the connection is closed."""
        self.closing = True
        self.move(LAST)
        self.finish()

    # The request.

    def bad_request(self, error: ProtocolError) -> None:
        """Bytes that are no request. Nothing of it is forwarded, and the connection is closed."""
        self._no_request(error.status or 400, _P, error.status != UNANSWERED)

    def refused_unread(self) -> None:
        """A head that its client's side has refused, without an answer that anybody could log."""
        self._no_request(0, _P, False)

    def request_expired(self, first: bool, empty: bool) -> None:
        """The time for a request is up. Between two requests that is a quiet end."""
        if empty and self.frontend.ignore_probes or not first and not self.client.is_partial():
            self.quiet_end()
        else:
            self.closing = True
            self._no_request(408, _CLIENT_TIME)

    def request_aborted(self, empty: bool) -> None:
        """The client closed before its request was whole."""
        if empty and self.frontend.ignore_probes:
            self.quiet_end()
            return
        self._no_request(400, _C)

    def quiet_end(self) -> None:
        self.move(ENDED)
        self.client.next(False)

    def _no_request(self, status: int, cause: int, answers: bool = True) -> None:
        record = self.record
        if self.session.first and self.phase == IDLE and record.begun == 0:
            record.begun = record.accepted
        record.head = NOT_REACHED
        record.request_line = b""
        record.status = status
        self.blame(cause, _R)
        self.context.request = None
        self.closing = True
        self.logged = False
        frontend = self.frontend
        if status:  # else its client's side has refused it: that is no request
            self.failed_request()
            frontend.counters.requests += 1
        if WISHES.tracks:
            now = self.reactor.now
            request_begun(self.session, now)
            if status != 408:
                client_failed(self.context, now)
        record.number = frontend.program.process.next_number()
        self.move(LAST)
        custom = frontend.pages.get(status)
        if answers and (custom is None or not custom.silent):
            record.sent = self.client.reply_unread(status, custom, self.context)
        self.client.flush()
        self.finish()

    def body_broken(self, by_client: bool, error: ProtocolError | None) -> None:
        """The request's body ended early, or its framing is wrong."""
        self.closing = True
        if self.answer_begun:
            self.blame(_C if by_client else _P, _D)
            self.cut()
            return
        if by_client:
            self._client_left(False)
            return
        status = error.status if error is not None else 400
        if self.phase == GATHER:
            self._count_broken()
            self.body_missing(status, _P)
        else:
            self.failed_request()
            self._count_broken()
            self.refuse(status, _P, _H if self.phase == SENT else _R)

    def _count_broken(self) -> None:
        """What came is no body of a request."""
        if WISHES.tracks:
            client_failed(self.context, self.reactor.now)

    def body_missing(self, status: int, cause: int) -> None:
        """The body that was waited for will never be whole (option http-buffer-request)."""
        self.failed_request()
        self.closing = True
        self.record.head = NOT_REACHED
        self.own_reply(self.page(status), cause, _R)

    # The server.

    def no_response(self, begun: bool, half: bool) -> None:
        """The server closed before its response's head was whole. `begun`: it had sent something, if only a 1xx;
        `half`: some of that head. A connection that was idle before may have been closed while our request was under
        way: then, if it may be repeated, it is sent again on another one. Each attempt that fails counts, repeated or
        not (eresp)."""
        connection = self.connection
        request = self.context.request
        assert connection is not None and request is not None and self.server is not None
        if connection.served and not begun:
            if request.method in _IDEMPOTENT and not request.chunked and request.length <= 0:
                self.drop_connection()
                self.dial()
                return
            if not self.record.first:  # a client repeats what an old connection did not answer (manual 4.2, http-reuse)
                self.failed_response()
                self.count_server_abort(self.server)
                self.logged = True
                self.client.repeats()
                self.vanish()
                return
        if half:
            self.bad_answer()  # half a head is no response: the manual has it among the junk (4.2, retry-on)
            return
        self.count_no_answer(NO_ANSWER)
        self.failed_response()
        if self.backend is not None and self.backend.retry_empty and self.retry():
            return
        self._count_failure()
        self.refuse(502, _S, _H)

    def not_looked_at(self) -> None:
        """The server says that it has not looked at the request: so it is safe to send it again, whatever it is about
        (RFC 9113 8.7)."""
        if self.retry_unseen():
            return
        self.count_no_answer(NO_ANSWER)
        self.failed_response()
        if self.backend is not None and self.backend.retry_empty and self.retry():
            return
        self._count_failure()
        self.refuse(502, _S, _H)

    def not_sent(self) -> None:
        """Nothing of it has gone to the server, whose connection takes no more: it goes by another one."""
        self.drop_connection()
        self.left_over()

    def cannot_switch(self) -> None:
        """The server's connections do not become what the request asks for (RFC 8441)."""
        self.failed_response()
        self.refuse(502, _S, _H)

    def early_refused(self) -> None:
        """The server did not take what went along with the hello (manual 5.2, allow-0rtt). The client is to send it
        again, once it has shaken hands with us."""
        self.failed_response()
        if self.backend is not None and self.backend.retry_refused and self.retry():
            return
        self.refuse(425, _S, _H)

    def bad_response(self, error: ProtocolError) -> None:
        self.bad_answer()

    def bad_answer(self) -> None:
        """What the server sent is no response, or none that may be passed on."""
        self.count_no_answer(INVALID)
        self.failed_response()
        if self.backend is not None and self.backend.retry_junk and self.retry():
            return
        self._count_failure()
        self.refuse(502, _P, _H)

    def _count_failure(self) -> None:
        """A server has failed to answer."""
        if WISHES.tracks:
            server_failed(self.context, self.reactor.now)

    def response_cut(self, by_protocol: bool) -> None:
        """The response's body ended early, or its framing is wrong."""
        if not self.answer_begun:
            self.bad_answer()
            return
        self.failed_response()
        self.blame(_P if by_protocol else _S, _D)
        self.cut()

    def server_lost(self) -> None:
        """Writing to the server failed. It may have answered before."""
        connection = self.connection
        if self.phase == TUNNEL:
            self.side_failed(False)
        elif connection is not None:
            connection.look(self)

    def server_expired(self) -> None:
        """timeout server, or timeout tunnel."""
        phase = self.phase
        if phase in (SENT, FORWARD) and self._awaits_client() and self.deadline <= self.reactor.now + GRAIN:
            self.expired(self.reactor.now)  # both are due: the server was waiting for the client
        elif phase == SENT:
            self.count_no_answer(TOO_LATE)
            if self.backend is not None and self.backend.retry_timeouts and self.retry():
                return
            self.failed_response()
            self._count_failure()
            self.refuse(504, _SERVER_TIME, _H)
        elif phase == FORWARD:
            self.blame(_SERVER_TIME, _D)
            self.cut()
        elif phase == TUNNEL:
            self.tunnel_expired()

    # The client.

    def client_gone(self) -> None:
        """The client connection is lost: nothing can be sent to it any more."""
        phase = self.phase
        if phase == ENDED:
            return
        if phase == IDLE:
            partial = self.client.is_partial()
            if self.session.first or partial:
                self.request_aborted(not partial)
            else:
                self.quiet_end()
            return
        if phase == TARPIT:
            self.end_tarpit()
            return
        self._client_left(True)

    def client_ended(self) -> None:
        """The client closed its sending side behind its request: under abortonclose that is as good as leaving. Who
        means to read on cannot be told from who has closed both sides, and the latter is what happens."""
        backend = self.backend
        if backend is not None and backend.abort_on_close and self.phase in (QUEUE, CONNECT, PAUSE, SENT, FORWARD):
            self._client_left(False)

    def _client_left(self, by_reset: bool) -> None:
        """It waits no longer: whatever is done for it ends at once, so that its place is free for others. Letters and
        statuses are the peer program's; no status stands for an exchange that no server has seen."""
        phase = self.phase
        record = self.record
        self.closing = True
        if phase == QUEUE:
            self.blame(_C, _Q)
            self.waited_in_vain()
        elif phase in (CONNECT, PAUSE):
            self.blame(_C, _C)
        elif phase == GATHER:
            self.blame(_C, _R)
            record.head = self.reactor.now
            record.status = 400
        elif phase == SENT and not self.answer_begun:
            if not by_reset and self.client.request_done:
                self.refuse(400, _C, _H)
                return
            self.blame(_C, _D if self.client.request_done else _H)
            record.status = 400
        else:
            self.blame(_C, _D)
        self.finish()

    def _awaits_client(self) -> bool:
        """It owes a part of its request that the server would take."""
        return not self.client.request_done and not self.upload_blocked()

    def expired(self, now: int) -> None:
        """timeout client: it neither sends what it owes nor takes what waits for it."""
        phase = self.phase
        if phase == TUNNEL:
            self.blame(_CLIENT_TIME, _D)
            self.finish()
        elif phase == GATHER:
            self.body_missing(408, _CLIENT_TIME)
        elif phase == LAST or phase in (FORWARD, SENT, SERVICE) and self.client.has_pending():
            self.blame(_CLIENT_TIME, _D)
            self.client.drop_pending()
            self.closing = True
            self.drop_connection()
            self.finish()
        elif phase == SENT and self._awaits_client():
            self.refuse(400, _CLIENT_TIME, _H)
        elif phase == FORWARD and self._awaits_client():
            self.blame(_CLIENT_TIME, _D)
            self.cut()

    # The end.

    def end_tracking(self, up: int, down: int) -> None:
        if self.context.request is None:  # as in the peer program: bytes that are no request are not counted
            up = down = 0
        super().end_tracking(up, down)

    def finish(self) -> None:
        """The exchange is over: count it, log it, go on."""
        if self.phase in (IDLE, ENDED):
            return
        tunnel = self.phase == TUNNEL
        self.move(IDLE)
        self.leave_backend()
        record = self.record
        try:
            self.write_log(b"txn_close", self.count_end(record.status))
        except Exception:
            self._reset(False)
            raise
        keep = not self.closing and not tunnel and record.cause in (0x2D, _L, _P, _S, _SERVER_TIME, _R)
        if record.cause == _C or record.cause == _CLIENT_TIME and record.step == _D:
            keep = False
        self._reset(keep)

    def _reset(self, keep: bool) -> None:
        if WISHES.tracks:
            exchange_over(self.context, self.reactor.now)
        self.backend = None
        self.forced = None
        self.persistence = PLAIN
        self.avoid = NO_SERVERS
        self.closing = self.bodiless = self.tunnelling = self.answer_begun = self.refused = False
        self.client_time = self.frontend.client
        self.half_open = True
        self.near = self.far = None
        if not keep:
            self.move(ENDED)
        self.client.next(keep)

    def abandon(self) -> None:
        """A bug, already reported: this connection only."""
        self.blame(0x49, 0x2D)  # I
        self.closing = True
        if self.phase == IDLE and self.backend is not None:  # it had one already, which counts it
            self.move(LAST)
        if self.phase in (IDLE, ENDED):
            if WISHES.tracks:
                exchange_over(self.context, self.reactor.now)
            self.client.next(False)
        else:
            self.finish()
