"""The server's side of HTTP/1: requests are written, responses are cut out of the bytes.

A connection is busy with one exchange from the request's head to the end of the response, then it may lie in the pool.
"""

from mypy_extensions import mypyc_attr

from pointsman.net.duplex import Duplex
from pointsman.net.transport import REFUSED
from pointsman.net.wire import BRIEF, LARGE, SMALL, Wire
from pointsman.proto.body import CHUNKED, NONE, SIZED, TO_CLOSE, Body, chunk, last_chunk
from pointsman.proto.errors import ProtocolError
from pointsman.proto.glitches import count_glitches
from pointsman.proto.h1 import RESPONSE_TOO_LARGE, check_switch, parse_response, split_head
from pointsman.proto.h1_render import request_bytes
from pointsman.proto.message import Field, Request, Response
from pointsman.proto.shape import shaped_response
from pointsman.proto.spelling import respelt
from pointsman.proto.unsafe import UNSAFE
from pointsman.proto.websocket import new_key
from pointsman.server.backend import LiveServer
from pointsman.server.connection import ServerConnection, Speaker
from pointsman.server.server import Server
from pointsman.stream.glitches import END, KILL, Glitches
from pointsman.stream.http import HttpStream
from pointsman.stream.outcome import Answer, Outcome
from pointsman.stream.proxies import BackendProxy
from pointsman.stream.sides import CUT, ENOUGH, PARTIAL, WRONG, HttpBack
from pointsman.stream.tunnel import ROUNDS


class H1Speaker(Speaker):
    """Connections to a server of HTTP/1."""

    def __init__(self, backend: BackendProxy) -> None:
        self.backend = backend

    def speak(self, server: Server, wire: Wire) -> ServerConnection:
        assert isinstance(server, LiveServer)
        made = H1Back(server, wire)
        made.body.unsafe = self.backend.unsafe
        return made


