"""Bodies that pass consumers on their way between live sides: framing, credit, faults, and who is told what."""

import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.consumers import (
    Doubling,
    Failing,
    Indifferent,
    Late,
    Lying,
    Multiplying,
    Noting,
    Reversing,
    Satisfied,
    Sealing,
    Swallowing,
    Upper,
    doubled,
)
from support.frame_sides import FrameFront
from support.frame_stand import FrameStand
from support.stand import End, Stand

from pointsman.net.wire import LARGE, Wire
from pointsman.proto.consumer import PORTION, BodyConsumer
from pointsman.stream.h1front import H1Front
from pointsman.stream.http import HttpStream
from pointsman.stream.phases import GATHER

# The pause is where a test adds its consumers.
CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
    {more}
frontend f
    bind 127.0.0.1:1
    http-request pause 10 if {{ path -m beg / }}
    default_backend b
backend b
    {back}
    server a {a} maxconn 1
""".replace("{{", "{").replace("}}", "}")
LATE = 64  # ms: so much later than its deadline something may happen (net/timers.py)
HOST = b"Host: h\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BOUND = 2 * LARGE + 65_536  # bytes that are kept of one direction


def stand_of(more: str = "", back: str = "") -> Stand:
    return Stand(CONFIG, "a", values={"more": more, "back": back})


def stream_of(stand: Stand) -> HttpStream:
    """The one that stands at the pause."""
    fronts = [one.user for one in stand.reactor.channels if isinstance(getattr(one, "user", None), H1Front)]
    [found] = [one for one in fronts if isinstance(one, H1Front) and one.stream and one.stream.phase == GATHER]
    return found.wake()


def paused(
    stand: Stand,
    client: End,
    request: bytes,
    up: tuple[BodyConsumer, ...] = (),
    down: tuple[BodyConsumer, ...] = (),
) -> None:
    """The request is sent, its bodies will pass these consumers, and the pause is over."""
    client.send(request)
    stream = stream_of(stand)
    for one in up:
        stream.consume_request(one)
    for one in down:
        stream.consume_response(one)
    stand.wait(10 + LATE)


def answered(stand: Stand, response: bytes, *down: BodyConsumer, request: bytes = GET, close: bool = False) -> bytes:
    """What a client gets of that response."""
    client = stand.client()
    paused(stand, client, request, (), down)
    server = stand.accept("a")
    assert server.take()
    server.send_all(response)
    if close:
        server.shut()
    return client.take()


def message(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Its head in lower case, its payload, its trailers."""
    head, _, body = data.partition(b"\r\n\r\n")
    head = head.lower() + b"\r\n"
    if b"transfer-encoding: chunked\r\n" not in head:
        return head, body, b""
    assert b"content-length" not in head
    payload = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        if int(size, 16) == 0:
            assert body.endswith(b"\r\n")
            return head, payload, body[:-2]
        payload += body[: int(size, 16)]
        assert body[int(size, 16) :].startswith(b"\r\n")
        body = body[int(size, 16) + 2 :]


SIZED, CHUNKED, TO_CLOSE = "sized", "chunked", "to close"
FRAMINGS = [SIZED, CHUNKED, TO_CLOSE]


def framed(framing: str, payload: bytes) -> bytes:
    """Fields and body."""
    if framing == SIZED:
        return b"Content-Length: %d\r\n\r\n%b" % (len(payload), payload)
    if framing == TO_CLOSE:
        return b"\r\n" + payload
    half = len(payload) // 2
    parts = [part for part in (payload[:half], payload[half:]) if part]
    chunks = b"".join([b"%x\r\n%b\r\n" % (len(part), part) for part in parts])
    return b"Transfer-Encoding: chunked\r\n\r\n%b0\r\nX-Last: one\r\n\r\n" % chunks


