"""A stream of HTTP/2 (RFC 9113 5): what its connection knows of it, at either end. No I/O.

What comes lies in `inbox` until its user takes it, and is credited to the peer when that happens. What goes waits in
`out` as long as the windows, or the frames before it, do not let it pass.
"""

from typing import Final

from mypy_extensions import mypyc_attr, trait

from pointsman.proto.h2 import NO_ERROR
from pointsman.proto.hpack import Block
from pointsman.proto.message import Field


@mypyc_attr(allow_interpreted_subclasses=True)
@trait
class StreamUser:
    """Who has a stream, and is told what comes on it. All of these may come from within `H2Endpoint.take`."""

    def head_came(self, block: Block, ended: bool) -> None:
        """A header block: of a response, interim or final. (Requests: EndpointUser.request_came. Trailers are kept in
        `H2Stream.trailers`, and told by payload_came.)"""
        raise NotImplementedError

    def payload_came(self) -> None:
        """There is more in the inbox, or it has ended (`ended`)."""
        raise NotImplementedError

    def reset_came(self, code: int) -> None:
        """The stream is over at once: the peer has reset it, or it was reset for what came on it. Nothing may be sent
        on it any more. `H2Stream.ours` says who did that."""
        raise NotImplementedError

    def credit_came(self, all_gone: bool) -> None:
        """Some of what waited has gone; `all_gone`: nothing waits any more."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class NoUser(StreamUser):
    """Has a stream that nobody wants any more."""

    def head_came(self, block: Block, ended: bool) -> None:
        pass

    def payload_came(self) -> None:
        pass

    def reset_came(self, code: int) -> None:
        pass

    def credit_came(self, all_gone: bool) -> None:
        pass


NO_USER: Final = NoUser()


@mypyc_attr(free_list_len=1)
class H2Stream:
    def __init__(self, number: int, window: int, grant: int) -> None:
        """`window`: bytes that the peer lets us send; `grant`: that we let it send."""
        self.number = number
        self.id = number.to_bytes(4, "big")  # as frames have it
        self.user: StreamUser = NO_USER
        # What comes.
        self.inbox: list[bytes] = []
        self.held = 0  # bytes in it
        self.fresh = False  # its user is to be told of what has come
        self.grant = grant  # that may still come
        self.aim = grant  # what it is filled up to, as it is taken
        self.wide = False  # that is its share of what all streams may use, and not the least of it
        self.expected = -1  # bytes of the body that are still to come, where a content-length says so; -1: it does not
        self.headed = False  # a final head has come: what comes as a header block now are trailers
        self.ended = False  # the peer sends no more
        self.cut = False  # for it was over before the peer's end had come
        self.trailers: list[Field] | None = None
        self.malformed = False  # what came as trailers are none: it was reset for that
        # What goes.
        self.window = window
        self.out = b""  # waits to be sent, from `at` on
        self.at = 0
        self.ending = False  # nothing comes behind that
        self.last = b""  # the header block of trailers, to be sent behind that
        self.ready = False  # it stands in the connection's list of those that have something to send
        self.shut = False  # our end is on its way
        self.farewell = -1  # the code of a reset that follows that end, as nobody wants what still comes; -1: none does
        # Its end.
        self.over = False  # by a reset, or with its connection
        self.ours = False  # it was us
        self.code = NO_ERROR  # of the reset, or of what has ended the connection
        self.reset = -1  # the code of a RST_STREAM that has come for it; -1: none has
        self.unseen = False  # the peer says that it has not looked at it: it may be asked again (8.7)

    @property
    def waits(self) -> int:
        """Bytes that wait to be sent."""
        return len(self.out) - self.at

    @property
    def done(self) -> bool:
        """Both sides have ended it."""
        return self.ended and self.shut

    def put(self, data: bytes) -> None:
        """To be sent."""
        if self.at < len(self.out):
            self.out = self.out[self.at :] + data
        else:
            self.out = data
        self.at = 0

    def drop(self) -> None:
        """What waits will not be sent."""
        self.out = b""
        self.at = 0

    def take(self, most: int) -> bytes | None:
        """A piece of what has come, up to so many bytes; b"": there is no more, or it is over; None: nothing now. It
        is for the caller to have the connection credit it (`H2Endpoint.eaten`)."""
        inbox = self.inbox
        if not inbox:
            return b"" if self.ended or self.over else None
        piece = inbox[0]
        if len(inbox) > 1:
            piece = b"".join(inbox)
            inbox.clear()
            inbox.append(piece)
        if len(piece) > most:
            inbox[0] = piece[most:]
            piece = piece[:most]
        else:
            inbox.clear()
        self.held -= len(piece)
        return piece
