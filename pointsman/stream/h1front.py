"""The client's side of HTTP/1: requests are cut out of the bytes, responses are written.

      WAIT --head whole--> BUSY --exchange over--> WAIT, or LINGER, or CLOSED

One HttpStream serves all exchanges of the connection, one after the other. What a client sends behind a request
(pipelining) stays in the kernel, or in `data` if it came in the same read, until the response is over.
"""
from typing import Final

from pointsman.core.epoch import EPOCH
from pointsman.net.reactor import Reactor
from pointsman.net.wire import LARGE, ROUNDS, SMALL, Wire
from pointsman.proto.body import CHUNKED, SIZED, Body, chunk, last_chunk
from pointsman.proto.body import NONE as NO_BODY
from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1 import is_secret, parse_request, split_head
from pointsman.proto.message import Field, Request
from pointsman.proto.shape import shaped_request
from pointsman.sample.context import Context
from pointsman.server.backend import LiveServer
from pointsman.stream.acceptor import Door
from pointsman.stream.exchange import GATHER, TUNNEL
from pointsman.stream.h1back import H1Back
from pointsman.stream.http import HttpStream
from pointsman.stream.outcome import Heirloom, Outcome
from pointsman.stream.proxies import FOREVER, Frontend
from pointsman.stream.sides import HttpFront

WAIT: Final = 0
BUSY: Final = 1
LINGER: Final = 2
CLOSED: Final = 3
FORGETS: Final = 10_000  # ms between two requests after which what is remembered of the last one is dropped
LINGERS: Final = 1_000  # ms: what a client still sends is read and dropped, or a reset would destroy the answer
DRAINS: Final = 64  # reads of a go