@mypyc_attr(free_list_len=1)
class H1Back(ServerConnection, HttpBack):
    def __init__(self, server: LiveServer, wire: Wire) -> None:
        super().__init__(server, wire)
        self.target = server
        self.data = b""  # received of a head that is not whole, or behind one that makes a tunnel
        self.body = Body()
        self.chunked = False  # how the request's body goes out
        self.head_only = False  # the response to it has no body
        self.websocket_key = b""  # the one that was made for a WebSocket whose client has none
        self.begun = False  # bytes of a response were received
        self.keeps = False  # the response allows another exchange
        self.repeated = False  # the response's head is the same as that of the one before
        self.model: Response | None = None  # the last response as it was received
        self.answer: Answer | None = None  # what became of a response's head in the same bytes as the last one
        self.raw = server.first_raw  # of the head that is being answered; at first of another connection's first one
        kept = server.kept
        if isinstance(kept, Answer):
            self.answer = kept
            self.model = kept.response
            kept.used = wire.reactor.now
        self.payload: bytes | None = None  # what is here of the response's body, without its framing, but not handed on

    # The request.

    def begin_request(self, request: Request, closing: bool, strict: bool, outcome: Outcome | None) -> int:
        self.chunked = request.chunked
        self.head_only = request.method == b"HEAD"
        self.begun = False
        self.payload = None
        self.data = b""
        if request.upgrade:
            self.websocket_key = new_key(request)
            if self.websocket_key:
                outcome = None  # its bytes are for this time alone
        if outcome is not None and outcome.wire:
            head = outcome.wire
        else:
            key = self.websocket_key if request.upgrade else b""
            head = request_bytes(request, close=closing, strict=strict, key=key)
            names = self.target.backend.spellings
            if names is not None:
                head = respelt(head, names)
            if outcome is not None:
                outcome.wire = head
        self.wire.push(head)
        return len(head)

    def send_body(self, payload: bytes) -> int:
        data = chunk(payload) if self.chunked else payload
        self.wire.push(data)
        return len(data)

    def end_body(self, trailers: list[Field]) -> int:
        if self.chunked:
            data = last_chunk(trailers)
            names = self.target.backend.spellings
            if names is not None:
                data = respelt(data, names)
            self.wire.push(data)
            return len(data)
        return 0

    def goes_unseen(self) -> bool:
        return not self.chunked and self.wire.straight()

    def take_unseen(self, source: Duplex, most: int) -> int:
        assert isinstance(source, Wire)
        return source.carry(self.wire, most)

    def is_blocked(self) -> bool:
        return self.wire.blocked or self.wire.failed != 0

    def flush(self) -> bool:
        wire = self.wire
        wire.flush()
        return not wire.failed

    def number(self) -> int:
        return self.served

    # The response.

    def read_head(self) -> None:
        """Until it is whole; interim responses are handed on."""
        stream = self.exchange
        assert isinstance(stream, HttpStream)
        while True:
            if stream.download_blocked():
                return
            data = self.wire.read(SMALL)
            if data is None:
                return
            if not data:
                if self.wire.failed == REFUSED:
                    stream.early_refused()
                else:
                    stream.no_response(self.begun, len(self.data) > 0)
                return
            self.begun = True
            known = len(self.data)
            if known:
                data = self.data + data
                self.data = b""
            try:
                if self._heads(stream, data, known):
                    return
            except ProtocolError as error:
                stream.bad_response(error)
                return
            if not self.wire.unread:
                return
            if len(data) >= SMALL:
                break
        self.wire.reactor.another(self.wire)

    def _heads(self, stream: HttpStream, data: bytes, known: int) -> bool:
        """True: the final head was found, or the stream is gone."""
        program = stream.frontend.program
        answer = self.answer
        if answer is not None and not known and data.startswith(answer.raw) and not self.head_only:
            if stream.repeats(answer):
                self._again(stream, answer, data[len(answer.raw) :])
                return True
        while True:
            response: Response | None = None
            odd = 0
            model = self.model or self.target.model
            if model is not None and not known:
                response = shaped_response(data, model, program.head_limit)
            if response is not None and response.shape is not None:
                size = response.shape.end
            else:
                size, response, odd = self._parse(stream, data, known, model)
                if response is None:
                    self.data = data
                    return False
            if size > program.weighs_from and program.too_heavy(response, size):
                raise ProtocolError(RESPONSE_TOO_LARGE, 502)
            raw = data[:size]
            self.repeated = raw == self.raw
            self.raw = raw
            data = data[size:]
            known = 0
            if odd:  # a head with glitches must be looked at again each time
                self.repeated = False
                self.raw = b""
                self.model = None
            elif program.remembers:
                if not self.served:
                    self.target.model = response
                    self.target.first_raw = raw
                self.model = response
            if response.status >= 200 or response.status == 101:
                break
            stream.interim(response)
            if self.exchange is not stream:
                return True
        self._whole(stream, response, data)
        return True

    def _whole(self, stream: HttpStream, response: Response, data: bytes) -> None:
        """A final head, and what came behind it."""
        kind = self._kind(response)
        self.body.begin(kind, response.length)
        self.keeps = kind != TO_CLOSE and not response.close and (response.minor > 0 or response.keep)
        if kind == CHUNKED and data and not stream.tunnelling:
            self.payload = self.body.feed(data)  # what is wrong here already spoils the whole response
        self.data = data
        response.empty = kind == NONE
        if stream.answered(response):
            self.data = b""
            self._go_on(stream, data)

    def _again(self, stream: HttpStream, answer: Answer, data: bytes) -> None:
        """A head in the same bytes as the last one, and what came behind it."""
        self.body.begin(answer.kind, answer.response.length)
        self.keeps = answer.keeps
        if answer.kind == CHUNKED and data:
            self.payload = self.body.feed(data)
        if stream.answered_again(answer):
            self._go_on(stream, data)

    def _go_on(self, stream: HttpStream, data: bytes) -> None:
        """The head is on its way to the client, the body follows. `data`: what came behind the head."""
        body = self.body
        if data or self.payload is not None or body.kind == NONE:
            if not self._feed(stream, data):
                return
        if body.done:
            if self.wire.unread and not self.wire.ending:
                self._over(stream)
            else:
                stream.response_over(body.trailers)
        elif self.wire.unread:
            self.download()
        else:
            stream.pace()

    def gather(self, limit: int) -> int:
        body = self.body
        wire = self.wire
        payload = self.payload
        try:
            if payload is None:
                payload = body.feed(self.data)
            self.data = b""
            while not body.done and len(payload) < limit:
                data = b"" if wire.finished else wire.read(limit - len(payload))
                if data is None:
                    return PARTIAL
                if not data:
                    return ENOUGH if not wire.failed and body.ended() else CUT
                payload += body.feed(data)
        except ProtocolError:
            return WRONG
        finally:
            self.payload = payload
        return ENOUGH

    def held(self) -> int:
        payload = self.payload
        return len(payload) if payload is not None else 0

    def is_whole(self) -> bool:
        return self.body.done

    def release(self) -> None:
        stream = self.exchange
        assert isinstance(stream, HttpStream)
        data, self.data = self.data, b""
        self._go_on(stream, data)
        if self.exchange is stream and self.wire.finished and not self.body.done:
            self._body_cut(stream)

    def may_switch(self, request: Request, response: Response) -> bool:
        try:
            check_switch(request, response, self.body.unsafe, self.websocket_key)
        except ProtocolError:
            return False
        return True

    def early(self) -> bytes:
        data, self.data = self.data, b""
        return data

    def wants_answer(self) -> bool:
        return self.repeated

    def _parse(
        self, stream: HttpStream, data: bytes, known: int, model: Response | None
    ) -> tuple[int, Response | None, int]:
        """A head's size, the head, and: is it such that it must be looked at again each time? None: needs more."""
        program = stream.frontend.program
        odd = 0
        try:
            size = split_head(data, known, program.head_limit, False)
            if not size:
                return 0, None, 0
            response = parse_response(
                data[:size], False, program.field_limit, model, program.response_lines, program.lax
            )
        except ProtocolError:
            if not self.body.unsafe:  # option accept-unsafe-violations-in-http-response
                raise
            odd = 1
            size = split_head(data, known, program.head_limit, False, True)
            if not size:
                return 0, None, 0
            response = parse_response(data[:size], False, program.field_limit, None, None, program.lax | UNSAFE)
        if program.glitches is not None:
            odd |= self._glitches(stream, program.glitches, response, data[:size])
        return size, response, odd

    def _glitches(self, stream: HttpStream, glitches: Glitches, response: Response, head: bytes) -> int:
        """Count those of a head. Raises ProtocolError where they are too many."""
        found = count_glitches(head, False)
        if found:
            self.glitches += found
            verdict = glitches.verdict(self.glitches, glitches.back)
            if verdict == KILL:
                raise ProtocolError("too many glitches", 502)
            if verdict == END:
                response.close = True
        stream.context.server_glitches = self.glitches
        return found

    def remember(self, answer: Answer) -> None:
        if self.model is None:
            return
        answer.raw = self.raw
        answer.kind = self.body.kind
        answer.keeps = self.keeps
        self.answer = answer
        if not self.served:
            answer.used = self.wire.reactor.now
            self.target.kept = answer

    def _kind(self, response: Response) -> int:
        """How its body is framed (RFC 9112 6.3)."""
        if self.head_only or response.status in (204, 304) or response.status < 200:
            return NONE
        if response.chunked:
            return CHUNKED
        return SIZED if response.length >= 0 else TO_CLOSE

    def _feed(self, stream: HttpStream, data: bytes) -> bool:
        """Bytes of the body. False: the stream has taken its leave."""
        payload = self.payload
        if payload is not None:  # it was looked at with the head
            self.payload = None
        else:
            try:
                payload = self.body.feed(data)
            except ProtocolError:
                stream.response_cut(True)
                return False
        if payload:
            stream.download(payload, self.wire.unread and self._goes_unseen(stream))
        return self.exchange is stream

    def download(self) -> None:
        """Read the response's body and hand it on, as far as both sides go."""
        stream = self.exchange
        assert isinstance(stream, HttpStream)
        for _ in range(ROUNDS):
            if self.wire.going or stream.download_blocked():
                return
            if self._goes_unseen(stream):
                if not self._carry_body(stream):
                    return
            elif not self._read_body(stream):
                return
        self.wire.reactor.another(self.wire)

    def _goes_unseen(self, stream: HttpStream) -> bool:
        """So much of the body is at hand that it had better go through the pipe, and it may."""
        return self.wire.plenty and self.body.unframed(BRIEF) and stream.download_straight()

    def _read_body(self, stream: HttpStream) -> bool:
        """A piece of the response's body. True: there may be more at once."""
        body = self.body
        size = SMALL if body.kind == SIZED and body.left < SMALL else LARGE if self.wire.plenty else BRIEF
        takes = stream.client.portion()
        data = self.wire.read(size if size < takes else takes)
        if data is None:
            return False
        if not data:
            self._body_cut(stream)
            return False
        if not self._feed(stream, data):
            return False
        if body.done:
            self._over(stream)
            return False
        return self.wire.unread

    def _carry_body(self, stream: HttpStream) -> bool:
        """The same, unseen."""
        body = self.body
        size = stream.download_unseen(self.wire, body.at_most(LARGE))
        if size == 0:
            self._body_cut(stream)
        if size <= 0:
            return False
        body.skip(size)
        stream.downloaded(size)
        if self.exchange is not stream:
            return False
        if body.done:
            self._over(stream)
            return False
        return True

    def _over(self, stream: HttpStream) -> None:
        """All of the body is here. What a full read cannot tell: did the server send more than that?"""
        body = self.body
        if self.wire.unread and not body.excess:
            body.excess = self.wire.read(SMALL) or b""
        stream.response_over(body.trailers)

    def _body_cut(self, stream: HttpStream) -> None:
        """The server sends no more."""
        if self.wire.failed or not self.body.ended():
            stream.response_cut(False)
        else:
            stream.response_over(self.body.trailers)

    def is_clean(self) -> bool:
        """One gate for reuse: nothing unsent, nothing in excess or unread, no hang-up seen, no fault."""
        wire = self.wire
        return (
            self.keeps
            and not wire.out
            and not self.body.excess
            and not wire.unread
            and not wire.ending
            and not wire.finished
            and not wire.failed
            and not wire.shutting
        )
