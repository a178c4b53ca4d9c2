"""What one end of a connection of HTTP/2 has to send, and its streams as far as that goes (RFC 9113 5, 6.9). No I/O.

      send_head, frames of the connection --> `out` --.
                                                       gather --> joined, or pieces
      send, finish --> streams in `ready`, in turn ---'

Payload goes as far as the windows of its stream and of the connection let it; what does not fit waits in its stream.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core.h2_cells import H2Cells
from pointsman.proto.h2 import (
    CANCEL,
    END_HEADERS,
    FRAME_HEAD,
    LARGEST,
    NO_ERROR,
    SMALLEST_FRAME,
    WINDOW,
    reset,
    window_update,
)
from pointsman.proto.h2_budget import Budget
from pointsman.proto.h2_counters import H2Counters
from pointsman.proto.h2_options import H2Options
from pointsman.proto.h2_stream import NO_USER, H2Stream

_PIECES: Final = 4  # frames of a stream's payload before another one has its turn
_RESETS: Final = 256  # streams that we have reset and that the peer may not know of yet
_HEAVY: Final = 4_096  # bytes of a piece of payload that is not copied
_SIZES: Final[list[bytes]] = [size.to_bytes(3, "big") for size in range(2048)]  # as a frame begins with them
_DATA_OPEN: Final = b"\0\0"
_DATA_END: Final = b"\0\1"
_NO_DATA_END: Final = b"\0\0\0\0\1"


@mypyc_attr(allow_interpreted_subclasses=True)
class H2Sending:
    def __init__(self, options: H2Options, client: bool, now: int, cells: H2Cells | None) -> None:
        """`client`: ours is the client's end. `now`: monotonic ms. `cells`: where it is counted."""
        self.options = options
        self.client = client
        self.counters = H2Counters(cells)
        self.budget = Budget(options.streams, now)
        self.streams: dict[int, H2Stream] = {}
        self.receiving = 0  # streams that have a body which has not come wholly
        # Streams that we have reset lately: how much the peer may have sent before it knew.
        self.resets: dict[int, int] = {}
        self.out: list[bytes | memoryview] = []  # frames, to go before all payload
        self.headed: H2Stream | None = None  # the last of them that has a head there, and nothing behind it
        self.head_at = 0  # where that stands
        self.heavy = False  # there is so much payload among them that it had better not be copied
        self.ready: list[H2Stream] = []  # have payload, or their end, to send
        self.window = WINDOW  # bytes that may be sent, on all streams
        self.initial = WINDOW  # that may be sent on a new one
        # That may come on a new one: before the peer has acknowledged our SETTINGS, it need not know them (6.9.3).
        self.granted = max(options.initial_window, WINDOW)
        self.frame_size = SMALLEST_FRAME  # of what is sent
        self.most = LARGEST  # streams that we may open at once
        self.extended = False  # RFC 8441 may be used towards the peer
        self.next = 1  # the number of the next stream that we open
        self.prefix = b""  # of the next header block (RFC 7541 4.2)

    def open(self) -> H2Stream:
        """A stream of ours; its head has to be sent before any other one is opened (5.1.1)."""
        number = self.next
        self.next += 2
        self.counters.opened += 1
        stream = self.streams[number] = H2Stream(number, self.initial, self.granted)
        self.receiving += 1
        return stream

    def _widen(self, stream: H2Stream) -> None:
        """Its window may be its share of what all of them may use: as soon as it is known that it needs more than it
        has, so that small bodies cost no frame."""
        stream.wide = True
        if stream.over or stream.ended:
            return
        share = (self.options.rxbuf - (self.options.rxbuf >> 3)) // max(self.receiving, 1)
        stream.aim = max(self.options.initial_window, min(share, LARGEST))
        more = stream.aim - stream.grant - stream.held
        if more >= 16_384:
            self.out.append(window_update(stream.number, more))
            stream.grant += more

    def send_head(self, stream: H2Stream, block: bytes, ended: bool) -> int:
        """A header block goes out, before all that waits of it; `ended`: nothing follows. Returns its size."""
        if self.prefix:
            block = self.prefix + block
            self.prefix = b""
        size = len(block)
        out = self.out
        if size <= self.frame_size:
            self.headed = stream
            self.head_at = len(out)
            length = _SIZES[size] if size < len(_SIZES) else size.to_bytes(3, "big")
            out.append(b"".join((length, b"\1\5" if ended else b"\1\4", stream.id)))
            out.append(block)
        else:
            self.headed = None
            self._send_long(stream, block, ended)
        if ended:
            self._shut(stream)
        return size + FRAME_HEAD

    def _send_long(self, stream: H2Stream, block: bytes, ended: bool) -> None:
        most = self.frame_size
        kind = b"\1\1" if ended else b"\1\0"
        for at in range(0, len(block), most):
            piece = block[at : at + most]
            if at + most >= len(block):
                kind = bytes((kind[0], kind[1] | END_HEADERS))
            self.out.append(len(piece).to_bytes(3, "big") + kind + stream.id)
            self.out.append(piece)
            kind = b"\x09\0"

    def send(self, stream: H2Stream, data: bytes) -> None:
        """Payload, as soon as it may go."""
        if stream.over:
            return
        if self.headed is stream:
            self.headed = None
        stream.put(data)
        self._credited(stream)

    def finish(self, stream: H2Stream, trailers: bytes) -> None:
        """Nothing more will be sent on it but, behind what waits, a header block of trailers, if there is one."""
        if stream.over or stream.ending:
            return
        if self.headed is stream and not trailers:
            # The head is all there is, and has not gone yet: a call of gRPC that fails is told so, and in no other way.
            self.out[self.head_at] = b"".join((self.out[self.head_at][:3], b"\1\5", stream.id))
            self.headed = None
            self._shut(stream)
            return
        stream.ending = True
        stream.last = trailers
        if not stream.ready and (stream.at >= len(stream.out) or stream.window > 0):
            stream.ready = True
            self.ready.append(stream)

    def _shut(self, stream: H2Stream) -> None:
        stream.shut = True
        stream.ending = True
        if stream.ended:
            self._over_well(stream)
        elif stream.farewell >= 0:
            self.leave(stream, stream.farewell)

    def has_more(self) -> bool:
        """Something could be sent now."""
        return len(self.out) > 0 or len(self.ready) > 0 and (self.window > 0 or self._has_ends())

    def _has_ends(self) -> bool:
        for stream in self.ready:
            if stream.ending and stream.at >= len(stream.out):
                return True
        return False

    def _credited(self, stream: H2Stream) -> None:
        """It has payload, or credit: where it has both, its turn comes."""
        if stream.at < len(stream.out) and not stream.ready and stream.window > 0:
            stream.ready = True
            self.ready.append(stream)

    def give(self, most: int) -> bytes:
        """What goes out next: all frames that wait, and about so many bytes of payload, of all streams in turn."""
        return self.joined() if self.gather(most) else b""

    def gather(self, most: int) -> bool:
        """Have it lie in `out`, from where `joined` or `pieces` take it. False: there is nothing."""
        size = 0
        if self.ready:
            moved: list[H2Stream] | None = None
            waits: list[H2Stream] | None = None
            while self.ready and size < most:
                ready, self.ready = self.ready, []
                for stream in ready:
                    if stream.over or stream.shut:
                        stream.ready = False
                        continue
                    sent = self._send_some(stream) if size < most else 0
                    size += sent
                    if sent and stream.user is not NO_USER:
                        if moved is None:
                            moved = []
                        moved.append(stream)
                    if stream.at < len(stream.out):
                        if stream.window <= 0:
                            stream.ready = False  # a WINDOW_UPDATE brings it back
                        elif self.window <= 0 or not sent:
                            if waits is None:
                                waits = []
                            waits.append(stream)
                        else:
                            self.ready.append(stream)
                    else:
                        stream.ready = False
                        if stream.farewell >= 0 and not stream.ending:
                            self.leave(stream, stream.farewell)
            if waits is not None:
                self.ready += waits
            if moved is not None:
                self._tell(moved)
        return len(self.out) > 0

    def joined(self) -> bytes:
        out = self.out
        data = b"".join(out)
        out.clear()
        self.headed = None
        self.heavy = False
        return data

    def pieces(self) -> list[bytes | memoryview]:
        """As they lie there, for a write that takes many: worth it where it is `heavy`."""
        out, self.out = self.out, []
        self.headed = None
        self.heavy = False
        return out

    def _tell(self, moved: list[H2Stream]) -> None:
        for stream in moved:
            if not stream.over:
                stream.user.credit_came(stream.at >= len(stream.out))

    def _send_some(self, stream: H2Stream) -> int:
        """Some of its payload, as far as the windows go, and its end behind the last of it. Returns how many bytes."""
        data = stream.out
        at = stream.at
        left = len(data) - at
        out = self.out
        sent = 0
        most = self.frame_size
        ended = stream.ending and not stream.last
        if left:
            for _ in range(_PIECES):
                credit = min(stream.window, self.window)  # two arguments each time: no call where it is compiled
                piece = min(left, most)
                size = min(piece, credit)
                if size <= 0:
                    break
                stream.window -= size
                self.window -= size
                left -= size
                self.budget.sent(size, left > 0 and size < most)
                kind = _DATA_END if ended and not left else _DATA_OPEN
                if size >= _HEAVY:
                    self.heavy = True
                    out.append(size.to_bytes(3, "big") + kind + stream.id)
                    out.append(memoryview(data)[at : at + size])
                else:
                    out.append(_SIZES[size] if size < len(_SIZES) else size.to_bytes(3, "big"))
                    out.append(kind)
                    out.append(stream.id)
                    out.append(data[at : at + size] if size < len(data) else data)
                at += size
                sent += size
                if not left:
                    break
            if not left:
                stream.drop()
            else:
                stream.at = at
        if not left and stream.ending:
            if stream.last:
                last, stream.last = stream.last, b""
                self.send_head(stream, last, True)
            else:
                if not sent:
                    out.append(_NO_DATA_END + stream.id)
                self._shut(stream)
        return sent

    # The end of a stream.

    def _over_well(self, stream: H2Stream) -> None:
        """Both sides have ended it."""
        if self.streams.pop(stream.number, None) is not None:
            self.budget.answered()

    def _close(self, stream: H2Stream, code: int, ours: bool) -> None:
        if not stream.ended:
            stream.ended = stream.cut = True
            self.receiving -= 1
        stream.over = True
        stream.ours = ours
        stream.code = code
        stream.drop()
        if ours:  # else what has come before its end may still be taken
            stream.inbox.clear()
            stream.held = 0
        self.streams.pop(stream.number, None)

    def _remember_reset(self, number: int, grant: int) -> None:
        resets = self.resets
        if len(resets) >= _RESETS:
            del resets[next(iter(resets))]
        resets[number] = max(grant, 0)

    def leave(self, stream: H2Stream, code: int = CANCEL) -> None:
        """Its user does not want it any more. If it is not over, the peer is told by a reset with that code."""
        if not stream.over and not stream.done:
            self.out.append(reset(stream.number, code))
            self._remember_reset(stream.number, 0 if stream.ended else stream.grant)
            self._close(stream, code, True)

    def leave_behind(self, stream: H2Stream, code: int = NO_ERROR) -> None:
        """The same behind what waits to be sent, and behind our end of it, if that waits, too (8.1)."""
        if stream.over or stream.done:
            return
        if stream.shut or not stream.ending and stream.at >= len(stream.out):
            self.leave(stream, code)
        else:
            stream.farewell = code
            stream.inbox.clear()
            stream.held = 0
