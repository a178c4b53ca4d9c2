"""Streams that no client has asked for: whoever starts one has a front of its own, and may name a parent."""

from __future__ import annotations

import pytest
from support.frame_stand import FrameStand, whole
from support.stand import End, Stand

from pointsman.net.duplex import Duplex
from pointsman.proto.message import Field, Request, Response, field
from pointsman.rules.reply import Reply
from pointsman.sample.context import Context
from pointsman.sample.need import ELSEWHERE, MET, Need
from pointsman.sample.source import Source
from pointsman.sample.types import Value
from pointsman.sample.variable_limits import VARIABLE_LIMITS
from pointsman.stream.acceptor import BindState
from pointsman.stream.connections import client_connections
from pointsman.stream.http import HttpStream
from pointsman.stream.outcome import Answer
from pointsman.stream.session import ClientSession, inside
from pointsman.stream.sides import HttpFront

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
    retries 0
frontend f
    bind 127.0.0.1:1
    http-request set-var(txn.who) src if !{ path -m beg /inside }
    http-request set-var(sess.who) str(session) if !{ path -m beg /inside }
    http-request set-var(req.who) str(request) if !{ path -m beg /inside }
    http-response set-var(res.who) str(response)
    http-request set-header parent "%[var(ptxn.who)],%[var(psess.who)],%[var(preq.who)],%[var(pres.who)]"
    http-request deny if { path /inside/denied }
    default_backend b
backend b
    http-reuse always
    server a {a}
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
GET = b"GET /parent HTTP/1.1\r\nHost: h\r\n\r\n"


class InsideFront(HttpFront):
    """Asks one thing, and keeps the answer. `room`: bytes of it that are taken."""

    def __init__(self, stand: Stand, session: ClientSession, parent: Context | None = None) -> None:
        super().__init__(session)
        self.stream = HttpStream(stand.reactor, session, self)
        self.stream.context.parent = parent
        self.stand = stand
        self.body = b""  # of the request, not handed on yet
        self.owing = False
        self.status = 0
        self.interims: list[int] = []
        self.fields: list[Field] = []
        self.answer = b""
        self.waiting = b""
        self.trailers: list[Field] | None = None
        self.process = 1 << 30
        self.kept: bool | None = None  # how it ended

    def ask(self, uri: bytes, body: bytes = b"", method: bytes = b"GET") -> InsideFront:
        request = Request()
        request.method, request.uri, request.line = method, uri, b"%b %b" % (method, uri)
        request.fields = [field(b"host", b"h")]
        if body:
            request.length = len(body)
            request.fields.append(field(b"content-length", b"%d" % len(body)))
        self.body, self.owing = body, bool(body)
        self.stream.first_byte()
        self.stream.begin(request)
        self.stand.settle()
        return self

    def ends_after(self, request: Request) -> bool:
        return False

    @property
    def request_done(self) -> bool:
        return not self.owing

    def upload(self) -> None:
        while self.body and not self.stream.upload_blocked():
            piece, self.body = self.body[:65_536], self.body[65_536:]
            self.stream.upload(piece)
        if self.owing and not self.body:
            self.owing = False
            self.stream.upload_end([])

    def gather(self, limit: int) -> bool:
        return True

    def received(self) -> bytes:
        return self.body

    def drop_body(self) -> bool:
        self.body, self.owing = b"", False
        return True

    def early(self) -> bytes:
        return b""

    def interim(self, response: Response) -> int:
        self.interims.append(response.status)
        return 0

    def frame(self, response: Response, bodiless: bool) -> bool:
        return False

    def begin_response(self, response: Response, closing: bool, answer: Answer | None) -> int:
        self.status, self.fields = response.status, response.fields
        return 0

    def send_body(self, payload: bytes) -> int:
        self.waiting += payload
        return len(payload)

    def end_body(self, trailers: list[Field]) -> int:
        self.trailers = trailers
        return 0

    def reply(self, response: Response, content: bytes, closing: bool) -> int:
        self.begin_response(response, closing, None)
        self.trailers = []
        return self.send_body(content)

    def cut(self) -> None:
        pass

    def reply_unread(self, status: int, page: Reply | None, context: Context) -> int:
        raise AssertionError("what is asked from inside can be read")

    def goes_unseen(self) -> bool:
        return False

    def duplex(self) -> Duplex:
        raise AssertionError("it asks for no tunnel")

    def look_behind(self) -> None:
        pass

    def is_blocked(self) -> bool:
        return bool(self.waiting)

    def has_pending(self) -> bool:
        return bool(self.waiting)

    def drop_pending(self) -> None:
        self.waiting = b""

    def flush(self) -> bool:
        taken = self.waiting[: self.process]
        self.process -= len(taken)
        self.answer += taken
        self.waiting = self.waiting[len(taken) :]
        return True

    def give_room(self, size: int) -> None:
        self.process += size
        self.flush()
        if not self.waiting:
            self.stream.client_drained()
        self.stand.settle()

    def is_open(self) -> bool:
        return self.kept is None

    def is_partial(self) -> bool:
        return True

    def disappear(self, ttl: int) -> None:
        raise AssertionError("there is nobody to disappear from")

    def next(self, keep: bool) -> None:
        self.kept = keep
        self.stream.part()