class H1Front(HttpFront):
    def __init__(self, reactor: Reactor, frontend: Frontend, fd: int, context: Context, door: Door) -> None:
        super().__init__(reactor, fd)
        self.frontend = frontend
        self.door = door
        self.phase = WAIT
        self.data = b""  # received, not yet used
        self.partial = False  # `data` is a head that is not whole, and was looked at
        self.body = Body()
        self.owing = False  # the end of the request's body has not been handed on
        self.early = b""  # payload that came with the head
        self.encoding = NO_BODY  # how the response's body goes out
        self.model: Request | None = None  # the last request as it was received
        self.block = b""  # the bytes of the last head that has an outcome
        self.outcome: Outcome | None = None
        self.waits_until = 0  # between two requests, when forgetting comes first (monotonic ms)
        self.stream = HttpStream(reactor, frontend, self, context)

    def start(self, pending: bytes) -> None:
        """The connection is open. `pending`: bytes that came behind a PROXY header."""
        limit = self.frontend.http_request_time
        self._arm(limit if limit != FOREVER else self.frontend.client)
        if pending:
            self.stream.first_byte()
            self._take(pending)

    def _arm(self, limit: int) -> None:
        self.reactor.wheel.arm(self, self.reactor.now + limit)

    # Events.

    def readable(self) -> None:
        phase = self.phase
        if phase == WAIT:
            self._go_on()
        elif phase == BUSY:
            stream = self.stream
            if stream.phase == TUNNEL:
                stream.pump_up()
            elif self.failed:
                stream.client_gone()
            elif stream.phase == GATHER:
                stream.go_on_gathering()
            elif not self.request_done:
                if stream.takes_body:
                    self.upload()
                elif self.ending:
                    stream.client_ended()
            elif self.ending:
                self._look_for_end()
        elif phase == LINGER:
            self._drain()

    def again(self) -> None:
        if self.stream.resume():
            return
        self.readable()

    def drained(self) -> None:
        self.stream.client_drained()

    def moved(self) -> None:
        self.stream.client_moved()

    def lost(self) -> None:
        self.stream.client_gone()

    def expired(self, now: int) -> None:
        if self.phase == WAIT and self.waits_until > now:
            self._forget()
        elif self.phase == WAIT:
            self.stream.record.uploaded = len(self.data)
            self.stream.request_expired(self.first, self.first and not self.data)
        elif self.phase == LINGER:
            self.close()
        else:
            self.stream.client_expired()

    def broken(self) -> None:
        self.stream.abandon()

    # Requests.

    def _go_on(self) -> None:
        """What came behind the last request first, then what can be read."""
        if self.data and not self.partial:
            data, self.data = self.data, b""
            self.stream.first_byte()
            self._take(data)
        else:
            self._read_request()

    def _read_request(self) -> None:
        data = self.read(SMALL)
        if data is None:
            return
        if not data:
            if self.data or self.first:
                self.stream.record.uploaded = len(self.data)
                self.stream.request_aborted(not self.data)
            else:
                self.close()
            return
        if self.data:
            data = self.data + data
            self._take(data)
        else:
            self.stream.first_byte()
            self._take(data)

    def _take(self, data: bytes) -> None:
        """Bytes from the beginning of a head on."""
        known = len(self.data)
        self.data = b""
        self.partial = False
        program = self.frontend.program
        if self.first and not known:
            self._inherit()
        outcome = self.outcome
        if outcome is not None and not known and data.startswith(self.block) and outcome.version == EPOCH.number:
            if self._begin_body(outcome.request, data, len(self.block)):
                self.stream.begin_again(outcome)
            return
        model = self.model or self.frontend.model
        request: Request | None = None
        try:
            if model is not None and not known:
                request = shaped_request(data, model, program.head_limit)
            if request is not None and request.shape is not None:
                size = request.shape.end
            else:
                size = split_head(data, known, program.head_limit, True)
                if not size:
                    self._wait(data, known)
                    return
                request = parse_request(data[:size], self.frontend.strict, program.field_limit, model,
                                        program.request_lines)
        except ProtocolError as error:
            self.stream.record.uploaded = len(data)
            self.stream.bad_request(error)
            return
        if program.remembers and not self.frontend.strict:
            self.model = request
            block = data[:size] if size < len(data) else data
            frontend = self.frontend
            if self.first:
                self.stream.repeated = block == frontend.first_block
                if not is_secret(request):
                    frontend.first_block = block
                    frontend.model = request
            else:
                self.stream.repeated = block == self.block
            self.block = block
            self.outcome = None
        if self._begin_body(request, data, size):
            self.stream.begin(request)

    def _begin_body(self, request: Request, data: bytes, size: int) -> bool:
        """The body of a request whose head has `size` bytes. False: what is here of it is wrong."""
        body = self.body
        stream = self.stream
        if request.chunked or request.length > 0:
            try:
                body.begin(CHUNKED if request.chunked else SIZED, request.length)
                self.early = body.feed(data[size:]) if size < len(data) else b""
            except ProtocolError as error:
                stream.record.uploaded = len(data)
                stream.bad_request(error)
                return False
            self.owing = True
            self.data = body.excess
        else:
            body.begin(NO_BODY, 0)
            self.early = b""
            self.owing = False
            self.data = data[size:] if size < len(data) else b""
        self.phase = BUSY
        stream.record.uploaded = size
        return True

    def _inherit(self) -> None:
        """A connection's first request may be as that of the one before."""
        kept = self.frontend.kept
        if isinstance(kept, Heirloom):
            self.model = kept.model
            if kept.holds_for(self.stream.context.source):
                self.block = kept.block
                self.outcome = kept.outcome
                kept.used = self.reactor.now

    def remember(self, outcome: Outcome) -> None:
        model = self.model
        if model is not None:
            self.outcome = outcome
            if self.first and outcome.source is not None:
                self.frontend.kept = Heirloom(model, self.block, outcome, self.reactor.now)

    def _wait(self, data: bytes, known: int) -> None:
        """The head is not whole yet: `timeout http-request` holds from its first byte on, whatever comes behind it."""
        limit = self.frontend.http_request_time
        if limit == FOREVER:
            self._arm(self.frontend.client)
        elif not self.first and not known:
            self._arm(limit)
        self.data = data
        self.partial = True
        if self.unread:
            self.reactor.another(self)

    def _look_for_end(self) -> None:
        """The client has closed, or sent another request and then closed: only reading tells."""
        if not self.data:
            data = self.read(SMALL)
            if data is None:
                return
            self.data = data
            if not data:
                if self.failed:
                    self.stream.client_gone()
                else:
                    self.stream.client_ended()

    def upload(self) -> None:
        """Read the request's body and hand it on, as far as both sides go."""
        body = self.body
        stream = self.stream
        if self.early:
            payload, self.early = self.early, b""
            stream.upload(payload)
        for _ in range(ROUNDS):
            if body.done:
                self.owing = False
                stream.upload_end(body.trailers)
                return
            if stream.upload_blocked():
                return
            data: bytes | None
            if self.data:
                data, self.data = self.data, b""
            else:
                data = self.read(LARGE)
                if data is None:
                    return
                if not data:
                    stream.body_broken(True, None)
                    return
            try:
                payload = body.feed(data)
            except ProtocolError as error:
                stream.body_broken(False, error)
                return
            if payload:
                stream.upload(payload)
            if body.done:
                self.data = body.excess
                self.owing = False
                stream.upload_end(body.trailers)
                return
            if not self.unread and not self.data:
                return
        self.reactor.another(self)

    @property
    def request_done(self) -> bool:
        return not self.owing

    def gather(self, limit: int) -> bool:
        body = self.body
        while not body.done and len(self.early) < limit:
            data = self.read(limit - len(self.early))
            if data is None:
                return False
            if not data:
                self.stream.body_broken(True, None)
                return False
            try:
                self.early += body.feed(data)
            except ProtocolError as error:
                self.stream.body_broken(False, error)
                return False
            if body.done:
                self.data = body.excess
        return True

    def received(self) -> bytes:
        return self.early

    def drop_body(self) -> bool:
        self.early = b""
        if self.body.done:
            self.owing = False
        return not self.owing

    def left_over(self) -> bytes:
        """What came behind the request, for a tunnel."""
        data, self.data = self.data, b""
        return data

    # Responses.

    def begin_response(self, head: bytes, encoding: int) -> None:
        self.encoding = encoding
        self.push(head)

    def send_body(self, payload: bytes) -> int:
        """Push it, framed. Returns the bytes that go out."""
        data = chunk(payload) if self.encoding == CHUNKED else payload
        self.push(data)
        return len(data)

    def end_body(self, trailers: list[Field]) -> int:
        if self.encoding == CHUNKED:
            data = last_chunk(trailers)
            self.push(data)
            return len(data)
        return 0

    def new_connection(self, server: LiveServer, fd: int) -> H1Back:
        return H1Back(self.reactor, server, fd)

    # Between exchanges, and the end.

    def next(self, keep: bool) -> None:
        """The exchange is over: wait for the next request, or leave."""
        if self.fd < 0:
            self.phase = CLOSED
            return
        if not keep or not self.request_done or self.failed or self.frontend.program.room.stopping:
            self._leave()
            return
        self.phase = WAIT
        self.first = False
        limit = self.frontend.keep_alive
        if limit == FOREVER:
            limit = self.frontend.http_request_time
            if limit == FOREVER:
                limit = self.frontend.client
        if self.model is not None and limit > FORGETS:
            self.waits_until = self.reactor.now + limit
            limit = FORGETS
        self._arm(limit)
        if self.ending:
            self.unread = True
        if self.data or self.unread:
            self.reactor.another(self)

    def _leave(self) -> None:
        """Close; in two steps if the client may still be sending."""
        if self.failed or self.finished or self.body.done and not self.unread and not self.data:
            self.close()
            return
        self.phase = LINGER
        self.data = b""
        self.shut_write()
        self._arm(LINGERS)
        self.unread = True
        self._drain()

    def _drain(self) -> None:
        for _ in range(DRAINS):
            data = self.read(SMALL)
            if data is None:
                return
            if not data:
                self.close()
                return
        self.reactor.another(self)

    def _forget(self) -> None:
        """It has been idle for long: what it sent, which may hold cookies, is not kept."""
        self.model = self.outcome = None
        self.block = b""
        self._arm(self.waits_until - self.reactor.now)
        self.waits_until = 0

    def is_idle(self) -> bool:
        """Between two requests, with nothing of the next one received."""
        return self.phase == WAIT and not self.data

    def close(self) -> None:
        if self.phase != CLOSED:
            self.phase = CLOSED
            self.stream.close_own()
            Wire.close(self)
            self.frontend.closed(self.door)
