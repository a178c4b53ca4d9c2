"""The attacks of bench/attacks on one end of a connection, without sockets: which of them end it, and after what."""

from __future__ import annotations

import pytest

from bench.attacks import frames as f
from bench.attacks.scripts import ATTACKS
from pointsman.proto.errors import ProtocolError
from pointsman.proto.h2 import (
    COMPRESSION_ERROR,
    ENHANCE_YOUR_CALM,
    NO_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
)
from pointsman.proto.h2_budget import START
from pointsman.proto.h2_endpoint import H2Endpoint
from pointsman.proto.h2_options import H2Options
from pointsman.proto.h2_stream import H2Stream
from pointsman.proto.h2_users import PlainEndpointUser
from pointsman.proto.hpack import Block

BEGIN = 1_000_000
LIMIT = 16_384
READ = 16_384  # bytes at a time
LARGE = 1_000_000


class Over(Exception):
    """The connection has ended."""


class Exchange(PlainEndpointUser):
    """Answers at once; /never does not, /large has a large body, of which 16 kB at a time are handed over."""

    def __init__(self, endpoint: H2Endpoint, stream: H2Stream, path: bytes) -> None:
        self.endpoint = endpoint
        self.stream = stream
        self.left = LARGE if path == b"/large" else 20
        if path in {b"/", b"/large"}:
            endpoint.send_head(stream, b"\x88", False)
            self.go_on()

    def go_on(self) -> None:
        piece = min(self.left, 16_384)
        self.left -= piece
        self.endpoint.send(self.stream, b"x" * piece)
        if not self.left:
            self.endpoint.finish(self.stream, b"")

    def head_came(self, block: Block, ended: bool) -> None:
        raise AssertionError("a second head")

    def payload_came(self) -> None:
        while piece := self.stream.take(1 << 20):
            self.endpoint.eaten(self.stream, len(piece))

    def credit_came(self, all_gone: bool) -> None:
        if all_gone and self.left:
            self.go_on()


