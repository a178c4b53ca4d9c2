"""An HTTP side that is not HTTP/1: frames on one connection, several exchanges at once, heads as objects.

    frame     kind (1 byte), number of the place (4), length (4), payload
    HEAD      a head as JSON: method and uri, or status; fields; `end`: no body follows
    DATA      payload, as far as the other side has given credit
    END       the end of one direction of a place, with its trailers as JSON
    RESET     the end of a place, at once
    CREDIT    so many bytes (4) more may come

`FrameFront` is a client's connection, `FrameClient` the client of one exchange on it; `FrameBack` is a connection to a
server, `FramePlace` the server of one exchange on it. `FramePeer` is what a test has at the other end of either.
"""

from __future__ import annotations

import errno
import json
import struct
from collections.abc import Callable, Iterable
from typing import Final

from pointsman.net.duplex import NOTHING, Duplex
from pointsman.net.reactor import Reactor
from pointsman.net.wire import BRIEF, NOBODY, Wire
from pointsman.proto.message import CODING, CONNECTION, HOP, Field, Request, Response, field
from pointsman.rules.reply import Reply
from pointsman.sample.context import Context
from pointsman.server.backend import LiveServer
from pointsman.server.connection import Carried, ServerConnection, Speaker
from pointsman.server.server import Server
from pointsman.server.shared import Place, SharedConnection
from pointsman.stream.outcome import Answer, Outcome
from pointsman.stream.session import ClientSession
from pointsman.stream.shared import HttpPlace, SharedFront
from pointsman.stream.sides import CUT, ENOUGH, PARTIAL, HttpFront
from support.stand import End, Stand

HEAD, DATA, END, RESET, CREDIT = range(1, 6)
WINDOW: Final = 65_536  # bytes of a place that may be under way without further credit
PIECE: Final = 16_384  # bytes of a DATA frame
PLACES: Final = 3  # exchanges at once on a connection to a server
_FRAME: Final = struct.Struct(">BII")
_DROPPED: Final = frozenset((CONNECTION, HOP, CODING))  # fields that are about a connection of HTTP/1

Frame = tuple[int, int, bytes]


def frame(kind: int, number: int, payload: bytes = b"") -> bytes:
    return _FRAME.pack(kind, number, len(payload)) + payload


def asking(uri: str, method: str = "GET", fields: Iterable[list[str]] = (), end: bool = True) -> bytes:
    """The head of a request, as a frame has it."""
    return json.dumps({"method": method, "uri": uri, "fields": list(fields), "end": end}).encode()


def packed(fields: Iterable[Field]) -> list[list[str]]:
    return [[one.name.decode("latin-1"), one.value.decode("latin-1")] for one in fields if one.kind not in _DROPPED]