def session_of(stand: Stand) -> ClientSession:
    frontend = stand.frontend()
    return inside(frontend, BindState("", 0, stand.live.process), stand.reactor.now)


def asked(stand: Stand, uri: bytes, parent: Context | None = None) -> tuple[InsideFront, End]:
    front = InsideFront(stand, session_of(stand), parent).ask(uri)
    return front, stand.accept("a")


def parent_header(server: End) -> bytes:
    (line,) = [one for one in server.take().split(b"\r\n") if one.startswith(b"parent: ")]
    return line[8:]


def test_one_that_nobody_waits_for_at_a_socket() -> None:
    """Its rules, its server, its log line and its counts are those of any other; no connection is counted."""
    with Stand(CONFIG, "a") as stand:
        front, server = asked(stand, b"/inside")
        assert server.take() == b"GET /inside HTTP/1.1\r\nhost: h\r\nparent: ,,,\r\n\r\n"
        assert stand.frontend().connections == 0 and stand.server("a").connections == 1
        server.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)
        assert (front.status, front.answer, front.trailers, front.interims) == (200, b"body", [], [103])
        assert front.kept is True
        assert stand.lines == ["200 --"] and stand.record["sent"] == 4
        assert stand.frontend().counters.totals.requests == 1
        assert len(stand.server("a").pool.idle) == 1
        front.session.over()


def test_with_a_body_that_is_large() -> None:
    with Stand(CONFIG, "a") as stand:
        body = bytes(range(256)) * 4_000
        front = InsideFront(stand, session_of(stand)).ask(b"/inside", body, b"POST")
        server = stand.accept("a")
        received = server.take_all(
            len(b"POST /inside HTTP/1.1\r\nhost: h\r\ncontent-length: 1024000\r\nparent: ,,,\r\n\r\n")
        )
        assert received.endswith(b"\r\n\r\n") and server.take_all(len(body)) == body
        server.send(OK)
        assert front.answer == b"body" and stand.lines == ["200 --"]


def test_what_takes_no_more_is_not_sent_more() -> None:
    with Stand(CONFIG, "a") as stand:
        front, server = asked(stand, b"/inside")
        front.process = 100_000
        sent = 0
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 32000000\r\n\r\n")
        while sent < 32_000_000:
            size = server.send(b"x" * min(1_000_000, 32_000_000 - sent))
            if not size:
                break
            sent += size
        assert len(front.answer) == 100_000 and len(front.waiting) <= 524_288 and sent < 32_000_000
        front.give_room(1 << 30)
        server.send_all(b"x" * (32_000_000 - sent))
        assert len(front.answer) == 32_000_000 and front.kept is True and stand.lines == ["200 --"]


@pytest.mark.parametrize(
    "uri, status, line", [(b"/inside/denied", 403, "403 PR"), (b"/inside", 504, "504 sH"), (b"/inside", 502, "502 SH")]
)
def test_it_may_end_badly(uri: bytes, status: int, line: str) -> None:
    with Stand(CONFIG, "a") as stand:
        front = InsideFront(stand, session_of(stand)).ask(uri)
        if status == 504:
            stand.wait(3_100)
        elif status == 502:
            stand.accept("a").close()
        assert front.status == status and b"<html>" in front.answer
        assert stand.lines == [line] and front.kept is not None


def test_whoever_has_started_it_gives_it_up() -> None:
    with Stand(CONFIG, "a") as stand:
        front, server = asked(stand, b"/inside")
        server.take()
        front.stream.client_gone()
        assert server.ended() and server.reset
        assert front.kept is False and stand.lines == ["400 CD"]


def test_it_reads_what_its_parent_has_set() -> None:
    """The parent is busy with its request or with its response: it has no variables of the other."""
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        client.send(GET)
        server = stand.accept("a")
        assert parent_header(server) == b",,,", "a client's stream has none"
        parent = streams(stand)[0].context
        child, other = asked(stand, b"/inside", parent)
        assert parent_header(other) == b"127.0.0.1,session,,"
        server.send(OK[:-4])
        grandchild, third = asked(stand, b"/inside/below", parent)
        assert parent_header(third) == b"127.0.0.1,session,,response"
        for end in (other, third):
            end.send(OK)
        assert child.answer == grandchild.answer == b"body"
        assert child.session.variables == {}
        server.send(OK[-4:])
        assert client.take().endswith(b"body")


def test_a_parent_that_is_over_has_no_variables_left() -> None:
    """Its next exchange begins without those of the one before; a child that still runs sees what there is."""
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        client.send(GET)
        server = stand.accept("a")
        server.take()
        server.send(OK)
        parent = streams(stand)[0].context
        client.send(b"GET /inside HTTP/1.1\r\n")
        assert parent.variables == {}
        InsideFront(stand, session_of(stand), parent).ask(b"/inside")
        assert parent_header(server) == b",session,,"
        server.send(OK)


