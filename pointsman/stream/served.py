"""Answers of services: written by another process, or made by this one in pieces, and passed on as they come.

      serve --> SERVICE: the head is waited for --> rules, forward --> its end mark --> LAST

The answer comes by a socket: lines of the head (the status, then "name: value"), an empty line, the body, and a NUL,
which no body has, behind all of it. Where that is missing the answer is not whole, and the client sees that it is not.
Nothing more is read while the client takes nothing; then the writer waits, too. A producer of this process is asked for
a piece whenever the client takes more. Either way the body passes the consumers of the response (consuming.py).
"""

from typing import Final

from pointsman.core import calls
from pointsman.net.reactor import Channel, Reactor
from pointsman.proto.consumer import PORTION, BodyError
from pointsman.proto.message import Response, field
from pointsman.proto.reasons import reason_of
from pointsman.proto.weight import PIECE
from pointsman.rules.reply import Produced, Producer, ProducerWaiter, Served
from pointsman.sample.context import Context
from pointsman.stream.consuming import PORTIONS
from pointsman.stream.phases import LAST, SERVICE
from pointsman.stream.proxies import CLOSE, BackendProxy, Frontend
from pointsman.stream.replay import Replay
from pointsman.stream.session import ClientSession
from pointsman.stream.sides import HttpFront

END: Final = b"\0"
_PIECE: Final = 65_536  # bytes of a read
_receive: Final = calls.receive
SILENCE: Final = 10_000  # ms without a byte after which the writer is given up


class Feed(Channel):
    """The socket by which an answer comes."""

    def __init__(self, reactor: Reactor, fd: int, stream: "ServedStream") -> None:
        super().__init__(fd)
        self.reactor = reactor
        self.stream: ServedStream | None = stream
        self.unread = True  # there may be something to read
        self.data = b""  # the head, as far as it is here

    def ready(self, events: int) -> None:
        self.unread = True
        self.again()

    def again(self) -> None:
        if self.stream is not None:
            self.stream.fed()

    def read(self) -> bytes | None:
        """A piece; b"" at the end, whatever it was; None: nothing now."""
        try:
            data = _receive(self.fd, _PIECE)
        except OSError:
            return b""
        if data is None:
            self.unread = False
        return data

    def close(self) -> None:
        self.reactor.close(self)

    def expired(self, now: int) -> None:
        if self.stream is not None:
            self.stream.feed_ended()

    def broken(self) -> None:
        if self.stream is not None:
            self.stream.abandon()


class ProducedWaiter(ProducerWaiter):
    """The stream that a producer works for."""

    def __init__(self, stream: "ServedStream") -> None:
        self.stream = stream

    def produced(self) -> None:
        self.stream.drain_soon()


