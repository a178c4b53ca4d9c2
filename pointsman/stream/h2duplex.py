"""A stream of HTTP/2 as the client's end of a tunnel: what CONNECT, or a WebSocket (RFC 8441), makes of an exchange."""

import errno
from typing import Final

from pointsman.net.duplex import NOTHING, Duplex
from pointsman.net.wire import BRIEF
from pointsman.proto.h2_stream import H2Stream
from pointsman.stream.h2connection import H2Connection

_WAITS: Final = b"\0"  # stands in `out` for what waits in the stream


class H2Duplex(Duplex):
    def __init__(self, connection: H2Connection, flow: H2Stream) -> None:
        super().__init__()
        self.connection = connection
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
            if flow.over:
                self.failed = errno.ECONNRESET
            return 0
        size = len(data)
        connection = self.connection
        connection.endpoint.eaten(flow, size)
        connection.write_soon()
        self.unread = flow.held > 0 or flow.ended
        sink.accept(data)
        return size

    def accept(self, data: bytes) -> None:
        if data:
            connection = self.connection
            connection.endpoint.send(self.flow, data)
            connection.write_soon()
            self.weigh()

    def weigh(self) -> None:
        """Does more wait than may go?"""
        flow = self.flow
        connection = self.connection
        waits = flow.waits
        blocked = waits > 0 and (
            connection.wire.blocked or waits > min(flow.window, connection.endpoint.window) or waits > BRIEF
        )
        self.out = _WAITS if blocked else b""

    def end(self) -> None:
        if not self.shut_down:
            self.shut_down = True
            connection = self.connection
            connection.endpoint.finish(self.flow, b"")
            connection.write_soon()

    def ask_again(self) -> None:
        self.connection.reactor.another(self)

    def go(self) -> None:
        self.flow.user.payload_came()