def streams(stand: Stand) -> list[HttpStream]:
    return [
        one
        for connection in client_connections(stand.reactor)
        for one in connection.streams()
        if isinstance(one, HttpStream)
    ]


def test_many_share_a_session() -> None:
    """Also its connection to a server, where that is this session's alone."""
    with FrameStand(CONFIG.replace("always", "never"), "a", speaks="a") as stand:
        session = session_of(stand)
        first = InsideFront(stand, session).ask(b"/inside/1")
        second = InsideFront(stand, session).ask(b"/inside/2")
        server = stand.frame_server("a")
        whole(server, server.place("/inside/2"), b"two")
        whole(server, server.place("/inside/1"), b"one")
        assert (first.answer, second.answer) == (b"one", b"two")
        third = InsideFront(stand, session).ask(b"/inside/3")
        whole(server, server.place("/inside/3"), b"three")
        assert third.answer == b"three" and stand.arrivals("a") == []
        session.over()
        stand.settle()
        assert server.look().end.closed and VARIABLE_LIMITS.used == 0


# A parent that waits for its child.


class ChildNeed(Need):
    """What the child has answered; who wants it no more gives the child up."""

    def __init__(self, child: AskingFront) -> None:
        super().__init__(ELSEWHERE, 1_000, b"child")
        self.child = child

    def cancel(self) -> None:
        self.child.stream.client_gone()


class AskingFront(InsideFront):
    """Tells its parent's rules when it is over."""

    def __init__(self, stand: Stand, session: ClientSession, parent: Context | None = None) -> None:
        super().__init__(stand, session, parent)
        self.need = ChildNeed(self)

    def next(self, keep: bool) -> None:
        super().next(keep)
        self.need.meet()


class AsksChild(Source):
    """A fetch whose value is what a child answers, which it starts."""

    def __init__(self, stand: Stand) -> None:
        self.many = False
        self.stand = stand
        self.children: list[AskingFront] = []

    def get(self, ctx: Context) -> Value | None:
        found = ctx.answer_to(b"child")
        if isinstance(found, ChildNeed):
            return found.child.answer if found.state == MET else None
        if ctx.may_wait and ctx.need is None:
            child = AskingFront(self.stand, session_of(self.stand), ctx)
            self.children.append(child)
            ctx.need = child.need
            request = Request()
            request.method, request.uri, request.line = b"GET", b"/inside", b"GET /inside"
            child.stream.first_byte()
            child.stream.begin(request)
        return None


def asking(stand: Stand) -> AsksChild:
    """The condition of the backend's rule asks a child from now on."""
    source = AsksChild(stand)
    condition = stand.backend("b").http_request[0].condition
    assert condition is not None
    condition.alternatives[0][1].usable[0].source = source
    return source


def parental() -> Stand:
    """Requests of clients go to `b`, whose rule asks; those from inside to `c`."""
    rule = "http-request deny if !{ path -m beg /inside } { var(txn.verdict) -m str body }"
    text = CONFIG.replace("default_backend", "use_backend c if { path -m beg /inside }\n    default_backend")
    text = text.replace("http-reuse always", f"{rule}\n    http-reuse always")
    return Stand(text + "backend c\n    server c {c}\n", "a", "c")


def test_a_parent_waits_for_its_child() -> None:
    """Its rule is evaluated again with what the child has brought."""
    with parental() as stand:
        source = asking(stand)
        client = stand.client()
        client.send(GET)
        server = stand.accept("c")
        assert parent_header(server) == b"127.0.0.1,session,request,"
        assert client.take() == b""
        server.send(OK)
        assert client.take().startswith(b"HTTP/1.1 403 ")
        assert stand.lines == ["200 --", "403 PR"] and len(source.children) == 1


def test_a_child_that_answers_something_else() -> None:
    with parental() as stand:
        asking(stand)
        client = stand.client()
        client.send(GET)
        stand.accept("c").send(OK.replace(b"body", b"else"))
        stand.accept("a").send(OK)
        assert client.take().endswith(b"body") and stand.lines == ["200 --", "200 --"]


@pytest.mark.parametrize("how", ["the client leaves", "the time is over"])
def test_a_parent_that_waits_no_longer_gives_its_child_up(how: str) -> None:
    with parental() as stand:
        source = asking(stand)
        client = stand.client()
        client.send(GET)
        server = stand.accept("c")
        server.take()
        if how == "the client leaves":
            client.abort()
            assert stand.lines == ["400 CD", "-1 CR"]
        else:
            stand.wait(1_100)
            stand.accept("a").send(OK)
            assert client.take().endswith(b"body") and stand.lines == ["400 CD", "200 --"]
        assert server.ended() and source.children[0].kept is False