CHAINS = [
    ([Upper], b"HELLO WORLD"),
    ([Noting, Upper, Indifferent], b"HELLO WORLD"),
    ([Doubling], b"hheelllloo  wwoorrlldd"),
    ([Upper, Doubling], b"HHEELLLLOO  WWOORRLLDD"),
    ([Doubling, Doubling], doubled(doubled(b"hello world"))),
    ([Swallowing], b""),
    ([Swallowing, Sealing], b"[end]"),
    ([Late, Upper, Late], b"HELLO WORLD"),
    ([Sealing, Reversing], b"]dne[dlrow olleh"),
    ([Reversing, Sealing], b"dlrow olleh[end]"),
]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("kinds, wanted", CHAINS)
def test_a_response_passes_them_in_order(framing: str, kinds: list[type[Noting]], wanted: bytes) -> None:
    consumers = [kind() for kind in kinds]
    with stand_of() as stand:
        response = b"HTTP/1.1 200 OK\r\n" + framed(framing, b"hello world")
        head, payload, trailers = message(answered(stand, response, *consumers, close=framing == TO_CLOSE))
        assert payload == wanted
        resized = any(kind not in (Upper, Noting, Indifferent) for kind in kinds)
        assert (b"transfer-encoding: chunked" in head) == (resized or framing == CHUNKED)
        assert (b"content-length: 11" in head) == (framing == SIZED and not resized)
        assert (b"x-last: one\r\n" in trailers) == (framing == CHUNKED)
        assert (b"x-seal: yes\r\n" in trailers) == (Sealing in kinds)
        assert stand.lines == ["200 --"]
        told = [one.told for one in consumers if not isinstance(one, Indifferent)]
        assert told == [["begin", "end"]] * len(told)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_client_that_does_not_know_chunks_gets_it_up_to_the_end_of_its_connection(framing: str) -> None:
    with stand_of() as stand:
        response = b"HTTP/1.1 200 OK\r\n" + framed(framing, b"hello world")
        old = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        got = answered(stand, response, Doubling(), request=old, close=framing == TO_CLOSE)
        head, payload, _ = message(got)
        assert payload == doubled(b"hello world")
        assert b"content-length" not in head and b"transfer-encoding" not in head
        assert stand.ends[0].closed
        assert stand.lines == ["200 --"]


@pytest.mark.parametrize("framing", [SIZED, CHUNKED])
@pytest.mark.parametrize("kinds, wanted", CHAINS)
def test_a_request_passes_them_in_order(framing: str, kinds: list[type[Noting]], wanted: bytes) -> None:
    """And the connections of both sides go on."""
    consumers = [kind() for kind in kinds]
    with stand_of() as stand:
        client = stand.client()
        paused(stand, client, b"POST / HTTP/1.1\r\n" + HOST + framed(framing, b"hello world"), tuple(consumers))
        server = stand.accept("a")
        head, payload, trailers = message(server.take())
        assert payload == wanted
        resized = any(kind not in (Upper, Noting, Indifferent) for kind in kinds)
        assert (b"transfer-encoding: chunked" in head) == (resized or framing == CHUNKED)
        assert (b"content-length: 11" in head) == (framing == SIZED and not resized)
        assert (b"x-seal: yes\r\n" in trailers) == (Sealing in kinds)
        server.send(OK)
        assert client.take().endswith(b"ok")
        paused(stand, client, GET)
        assert message(server.take())[1] == b""
        server.send(OK)
        assert client.take().endswith(b"ok")
        assert stand.lines == ["200 --"] * 2
        told = [one.told for one in consumers if not isinstance(one, Indifferent)]
        assert told == [["begin", "end"]] * len(told)


