"""Whoever leaves, however and whenever: one log line with the right letters, and nothing is left behind.

Every phase of an exchange meets every way in which a peer can go and every timeout.
"""
from collections.abc import Callable

import pytest
from support.stand import End, Stand

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


PHASES: list[Phase] = [fresh, in_head, queued, queued_with_body, asked, uploading, answering, downloading, both,
                       blocked, last, switched, kept]

# For each phase the line behind: the client ends, it resets, the server ends, it resets, time passes. The letters are
# those of manual 8.5. NONE: no line (yet); "" no such case.
NONE = "none"
EXPECTED: dict[str, tuple[str, str, str, str, str]] = {
    "fresh": ("400 CR", "400 CR", "", "", "408 cR"),
    "in_head": ("400 CR", "400 CR", "", "", "408 cR"),
    "queued": ("400 CQ", "-1 CQ", "502 SH", "502 SH", "504 sH"),  # server and time meet the first client
    "queued_with_body": ("400 CQ", "-1 CQ", "502 SH", "502 SH", "504 sH"),
    "asked": (NONE, "-1 CH", "502 SH", "502 SH", "504 sH"),
    "uploading": ("-1 CD", "-1 CD", "502 SH", "502 SH", "408 cH"),
    "answering": (NONE, "-1 CH", "502 SH", "502 SH", "504 sH"),
    "downloading": (NONE, "200 CD", "200 SD", "200 SD", "200 sD"),
    "both": ("200 CD", "200 CD", "200 SD", "200 SD", "200 cD"),
    "blocked": (NONE, "200 CD", NONE, NONE, "200 cD"),
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


@pytest.mark.parametrize(("phase", "number"), PARTINGS,
                         ids=[f"{phase.__name__}-{WAYS[number]}" for phase, number in PARTINGS])
def test_http(phase: Phase, number: int) -> None:
    """Leaving the block checks that no descriptor, slot, queue entry, deadline or gauge is left."""
    expected = EXPECTED[phase.__name__][number]
    with Stand(CONFIG, "a") as stand:
        client, server = phase(stand)
        before = len(stand.lines)
        part(number, stand, client, server)
        assert stand.lines[before:before + 1] == ([] if expected == NONE else [expected])


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
