"""The client's side of HTTP/2: a connection, whose streams are exchanges that run at the same time (h2client.py).

      OPEN --soft stop, enough streams--> WARNED --what was under way has come--> PARTING
         '--timeout--> PARTING --the last stream is over--> LINGER --> CLOSED
         '--fault: all streams end with it------------------^

Who is warned (GOAWAY of the largest number, and a ping) opens no further streams; those that were under way have come
when the ping is answered, and are served. So a soft stop loses none.

An exchange that is over leaves its client, with its HttpStream, to the connection: the next one takes them up. So a
request costs the stream of HTTP/2 and little else. Those that are left are few, and given up when the connection has
been idle for a moment; what is remembered of its last request is dropped somewhat later.

What became of a request is remembered beside its header block: one that repeats is the same object (proto/hpack.py).
"""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core.epoch import EPOCH
from pointsman.net.reactor import Reactor
from pointsman.net.timers import NEVER
from pointsman.net.wire import BRIEF, LARGE, NOBODY, SMALL, Wire
from pointsman.proto.errors import UNANSWERED, ProtocolError
from pointsman.proto.h2 import (
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    NO_ERROR,
    PREFACE,
    PROTOCOL_ERROR,
    STREAM_CLOSED,
    H2Error,
)
from pointsman.proto.h2_fields import request_of
from pointsman.proto.h2_options import LOG_NONE, LOG_STREAM
from pointsman.proto.h2_stream import H2Stream
from pointsman.proto.hpack import Block
from pointsman.proto.hpack_memory import ENTRY
from pointsman.proto.message import Request
from pointsman.proto.unsafe import UNSAFE
from pointsman.sample.context import Session
from pointsman.sample.tracking import glitches_seen
from pointsman.stream.exchange import Exchange
from pointsman.stream.glitches import END, KILL
from pointsman.stream.h2client import H2Client
from pointsman.stream.h2connection import H2Connection
from pointsman.stream.http import HttpStream
from pointsman.stream.outcome import Outcome, SharedH2Outcome
from pointsman.stream.protocols import ClientProtocol
from pointsman.stream.proxies import CLOSE, FOREVER
from pointsman.stream.session import ClientSession
from pointsman.stream.sides import HttpFront

OPEN: Final = 0
WARNED: Final = 1  # the client knows that goodbye is near, and has been pinged
PARTING: Final = 2  # GOAWAY was sent: it ends with its last stream
LINGER: Final = 3  # all is said: what still comes is dropped, or a reset would destroy what was said last
CLOSED: Final = 4
RESTS: Final = 128  # ms without a stream after which a connection gives up what it keeps for the next one
FORGETS: Final = 10_000  # ms after which what is remembered of the last one is dropped
LINGERS: Final = 1_000  # ms
WARNS: Final = 1_000  # ms for the answer to the ping of a warning
_WARNING: Final = b"goodbye?"  # pings
_IDLE: Final = b"idle?..."
DRAINS: Final = 16  # reads of a go
_READS: Final = 4
_UNLOGGED: Final = (NO_ERROR, STREAM_CLOSED, FLOW_CONTROL_ERROR)  # as in the peer program
_NO_BLOCK: Final = Block([], 0, False, False)
_SPARES: Final = 16  # clients that wait for another exchange