def test_the_length_of_an_old_clients_request_stays() -> None:
    """Its server may be as old, and know no chunks: consumers are told so."""
    one = Doubling()
    with stand_of() as stand:
        client = stand.client()
        paused(stand, client, b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", (one, Upper()))
        server = stand.accept("a")
        head, payload, _ = message(server.take())
        assert b"content-length: 5\r\n" in head and payload == b"HELLO"
        server.send(OK)
        assert client.take().endswith(b"ok")
        assert one.told == ["begin, sized"]


HEADS = [
    (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", b"transfer-encoding: chunked\r\n"),
    (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 11\r\n\r\n", b""),
    (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
]


@pytest.mark.parametrize("method, response, framing", HEADS)
def test_a_head_without_body_has_no_length_that_it_would_not_have(
    method: bytes, response: bytes, framing: bytes
) -> None:
    """Nobody is fed then."""
    resizing, seeing = Sealing(), Noting()
    with stand_of() as stand:
        client = stand.client()
        paused(stand, client, method + GET[3:], (), (resizing, seeing))
        server = stand.accept("a")
        server.take()
        server.send(response)
        head = client.take().lower()
        assert b"content-length" not in head
        assert head.endswith(b"\r\n\r\n") and head.count(b"\r\n\r\n") == 1
        assert b"transfer-encoding" not in head.replace(framing, b"")
        assert framing in head
        assert resizing.told == seeing.told == ["begin", "abort"]
        paused(stand, client, GET)
        server.send(OK)
        assert client.take().endswith(b"ok")


@pytest.mark.parametrize("method, response, _", HEADS[:2])
def test_the_length_stays_in_a_head_without_body_if_it_would_with_one(method: bytes, response: bytes, _: bytes) -> None:
    with stand_of() as stand:
        got = answered(stand, response, Upper(), request=method + GET[3:])
        assert b"content-length: 11\r\n" in got


def test_requests_in_a_row_have_consumers_of_their_own() -> None:
    with stand_of() as stand:
        client = stand.client()
        seen: list[Noting] = []
        for number, kind in enumerate([Doubling, Upper, Swallowing, Noting]):
            seen.append(kind())
            paused(stand, client, GET * 4 if not number else b"", (), (seen[-1],))
            if not number:
                server = stand.accept("a")
            assert server.take().count(b"GET") == 1
            server.send(OK)
        body = client.take()
        parts = [message(b"HTTP/1.1 200" + part)[1] for part in body.split(b"HTTP/1.1 200")[1:]]
        assert parts == [b"ookk", b"OK", b"", b"ok"]
        assert [one.told for one in seen] == [["begin", "end"]] * 4
        assert stand.lines == ["200 --"] * 4


def test_what_was_remembered_of_a_response_is_not_for_one_that_passes_consumers() -> None:
    """The same bytes come each time."""
    with Stand(CONFIG.replace("path -m beg /", "path /slow"), "a", values={"more": "", "back": ""}) as stand:
        client = stand.client()
        server: End | None = None
        for path, wanted in ((b"/", b"ok"),) * 3 + ((b"/slow", b"ookk"), (b"/", b"ok"), (b"/slow", b"ookk")):
            request = GET.replace(b" / ", b" %b " % path)
            if path == b"/":
                client.send(request)
            else:
                paused(stand, client, request, (), (Doubling(),))
            server = server or stand.accept("a")
            assert server.take()
            server.send(OK)
            assert message(client.take())[1] == wanted


# Credit.


def held(stand: Stand) -> int:
    """The most bytes that any connection keeps in memory."""
    return max((len(one.out) for one in stand.reactor.channels if isinstance(one, Wire)), default=0)


def test_a_slow_reader_slows_a_consumer_that_multiplies() -> None:
    """Forty bytes become forty million; of those no more is made than the client takes."""
    many = Multiplying(1_000_000)
    with stand_of() as stand:
        client = stand.client(buffers=4096)
        paused(stand, client, GET, (), (many, Upper()))
        server = stand.accept("a")
        server.take()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n" + b"y" * 40)
        size = 0
        for _ in range(50):
            size += len(client.take(20_000))
            assert held(stand) <= 2 * PORTION
            assert 40_000_000 - many.owed <= size + 200_000, "the kernel's buffers and a piece"
        client.abort()
        assert stand.lines == ["200 CD"]
        assert many.told == ["begin", "abort"], "it was to be fed no more, but had not given all"


def test_all_that_a_consumer_makes_of_little_arrives() -> None:
    """The server is free meanwhile: it has sent all."""
    with stand_of() as stand:
        client = stand.client(buffers=65_536)
        paused(stand, client, GET, (), (Multiplying(1_000_000),))
        server = stand.accept("a")
        server.take()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345")
        assert stand.server("a").connections == 0
        got = client.take_all(5_000_000)
        while not got.endswith(b"0\r\n\r\n"):
            part = client.take()
            assert part
            got += part
        assert message(got)[1] == b"x" * 5_000_000
        assert stand.lines == ["200 --"]


def test_a_slow_server_slows_what_goes_to_it() -> None:
    many = Multiplying(1_000_000)
    with stand_of() as stand:
        client = stand.client()
        paused(stand, client, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n12345", (many,))
        server = stand.accept("a", buffers=4096)
        assert many.owed > 0
        got = b""
        while not got.endswith(b"0\r\n\r\n"):
            assert held(stand) <= 2 * PORTION
            part = server.take(1_000_000)
            assert part
            got += part
        assert message(got)[1] == b"x" * 5_000_000
        server.send(OK)
        assert client.take().endswith(b"ok")
        assert stand.lines == ["200 --"]


def test_a_response_that_comes_before_all_has_gone_to_the_server() -> None:
    """Its client has sent all, so that its connection goes on; the server's does not."""
    many = Multiplying(10_000_000)
    with stand_of() as stand:
        client = stand.client()
        paused(stand, client, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n12345", (many,))
        server = stand.accept("a", buffers=4096)
        server.send(OK)
        assert client.take().endswith(b"ok")
        assert stand.lines == ["200 --"]
        assert stand.server("a").counters.idle == 0
        paused(stand, client, GET)
        assert stand.accept("a").take().startswith(b"GET")


def test_a_server_that_answers_between_two_goes_is_not_used_again() -> None:
    """All of the request was received, nothing waits in the connection, but the chain has not given all."""
    many = Multiplying(10_000_000)
    with stand_of() as stand:
        client = stand.client()
        client.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n12345")
        stream = stream_of(stand)
        stream.consume_request(many)
        stand.clock += 10 + LATE
        server: socket.socket | None = None
        for _ in range(100):
            stand.reactor.turn(0)
            try:
                server, _ = stand.listeners["a"].accept()
                break
            except BlockingIOError:
                pass
        assert server is not None
        server.send(OK)
        while stand.lines == []:
            stand.reactor.turn(0)
        assert many.told == ["begin", "abort"] and many.owed > 40_000_000
        assert client.take().endswith(b"ok")
        assert stand.server("a").counters.idle == 0
        server.close()


@pytest.mark.parametrize("upwards", [False, True])
def test_nothing_is_read_for_a_consumer_that_has_not_given_all(upwards: bool) -> None:
    """Also where what it gives finds room at once, in more goes than one."""
    many = Multiplying(16)
    with stand_of() as stand:
        client = stand.client()
        start = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % (90_000_000 * upwards)
        client.send(start)
        stream = stream_of(stand)
        (stream.consume_request if upwards else stream.consume_response)(many)
        stand.wait(10 + LATE)
        server = stand.accept("a")
        server.take()
        source = client if upwards else server
        if not upwards:
            server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n")
        sent = sum(source.send(b"x" * 1_000_000) for _ in range(8))
        chain = stream.request_chain if upwards else stream.response_chain
        assert chain is not None and many.fed > 0
        waiting = len(chain.stages[0].waiting)
        assert waiting <= LARGE < sent
        source.abort()


def test_a_large_body_takes_little_memory_on_its_way() -> None:
    with stand_of() as stand:
        client = stand.client(buffers=65_536)
        one = Late()
        paused(stand, client, GET, (), (Upper(), one, Doubling()))
        server = stand.accept("a")
        server.take()
        left = memoryview(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"a" * 3_000_000)
        got: list[bytes] = []
        while not got or not got[-1].endswith(b"0\r\n\r\n"):
            left = left[server.send(bytes(left[:400_000])) :]
            assert held(stand) <= BOUND
            got.append(client.take(300_000))
        assert message(b"".join(got))[1] == b"A" * 6_000_000
        assert one.largest <= PORTION


def test_nothing_goes_unseen_past_them() -> None:
    """Bodies that keep their length and are large enough for the pipe."""
    up, down = Upper(), Upper()
    with stand_of() as stand:
        client = stand.client()
        start = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3000000\r\n\r\n"
        paused(stand, client, start, (up,), (down,))
        server = stand.accept("a")
        got = server.take()
        for _ in range(3):
            client.send_all(b"a" * 1_000_000)
            got += server.take()
        assert message(got)[1] == b"A" * 3_000_000
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n")
        got = client.take()
        for _ in range(3):
            server.send_all(b"b" * 1_000_000)
            got += client.take()
        assert message(got)[1] == b"B" * 3_000_000
        assert stand.reactor.pipe.passed == 0
        assert stand.lines == ["200 --"]


def test_who_has_seen_enough_lets_the_rest_go_unseen() -> None:
    one = Satisfied(1000)
    with stand_of() as stand:
        client = stand.client()
        paused(stand, client, GET, (), (one,))
        server = stand.accept("a")
        server.take()
        body = bytes(2_000_000)
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + body[:1000])
        got = client.take()
        server.send_all(body[1000:])
        got += client.take()
        assert message(got)[1] == body
        assert stand.reactor.pipe.passed > 1_000_000
        assert one.fed <= LARGE


# Faults.


def test_one_that_fails_before_the_head_gives_an_error_page() -> None:
    beside = Noting()
    with stand_of() as stand:
        got = answered(stand, OK, beside, Failing(-1))
        assert got.startswith(b"HTTP/1.1 502 ")
        assert stand.lines == ["502 PH"]
        assert beside.told == ["begin", "abort"]


def test_it_may_name_the_status() -> None:
    with stand_of() as stand:
        assert answered(stand, OK, Failing(-1, 503)).startswith(b"HTTP/1.1 503 ")
        assert stand.lines == ["503 PH"]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_one_that_fails_in_the_middle_cuts_the_response(framing: str) -> None:
    """The client sees that it is not whole, if its framing can say so."""
    before, fails = Noting(), Failing(7)
    with stand_of() as stand:
        client = stand.client()
        paused(stand, client, GET, (), (before, fails, Late()))
        server = stand.accept("a")
        server.take()
        head = b"HTTP/1.1 200 OK\r\n" + framed(framing, b"").replace(b": 0", b": 10")
        head = head.removesuffix(b"0\r\nX-Last: one\r\n\r\n")
        for part in (b"abc", b"def", b"gh"):
            server.send(head + (part if framing != CHUNKED else b"%x\r\n%b\r\n" % (len(part), part)))
            head = b""
        got = client.take()
        assert client.closed
        assert b"abc" in got and b"def" not in got and not got.endswith(b"0\r\n\r\n")
        assert server.ended()
        assert stand.lines == ["200 PD"]
        assert before.told == fails.told == ["begin", "abort"]


@pytest.mark.parametrize("by, wanted", [(2, b""), (-2, b"cd")])
def test_no_client_gets_more_or_less_than_its_head_says(by: int, wanted: bytes) -> None:
    with stand_of() as stand:
        response = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd"
        assert message(answered(stand, response, Lying(by)))[1] == wanted
        assert stand.ends[0].closed
        assert stand.lines == ["200 PD"]


@pytest.mark.parametrize("size", [-1, 3])
def test_one_that_fails_for_a_request_ends_it(size: int) -> None:
    """The server sees that what it has is not all."""
    before, fails = Noting(), Failing(size)
    with stand_of() as stand:
        client = stand.client()
        paused(stand, client, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 6\r\n\r\nabc", (before, fails))
        server = stand.accept("a")
        got = server.take()
        if size > 0:
            assert got.endswith(b"\r\n\r\nabc")
            assert client.take() == b""
            client.send(b"def")
        else:
            assert got == b""
        assert client.take().startswith(b"HTTP/1.1 500 ")
        assert server.take() == b"" and server.closed
        assert stand.lines == ["500 PH"]
        assert before.told == ["begin", "abort"]


def test_a_request_that_fails_behind_the_beginning_of_its_response_cuts_that() -> None:
    with stand_of() as stand:
        client = stand.client()
        paused(stand, client, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 6\r\n\r\nabc", (Failing(3),))
        server = stand.accept("a")
        server.take()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        assert client.take().endswith(b"abc")
        client.send(b"def")
        assert client.ended()
        assert stand.lines == ["200 PD"]


@pytest.mark.parametrize("who", ["client", "server"])
def test_somebody_leaves_in_the_middle(who: str) -> None:
    up, down = Noting(), Late()
    with stand_of() as stand:
        client = stand.client()
        paused(stand, client, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 6\r\n\r\nabc", (up,), (down,))
        server = stand.accept("a")
        server.take()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        (client if who == "client" else server).abort()
        assert stand.lines == ["200 CD" if who == "client" else "200 SD"]
        assert up.told == down.told == ["begin", "abort"]


@pytest.mark.parametrize("server_time, late, line", [(1_000, 2_000, "200 cD"), (3_000, 3_000, "200 sD")])
def test_timeouts_are_those_of_the_one_who_is_late(server_time: int, late: int, line: str) -> None:
    """A client that takes nothing of what a consumer has made has its two seconds, and a server that sends nothing its
    own time."""
    one = Multiplying(1_000_000) if line == "200 cD" else Late()
    with stand_of(f"timeout server {server_time}") as stand:
        client = stand.client(buffers=4096)
        paused(stand, client, GET, (), (one,))
        server = stand.accept("a")
        server.take()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcde")
        client.take(100)
        stand.wait(late - 2 * LATE)
        assert stand.lines == []
        stand.wait(4 * LATE)
        assert stand.lines == [line]


def test_a_body_that_rules_have_waited_for_passes_them() -> None:
    """Rules see what was received, the server what consumers have made of it."""
    rules = "http-request wait-for-body time 1s\n    http-request set-header x-body %[req.body]"
    with stand_of(back=rules) as stand:
        client = stand.client()
        paused(stand, client, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 6\r\n\r\nabc", (Upper(), Sealing()))
        assert stand.arrivals("a") == []
        client.send(b"def")
        server = stand.accept("a")
        head, payload, _ = message(server.take())
        assert b"x-body: abcdef\r\n" in head and payload == b"ABCDEF[end]"
        server.send(OK)
        assert client.take().endswith(b"ok")
        assert stand.lines == ["200 --"]


def test_a_response_that_rules_have_waited_for_passes_them() -> None:
    rules = "http-response wait-for-body time 1s\n    http-response set-header x-ruled yes"
    with stand_of(back=rules) as stand:
        client = stand.client()
        paused(stand, client, GET, (), (Upper(), Doubling()))
        server = stand.accept("a")
        server.take()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        assert client.take() == b""
        server.send(b"def")
        head, payload, _ = message(client.take())
        assert b"x-ruled: yes\r\n" in head and payload == b"AABBCCDDEEFF"
        assert stand.lines == ["200 --"]


def test_a_page_and_a_reply_pass_nobody() -> None:
    one = Doubling()
    with stand_of(back="http-request return status 200 content-type text/plain string hello") as stand:
        client = stand.client()
        paused(stand, client, GET, (), (one,))
        head, payload, _ = message(client.take())
        assert b"content-length: 5\r\n" in head and payload == b"hello"
        assert one.told == ["abort"]


def test_consumers_of_a_tunnel_are_told_that_there_is_no_body() -> None:
    up, down = Noting(), Noting()
    upgrade = GET.replace(HOST, HOST + b"Connection: upgrade\r\nUpgrade: echo\r\n")
    with stand_of() as stand:
        client = stand.client()
        paused(stand, client, upgrade, (up,), (down,))
        server = stand.accept("a")
        server.take()
        server.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nabc")
        assert client.take().endswith(b"\r\n\r\nabc")
        client.send(b"def")
        assert server.take() == b"def"
        server.close()
        assert client.ended()
        assert up.told == ["abort"]
        assert down.told == ["abort"]


# Sent again.

RETRY = "retry-on 503\n    retries 1"


@pytest.mark.parametrize("framing", [SIZED, CHUNKED])
def test_what_is_sent_again_is_what_consumers_have_made(framing: str) -> None:
    one = Sealing()
    with stand_of(back=RETRY) as stand:
        client = stand.client()
        paused(stand, client, b"POST / HTTP/1.1\r\n" + HOST + framed(framing, b"hello world"), (Upper(), one))
        first = stand.accept("a")
        sent = first.take()
        first.send(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
        second = stand.accept("a")
        assert second.take() == sent
        assert message(sent)[1] == b"HELLO WORLD[end]"
        second.send(OK)
        assert client.take().endswith(b"ok")
        assert one.told == ["begin", "end"]
        assert stand.lines == ["200 --"]


def test_what_has_become_too_large_is_not_sent_again() -> None:
    with stand_of(back=RETRY) as stand:
        client = stand.client()
        body = b"x" * 10_000
        paused(stand, client, b"POST / HTTP/1.1\r\n" + HOST + framed(SIZED, body), (Doubling(),))
        server = stand.accept("a")
        assert message(server.take())[1] == doubled(body)
        server.send(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
        assert client.take().startswith(b"HTTP/1.1 503 No")
        assert stand.arrivals("a") == []


def test_what_is_too_large_to_be_kept_goes_unseen_from_there_on() -> None:
    with stand_of(back=RETRY) as stand:
        client = stand.client()
        paused(stand, client, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3000000\r\n\r\n")
        server = stand.accept("a")
        got = server.take()
        for _ in range(3):
            client.send_all(b"a" * 1_000_000)
            got += server.take()
        assert message(got)[1] == b"a" * 3_000_000
        assert stand.reactor.pipe.passed > 1_000_000
        server.send(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
        assert client.take().startswith(b"HTTP/1.1 503 No")
        assert stand.arrivals("a") == []


@pytest.mark.parametrize("who", ["client", "server"])
def test_what_waits_to_be_sent_again_ends_with_either(who: str) -> None:
    """The server takes nothing of what consumers have made of a request that was received wholly."""
    many = Multiplying(10_000_000)
    with stand_of(back=RETRY) as stand:
        client = stand.client()
        paused(stand, client, b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n12345", (many,))
        server = stand.accept("a", buffers=4096)
        (client if who == "client" else server).abort()
        assert stand.lines == ["400 CD" if who == "client" else "502 SH"]
        assert many.told == ["begin", "abort"]


MEANT = {
    Noting: lambda body: body,
    Upper: bytes.upper,
    Doubling: doubled,
    Swallowing: lambda body: b"",
    Late: lambda body: body,
    Sealing: lambda body: body + b"[end]",
    Reversing: lambda body: body[::-1],
}


def through(kinds: list[type[Noting]], body: bytes) -> bytes:
    for kind in kinds:
        body = MEANT[kind](body)
    return body


KINDS = st.lists(st.sampled_from(list(MEANT)), max_size=4)
CUTS = st.lists(st.binary(max_size=30) | st.integers(1, 5).map(lambda times: b"ab" * 10_000 * times), max_size=5)


@settings(max_examples=40, deadline=None)
@given(KINDS, KINDS, CUTS, CUTS, st.sampled_from([SIZED, CHUNKED]), st.sampled_from(FRAMINGS))
def test_both_bodies_arrive_as_the_whole_would(
    ups: list[type[Noting]],
    downs: list[type[Noting]],
    sent: list[bytes],
    back: list[bytes],
    up_framing: str,
    down_framing: str,
) -> None:
    """Whatever the consumers, and wherever the bytes are cut."""
    with stand_of() as stand:
        client = stand.client()
        head, _, body = framed(up_framing, b"".join(sent)).partition(b"\r\n\r\n")
        start = b"POST / HTTP/1.1\r\n" + HOST + head + b"\r\n\r\n"
        paused(stand, client, start, tuple(kind() for kind in ups), tuple(kind() for kind in downs))
        server = stand.accept("a")
        got = poured(client, server, body, sent)
        none = up_framing == SIZED and not b"".join(sent)  # a request of length 0 has no body for anybody
        assert message(got)[1] == (b"" if none else through(ups, b"".join(sent)))
        answer = b"HTTP/1.1 200 OK\r\n" + framed(down_framing, b"".join(back))
        got = poured(server, client, answer, back)
        if down_framing == TO_CLOSE:
            server.shut()
            got += client.take()
        assert message(got)[1] == through(downs, b"".join(back))
        assert stand.lines == ["200 --"]


def poured(source: End, sink: End, data: bytes, cuts: list[bytes]) -> bytes:
    """Send it in pieces as long as those, and what is left then; what arrived."""
    got = sink.take()
    for size in [*map(len, cuts), len(data)]:
        source.send_all(data[:size])
        data = data[size:]
        got += sink.take()
    return got


ENDS = st.sampled_from(["client", "server", "both read", "time"])


@settings(max_examples=60, deadline=None)
@given(KINDS, KINDS, st.integers(0, 300_000), st.integers(0, 300_000), st.integers(1, 400_000), ENDS, st.booleans())
def test_whatever_happens_in_the_middle_each_is_told_its_end_once(
    ups: list[type[Noting]], downs: list[type[Noting]], up: int, down: int, taken: int, ends: str, small: bool
) -> None:
    """And `Stand` sees that no slot, timer or connection is left."""
    up_consumers, down_consumers = [kind() for kind in ups], [kind() for kind in downs]
    with stand_of() as stand:
        client = stand.client(buffers=4096 if small else 0)
        start = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 300001\r\n\r\n"
        paused(stand, client, start, tuple(up_consumers), tuple(down_consumers))
        server = stand.accept("a", buffers=4096 if small else 0)
        server.take(1000)
        client.send(b"x" * up)
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 300001\r\n\r\n" + b"y" * down)
        server.take(taken)
        client.take(taken)
        if ends == "client":
            client.abort()
        elif ends == "server":
            server.abort()
        elif ends == "time":
            stand.wait(6_000)
        else:
            server.take()
            client.take()
            client.close()
    assert len(stand.lines) == 1
    for one in (*up_consumers, *down_consumers):
        assert one.told == ["begin", "abort"], "no body was whole"


# Sides that are not HTTP/1.


def test_it_is_the_same_between_sides_that_are_not_http_1() -> None:
    """Two exchanges at once on one connection: each has its own consumers."""
    config = CONFIG.replace("{more}", "").replace("{back}", "").replace("maxconn 1", "")
    with FrameStand(config, "a", speaks="a") as stand:
        client = stand.frame_client()
        told: list[Noting] = []
        for number in (1, 2):
            client.ask(number, f"/{number}", "POST", end=False)
        for channel in stand.reactor.channels:
            front = getattr(channel, "user", None)
            if isinstance(front, FrameFront):
                for stream in front.streams():
                    assert isinstance(stream, HttpStream) and stream.phase == GATHER
                    told += [Upper(), Doubling()]
                    stream.consume_request(told[-2])
                    stream.consume_response(told[-1])
        assert len(told) == 4
        stand.wait(10 + LATE)
        server = stand.frame_server("a")  # dialled in the same moment, when both pauses ended: they share it
        for number, cut in ((1, [b"a", b"b"]), (2, [b"c"])):
            place = server.place(f"/{number}")
            for piece in cut:
                client.data(number, piece)
            client.finish(number, ("x-t", "1"))
            assert server.body(place) == b"".join(cut).upper() and place in server.ended
            server.answer(place)
            server.data(place, b"12")
            server.finish(place)
            assert client.body(number) == b"1122" and number in client.ended
        assert stand.lines == ["200 --"] * 2
        assert [one.told for one in told] == [["begin", "end"]] * 4
