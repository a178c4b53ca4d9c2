"""The proxy's sides of frames (frames.py).

`FrameFront` is a client's connection, `FrameClient` the client of one exchange on it; `FrameBack` is a connection to a
server, `FramePlace` the server of one exchange on it.
"""

from __future__ import annotations

import json
import struct
from typing import Final

from pointsman.net.duplex import Duplex
from pointsman.net.reactor import Reactor
from pointsman.net.wire import BRIEF, Wire
from pointsman.proto.message import Field, Request, Response
from pointsman.rules.reply import Reply
from pointsman.sample.context import Context
from pointsman.server.backend import LiveServer
from pointsman.server.connection import Carried, ServerConnection, Speaker
from pointsman.server.server import Server
from pointsman.server.shared import SharedConnection, SharedPlace
from pointsman.stream.outcome import Answer, Outcome
from pointsman.stream.session import ClientSession
from pointsman.stream.shared import HttpPlace, SharedFront
from pointsman.stream.sides import CUT, ENOUGH, PARTIAL, HttpFront
from support.frames import CREDIT, HEAD, PIECE, RESET, Cutter, Flow, packed, unpacked

PLACES: Final = 3  # exchanges at once on a connection to a server


class FrameClient(HttpFront):
    """The client of one exchange."""

    def __init__(self, front: FrameFront, number: int) -> None:
        super().__init__(front.session)
        self.front = front
        self.number = number
        self.flow = Flow(front.wire, number, self.wake)
        self.owing = False  # the end of the request's body has not been handed on
        self.begun = b""  # of the body, kept for rules
        self.over = False
        self.stream = front.begin(self)

    def begin(self, payload: bytes) -> None:
        head = json.loads(payload)
        request = Request()
        request.method, request.uri = head["method"].encode(), head["uri"].encode()
        request.fields = unpacked(head["fields"])
        request.host = request.get(b"host")
        request.line = b"%b %b HTTP" % (request.method, request.uri)
        length = request.get(b"content-length")
        request.length = int(length) if length is not None else -1
        self.flow.ended = head["end"]
        self.owing = not head["end"] and request.method != b"CONNECT"
        request.chunked = self.owing and length is None
        self.stream.record.uploaded = len(payload)
        self.stream.begin(request)

    def came(self, kind: int, payload: bytes) -> None:
        if kind == CREDIT:
            if self.flow.granted(struct.unpack(">I", payload)[0]):
                self.stream.client_drained()
            elif self.flow.out:
                self.stream.client_moved()
            return
        self.flow.came(kind, payload)
        if kind == RESET:
            self.stream.client_gone()
        else:
            self.wake()

    def wake(self) -> None:
        """Something has come."""
        stream = self.stream
        if self.over:
            return
        if self.flow.failed:
            stream.client_gone()
        elif stream.front is self and stream.near is not None:
            stream.pump_up()
        elif stream.context.need is not None:
            stream.go_on_gathering()
        elif self.owing and stream.takes_body:
            self.upload()

    # The request.

    def ends_after(self, request: Request) -> bool:
        return False

    @property
    def request_done(self) -> bool:
        return not self.owing

    def upload(self) -> None:
        stream, flow = self.stream, self.flow
        if self.begun:
            payload, self.begun = self.begun, b""
            stream.upload(payload)
        while self.owing and not self.over and not stream.upload_blocked():
            data = flow.take(PIECE)
            if data is None:
                return
            if data:
                stream.upload(data)
            else:
                self.owing = False
                stream.upload_end(flow.trailers)

    def gather(self, limit: int) -> bool:
        while len(self.begun) < limit:
            data = self.flow.take(limit - len(self.begun))
            if not data:
                return data is not None
            self.begun += data
        return True

    def received(self) -> bytes:
        return self.begun

    def drop_body(self) -> bool:
        self.begun = b""
        while self.flow.take():
            pass
        if self.flow.ended:
            self.owing = False
        return not self.owing

    def expect(self) -> None:
        self._head({"status": 100, "fields": [], "end": False})

    def early(self) -> bytes:
        return b""

    # The response.

    def _head(self, head: dict[str, object]) -> int:
        return self.flow.send(HEAD, json.dumps(head).encode())

    def interim(self, response: Response) -> int:
        return self._head({"status": response.status, "fields": packed(response.fields), "end": False})

    def frame(self, response: Response, bodiless: bool) -> bool:
        return False

    def begin_response(self, response: Response, closing: bool, answer: Answer | None) -> int:
        return self.interim(response)

    def switch(self, response: Response) -> int:
        return self.interim(response)

    def send_body(self, payload: bytes) -> int:
        self.flow.out += payload
        return len(payload)

    def end_body(self, trailers: list[Field]) -> int:
        self.flow.last = trailers
        self.flow.ending = True
        return 0

    def reply(self, response: Response, content: bytes, closing: bool) -> int:
        size = self.interim(response) + self.send_body(content)
        return size + self.end_body([])

    def cut(self) -> None:
        """`next` tells by a reset: its end was not sent."""

    def reply_unread(self, status: int, page: Reply | None, context: Context) -> int:
        raise AssertionError("a head that is a value can be read")

    def goes_unseen(self) -> bool:
        return False

    def take_unseen(self, source: Duplex, most: int) -> int:
        raise AssertionError("it was asked before")

    # Its state.

    def duplex(self) -> Duplex:
        return self.flow

    def look_behind(self) -> None:
        pass

    def is_blocked(self) -> bool:
        return bool(self.flow.out) or self.over

    def has_pending(self) -> bool:
        return bool(self.flow.out) or self.flow.ending and not self.flow.shut_down

    def drop_pending(self) -> None:
        self.flow.out = b""
        self.flow.ending = False

    def flush(self) -> bool:
        return self.flow.write()

    def is_open(self) -> bool:
        return not self.over and self.front.wire.fd >= 0

    def is_partial(self) -> bool:
        return True

    def disappear(self, ttl: int) -> None:
        self.front.wire.disappear(ttl)

    def next(self, keep: bool) -> None:
        """What was not ended in both directions is given up."""
        flow = self.flow
        if not self.over:
            self.over = True
            if not flow.failed and not (flow.shut_down and flow.ended):
                flow.send(RESET)
                flow.wire.flush()
            self.front.clients.pop(self.number, None)
            self.front.over(self)


