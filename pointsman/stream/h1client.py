"""The client's side of HTTP/1, while an exchange is under way: a request's body, and how responses look on the wire.

How requests are cut out of the bytes, and what is between two of them, stands in h1front.py.
"""

from typing import Final

from pointsman.net.duplex import Duplex
from pointsman.net.reactor import Reactor
from pointsman.net.wire import BRIEF, LARGE, Wire, WireUser
from pointsman.proto.body import CHUNKED, SIZED, TO_CLOSE, Body, chunk, last_chunk
from pointsman.proto.body import NONE as NO_BODY
from pointsman.proto.errors import ProtocolError
from pointsman.proto.glitches import count_glitches
from pointsman.proto.h1_render import interim, response_head
from pointsman.proto.message import Field, Request, Response
from pointsman.proto.spelling import respelt
from pointsman.rules.pages import unread_page
from pointsman.rules.reply import Reply
from pointsman.sample.context import Context
from pointsman.sample.tracking import glitches_seen
from pointsman.stream.glitches import END, KILL, Glitches
from pointsman.stream.http import HttpStream
from pointsman.stream.outcome import Answer
from pointsman.stream.session import ClientSession
from pointsman.stream.sides import HttpFront

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
UNREAD: Final = b"HTTP/1.1 %d %b\r\nContent-length: %d\r\nCache-Control: no-cache\r\n%bContent-Type: text/html\r\n\r\n"
CLOSES: Final = b"Connection: close\r\n"
BODILESS: Final = Body()  # of all connections whose requests have none


