"""One that a message's body passes on its way through the proxy: what a filter derives from.

Before the head goes out a consumer is asked what it means to do: not to see the body at all (it is left out), to see it
and keep its length, or to change its length. Then it is fed payload, and gives payload: the same, other, more, less, or
nothing yet. A list of them stands in each direction of an exchange (stream/bodies.py).
"""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.proto.message import Field, Head

UNSEEN: Final = 0  # what a consumer says of a message: it does not want to see the body
SEES: Final = 1  # it does, and leaves its length
RESIZES: Final = 2  # it does, and may change its length
PORTION: Final = 16_384  # bytes that are fed at once, where the length may grow


class BodyError(Exception):
    """A consumer cannot or will not let this body go on. `status`: what the client is told if nothing of a response has
    gone out; 0: 500 for a request's body, 502 for a response's."""

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.status = status


@mypyc_attr(allow_interpreted_subclasses=True)
class BodyConsumer:
    """One that a body passes; each message has its own. As it stands it sees all and changes nothing."""

    def __init__(self) -> None:
        self.holding = False  # `more` has something to give
        self.finished = False  # it wants to see no more of the body; neither `end` nor `abort` follows

    def begin(self, head: Head, resizable: bool) -> int:
        """What it means to do with this message: UNSEEN, SEES, or, where it is `resizable`, RESIZES. It may edit the
        fields. Raises BodyError."""
        return SEES

    def feed(self, payload: bytes) -> bytes:
        """What goes on for it; nothing, where that is to come later. Raises BodyError."""
        return payload

    def more(self) -> bytes:
        """While `holding`: the next portion, at least a byte. Nothing is fed before all of them are gone."""
        raise NotImplementedError

    def end(self, trailers: list[Field]) -> tuple[bytes, list[Field]]:
        """All was fed: the last payload (or the first portion, if it is `holding` then), and the trailers that go on.
        Raises BodyError."""
        return b"", trailers

    def abort(self) -> None:
        """The rest of the body, or all of it, will not come."""
