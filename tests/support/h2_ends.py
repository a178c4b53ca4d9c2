"""Ends of connections that speak HTTP/2 with the proxy and HTTP/1 with the test: stories of HTTP/1 run over them.

    client.send(b"GET / HTTP/1.1 ...")   a stream is opened        server.take()   its request, as HTTP/1 writes it
    client.take()                        its answer, as HTTP/1     server.send()   its answer: HEADERS, DATA, trailers
                                         would bring it

What HTTP/1 says by its connection is said likewise: one exchange at a time, a pipelined request waits for the answer to
the one before it; a stream that is reset is a connection that is closed, and so is one whose request or answer says
"connection: close". Servers allow one stream at a time, so that another exchange comes on another connection. A body of
no known length is one in chunks. Frames are the library h2's, whose checks of what the proxy sends are on.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from socket import socket
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from support.stand import Worker

if TYPE_CHECKING:
    from support.stand import Stand

Fields = list[tuple[bytes, bytes]]
HOP_BY_HOP = (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade", b"host")
KEPT = 1 << 18  # bytes that a test has sent and that no window has taken: so much a kernel's buffer would hold
UNREAD = 1 << 20  # bytes that a test has not taken: no more is read, whatever windows say
NO_ERROR = 0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Unfit(AssertionError):
    """What a test sends has no form in HTTP/2: it is about HTTP/1's bytes."""


@dataclass(slots=True)
class Head:
    """Of a message of HTTP/1. `ended`: it has no body."""

    line: bytes
    fields: Fields
    ended: bool = False

    def get(self, name: bytes) -> bytes:
        return b", ".join(value for one, value in self.fields if one == name)

    @property
    def closes(self) -> bool:
        return b"close" in self.get(b"connection").lower()

    @property
    def status(self) -> int:
        return int(self.line.split(b" ")[1])

    def carried(self) -> Fields:
        """Fields that go on in HTTP/2."""
        named = {one.strip().lower() for one in self.get(b"connection").split(b",")}
        return [
            (name, value)
            for name, value in self.fields
            if name not in HOP_BY_HOP and name not in named and (name != b"te" or value.lower() == b"trailers")
        ]


@dataclass(slots=True)
class Reader:
    """Bytes of HTTP/1 into heads, pieces of bodies, and ends with trailers, one at a time."""

    responses: bool
    data: bytes = b""
    left: int = 0  # bytes of a body or of a chunk; below 0: to the end of the connection
    state: str = "head"
    methods: deque[bytes] = field(default_factory=deque)  # of requests that responses will be read for

    def next(self) -> Head | bytes | Fields | None:
        """A head, payload, trailers ([] where a body ends without), or None: needs more bytes."""
        if self.state == "head":
            return self._head()
        if self.state == "size":
            line, found, rest = self.data.partition(b"\r\n")
            if not found:
                return None
            self.left, self.data = int(line.partition(b";")[0], 16), rest
            self.state = "chunk" if self.left else "trailers"
            return self.next()
        if self.state == "trailers":
            return self._trailers()
        if self.state == "line":  # behind a chunk
            if len(self.data) < 2:
                return None
            self.data, self.state = self.data[2:], "size"
            return self.next()
        return self._payload()

    def _head(self) -> Head | None:
        text, found, rest = self.data.lstrip(b"\r\n").partition(b"\r\n\r\n")
        if not found:
            return None
        self.data = rest
        line, *lines = text.split(b"\r\n")
        pattern = rb"HTTP/1\.1 \d{3}( .*)?" if self.responses else rb"[!-~]+ [!-~]+ HTTP/1\.1"
        if not re.fullmatch(pattern, line):
            raise Unfit(line)
        fields: Fields = []
        for one in lines:
            name, colon, value = one.partition(b":")
            if not colon or not re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                raise Unfit(one)
            fields.append((name.lower(), value.strip(b" \t")))
        head = Head(line, fields)
        self._frame(head)
        return head

    def _frame(self, head: Head) -> None:
        length = head.get(b"content-length")
        if self.responses and head.status < 200:
            head.ended = False
            if head.status == 101:
                self.state, self.left = "body", -1
            return
        bare = self.responses and ((self.methods and self.methods.popleft() == b"HEAD") or head.status in (204, 304))
        if bare:
            head.ended = True
        elif b"chunked" in head.get(b"transfer-encoding"):
            self.state = "size"
        elif length:
            self.left = int(length)
            head.ended = not self.left
            self.state = "body" if self.left else "head"
        elif self.responses:
            self.state, self.left = "body", -1
        else:
            head.ended = True

    def _payload(self) -> bytes | Fields | None:
        if not self.data:
            return None
        size = min(len(self.data), 16_384) if self.left < 0 else min(len(self.data), self.left, 16_384)
        piece, self.data = self.data[:size], self.data[size:]
        if self.left > 0:
            self.left -= size
            if not self.left:
                self.state = "line" if self.state == "chunk" else "ended"
        return piece

    def _trailers(self) -> Fields | None:
        if self.data.startswith(b"\r\n"):
            self.data, self.state = self.data[2:], "head"
            return []
        text, found, rest = self.data.partition(b"\r\n\r\n")
        if not found:
            return None
        self.data, self.state = rest, "head"
        pairs = [line.partition(b":")[::2] for line in text.split(b"\r\n")]
        return [(name.lower(), value.strip()) for name, value in pairs]


