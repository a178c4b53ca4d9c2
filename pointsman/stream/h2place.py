"""The server of one exchange, where it speaks HTTP/2: a stream of a connection that others use as well (h2back.py).

What came with the stream's frames lies here and in the stream until the exchange takes it: heads, payload, an end. The
windows see to it that this is not much.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.net.duplex import Duplex
from pointsman.net.transport import REFUSED
from pointsman.net.wire import LARGE, Wire
from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1 import MAX_FIELDS
from pointsman.proto.h2 import CANCEL, PROTOCOL_ERROR
from pointsman.proto.h2_endpoint import H2Endpoint
from pointsman.proto.h2_fields import request_block, response_of, trailer_block
from pointsman.proto.h2_options import H2Options
from pointsman.proto.h2_stream import NO_USER, H2Stream, StreamUser
from pointsman.proto.h2_users import EndpointUser
from pointsman.proto.hpack import Block
from pointsman.proto.message import Field, Request, Response
from pointsman.proto.websocket import is_websocket, protocol_of, switched
from pointsman.server.backend import LiveServer
from pointsman.server.connection import Carried
from pointsman.server.shared import SharedConnection
from pointsman.stream.h2duplex import H2Duplex
from pointsman.stream.h2facts import H2Facts
from pointsman.stream.h2writer import H2Writer
from pointsman.stream.http import HttpStream
from pointsman.stream.outcome import Answer, Outcome
from pointsman.stream.shared import HttpPlace
from pointsman.stream.sides import CUT, ENOUGH, PARTIAL, WRONG

OPEN: Final = 0  # kinds of an answer: a body follows its head
BARE: Final = 1  # none does
_REMEMBERED: Final = 16  # heads of a connection, with what became of them
_LEAST: Final = 16_384  # bytes that are read of a client at once, be the window smaller


class H2Carrier(SharedConnection, EndpointUser):
    """What places know of their connection."""

    def __init__(self, server: LiveServer, wire: Wire, options: H2Options, head_limit: int, lax: int) -> None:
        super().__init__(server, wire, options.streams)
        self.options = options
        self.field_limit = MAX_FIELDS  # of a head
        self.lax = lax  # what is let pass that is wrong in heads (proto/unsafe.py)
        self.secure = wire.tls() is not None
        self.endpoint = H2Endpoint(self, options, True, head_limit, server.backend.h2)
        self.facts = H2Facts(self.endpoint)
        self.streams = self.facts
        self.writer = H2Writer(wire, self.endpoint, self.facts)
        self.taking = False  # what was read is being looked at
        self.awake: list[H2Place] = []  # something has come for them
        self.blocks: dict[Block, None] = {}  # final heads that came lately, on whichever stream, without a secret
        self.answers: dict[Block, Answer] = {}  # what became of those that came twice
        first = server.first_block
        kept = server.kept_answer
        if isinstance(kept, Answer) and kept.block is not None:  # of another connection
            first = kept.block
            self.answers[first] = kept
            kept.used = wire.reactor.now
        if first is not None:
            self.blocks[first] = None

    def wake(self, place: "H2Place") -> None:
        """Something has come for it: its exchange is to have a look, behind all that was read."""
        if not place.awake:
            place.awake = True
            self.awake.append(place)
            if not self.taking:
                self.wake_all()

    def wake_all(self) -> None:
        while self.awake:
            awake, self.awake = self.awake, []
            for place in awake:
                place.awake = False
                exchange = place.exchange
                if exchange is not None:
                    exchange.server_readable()

    def repeats(self, block: Block) -> bool:
        """A final head has come: had it come before?"""
        blocks = self.blocks
        if block in blocks:
            return True
        if not block.secret:
            if len(blocks) >= _REMEMBERED:
                oldest = next(iter(blocks))
                del blocks[oldest]
                self.answers.pop(oldest, None)
            blocks[block] = None
            if not self.served:
                self.target.first_block = block
        return False

    def remember(self, block: Block, answer: Answer) -> None:
        if block in self.blocks:
            self.answers[block] = answer
            if not self.served:
                answer.used = self.wire.reactor.now
                self.target.kept_answer = answer


@mypyc_attr(free_list_len=1)
class H2Place(HttpPlace, StreamUser):
    def __init__(self, exchange: Carried, back: H2Carrier) -> None:
        super().__init__(exchange)
        self.back = back
        self.flow: H2Stream | None = None  # opened by the request's head
        self.awake = False  # its exchange is going to have a look
        self.head_only = False  # the response to it has no body
        self.heads: list[Response] = []  # that came, and were not handed on
        self.block: Block | None = None  # the final one, as it came
        self.bare = False  # nothing came behind it
        self.again: Answer | None = None  # what became of the same bytes before
        self.repeated = False  # it came in the same bytes as another one of the connection
        self.begun = False  # some head has come
        self.fault: ProtocolError | None = None  # what is wrong with the response
        self.asks: Request | None = None  # for a tunnel by extended CONNECT (RFC 8441)
        # The server has not said yet whether that may be, or whether it takes so many at once: a body that it has begun
        # to get could not be sent again.
        self.waits_for_settings = False
        self.head = b""  # the header block that waits
        self.unsent = False  # in vain
        self.connects = False  # for any tunnel
        self.refused = False  # the server has none
        self.kept: bytes | None = None  # of the body, for rules
        self.tunnel: H2Duplex | None = None

    # What comes.

    def head_came(self, block: Block, ended: bool) -> None:
        back = self.back
        flow = self.flow
        assert flow is not None
        self.begun = True
        answer = back.answers.get(block)
        if answer is not None and (answer.kind == BARE) == ended and not self.head_only and not self.connects:
            self._final(flow, block, ended, answer.received, answer.response.length)
            self.again = answer
            back.wake(self)
            return
        try:
            response = response_of(block, ended, self.head_only, back.lax, back.field_limit)
        except ProtocolError as error:
            self.fault = error
            back.endpoint.refuse(flow.number, PROTOCOL_ERROR)
            back.wake(self)
            return
        if response.status >= 200:
            self._final(flow, block, ended, response.status, response.length)
            asked = self.asks
            if asked is not None and response.status < 300:
                response = switched(asked, response)
        self.heads.append(response)
        back.wake(self)

    def _final(self, flow: H2Stream, block: Block, ended: bool, status: int, length: int) -> None:
        """A final head, with what the server has said in it."""
        back = self.back
        flow.headed = True
        if self.connects and status < 300:
            flow.expected = -1  # what follows is no body
        elif self.head_only or status in (204, 304):
            flow.expected = 0
        elif length >= 0:
            flow.expected = length
        self.block = block
        self.bare = ended
        self.repeated = back.repeats(block)

    def number(self) -> int:
        return self.flow.number if self.flow is not None else 0

    def payload_came(self) -> None:
        tunnel = self.tunnel
        if tunnel is not None:
            tunnel.unread = True
            tunnel.weigh()  # what waited for a stream that is over waits no more
        self.back.wake(self)

    def reset_came(self, code: int) -> None:
        flow = self.flow
        stream = self.stream
        endpoint = self.back.endpoint
        if flow is not None and stream is not None and not (flow.ours or endpoint.failed or endpoint.parting):
            stream.context.server_reset = code
        self.payload_came()

    def credit_came(self, all_gone: bool) -> None:
        exchange = self.exchange
        if self.tunnel is not None:
            self.tunnel.weigh()
        if exchange is None:
            return
        if all_gone:
            exchange.server_drained()
        else:
            exchange.server_moved()

    # The request.

    def begin_request(self, request: Request, closing: bool, strict: bool, outcome: Outcome | None) -> int:
        back = self.back
        self.head_only = request.method == b"HEAD"
        self.connects = request.method == b"CONNECT"
        if request.upgrade and self._extends(request):
            self.connects = True
            self.asks = request
            if back.endpoint.set_up:
                return self._extended()
            self.waits_for_settings = True
            return 0
        if outcome is not None and outcome.block and outcome.secure == back.secure:
            block = outcome.block
        else:
            block = request_block(request, back.secure)
            if outcome is not None:
                outcome.block = block
                outcome.secure = back.secure
        ended = not request.chunked and request.length <= 0 and not self.connects
        stream = self.stream
        again = stream is not None and stream.replaying  # then its body is kept
        if not (ended or again or back.endpoint.set_up) and len(back.places) > 1:
            self.waits_for_settings = True
            self.head = block
            return len(block)
        return self._open(block, ended)

    def _open(self, block: bytes, ended: bool) -> int:
        endpoint = self.back.endpoint
        flow = self.flow = endpoint.open()
        flow.user = self
        return endpoint.send_head(flow, block, ended)

    def _extends(self, request: Request) -> bool:
        """It becomes an extended CONNECT: a WebSocket does, and what was one in front. Any other Upgrade is a wish that
        need not be fulfilled: without it, it is a request as others are."""
        return is_websocket(request) or request.major > 1 or self.back.endpoint.extended

    def _extended(self) -> int:
        """The server has said whether it takes an extended CONNECT."""
        request = self.asks
        back = self.back
        if request is None or not back.endpoint.extended:
            self.refused = True
            return 0
        size = self._open(request_block(request, back.secure, protocol_of(request)), False)
        back.writer.ask()
        return size

    def settings_came(self) -> None:
        """What the server can do is known now."""
        if not self.waits_for_settings:
            return
        self.waits_for_settings = False
        back = self.back
        endpoint = back.endpoint
        if endpoint.parting or len(endpoint.streams) >= back.most:
            self.unsent = True
        elif self.asks is not None:
            self._extended()
        else:
            self._open(self.head, False)
            back.writer.ask()
        if self.flow is None:
            back.wake(self)
        elif self.exchange is not None:
            self.exchange.server_drained()

    def send_body(self, payload: bytes) -> int:
        flow = self.flow
        assert flow is not None
        self.back.endpoint.send(flow, payload)
        return len(payload)

    def end_body(self, trailers: list[Field]) -> int:
        flow = self.flow
        if flow is not None and not flow.ending and not self.connects:
            self.back.endpoint.finish(flow, trailer_block(trailers) if trailers else b"")
        return 0

    def waits_to_begin(self) -> bool:
        return self.waits_for_settings

    def goes_unseen(self) -> bool:
        return False

    def take_unseen(self, source: Duplex, most: int) -> int:
        raise AssertionError("it was asked before")

    @property
    def takes(self) -> int:
        """So many bytes of the request's body may be read at once: they can go soon."""
        flow = self.flow
        if flow is None:
            return _LEAST
        return max(min(flow.window, self.back.endpoint.window, LARGE) - flow.waits, _LEAST)

    def is_blocked(self) -> bool:
        flow = self.flow
        if flow is None or flow.over:
            return True
        waits = flow.waits
        return waits > 0 and (self.back.wire.blocked or waits >= min(flow.window, self.back.endpoint.window, LARGE))

    def waits(self) -> bool:
        """Something of the request waits to be sent."""
        flow = self.flow
        return flow is not None and flow.waits > 0

    def flush(self) -> bool:
        back = self.back
        wire = back.wire
        if wire.failed or wire.fd < 0:
            return False
        if self.refused:
            back.wake(self)
        if wire.early:  # what is written now goes along with the hello
            return back.writer.write()
        back.writer.ask()
        return True

    # The response.

    def read_head(self) -> None:
        stream = self.stream
        assert stream is not None
        while not stream.download_blocked():
            answer = self.again
            if answer is not None:
                self.again = None
                if stream.repeats(answer):
                    if stream.answered_again(answer):
                        self.download()
                    return
                assert self.block is not None
                back = self.back
                self.heads.append(response_of(self.block, self.bare, self.head_only, back.lax, back.field_limit))
            if not self.heads:
                self._look_at_end(stream)
                return
            response = self.heads.pop(0)
            if response.status >= 200 or response.status == 101:
                if stream.answered(response):
                    self.download()
                return
            stream.interim(response)
            if self.exchange is not stream:
                return

    def _look_at_end(self, stream: HttpStream) -> None:
        """There is no head. Will one come?"""
        flow = self.flow
        fault = self.fault
        if fault is not None:
            stream.bad_response(fault)
        elif self.refused:
            stream.cannot_switch()
        elif self.unsent:
            stream.not_sent()
        elif flow is None and self.waits_for_settings and self.back.is_open:
            pass
        elif flow is None or flow.over:
            if self.back.wire.failed == REFUSED:
                stream.early_refused()
            elif flow is not None and flow.unseen:
                stream.not_looked_at()
            else:
                # A server that resets the stream has seen it: that is no old connection which has closed meanwhile.
                stream.no_response(self.begun or flow is not None and flow.reset >= 0, False)

    def download(self) -> None:
        stream = self.stream
        flow = self.flow
        assert stream is not None and flow is not None
        data = self.kept
        self.kept = None
        while not stream.download_blocked():
            if not data:
                data = self._piece(flow, stream.client.portion())
            if data is None:
                stream.pace()
                return
            last = flow.ended and not flow.inbox
            if data:
                stream.download(data, last and not flow.cut)
                if self.exchange is not stream:
                    return
                data = None
            if last:
                self._over(stream, flow)
                return
        self.kept = data

    def _piece(self, flow: H2Stream, most: int) -> bytes | None:
        back = self.back
        data = flow.take(most)
        if data:
            endpoint = back.endpoint
            endpoint.eaten(flow, len(data))
            if endpoint.out:
                back.writer.ask()
        return data

    def _over(self, stream: HttpStream, flow: H2Stream) -> None:
        """Nothing more comes: is it whole?"""
        if flow.cut:
            stream.response_cut(flow.malformed)
            return
        trailers = flow.trailers
        stream.response_over([] if trailers is None else trailers)

    def gather(self, limit: int) -> int:
        flow = self.flow
        assert flow is not None
        kept = self.kept or b""
        while len(kept) < limit:
            data = self._piece(flow, limit - len(kept))
            if not data:
                self.kept = kept
                if data is None:
                    return PARTIAL
                if flow.cut:
                    return WRONG if flow.ours else CUT
                return ENOUGH
            kept += data
        self.kept = kept
        return ENOUGH

    def held(self) -> int:
        return len(self.kept) if self.kept is not None else 0

    def is_whole(self) -> bool:
        flow = self.flow
        return flow is not None and flow.ended and not flow.cut and not flow.inbox

    def release(self) -> None:
        self.download()

    def wants_answer(self) -> bool:
        return self.repeated

    def remember(self, answer: Answer) -> None:
        flow = self.flow
        assert flow is not None
        block = answer.block = self.block
        answer.kind = BARE if self.bare else OPEN
        if block is not None:
            self.back.remember(block, answer)

    def may_switch(self, request: Request, response: Response) -> bool:
        return self.asks is not None

    def early(self) -> bytes:
        return b""

    def is_clean(self) -> bool:
        flow = self.flow
        return flow is not None and flow.done and not flow.cut

    # The place.

    def duplex(self) -> Duplex:
        tunnel = self.tunnel
        if tunnel is None:
            flow = self.flow
            assert flow is not None
            tunnel = self.tunnel = H2Duplex(self.back.writer, flow)
        return tunnel

    def look(self) -> None:
        wire = self.back.wire
        flow = self.flow
        if wire.fd < 0 or flow is None or flow.over:
            self.back.wake(self)
        else:
            wire.unread = True
            wire.reactor.another(wire)

    def part(self) -> None:
        """The exchange has no more to do with the stream."""
        flow = self.flow
        if flow is not None:
            flow.user = NO_USER

    def leave(self) -> None:
        flow = self.flow
        if flow is not None:
            flow.user = NO_USER
            self.back.endpoint.leave(flow, CANCEL)
            self.back.writer.ask()