class Server(PlainEndpointUser):
    """A server's end, and an attacker for scripts: what is sent is taken at once, in reads of a usual size."""

    def __init__(self, options: H2Options | None = None) -> None:
        self.reads = True
        self.time = BEGIN
        self.frames = 0
        self.bytes_out = 0
        self.most_waiting = 0
        self.goes = 0
        self.endpoint = H2Endpoint(self, options or H2Options(), False, LIMIT)
        self.resets: list[int] = []
        self.goaways: list[tuple[int, int]] = []
        self.answered = 0
        self.live = 0

    def exchanges(self) -> int:
        return self.live

    def now(self) -> int:
        return self.time

    def request_came(self, stream: H2Stream, block: Block, ended: bool) -> None:
        if block.over or not any(one.name == b":path" for one in block.fields):
            raise ProtocolError("malformed")
        path = next(one.value for one in block.fields if one.name == b":path")
        length = next((one.value for one in block.fields if one.name == b"content-length"), b"")
        if length:
            stream.expected = int(length)
            if ended:
                raise ProtocolError("no body")
        stream.user = Exchange(self.endpoint, stream, path)

    def send(self, data: bytes, frames: int) -> None:
        if self.endpoint.failed:
            raise Over
        self.frames += frames
        for at in range(0, len(data), READ):
            self.take(data[at : at + READ])

    def take(self, data: bytes) -> None:
        endpoint = self.endpoint
        endpoint.take(data)
        self._give()
        while endpoint.more:
            self.goes += 1
            endpoint.take(b"")
            self._give()

    def _give(self) -> None:
        endpoint = self.endpoint
        assert len(endpoint.streams) <= 100
        self.most_waiting = max(self.most_waiting, sum(map(len, endpoint.out)))
        while data := endpoint.give(1 << 16):
            self.bytes_out += len(data)
            while data:
                behind = 9 + int.from_bytes(data[:3], "big")
                kind, payload = data[3], data[9:behind]
                if kind == f.RST_STREAM:
                    self.resets.append(int.from_bytes(payload, "big"))
                elif kind == f.GOAWAY:
                    self.goaways.append((int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big")))
                elif kind == f.HEADERS:
                    self.answered += 1
                data = data[behind:]

    def listen(self, quiet: float) -> None:
        """Everything has come already."""

    def attack(self, name: str, frames: int) -> None:
        """By the script of that name."""
        self.take(ATTACKS[name].first)
        try:
            ATTACKS[name].script(self, frames)
        except Over:
            pass


# Frames after which the connection is over: what it has at first, and up to 200 of the batch that is under way.
SOON = START + 400
CALMED = {
    "rapid-reset": START // 8 + 400,
    "rapid-reset-upload": START // 5 + 400,
    "rapid-reset-queued": START // 8 + 400,
    "made-you-reset-overflow": START // 8 + 400,
    "made-you-reset-no-credit": START // 8 + 400,
    "made-you-reset-half-closed": START // 8 + 400,
    "made-you-reset-own-parent": START // 8 + 400,
    "made-you-reset-priority-size": START // 8 + 400,
    "made-you-reset-length": START // 8 + 400,
    "malformed": START // 16 + 400,
    "bad-length": START // 16 + 400,
    "resets-unread": START // 16 + 400,
    "closed-streams": SOON,
    "late-data": SOON,
    "continuation-endless": 5,
    "continuation-empty": 400,
    "continuation-small": START + 1400,
    "large-list": 8,
    "huffman-bomb": 20,
    "table-churn": 20,
    "settings": SOON,
    "settings-many": 5,
    "settings-table": SOON,
    "settings-window": SOON,
    "settings-ack": SOON,
    "ping": SOON,
    "ping-ack": SOON,
    "ping-unread": SOON,
    "settings-unread": SOON,
    "priority": SOON,
    "priority-one": SOON,
    "empty-data": SOON,
    "padded-data": SOON,
    "window-ones": SOON,
    "window-ones-stream": SOON,
    "unknown": SOON,
    "streams-100000": START // 2 + 500,
}


@pytest.mark.parametrize("name", CALMED)
def test_floods_end_with_enhance_your_calm(name: str) -> None:
    server = Server()
    server.attack(name, 20_000)
    assert server.endpoint.failed
    assert server.goaways[-1][1] == ENHANCE_YOUR_CALM
    assert server.frames <= CALMED[name]
    assert server.most_waiting <= 4 * READ  # bytes, whatever was asked for in one read


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("made-you-reset-again", None),
        ("bad-hpack", COMPRESSION_ERROR),
        ("hpack-bomb", COMPRESSION_ERROR),
        ("cookie-bomb", COMPRESSION_ERROR),
        ("empty-names", COMPRESSION_ERROR),
        ("many-fields", COMPRESSION_ERROR),
        ("table-size", COMPRESSION_ERROR),
        ("push-promise", PROTOCOL_ERROR),
    ],
)
def test_faults_end_at_once(name: str, code: int | None) -> None:
    server = Server()
    server.attack(name, 1000)
    assert server.endpoint.failed
    assert code is None or server.goaways[-1][1] == code


def test_requests_without_regard_to_the_limit_that_are_answered_go_on() -> None:
    server = Server()
    server.take(f.PREFACE + f.settings() + f.window_update(0, 1_000_000))
    ATTACKS["many-requests"].script(server, 20_000)
    assert not server.endpoint.failed
    assert (server.answered, server.resets) == (20_000, [])


def test_the_limit_counts_exchanges_that_go_on_though_their_stream_is_over() -> None:
    server = Server()
    server.attack("streams-left", 60)
    server.live = 100
    server.send(f.headers(201, f.request()), 1)
    assert server.resets == [REFUSED_STREAM]
    server.live = 99
    server.send(f.headers(203, f.request()), 1)
    assert (server.resets, server.answered) == ([REFUSED_STREAM], 1)


def test_large_responses_without_credit_are_not_taken_from_their_servers() -> None:
    server = Server()
    server.attack("no-credit", 100)
    waiting = sum(stream.waits for stream in server.endpoint.streams.values())
    assert waiting <= 100 * 16_384
    assert server.answered == 100


def test_single_bytes_of_a_body_take_no_more_memory_than_others() -> None:
    """While nobody takes them."""
    server = Server()
    server.take(f.PREFACE + f.settings() + f.headers(1, f.request(b"/", b"POST"), f.END_HEADERS))
    stream = server.endpoint.streams[1]
    stream.user = PlainEndpointUser()  # takes nothing
    server.send(f.frame(f.DATA, 0, 1, b"x") * 16_000, 16_000)
    assert stream.held == 16_000
    assert len(stream.inbox) < 10