@mypyc_attr(free_list_len=1)
class H2Front(H2Connection):
    def __init__(self, session: ClientSession, reactor: Reactor, wire: Wire) -> None:
        super().__init__(session, reactor, wire)
        self.phase = OPEN
        frontend = self.frontend = session.frontend
        self.clients: dict[H2Client, None] = {}  # those that have an exchange
        self.spare: list[H2Client] = []  # those that have had one
        self.block: Block | None = None  # of the last request
        self.ended = False  # it had no body
        self.outcome: Outcome | None = None  # of that
        self.extended = not frontend.program.h2_front.bogus_websocket  # RFC 8441 may be used
        self.lax = frontend.program.lax | UNSAFE if frontend.unsafe else frontend.program.lax
        self.half = False  # the client sends no more
        self.closing = False  # as soon as it carries nothing (option httpclose)
        self.waits_until = 0  # how long it may be without a stream (monotonic ms)
        self.renews = 0  # ms: whatever comes begins that anew
        self.idle_ping = session.bind_state.idle_ping  # ms
        self.heard = reactor.now  # when something came last (monotonic ms); kept where `idle_ping` says so
        self.glitches = 0  # those that the session knows of

    def start(self, pending: bytes) -> None:
        """The connection is open, and speaks HTTP/2. `pending`: what was received of it. Our SETTINGS wait for the
        client's first bytes: they go out with what these bring about."""
        self._wait_for_request(self.frontend.http_request_time)
        if self.idle_ping:
            self.reactor.wheel.arm(self.turn, self.reactor.now + self.idle_ping)
        if pending:
            self._take(pending)
            if self.endpoint.more:
                self.reactor.another(self.wire)

    # Reading.

    def readable(self) -> None:
        wire = self.wire
        if self.phase == LINGER:
            self._drain()
            return
        if wire.failed:
            self.lost()
            return
        if wire.going or self.half:
            return
        endpoint = self.endpoint
        if endpoint.more:
            self._take(b"")
        for _ in range(_READS):
            if wire.fd < 0 or self.is_clogged():
                return  # `drained` reads on
            if endpoint.more:
                break  # others are let go first
            data = wire.read(SMALL if not endpoint.receiving else LARGE if wire.plenty else BRIEF)
            if data is None:
                return
            if not data:
                self._end_came()
                return
            self._take(data)
            if not wire.unread and not endpoint.more:
                return
        self.reactor.another(wire)

    def again(self) -> None:
        self.readable()

    def _take(self, data: bytes) -> None:
        endpoint = self.endpoint
        if self.idle_ping:
            self.heard = self.reactor.now
        if self.renews and not self.clients and self.phase <= WARNED:
            self.waits_until = self.reactor.now + self.renews
        endpoint.take(data)
        if endpoint.failed:
            if self.wire.fd >= 0 and self.phase < LINGER:  # Behind a goodbye, what waits is still sent.
                self._fail()
        elif endpoint.has_more():
            self.write_soon()
            return  # what was counted is added up then
        self.facts.count()

    def _end_came(self) -> None:
        """The client sends no more. Exchanges whose requests are whole go on."""
        if self.wire.failed:
            self.lost()
            return
        self.half = True
        for client in list(self.clients):
            client.client_ended()
        if self.clients:
            self.write_soon()
        else:
            self._leave()

    def _fail(self) -> None:
        """What came is no HTTP/2, or a rule has hung up: the connection ends, and all that it carries."""
        endpoint = self.endpoint
        if endpoint.code not in _UNLOGGED and self.frontend.program.h2_front.log_errors != LOG_NONE:
            self._log_unread()
        endpoint.end_all()
        self._leave()

    def glitch_came(self) -> None:
        """What its frames have that they should not have is counted, and may be too much (manual 3.2)."""
        session = self.session
        found = self.endpoint.budget.glitches - self.glitches
        self.glitches += found
        session.glitches += found
        if session.tracked is not None:
            glitches_seen(session, found, self.reactor.now)
        glitches = self.frontend.program.h2_glitches
        if glitches is not None:
            verdict = glitches.verdict(self.glitches, glitches.front)
            if verdict == KILL:
                raise H2Error(ENHANCE_YOUR_CALM, "too many glitches")
            if verdict == END:
                self.stop()

    def exchanges(self) -> int:
        return len(self.clients)

    # Requests.

    def request_came(self, stream: H2Stream, block: Block, ended: bool) -> None:
        frontend = self.frontend
        session = self.session
        program = frontend.program
        known = block is self.block and ended == self.ended
        outcome = self.outcome if known else None
        if session.first:
            outcome = self._inherit(block, ended)
        if outcome is not None and outcome.version == EPOCH.number:
            client = self._begin(stream, block, ended)
            exchange = client.stream
            assert exchange is not None
            if outcome.noted is None or exchange.holds_again(outcome, outcome.noted):
                exchange.record.uploaded = block.size - ENTRY * len(block.fields)
                if not ended:
                    stream.expected = outcome.request.length
                self._go(exchange, None, outcome)
                return
            request = request_of(block, ended, self.extended, self.lax, program.field_limit)
        else:
            try:
                request = request_of(block, ended, self.extended, self.lax, program.field_limit)
            except ProtocolError as error:
                self._refuse(stream, block, ended, error)
                return
            client = self._begin(stream, block, ended)
            exchange = client.stream
            assert exchange is not None
        if request.upgrade or request.method == b"CONNECT":
            client.owing = False  # what follows the head is no body
        exchange.repeated = False
        if program.remembers and not frontend.strict:
            exchange.repeated = known
            if client.opens and not block.secret:
                exchange.repeated = block is frontend.h2_block
                frontend.h2_block = block
            self.block = block
            self.ended = ended
            self.outcome = None
        exchange.record.uploaded = block.size - ENTRY * len(block.fields)
        if not ended:
            stream.expected = request.length
        self._go(exchange, request, None)

    def _go(self, exchange: HttpStream, request: Request | None, outcome: Outcome | None) -> None:
        """A request begins. A bug ends its stream alone."""
        self.facts.request()
        try:
            if outcome is not None:
                exchange.begin_again(outcome)
            elif request is not None:
                exchange.begin(request)
        except Exception:
            self.reactor.fault(exchange)
            exchange.abandon()

    def _refuse(self, stream: H2Stream, block: Block, ended: bool, error: ProtocolError) -> None:
        """A head that is malformed: its stream is reset, or answered with what is wrong."""
        answers = error.status != UNANSWERED
        if not answers:
            self.endpoint.refuse(stream.number, PROTOCOL_ERROR)
            if self.frontend.program.h2_front.log_errors == LOG_STREAM:
                self._log_unread()
            return
        client = self._begin(stream, block, ended)
        exchange = client.stream
        assert exchange is not None
        self.facts.request()
        exchange.bad_request(error)

    def _log_unread(self) -> None:
        """A line about what could not be read as a request (tune.h2.log-errors)."""
        nowhere = H2Stream(0, 0, 0)
        nowhere.over = True
        exchange = self._begin(nowhere, _NO_BLOCK, True).stream
        assert exchange is not None
        exchange.refused_unread()

    def _inherit(self, block: Block, ended: bool) -> Outcome | None:
        """A connection's first request may be as that of the one before."""
        kept = self.frontend.h2_kept
        if (
            isinstance(kept, SharedH2Outcome)
            and kept.block is block
            and kept.ended == ended
            and not self.wire.early
            and kept.holds_for(self.session.source)
        ):
            self.block = block
            self.ended = ended
            self.outcome = kept.outcome
            kept.used = self.reactor.now
            return kept.outcome
        return None

    def remember(self, outcome: Outcome, block: Block, ended: bool) -> None:
        if block is self.block and ended == self.ended:
            self.outcome = outcome
        if outcome.source is not None and block is self.frontend.h2_block:
            self.frontend.h2_kept = SharedH2Outcome(block, ended, outcome, self.reactor.now)

    def _begin(self, flow: H2Stream, block: Block, ended: bool) -> H2Client:
        """A client for that stream, and an exchange whose first byte came."""
        spare = self.spare
        session = self.session
        if spare:
            client = spare.pop()
            exchange = client.stream
        else:
            client = H2Client(self)
            exchange = None
        if exchange is None:
            exchange = client.stream = HttpStream(self.reactor, session, client)
        client.take_up(flow, block, ended)
        client.opens = session.first
        self.clients[client] = None
        exchange.first_byte()
        exchange.context.client_stream = flow.number
        exchange.record.first = False  # as in the peer program: it shares its connection from the first one on
        session.first = False
        session.since = self.reactor.now  # the next one's idle time begins (manual 8.4, %Ti)
        return client

    # Streams that are over.

    def leave(self, client: HttpFront, keep: bool) -> None:
        assert isinstance(client, H2Client)
        self.clients.pop(client, None)
        if keep and self.phase <= WARNED and len(self.spare) < _SPARES:
            self.spare.append(client)
        else:
            self._part(client)
        if not self.clients:
            self._carries_nothing()

    def _part(self, client: H2Client) -> None:
        """It serves no other exchange."""
        stream = client.stream
        if stream is not None:
            client.stream = None  # they know each other: nobody else would free them soon
            self.session.note(stream.record)
            stream.part()

    def _carries_nothing(self) -> None:
        if self.wire.fd < 0:
            return
        if self.wire.failed:
            self.close()
        elif self.phase == PARTING and self.waits_until >= 0:
            self._await_end()
        elif self.phase == PARTING or self.half or self.endpoint.parting or self.endpoint.last >= self.endpoint.limit:
            self._leave()
        elif self.closing and self.phase <= WARNED:
            # Goodbye goes behind the answer: clients on the library h2 take none that comes behind it.
            self._wait(0)
        elif self.phase <= WARNED:
            limit = self.frontend.keep_alive
            self._wait_for_request(limit if limit != FOREVER else self.frontend.http_request_time)

    # Idleness.

    def _rest(self) -> None:
        """Time begins with `start`."""

    def _wait_for_request(self, limit: int) -> None:
        """For so many ms, whatever else comes meanwhile. Without such a limit, `timeout client` is one of silence."""
        self.renews = self.frontend.client if limit == FOREVER else 0
        self._wait(limit if limit != FOREVER else self.frontend.client)

    def _wait(self, limit: int) -> None:
        """For so many ms."""
        now = self.reactor.now
        self.waits_until = now + limit
        self.reactor.wheel.arm(self.wire, now + (limit if limit < RESTS else RESTS))

    def expired(self, now: int) -> None:
        if self.phase == LINGER:
            self.close()
        elif self.clients:
            return  # each has its own deadlines
        elif now < self.waits_until:
            self._idle_on(now)
        elif self.phase <= WARNED:
            self._bore()
        else:
            self._leave()

    def _idle_on(self, now: int) -> None:
        """It has been idle for a moment, or for long: then what it sent, which may hold cookies, is not kept."""
        if self.spare and self.session.own is None:
            for client in self.spare:
                self._part(client)
            self.spare.clear()
            source = self.session.source
            source.shown = b""  # what log lines have made of it
            source.shown_by = None
        forgets = self.session.since + FORGETS
        if now >= forgets:
            self.block = None
            self.outcome = None
            self.endpoint.decoder.forget()
        until = self.waits_until
        self.reactor.wheel.arm(self.wire, forgets if now < forgets < until and self.block is not None else until)

    # The end.

    def _bore(self) -> None:
        """It has been idle for too long: no further stream is taken. One that is in the middle of something is closed
        at once; else the client has some time to see it and to leave."""
        self.phase = PARTING
        self.endpoint.part(NO_ERROR)
        if self.endpoint.kept or self.endpoint.block_of:
            self._leave()
            return
        self.write_soon()
        self._await_end()

    def _await_end(self) -> None:
        """The client sees the goodbye, and leaves."""
        limit = self.frontend.client_fin
        self._wait(limit if limit != FOREVER else self.frontend.client)

    def stop(self) -> None:
        if self.phase == OPEN:
            self.phase = WARNED
            self.endpoint.warn()
            self.endpoint.ask(_WARNING)
            self.reactor.wheel.arm(self.turn, self.reactor.now + WARNS)
            self.write_soon()

    def _say_goodbye(self) -> None:
        """No further stream is taken; it ends with the last one."""
        if self.phase <= WARNED:
            self.phase = PARTING
            self.waits_until = -1
            self.endpoint.part(NO_ERROR)
            self.write_soon()
            if not self.clients:
                self._leave()

    def note_closing(self) -> None:
        process = self.frontend.program.process
        if self.frontend.mode == CLOSE:
            self.closing = True
        elif process.stopping and process.spread:
            self.stop()  # it was drawn

    def hang_up(self, flow: H2Stream) -> None:
        self.endpoint.leave(flow, ENHANCE_YOUR_CALM)
        self.endpoint.part(ENHANCE_YOUR_CALM)
        self.endpoint.stop()
        self.write_soon()

    def pong_came(self, payload: bytes) -> None:
        if payload == _WARNING:
            self._say_goodbye()

    def ping_due(self, now: int) -> None:
        wheel = self.reactor.wheel
        if self.phase == WARNED:
            self._say_goodbye()
        elif self.phase < LINGER and self.idle_ping:
            silent = now - self.heard
            if silent < self.idle_ping:
                wheel.arm(self.turn, self.heard + self.idle_ping)
            elif self.endpoint.pinged:
                self.lost()
            else:
                self.endpoint.ask(_IDLE)
                self.write_soon()
                wheel.arm(self.turn, now + self.idle_ping)

    def goaway_came(self, last: int, code: int) -> None:
        """The client opens no further streams."""
        if not self.clients:
            self._leave()

    def all_written(self) -> None:
        if self.phase == LINGER:
            self._shut()
        elif self.phase < LINGER and self.endpoint.failed:
            self._fail()
        elif self.half:
            self._give_up_waiting()

    def _give_up_waiting(self) -> None:
        """What waits now waits for credit, which a client that sends no more cannot give."""
        for client in list(self.clients):
            stream = client.stream
            if stream is not None and client.flow.waits:
                stream.client_gone()

    def _leave(self) -> None:
        """Close, behind what is still to be sent; in two steps if the client may still be sending."""
        if self.phase >= LINGER:
            return
        self.phase = LINGER
        self.reactor.wheel.arm(self.wire, self.reactor.now + LINGERS)
        self.endpoint.stop()
        self.write_soon()

    def _shut(self) -> None:
        """All is written."""
        wire = self.wire
        if wire.fd < 0:
            return
        if wire.failed or wire.finished:
            self.close()
            return
        self.facts.end()
        wire.end_write()
        wire.unread = True
        self._drain()

    def _drain(self) -> None:
        wire = self.wire
        for _ in range(DRAINS):
            data = wire.read(SMALL)
            if data is None:
                return
            if not data:
                self.close()
                return
        self.reactor.another(wire)

    # The wire.

    def drained(self) -> None:
        self.write()
        self.facts.count()
        wire = self.wire
        if wire.fd < 0 or wire.blocked:
            return
        for client in list(self.clients):
            client.credit_came(False)
        if (wire.unread or self.endpoint.more) and self.phase < LINGER and not wire.blocked:
            self.reactor.another(wire)

    def moved(self) -> None:
        for client in list(self.clients):
            stream = client.stream
            if stream is not None and client.flow.waits:
                stream.client_moved()

    def shaken(self) -> None:
        for client in list(self.clients):
            stream = client.stream
            if stream is not None:
                stream.handshake_over()

    def lost(self) -> None:
        self._give_up()
        self.close()

    def _give_up(self) -> None:
        """Nothing can be sent any more."""
        self.endpoint.stop()
        for client in list(self.clients):
            stream = client.stream
            if stream is not None:
                stream.client_gone()

    def broken(self) -> None:
        self.endpoint.stop()
        for client in list(self.clients):
            stream = client.stream
            if stream is not None:
                stream.abandon()
        self.close()

    def close(self) -> None:
        wire = self.wire
        if self.phase == CLOSED or wire.fd < 0:
            return
        self.phase = CLOSED
        self._give_up()
        self.clients.clear()
        for client in self.spare:
            self._part(client)
        self.spare.clear()
        self.reactor.wheel.disarm(self.turn)
        self.facts.end()
        wire.close()
        self.session.closed()

    # The client's connection.

    def streams(self) -> list[Exchange]:
        return [client.stream for client in self.clients if client.stream is not None]

    def is_idle(self) -> bool:
        return not self.clients and self.phase == OPEN

    def until(self) -> int:
        soonest = NEVER if self.clients else self.waits_until
        for stream in self.streams():
            soonest = min(soonest, stream.deadline)
            if stream.timer is not None:
                soonest = min(soonest, stream.timer.deadline)
        return soonest


def open_h2(session: ClientSession, reactor: Reactor, fd: int) -> H2Front:
    """A connection that speaks HTTP/2 from its first byte on."""
    wire = Wire(reactor, fd, NOBODY)
    reactor.add(wire)
    return H2Front(session, reactor, wire)


class H2Protocol(ClientProtocol):
    """HTTP/2, of who begins with its preface (RFC 9113 3.4)."""

    def __init__(self) -> None:
        super().__init__(PREFACE)

    def take_over(self, session: Session, wire: Wire, data: bytes) -> None:
        assert isinstance(session, ClientSession)
        session.routed = None  # all rules are asked of each of its streams (manual 4)
        H2Front(session, wire.reactor, wire).start(data)


H2: Final = H2Protocol()
