"""The server's side of HTTP/1: requests are written, responses are cut out of the bytes.

A connection is busy with one exchange from the request's head to the end of the response, then it may lie in the pool.
"""

from pointsman.net.reactor import Reactor
from pointsman.net.wire import BRIEF, LARGE, ROUNDS, SMALL
from pointsman.proto.body import CHUNKED, NONE, SIZED, TO_CLOSE, Body, chunk, last_chunk
from pointsman.proto.errors import ProtocolError
from pointsman.proto.glitches import count_glitches
from pointsman.proto.h1 import RESPONSE_TOO_LARGE, parse_response, split_head
from pointsman.proto.message import Field, Response
from pointsman.proto.shape import shaped_response
from pointsman.proto.unsafe import UNSAFE
from pointsman.server.backend import LiveServer
from pointsman.stream.glitches import END, KILL, Glitches
from pointsman.stream.http import HttpStream
from pointsman.stream.outcome import Answer
from pointsman.stream.sides import HttpBack


class H1Back(HttpBack):
    def __init__(self, reactor: Reactor, server: LiveServer, fd: int) -> None:
        super().__init__(reactor, server, fd)
        self.target = server
        self.data = b""  # received of a head that is not whole
        self.body = Body()
        self.chunked = False  # how the request's body goes out
        self.head_only = False  # the response to it has no body
        self.begun = False  # bytes of a response were received
        self.keeps = False  # the response allows another exchange
        self.model: Response | None = None  # the last response as it was received
        self.answer: Answer | None = None  # what became of a response's head in the same bytes as the last one
        self.raw = server.first_raw  # of the head that is being answered; at first of another connection's first one
        kept = server.kept
        if isinstance(kept, Answer):
            self.answer = kept
            self.model = kept.response
            kept.used = reactor.now
        self.early: bytes | None = None  # payload that came with the head of a chunked response
        self.glitches = 0

    # The request.

    def begin_request(self, head: bytes, chunked: bool, head_only: bool) -> None:
        self.chunked = chunked
        self.head_only = head_only
        self.begun = False
        self.early = None
        self.data = b""
        self.push(head)

    def send_body(self, payload: bytes) -> int:
        data = chunk(payload) if self.chunked else payload
        self.push(data)
        return len(data)

    def takes_raw(self) -> bool:
        return not self.chunked

    def end_body(self, trailers: list[Field]) -> int:
        if self.chunked:
            data = last_chunk(trailers)
            self.push(data)
            return len(data)
        return 0

    # The response.

    def read_head(self) -> None:
        """Until it is whole; interim responses are handed on."""
        stream = self.user
        assert isinstance(stream, HttpStream)
        while True:
            if stream.download_blocked():
                return
            data = self.read(SMALL)
            if data is None:
                return
            if not data:
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
            if not self.unread:
                return
            if len(data) >= SMALL:
                break
        self.reactor.another(self)

    def _heads(self, stream: HttpStream, data: bytes, known: int) -> bool:
        """True: the final head was found, or the stream is gone."""
        program = stream.frontend.program
        answer = self.answer
        if (
            answer is not None
            and not known
            and not self.head_only
            and data.startswith(answer.raw)
            and stream.repeats(answer)
        ):
            self.body.begin(answer.kind, answer.response.length)
            self.keeps = answer.keeps
            data = data[len(answer.raw) :]
            if answer.kind == CHUNKED and data:
                self.early = self.body.feed(data)
            stream.answered_again(answer, data)
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
            if stream.connection is not self:
                return True
        kind = self._kind(response)
        self.body.begin(kind, response.length)
        self.keeps = kind != TO_CLOSE and not response.close and (response.minor > 0 or response.keep)
        if kind == CHUNKED and data and not stream.tunnelling:
            self.early = self.body.feed(data)  # what is wrong here already spoils the whole response
        stream.answered(response, data)
        return True

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
            answer.used = self.reactor.now
            self.target.kept = answer

    def _kind(self, response: Response) -> int:
        """How its body is framed (RFC 9112 6.3)."""
        if self.head_only or response.status in (204, 304) or response.status < 200:
            return NONE
        if response.chunked:
            return CHUNKED
        return SIZED if response.length >= 0 else TO_CLOSE

    def feed(self, data: bytes) -> bool:
        stream = self.user
        assert isinstance(stream, HttpStream)
        early = self.early
        if early is not None:  # it was looked at with the head
            self.early = None
            payload = early
        else:
            try:
                payload = self.body.feed(data)
            except ProtocolError:
                stream.response_cut(True)
                return False
        if payload:
            stream.download(payload, self.unread and self._goes_unseen(stream))
        return stream.connection is self

    def download(self) -> None:
        """Read the response's body and hand it on, as far as both sides go."""
        stream = self.user
        assert isinstance(stream, HttpStream)
        for _ in range(ROUNDS):
            if self.going or stream.download_blocked():
                return
            if self._goes_unseen(stream):
                if not self._carry_body(stream):
                    return
            elif not self._read_body(stream):
                return
        self.reactor.another(self)

    def _goes_unseen(self, stream: HttpStream) -> bool:
        """So much of the body is at hand that it had better go through the pipe, and it may."""
        return self.plenty and self.body.unframed(BRIEF) and stream.download_straight()

    def _read_body(self, stream: HttpStream) -> bool:
        """A piece of the response's body. True: there may be more at once."""
        body = self.body
        data = self.read(SMALL if body.kind == SIZED and body.left < SMALL else LARGE if self.plenty else BRIEF)
        if data is None:
            return False
        if not data:
            self._body_cut(stream)
            return False
        if not self.feed(data):
            return False
        if body.done:
            self._over(stream)
            return False
        return self.unread

    def _carry_body(self, stream: HttpStream) -> bool:
        """The same, unseen."""
        body = self.body
        size = self.carry(stream.client, body.at_most(LARGE))
        if size == 0:
            self._body_cut(stream)
        if size <= 0:
            return False
        body.skip(size)
        stream.downloaded(size)
        if stream.connection is not self:
            return False
        if body.done:
            self._over(stream)
            return False
        return True

    def _over(self, stream: HttpStream) -> None:
        """All of the body is here. What a full read cannot tell: did the server send more than that?"""
        body = self.body
        if self.unread and not body.excess:
            body.excess = self.read(SMALL) or b""
        stream.response_over(body.trailers)

    def _body_cut(self, stream: HttpStream) -> None:
        """The server sends no more."""
        if self.failed or not self.body.ended():
            stream.response_cut(False)
        else:
            stream.response_over(self.body.trailers)

    def body_kind(self) -> int:
        return self.body.kind

    @property
    def body_done(self) -> bool:
        return self.body.done

    def trailers(self) -> list[Field]:
        return self.body.trailers

    @property
    def clean(self) -> bool:
        """One gate for reuse: nothing unsent, nothing in excess or unread, no hang-up seen, no fault."""
        return (
            self.keeps
            and not self.out
            and not self.body.excess
            and not self.unread
            and not self.ending
            and not self.finished
            and not self.failed
            and not self.shutting
        )
