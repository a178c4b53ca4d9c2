"""Answers of our own whose content is made in pieces, as the client takes it."""

import socket
from collections.abc import Iterator

import pytest
from support.consumers import Doubling, Failing, Late, Multiplying, Noting, Sealing, Upper
from support.stand import End, Stand

from pointsman.net.wire import Wire
from pointsman.proto.consumer import PORTION, BodyConsumer, BodyError
from pointsman.proto.message import Response, field
from pointsman.rules.reply import Produced, Producer, Served
from pointsman.rules.service import SERVICES, Ask, HttpService, ServiceEntry
from pointsman.sample.context import Context
from pointsman.stream.h1front import H1Front
from pointsman.stream.phases import GATHER
from pointsman.stream.served import SILENCE

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    http-request pause 10 if { path /consumed }
    http-response set-header x-ruled yes
    http-request use-service made-in-pieces
"""
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
LATE = 64  # ms: so much later than its deadline something may happen (net/timers.py)


class Pieces(Producer):
    """Makes these; None: nothing until the test says so."""

    def __init__(self, pieces: list[bytes | None]) -> None:
        super().__init__()
        self.pieces = pieces
        self.asked = 0
        self.stopped = False

    def next(self, most: int) -> bytes | None:
        assert most == PORTION
        self.asked += 1
        piece = self.pieces.pop(0) if self.pieces else b""
        if piece == b"fail":
            raise BodyError("it cannot be made")
        return piece

    def stop(self) -> None:
        self.stopped = True


class Made(Produced):
    def __init__(self, plan: "Plan") -> None:
        super().__init__(b"<MADE>", plan.filtered)
        self.plan = plan

    def begin(self, context: Context) -> tuple[Response, Producer]:
        head = Response()
        head.status, head.reason, head.length = self.plan.status, b"Made", self.plan.length
        head.fields = [field(b"x-made", b"here")]
        self.plan.producer = Pieces(self.plan.pieces)
        return head, self.plan.producer


class Plan(HttpService):
    """What the service of the test answers with."""

    def __init__(self) -> None:
        self.status = 200
        self.length = -1
        self.filtered = False
        self.pieces: list[bytes | None] = []
        self.producer: Pieces | None = None

    def answer(self, context: Context) -> Served:
        return Made(self)

    def made(self) -> Pieces:
        assert self.producer is not None
        return self.producer


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Iterator[Plan]:
    made = Plan()

    def make(ask: Ask) -> HttpService:
        return made

    monkeypatch.setitem(SERVICES._entries, "made-in-pieces", ServiceEntry("made-in-pieces", "", make))
    yield made


def consumed(stand: Stand, client: End, *consumers: BodyConsumer) -> None:
    """A request whose response passes these."""
    client.send(GET.replace(b" / ", b" /consumed "))
    [front] = [one.user for one in stand.reactor.channels if isinstance(getattr(one, "user", None), H1Front)]
    assert isinstance(front, H1Front)
    stream = front.wake()
    assert stream.phase == GATHER
    for one in consumers:
        stream.consume_response(one)
    stand.wait(10 + LATE)


def test_an_answer_in_pieces_goes_out_in_chunks_and_the_connection_goes_on(plan: Plan) -> None:
    with Stand(CONFIG) as stand:
        client = stand.client()
        for _ in range(2):
            plan.pieces = [b"one", b"two"]
            client.send(GET)
            head, _, body = client.take().partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 Made\r\nx-made: here")
            assert b"transfer-encoding: chunked" in head and b"x-ruled" not in head
            assert body == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
            assert not plan.made().stopped
        assert stand.lines == ["200 LR"] * 2
        assert stand.record["stand_in"] == b"<MADE>"


def test_one_of_known_length_goes_out_with_it(plan: Plan) -> None:
    plan.length = 6
    plan.pieces = [b"one", b"two"]
    plan.filtered = True
    with Stand(CONFIG) as stand:
        client = stand.client()
        client.send(GET)
        got = client.take()
        assert b"content-length: 6\r\n" in got and b"x-ruled: yes\r\n" in got
        assert got.endswith(b"\r\n\r\nonetwo")
        assert not client.closed


def test_an_old_client_gets_it_to_the_end_of_its_connection(plan: Plan) -> None:
    plan.pieces = [b"one", b"two"]
    with Stand(CONFIG) as stand:
        client = stand.client()
        client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        got = client.take()
        assert got.endswith(b"\r\n\r\nonetwo") and b"transfer-encoding" not in got
        assert client.closed


@pytest.mark.parametrize("method, status", [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
def test_nothing_is_made_where_there_is_no_body(plan: Plan, method: bytes, status: int) -> None:
    plan.status = status
    plan.pieces = [b"one"]
    with Stand(CONFIG) as stand:
        client = stand.client()
        client.send(method + GET[3:] + method + GET[3:])
        got = client.take()
        assert got.count(b"\r\n\r\n") == got.count(b"x-made: here") == 2
        assert got.endswith(b"\r\n\r\n") and b"one" not in got
        assert plan.made().stopped and plan.made().asked == 0
        assert stand.lines == [f"{status} LR"] * 2


def test_what_comes_later_is_waited_for(plan: Plan) -> None:
    plan.pieces = [b"one", None]
    with Stand(CONFIG) as stand:
        client = stand.client()
        client.send(GET + GET)
        assert client.take().endswith(b"\r\n\r\n3\r\none\r\n")
        stand.wait(SILENCE - 1000)
        plan.made().pieces = [b"two", None]
        plan.made().ready()
        assert client.take() == b"3\r\ntwo\r\n"
        stand.wait(SILENCE - 1000)
        plan.pieces = [b"three"]  # of the request behind it
        plan.made().pieces = []
        plan.made().ready()
        got = client.take()
        assert got.startswith(b"0\r\n\r\nHTTP/1.1 200 Made\r\n")
        assert got.endswith(b"5\r\nthree\r\n0\r\n\r\n")
        assert stand.lines == ["200 LR"] * 2


def test_one_that_says_nothing_more_is_given_up(plan: Plan) -> None:
    plan.pieces = [b"one", None]
    with Stand(CONFIG) as stand:
        client = stand.client()
        client.send(GET)
        stand.wait(SILENCE - 100)
        assert client.take().endswith(b"one\r\n") and not client.closed
        stand.wait(100 + LATE)
        assert client.ended()
        assert plan.made().stopped
        assert stand.lines == ["200 LR"]


@pytest.mark.parametrize("length, pieces", [(-1, [b"one", b"fail"]), (6, [b"one", b"four"]), (6, [b"one"])])
def test_one_that_fails_cuts_the_answer(plan: Plan, length: int, pieces: list[bytes | None]) -> None:
    """Also one that makes more or less than its head has promised."""
    plan.length = length
    plan.pieces = pieces
    with Stand(CONFIG) as stand:
        client = stand.client()
        client.send(GET)
        got = client.take()
        assert client.closed
        assert b"one" in got and b"four" not in got and not got.endswith(b"0\r\n\r\n")
        assert plan.made().stopped
        assert stand.lines == ["200 LR"]


def test_no_more_is_made_than_a_slow_client_takes(plan: Plan) -> None:
    count = 2_000
    plan.pieces = [b"x" * PORTION] * count
    plan.length = count * PORTION
    with Stand(CONFIG) as stand:
        client = stand.client(buffers=4096)
        client.send(GET)
        size = 0
        for _ in range(30):
            size += len(client.take(50_000))
            kept = [len(one.out) for one in stand.reactor.channels if isinstance(one, Wire)]
            assert max(kept) <= PORTION
            assert plan.made().asked * PORTION <= size + 200_000
        while size < count * PORTION:
            part = client.take()
            assert part
            size += len(part)
        assert stand.lines == ["200 LR"]


def test_a_client_that_takes_nothing_has_its_timeout(plan: Plan) -> None:
    plan.pieces = [b"x" * PORTION] * 2_000
    with Stand(CONFIG) as stand:
        client = stand.client(buffers=4096)
        client.send(GET)
        stand.wait(1_800)
        assert stand.lines == []
        stand.wait(200 + LATE)
        assert stand.lines == ["200 LR"]
        assert plan.made().stopped


def test_a_client_that_leaves_stops_it(plan: Plan) -> None:
    plan.pieces = [b"one", None]
    with Stand(CONFIG) as stand:
        client = stand.client()
        client.send(GET)
        client.abort()
        assert plan.made().stopped
        assert stand.lines == ["200 LR"]
        plan.made().ready()  # nobody hears it
        stand.settle()


def test_it_passes_consumers(plan: Plan) -> None:
    plan.pieces = [b"one", None]
    plan.length = 6
    consumers = [Upper(), Late(), Doubling(), Sealing()]
    with Stand(CONFIG) as stand:
        client = stand.client()
        consumed(stand, client, *consumers)
        assert client.take().endswith(b"\r\n\r\n")
        plan.made().pieces = [b"two"]
        plan.made().ready()
        got = client.take()
        assert got == b"6\r\nOONNEE\r\n6\r\nTTWWOO\r\n5\r\n[end]\r\n0\r\nx-seal: yes\r\n\r\n"
        assert [one.told for one in consumers] == [["begin", "end"]] * 4
        plan.length = -1
        plan.pieces = [b"three"]
        client.send(GET)
        assert client.take().endswith(b"\r\n\r\n5\r\nthree\r\n0\r\n\r\n")
        assert stand.lines == ["200 LR"] * 2


@pytest.mark.parametrize("size, line", [(-1, "502 LR"), (3, "200 LR")])
def test_a_consumer_that_fails_stops_it(plan: Plan, size: int, line: str) -> None:
    plan.pieces = [b"one", b"two", b"three"]
    beside = Noting()
    with Stand(CONFIG) as stand:
        client = stand.client()
        consumed(stand, client, beside, Failing(size))
        got = client.take()
        assert b"two" not in got and (b"one" in got) == (size == 3)
        assert plan.made().stopped
        assert beside.told == ["begin", "abort"]
        assert stand.lines == [line]


class Written(Served):
    """An answer that the test writes into a socket."""

    def __init__(self) -> None:
        super().__init__(b"<MADE>", False)
        self.writer, self.reader = socket.socketpair()
        self.reader.setblocking(False)

    def open(self, context: Context) -> int:
        return self.reader.detach()


@pytest.mark.parametrize("length", [b"", b"content-length: 6\n"])
def test_what_comes_by_a_socket_passes_consumers_too(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, length: bytes
) -> None:
    consumers = [Upper(), Doubling(), Sealing()]
    with Stand(CONFIG) as stand:
        written = Written()
        monkeypatch.setattr(plan, "answer", lambda context: written)
        client = stand.client()
        consumed(stand, client, *consumers)
        written.writer.send(b"200\n" + length + b"\none")
        stand.settle()
        got = client.take()
        written.writer.send(b"two\0")
        stand.settle()
        head, _, body = (got + client.take()).partition(b"\r\n\r\n")
        assert b"transfer-encoding: chunked" in head and b"content-length" not in head
        assert body == b"6\r\nOONNEE\r\n6\r\nTTWWOO\r\n5\r\n[end]\r\n0\r\nx-seal: yes\r\n\r\n"
        assert [one.told for one in consumers] == [["begin", "end"]] * 3
        assert stand.lines == ["200 LR"]
        written.writer.close()


def test_a_writer_waits_for_a_slow_client_behind_consumers(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    many = Multiplying(100_000)
    with Stand(CONFIG) as stand:
        written = Written()
        monkeypatch.setattr(plan, "answer", lambda context: written)
        client = stand.client(buffers=4096)
        consumed(stand, client, many)
        written.writer.send(b"200\n\n" + b"y" * 10)
        stand.settle()
        written.writer.send(b"y" * 10 + b"\0")
        got = client.take(100_000)
        assert many.fed == 10
        assert max(len(one.out) for one in stand.reactor.channels if isinstance(one, Wire)) <= PORTION + 100
        while not got.endswith(b"0\r\n\r\n"):
            part = client.take()
            assert part
            got += part
        assert got.partition(b"\r\n\r\n")[2].count(b"x") == 2_000_000
        assert stand.lines == ["200 LR"]
        written.writer.close()