class H1Client(HttpFront, WireUser):
    def __init__(self, session: ClientSession, reactor: Reactor, fd: int, wire: Wire | None) -> None:
        """`wire`: of another side, which hands it over; None: one is made of the descriptor."""
        super().__init__(session)
        if wire is None:
            wire = Wire(reactor, fd, self)
            reactor.add(wire)
        else:
            wire.user = self
        self.wire = wire
        self.reactor = reactor
        self.frontend = session.frontend
        self.data = b""  # received, not yet used
        self.body = BODILESS
        self.owing = False  # the end of the request's body has not been handed on
        self.begun = b""  # payload that came with the head
        self.minor = 1  # of the client's HTTP/1.x, as its last request says
        self.encoding = NO_BODY  # how the response's body goes out

    def failure(self) -> int:
        return self.wire.failed

    def wake(self) -> HttpStream:
        """Its stream, which is made if there is none."""
        raise NotImplementedError

    def note_glitches(self, glitches: Glitches, request: Request, head: bytes) -> int:
        """Count those of a request's head. Raises ProtocolError where they are too many."""
        found = count_glitches(head, True)
        if found:
            self.session.glitches += found
            if self.session.tracked is not None:
                glitches_seen(self.session, found, self.session.bind_state.process.reactor.now)
            verdict = glitches.verdict(self.session.glitches, glitches.front)
            if verdict == KILL:
                raise ProtocolError("too many glitches")
            if verdict == END:
                request.close_after = True
        return found

    # The request's body.

    def upload(self) -> None:
        """Read the request's body and hand it on, as far as both sides go."""
        body = self.body
        stream = self.wake()
        if stream.upload_waits():
            return
        if self.begun:
            payload, self.begun = self.begun, b""
            stream.upload(payload)
        while True:
            if body.done:
                self.owing = False
                stream.upload_end(body.trailers)
                if self.wire.ending:
                    self.reactor.another(self.wire)
                return
            if self.wire.going or stream.upload_blocked():
                return
            if self.wire.plenty and not self.data and body.unframed(BRIEF) and stream.upload_straight():
                size = self._carry_body(stream)
            else:
                size = self._read_body(stream)
            if size < 0:
                return
            if not body.done:
                if not self.wire.unread and not self.data:
                    return
                if size >= BRIEF:
                    break
        self.reactor.another(self.wire)

    def _read_body(self, stream: HttpStream) -> int:
        """A piece of the request's body. Returns its size; -1: there is nothing now, or no more."""
        body = self.body
        data: bytes | None
        if self.data:
            data, self.data = self.data, b""
        else:
            most = LARGE if self.wire.plenty else BRIEF
            takes = stream.upload_takes()
            data = self.wire.read(most if most < takes else takes)
            if data is None:
                return -1
            if not data:
                stream.body_broken(True, None)
                return -1
        try:
            payload = body.feed(data)
        except ProtocolError as error:
            stream.body_broken(False, error)
            return -1
        if payload:
            stream.upload(payload)
        if body.done:
            self.data = body.excess
        return len(data)

    def _carry_body(self, stream: HttpStream) -> int:
        """The same, unseen."""
        body = self.body
        size = stream.upload_unseen(self.wire, body.at_most(LARGE))
        if size > 0:
            body.skip(size)
            stream.uploaded(size)
        elif size == 0:
            stream.body_broken(True, None)
            return -1
        return size

    @property
    def request_done(self) -> bool:
        return not self.owing

    def gather(self, limit: int) -> bool:
        body = self.body
        while not body.done and len(self.begun) < limit:
            data = self.wire.read(limit - len(self.begun))
            if data is None:
                return False
            if not data:
                self.wake().body_broken(True, None)
                return False
            try:
                self.begun += body.feed(data)
            except ProtocolError as error:
                self.wake().body_broken(False, error)
                return False
            if body.done:
                self.data = body.excess
        return True

    def received(self) -> bytes:
        return self.begun

    def drop_body(self) -> bool:
        self.begun = b""
        if self.body.done:
            self.owing = False
        return not self.owing

    def early(self) -> bytes:
        data, self.data = self.data, b""
        return data

    def expect(self) -> None:
        self.wire.push(_CONTINUE)
        self.wire.flush()

    def ends_after(self, request: Request) -> bool:
        return request.close or request.close_after or not (request.minor or request.keep)

    # Responses.

    def interim(self, response: Response) -> int:
        if not self.minor:
            return 0
        head = self._spelt(interim(response, self.frontend.strict))
        self.wire.push(head)
        return len(head)

    def _spelt(self, head: bytes) -> bytes:
        """With the names of its fields as clients want them who do not know that case means nothing."""
        names = self.frontend.spellings
        return head if names is None else respelt(head, names)

    def frame(self, response: Response, bodiless: bool) -> bool:
        if bodiless or response.empty:
            self.encoding = NO_BODY
        elif response.chunked:
            if not self.minor:
                self.encoding = TO_CLOSE
                return True
            self.encoding = CHUNKED
        elif response.length >= 0:
            self.encoding = SIZED
        else:
            self.encoding = TO_CLOSE
            return True
        return False

    def begin_response(self, response: Response, closing: bool, answer: Answer | None) -> int:
        """A response to HEAD, and a 304, keep the framing fields that they would have with a body."""
        minor = self.minor
        if answer is not None and answer.closing == closing and answer.minor == minor and answer.wire:
            head = answer.wire
        else:
            head = response_head(
                response.status,
                response.reason,
                response.fields,
                minor=response.minor,
                client_minor=minor,
                length=response.length,
                chunked=response.chunked and self.encoding != TO_CLOSE,
                close=closing,
                strict=self.frontend.strict,
                head=response,
            )
            if self.frontend.spellings is not None:
                head = self._spelt(head)
            if answer is not None:
                answer.wire = head
                answer.closing = closing
                answer.minor = minor
        self.wire.push(head)
        return len(head)

    def switch(self, response: Response) -> int:
        head = response_head(
            response.status,
            response.reason,
            response.fields,
            minor=response.minor,
            client_minor=self.minor,
            tunnel=response.status != 101,
            strict=self.frontend.strict,
        )
        head = self._spelt(head)
        self.encoding = NO_BODY
        self.wire.push(head)
        return len(head)

    def reply(self, response: Response, content: bytes, closing: bool) -> int:
        head = response_head(
            response.status,
            response.reason,
            response.fields,
            length=response.length,
            client_minor=self.minor,
            close=closing,
        )
        head = self._spelt(head)
        self.wire.push(head + content)
        return len(head) + len(content)

    def cut(self) -> None:
        self.wire.cut = True

    def reply_unread(self, status: int, page: Reply | None, context: Context) -> int:
        if page is not None:
            response, content = page.render(context)
            head = response_head(response.status, response.reason, response.fields, length=len(content), close=True)
            head = self._spelt(head)
        else:
            status, reason, content, closes = unread_page(status)
            head = UNREAD % (status, reason, len(content), CLOSES if closes else b"")
        self.wire.push(head + content)
        return len(head) + len(content)

    def send_body(self, payload: bytes) -> int:
        data = chunk(payload) if self.encoding == CHUNKED else payload
        self.wire.push(data)
        return len(data)

    def end_body(self, trailers: list[Field]) -> int:
        if self.encoding == CHUNKED:
            data = self._spelt(last_chunk(trailers))
            self.wire.push(data)
            return len(data)
        return 0

    def goes_unseen(self) -> bool:
        return self.encoding in (SIZED, TO_CLOSE) and self.wire.straight()

    def take_unseen(self, source: Duplex, most: int) -> int:
        assert isinstance(source, Wire)
        return source.carry(self.wire, most)

    # Its state.

    def duplex(self) -> Duplex:
        return self.wire

    def is_blocked(self) -> bool:
        return self.wire.blocked

    def is_open(self) -> bool:
        return self.wire.fd >= 0

    def has_pending(self) -> bool:
        return len(self.wire.out) > 0

    def drop_pending(self) -> None:
        self.wire.drop()

    def flush(self) -> bool:
        wire = self.wire
        wire.flush()
        return not wire.failed

    def disappear(self, ttl: int) -> None:
        self.wire.disappear(ttl)