@dataclass(slots=True)
class Exchange:
    """A stream. `written`: what the test may take. `size`: bytes of the other side's window that this uses."""

    stream: int
    method: bytes
    closes: bool = False
    chunked: bool = False
    headed: bool = False
    sent: bool = False  # to its end
    ended: bool = False  # what comes


class H2End(Worker):
    """What both sides have in common."""

    def __init__(self, stand: Stand, sock: socket, client: bool) -> None:
        super().__init__(stand, sock)
        config = h2.config.H2Configuration(
            client_side=client,
            header_encoding=None,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.h2 = h2.connection.H2Connection(config)
        if not client:
            values = {h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1}
            self.h2.local_settings = h2.settings.Settings(client=False, initial_values=values)
        self.reader = Reader(responses=not client)
        self.exchanges: deque[Exchange] = deque()
        self.written = bytearray()  # for the test, in HTTP/1
        self.owed: deque[tuple[int, int, int]] = deque()  # stream, bytes of `written`, credit when they are taken
        self.finished = False  # the proxy closes, or what HTTP/1 would take for that has happened
        self.lost = False
        self.leaving = False  # when what is under way has ended
        self.piece = b""  # payload that waits for a window
        self.outgoing = b""
        self.incoming = b""  # a frame that is not whole
        self.h2.initiate_connection()
        self.flush()

    # Towards the proxy.

    def flush(self) -> None:
        self.outgoing += self.h2.data_to_send()
        while self.outgoing and self.sock.fileno() >= 0:
            try:
                self.outgoing = self.outgoing[self.sock.send(self.outgoing) :]
            except BlockingIOError:
                return
            except ConnectionError:
                self.outgoing = b""

    def work(self) -> bool:
        """Take what has come, and send what may go. True: something was done."""
        if self.sock.fileno() < 0:
            return False
        worked = self._receive()
        worked |= self._go_on()
        self.flush()
        return worked

    def _receive(self) -> bool:
        if self.finished or len(self.written) > UNREAD:
            return False
        try:
            data = self.sock.recv(1 << 20)
        except BlockingIOError:
            return False
        except ConnectionError:
            self.finished = self.lost = True
            return True
        if not data:
            self.finished = True
            return True
        self.incoming += data
        while (size := self._whole()) > 0:
            piece, self.incoming = self.incoming[:size], self.incoming[size:]
            for event in self.h2.receive_data(piece):
                self._note(event)
        return True

    def _whole(self) -> int:
        """Bytes of the next frame, or of the preface; 0: it has not come."""
        if self.incoming.startswith(b"PRI"):
            return len(PREFACE) if len(self.incoming) >= len(PREFACE) else 0
        size = 9 + int.from_bytes(self.incoming[:3], "big")
        return size if len(self.incoming) >= size else 0

    def _note(self, event: h2.events.Event) -> None:
        raise NotImplementedError

    def _current(self) -> Exchange | None:
        """That of which something may be sent now."""
        raise NotImplementedError

    def _begin(self, head: Head) -> bool:
        """Send a head. False: not now."""
        raise NotImplementedError

    def _go_on(self) -> bool:
        """Send of the test's bytes what the windows and the order of things allow."""
        worked = False
        while len(self.outgoing) < KEPT and self._step():
            worked = True
            if len(self.outgoing) < 65_536:
                self.flush()
        return worked

    def _step(self) -> bool:
        if self.piece:
            return self._payload()
        if self.reader.state == "ended":
            self.reader.state = "head"
            self._end([])
            return True
        if self.reader.state == "head" and not self._ready():
            return False
        found = self.reader.next()
        if found is None:
            return False
        if isinstance(found, Head):
            self._begin(found)
        elif isinstance(found, bytes):
            self.piece = found
        else:
            self._end(found)
        return True

    def _ready(self) -> bool:
        """Whether the next head may go."""
        raise NotImplementedError

    def _payload(self) -> bool:
        exchange = self._current()
        if exchange is None:  # its stream has ended: nobody wants it
            self.piece = b""
            return True
        room = min(self.h2.local_flow_control_window(exchange.stream), self.h2.max_outbound_frame_size)
        if room <= 0:
            return False
        self.h2.send_data(exchange.stream, self.piece[:room], end_stream=False)
        self.piece = self.piece[room:]
        return True

    def _end(self, trailers: Fields) -> None:
        exchange = self._current()
        if exchange is None:
            return
        if trailers:
            self.h2.send_headers(exchange.stream, trailers, end_stream=True)
        else:
            self.h2.end_stream(exchange.stream)
        self._sent(exchange)

    def _sent(self, exchange: Exchange) -> None:
        exchange.sent = True

    def send(self, data: bytes) -> int:
        self.stand.settle()
        taken = max(min(len(data), KEPT - len(self.reader.data)), 0)
        if self.sock.fileno() < 0 or self.finished:
            return 0
        self.reader.data += data[:taken]
        self.stand.settle()
        return taken

    # Towards the test.

    def write(self, data: bytes, stream: int = 0, credit: int = 0) -> None:
        self.written += data
        if credit:
            self.owed.append((stream, len(data), credit))
        elif data:
            self.owed.append((0, len(data), 0))

    def body(self, exchange: Exchange, event: h2.events.DataReceived) -> None:
        data = bytes(event.data)
        text = b"%x\r\n%b\r\n" % (len(data), data) if exchange.chunked and data else data
        if text:
            self.write(text, exchange.stream, event.flow_controlled_length)
        elif event.flow_controlled_length:
            self._credit(exchange.stream, event.flow_controlled_length)

    def _credit(self, stream: int, count: int) -> None:
        try:
            self.h2.acknowledge_received_data(count, stream)
        except (h2.exceptions.StreamClosedError, h2.exceptions.ProtocolError):
            pass

    def trail(self, exchange: Exchange, trailers: Fields) -> None:
        exchange.ended = True
        if exchange.chunked:
            self.write(b"0\r\n" + b"".join(b"%b: %b\r\n" % pair for pair in trailers) + b"\r\n")

    def take(self, most: int = 1 << 26) -> bytes:
        parts: list[bytes] = []
        got = 0
        while got < most:
            self.stand.settle()
            taken = bytes(self.written[: most - got])
            if not taken:
                break
            del self.written[: most - got]
            parts.append(taken)
            got += len(taken)
            self._pay(len(taken))
        if not self.written and self.finished and got < most:
            self.closed, self.reset = True, self.lost
        self.stand.settle()
        return b"".join(parts)

    def _pay(self, count: int) -> None:
        while self.owed and count >= self.owed[0][1]:
            stream, size, credit = self.owed.popleft()
            count -= size
            if credit:
                self._credit(stream, credit)
        if self.owed and count:
            stream, size, credit = self.owed[0]
            self.owed[0] = stream, size - count, credit
        self.flush()

    def over(self) -> None:
        """What HTTP/1 would take for the end of the connection."""
        self.finished = True
        self.sock.close()

    def shut(self) -> None:
        self.flush()
        super().shut()


class H2ClientEnd(H2End):
    def __init__(self, stand: Stand, sock: socket) -> None:
        super().__init__(stand, sock, client=True)

    def _ready(self) -> bool:
        return not self.exchanges or self.exchanges[0].ended and self.exchanges[0].sent

    def _current(self) -> Exchange | None:
        if not self.exchanges or self.exchanges[0].sent:
            return None
        return self.exchanges[0]

    def _begin(self, head: Head) -> bool:
        self.exchanges.clear()
        method, target, _ = head.line.split(b" ")
        scheme, authority = b"http", head.get(b"host")
        absolute = re.fullmatch(rb"(https?)://([^/]*)(.*)", target)
        if absolute:
            scheme, authority, target = absolute[1], absolute[2], absolute[3] or b"/"
        fields: Fields = [(b":method", method)]
        if head.get(b"upgrade").lower() == b"websocket":
            fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket")]
        elif head.get(b"upgrade"):
            raise Unfit("an upgrade to something else than WebSocket")
        if method == b"CONNECT":
            fields.append((b":authority", target))
        else:
            fields += [(b":scheme", scheme), (b":path", target)]
            if authority:
                fields.append((b":authority", authority))
        stream = self.h2.get_next_available_stream_id()
        exchange = Exchange(stream, method, head.closes, sent=head.ended)
        self.exchanges.append(exchange)
        self.h2.send_headers(stream, fields + head.carried(), end_stream=head.ended)
        return True

    def _note(self, event: h2.events.Event) -> None:
        exchange = self.exchanges[0] if self.exchanges else None
        if isinstance(event, h2.events.ConnectionTerminated):
            # The library would take nothing more, though what is under way goes on (RFC 9113, 6.8).
            self.h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
            if exchange is None or exchange.ended:
                self.over()
            else:
                exchange.closes = True
            return
        if exchange is None or getattr(event, "stream_id", None) != exchange.stream:
            return
        if isinstance(event, h2.events.InformationalResponseReceived):
            self._head(exchange, event.headers, b"")
        elif isinstance(event, h2.events.ResponseReceived):
            length = any(name == b"content-length" for name, _ in event.headers)
            ended = event.stream_ended is not None
            status = int(dict(event.headers)[b":status"])
            exchange.chunked = not (length or ended or exchange.method == b"HEAD" or status in (204, 304))
            exchange.headed = True
            more = b"transfer-encoding: chunked\r\n" if exchange.chunked else b""
            if ended and not length and exchange.method != b"HEAD" and status not in (204, 304):
                more = b"content-length: 0\r\n"
            self._head(exchange, event.headers, more)
        elif isinstance(event, h2.events.DataReceived):
            self.body(exchange, event)
        elif isinstance(event, h2.events.TrailersReceived):
            self.trail(exchange, [(bytes(name), bytes(value)) for name, value in event.headers])
        elif isinstance(event, h2.events.StreamEnded):
            if not exchange.ended:
                self.trail(exchange, [])
            if exchange.closes:
                self.over()
        elif isinstance(event, h2.events.StreamReset):
            if exchange.ended:
                exchange.sent = True  # nobody wants the rest of it
            else:
                self.over()

    def _head(self, exchange: Exchange, headers: Fields, more: bytes) -> None:
        status = int(dict(headers)[b":status"])
        try:
            reason = HTTPStatus(status).phrase
        except ValueError:
            reason = ""
        lines = b"".join(b"%b: %b\r\n" % (name, value) for name, value in headers if not name.startswith(b":"))
        self.write(b"HTTP/1.1 %d %b\r\n" % (status, reason.encode()) + lines + more + b"\r\n")


class H2ServerEnd(H2End):
    def __init__(self, stand: Stand, sock: socket) -> None:
        super().__init__(stand, sock, client=False)

    def _current(self) -> Exchange | None:
        return self.exchanges[0] if self.exchanges else None

    def _ready(self) -> bool:
        return bool(self.exchanges)

    def _begin(self, head: Head) -> bool:
        exchange = self.exchanges[0]
        if head.status == 101:
            raise Unfit("an upgrade")
        fields: Fields = [(b":status", b"%d" % head.status), *head.carried()]
        self.h2.send_headers(exchange.stream, fields, end_stream=head.ended)
        self.leaving = self.leaving or head.closes
        if head.ended:
            self._sent(exchange)
        return True

    def _sent(self, exchange: Exchange) -> None:
        exchange.sent = True
        if not exchange.ended:
            # It would read no more of the request (RFC 9113, 8.1).
            self.h2.reset_stream(exchange.stream, NO_ERROR)
        self.exchanges.popleft()
        if self.leaving:
            self.flush()
            self.over()

    def _note(self, event: h2.events.Event) -> None:
        stream = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.RequestReceived):
            self._request(event)
            return
        exchange = next((one for one in self.exchanges if one.stream == stream), None)
        if exchange is None:
            if isinstance(event, h2.events.DataReceived) and event.flow_controlled_length:
                self._credit(event.stream_id, event.flow_controlled_length)
        elif isinstance(event, h2.events.DataReceived):
            self.body(exchange, event)
        elif isinstance(event, h2.events.TrailersReceived):
            self.trail(exchange, [(bytes(name), bytes(value)) for name, value in event.headers])
        elif isinstance(event, h2.events.StreamEnded):
            if not exchange.ended:
                self.trail(exchange, [])
        elif isinstance(event, h2.events.StreamReset):
            self.lost = event.error_code != NO_ERROR
            self.over()

    def _request(self, event: h2.events.RequestReceived) -> None:
        pseudo = {name: value for name, value in event.headers if name.startswith(b":")}
        fields = [(name, value) for name, value in event.headers if not name.startswith(b":")]
        method = pseudo[b":method"]
        length = any(name == b"content-length" for name, _ in fields)
        exchange = Exchange(event.stream_id, method, chunked=not length and event.stream_ended is None)
        self.reader.methods.append(method)
        self.exchanges.append(exchange)
        path = pseudo.get(b":path", pseudo.get(b":authority", b""))
        lines = [b"%b %b HTTP/1.1" % (method, path)]
        if b":authority" in pseudo and not any(name == b"host" for name, _ in fields):
            lines.append(b"host: " + pseudo[b":authority"])
        lines += [b"%b: %b" % pair for pair in fields]
        if exchange.chunked:
            lines.append(b"transfer-encoding: chunked")
        self.write(b"\r\n".join(lines) + b"\r\n\r\n")

    def close(self) -> None:
        """What HTTP/1 ends by closing, a body without a length, ends its stream."""
        if self.exchanges and self.reader.state == "body" and self.reader.left < 0 and self.sock.fileno() >= 0:
            exchange = self.exchanges[0]
            if not self.piece:
                self.h2.end_stream(exchange.stream)
                self.exchanges.popleft()
                self.flush()
        super().close()
