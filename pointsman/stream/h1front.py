"""The client's side of HTTP/1: requests are cut out of the bytes. Their bodies, and responses: h1client.py.

      WAIT --head whole--> BUSY --exchange over--> WAIT, or LINGER, or CLOSED

One HttpStream serves the exchanges of the connection, one after the other. What a client sends behind a request
(pipelining) stays in the kernel, or in `data` if it came in the same read, until the response is over.

A connection that waits needs little. So it has no stream before its first byte comes, and has none again once it has
been idle for a moment (`_rest`); what outlives that stands in the session, and `wake` makes a stream of it. The
busy ones, whose next request comes sooner, notice nothing of it.

      exchange over --RESTS--> no stream --FORGETS--> nothing of the last request --timeout--> closed
"""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core.columns import NOTHING, TLS_FAILED
from pointsman.core.epoch import EPOCH
from pointsman.net.reactor import Reactor
from pointsman.net.timers import NEVER
from pointsman.net.transport import Transport
from pointsman.net.wire import SMALL, Wire
from pointsman.proto.body import CHUNKED, SIZED, Body
from pointsman.proto.body import NONE as NO_BODY
from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1 import REQUEST_TOO_LARGE, is_secret, parse_request, split_head
from pointsman.proto.message import Request
from pointsman.proto.shape import shaped_request
from pointsman.proto.unsafe import UNSAFE
from pointsman.sample.context import Context
from pointsman.stream.acceptor import ANY, HTTP_2
from pointsman.stream.connections import ClientConnection
from pointsman.stream.exchange import Exchange
from pointsman.stream.h1client import BODILESS, H1Client
from pointsman.stream.h2front import H2
from pointsman.stream.handover import hand_over
from pointsman.stream.http import HttpStream
from pointsman.stream.outcome import Outcome, SharedOutcome
from pointsman.stream.phases import GATHER, TUNNEL
from pointsman.stream.protocols import ClientProtocol
from pointsman.stream.proxies import FOREVER
from pointsman.stream.session import ClientSession

WAIT: Final = 0
BUSY: Final = 1
LINGER: Final = 2
CLOSED: Final = 3
RESTS: Final = 128  # ms between two requests after which a connection gives its stream up
FORGETS: Final = 10_000  # ms between two requests after which what is remembered of the last one is dropped
LINGERS: Final = 1_000  # ms: what a client still sends is read and dropped, or a reset would destroy the answer
DRAINS: Final = 16  # reads of a go


