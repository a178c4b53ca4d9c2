"""What a body passes on its way: an ordered list of consumers for each direction of an exchange. No I/O.

      begin: each has its say about the head --> feed, feed, ... --> end --> over
                                                   |
                                                   '-- an error, or somebody leaves: abort

Where a consumer may change the length, that goes from the head, and each side frames what comes as its client or server
understands it. Where nobody wants to see the body there is no chain, and payload may pass unseen.

Payload is drawn from the end of the chain: a consumer is fed only when those behind it have nothing left to give, and
the chain is asked only while the side takes something. So each place holds no more than what one feed has given, of a
piece of PORTION bytes at most; a consumer that makes very much of little gives that in portions (`holding`, `more`).
"""

from pointsman.proto.consumer import PORTION, RESIZES, UNSEEN, BodyConsumer, BodyError
from pointsman.proto.message import Field, Head, Request, Response


class _Stage:
    """A consumer, and what it is to be fed."""

    def __init__(self, consumer: BodyConsumer, portioned: bool) -> None:
        self.consumer = consumer
        self.portioned = portioned  # it is fed in pieces of PORTION bytes at most
        self.waiting = b""  # for it
        self.at = 0  # so much of that was fed
        self.ending = False  # no more comes than what waits
        self.ended = False  # it knows that
        self.over = False  # it gives no more
        self.passed = False  # the next one knows that
        self.trailers: list[Field] = []

    def add(self, payload: bytes) -> None:
        self.waiting = self.waiting[self.at :] + payload if self.waiting else payload
        self.at = 0

    def finish(self, trailers: list[Field]) -> None:
        self.ending = True
        self.trailers = trailers

    def give(self) -> bytes:
        """The next payload; nothing: that needs more, or `over`."""
        consumer = self.consumer
        while not self.over:
            if consumer.holding:
                payload = consumer.more()
                assert payload, "a consumer holds nothing and says that it does"
                return payload
            if self.waiting:
                piece = self._piece()
                payload = piece if consumer.finished else consumer.feed(piece)
                if payload:
                    return payload
            elif not self.ending:
                break
            elif self.ended or consumer.finished:
                self.over = True
            else:
                self.ended = True
                payload, self.trailers = consumer.end(self.trailers)
                if payload:
                    return payload
        return b""

    def _piece(self) -> bytes:
        payload = self.waiting
        start = self.at
        self.at = end = start + PORTION
        if not self.portioned or self.consumer.finished or end >= len(payload):
            self.waiting = b""
            self.at = 0
            return payload[start:] if start else payload
        return payload[start:end]

    def is_busy(self) -> bool:
        return len(self.waiting) > 0 or self.consumer.holding or self.ending and not self.over


class BodyChain:
    """The consumers of one message, in the order in which its body passes them."""

    def __init__(self) -> None:
        self.consumers: list[BodyConsumer] = []  # before their say
        self.stages: list[_Stage] = []
        self.begun = False
        self.over = False  # all was fed, and all was given
        self.trailers: list[Field] = []  # behind that
        self.left = -1  # bytes that the head has promised and that were not given yet; -1: it has promised nothing
        self.unfed = -1  # the same of bytes that were not fed

    def add(self, consumer: BodyConsumer) -> None:
        """Behind the others; once it has begun, without a say: it leaves the length."""
        if self.begun:
            self.stages.append(_Stage(consumer, False))
        else:
            self.consumers.append(consumer)

    def begin(self, head: Head, resizable: bool) -> int:
        """Their say: UNSEEN where nobody wants to see the body, RESIZES where somebody may change its length. Raises
        BodyError."""
        what = UNSEEN
        while self.consumers:
            consumer = self.consumers[0]
            say = consumer.begin(head, resizable)
            del self.consumers[0]
            assert resizable or say != RESIZES, "the length of this message must stay"
            if say != UNSEEN:
                self.stages.append(_Stage(consumer, say == RESIZES))
                what = max(what, say)
        self.begun = True
        if what != RESIZES and not head.chunked:
            self.left = self.unfed = head.length
        return what

    def feed(self, payload: bytes) -> None:
        if self.unfed >= 0:
            self.unfed -= len(payload)
        self.stages[0].add(payload)

    def end(self, trailers: list[Field]) -> None:
        """All of the body was fed."""
        self.stages[0].finish(trailers)

    def next(self) -> bytes:
        """The next payload that goes on; nothing: there is none now, or it is `over`. Raises BodyError."""
        stages = self.stages
        last = len(stages) - 1
        at = last
        while at >= 0:
            stage = stages[at]
            payload = stage.give()
            if payload:
                if at == last:
                    return self._given(payload)
                at += 1
                stages[at].add(payload)
            elif stage.over and not stage.passed:
                stage.passed = True
                if at == last:
                    self._end(stage.trailers)
                    break
                at += 1
                stages[at].finish(stage.trailers)
            else:
                at -= 1
        return b""

    def _given(self, payload: bytes) -> bytes:
        """Whoever reads the message believes its head."""
        if self.left >= 0:
            self.left -= len(payload)
            if self.left < 0:
                raise BodyError("a body became longer than its head says")
        return payload

    def _end(self, trailers: list[Field]) -> None:
        if self.left > 0:
            raise BodyError("a body became shorter than its head says")
        self.over = True
        self.trailers = trailers

    def is_busy(self) -> bool:
        """It may give something without being fed."""
        for stage in self.stages:
            if stage.is_busy():
                return True
        return False

    def passes(self) -> bool:
        """Nobody in it wants to see more of the body, and nothing of it is here."""
        if not self.begun or self.left != self.unfed:
            return False
        for stage in self.stages:
            if not stage.consumer.finished or stage.is_busy():
                return False
        return True

    def abort(self) -> None:
        """Tell those who expect more that it will not come."""
        for consumer in self.consumers:
            consumer.abort()
        self.consumers = []
        for stage in self.stages:
            if not stage.ended and not stage.consumer.finished:
                stage.consumer.abort()
        self.stages = []
        self.begun = True


def resized_request(request: Request) -> Request:
    """It, with a body of unknown length. The one that was received stays as it is: it may serve as model."""
    made = Request()
    _copy(request, made)
    made.method = request.method
    made.uri = request.uri
    made.received = request.received
    made.host = request.host
    made.expects_continue = request.expects_continue
    made.odd = request.odd
    made.in_parts = request.in_parts
    made.chunked = True
    return made


def resized_response(response: Response, chunked: bool) -> Response:
    """The same of a response."""
    made = Response()
    _copy(response, made)
    made.status = response.status
    made.reason = response.reason
    made.empty = response.empty
    made.digits = response.digits
    made.chunked = chunked
    return made


def _copy(source: Head, made: Head) -> None:
    """What all heads have, without the length and what is remembered of the received form."""
    made.major = source.major
    made.minor = source.minor
    made.fields = source.fields
    made.close = source.close
    made.keep = source.keep
    made.upgrade = source.upgrade
    made.close_asked = source.close_asked
    made.close_after = source.close_after
    made.line = source.line
    made.version = source.version
