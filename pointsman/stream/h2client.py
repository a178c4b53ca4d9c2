"""The client of one exchange of HTTP/2: a stream of its connection (h2front.py), as an HttpStream sees it.

What an exchange sends waits in the stream of HTTP/2 until the end of the reactor's turn, when the connection writes
what all of them have. What fits the windows counts as sent then; an exchange whose last bytes do not fit waits for
credit (`has_pending`). So a small answer costs no second look.

      take_up --> the request's body, the response --> next: back to the connection, for another exchange
"""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.net.duplex import Duplex
from pointsman.net.wire import LARGE, SMALL
from pointsman.proto.h2 import CANCEL, NO_ERROR, REFUSED_STREAM
from pointsman.proto.h2_fields import response_block, trailer_block
from pointsman.proto.h2_stream import NO_USER, H2Stream, StreamUser
from pointsman.proto.hpack import Block, coded_pair
from pointsman.proto.message import Field, Request, Response, field
from pointsman.rules.pages import unread_page
from pointsman.rules.reply import Reply
from pointsman.sample.context import Context
from pointsman.stream.h2connection import H2Connection
from pointsman.stream.h2duplex import H2Duplex
from pointsman.stream.http import HttpStream
from pointsman.stream.outcome import Answer, Outcome
from pointsman.stream.phases import GATHER, LAST
from pointsman.stream.sides import HttpFront

_CONTINUE: Final = coded_pair(b":status", b"100")
_NO_STREAM: Final = H2Stream(0, 0, 0)
# Bytes that may wait for the end of a turn, whatever the windows would take: of one exchange, of all of a connection
# together. Each may have a read's.
_MOST: Final = 262_144
_MOST_OF_ALL: Final = 2_097_152
_NO_TRAILERS: Final[list[Field]] = []


