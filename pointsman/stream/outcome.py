"""What an exchange amounted to, to be done again for the same bytes.

A stream notes what its rules ask (rules/plan.py). If all of it was the connection and the request's head, then for the
same head on the same connection the outcome is the same: the backend, the edited request, the bytes that go out. The
client's side keeps it beside the bytes of the head (h1front.py). The same holds for responses: a server connection
keeps the last head with the bytes that were sent to the client for it (h1back.py).

What depends on nothing but the head and the client's address holds for other connections of that client, too: the
frontend keeps the last such outcome (`SharedOutcome`), and a new connection begins with it. A server does so with the
last answer; one that depends on the client's connection names its address object, which no other connection has.

Rules edit heads in place. So what is taken from a head before its rules, captures and such, is kept beside it.

What rules found in tables, and tracked there, is found and tracked once more first (`noted`, rules/plan.py): a client
that has gone over its limit meanwhile is decided anew.

An outcome never holds what has to be asked anew: which server, timers, counters, log line. `version`: see
core/epoch.py; it is that of the time when the rules were asked.
"""

from pointsman.core.address import NetAddress
from pointsman.proto.hpack import Block
from pointsman.proto.message import Request, Response
from pointsman.sample.context import Context
from pointsman.server.backend import Remembered
from pointsman.stream.proxies import BackendProxy, Frontend


class Outcome:
    """Of a request."""

    def __init__(self, context: Context, request: Request, backend: BackendProxy, bodiless: bool, version: int) -> None:
        self.request = request  # as the rules left it
        self.backend = backend
        self.wire = b""  # as it goes to a server that speaks HTTP/1, once it has gone there (h1back.py)
        self.block = b""  # the same of one that speaks HTTP/2 (h2back.py), in the clear or `secure`
        self.secure = False
        self.bodiless = bodiless  # the client has sent HEAD, whatever rules made of it
        self.version = version
        self.source: NetAddress | None = None  # who it holds for, on any connection; None: on this connection only
        self.captures = context.request_captures
        self.cookie = context.record.request_cookie
        self.noted = context.noted  # what it holds for: found and done again each time
        decided = context.decided_by
        self.route = None if decided is None else decided.route  # which has held, while decisions are kept

    def captured(self, context: Context) -> None:
        """The captures, as the head had them when it came."""
        context.request_captures = self.captures.copy()
        context.response_captures = [b""] * len(context.response_capture_sizes)
        context.record.request_cookie = self.cookie


class SharedOutcome(Remembered):
    """What a frontend's next connection may begin with."""

    def __init__(self, model: Request, block: bytes, outcome: Outcome, now: int) -> None:
        super().__init__()
        self.model = model  # the request as it was received
        self.block = block  # its bytes
        self.outcome = outcome
        self.used = now

    def holds_for(self, client: NetAddress) -> bool:
        source = self.outcome.source
        return source is not None and source.packed == client.packed and source.family == client.family


class SharedH2Outcome(Remembered):
    """The same of connections of HTTP/2: a block is the same object wherever the same was received, if it holds no
    secret."""

    def __init__(self, block: Block, ended: bool, outcome: Outcome, now: int) -> None:
        super().__init__()
        self.block = block
        self.ended = ended  # no body followed
        self.outcome = outcome
        self.used = now

    def holds_for(self, client: NetAddress) -> bool:
        source = self.outcome.source
        return source is not None and source.packed == client.packed and source.family == client.family


class Answer(Remembered):
    """Of a response."""

    def __init__(
        self, context: Context, response: Response, frontend: Frontend, outcome: Outcome | None, version: int
    ) -> None:
        super().__init__()
        self.response = response  # as the rules left it
        self.captures = context.response_captures
        self.cookie = context.record.response_cookie
        self.frontend = frontend
        self.outcome = outcome  # of the request, if rules looked at that
        self.version = version
        self.received = 0  # the status that the server sent
        self.client: NetAddress | None = None  # of the connection, if rules looked at that
        self.wire = b""  # as it goes to a client that speaks HTTP/1 (h1front.py), if the two that follow are the same
        self.closing = False
        self.minor = 1
        self.coded = b""  # as it goes to a client that speaks HTTP/2 (h2client.py): a header block
        self.raw = b""  # as it was received; for the side that keeps it (h1back.py)
        self.block: Block | None = None  # the same where it came by HTTP/2 (h2back.py)
        self.kind = 0  # of its body
        self.keeps = False  # the server connection allows another exchange

    def captured(self, context: Context) -> None:
        """The captures, as the head had them when it came."""
        context.response_captures = self.captures.copy()
        context.record.response_cookie = self.cookie
