"""One end of a connection that speaks HTTP/2 (RFC 9113): bytes in, frames out, streams and their windows. No I/O.

      read --take--> frames --> EndpointUser, StreamUser          told at once, from within `take`
      write <--give-- `out` (heads, settings, ...), payload of the streams in `ready`, in turn

What is received is credited twice. The connection's window is filled up again as soon as bytes come: what bounds memory
are the windows of streams, which are filled up as somebody takes what has come (`eaten`). So a stream that nobody reads
holds up no other. How far a stream's window goes depends on how many receive at once: they share `options.rxbuf`.

Header blocks are decoded whatever becomes of their stream, as the tables of both ends would part otherwise.

What a peer may cost is bounded (h2_budget.py): frames that move nothing, and streams that come to nothing, end the
connection when there are too many. What is left of one read after so many frames, or new streams, is looked at in
another go of the reactor, behind what others want (`more`).
"""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core.h2_cells import H2Cells
from pointsman.proto.errors import ProtocolError
from pointsman.proto.h2 import (
    ACK,
    COMPRESSION_ERROR,
    CONTINUATION,
    DATA,
    ENABLE_CONNECT_PROTOCOL,
    ENABLE_PUSH,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_HEAD,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HEADER_TABLE_SIZE,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    LARGEST,
    LARGEST_FRAME,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    MAX_HEADER_LIST_SIZE,
    NO_ERROR,
    PADDED,
    PING,
    PREFACE,
    PRIORITIZED,
    PRIORITY,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    SETTINGS_ACK,
    SMALLEST_FRAME,
    STREAM_CLOSED,
    WINDOW,
    WINDOW_UPDATE,
    H2Error,
    goaway,
    ping,
    reset,
    settings,
    window_update,
)
from pointsman.proto.h2_budget import FRAME, OVER_SHIFT, STOPPED, WASTED
from pointsman.proto.h2_fields import trailers_of
from pointsman.proto.h2_options import H2Options
from pointsman.proto.h2_sending import H2Sending
from pointsman.proto.h2_stream import H2Stream
from pointsman.proto.h2_users import EndpointUser
from pointsman.proto.hpack import SIZE_UPDATE_0, Block, Decoder, HpackError

_GAPS: Final = 64  # runs of numbers that the peer has passed over, as far as they are remembered
_FRAMES_AT_ONCE: Final = 1024  # after which others are let go first, where the configuration has no opinion
_OPENED_AT_ONCE: Final = 16  # new streams, the same
_LONGEST_LIST: Final = 65_536  # bytes of a header list, or four times what a head may have: beyond it, it is a bomb
_MERGED: Final = 4096  # bytes: pieces of a body that are shorter are put together, while nobody takes them


