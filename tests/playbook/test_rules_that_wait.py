"""Rules that wait (pause, wait-for-body, answers from elsewhere), in each of the four lists, against whatever may
happen meanwhile.

Letters, statuses and who gets what are those of the peer program (3.2), but for a client that ends under abortonclose
while its request waits (docs/differences.md). `Stand` looks at the end whether a slot, a timer or a connection is left.
"""

import pytest
from support.stand import End, Stand

from pointsman.admin.service import Statistics
from pointsman.rules.plan import Step
from pointsman.sample.context import Context
from pointsman.sample.need import ELSEWHERE, EXPIRED, MET, PENDING, WITHDRAWN, Need
from pointsman.sample.source import Source
from pointsman.sample.types import Value
from pointsman.stream.h1front import H1Front
from pointsman.stream.http import HttpStream
from pointsman.stream.phases import GATHER, HOLD, SENT

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client {client}
    timeout server {server}
    timeout http-request 100ms
    retries 0
    {option}
frontend f
    bind 127.0.0.1:1
    {front}
    default_backend b
backend b
    {back}
    server a {a} maxconn 1
"""
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhi there"
LATE = 64  # ms: so much later than its deadline something may happen (net/timers.py)

LISTS = ["frontend request", "backend request", "backend response", "frontend response"]
REQUESTS, RESPONSES = LISTS[:2], LISTS[2:]


def stand_with(where: str, rule: str, *more: str, client: str = "5s", server: str = "5s", option: str = "") -> Stand:
    """A proxy with that rule in that list, and `more` rules behind it."""
    side, _, kind = where.partition(" ")
    lines = "\n    ".join(f"http-{kind} {one}" for one in (rule, *more))
    front, back = (lines, "") if side == "frontend" else ("", lines)
    values = {"client": client, "server": server, "option": option, "front": front, "back": back}
    return Stand(CONFIG, "a", values=values)


def waiting(stand: Stand, where: str, request: bytes = GET, answer: bytes = OK) -> tuple[End, End | None]:
    """A client whose exchange has come to the rule; and its server, if it has one by then."""
    client = stand.client()
    client.send(request)
    server = None
    if where in RESPONSES:
        server = stand.accept("a")
        assert server.take()
        server.send(answer)
    assert stream_of(stand).phase == (HOLD if where in RESPONSES else GATHER)
    assert client.take() == b""
    return client, server


def stream_of(stand: Stand) -> HttpStream:
    """Of the one client."""
    [found] = [one.user for one in stand.reactor.channels if isinstance(getattr(one, "user", None), H1Front)]
    assert isinstance(found, H1Front)
    return found.wake()


def served(stand: Stand, client: End, server: End | None, answer: bytes = OK) -> bytes:
    """The exchange goes on to its end; what the client has received."""
    if server is None:
        server = stand.accept("a")
        assert server.take()
        server.send(answer)
    return client.take()


@pytest.mark.parametrize("where", LISTS)
def test_a_pause_lasts_as_long_as_it_says(where: str) -> None:
    with stand_with(where, "pause 50") as stand:
        client, server = waiting(stand, where)
        stand.wait(40)
        assert client.take() == b""
        assert stand.arrivals("a") == []
        stand.wait(10 + LATE)
        assert served(stand, client, server).endswith(b"hi there")
        assert stand.lines == ["200 --"]
        record = stand.record
        waited = ("head", "begun") if where in REQUESTS else ("ended", "answered")
        since, until = record[waited[1]], record[waited[0]]
        assert isinstance(since, int) and isinstance(until, int)
        assert 50 <= until - since <= 50 + LATE + 10


@pytest.mark.parametrize("where", LISTS)
def test_each_request_of_a_connection_waits(where: str) -> None:
    with stand_with(where, "pause 50") as stand:
        client = stand.client()
        server = None
        for _ in range(3):
            client.send(GET)
            if where in RESPONSES:
                server = server or stand.accept("a")
                assert server.take()
                server.send(OK)
            assert client.take() == b""
            stand.wait(50 + LATE)
            if where in REQUESTS:
                server = server or stand.accept("a")
                assert server.take()
                server.send(OK)
            assert client.take().endswith(b"hi there")
        assert stand.lines == ["200 --"] * 3


@pytest.mark.parametrize("where", LISTS)
def test_requests_behind_wait_for_their_turn(where: str) -> None:
    with stand_with(where, "pause 50") as stand:
        client, server = waiting(stand, where, GET + GET)
        stand.wait(50 + LATE)
        assert served(stand, client, server).count(b"hi there") == 1
        if server is None:
            server = stand.ends[-1]
        if where in RESPONSES:
            assert server.take().startswith(b"GET")
            server.send(OK)
        stand.wait(50 + LATE)
        if where in REQUESTS:
            assert server.take().startswith(b"GET")
            server.send(OK)
        assert client.take().endswith(b"hi there")
        assert stand.lines == ["200 --"] * 2


@pytest.mark.parametrize("where", REQUESTS)
def test_a_client_that_ends_while_its_request_waits(where: str) -> None:
    with stand_with(where, "pause 50") as stand:
        client, _ = waiting(stand, where)
        client.shut()
        assert client.take().startswith(b"HTTP/1.1 400")
        assert client.closed
        assert stand.lines == ["400 CR"]
        stand.wait(200)
        assert stand.arrivals("a") == []


@pytest.mark.parametrize("where", RESPONSES)
def test_a_client_that_ends_gets_a_response_that_is_here_at_once(where: str) -> None:
    with stand_with(where, "pause 50") as stand:
        client, _ = waiting(stand, where)
        client.shut()
        assert client.take().endswith(b"hi there")
        assert client.closed
        assert stand.lines == ["200 --"]


@pytest.mark.parametrize("where", RESPONSES)
def test_a_client_that_ends_gets_what_is_here_of_a_response(where: str) -> None:
    with stand_with(where, "pause 50") as stand:
        client, _ = waiting(stand, where, answer=OK[:-3])
        client.shut()
        assert client.take().endswith(b"\r\n\r\nhi th")
        assert client.closed
        assert stand.lines == ["200 CD"]


@pytest.mark.parametrize("where", LISTS)
def test_without_abortonclose_an_end_changes_nothing(where: str) -> None:
    with stand_with(where, "pause 50", option="no option abortonclose") as stand:
        client, server = waiting(stand, where)
        client.shut()
        assert client.take() == b""
        stand.wait(50 + LATE)
        assert served(stand, client, server).endswith(b"hi there")
        assert stand.lines == ["200 --"]


@pytest.mark.parametrize("where", LISTS)
def test_a_client_that_resets(where: str) -> None:
    with stand_with(where, "pause 50") as stand:
        client, _ = waiting(stand, where)
        client.abort()
        assert stand.lines == ["-1 CR" if where in REQUESTS else "200 CL"]
        if where != "frontend request":
            assert stand.backend().counters.client_aborts == 1
        stand.wait(200)
        assert stand.arrivals("a") == []


@pytest.mark.parametrize("where", RESPONSES)
def test_a_client_that_resets_frees_the_slot_at_once(where: str) -> None:
    with stand_with(where, "pause 5s") as stand:
        client, server = waiting(stand, where)
        other = stand.client()
        other.send(GET)
        assert stand.arrivals("a") == []
        client.abort()
        assert server is not None
        assert server.ended() or server.reset
        second = stand.accept("a")
        assert second.take().startswith(b"GET")
        other.abort()


@pytest.mark.parametrize("where", RESPONSES)
@pytest.mark.parametrize(
    ("request_", "answer", "line"),
    [(GET, OK[:-1], "200 CD"), (POST + b"123", OK, "200 CH"), (POST + b"0123456789", OK, "200 CL")],
)
def test_letters_of_a_reset_say_what_was_still_to_come(where: str, request_: bytes, answer: bytes, line: str) -> None:
    with stand_with(where, "pause 50") as stand:
        client, _ = waiting(stand, where, request_, answer)
        client.abort()
        assert stand.lines == [line]


@pytest.mark.parametrize("where", LISTS)
def test_no_timeout_holds_for_who_owes_nothing(where: str) -> None:
    with stand_with(where, "pause 1s", client="100ms", server="100ms") as stand:
        client, server = waiting(stand, where)
        stand.wait(900)
        assert client.take() == b""
        stand.wait(100 + LATE)
        assert served(stand, client, server).endswith(b"hi there")
        assert stand.lines == ["200 --"]


@pytest.mark.parametrize("where", LISTS)
def test_timeout_client_holds_for_who_owes_a_body(where: str) -> None:
    with stand_with(where, "pause 1s", client="200ms") as stand:
        client, _ = waiting(stand, where, POST + b"123")
        stand.wait(150)
        client.send(b"4")
        stand.wait(150)
        assert stand.lines == []
        stand.wait(50 + LATE)
        assert client.ended()
        assert stand.lines == ["-1 cR" if where in REQUESTS else "200 cH"]


@pytest.mark.parametrize("where", REQUESTS)
@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_leaves_in_its_body(where: str, reset: bool) -> None:
    with stand_with(where, "pause 50") as stand:
        client, _ = waiting(stand, where, POST + b"123")
        if reset:
            client.abort()
        else:
            client.shut()
        assert stand.lines == ["400 CR"]


@pytest.mark.parametrize("where", REQUESTS)
def test_a_wrong_body_is_noticed_when_it_comes(where: str) -> None:
    with stand_with(where, "pause 50") as stand:
        client, _ = waiting(stand, where, CHUNKED + b"3\r\nabc\r\n")
        client.send(b"zz\r\n")
        assert client.take().startswith(b"HTTP/1.1 400")
        assert stand.lines == ["400 PR"]


@pytest.mark.parametrize("where", RESPONSES)
def test_timeout_server_holds_for_who_owes_a_body(where: str) -> None:
    with stand_with(where, "pause 1s", server="200ms") as stand:
        client, server = waiting(stand, where, answer=OK[:-3])
        assert server is not None
        stand.wait(150)
        server.send(OK[-3:-2])
        stand.wait(150)
        assert stand.lines == []
        stand.wait(50 + LATE)
        assert client.ended()
        assert server.reset or server.ended()
        assert stand.lines == ["200 sD"]


@pytest.mark.parametrize("where", RESPONSES)
@pytest.mark.parametrize("reset", [False, True])
def test_a_server_that_leaves_behind_its_response(where: str, reset: bool) -> None:
    with stand_with(where, "pause 50") as stand:
        client, server = waiting(stand, where)
        assert server is not None
        if reset:
            server.abort()
        else:
            server.shut()
        stand.wait(50 + LATE)
        assert client.take().endswith(b"hi there")
        assert stand.lines == ["200 --"]


@pytest.mark.parametrize("where", RESPONSES)
@pytest.mark.parametrize("reset", [False, True])
def test_a_server_that_leaves_in_its_response(where: str, reset: bool) -> None:
    with stand_with(where, "pause 50") as stand:
        client, server = waiting(stand, where, answer=OK[:-1])
        assert server is not None
        if reset:
            server.abort()
        else:
            server.shut()
        assert client.ended()
        assert stand.lines == ["200 SD"]
        assert stand.server("a").counters.failed_responses == 1
        assert stand.server("a").counters.server_aborts == 1


@pytest.mark.parametrize("where", RESPONSES)
def test_a_response_whose_end_is_the_connections(where: str) -> None:
    with stand_with(where, "pause 50") as stand:
        client, server = waiting(stand, where, answer=b"HTTP/1.1 200 OK\r\n\r\nhi")
        assert server is not None
        server.send(b" there")
        server.shut()
        assert client.take() == b""
        stand.wait(50 + LATE)
        assert client.take().endswith(b"\r\n\r\nhi there")
        assert client.closed
        assert stand.lines == ["200 --"]


@pytest.mark.parametrize("where", RESPONSES)
@pytest.mark.parametrize("size", [10, 20_000, 300_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_of_responses_arrive_whole_behind_a_pause(where: str, size: int, chunked: bool) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    body = body[:size]
    head = b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Content-Length: %d\r\n\r\n" % size
    content = b"%x\r\n%b\r\n0\r\nx: y\r\n\r\n" % (size, body) if chunked else body
    whole = b"HTTP/1.1 200 OK\r\n" + head + content
    with stand_with(where, "pause 50") as stand:
        client, server = waiting(stand, where, answer=whole[:100])
        assert server is not None
        for at in range(100, len(whole), 50_000):
            server.send_all(whole[at : at + 50_000]) if at < 40_000 else None
        stand.wait(50 + LATE)
        got = client.take()
        for at in range(100, len(whole), 50_000):
            if at >= 40_000:
                server.send_all(whole[at : at + 50_000])
                got += client.take()
        got += client.take()
        _, _, received = got.partition(b"\r\n\r\n")
        assert body in (received if not chunked else unframed(received))
        assert stand.lines == ["200 --"]


def unframed(data: bytes) -> bytes:
    """The payload of chunks."""
    parts: list[bytes] = []
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return b"".join(parts)
        parts.append(data[:length])
        data = data[length + 2 :]


@pytest.mark.parametrize("where", REQUESTS)
def test_what_comes_of_a_body_meanwhile_is_there_for_the_rules_behind(where: str) -> None:
    with stand_with(where, "pause 50", "set-header x-body %[req.body]") as stand:
        client, _ = waiting(stand, where, POST + b"01")
        client.send(b"23456789")
        stand.wait(50 + LATE)
        server = stand.accept("a")
        got = server.take()
        assert b"x-body: 0123456789\r\n" in got
        assert got.endswith(b"\r\n\r\n0123456789")
        server.send(OK)
        assert client.take().endswith(b"hi there")


@pytest.mark.parametrize("where", LISTS)
def test_rules_behind_a_pause_decide(where: str) -> None:
    with stand_with(where, "pause 50", "deny if { always_true }") as stand:
        client, _ = waiting(stand, where)
        stand.wait(50 + LATE)
        status, letters = (403, "PR") if where in REQUESTS else (502, "PH")
        assert client.take().startswith(b"HTTP/1.1 %d" % status)
        assert stand.lines == [f"{status} {letters}"]
        client.close()


@pytest.mark.parametrize("where", LISTS)
def test_pauses_add_up(where: str) -> None:
    with stand_with(where, "pause 50", "pause int(100)", "pause int(-5)", "pause str(x)") as stand:
        client, server = waiting(stand, where)
        stand.wait(140)
        assert client.take() == b""
        stand.wait(10 + 2 * LATE)
        assert served(stand, client, server).endswith(b"hi there")


@pytest.mark.parametrize("where", LISTS)
def test_a_bug_in_the_midst_of_a_wait_ends_one_connection(where: str) -> None:
    with stand_with(where, "pause 50") as stand:
        client, _ = waiting(stand, where)
        stream_of(stand).abandon()
        stand.settle()
        assert client.ended()
        assert [line[-2:] for line in stand.lines] == ["I-"]


@pytest.mark.parametrize("where", RESPONSES)
def test_a_tunnel_waits_too(where: str) -> None:
    request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nearly"
    with stand_with(where, "pause 50") as stand:
        client, server = waiting(stand, where, request, answer)
        assert server is not None
        stand.wait(50 + LATE)
        assert client.take().endswith(b"\r\n\r\nearly")
        server.send(b"more")
        assert client.take() == b"more"
        client.send(b"thanks")
        assert server.take() == b"thanks"
        server.close()


# wait-for-body.


@pytest.mark.parametrize("where", REQUESTS)
def test_a_request_waits_for_its_body(where: str) -> None:
    with stand_with(where, "wait-for-body time 300", "set-header x-len %[req.body_len]") as stand:
        client, _ = waiting(stand, where, POST + b"01234")
        stand.wait(200)
        client.send(b"56789")
        server = stand.accept("a")
        got = server.take()
        assert b"x-len: 10\r\n" in got
        assert got.endswith(b"0123456789")
        server.send(OK)
        assert client.take().endswith(b"hi there")
        assert stand.lines == ["200 --"]
        begun, head = stand.record["begun"], stand.record["head"]
        assert isinstance(begun, int) and isinstance(head, int)
        assert head - begun == 200


@pytest.mark.parametrize("where", REQUESTS)
@pytest.mark.parametrize("rule", ["wait-for-body time 300", "wait-for-body time 300 at-least 6"])
def test_a_body_that_is_late_is_answered_408(where: str, rule: str) -> None:
    with stand_with(where, rule) as stand:
        client, _ = waiting(stand, where, POST + b"01234")
        stand.wait(290)
        assert client.take() == b""
        stand.wait(10 + LATE)
        assert client.take().startswith(b"HTTP/1.1 408")
        assert stand.lines == ["408 cR"]
        assert stand.frontend().counters.failed_requests == 1


@pytest.mark.parametrize("where", REQUESTS)
def test_timeout_client_holds_while_a_body_is_waited_for(where: str) -> None:
    with stand_with(where, "wait-for-body time 1s", client="200ms") as stand:
        client, _ = waiting(stand, where, POST + b"01234")
        stand.wait(150)
        client.send(b"5")
        stand.wait(150)
        assert client.take() == b""
        stand.wait(50 + LATE)
        assert client.take().startswith(b"HTTP/1.1 408")
        assert stand.lines == ["408 cR"]


@pytest.mark.parametrize("where", REQUESTS)
def test_so_many_bytes_are_enough(where: str) -> None:
    with stand_with(where, "wait-for-body time 300 at-least 6") as stand:
        client, _ = waiting(stand, where, POST + b"01234")
        client.send(b"5")
        server = stand.accept("a")
        assert server.take().endswith(b"012345")
        client.send(b"6789")
        assert server.take() == b"6789"
        server.send(OK)
        assert client.take().endswith(b"hi there")


@pytest.mark.parametrize("where", REQUESTS)
def test_a_full_buffer_is_enough(where: str) -> None:
    with stand_with(where, "wait-for-body time 300") as stand:
        client = stand.client()
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n")
        client.send_all(b"x" * 50_000)
        server = stand.accept("a")
        size = len(server.take().partition(b"\r\n\r\n")[2])
        client.send_all(b"x" * 50_000)
        size += len(server.take_all(100_000 - size))
        assert size == 100_000
        server.send(OK)
        assert client.take().endswith(b"hi there")


@pytest.mark.parametrize("where", REQUESTS)
def test_who_waits_for_leave_has_it(where: str) -> None:
    with stand_with(where, "wait-for-body time 300") as stand:
        client = stand.client()
        client.send(POST.replace(b"Host", b"Expect: 100-continue\r\nHost"))
        assert client.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"0123456789")
        server = stand.accept("a")
        got = server.take()
        assert b"expect" not in got.lower()
        assert got.endswith(b"0123456789")
        server.send(OK)
        assert client.take().endswith(b"hi there")


@pytest.mark.parametrize("where", REQUESTS)
def test_a_time_of_0_is_no_limit(where: str) -> None:
    with stand_with(where, "wait-for-body time 0", client="10s") as stand:
        client, _ = waiting(stand, where, POST + b"01234")
        stand.wait(5_000)
        client.send(b"56789")
        assert served(stand, client, None).endswith(b"hi there")


@pytest.mark.parametrize("where", LISTS)
@pytest.mark.parametrize("rule", ["wait-for-body time 300", "wait-for-body time 300 at-least 4"])
def test_what_has_no_body_waits_for_none(where: str, rule: str) -> None:
    with stand_with(where, rule) as stand:
        client = stand.client()
        client.send(GET)
        server = stand.accept("a")
        assert server.take()
        server.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert client.take().startswith(b"HTTP/1.1 204")
        assert stand.lines == ["204 --"]


@pytest.mark.parametrize("where", RESPONSES)
def test_a_response_waits_for_its_body(where: str) -> None:
    with stand_with(where, "wait-for-body time 300") as stand:
        client, server = waiting(stand, where, answer=OK[:-3])
        assert server is not None
        stand.wait(200)
        server.send(OK[-3:])
        assert client.take().endswith(b"hi there")
        assert stand.lines == ["200 --"]


@pytest.mark.parametrize("where", RESPONSES)
@pytest.mark.parametrize(("time", "server_time"), [("300", "5s"), ("5s", "300ms")])
def test_a_response_whose_body_is_late_is_answered_504(where: str, time: str, server_time: str) -> None:
    with stand_with(where, f"wait-for-body time {time}", server=server_time) as stand:
        client, server = waiting(stand, where, answer=OK[:-3])
        assert server is not None
        stand.wait(290)
        assert client.take() == b""
        stand.wait(10 + LATE)
        assert client.take().startswith(b"HTTP/1.1 504")
        assert server.reset or server.ended()
        assert stand.lines == ["504 sH"]


@pytest.mark.parametrize("where", RESPONSES)
@pytest.mark.parametrize("reset", [False, True])
def test_a_response_that_is_cut_short_goes_out_as_far_as_it_came(where: str, reset: bool) -> None:
    with stand_with(where, "wait-for-body time 300") as stand:
        client, server = waiting(stand, where, answer=OK[:-3])
        assert server is not None
        if reset:
            server.abort()
        else:
            server.shut()
        assert client.take().endswith(b"\r\n\r\nhi th")
        assert client.closed
        assert stand.lines == ["200 SD"]


@pytest.mark.parametrize("where", RESPONSES)
def test_so_many_bytes_of_a_response_are_enough(where: str) -> None:
    with stand_with(where, "wait-for-body time 300 at-least 6") as stand:
        client, server = waiting(stand, where, answer=OK[:-3])
        assert server is not None
        server.send(OK[-3:-2])
        assert client.take().endswith(b"\r\n\r\nhi the")
        server.send(OK[-2:])
        assert client.take() == b"re"
        assert stand.lines == ["200 --"]


# Answers from elsewhere.


class Asks(Source):
    """A fetch that asks elsewhere."""

    def __init__(self) -> None:
        self.many = False
        self.needs: list[Question] = []

    def get(self, ctx: Context) -> Value | None:
        found = ctx.answer_to(b"k")
        if found is not None:
            return b"yes" if found.state == MET else None
        if ctx.may_wait:
            if ctx.need is None:
                ctx.need = question = Question()
                self.needs.append(question)
            return None
        return None


class Question(Need):
    def __init__(self) -> None:
        super().__init__(ELSEWHERE, 300, b"k")
        self.cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1


def asks(stand: Stand, where: str) -> Asks:
    """The condition of the first rule asks elsewhere from now on."""
    source = Asks()
    proxy = stand.frontend() if where.startswith("frontend") else stand.backend()
    steps: list[Step] = proxy.http_request if where in REQUESTS else proxy.http_response
    condition = steps[0].condition
    assert condition is not None
    condition.alternatives[0][0].usable[0].source = source
    return source


def asking(where: str) -> Stand:
    return stand_with(where, "deny if { var(txn.x) -m str yes }")


@pytest.mark.parametrize("where", LISTS)
def test_an_answer_from_elsewhere_decides(where: str) -> None:
    with asking(where) as stand:
        source = asks(stand, where)
        client, _ = waiting(stand, where)
        stand.wait(100)
        assert client.take() == b""
        [need] = source.needs
        need.meet()
        status = 403 if where in REQUESTS else 502
        assert client.take().startswith(b"HTTP/1.1 %d" % status)
        assert need.cancelled == 0
        client.close()


@pytest.mark.parametrize("where", LISTS)
def test_an_answer_that_does_not_come_in_time(where: str) -> None:
    with asking(where) as stand:
        source = asks(stand, where)
        client, server = waiting(stand, where)
        stand.wait(300 + LATE)
        assert served(stand, client, server).endswith(b"hi there")
        [need] = source.needs
        assert need.state == EXPIRED
        assert need.cancelled == 1
        need.meet()  # late: nobody takes notice
        stand.settle()
        assert stand.lines == ["200 --"]


@pytest.mark.parametrize("where", LISTS)
@pytest.mark.parametrize("reset", [False, True])
def test_who_was_asked_is_told_that_the_client_has_left(where: str, reset: bool) -> None:
    with asking(where) as stand:
        source = asks(stand, where)
        client, _ = waiting(stand, where)
        [need] = source.needs
        if reset:
            client.abort()
        else:
            client.shut()
        assert need.state == WITHDRAWN
        assert need.cancelled == 1
        need.meet()
        stand.settle()
        assert len(stand.lines) == 1


@pytest.mark.parametrize("where", LISTS)
def test_an_answer_and_a_reset_in_one_turn(where: str) -> None:
    with asking(where) as stand:
        source = asks(stand, where)
        waiting(stand, where)
        [need] = source.needs
        stream = stream_of(stand)
        need.meet()
        assert stream.phase in (GATHER, HOLD)  # it goes on in its own turn
        stream.client_gone()
        stand.settle()
        assert len(stand.lines) == 1
        assert need.cancelled == 0


@pytest.mark.parametrize("where", LISTS)
def test_an_answer_in_the_same_breath(where: str) -> None:
    """Who was asked knows it at once."""

    class Knows(Asks):
        def get(self, ctx: Context) -> Value | None:
            value = super().get(ctx)
            for need in self.needs:
                need.meet()
            return value

    with asking(where) as stand:
        source = Knows()
        asked = asks(stand, where)
        proxy = stand.frontend() if where.startswith("frontend") else stand.backend()
        steps = proxy.http_request if where in REQUESTS else proxy.http_response
        condition = steps[0].condition
        assert condition is not None
        condition.alternatives[0][0].usable[0].source = source
        client = stand.client()
        client.send(GET)
        if where in RESPONSES:
            stand.accept("a").send(OK)
        status = 403 if where in REQUESTS else 502
        assert client.take().startswith(b"HTTP/1.1 %d" % status)
        assert asked.needs == []
        client.close()


ROUTES = """
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend f
    bind 127.0.0.1:1
    use_backend b if { var(txn.x) -m str yes }
    default_backend c
