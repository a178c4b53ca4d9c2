"""A stream of HTTP/2 as one end of a tunnel: what CONNECT, or a WebSocket (RFC 8441), makes of an exchange."""

import errno
from typing import Final

from pointsman.net.duplex import NOTHING, Duplex
from pointsman.net.wire import BRIEF
from pointsman.proto.h2_stream import H2Stream
from pointsman.stream.h2writer import H2Writer

_WAITS: Final = b"\0"  # stands in `out` for what waits in the stream


class H2Duplex(Duplex):
    """Whoever has the stream says when something has come (`unread`), and looks how much waits when some of it has gone
    (`weigh`)."""

    def __init__(self, writer: H2Writer, flow: H2Stream) -> None:
        super().__init__()
        self.writer = writer
        self.flow = flow
        self.unread = flow.held > 0 or flow.ended

    def pass_on(self, sink: Duplex) -> int:
        flow = self.flow
        data = flow.take(BRIEF)
        if data is None:
            self.unread = False
            return NOTHING
        if not data:
            self.unread = False
            self.finished = True
            if flow.cut:
                self.failed = errno.ECONNRESET
            return 0
        size = len(data)
        writer = self.writer
        writer.endpoint.eaten(flow, size)
        writer.ask()
        self.unread = flow.held > 0 or flow.ended
        sink.accept(data)
        return size

    def accept(self, data: bytes) -> None:
        if data:
            writer = self.writer
            writer.endpoint.send(self.flow, data)
            writer.ask()
            self.weigh()

    def weigh(self) -> None:
        """Does more wait than may go?"""
        flow = self.flow
        writer = self.writer
        waits = flow.waits
        blocked = waits > 0 and (
            writer.wire.blocked or waits > min(flow.window, writer.endpoint.window) or waits > BRIEF
        )
        self.out = _WAITS if blocked else b""

    def end(self) -> None:
        if not self.shut_down:
            self.shut_down = True
            writer = self.writer
            writer.endpoint.finish(self.flow, b"")
            writer.ask()

    def ask_again(self) -> None:
        self.writer.wire.reactor.another(self)

    def go(self) -> None:
        self.flow.user.payload_came()

    def broken(self) -> None:
        """A bug, already reported."""
        self.writer.wire.user.broken()
