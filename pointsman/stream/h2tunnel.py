"""A stream of HTTP/2 as one end of a tunnel (RFC 9113 8.5, RFC 8441): its payload, with the credit of its windows."""

import errno

from mypy_extensions import mypyc_attr

from pointsman.net.duplex import NOTHING, Duplex
from pointsman.net.wire import BRIEF
from pointsman.proto.h2_stream import H2Stream
from pointsman.stream.h2writer import H2Writer


@mypyc_attr(allow_interpreted_subclasses=True)
class H2Tunnel(Duplex):
    """Whoever has the stream tells it what happens (`came`, `credited`), and pumps then."""

    def __init__(self, writer: H2Writer, flow: H2Stream) -> None:
        super().__init__()
        self.writer = writer
        self.flow = flow

    # Told by the stream's user.

    def came(self) -> None:
        """There is more to pass on, or the stream is over."""
        self.unread = True
        flow = self.flow
        if flow.over:
            self.out = b""

    def credited(self, all_gone: bool) -> None:
        """Some of what waited has gone."""
        self.out = b"" if all_gone else b"."

    # As the end of a tunnel.

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
                self.out = b""
            return 0
        self.unread = len(flow.inbox) > 0 or flow.ended
        endpoint = self.writer.endpoint
        endpoint.eaten(flow, len(data))
        if endpoint.out:
            self.writer.ask()
        sink.accept(data)
        return len(data)

    def accept(self, data: bytes) -> None:
        if not data:
            return
        flow = self.flow
        endpoint = self.writer.endpoint
        endpoint.send(flow, data)
        self.writer.ask()
        if flow.over:
            self.failed = errno.ECONNRESET
        elif flow.waits > min(flow.window, endpoint.window) or self.writer.wire.blocked:
            self.out = b"."  # it has no credit until this is gone

    def end(self) -> None:
        self.shut_down = True
        self.writer.endpoint.finish(self.flow, b"")
        self.writer.ask()

    def ask_again(self) -> None:
        self.writer.wire.reactor.another(self)

    def go(self) -> None:
        """The go that was asked for."""
        self.flow.user.payload_came()

    def again(self) -> None:
        self.go()

    def ready(self, events: int) -> None:
        """It has no descriptor."""
