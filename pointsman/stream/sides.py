"""The two sides of an HTTP exchange, whatever version they speak: what a stream asks of its client and of its server.

HTTP/1 implements them in h1front.py and h1back.py. A stream sees heads without a version, payload without framing, and
credit: it does not hand on more than the other side takes.
"""

from pointsman.net.wire import Wire
from pointsman.proto.message import Field
from pointsman.server.backend import LiveServer
from pointsman.server.connection import ServerConnection
from pointsman.stream.outcome import Answer, Outcome


class HttpFront(Wire):
    """The client's side."""

    first = True  # no exchange of this connection is over yet
    since = 0  # when the exchange before was over, or the connection accepted and ready (monotonic ms)

    @property
    def request_done(self) -> bool:
        """The request's body was received wholly."""
        raise NotImplementedError

    def upload(self) -> None:
        """Go on reading the request's body."""
        raise NotImplementedError

    def gather(self, limit: int) -> bool:
        """Receive the request's body and keep it, up to so many bytes. True: there is no more to wait for."""
        raise NotImplementedError

    def received(self) -> bytes:
        """What was kept of it."""
        raise NotImplementedError

    def drop_body(self) -> bool:
        """Nobody wants what was received of the request's body. True: that was all of it."""
        raise NotImplementedError

    def left_over(self) -> bytes:
        """Bytes behind the request, for a tunnel."""
        raise NotImplementedError

    def begin_response(self, head: bytes, encoding: int) -> None:
        raise NotImplementedError

    def send_body(self, payload: bytes) -> int:
        raise NotImplementedError

    def takes_raw(self) -> bool:
        """The response's payload goes out as it is."""
        return False

    def end_body(self, trailers: list[Field]) -> int:
        raise NotImplementedError

    def is_idle(self) -> bool:
        """Between two requests, with nothing of the next one received."""
        raise NotImplementedError

    def next(self, keep: bool) -> None:
        """The exchange is over; `keep`: the connection may go on."""
        raise NotImplementedError

    def remember(self, outcome: Outcome) -> None:
        """This is what became of the request; it would be the same for the same bytes."""

    def new_connection(self, server: LiveServer, fd: int) -> "HttpBack":
        """A server connection that speaks what this server speaks."""
        raise NotImplementedError


class HttpBack(ServerConnection):
    """The server's side."""

    glitches = 0  # what was odd in responses so far, where that is counted
    keeps = False  # the response allows another exchange on this connection
    repeated = False  # the response's head is the same as that of the one before
    private = False  # it carries the identity of its client (NTLM, Negotiate): never shared

    def begin_request(self, head: bytes, chunked: bool, head_only: bool) -> None:
        raise NotImplementedError

    def send_body(self, payload: bytes) -> int:
        raise NotImplementedError

    def takes_raw(self) -> bool:
        """The request's payload goes out as it is."""
        return False

    def end_body(self, trailers: list[Field]) -> int:
        raise NotImplementedError

    def read_head(self) -> None:
        """Go on reading the response's head."""
        raise NotImplementedError

    def download(self) -> None:
        """Go on reading the response's body."""
        raise NotImplementedError

    def feed(self, data: bytes) -> bool:
        """Bytes of the response's body that came with its head. False: the stream has taken its leave."""
        raise NotImplementedError

    def remember(self, answer: Answer) -> None:
        """This is what became of the response; it would be the same for the same bytes."""

    def body_kind(self) -> int:
        """How the response's body is framed (proto.body's kinds)."""
        raise NotImplementedError

    @property
    def body_done(self) -> bool:
        raise NotImplementedError

    def trailers(self) -> list[Field]:
        raise NotImplementedError

    @property
    def clean(self) -> bool:
        """It may carry another exchange."""
        raise NotImplementedError