@mypyc_attr(free_list_len=1)
class H1Front(H1Client, ClientConnection):
    def __init__(self, session: ClientSession, reactor: Reactor, fd: int, wire: Wire | None = None) -> None:
        super().__init__(session, reactor, fd, wire)
        self.phase = WAIT
        self.fixed = False  # no other protocol may begin
        self.partial = False  # `data` is a head that is not whole, and was looked at
        self.model: Request | None = None  # the last request as it was received
        self.block = b""  # the bytes of the last head that has an outcome
        self.outcome: Outcome | None = None
        self.waits_until = 0  # how long it may be idle after an exchange (monotonic ms)
        self.stream: HttpStream | None = None

    def start(self, pending: bytes) -> None:
        """The connection is open. `pending`: bytes that came behind a PROXY header."""
        limit = self.frontend.http_request_time
        self._arm(limit if limit != FOREVER else self.frontend.client)
        if pending:
            self._begin(pending)

    def take_up(self, raw: Context, logged: bool) -> None:
        """The connection was raw until now: what rules have made of it goes on with its first request. `logged`: its
        line is written already."""
        stream = self.wake()
        context = stream.context
        context.source, context.destination = raw.source, raw.destination
        context.variables, raw.variables = raw.variables, {}
        context.charge, raw.charge = raw.charge, 0
        context.tracked, raw.tracked = raw.tracked, None
        context.limits = raw.limits
        context.request_captures, context.response_captures = raw.request_captures, raw.response_captures
        context.server_mark, context.server_tos = raw.server_mark, raw.server_tos
        context.record.level = raw.record.level
        stream.logged = logged

    def secure(self, transport: Transport) -> None:
        """The connection is open, and its bytes pass through that: its handshake comes first."""
        self.wire.secure(transport)
        if self.frontend.handshake_time > 0:
            self.reactor.wheel.arm(self.wire, self.session.accepted + self.frontend.handshake_time)

    def opened(self) -> None:
        if not self.session.secured(self.wire.tls(), self.reactor.now):
            self.wire.cut = True
            self.close()
            return
        if self.wire.early and not self.frontend.early_data:
            self.frontend.early_data = True  # from now on its decisions look out for that
            self.frontend.plan = None
        if self._speaks_h2():
            self._become(H2, b"")
        else:
            self.start(b"")

    def _speaks_h2(self) -> bool:
        """The handshake has found HTTP/2, or the bind line says so."""
        proto = self.session.bind_state.proto
        if proto == ANY:
            tls = self.session.tls
            return tls is not None and tls.alpn == b"h2"
        return proto == HTTP_2

    def shaken(self) -> None:
        if self.phase == BUSY:
            self.wake().handshake_over()

    def not_shaken(self) -> None:
        self.session.bind_state.climb(TLS_FAILED, NOTHING)

    def not_opened(self, error: int) -> None:
        self._not_secured(False)

    def _not_secured(self, timed_out: bool) -> None:
        """Its handshake has failed."""
        transport = self.wire.transport
        assert transport is not None
        self.session.not_secured(transport, timed_out, self.reactor.now)
        self.close()

    def wake(self) -> HttpStream:
        """Its stream, which is made if there is none."""
        stream = self.stream
        if stream is None:
            stream = self.stream = HttpStream(self.reactor, self.session, self)
        return stream

    def _rest(self) -> None:
        """Give the stream up, unless it has what only this connection may use."""
        stream = self.stream
        session = self.session
        if stream is None or session.own is not None or session.variables:
            return
        session.note(stream.record)
        self.stream = None
        stream.part()
        self.body = BODILESS
        session.source.shown = b""  # what log lines have made of it
        session.source.shown_by = None

    def _arm(self, limit: int) -> None:
        self.reactor.wheel.arm(self.wire, self.reactor.now + limit)

    # Events.

    def readable(self) -> None:
        phase = self.phase
        if phase == WAIT:
            self._go_on()
            if self.wire.ending and self.phase == BUSY:
                self.reactor.another(self.wire)  # the end stands behind the request
        elif phase == BUSY:
            stream = self.wake()
            if stream.phase == TUNNEL:
                stream.pump_up()
            elif self.wire.failed:
                stream.client_gone()
            elif stream.phase == GATHER:
                self._gather(stream)
            elif not self.request_done:
                if stream.takes_body:
                    self.upload()
                elif self.wire.ending:
                    stream.client_ended()
            elif self.wire.ending:
                stream.client_ended()
        elif phase == LINGER:
            self._drain()

    def _gather(self, stream: HttpStream) -> None:
        """Rules wait: the body is kept for them, and behind it the end may stand."""
        stream.go_on_gathering()
        if self.wire.ending and self.phase == BUSY:
            if stream.phase != GATHER:
                self.reactor.another(self.wire)
            elif self.body.done:
                stream.client_ended()

    def again(self) -> None:
        self.readable()

    def look_behind(self) -> None:
        if self.wire.ending and self.phase == BUSY:
            self.reactor.another(self.wire)

    def drained(self) -> None:
        if self.phase == BUSY:
            self.wake().client_drained()

    def moved(self) -> None:
        if self.phase == BUSY:
            self.wake().client_moved()

    def lost(self) -> None:
        if self.phase == LINGER:
            self.close()
        else:
            self.wake().client_gone()

    def expired(self, now: int) -> None:
        if self.wire.shaking and not self.wire.early:
            self._not_secured(True)
        elif self.phase == WAIT and (self.session.first or self.data):
            stream = self.wake()
            stream.record.uploaded = len(self.data)
            stream.request_expired(self.session.first, self.session.first and not self.data)
        elif self.phase == WAIT:
            if now < self.waits_until:
                self._idle_on(now)
            else:
                self.next(False)
        elif self.phase == LINGER:
            self.close()

    def broken(self) -> None:
        self.wake().abandon()

    # Requests.

    def _go_on(self) -> None:
        """What came behind the last request first, then what can be read."""
        if self.data and not self.partial:
            data, self.data = self.data, b""
            self._begin(data)
        else:
            self._read_request()

    def _begin(self, data: bytes) -> None:
        """The first bytes of a request."""
        stream = self.stream
        if stream is None:
            stream = self.wake()
        stream.first_byte()
        self._take(stream, data)

    def _read_request(self) -> None:
        data = self.wire.read(SMALL)
        if data is None:
            return
        if not data:
            if self.data or self.session.first:
                stream = self.wake()
                stream.record.uploaded = len(self.data)
                stream.request_aborted(not self.data)
            else:
                self.close()
            return
        if self.data:
            data = self.data + data
            self._take(self.wake(), data)
        else:
            self._begin(data)

    def _take(self, stream: HttpStream, data: bytes) -> None:
        """Bytes from the beginning of a head on."""
        known = len(self.data)
        self.data = b""
        self.partial = False
        program = self.frontend.program
        if self.session.first and self._begins(data, known):
            return
        outcome = self.outcome
        if (
            outcome is not None
            and not known
            and data.startswith(self.block)
            and outcome.version == EPOCH.number
            and (outcome.noted is None or stream.holds_again(outcome, outcome.noted))
        ):
            if self._begin_body(stream, outcome.request, data, len(self.block)):
                stream.begin_again(outcome)
            return
        model = self.model or self.frontend.model
        request: Request | None = None
        odd = 0
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
                request = parse_request(
                    data[:size], self.frontend.strict, program.field_limit, model, program.request_lines, program.lax
                )
                if program.glitches is not None:
                    odd = self.note_glitches(program.glitches, request, data[:size])
            if size > program.weighs_from and program.too_heavy(request, size):
                raise ProtocolError(REQUEST_TOO_LARGE, 431)
        except ProtocolError as error:
            odd = 1
            size, request = self._tolerated(stream, data, known, error)
            if request is None:
                return
        if odd:  # a head with glitches must be looked at again each time
            self.model = self.outcome = None
            self.block = b""
            stream.repeated = False
        elif program.remembers and not self.frontend.strict:
            self._learn(stream, request, data[:size] if size < len(data) else data)
        if self._begin_body(stream, request, data, size):
            stream.begin(request)

    def _begins(self, data: bytes, known: int) -> bool:
        """The first bytes of a connection. True: they are the preface of another protocol, or may become that."""
        if not known:
            self._inherit()
        if self.fixed or self.session.bind_state.proto != ANY:
            return False
        for protocol in self.frontend.protocols:
            if data.startswith(protocol.preface):
                self._become(protocol, data)
                return True
            if protocol.preface.startswith(data):
                self._wait(data, known)
                return True
        return False

    def _become(self, protocol: ClientProtocol, data: bytes) -> None:
        """Another side has the connection from now on."""
        stream = self.stream
        self.phase = CLOSED
        if stream is not None:
            self.stream = None
            stream.part()
        hand_over(protocol, self.session, self.wire, data)

    def _learn(self, stream: HttpStream, request: Request, block: bytes) -> None:
        """The next head may be like this one."""
        self.model = request
        frontend = self.frontend
        if self.session.first:
            stream.repeated = block == frontend.first_block
            if not is_secret(request):
                frontend.first_block = block
                frontend.model = request
        else:
            stream.repeated = block == self.block
        self.block = block
        self.outcome = None

    def _tolerated(
        self, stream: HttpStream, data: bytes, known: int, error: ProtocolError
    ) -> tuple[int, Request | None]:
        """The size of a head that was refused, and what it means, where option accept-unsafe-violations-in-http-request
        accepts it. None: it stays refused, or is not whole."""
        program = self.frontend.program
        try:
            if not self.frontend.unsafe:
                raise error
            size = split_head(data, known, program.head_limit, True, True)
            if not size:
                self._wait(data, known)
                return 0, None
            request = parse_request(data[:size], False, program.field_limit, None, None, program.lax | UNSAFE)
            if program.too_heavy(request, size):
                raise ProtocolError(REQUEST_TOO_LARGE, 431)
            return size, request
        except ProtocolError:
            stream.record.uploaded = len(data)
            stream.bad_request(error)
            return 0, None

    def _begin_body(self, stream: HttpStream, request: Request, data: bytes, size: int) -> bool:
        """The body of a request whose head has `size` bytes. False: what is here of it is wrong."""
        body = self.body
        if request.chunked or request.length > 0:
            if body is BODILESS:
                body = self.body = Body()
                body.unsafe = self.frontend.unsafe
            try:
                body.begin(CHUNKED if request.chunked else SIZED, request.length)
                self.begun = body.feed(data[size:]) if size < len(data) else b""
            except ProtocolError as error:
                stream.record.uploaded = len(data)
                stream.bad_request(error)
                return False
            self.owing = True
            self.data = body.excess
        else:
            if body is not BODILESS:
                body.begin(NO_BODY, 0)
            self.begun = b""
            self.owing = False
            self.data = data[size:] if size < len(data) else b""
        self.phase = BUSY
        self.minor = request.minor
        self.takes_interim = request.minor > 0
        stream.record.uploaded = size
        return True

    def _inherit(self) -> None:
        """A connection's first request may be as that of the one before."""
        kept = self.frontend.kept
        if isinstance(kept, SharedOutcome) and not self.wire.early:
            self.model = kept.model
            if kept.holds_for(self.session.source):
                self.block = kept.block
                self.outcome = kept.outcome
                kept.used = self.reactor.now

    def remember(self, outcome: Outcome) -> None:
        model = self.model
        if model is not None:
            self.outcome = outcome
            if self.session.first and outcome.source is not None:
                self.frontend.kept = SharedOutcome(model, self.block, outcome, self.reactor.now)

    def _wait(self, data: bytes, known: int) -> None:
        """The head is not whole yet: `timeout http-request` holds from its first byte on, whatever comes behind it."""
        limit = self.frontend.http_request_time
        if limit == FOREVER:
            self._arm(self.frontend.client)
        elif not self.session.first and not known:
            self._arm(limit)
        self.data = data
        self.partial = True
        if self.wire.unread:
            self.reactor.another(self.wire)

    # The client's connection.

    def of_session(self) -> ClientSession:
        return self.session

    def descriptor(self) -> int:
        return self.wire.fd

    def streams(self) -> list[Exchange]:
        return [self.stream] if self.stream is not None else []

    def shown(self) -> Exchange:
        return self.stream or HttpStream(self.reactor, self.session, self)

    # Between exchanges, and the end.

    def next(self, keep: bool) -> None:
        """The exchange is over: wait for the next request, or leave."""
        self.session.since = self.reactor.now
        if self.wire.fd < 0:
            self.phase = CLOSED
            return
        process = self.frontend.program.process
        if not keep or not self.request_done or self.wire.failed or process.stopping and not process.spread:
            self._leave()
            return
        self.phase = WAIT
        self.session.first = False
        limit = self.frontend.keep_alive
        if limit == FOREVER:
            limit = self.frontend.http_request_time
            if limit == FOREVER:
                limit = self.frontend.client
        self.waits_until = self.reactor.now + limit
        self._arm(limit if limit < RESTS else RESTS)
        if self.wire.ending:
            self.wire.unread = True
        if self.data or self.wire.unread:
            self.reactor.another(self.wire)

    def _leave(self) -> None:
        """Close; in two steps if the client may still be sending."""
        wire = self.wire
        read = self.body.done and not wire.unread and not self.data and not wire.early
        if wire.failed or wire.finished or read and not wire.out:
            self.close()
            return
        self.phase = LINGER
        self.data = b""
        wire.end_write()
        self._arm(LINGERS)
        self.wire.unread = True
        self._drain()

    def _drain(self) -> None:
        for _ in range(DRAINS):
            data = self.wire.read(SMALL)
            if data is None:
                return
            if not data:
                self.close()
                return
        self.reactor.another(self.wire)

    def _idle_on(self, now: int) -> None:
        """It has been idle for a moment, or for long: then what it sent, which may hold cookies, is not kept."""
        self._rest()
        forgets = self.session.since + FORGETS
        if now >= forgets:
            self.model = self.outcome = None
            self.block = b""
        until = self.waits_until
        self.reactor.wheel.arm(self.wire, forgets if now < forgets < until and self.model is not None else until)

    def until(self) -> int:
        if self.phase == BUSY:
            stream = self.stream
            if stream is None:
                return NEVER
            return stream.deadline if stream.timer is None else min(stream.deadline, stream.timer.deadline)
        return self.waits_until if self.is_idle() and not self.session.first else self.wire.deadline

    def named(self, stream: Exchange) -> object:
        return self

    def is_idle(self) -> bool:
        return self.phase == WAIT and not self.data

    def is_partial(self) -> bool:
        return self.phase != WAIT or len(self.data) > 0

    def look(self) -> None:
        self.wire.unread = True
        self.readable()

    def close(self) -> None:
        if self.phase != CLOSED:
            self.phase = CLOSED
            stream = self.stream
            if stream is not None:
                self.stream = None  # they know each other: nobody else would free them soon
                stream.part()
            self.wire.close()
            self.session.closed()