@mypyc_attr(allow_interpreted_subclasses=True)
class H2Endpoint(H2Sending):
    def __init__(
        self, user: EndpointUser, options: H2Options, client: bool, head_limit: int, cells: H2Cells | None = None
    ) -> None:
        """`client`: ours is the client's end. `head_limit`: bytes of a head, of its block and of what that says.
        `cells`: where it is counted."""
        super().__init__(options, client, user.now(), cells)
        self.user = user
        self.head_limit = head_limit
        self.decoder = Decoder(options.table_size, head_limit)
        self.decoder.bound = max(head_limit * 4, _LONGEST_LIST)
        self.opened = 0  # streams by the peer, of which somebody was told
        # What comes.
        self.kept = b""  # of a frame that is not whole, or what is to be looked at in another go
        self.more = False  # the latter: `take(b"")` goes on, and nothing should be read before
        self.yields = False  # others are let go first
        self.resets_left = 0  # RST_STREAM frames until then; 0: no limit
        self.greeted = client  # the client's preface has come
        self.set_up = False  # the peer's first SETTINGS have come
        self.last = 0  # the highest number of a stream that the peer has opened
        self.last_before = 0  # the same when this go began
        self.gaps: list[tuple[int, int]] = []  # numbers below that which it has passed over
        self.fresh: list[H2Stream] = []  # payload has come on them in this go
        self.limit = LARGEST  # streams above that are not looked at, since we have said goodbye
        self.grant = WINDOW  # bytes that may still come, on all streams
        self.room = max(options.rxbuf, WINDOW)  # what that is filled up to
        self.block: list[bytes] = []  # a head whose end has not come
        self.block_size = 0
        self.block_of = 0  # its stream; 0: there is none
        self.block_ended = False
        self.pinged = 0  # pings of ours that were not answered
        # Its end.
        self.parting = False  # the peer has said goodbye
        self.failed = False  # a fault has ended it: nothing is looked at any more
        self.code = NO_ERROR  # which one
        self.said = ""  # in words
        self._greet()

    def _greet(self) -> None:
        """What each end says first (3.4)."""
        options = self.options
        if not options.greeting:
            options.greeting = self._greeting_of(options)
        self.out.append(options.greeting)
        self.grant = self.room

    def _greeting_of(self, options: H2Options) -> bytes:
        """The same for all connections: settings, and as much window as there is room."""
        said: list[tuple[int, int]] = []
        if options.table_size != 4096:
            said.append((HEADER_TABLE_SIZE, options.table_size))
        if self.client:
            said.append((ENABLE_PUSH, 0))
        else:
            said.append((MAX_CONCURRENT_STREAMS, options.streams or LARGEST))
        if options.initial_window != WINDOW:
            said.append((INITIAL_WINDOW_SIZE, options.initial_window))
        if options.frame_size != SMALLEST_FRAME:
            said.append((MAX_FRAME_SIZE, options.frame_size))
        if not self.client:
            said.append((MAX_HEADER_LIST_SIZE, self.head_limit))
            if not options.bogus_websocket:
                said.append((ENABLE_CONNECT_PROTOCOL, 1))
        first = [PREFACE] if self.client else []
        first.append(settings(said))
        if self.room > WINDOW:
            first.append(window_update(0, self.room - WINDOW))
        return b"".join(first)

    def _refill(self) -> None:
        """Let the peer send more, on all streams."""
        if self.grant <= self.room >> 1:
            self.out.append(window_update(0, self.room - self.grant))
            self.grant = self.room

    def stop(self) -> None:
        """Nothing is looked at any more, and nothing more is said: its user gives the connection up."""
        self.failed = True
        self.kept = b""
        self.more = False

    # What comes.

    def take(self, data: bytes) -> None:
        """What was read. Where it is wrong, GOAWAY waits to be sent, and `failed` says that the connection is over."""
        if self.failed:
            return
        if self.kept:
            data = self.kept + data
            self.kept = b""
        self.more = self.yields = False
        self.resets_left = self.options.rst_at_once
        self.last_before = self.last
        try:
            self._frames(data)
        except HpackError as error:
            self._fail(COMPRESSION_ERROR, str(error))
        except H2Error as fault:  # compiled code gives each name one type
            self._fail(fault.code, fault.said)
        if self.fresh:
            self._tell_fresh()
        if not self.failed:
            self._refill()

    def _tell_fresh(self) -> None:
        """Once for all frames of a go: small ones are handed on together."""
        fresh, self.fresh = self.fresh, []
        for stream in fresh:
            if stream.fresh:
                stream.fresh = False
                if not stream.over:
                    stream.user.payload_came()

    def _fresh(self, stream: H2Stream) -> None:
        if not stream.fresh:
            stream.fresh = True
            self.fresh.append(stream)

    def _fail(self, code: int, said: str) -> None:
        self.counters.failed(code)
        self.failed = True
        self.code = code
        self.said = said
        self.kept = b""
        self.more = False
        self.out.append(goaway(min(self.last, self.limit), code))

    def _frames(self, data: bytes) -> None:
        end = len(data)
        at = 0 if self.greeted else self._greeting(data)
        if at < 0:
            self.kept = data
            return
        budget = self.budget
        frames_left = self.options.frames_at_once or _FRAMES_AT_ONCE
        streams_left = self.opened + _OPENED_AT_ONCE
        while end - at >= FRAME_HEAD:
            size = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
            kind = data[at + 3]
            if not self.set_up and (kind != SETTINGS or data[at + 4] & ACK):
                raise H2Error(PROTOCOL_ERROR, "the first frame is not SETTINGS")
            if size > self.options.frame_size:
                raise H2Error(FRAME_SIZE_ERROR, "frame too large")
            until = at + FRAME_HEAD + size
            if until > end:
                break
            flags = data[at + 4]
            number = (data[at + 5] & 127) << 24 | data[at + 6] << 16 | data[at + 7] << 8 | data[at + 8]
            at += FRAME_HEAD
            if self.block_of and (kind != CONTINUATION or number != self.block_of):
                raise H2Error(PROTOCOL_ERROR, "another frame within a head")
            if kind == HEADERS:
                self._headers(data, at, until, flags, number)
            elif kind == DATA:
                self._data(data, at, until, flags, number)
            else:
                self._other(kind, flags, number, data[at:until])
            at = until
            if self.failed:
                return
            if budget.left < 0:
                self._bear()
            frames_left -= 1
            if (not frames_left or self.opened >= streams_left or self.yields) and at < end:
                self.yields = False
                self.more = True
                break
        if at < end:
            self.kept = data[at:] if at else data

    def _greeting(self, data: bytes) -> int:
        """The client's preface (3.4). Where the first frame begins; -1: not all of it has come."""
        if data.startswith(PREFACE):
            self.greeted = True
            return len(PREFACE)
        if not PREFACE.startswith(data):
            raise H2Error(PROTOCOL_ERROR, "no preface")
        return -1

    def _bear(self) -> None:
        """H2Error where the peer has cost too much."""
        if self.budget.left < 0 and not self.budget.bears(self.user.now()):
            raise H2Error(ENHANCE_YOUR_CALM, "too many frames that move nothing, or streams that come to nothing")

    # Heads.

    def _headers(self, data: bytes, at: int, until: int, flags: int, number: int) -> None:
        self.counters.headers += 1
        if not number:
            raise H2Error(PROTOCOL_ERROR, "HEADERS without a stream")
        dependency = -1
        if flags & (PADDED | PRIORITIZED):
            if flags & PADDED:
                if at >= until:
                    raise H2Error(FRAME_SIZE_ERROR, "no padding length")
                until -= data[at]
                at += 1
            if flags & PRIORITIZED:
                if until - at < 5:
                    raise H2Error(PROTOCOL_ERROR if flags & PADDED else FRAME_SIZE_ERROR, "no priority")
                dependency = int.from_bytes(data[at : at + 4], "big") & LARGEST
                at += 5
            if at > until:
                raise H2Error(PROTOCOL_ERROR, "more padding than payload")
        block = data[at:until]
        if not flags & END_HEADERS:
            self.block_of = number
            self.block_ended = flags & END_STREAM != 0
            self.block = [block]
            self.block_size = len(block)
        else:
            self._head(number, block, flags & END_STREAM != 0)
        if dependency == number:
            self.refuse(number, PROTOCOL_ERROR)

    def _continuation(self, flags: int, number: int, payload: bytes) -> None:
        if not self.block_of:
            raise H2Error(PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        if self.budget.part(len(self.block)):
            self.user.glitch_came()
        self.block.append(payload)
        self.block_size += len(payload)
        if self.block_size > self.head_limit or len(self.block) > 64 and self.block_size < len(self.block) * 256:
            raise H2Error(ENHANCE_YOUR_CALM, "head too large")
        if flags & END_HEADERS:
            block, self.block = b"".join(self.block), []
            self.block_of = 0
            self._head(number, block, self.block_ended)

    def _head(self, number: int, data: bytes, ended: bool) -> None:
        """A header block is whole."""
        block = self.decoder.decode(data)
        if block.over:
            self.budget.spend(FRAME + (block.size >> OVER_SHIFT))
        stream = self.streams.get(number)
        if stream is not None:
            if stream.ended:
                self.refuse(number, STREAM_CLOSED)
            elif stream.headed:
                self._trailers(stream, block, ended)
            else:
                self.budget.spend(FRAME)  # it may be the thousandth interim one
                if ended:
                    self._ended(stream)
                stream.user.head_came(block, ended)
                if stream.expected > stream.grant:
                    self._widen(stream)
            return
        if self.client:
            if number & 1 and number < self.next:
                self.budget.spend(FRAME)
                return  # one of ours, which we have left
            raise H2Error(PROTOCOL_ERROR, "HEADERS on a stream that nobody has opened")
        if not number & 1:
            raise H2Error(PROTOCOL_ERROR, "HEADERS on an even stream")
        if number <= self.last:
            if number in self.resets:
                self.budget.spend(STOPPED)
                return
            for low, high in self.gaps:
                if low <= number <= high:
                    raise H2Error(PROTOCOL_ERROR, "number of a stream below the last one")
            raise H2Error(STREAM_CLOSED, "HEADERS on a closed stream")
        self._open(number, block, ended)

    def _open(self, number: int, block: Block, ended: bool) -> None:
        """The peer opens a stream."""
        if number > self.last + 2:
            self.gaps.append((self.last + 1, number - 1))
            if len(self.gaps) > _GAPS:
                del self.gaps[0]
        self.last = number
        if number > self.limit:
            self.budget.spend(STOPPED)
            return  # since we have said goodbye, new ones are not looked at
        options = self.options
        if options.streams and max(len(self.streams), self.user.exchanges()) >= options.streams:
            self.refuse(number, REFUSED_STREAM)
            return
        self.opened += 1
        if self.opened == options.total_streams:
            # It may have sent others before it hears of this: as many as it may have at once (manual 3.2).
            self.limit = min(self.limit, number + 2 * min(options.streams or 100, LARGEST >> 2) & LARGEST)
            self.out.append(goaway(self.limit, NO_ERROR))
        stream = H2Stream(number, self.initial, self.granted)
        stream.headed = True
        stream.ended = ended
        if block.over:
            stream.grant = 0
        self.streams[number] = stream
        if not ended:
            self.receiving += 1
        try:
            self.user.request_came(stream, block, ended)
        except ProtocolError:
            self.refuse(number, PROTOCOL_ERROR)
            return
        if stream.expected > stream.grant:
            self._widen(stream)

    def _trailers(self, stream: H2Stream, block: Block, ended: bool) -> None:
        if not ended or stream.expected > 0 or block.over:
            self.refuse(stream.number, PROTOCOL_ERROR)
            return
        try:
            stream.trailers = trailers_of(block)
        except ProtocolError:
            stream.malformed = True
            self.refuse(stream.number, PROTOCOL_ERROR)
            return
        self._ended(stream)
        self._fresh(stream)

    # Payload.

    def _data(self, data: bytes, at: int, until: int, flags: int, number: int) -> None:
        self.counters.data += 1
        size = until - at  # with its padding (6.9.1)
        if not number:
            raise H2Error(PROTOCOL_ERROR, "DATA without a stream")
        if size > self.grant:
            raise H2Error(FLOW_CONTROL_ERROR, "more DATA than the connection's window")
        self.grant -= size
        if flags & PADDED:
            if at >= until:
                raise H2Error(FRAME_SIZE_ERROR, "no padding length")
            until -= data[at]
            at += 1
            if at > until:
                raise H2Error(PROTOCOL_ERROR, "more padding than payload")
        stream = self.streams.get(number)
        if stream is None:
            self._unwanted(number, size)
            return
        if stream.ended or not stream.headed:
            self.refuse(number, STREAM_CLOSED if stream.ended else PROTOCOL_ERROR)
            return
        if size > stream.grant and size:
            self.refuse(number, FLOW_CONTROL_ERROR)
            return
        stream.grant -= size
        if size > until - at:
            self.eaten(stream, size - (until - at))  # padding is nobody's
        self._payload(stream, data[at:until], flags & END_STREAM != 0)

    def _payload(self, stream: H2Stream, payload: bytes, ended: bool) -> None:
        length = len(payload)
        if stream.expected >= 0:
            stream.expected -= length
            if stream.expected < 0 or ended and stream.expected:
                self.refuse(stream.number, PROTOCOL_ERROR)
                return
        if length:
            inbox = stream.inbox
            if inbox and length + len(inbox[-1]) <= _MERGED:
                inbox[-1] += payload  # or single bytes would take much more memory than their window says
            else:
                inbox.append(payload)
            stream.held += length
        if ended:
            self._ended(stream)
        elif not length:
            self.budget.spend(FRAME)
            return
        elif not stream.wide:
            self._widen(stream)  # more is to come, of which nobody has told how much
        self._fresh(stream)

    def _unwanted(self, number: int, size: int) -> None:
        """DATA on a stream that is not there (any more)."""
        left = self.resets.get(number, -1)
        if left >= 0 or not self.client and number > self.limit:
            if left >= size > 0:
                self.resets[number] = left - size
            else:
                self.budget.spend(FRAME)
            return
        if self.is_idle(number):
            raise H2Error(PROTOCOL_ERROR, "DATA on an idle stream")
        if not self.client:
            self.refuse(number, STREAM_CLOSED)

    def is_idle(self, number: int) -> bool:
        """Nobody has opened a stream of that number."""
        if self.client:
            return not number & 1 or number >= self.next
        return not number & 1 or number > self.last

    def _ended(self, stream: H2Stream) -> None:
        """The peer sends no more on it."""
        if not stream.ended:
            stream.ended = True
            self.receiving -= 1
        if stream.shut:
            self._over_well(stream)

    def eaten(self, stream: H2Stream, size: int) -> None:
        """So much of what has come on it was taken: more may come."""
        if stream.ended or stream.over:
            return
        missing = stream.aim - stream.grant - stream.held
        if missing >= stream.aim >> 1 or missing >= 65_536:
            stream.grant += missing
            self.out.append(window_update(stream.number, missing))

    # Other frames.

    def _other(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        """All of them move nothing, and are paid for."""
        self.budget.spend(FRAME)
        if kind == WINDOW_UPDATE:
            self._window_update(number, payload)
        elif kind == SETTINGS:
            self._settings(flags, number, payload)
        elif kind == PING:
            self._ping(flags, number, payload)
        elif kind == RST_STREAM:
            self._rst_stream(number, payload)
        elif kind == CONTINUATION:
            self._continuation(flags, number, payload)
        elif kind == PRIORITY:
            self._priority(number, payload)
        elif kind == GOAWAY:
            self._goaway(number, payload)
        elif kind == PUSH_PROMISE:
            raise H2Error(PROTOCOL_ERROR, "PUSH_PROMISE")

    def _ping(self, flags: int, number: int, payload: bytes) -> None:
        if number:
            raise H2Error(PROTOCOL_ERROR, "PING on a stream")
        if len(payload) != 8:
            raise H2Error(FRAME_SIZE_ERROR, "PING of another size")
        if not flags & ACK:
            self.out.append(ping(payload, True))
        elif self.pinged:
            self.pinged -= 1
            self.user.pong_came(payload)

    def _priority(self, number: int, payload: bytes) -> None:
        """Nobody's order depends on it (5.3.2)."""
        if not number:
            raise H2Error(PROTOCOL_ERROR, "PRIORITY without a stream")
        code = NO_ERROR
        if len(payload) != 5:
            code = FRAME_SIZE_ERROR
        elif int.from_bytes(payload[:4], "big") & LARGEST == number:
            code = PROTOCOL_ERROR
        if code != NO_ERROR:
            if self.is_idle(number):
                raise H2Error(code, "PRIORITY that is wrong, on an idle stream")  # which nobody may reset (6.4)
            self.refuse(number, code)

    def _window_update(self, number: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise H2Error(FRAME_SIZE_ERROR, "WINDOW_UPDATE of another size")
        more = int.from_bytes(payload, "big") & LARGEST
        if not number:
            if not more:
                raise H2Error(PROTOCOL_ERROR, "WINDOW_UPDATE of nothing")
            self.window += more
            if self.window > LARGEST:
                raise H2Error(FLOW_CONTROL_ERROR, "window too large")
            return
        stream = self.streams.get(number)
        if stream is None:
            if self.is_idle(number):
                raise H2Error(PROTOCOL_ERROR, "WINDOW_UPDATE on an idle stream")
        elif not more:
            self.refuse(number, PROTOCOL_ERROR)
        else:
            stream.window += more
            if stream.window > LARGEST:
                self.refuse(number, FLOW_CONTROL_ERROR)
            else:
                self._credited(stream)

    def _settings(self, flags: int, number: int, payload: bytes) -> None:
        self.counters.settings += 1
        if number:
            raise H2Error(PROTOCOL_ERROR, "SETTINGS on a stream")
        if flags & ACK:
            if payload:
                raise H2Error(FRAME_SIZE_ERROR, "SETTINGS are acknowledged with a payload")
            self._settle_windows()
            self.decoder.settle(self.options.table_size)
            return
        if len(payload) % 6:
            raise H2Error(FRAME_SIZE_ERROR, "SETTINGS of another size")
        self.set_up = True
        for at in range(0, len(payload), 6):
            self.budget.spend(FRAME)
            self._bear()  # thousands of them stand in one frame
            self._set(payload[at] << 8 | payload[at + 1], int.from_bytes(payload[at + 2 : at + 6], "big"))
        self.out.append(SETTINGS_ACK)
        self.user.settings_came()

    def _settle_windows(self) -> None:
        """The peer knows our initial window from now on. Its streams may have used more than that (6.9.2)."""
        less = self.granted - self.options.initial_window
        if less > 0:
            self.granted -= less
            for stream in self.streams.values():
                stream.grant -= less
                if not stream.wide:
                    stream.aim -= less

    def _set(self, key: int, value: int) -> None:
        if key == INITIAL_WINDOW_SIZE:
            self._set_initial_window(value)
        elif key == MAX_FRAME_SIZE:
            if not SMALLEST_FRAME <= value <= LARGEST_FRAME:
                raise H2Error(PROTOCOL_ERROR, "frame size out of range")
            self.frame_size = min(value, 65_536)
        elif key == ENABLE_PUSH:
            if value > 1 or value and self.client:
                raise H2Error(PROTOCOL_ERROR, "ENABLE_PUSH out of range")
        elif key == MAX_CONCURRENT_STREAMS:
            self.most = min(value, LARGEST)
        elif key == HEADER_TABLE_SIZE:
            if value < 4096:
                self.prefix = SIZE_UPDATE_0  # nothing of ours is in it, and the peer wants to hear so
        elif key == ENABLE_CONNECT_PROTOCOL:
            if value > 1 or self.extended and not value:
                raise H2Error(PROTOCOL_ERROR, "ENABLE_CONNECT_PROTOCOL out of range")
            self.extended = value == 1

    def _set_initial_window(self, value: int) -> None:
        """Of all streams (6.9.2)."""
        if value > LARGEST:
            raise H2Error(FLOW_CONTROL_ERROR, "initial window too large")
        more = value - self.initial
        if not more:
            return
        self.initial = value
        if more < 0:
            self._odd(FRAME)
        self.budget.spend(len(self.streams) >> 3)
        for stream in list(self.streams.values()):
            stream.window += more
            if stream.window > LARGEST:
                raise H2Error(FLOW_CONTROL_ERROR, "window too large")
            self._credited(stream)

    def _rst_stream(self, number: int, payload: bytes) -> None:
        self.counters.rst_stream += 1
        if not number:
            raise H2Error(PROTOCOL_ERROR, "RST_STREAM without a stream")
        if len(payload) != 4:
            raise H2Error(FRAME_SIZE_ERROR, "RST_STREAM of another size")
        stream = self.streams.get(number)
        if stream is None:
            if self.is_idle(number):
                raise H2Error(PROTOCOL_ERROR, "RST_STREAM on an idle stream")
            return
        code = int.from_bytes(payload, "big")
        if stream.fresh:
            stream.fresh = False
            stream.user.payload_came()  # its answer may be whole (8.1)
        stream.unseen = code == REFUSED_STREAM
        stream.reset = code
        self._close(stream, code, False)
        stream.user.reset_came(code)
        if not self.client:
            self._pay_reset(number)

    def _pay_reset(self, number: int) -> None:
        """A client has reset one of its streams."""
        if number > self.last_before:
            self._odd(WASTED - FRAME)  # as soon as it was opened: no user is that quick
        else:
            self.budget.spend(STOPPED - FRAME)
        if self.resets_left:
            self.resets_left -= 1
            self.yields = not self.resets_left

    def _goaway(self, number: int, payload: bytes) -> None:
        self.counters.goaway += 1
        if number:
            raise H2Error(PROTOCOL_ERROR, "GOAWAY on a stream")
        if len(payload) < 8:
            raise H2Error(FRAME_SIZE_ERROR, "GOAWAY of another size")
        self.parting = True
        last = int.from_bytes(payload[:4], "big") & LARGEST
        code = int.from_bytes(payload[4:8], "big")
        self.user.goaway_came(last, code)
        if self.client:
            for stream in list(self.streams.values()):
                if stream.number > last:
                    stream.unseen = True
                    self._close(stream, code, False)
                    stream.user.reset_came(code)

    # The end of a stream.

    def refuse(self, number: int, code: int) -> None:
        """A stream is reset for what came on it: its user is told."""
        self.out.append(reset(number, code))
        stream = self.streams.get(number)
        grant = self.granted if code == REFUSED_STREAM else 0
        self._remember_reset(number, stream.grant if stream is not None and not stream.ended else grant)
        self.counters.refused(code)
        if stream is not None:
            self._close(stream, code, True)
            stream.user.reset_came(code)
        # A server's connection carries requests of many: what one of them provokes is no reason to end all.
        self._odd(STOPPED if code == REFUSED_STREAM or self.client else WASTED)

    def _odd(self, cost: int) -> None:
        self.budget.odd(cost)
        self.user.glitch_came()

    def end_all(self) -> None:
        """The connection is over: so are its streams."""
        for stream in list(self.streams.values()):
            self._close(stream, self.code, False)
            stream.user.reset_came(self.code)

    # Its end.

    def part(self, code: int = NO_ERROR) -> None:
        """Say goodbye (6.8): streams that the peer has opened so far go on, later ones are not looked at."""
        if not self.failed:
            self.limit = min(self.limit, self.last)
            self.out.append(goaway(self.limit, code))

    def warn(self) -> None:
        """Say that goodbye is near: the peer had better open no further stream, though they would be looked at."""
        self.out.append(goaway(self.limit, NO_ERROR))

    def ask(self, payload: bytes) -> None:
        """A ping, of 8 bytes."""
        self.pinged += 1
        self.out.append(ping(payload, False))