def test_new_streams_of_one_read_take_their_turn_behind_others() -> None:
    server = Server()
    server.take(f.PREFACE + f.settings() + b"".join(f.headers(stream, f.request()) for stream in range(1, 401, 2)))
    assert server.answered == 200
    assert server.goes == 200 // 16


@pytest.mark.parametrize(("said", "goes"), [({"frames_at_once": 10}, 10), ({"rst_at_once": 5}, 10)])
def test_frames_and_resets_at_once(said: dict[str, int], goes: int) -> None:
    """tune.h2.fe.max-frames-at-once, max-rst-at-once (manual 3.2): 100 frames, 50 of which are resets."""
    options = H2Options()
    for name, value in said.items():
        setattr(options, name, value)
    server = Server(options)
    server.take(f.PREFACE + f.settings())
    server.take(b"".join(f.headers(stream, f.request(b"/never")) + f.rst_stream(stream) for stream in range(1, 101, 2)))
    assert server.endpoint.last == 99
    assert goes - 1 <= server.goes <= goes


def test_total_streams_end_the_connection_in_two_steps() -> None:
    """tune.h2.fe.max-total-streams (manual 3.2): GOAWAY for a later stream, and what comes behind is not looked at."""
    options = H2Options()
    options.streams, options.total_streams = 10, 30
    server = Server(options)
    server.take(f.PREFACE + f.settings())
    for stream in range(1, 100, 2):
        server.send(f.headers(stream, f.request()), 1)
    assert server.goaways == [(59 + 20, NO_ERROR)]
    assert server.answered == 40


PREPARED = f.headers(1, f.request(b"/never")) + f.headers(3, f.request(b"/upload", b"POST"), f.END_HEADERS)


@pytest.mark.parametrize(
    ("sent", "glitches"),
    [
        (f.frame(f.PING, payload=bytes(8)) * 10, 0),
        (f.settings() * 10, 0),
        (f.settings((4, 70_000), (4, 60_000), (4, 60_001), (4, 50_000)), 2),
        (f.priority(9) * 10, 0),
        (f.frame(0xEE) * 10, 0),
        (f.window_update(0, 1) * 10, 0),
        (f.frame(f.DATA, 0, 3) * 10, 0),
        (f.headers(5, f.request(b"/never")) + f.rst_stream(5), 1),
        (f.rst_stream(1), 0),
        (f.window_update(1, f.LARGEST), 1),
        (f.window_update(1, 0), 1),
        (f.frame(f.DATA, 0, 1, b"x"), 1),
        (f.headers(5, b"\x82\x86\x01\x01h"), 1),
        (f.headers(3, f.literal(b"a", b"b")), 0),
    ],
)
def test_glitches_are_those_that_haproxy_counts(sent: bytes, glitches: int) -> None:
    """Measured: `fc_glitches` of a newer haproxy behind the same frames."""
    server = Server()
    server.take(f.PREFACE + f.settings() + PREPARED)
    server.take(sent)
    assert server.endpoint.budget.glitches == glitches
    assert not server.endpoint.failed


def test_streams_beyond_the_limit_are_glitches() -> None:
    """As haproxy counts them."""
    server = Server()
    server.attack("streams-left", 100)
    server.send(b"".join(f.headers(stream, f.request()) for stream in (201, 203, 205)), 3)
    assert server.endpoint.budget.glitches == 3