class ServedStream(Replay):
    def __init__(self, reactor: Reactor, session: ClientSession, client: HttpFront, context: Context) -> None:
        super().__init__(reactor, session, client, context)
        self.feed: Feed | None = None
        self.producer: Producer | None = None
        self.promised = -1  # bytes that it still owes, by the head's length; -1: that has none
        self.filtered = False  # the answer passes the http-response rules

    def response_rules(self) -> bool:
        """Captures and http-response rules, which cannot wait here; true: it goes on."""
        raise NotImplementedError

    def serve(self, reply: Served, proxy: Frontend | BackendProxy) -> None:
        """Answer with what a service writes. `proxy`: whose service it is."""
        proxy.counters.intercepted += 1
        record = self.record
        record.queued = record.connected = record.answered = self.reactor.now
        record.stand_in = reply.stand_in
        self.context.backend = proxy
        self.filtered = reply.filtered
        if reply.page:
            page = self.page(reply.page)
            response, content = page.render(self.context)
            self.closing = self.closing or page.close or response.close_asked
            self.move(LAST)
            self._answer(response, content)
            return
        if isinstance(reply, Produced):
            self._produce(reply)
            return
        fd = reply.open(self.context)
        if fd < 0:
            self.own_reply(self.page(503), 0x52, 0x43)  # RC: whoever should write it cannot be asked
            return
        self.move(SERVICE)
        feed = self.feed = Feed(self.reactor, fd, self)
        self.reactor.add(feed)
        self._arm_feed(feed)

    def _arm_feed(self, feed: Feed) -> None:
        self.reactor.wheel.arm(feed, self.reactor.now + SILENCE)

    def drop_feed(self) -> None:
        feed = self.feed
        if feed is not None:
            self.feed = None
            feed.stream = None
            feed.close()
        producer = self.producer
        if producer is not None:
            self.producer = None
            producer.waiter = None
            producer.stop()

    def leave_backend(self) -> None:
        if self.feed is not None or self.producer is not None:
            self.drop_feed()
        if self.request_chain is not None or self.response_chain is not None:
            self.drop_chains()
        super().leave_backend()

    def cut(self) -> None:
        self.drop_feed()
        super().cut()

    # What comes.

    def fed(self) -> None:
        """There may be something to read, and the client may take it."""
        if self.producer is not None:
            self._draw(self.producer)
            return
        feed = self.feed
        if feed is None or not feed.unread or feed.going or self.download_blocked():
            return
        data = feed.read()
        if data is None:
            return
        if not data:
            self.feed_ended()
            return
        self._arm_feed(feed)
        if not self.answer_begun:
            feed.data += data
            head, mark, data = feed.data.partition(b"\n\n")
            if mark:
                feed.data = b""
                self._answer(_head(head), b"")
        if self.feed is feed and self.answer_begun:
            self._forward(data)
        if self.feed is feed and feed.unread:
            self.reactor.another(feed)

    def _forward(self, data: bytes) -> None:
        """A piece of the body; the last one ends with the mark."""
        last = data.endswith(END)
        if last:
            data = data[:-1]
        if data and not self.bodiless:
            self._pass_on(data)
        if last:
            self.drop_feed()
            self._passed_on()
            return
        self.flush_client()
        if self.feed is not None and self.download_blocked():
            self.touch_client()
            self.reactor.wheel.disarm(self.feed)  # it is the client that takes its time

    def _pass_on(self, data: bytes) -> None:
        chain = self.response_chain
        if chain is None:
            self.record.sent += self.client.send_body(data)
        else:
            chain.feed(data)
            self.drain_response()

    def _passed_on(self) -> None:
        """That was all of the body."""
        chain = self.response_chain
        if self.phase != SERVICE:
            return  # its client has left, or a consumer has cut it
        if chain is not None:
            self.move(LAST)
            self.end_response_chain(chain, [])
            return
        if not self.bodiless:
            self.record.sent += self.client.end_body([])
        self.complete()

    # What is made here.

    def _produce(self, reply: Produced) -> None:
        self.move(SERVICE)
        response, producer = reply.begin(self.context)
        self.producer = producer
        producer.waiter = ProducedWaiter(self)
        self.promised = response.length
        response.empty = response.status in (204, 304)
        self._answer(response, b"")
        if not self._is_made_by(producer):
            return
        if self.bodiless or response.empty:
            self.drop_feed()
            self.complete()
        else:
            self._draw(producer)

    def _is_made_by(self, producer: Producer) -> bool:
        """The answer has begun, and is still that one's."""
        return self.producer is producer and self.answer_begun

    def _draw(self, producer: Producer) -> None:
        """Let it make what the client takes."""
        self.sleep_on()
        for _ in range(PORTIONS):
            if self.download_blocked():
                self.touch_client()
                return
            try:
                data = producer.next(PORTION)
            except BodyError:
                self.feed_ended()
                return
            if data is None:
                self.wake_at(self.reactor.now + SILENCE)
                return
            if self.promised >= 0:
                self.promised -= len(data)
                if self.promised < 0 or not data and self.promised > 0:
                    self.feed_ended()  # whoever reads it believes the head
                    return
            if not data:
                self.producer = None
                producer.waiter = None
                self._passed_on()
                return
            self._pass_on(data)
            if self.producer is producer:
                self.flush_client()
            if self.producer is not producer:
                return
        self.drain_soon()

    def alarm(self) -> None:
        if self.phase == SERVICE and self.producer is not None:
            self.feed_ended()
        else:
            super().alarm()

    def feed_ended(self) -> None:
        """Nothing more comes, though the answer is not whole: the writer is gone, or stands still."""
        self.drop_feed()
        if self.answer_begun:
            self.blame(0x49, 0x44)  # ID
            self.cut()
        else:
            self.own_reply(self.page(503), 0x52, 0x43)

    # The response.

    def _answer(self, response: Response, content: bytes) -> None:
        """Its head goes out, and `content`, if that is all of the body (the length says so)."""
        self.blame(0x4C, 0x52)  # LR
        context = self.context
        context.response = response
        context.responding = True
        context.room = 0  # nobody has weighed it
        context.waiting = PIECE + len(content) if content else 0
        self.record.status = response.status
        self.record.answered = self.reactor.now
        frontend = self.frontend
        if self.filtered and not self.response_rules():
            self.drop_feed()
            return
        if not self.after_rules():
            self.internal_error()
            self.drop_feed()
            self.own_reply(self.page(500), 0x4C, 0x52)
            return
        self.record.status = response.status
        response.chunked = response.length < 0 and self.client.takes_interim
        if self.response_chain is not None and self.phase == SERVICE:
            asked = self.ask_response_chain(response)
            if asked is None:
                self.drop_feed()
                return
            response = asked
        if response.status in (204, 304):
            self.bodiless = True  # also where rules have made it so
        if self.client.frame(response, self.bodiless):
            self.closing = True
        process = frontend.program.process
        if (
            not self.client.drop_body()
            or frontend.mode == CLOSE
            or response.close_asked
            or process.stopping
            and process.drawn()
        ):
            self.closing = True
        self.record.sent += self.client.begin_response(response, self.closing, None)
        self.answer_begun = True
        self.log_early(b"txn_response")
        if self.phase == LAST:  # a page: it is all here
            if content and not self.bodiless:
                self.record.sent += self.client.send_body(content)
            self.complete()


def _head(text: bytes) -> Response:
    """A head as services write it. They know the length of short answers, and say it."""
    lines = text.split(b"\n")
    response = Response()
    response.status = int(lines[0])
    response.reason = reason_of(response.status)
    response.length = -1
    for line in lines[1:]:
        name, _, value = line.partition(b": ")
        if name == b"content-length":
            response.length = int(value)
        response.fields.append(field(name, value))
    return response