class FrameFront(SharedFront):
    """A client's connection."""

    def __init__(self, session: ClientSession, reactor: Reactor, wire: Wire) -> None:
        super().__init__(session, reactor, wire)
        self.clients: dict[int, FrameClient] = {}
        self.cutter = Cutter()

    def read(self, pending: bytes = b"") -> None:
        """All that is there."""
        self.take(pending)
        while self.wire.fd >= 0 and self.wire.unread:
            data = self.wire.read(BRIEF)
            if data is None:
                return
            if not data:
                self.close()
                return
            self.take(data)

    def take(self, data: bytes) -> None:
        for kind, number, payload in self.cutter.feed(data):
            if kind == HEAD:
                made = self.clients[number] = FrameClient(self, number)
                made.begin(payload)
            elif number in self.clients:  # else it is over
                self.clients[number].came(kind, payload)

    def readable(self) -> None:
        self.read()

    def again(self) -> None:
        self.read()

    def drained(self) -> None:
        for client in list(self.clients.values()):
            if client.flow.write() and not client.has_pending():
                client.stream.client_drained()

    def moved(self) -> None:
        for client in self.clients.values():
            if client.has_pending():
                client.stream.client_moved()


class FrameSpeaker(Speaker):
    """Makes the connections of a server carry frames; `made` are those."""

    def __init__(self, most: int = PLACES) -> None:
        self.most = self.places = most
        self.made: list[FrameBack] = []

    def speak(self, server: Server, wire: Wire) -> ServerConnection:
        assert isinstance(server, LiveServer)
        self.made.append(FrameBack(server, wire, self.most))
        return self.made[-1]