def unpacked(pairs: Iterable[Iterable[str]]) -> list[Field]:
    return [field(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


class Cutter:
    """Cuts frames out of bytes."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[Frame]:
        self.rest += data
        found: list[Frame] = []
        while len(self.rest) >= _FRAME.size:
            kind, number, length = _FRAME.unpack_from(self.rest)
            end = _FRAME.size + length
            if len(self.rest) < end:
                break
            found.append((kind, number, self.rest[_FRAME.size : end]))
            self.rest = self.rest[end:]
        return found


class Flow(Duplex):
    """The payload of one place, both ways, with credit. No descriptor belongs to it."""

    def __init__(self, wire: Wire, number: int, wake: Callable[[], None]) -> None:
        super().__init__()
        self.wire = wire
        self.number = number
        self.wake = wake  # whoever reads it has another go
        self.inbox = b""
        self.ended = False  # nothing comes behind that
        self.credit = WINDOW  # bytes that may be sent
        self.ending = False  # nothing will be sent behind `out`
        self.trailers: list[Field] = []  # that come, and that go
        self.last: list[Field] = []

    # What goes.

    def send(self, kind: int, payload: bytes = b"") -> int:
        data = frame(kind, self.number, payload)
        self.wire.push(data)
        return len(data)

    def write(self) -> bool:
        """As far as the credit and the wire go. False: it is lost."""
        while self.out and self.credit and not self.wire.blocked and not self.failed and not self.wire.failed:
            piece = self.out[: min(self.credit, PIECE)]
            self.out = self.out[len(piece) :]
            self.credit -= len(piece)
            self.send(DATA, piece)
            self.wire.flush()
        if self.ending and not self.out and not self.shut_down and not self.failed:
            self.shut_down = True
            self.send(END, json.dumps(packed(self.last)).encode())
        self.wire.flush()
        return not self.failed and not self.wire.failed

    def accept(self, data: bytes) -> None:
        self.out += data
        self.write()

    def end(self) -> None:
        self.ending = True
        self.write()

    def granted(self, count: int) -> bool:
        """The other side takes more. True: all that waited has gone."""
        waited = len(self.out) > 0
        self.credit += count
        self.write()
        return waited and not self.out

    # What comes.

    def came(self, kind: int, payload: bytes) -> None:
        if kind == DATA:
            self.inbox += payload
        elif kind == END:
            self.ended = True
            self.trailers = unpacked(json.loads(payload))
        else:
            self.failed = errno.ECONNRESET
            self.out = b""
        self.unread = True

    def take(self, most: int = BRIEF) -> bytes | None:
        """A piece; b"" at the end; None: nothing now."""
        piece, self.inbox = self.inbox[:most], self.inbox[most:]
        if piece:
            self.unread = bool(self.inbox) or self.ended or bool(self.failed)
            if not self.ended and not self.failed:
                self.send(CREDIT, struct.pack(">I", len(piece)))
                self.wire.flush()
            return piece
        self.unread = False
        if self.ended or self.failed:
            self.finished = True
            return b""
        return None

    def pass_on(self, sink: Duplex) -> int:
        data = self.take()
        if data is None:
            return NOTHING
        if data:
            sink.accept(data)
        return len(data)

    def ask_again(self) -> None:
        self.wire.reactor.another(self)

    def go(self) -> None:
        self.wake()

    def ready(self, events: int) -> None:
        raise AssertionError("nobody watches it")

    def again(self) -> None:
        self.wake()


# Clients.


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


# Servers.


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
        self.number = number
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
        self.back.numbers.pop(self.number, None)
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

    def place(self, exchange: Carried) -> Place:
        self.count += 1
        made = self.numbers[self.count] = FramePlace(exchange, self, self.count)
        return made

    def give_back(self, exchange: Carried) -> bool:
        place = self.places[exchange]
        assert isinstance(place, FramePlace)
        self.numbers.pop(place.number, None)
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


# The test's end.


class FramePeer:
    """A client or a server of frames."""

    def __init__(self, end: End) -> None:
        self.end = end
        self.cutter = Cutter()
        self.grants = True  # credit is given for what comes
        self.trailers: dict[int, list[list[str]]] = {}
        self.heads: dict[int, list[dict[str, object]]] = {}
        self.bodies: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self.reset: set[int] = set()
        self.credit: dict[int, int] = {}

    def ask(self, number: int, uri: str = "/", method: str = "GET", *fields: tuple[str, str], end: bool = True) -> None:
        self.put(HEAD, number, asking(uri, method, [["host", "h"], *map(list, fields)], end))

    def answer(self, number: int, status: int = 200, *fields: tuple[str, str], end: bool = False) -> None:
        self.put(HEAD, number, json.dumps({"status": status, "fields": [*map(list, fields)], "end": end}).encode())

    def data(self, number: int, payload: bytes) -> None:
        self.put(DATA, number, payload)

    def finish(self, number: int, *trailers: tuple[str, str]) -> None:
        self.put(END, number, json.dumps([*map(list, trailers)]).encode())

    def drop(self, number: int) -> None:
        self.put(RESET, number)

    def grant(self, number: int, count: int) -> None:
        self.put(CREDIT, number, struct.pack(">I", count))

    def put(self, kind: int, number: int, payload: bytes = b"") -> None:
        self.end.send_all(frame(kind, number, payload))

    def look(self) -> FramePeer:
        """Take in what has arrived."""
        while True:
            data = self.end.take()
            if not data:
                return self
            for kind, number, payload in self.cutter.feed(data):
                self._came(kind, number, payload)

    def _came(self, kind: int, number: int, payload: bytes) -> None:
        if kind == HEAD:
            head = json.loads(payload)
            self.heads.setdefault(number, []).append(head)
            if head["end"]:
                self.ended.add(number)
        elif kind == DATA:
            self.bodies[number] = self.bodies.get(number, b"") + payload
            if self.grants:
                self.grant(number, len(payload))
        elif kind == END:
            self.ended.add(number)
            self.trailers[number] = json.loads(payload)
        elif kind == RESET:
            self.reset.add(number)
        else:
            self.credit[number] = self.credit.get(number, 0) + struct.unpack(">I", payload)[0]

    # What has arrived so far.

    def uris(self) -> dict[int, str]:
        """Of the requests, by their places."""
        return {number: str(heads[-1]["uri"]) for number, heads in self.look().heads.items()}

    def place(self, uri: str) -> int:
        """Where a request for that stands."""
        (found,) = [number for number, one in self.uris().items() if one == uri]
        return found

    def statuses(self, number: int) -> list[object]:
        return [head["status"] for head in self.look().heads.get(number, [])]

    def header(self, number: int, name: str) -> str | None:
        fields = self.look().heads[number][-1]["fields"]
        assert isinstance(fields, list)
        return next((str(value) for one, value in fields if one == name), None)

    def body(self, number: int) -> bytes:
        self.look()
        return self.bodies.get(number, b"")


def whole(server: FramePeer, place: int, body: bytes = b"body") -> None:
    """A response."""
    server.answer(place)
    server.data(place, body)
    server.finish(place)


class FrameStand(Stand):
    """A stand whose servers of these names speak frames, and whose clients may."""

    def __init__(self, text: str, *names: str, speaks: Iterable[str] = (), most: int = PLACES) -> None:
        super().__init__(text, *names)
        self.speakers: dict[str, FrameSpeaker] = {}
        for name in speaks:
            self.speakers[name] = self.server(name).speaker = FrameSpeaker(most)
        self.fronts: list[FrameFront] = []

    def frame_client(self, buffers: int = 0) -> FramePeer:
        """A client's connection that carries frames."""
        end, arrival = self.arrive(buffers=buffers)
        session = self.frontend().welcome(arrival)
        wire = Wire(self.reactor, arrival.fd, NOBODY)
        self.reactor.add(wire)
        self.fronts.append(FrameFront(session, self.reactor, wire))
        return FramePeer(end)

    def frame_server(self, name: str, buffers: int = 0) -> FramePeer:
        return FramePeer(self.accept(name, buffers))
