"""What a stream asks of its client's side and of its server's side, whatever version they speak.

HTTP/1 implements them in h1front.py and h1back.py; protocols whose connections carry several streams at once begin with
shared.py; TCP mode (raw.py) needs only what all have in common. What passes
between a stream and a side is heads without a version, payload without framing, trailers, an end, a reset, and credit:
a stream does not hand on more than the other side takes. How all that looks on the wire, and what it weighs there, is
the side's business alone.
"""

from typing import Final

from mypy_extensions import mypyc_attr, trait

from pointsman.net.duplex import Duplex
from pointsman.proto.message import Field, Request, Response
from pointsman.rules.reply import Reply
from pointsman.sample.context import Context
from pointsman.stream.outcome import Answer, Outcome
from pointsman.stream.session import ClientSession

TAKES: Final = 524_288  # bytes: as much as is ever read at once

PARTIAL: Final = 0  # how far a body is received: more of it is to come
ENOUGH: Final = 1  # all of it, or as much as may be kept
CUT: Final = 2  # it ended early
WRONG: Final = 3  # its framing is wrong


@mypyc_attr(allow_interpreted_subclasses=True)
class Front:
    """A stream's client, as all modes see it."""

    def __init__(self, session: ClientSession) -> None:
        self.session = session

    def duplex(self) -> Duplex:
        """What is left of it where nobody looks at the bytes any more."""
        raise NotImplementedError

    def failure(self) -> int:
        """The errno of what its connection has failed of; 0: it has not."""
        return 0

    def look_behind(self) -> None:
        """The stream went on by itself. If the client has ended meanwhile, have another look at it."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class HttpFront(Front):
    """The client of an exchange."""

    def __init__(self, session: ClientSession) -> None:
        super().__init__(session)
        self.takes_interim = True  # its version knows interim heads (RFC 9110 15.2)

    # The request.

    def ends_after(self, request: Request) -> bool:
        """The client expects its connection to end behind the response."""
        raise NotImplementedError

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

    def expect(self) -> None:
        """The client waits for leave to send the body: it has it (RFC 9110 10.1.1)."""
        raise NotImplementedError

    def early(self) -> bytes:
        """Bytes behind the request, for a tunnel."""
        raise NotImplementedError

    def received_block(self) -> object:
        """The head as it was received, where the request does not hold it itself (its `lines`)."""
        return None

    def remember(self, outcome: Outcome) -> None:
        """This is what became of the request; it would be the same for the same bytes."""

    # The response. What is returned are the bytes that go out.

    def interim(self, response: Response) -> int:
        """A 1xx, if its version knows them."""
        raise NotImplementedError

    def frame(self, response: Response, bodiless: bool) -> bool:
        """How its body will go out (none, where it is `bodiless`). True: only by the end of the connection."""
        raise NotImplementedError

    def begin_response(self, response: Response, closing: bool, answer: Answer | None) -> int:
        """The head, behind `frame`. `closing`: the connection ends with it. `answer`: where it would be the same for
        the same bytes."""
        raise NotImplementedError

    def switch(self, response: Response) -> int:
        """The head of a response that makes a tunnel of the connection."""
        raise NotImplementedError

    def send_body(self, payload: bytes) -> int:
        raise NotImplementedError

    def end_body(self, trailers: list[Field]) -> int:
        raise NotImplementedError

    def reply(self, response: Response, content: bytes, closing: bool) -> int:
        """An answer of our own, all of it."""
        raise NotImplementedError

    def cut(self) -> None:
        """The response ends here, and is not whole: where its version, or what its bytes pass through, has a mark for
        an end, none is set."""
        raise NotImplementedError

    def reply_unread(self, status: int, page: Reply | None, context: Context) -> int:
        """The answer to what could not be read: the page for that status, or a built-in one."""
        raise NotImplementedError

    def goes_unseen(self) -> bool:
        """The next payload may pass to it without being looked at."""
        raise NotImplementedError

    def take_unseen(self, source: Duplex, most: int) -> int:
        """So it does, up to so many bytes. How many; 0: the source has ended; -1: nothing now."""
        raise NotImplementedError

    # Its state.

    def is_blocked(self) -> bool:
        """It takes no more at the moment, or is closed."""
        raise NotImplementedError

    def portion(self) -> int:
        """So many bytes of a response's body may be read for it at once, where it is not blocked."""
        return TAKES

    def has_pending(self) -> bool:
        """Something waits to be sent."""
        raise NotImplementedError

    def drop_pending(self) -> None:
        raise NotImplementedError

    def flush(self) -> bool:
        """Send what waits. False: it is lost."""
        raise NotImplementedError

    def is_open(self) -> bool:
        """Its connection was not closed."""
        raise NotImplementedError

    def is_partial(self) -> bool:
        """Something of a request was received, but not all of its head."""
        raise NotImplementedError

    def disappear(self, ttl: int) -> None:
        """Make its close leave the client in the dark (silent-drop)."""
        raise NotImplementedError

    def repeats(self) -> None:
        """It gets no answer, and had better send the request again: as if nobody had looked at it."""

    def hang_up(self) -> None:
        """Its connection ends with the exchange, whatever else it carries (reject)."""

    def next(self, keep: bool) -> None:
        """The exchange is over; `keep`: the connection may go on."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
@trait
class HttpBack:
    """The server of an exchange: a place on a connection."""

    # The request. What is returned are the bytes that go out.

    def begin_request(self, request: Request, closing: bool, strict: bool, outcome: Outcome | None) -> int:
        """Its head. `closing`: it is to be the connection's last; `strict`: option pointsman-strict. `outcome`: where
        it would be the same for the same bytes."""
        raise NotImplementedError

    def send_body(self, payload: bytes) -> int:
        raise NotImplementedError

    def end_body(self, trailers: list[Field]) -> int:
        raise NotImplementedError

    def goes_unseen(self) -> bool:
        """The next payload may pass to it without being looked at."""
        raise NotImplementedError

    def take_unseen(self, source: Duplex, most: int) -> int:
        """So it does, up to so many bytes. How many; 0: the source has ended; -1: nothing now."""
        raise NotImplementedError

    def waits_to_begin(self) -> bool:
        """Its head waits: nothing of its body may be taken of the client yet, not even its end."""
        return False

    @property
    def takes(self) -> int:
        """So many bytes of the request's body may be read for it at once, where it is not blocked."""
        return TAKES

    def is_blocked(self) -> bool:
        """It takes no more at the moment, or is lost."""
        raise NotImplementedError

    def flush(self) -> bool:
        """Send what waits. False: it is lost."""
        raise NotImplementedError

    def number(self) -> int:
        """That of its stream; of HTTP/1 how many exchanges the connection has had before (bs.id)."""
        return 0

    # The response.

    def read_head(self) -> None:
        """Go on reading its head."""
        raise NotImplementedError

    def download(self) -> None:
        """Go on reading its body."""
        raise NotImplementedError

    def gather(self, limit: int) -> int:
        """Receive its body and keep it, up to so many bytes. How far it is: PARTIAL, ENOUGH, CUT, WRONG."""
        raise NotImplementedError

    def held(self) -> int:
        """So many bytes of it are kept."""
        raise NotImplementedError

    def is_whole(self) -> bool:
        """All of it was received."""
        raise NotImplementedError

    def release(self) -> None:
        """Hand on what was kept of it, and then what comes."""
        raise NotImplementedError

    def wants_answer(self) -> bool:
        """Its head is in the same bytes as the one before: what becomes of it is worth keeping."""
        raise NotImplementedError

    def remember(self, answer: Answer) -> None:
        """This is what became of it; it would be the same for the same bytes."""
        raise NotImplementedError

    def may_switch(self, request: Request, response: Response) -> bool:
        """A response that makes another protocol of the connection fits the request (101)."""
        raise NotImplementedError

    def early(self) -> bytes:
        """Bytes behind its head, for a tunnel."""
        raise NotImplementedError

    def is_clean(self) -> bool:
        """Its connection may carry another exchange."""
        raise NotImplementedError
