"""What the proxy itself answers: error pages, denials, redirects, `return`.

A Reply is compiled at start-up; `render` gives the head and the body for one request. Where the body comes from a
log-format it is evaluated each time, else it is the same bytes for all. A Served reply is written by another process,
a Produced one is made by this one as the client takes it.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.proto.message import Response, field
from pointsman.proto.reasons import reason_of
from pointsman.proto.tokens import tokens
from pointsman.sample.context import Context
from pointsman.sample.format import Format

MOVED: Final = {
    301: b"Moved Permanently",
    302: b"Found",
    303: b"See Other",
    307: b"Temporary Redirect",
    308: b"Permanent Redirect",
}  # the statuses of redirections


class Challenge:
    """Answer with the error page of a status, which asks for credentials in this field."""

    def __init__(self, status: int, name: bytes, value: bytes) -> None:
        self.status = status
        self.name = name
        self.value = value


@mypyc_attr(allow_interpreted_subclasses=True)
class Reply:
    """An answer of the proxy's own. `fields`: names in lower case with constant or computed values; content-length is
    added when it goes out. `body` is constant bytes or a log-format."""

    def __init__(
        self, status: int, fields: list[tuple[bytes, bytes | Format]], body: bytes | Format, reason: bytes = b""
    ) -> None:
        self.status = status
        self.reason = reason or reason_of(status)
        self.fields = fields
        self.body = body
        self.logged = 0  # the status of log and counters, where it is not the one that goes out (error files)
        self.silent = False  # no bytes at all: the connection is just closed (errorfile /dev/null)
        self.close = False  # the connection is closed behind it, whatever the client wants

    def challenging(self, challenge: Challenge) -> "Reply":
        """This reply with the challenge as its only one."""
        fields = [one for one in self.fields if one[0] != challenge.name]
        made = Reply(self.status, [*fields, (challenge.name, challenge.value)], self.body, self.reason)
        made.logged = self.logged
        made.silent = self.silent
        made.close = self.close
        return made

    def render(self, context: Context) -> tuple[Response, bytes]:
        """The head without framing fields, and the body."""
        head = Response()
        head.status = self.status
        head.reason = self.reason
        for name, value in self.fields:
            content = value if isinstance(value, bytes) else value.render_header(context)
            if not content and not isinstance(value, bytes):
                continue  # as HAProxy does where a reply is made; set-header writes the field all the same
            head.fields.append(field(name, content))
            if name == b"connection" and b"close" in tokens(content):
                head.close_asked = True
        body = self.body
        content = body if isinstance(body, bytes) else body.render_header(context)
        head.length = len(content)
        return head, content


@mypyc_attr(allow_interpreted_subclasses=True)
class Served(Reply):
    """An answer that is written elsewhere. `stand_in`: what logs show for the server (manual 8.2.3); `filtered`: it
    passes the http-response rules as a server's does; `page`: not 0: the error page of this status, and no more."""

    def __init__(self, stand_in: bytes, filtered: bool, page: int = 0) -> None:
        Reply.__init__(self, 200, [], b"")
        self.stand_in = stand_in
        self.filtered = filtered
        self.page = page

    def open(self, context: Context) -> int:
        """The descriptor by which the answer comes; -1: nobody can be asked."""
        raise NotImplementedError


class ProducerWaiter:
    """Whom a producer tells that it has something again."""

    def produced(self) -> None:
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Producer:
    """Makes the content of one answer, as fast as the client takes it."""

    def __init__(self) -> None:
        self.waiter: ProducerWaiter | None = None

    def next(self, most: int) -> bytes | None:
        """The next piece, of so many bytes at most. b"": that was all; None: nothing yet, `ready` will be called."""
        raise NotImplementedError

    def ready(self) -> None:
        """There is something again, or the end."""
        if self.waiter is not None:
            self.waiter.produced()

    def stop(self) -> None:
        """Nobody wants the rest."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Produced(Served):
    """An answer whose content a producer makes in pieces."""

    def begin(self, context: Context) -> tuple[Response, Producer]:
        """Its head, with the length if that is known, and who makes the content."""
        raise NotImplementedError