backend b
    use-server z if { var(txn.x) -m str yes }
    server a {a}
    server z {z}
backend c
    server c {c}
"""


@pytest.mark.parametrize(("met", "goes_to"), [(True, "z"), (False, "c")])
def test_routes_may_ask_elsewhere(met: bool, goes_to: str) -> None:
    with Stand(ROUTES, "a", "z", "c") as stand:
        source = Asks()
        route = stand.frontend().use_backend[0]
        server_route = stand.backend("b").use_server[0]
        for condition in (route.condition, server_route.condition):
            assert condition is not None
            condition.alternatives[0][0].usable[0].source = source
        client = stand.client()
        client.send(GET)
        assert stream_of(stand).phase == GATHER
        [need] = source.needs
        assert need.state == PENDING
        if met:
            need.meet()
        else:
            need.expire()
        server = stand.accept(goes_to)
        assert server.take()
        assert stream_of(stand).phase == SENT
        server.send(OK)
        assert client.take().endswith(b"hi there")
        assert len(source.needs) == 1  # the answer holds for the exchange


STATISTICS = """
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend f
    bind 127.0.0.1:1
    stats uri /stats
    stats http-request deny if { var(txn.x) -m str yes }
"""


@pytest.mark.parametrize("request_", [GET, POST + b"0123456789"])
def test_rules_of_the_statistics_page_may_ask_elsewhere(request_: bytes) -> None:
    with Stand(STATISTICS) as stand:
        service = stand.frontend().services[0]
        assert isinstance(service, Statistics)
        condition = service.access.rules[0].condition
        assert condition is not None
        condition.alternatives[0][0].usable[0].source = source = Asks()
        client = stand.client()
        client.send(request_.replace(b" / ", b" /stats "))
        assert client.take() == b""
        assert stream_of(stand).phase == GATHER
        [need] = source.needs
        need.meet()
        assert client.take().startswith(b"HTTP/1.1 403")
        assert stand.lines == ["403 LR"]
