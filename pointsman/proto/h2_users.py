"""Who is told what comes on a connection of HTTP/2 (h2_endpoint.py)."""

from time import monotonic_ns

from mypy_extensions import mypyc_attr, trait

from pointsman.proto.h2_stream import H2Stream, StreamUser
from pointsman.proto.hpack import Block


@mypyc_attr(allow_interpreted_subclasses=True)
@trait
class EndpointUser:
    """Who has a connection, and is told what concerns all of it. All of these may come from within `take`."""

    def request_came(self, stream: H2Stream, block: Block, ended: bool) -> None:
        """A client opens a stream. Raises ProtocolError where its head is malformed: then it is reset."""
        raise NotImplementedError

    def goaway_came(self, last: int, code: int) -> None:
        """The peer takes no further streams; those of ours above `last` it has not looked at: they are told so, by
        `reset_came`, behind this."""

    def settings_came(self) -> None:
        """The peer has said what holds from now on."""

    def pong_came(self, payload: bytes) -> None:
        """The peer has answered a ping."""

    def glitch_came(self) -> None:
        """The peer has done something that no well-behaved one does (`Budget.glitches`). Raises H2Error where that was
        too much."""

    def exchanges(self) -> int:
        """How many of the peer's requests are being worked at, whether their streams are over or not."""
        return 0

    def now(self) -> int:
        """Monotonic ms."""
        return monotonic_ns() // 1_000_000


@mypyc_attr(allow_interpreted_subclasses=True)
class PlainEndpointUser(EndpointUser, StreamUser):
    """One to whom it all means nothing, and the base of those that are not compiled."""

    def request_came(self, stream: H2Stream, block: Block, ended: bool) -> None:
        pass

    def head_came(self, block: Block, ended: bool) -> None:
        pass

    def payload_came(self) -> None:
        pass

    def reset_came(self, code: int) -> None:
        pass

    def credit_came(self, all_gone: bool) -> None:
        pass