def test_a_download_is_credited_as_its_reader_likes() -> None:
    """10 MB, with WINDOW_UPDATE for each KB, for stream and connection, and a PING for each read."""
    server = Server()
    server.take(f.PREFACE + f.settings())
    for stream in range(1, 21, 2):
        server.send(f.headers(stream, f.request(b"/large")), 1)
        for _ in range(LARGE // 1000 + 1):
            server.send(f.window_update(0, 1000) + f.window_update(stream, 1000), 2)
        server.send(f.frame(f.PING, payload=bytes(8)) * 60, 60)
        assert not server.endpoint.failed
    assert server.bytes_out > 10 * LARGE - 65_535


def test_an_upload_that_is_reset_may_have_sent_all_of_its_window_in_small_pieces() -> None:
    """As gRPC does with small messages; behind that, it costs."""
    options = H2Options()
    options.rxbuf = 65_536
    server = Server(options)
    server.take(f.PREFACE + f.settings() + f.headers(1, f.request(b"/never", b"POST"), f.END_HEADERS))
    server.take(f.frame(f.DATA, 0, 1, b"x"))  # its window is wider from here on
    stream = server.endpoint.streams[1]
    grant = stream.grant
    assert grant > 10 * START
    server.endpoint.leave(stream)
    server.send(f.frame(f.DATA, 0, 1, b"x" * 10) * (grant // 10), grant // 10)
    assert server.endpoint.budget.left > START - 10
    server.send(f.frame(f.DATA, 0, 1, b"x" * 10) * (START + 100), START + 100)
    assert server.goaways[-1][1] == ENHANCE_YOUR_CALM


def test_a_deadline_of_a_tenth_of_a_second_that_all_calls_miss() -> None:
    """100 calls at once, again and again, to a server that does not answer."""
    server = Server()
    server.take(f.PREFACE + f.settings())
    for second in range(600):
        streams = range(1 + second * 200, 201 + second * 200, 2)
        server.send(b"".join(f.headers(stream, f.request(b"/never")) for stream in streams), 100)
        server.time += 100
        server.send(b"".join(map(f.rst_stream, streams)), 100)
    assert not server.endpoint.failed


INTERIM = b"\x08\x03100"
FLOODS_OF_SERVERS = {
    "ping": f.frame(f.PING, payload=bytes(8)),
    "settings": f.settings(),
    "settings-window": f.settings((4, 0)) + f.settings((4, 70_000)),
    "interim": f.headers(1, INTERIM, f.END_HEADERS),
    "empty-data": f.frame(f.DATA, 0, 1),
    "credit": f.window_update(0, 1),
    "credit-stream": f.window_update(1, 1),
    "late": f.rst_stream(3) + f.frame(f.DATA, 0, 3),
    "unknown": f.frame(0xEE),
    "priority": f.priority(1, 3),
    "altsvc": f.frame(0x0A, 0, 0, b"\0\0x"),
}


@pytest.mark.parametrize("name", FLOODS_OF_SERVERS)
def test_floods_of_servers_end_with_enhance_your_calm(name: str) -> None:
    """Ours is the client's end, with two streams open, one of which we have left."""
    end = H2Endpoint(PlainEndpointUser(), H2Options(), True, LIMIT)
    for _ in range(2):
        end.send_head(end.open(), f.request(), True)
    end.leave(end.streams[3])
    end.take(f.settings())
    if "data" in name or "credit" in name:
        end.take(f.headers(1, b"\x88", f.END_HEADERS))
        end.streams[1].headed = True
    frames = 0
    while not end.failed and frames < 4 * START:
        end.take(FLOODS_OF_SERVERS[name] * 100)
        assert sum(map(len, end.out)) <= 4 * READ
        end.give(1 << 20)
        frames += 100
    assert end.failed
    assert end.code == ENHANCE_YOUR_CALM


def test_a_server_that_answers_well_may_send_what_it_likes_beside() -> None:
    """A thousand short answers, a PING and two WINDOW_UPDATE with each."""
    end = H2Endpoint(PlainEndpointUser(), H2Options(), True, LIMIT)
    end.take(f.settings())
    for _ in range(3000):
        stream = end.open()
        end.send_head(stream, f.request(), True)
        beside = f.frame(f.PING, payload=bytes(8)) + f.window_update(0, 100) + f.window_update(stream.number, 100)
        end.take(beside + f.headers(stream.number, b"\x88"))
        end.give(1 << 20)
    assert not end.failed
    assert not end.streams


def test_malformed_answers_end_no_connection_that_others_use() -> None:
    """A thousand in a second, as one broken page may provoke them."""
    user = PlainEndpointUser()
    end = H2Endpoint(user, H2Options(), True, LIMIT)
    end.take(f.settings())
    for _ in range(START // 2):
        stream = end.open()
        end.send_head(stream, f.request(), True)
        end.refuse(stream.number, PROTOCOL_ERROR)
    assert end.budget.bears(user.now())