@mypyc_attr(free_list_len=1)
class H2Client(HttpFront, StreamUser):
    def __init__(self, connection: H2Connection) -> None:
        super().__init__(connection.session)
        self.connection = connection
        self.endpoint = connection.endpoint
        self.wire = connection.wire
        self.flow = _NO_STREAM
        self.stream: HttpStream | None = None  # which serves one exchange after the other
        self.opens = False  # it is the first one of its connection
        self.block: Block | None = None  # the request's
        self.ended = False  # it has no body
        self.owing = False  # the end of the request's body has not been handed on
        self.begun = b""  # of the body, kept for rules
        self.held = False  # it was said to be blocked: somebody waits for credit
        self.tunnel: H2Duplex | None = None
        self.code = CANCEL  # by which a stream is reset whose answer is not whole

    def take_up(self, flow: H2Stream, block: Block, ended: bool) -> None:
        """The next exchange is that of this stream."""
        flow.user = self
        self.flow = flow
        self.block = block
        self.ended = ended
        self.owing = not ended
        self.begun = b""
        self.held = False
        self.code = CANCEL

    # What comes.

    def head_came(self, block: Block, ended: bool) -> None:
        """Requests have one head; trailers are told by payload_came."""

    def payload_came(self) -> None:
        stream = self.stream
        if stream is None:
            return
        tunnel = self.tunnel
        if tunnel is not None:
            tunnel.unread = True
            stream.pump_up()
        elif stream.phase == GATHER:
            stream.go_on_gathering()
        elif self.owing and stream.takes_body:
            self.upload()

    def reset_came(self, code: int) -> None:
        stream = self.stream
        if stream is not None:
            tunnel = self.tunnel
            if tunnel is not None:
                tunnel.finished = True
            stream.context.client_reset = self.flow.reset
            if self.flow.malformed and self.owing and stream.takes_body:
                stream.body_broken(False, None)
            else:
                stream.client_gone()

    def credit_came(self, all_gone: bool) -> None:
        stream = self.stream
        if stream is None:
            return
        tunnel = self.tunnel
        if tunnel is not None:
            waited = len(tunnel.out) > 0
            tunnel.weigh()
            if waited and not tunnel.out:
                stream.client_drained()
            else:
                stream.client_moved()
        elif self.held:
            if not self.is_blocked():
                self.held = False
                stream.client_drained()
            else:
                stream.client_moved()
        elif stream.phase == LAST:
            if not self.has_pending():
                stream.client_drained()
            else:
                stream.client_moved()

    def client_ended(self) -> None:
        """The client's connection sends no more, though it may take what comes."""
        stream = self.stream
        if stream is None or self.flow.over:
            return
        tunnel = self.tunnel
        if tunnel is not None and not self.flow.ended:
            tunnel.finished = True
            stream.client_gone()
        elif not self.flow.ended:
            stream.body_broken(True, None)
        else:
            stream.client_ended()

    # The request's body.

    def ends_after(self, request: Request) -> bool:
        return False

    def received_block(self) -> object:
        return self.block

    @property
    def request_done(self) -> bool:
        return not self.owing

    def upload(self) -> None:
        stream = self.stream
        flow = self.flow
        if stream is None or stream.upload_waits():
            return
        if self.begun:
            payload, self.begun = self.begun, b""
            stream.upload(payload)
        while self.owing and flow is self.flow and not stream.upload_blocked():
            data = flow.take(stream.upload_takes())
            if data is None:
                return
            if data:
                self._eaten(flow, len(data))
                stream.upload(data)
            elif flow.over:
                return
            else:
                self._end_upload(stream, flow)
                return

    def _end_upload(self, stream: HttpStream, flow: H2Stream) -> None:
        trailers = flow.trailers
        self.owing = False
        stream.upload_end(_NO_TRAILERS if trailers is None else trailers)

    def _eaten(self, flow: H2Stream, size: int) -> None:
        """So much of its body was taken: the client may send more."""
        self.endpoint.eaten(flow, size)
        self.connection.write_soon()

    def gather(self, limit: int) -> bool:
        flow = self.flow
        while len(self.begun) < limit:
            data = flow.take(limit - len(self.begun))
            if not data:
                return data is not None
            self._eaten(flow, len(data))
            self.begun = self.begun + data if self.begun else data
        return True

    def received(self) -> bytes:
        return self.begun

    def drop_body(self) -> bool:
        self.begun = b""
        flow = self.flow
        while self.owing:
            data = flow.take(LARGE)
            if not data:
                break
            self._eaten(flow, len(data))
        if flow.ended:
            self.owing = False
        return not self.owing

    def expect(self) -> None:
        self.endpoint.send_head(self.flow, _CONTINUE, False)
        self.connection.write_soon()

    def early(self) -> bytes:
        return b""

    def remember(self, outcome: Outcome) -> None:
        block = self.block
        if block is not None:
            self.connection.remember(outcome, block, self.ended)

    # The response.

    def _head(self, block: bytes, ended: bool) -> int:
        flow = self.flow
        if flow.over or flow.ending:
            return 0
        self.connection.write_soon()
        return self.endpoint.send_head(flow, block, ended)

    def _final_head(self, block: bytes, ended: bool, closing: bool) -> int:
        """`closing`: HTTP/1 would close the connection."""
        if closing:
            self.connection.note_closing()
        return self._head(block, ended)

    def interim(self, response: Response) -> int:
        return self._head(response_block(response), False)

    def frame(self, response: Response, bodiless: bool) -> bool:
        return False

    def begin_response(self, response: Response, closing: bool, answer: Answer | None) -> int:
        if answer is None:
            block = response_block(response)
        else:
            block = answer.coded
            if not block:
                block = answer.coded = response_block(response)
        stream = self.stream
        bodiless = stream is not None and stream.bodiless
        ended = bodiless or response.empty or not response.length and not response.chunked
        return self._final_head(block, ended, closing)

    def switch(self, response: Response) -> int:
        return self._head(response_block(response, response.status != 101), False)

    def send_body(self, payload: bytes) -> int:
        self.endpoint.send(self.flow, payload)
        self.connection.write_soon()
        return len(payload)

    def end_body(self, trailers: list[Field]) -> int:
        flow = self.flow
        if not flow.ending:
            self.endpoint.finish(flow, trailer_block(trailers) if trailers else b"")
            self.connection.write_soon()
        return 0

    def reply(self, response: Response, content: bytes, closing: bool) -> int:
        size = self._final_head(response_block(response), not content, closing)
        if content and size:
            size += self.send_body(content)
            self.end_body(_NO_TRAILERS)
        return size

    def cut(self) -> None:
        """`next` tells by a reset: its end was not sent."""

    def reply_unread(self, status: int, page: Reply | None, context: Context) -> int:
        if page is not None:
            response, content = page.render(context)
        else:
            response = Response()
            response.status, response.reason, content, _ = unread_page(status)
            response.length = len(content)
            response.fields = [
                field(b"content-length", b"%d" % len(content)),
                field(b"cache-control", b"no-cache"),
                field(b"content-type", b"text/html"),
            ]
        return self.reply(response, content, True)

    def goes_unseen(self) -> bool:
        return False

    def take_unseen(self, source: Duplex, most: int) -> int:
        raise AssertionError("it was asked before")

    # Its state.

    def duplex(self) -> Duplex:
        tunnel = self.tunnel
        if tunnel is None:
            tunnel = self.tunnel = H2Duplex(self.connection.turn, self.flow)
        return tunnel

    def failure(self) -> int:
        return self.wire.failed

    def look_behind(self) -> None:
        """Nothing of it lies anywhere unseen."""

    def is_blocked(self) -> bool:
        """As soon as what waits is all that may go. So each stream has some in memory, however small its window is, and
        is told when that has gone."""
        flow = self.flow
        if flow.over:
            return True
        waits = flow.waits
        if self.wire.blocked or waits and (waits >= self._share() or waits >= min(flow.window, self.endpoint.window)):
            self.held = True
            return True
        return False

    def _share(self) -> int:
        """Bytes that may wait for the end of a turn, whatever the windows would take: all streams share what their
        connection may have."""
        share = _MOST_OF_ALL // max(len(self.endpoint.streams), 1)
        return _MOST if share > _MOST else share if share > SMALL else SMALL

    def portion(self) -> int:
        flow = self.flow
        credit = min(flow.window, self.endpoint.window)
        size = min(credit, self._share()) - flow.waits
        return size if size > SMALL else SMALL

    def has_pending(self) -> bool:
        flow = self.flow
        waits = flow.waits
        return waits > 0 and (self.wire.blocked or waits > min(flow.window, self.endpoint.window))

    def drop_pending(self) -> None:
        self.flow.drop()

    def flush(self) -> bool:
        self.connection.write_soon()
        return not self.flow.over and self.wire.fd >= 0

    def is_open(self) -> bool:
        return not self.flow.over and self.wire.fd >= 0

    def is_partial(self) -> bool:
        return False

    def repeats(self) -> None:
        self.code = REFUSED_STREAM

    def hang_up(self) -> None:
        self.connection.hang_up(self.flow)

    def disappear(self, ttl: int) -> None:
        self.wire.disappear(ttl)
        self.connection.write_soon()  # which finds that it is gone

    def next(self, keep: bool) -> None:
        """What was not ended in both directions is given up."""
        flow = self.flow
        if flow is _NO_STREAM:
            return
        self.flow = _NO_STREAM
        self.block = None
        self.tunnel = None
        flow.user = NO_USER
        if not flow.over and not flow.done:
            if not flow.ending or not flow.ended:
                self.endpoint.leave_behind(flow, NO_ERROR if flow.ending else self.code)
            self.connection.write_soon()
        self.connection.leave(self, keep)
