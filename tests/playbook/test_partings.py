"""Whoever leaves, however and whenever: one log line with the right letters, and nothing is left behind.

Every phase of an exchange meets every way in which a peer can go and every timeout.
"""

import socket
import struct
from collections.abc import Callable
from unittest import mock

import pytest
from support.stand import End, Stand

from pointsman.net.reactor import IN, RDHUP
from pointsman.server.algorithm import Algorithm
from pointsman.stream.raw import RawFront

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
    timeout queue 4s
    timeout tunnel 5s
    timeout http-request 2500
    timeout http-keep-alive 6s
    retries 0
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    server a {a} maxconn 1
"""
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
BIG = b"HTTP/1.1 200 OK\r\nContent-Length: 99000000\r\n\r\n"

Phase = Callable[[Stand], tuple[End, End | None]]


def fresh(stand: Stand) -> tuple[End, End | None]:
    return stand.client(), None


def in_head(stand: Stand) -> tuple[End, End | None]:
    client = stand.client()
    client.send(GET[:20])
    return client, None


def queued(stand: Stand) -> tuple[End, End | None]:
    first = stand.client()
    first.send(GET)
    server = stand.accept("a")
    client = stand.client()
    client.send(GET)
    return client, server


def queued_with_body(stand: Stand) -> tuple[End, End | None]:
    client, server = queued(stand)
    second = stand.client()
    client.abort()
    second.send(POST + b"123")
    return second, server


def asked(stand: Stand) -> tuple[End, End | None]:
    client = stand.client()
    client.send(GET)
    server = stand.accept("a")
    server.take()
    return client, server


def uploading(stand: Stand) -> tuple[End, End | None]:
    client = stand.client()
    client.send(POST + b"123")
    server = stand.accept("a")
    server.take()
    return client, server


def answering(stand: Stand) -> tuple[End, End | None]:
    client, server = asked(stand)
    assert server is not None
    server.send(HEAD[:9])
    return client, server


def downloading(stand: Stand) -> tuple[End, End | None]:
    client, server = asked(stand)
    assert server is not None
    server.send(HEAD + b"123")
    client.take()
    return client, server


def both(stand: Stand) -> tuple[End, End | None]:
    client, server = uploading(stand)
    assert server is not None
    server.send(HEAD + b"123")
    client.take()
    return client, server


def blocked(stand: Stand) -> tuple[End, End | None]:
    client = stand.client(buffers=4096)
    client.send(GET)
    server = stand.accept("a")
    server.take()
    server.send(BIG)
    while server.send(b"x" * 1_000_000):
        pass
    return client, server


def last(stand: Stand) -> tuple[End, End | None]:
    """All is received, not all written."""
    client = stand.client(buffers=4096)
    client.send(GET)
    server = stand.accept("a")
    server.take()
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
    return client, server


def switched(stand: Stand) -> tuple[End, End | None]:
    client = stand.client()
    client.send(UPGRADE)
    server = stand.accept("a")
    server.take()
    server.send(SWITCH)
    client.take()
    return client, server


def kept(stand: Stand) -> tuple[End, End | None]:
    client, server = asked(stand)
    assert server is not None
    server.send(HEAD + b"1234567890")
    client.take()
    return client, server


PHASES: list[Phase] = [
    fresh,
    in_head,
    queued,
    queued_with_body,
    asked,
    uploading,
    answering,
    downloading,
    both,
    blocked,
    last,
    switched,
    kept,
]

# For each phase the line behind: the client ends, it resets, the server ends, it resets, time passes. The letters are
# those of manual 8.5. NONE: no line (yet); "" no such case.
NONE = "none"
EXPECTED: dict[str, tuple[str, str, str, str, str]] = {
    "fresh": ("400 CR", "400 CR", "", "", "408 cR"),
    "in_head": ("400 CR", "400 CR", "", "", "408 cR"),
    "queued": ("-1 CQ", "-1 CQ", "502 SH", "502 SH", "504 sH"),  # server and time meet the first client
    "queued_with_body": ("-1 CQ", "-1 CQ", "502 SH", "502 SH", "504 sH"),
    "asked": ("400 CH", "400 CD", "502 SH", "502 SH", "504 sH"),
    "uploading": ("400 CH", "400 CH", "502 SH", "502 SH", "400 cH"),
    "answering": ("400 CH", "400 CD", "502 PH", "502 PH", "504 sH"),
    "downloading": ("200 CD", "200 CD", "200 SD", "200 SD", "200 sD"),
    "both": ("200 CD", "200 CD", "200 SD", "200 SD", "200 cD"),
    "blocked": ("200 CD", "200 CD", NONE, NONE, "200 cD"),
    "last": (NONE, "200 CD", NONE, NONE, "200 cD"),
    "switched": (NONE, "101 CD", "101 --", "101 SD", "101 cD"),
    "kept": (NONE, NONE, NONE, NONE, NONE),
}
WAYS = ["client-fin", "client-rst", "server-fin", "server-rst", "time"]


def part(number: int, stand: Stand, client: End, server: End | None) -> None:
    """The parting of that number."""
    peer = client if number < 2 else server
    if number == 4:
        stand.wait(20_000)
        return
    assert peer is not None
    if number == 0:
        peer.shut()
    elif number == 2:
        peer.close()
    else:
        peer.abort()


# Where there is no server yet, none can part.
PARTINGS = [(phase, number) for phase in PHASES for number in range(5) if EXPECTED[phase.__name__][number]]


@pytest.mark.parametrize(
    ("phase", "number"), PARTINGS, ids=[f"{phase.__name__}-{WAYS[number]}" for phase, number in PARTINGS]
)
def test_http(phase: Phase, number: int) -> None:
    """Leaving the block checks that no descriptor, slot, queue entry, deadline or gauge is left."""
    expected = EXPECTED[phase.__name__][number]
    with Stand(CONFIG, "a") as stand:
        client, server = phase(stand)
        before = len(stand.lines)
        part(number, stand, client, server)
        assert stand.lines[before : before + 1] == ([] if expected == NONE else [expected])


@pytest.mark.parametrize("second", range(5), ids=WAYS)
@pytest.mark.parametrize("first", range(4), ids=WAYS[:4])
@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)
def test_one_parting_after_the_other(phase: Phase, first: int, second: int) -> None:
    """Both peers in any order: never an exception, never two lines for one exchange, nothing left behind."""
    with Stand(CONFIG, "a") as stand:
        client, server = phase(stand)
        for number in (first, second):
            peer = client if number < 2 else server
            if number == 4 or peer is not None and peer.sock.fileno() >= 0:
                try:
                    part(number, stand, client, server)
                except OSError:
                    pass  # that end is gone already
        numbers = [record["number"] for record in stand.logs["f"].records if record["status"] != 400]
        assert len(numbers) == len(set(map(str, numbers)))


TCP = """
defaults
    mode tcp
    timeout connect 1s
    timeout client 2s
    timeout server 3s
    retries 0
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    server a {a}
"""


def piped(stand: Stand) -> tuple[End, End]:
    client = stand.client()
    server = stand.accept("a")
    client.send(b"question")
    assert server.take() == b"question"
    server.send(b"answer")
    assert client.take() == b"answer"
    return client, server


def stuffed(stand: Stand) -> tuple[End, End]:
    """The client does not read."""
    client = stand.client(buffers=4096)
    server = stand.accept("a")
    while server.send(b"x" * 1_000_000):
        pass
    return client, server


@pytest.mark.parametrize("number, expected", list(enumerate([NONE, "-1 CD", NONE, "-1 SD", "-1 cD"])), ids=WAYS)
def test_tcp(number: int, expected: str) -> None:
    with Stand(TCP, "a") as stand:
        client, server = piped(stand)
        part(number, stand, client, server)
        assert stand.lines == ([] if expected == NONE else [expected])


@pytest.mark.parametrize("second", range(5), ids=WAYS)
@pytest.mark.parametrize("first", range(4), ids=WAYS[:4])
@pytest.mark.parametrize("phase", [piped, stuffed], ids=lambda phase: phase.__name__)
def test_tcp_one_parting_after_the_other(phase: Callable[[Stand], tuple[End, End]], first: int, second: int) -> None:
    with Stand(TCP, "a") as stand:
        client, server = phase(stand)
        for number in (first, second):
            try:
                part(number, stand, client, server)
            except OSError:
                pass
        if first in (0, 2) and second == 2 - first and phase is piped:
            assert stand.lines == ["-1 --"]
        assert len(stand.lines) <= 1


def test_tcp_half_close_passes_through_in_both_directions() -> None:
    with Stand(TCP, "a") as stand:
        client, server = piped(stand)
        client.send(b"last question")
        client.shut()
        assert server.take() == b"last question" and server.closed
        server.send(b"last answer")
        assert client.take() == b"last answer" and not client.closed
        server.close()
        assert client.ended() and not client.reset
        assert stand.lines == ["-1 --"]


def test_tcp_what_a_server_sent_before_its_reset_arrives() -> None:
    """A client never loses what was sent on to it because the other side fell."""
    with Stand(TCP, "a") as stand:
        client = stand.client()
        server = stand.accept("a")
        server.send(b"x" * 200_000)
        server.abort()
        assert len(client.take()) == 200_000
        assert client.closed and not client.reset


def test_a_client_that_leaves_resets_its_server() -> None:
    """The server is told at once, and no port of ours stays in TIME_WAIT."""
    with Stand(CONFIG, "a") as stand:
        client, server = asked(stand)
        assert server is not None
        client.abort()
        server.take()
        assert server.reset


@pytest.mark.parametrize("number", [0, 1], ids=WAYS[:2])
@pytest.mark.parametrize("phase", [asked, uploading, answering, downloading], ids=lambda phase: phase.__name__)
def test_the_slot_of_a_client_that_leaves_is_free_at_once(phase: Phase, number: int) -> None:
    """The server has maxconn 1, and has not answered: whoever waits gets its place, not one moment later."""
    with Stand(CONFIG, "a") as stand:
        client, server = phase(stand)
        second = stand.client()
        second.send(GET)
        assert server is not None and stand.arrivals("a") == []
        part(number, stand, client, server)
        assert stand.accept("a").take().startswith(b"GET /")
        server.take()
        assert server.reset


@pytest.mark.parametrize("number", [0, 1], ids=WAYS[:2])
def test_the_time_in_a_queue_that_a_client_left(number: int) -> None:
    """0/300/-1/-1/300"""
    with Stand(CONFIG, "a") as stand:
        client, server = queued(stand)
        stand.wait(300)
        part(number, stand, client, server)
        marks = stand.record
        assert marks["queued"] - marks["head"] == marks["ended"] - marks["begun"] == 300  # type: ignore[operator]
        assert marks["connected"] == marks["answered"] == -1


BUFFERED = CONFIG.replace("default_backend b\n", "{front}\n    default_backend b\n").replace("maxconn 1", "")


@pytest.mark.parametrize("number", [0, 1], ids=WAYS[:2])
@pytest.mark.parametrize("side", ["front", "back"])
def test_a_client_that_leaves_while_its_body_is_waited_for(side: str, number: int) -> None:
    """300/-1/-1/-1, 400 CR"""
    text = BUFFERED.replace("{front}", "option http-buffer-request" if side == "front" else "")
    if side == "back":
        text = text.replace("backend b\n    server", "backend b\n    option http-buffer-request\n    server")
    with Stand(text, "a") as stand:
        client = stand.client()
        client.send(POST + b"123")
        stand.wait(300)
        part(number, stand, client, None)
        assert stand.lines == ["400 CR"]
        marks = stand.record
        assert marks["head"] - marks["begun"] == 300  # type: ignore[operator]
        assert marks["queued"] == -1
        assert stand.backend().counters.client_aborts == (side == "back")
        assert stand.frontend().counters.failed_requests == 0


def test_the_time_for_a_body_is_part_of_the_requests() -> None:
    """300/0/0/0: it counts in %TR, not in %Tw."""
    with Stand(BUFFERED.replace("{front}", "option http-buffer-request"), "a") as stand:
        client = stand.client()
        client.send(POST + b"123")
        stand.wait(300)
        client.send(b"4567890")
        stand.accept("a").send(HEAD + b"1234567890")
        assert client.take().endswith(b"1234567890")
        marks = stand.record
        assert marks["head"] - marks["begun"] == 300  # type: ignore[operator]
        assert marks["queued"] == marks["head"]


@pytest.mark.parametrize("request_bytes", [GET, POST + b"1234567890", GET + GET], ids=["GET", "POST", "two"])
@pytest.mark.parametrize("option, left", [("", True), ("no option abortonclose", False)])
def test_an_end_right_behind_the_request(request_bytes: bytes, option: str, left: bool) -> None:
    """Both come in one read, and no event tells of the end again."""
    text = CONFIG.replace("server a {a} maxconn 1", f"{option}\n    server a {{a}}")
    with Stand(text, "a") as stand:
        client = stand.client()
        client.sock.send(request_bytes)
        client.shut()
        servers = stand.arrivals("a")
        if left:
            assert stand.lines in (["-1 CC"], ["400 CH"])
            return
        servers[0].send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert client.take().endswith(b"ok")
        assert stand.lines[0] == "200 --"


def test_who_leaves_is_counted_once_a_transfer_began() -> None:
    """cli_abrt: not in a queue, not while connecting."""
    with Stand(CONFIG, "a") as stand:
        client, _ = queued(stand)
        client.abort()
        assert stand.backend().counters.client_aborts == 0
    for phase in (asked, uploading, downloading):
        for number in (0, 1):
            with Stand(CONFIG, "a") as stand:
                part(number, stand, *phase(stand))
                assert stand.backend().counters.client_aborts == stand.server("a").counters.client_aborts == 1


def reset_before_it_is_seen(stand: Stand) -> End:
    """A client whose server has accepted and reset before the proxy looks."""
    with mock.patch.object(stand, "settle"):
        client = stand.client()
        client.send(GET)
        while not stand.server("a").links:
            stand.reactor.turn(10)
        sock, _ = stand.listeners["a"].accept()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    stand.settle()
    return client


@pytest.mark.parametrize("text, line", [(TCP, "-1 SD"), (CONFIG, "502 SH")], ids=["tcp", "http"])
def test_a_server_that_accepts_and_resets(text: str, line: str) -> None:
    """It was connected to: no attempt has failed, and none is made again."""
    with Stand(text.replace("retries 0", "retries 3"), "a") as stand:
        client = reset_before_it_is_seen(stand)
        assert client.take().startswith(b"HTTP/1.1 502") if text is CONFIG else client.ended()
        assert stand.lines == [line]
        counters = stand.server("a").counters
        assert counters.retries == 0 and counters.connects == 1
        assert counters.failed_responses == stand.backend().counters.failed_responses == 1


@pytest.mark.parametrize(
    "front, back, ends",
    [
        ("", "", True),
        ("no option abortonclose", "", True),
        ("option abortonclose", "no option abortonclose", False),
        ("", "option abortonclose", True),
        ("no option abortonclose", "option abortonclose", True),
    ],
)
def test_abortonclose_of_frontend_and_backend(front: str, back: str, ends: bool) -> None:
    """A frontend's is about TLS handshakes (manual 4.2); for HTTP requests the backend's counts."""
    text = CONFIG.replace("default_backend b\n", f"{front}\n    default_backend b\n")
    with Stand(text.replace("backend b\n    server", f"backend b\n    {back}\n    server"), "a") as stand:
        client, _ = asked(stand)
        client.shut()
        assert stand.lines == (["400 CH"] if ends else [])


def test_tcp_a_client_without_a_server_sees_a_clean_end() -> None:
    """What it has sent goes nowhere, and yet its connection is not reset."""
    with Stand(TCP.replace("server a {a}", "server a 127.0.0.1:1 disabled"), "a") as stand:
        client = stand.client()
        client.send(b"hello")
        assert client.ended() and not client.reset


@pytest.mark.parametrize("phase", ["queue", "connect"])
def test_tcp_a_client_that_gives_up_waiting(phase: str) -> None:
    """Under abortonclose its end is noticed, whatever it has sent before."""
    text = TCP.replace("server a {a}", "option abortonclose\n    server a {a} maxconn 1")
    with Stand(text, "a") as stand:
        if phase == "queue":
            stand.client()
            client = stand.client()
        else:
            with mock.patch.object(stand, "settle"):
                client = stand.client()
                client.sock.send(b"hello")
                client.sock.shutdown(socket.SHUT_WR)
                (front,) = [one for one in stand.reactor.channels if isinstance(one.owner(), RawFront)]
                front.ready(IN | RDHUP)
            client.take()
            assert stand.lines == ["-1 CC"] and client.closed and not client.reset
            return
        client.send(b"hello")
        stand.wait(300)
        client.shut()
        assert stand.lines == ["-1 CQ"]
        assert client.ended() and not client.reset
        marks = stand.record
        assert marks["queued"] - marks["head"] == 300  # type: ignore[operator]


@pytest.mark.parametrize("mode", ["http", "tcp"])
def test_a_bug_behind_the_choice_of_a_backend_costs_one_connection(mode: str) -> None:
    """The backend does not count it for ever, which would weigh on fullconn and dynamic limits."""
    with Stand(CONFIG.replace("mode http", f"mode {mode}").replace("maxconn 1", ""), "a") as stand:
        client, other = (stand.client(), stand.client()) if mode == "http" else (None, stand.client())
        other.send(GET)
        server = stand.accept("a")
        backend = stand.backend()
        sound, backend.algorithm = backend.algorithm, Algorithm()  # which can do nothing
        if client is not None:
            with pytest.raises(NotImplementedError):
                client.send(GET)
            stand.faults.clear()
            assert client.ended()
        else:
            late, arrival = stand.arrive()
            with pytest.raises(NotImplementedError):
                stand.frontend().open(arrival)
            assert late.ended()
        backend.algorithm = sound
        assert backend.connections == 1 and stand.lines == ["-1 I-"]
        server.send(HEAD + b"0123456789")
        assert other.take().endswith(b"0123456789")