class FramePlace(HttpPlace):
    """The server of one exchange."""

    def __init__(self, exchange: Carried, back: FrameBack, number: int) -> None:
        super().__init__(exchange)
        self.back = back
        self.spot = number
        self.flow = Flow(back.wire, number, self.wake)
        self.heads: list[dict[str, object]] = []
        self.begun = False  # some head has come
        self.head_only = False
        self.kept: bytes | None = None  # of the body, for rules

    def came(self, kind: int, payload: bytes) -> None:
        exchange = self.exchange
        if kind == CREDIT:
            drained = self.flow.granted(struct.unpack(">I", payload)[0])
            if exchange is not None and drained:
                exchange.server_drained()
            elif exchange is not None and self.flow.out:
                exchange.server_moved()
            return
        if kind == HEAD:
            self.heads.append(json.loads(payload))
        else:
            self.flow.came(kind, payload)
        self.wake()

    def wake(self) -> None:
        if self.exchange is not None:
            self.exchange.server_readable()

    def number(self) -> int:
        return self.spot

    # The request.

    def begin_request(self, request: Request, closing: bool, strict: bool, outcome: Outcome | None) -> int:
        self.head_only = request.method == b"HEAD"
        bodiless = not request.chunked and request.length <= 0 and request.method != b"CONNECT"
        self.flow.shut_down = bodiless
        head = {
            "method": request.method.decode(),
            "uri": request.uri.decode(),
            "fields": packed(request.fields),
            "end": bodiless,
        }
        return self.flow.send(HEAD, json.dumps(head).encode())

    def send_body(self, payload: bytes) -> int:
        self.flow.out += payload
        return len(payload)

    def end_body(self, trailers: list[Field]) -> int:
        self.flow.last = trailers
        self.flow.ending = True
        return 0

    def goes_unseen(self) -> bool:
        return False

    def take_unseen(self, source: Duplex, most: int) -> int:
        raise AssertionError("it was asked before")

    def is_blocked(self) -> bool:
        return bool(self.flow.out) or bool(self.flow.failed)

    def flush(self) -> bool:
        return self.flow.write()

    # The response.

    def read_head(self) -> None:
        stream = self.stream
        assert stream is not None
        while self.heads and not stream.download_blocked():
            self.begun = True
            response = self._response(self.heads.pop(0))
            if response.status >= 200:
                if stream.answered(response):
                    self.download()
                return
            stream.interim(response)
            if self.exchange is not stream:
                return
        if not self.heads and (self.flow.failed or self.flow.ended):
            stream.no_response(self.begun, False)

    def _response(self, head: dict[str, object]) -> Response:
        response = Response()
        assert isinstance(head["status"], int) and isinstance(head["fields"], list)
        response.status = head["status"]
        response.fields = unpacked(head["fields"])
        length = response.get(b"content-length")
        response.length = int(length) if length is not None else -1
        if head["end"]:
            self.flow.ended = True
        response.empty = self.head_only or response.status in (204, 304)
        response.chunked = length is None and not response.empty
        return response

    def download(self) -> None:
        stream = self.stream
        assert stream is not None
        if self.kept:
            payload, self.kept = self.kept, b""
            stream.download(payload)
        while self.exchange is stream and not self.flow.going and not stream.download_blocked():
            data = self.flow.take()
            if data is None:
                stream.pace()
                return
            if data:
                stream.download(data)
            elif self.flow.ended:
                stream.response_over(self.flow.trailers)
            else:
                stream.response_cut(False)

    def gather(self, limit: int) -> int:
        kept = self.kept or b""
        while len(kept) < limit:
            data = self.flow.take(limit - len(kept))
            if not data:
                self.kept = kept
                return PARTIAL if data is None else ENOUGH if self.flow.ended else CUT
            kept += data
        self.kept = kept
        return ENOUGH

    def held(self) -> int:
        return len(self.kept or b"")

    def is_whole(self) -> bool:
        return self.flow.finished

    def release(self) -> None:
        self.download()

    def wants_answer(self) -> bool:
        return False

    def remember(self, answer: Answer) -> None:
        raise AssertionError("it was asked before")

    def may_switch(self, request: Request, response: Response) -> bool:
        return False  # 101 is HTTP/1's

    def early(self) -> bytes:
        return b""

    def is_clean(self) -> bool:
        return self.flow.finished and self.flow.shut_down

    # The place.

    def duplex(self) -> Duplex:
        return self.flow

    def look(self) -> None:
        self.flow.ask_again()

    def leave(self) -> None:
        flow = self.flow
        self.back.numbers.pop(self.spot, None)
        if not flow.failed and not (flow.shut_down and flow.ended) and self.back.is_open:
            flow.send(RESET)
            flow.wire.flush()


class FrameBack(SharedConnection):
    """A connection to a server."""

    def __init__(self, server: LiveServer, wire: Wire, most: int) -> None:
        super().__init__(server, wire, most)
        self.numbers: dict[int, FramePlace] = {}
        self.cutter = Cutter()
        self.count = 0

    def place(self, exchange: Carried) -> SharedPlace:
        self.count += 1
        made = self.numbers[self.count] = FramePlace(exchange, self, self.count)
        return made

    def give_back(self, exchange: Carried) -> bool:
        place = self.places[exchange]
        assert isinstance(place, FramePlace)
        self.numbers.pop(place.spot, None)
        return super().give_back(exchange)

    def readable(self) -> None:
        while self.is_open and self.wire.unread:
            data = self.wire.read(BRIEF)
            if data is None:
                return
            if not data:
                self.gone()
                return
            for kind, number, payload in self.cutter.feed(data):
                if number in self.numbers:  # else it was left
                    self.numbers[number].came(kind, payload)

    def gone(self) -> None:
        """All that it carries is lost."""
        self.retire()
        for place in list(self.numbers.values()):
            place.came(RESET, b"")
        self.close()

    def again(self) -> None:
        self.readable()

    def drained(self) -> None:
        for place in list(self.numbers.values()):
            if place.flow.out and place.flow.write() and not place.flow.out and place.exchange is not None:
                place.exchange.server_drained()

    def moved(self) -> None:
        for place in self.numbers.values():
            if place.flow.out and place.exchange is not None:
                place.exchange.server_moved()

    def lost(self) -> None:
        self.gone()
