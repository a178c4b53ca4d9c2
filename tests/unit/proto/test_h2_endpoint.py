"""One end of a connection of HTTP/2: what it says to frames, its windows, and the end of streams (RFC 9113)."""

from __future__ import annotations

import hpack
import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import given
from hypothesis import strategies as st

from pointsman.proto import h2
from pointsman.proto.errors import ProtocolError
from pointsman.proto.h2_endpoint import H2Endpoint
from pointsman.proto.h2_options import H2Options
from pointsman.proto.h2_stream import H2Stream
from pointsman.proto.h2_users import PlainEndpointUser
from pointsman.proto.hpack import Block

GET = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "h")]
POST = [(":method", "POST"), *GET[1:]]
LIMIT = 16_384


class User(PlainEndpointUser):
    """Notes what it is told, and takes what comes at once, unless it is lazy."""

    def __init__(self, lazy: bool = False, refuses: bool = False) -> None:
        self.lazy = lazy
        self.refuses = refuses
        self.endpoint: H2Endpoint | None = None
        self.opened: list[H2Stream] = []
        self.heads: list[list[tuple[bytes, bytes]]] = []
        self.bodies: dict[int, bytes] = {}
        self.ended: list[int] = []
        self.resets: list[int] = []
        self.goodbyes: list[tuple[int, int]] = []
        self.credits: list[bool] = []
        self.pongs: list[bytes] = []

    def request_came(self, stream: H2Stream, block: Block, ended: bool) -> None:
        if self.refuses:
            raise ProtocolError("refused")
        stream.user = self
        self.opened.append(stream)
        self.head_came(block, ended)

    def head_came(self, block: Block, ended: bool) -> None:
        self.heads.append([(one.name, one.value) for one in block.fields])

    def payload_came(self) -> None:
        if not self.lazy:
            for stream in self.opened:
                self.read(stream)

    def read(self, stream: H2Stream, most: int = 1 << 30) -> None:
        while data := stream.take(most):
            self.bodies[stream.number] = self.bodies.get(stream.number, b"") + data
            assert self.endpoint is not None
            self.endpoint.eaten(stream, len(data))
        if stream.ended and not stream.held and stream.number not in self.ended:
            self.ended.append(stream.number)

    def reset_came(self, code: int) -> None:
        self.resets.append(code)

    def credit_came(self, all_gone: bool) -> None:
        self.credits.append(all_gone)

    def goaway_came(self, last: int, code: int) -> None:
        self.goodbyes.append((last, code))

    def pong_came(self, payload: bytes) -> None:
        self.pongs.append(payload)


def options(**said: int) -> H2Options:
    made = H2Options()
    for name, value in said.items():
        setattr(made, name, value)
    return made


class Server:
    """Our end of a server, and what its peer sends and has received."""

    def __init__(self, user: User | None = None, greeted: bool = True, **said: int) -> None:
        self.user = user or User()
        self.end = H2Endpoint(self.user, options(**said), False, LIMIT)
        self.user.endpoint = self.end
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        if greeted:
            self.take(h2.PREFACE, SettingsFrame(), SettingsFrame(flags=("ACK",)))
            self.give()

    def take(self, *what: bytes | Frame) -> None:
        self.end.take(b"".join(one if isinstance(one, bytes) else one.serialize() for one in what))

    def head(
        self,
        number: int,
        fields: list[tuple[str, str]] = GET,
        end: bool = True,
        flags: tuple[str, ...] = ("END_HEADERS",),
    ) -> HeadersFrame:
        ending = ("END_STREAM",) if end else ()
        return HeadersFrame(number, self.encoder.encode(fields), flags=(*flags, *ending))

    def give(self, most: int = 1 << 20) -> list[Frame]:
        """The frames that go out."""
        data = self.end.give(most)
        found: list[Frame] = []
        while data:
            one, size = Frame.parse_frame_header(memoryview(data[:9]))
            one.parse_body(memoryview(data[9 : 9 + size]))
            data = data[9 + size :]
            found.append(one)
        return found

    def goaway(self) -> int:
        """The code of a GOAWAY that ends it all."""
        assert self.end.failed
        (found,) = [one for one in self.give() if isinstance(one, GoAwayFrame)]
        return int(found.error_code)

    def reset(self) -> tuple[int, int]:
        """The only stream that is reset, and why."""
        assert not self.end.failed
        (found,) = [one for one in self.give() if isinstance(one, RstStreamFrame)]
        return found.stream_id, int(found.error_code)

    def open(self, number: int = 1, fields: list[tuple[str, str]] = POST) -> H2Stream:
        """A request whose body is to come."""
        self.take(self.head(number, fields, end=False))
        return self.user.opened[-1]


def test_it_greets_with_its_settings() -> None:
    server = Server(greeted=False, streams=7, initial_window=20_000, table_size=512)
    greeting, *rest = server.give()
    assert isinstance(greeting, SettingsFrame)
    assert greeting.settings[SettingsFrame.MAX_CONCURRENT_STREAMS] == 7
    assert greeting.settings[SettingsFrame.INITIAL_WINDOW_SIZE] == 20_000
    assert greeting.settings[SettingsFrame.HEADER_TABLE_SIZE] == 512
    assert greeting.settings[SettingsFrame.ENABLE_CONNECT_PROTOCOL] == 1
    assert all(isinstance(one, WindowUpdateFrame) and one.stream_id == 0 for one in rest)


def test_a_request() -> None:
    server = Server()
    server.take(server.head(1))
    assert server.user.heads == [[(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"h")]]
    assert server.user.opened[0].ended


def test_a_body_that_comes_in_pieces_is_credited_as_it_is_taken() -> None:
    user = User(lazy=True)
    server = Server(user, rxbuf=0, initial_window=16_384)
    stream = server.open()
    server.give()
    server.take(DataFrame(1, b"x" * 16_384))
    assert [one.stream_id for one in server.give() if isinstance(one, WindowUpdateFrame)] in ([], [0])
    user.read(stream)
    (credit,) = [one for one in server.give() if isinstance(one, WindowUpdateFrame)]
    assert (credit.stream_id, credit.window_increment) == (1, 16_384)


def test_a_body_that_is_longer_than_its_window_has_all_of_the_room() -> None:
    """As soon as something has come of it, and not all."""
    server = Server(rxbuf=1_600_000, initial_window=16_384)
    server.open()
    assert not server.give()
    server.take(DataFrame(1, b"x"))
    (credit,) = server.give()
    assert isinstance(credit, WindowUpdateFrame) and credit.stream_id == 1
    assert 16_384 + credit.window_increment == 1_600_000 * 7 // 8


def test_a_short_body_costs_no_credit() -> None:
    server = Server(rxbuf=1_600_000, initial_window=16_384)
    server.open()
    server.take(DataFrame(1, b"x" * 16_384, flags=("END_STREAM",)))
    assert not server.give()


class Knowing(User):
    """It knows from the head how much is to come."""

    def request_came(self, stream: H2Stream, block: Block, ended: bool) -> None:
        stream.expected = 100_000
        super().request_came(stream, block, ended)


def test_a_length_that_is_known_gives_room_at_once() -> None:
    server = Server(Knowing(), rxbuf=1_600_000, initial_window=16_384)
    server.open()
    (credit,) = server.give()
    assert isinstance(credit, WindowUpdateFrame) and credit.stream_id == 1


def test_more_than_the_window_resets_the_stream() -> None:
    server = Server(User(lazy=True), rxbuf=0, initial_window=100)
    server.open()
    server.give()
    server.take(DataFrame(1, b"x" * 101))
    assert server.reset() == (1, h2.FLOW_CONTROL_ERROR)
    assert server.user.resets == [h2.FLOW_CONTROL_ERROR]


def test_before_our_settings_are_acknowledged_the_first_window_holds() -> None:
    """6.9.3: a client may send 65,535 bytes before it has heard of less."""
    server = Server(User(lazy=True), greeted=False, rxbuf=0, initial_window=100)
    server.take(h2.PREFACE, SettingsFrame())
    stream = server.open()
    for _ in range(3):
        server.take(DataFrame(1, b"x" * 16_384))
    assert stream.held == 3 * 16_384 and not server.user.resets
    server.take(SettingsFrame(flags=("ACK",)))
    assert stream.grant == 100 - 3 * 16_384  # 6.9.2: it may become negative
    server.give()
    server.take(DataFrame(1, b"", flags=("END_STREAM",)))  # which needs no window
    assert stream.ended and not server.user.resets


def test_what_was_sent_before_is_credited_again() -> None:
    user = User(lazy=True)
    server = Server(user, greeted=False, rxbuf=0, initial_window=100)
    server.take(h2.PREFACE, SettingsFrame())
    stream = server.open()
    server.take(DataFrame(1, b"x" * 16_384), SettingsFrame(flags=("ACK",)))
    server.give()
    user.read(stream)
    (credit,) = [one for one in server.give() if isinstance(one, WindowUpdateFrame) and one.stream_id]
    assert credit.window_increment == 16_384 and stream.grant == 100


def test_a_response_waits_for_the_windows() -> None:
    server = Server(greeted=False)
    server.take(h2.PREFACE, SettingsFrame(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 10}), server.head(1))
    server.give()
    (stream,) = server.user.opened
    server.end.send_head(stream, hpack.Encoder().encode([(":status", "200")]), False)
    server.end.send(stream, b"0123456789abc")
    server.end.finish(stream, b"")
    head, first = server.give()
    assert isinstance(head, HeadersFrame) and isinstance(first, DataFrame)
    assert (first.data, first.flags) == (b"0123456789", set())
    assert not server.end.has_more()
    server.take(WindowUpdateFrame(1, 2))
    (second,) = server.give()
    server.take(SettingsFrame(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 9}))
    server.give()  # the window is -1 now
    assert stream.window == -1
    server.take(WindowUpdateFrame(1, 1))
    assert not server.end.has_more()
    server.take(WindowUpdateFrame(1, 1))
    (third,) = server.give()
    assert isinstance(second, DataFrame) and isinstance(third, DataFrame)
    assert (second.data, third.data, set(third.flags)) == (b"ab", b"c", {"END_STREAM"})
    assert server.user.credits == [False, False, True]
    assert not server.end.streams


def test_the_connections_window_is_shared_in_turn() -> None:
    server = Server()
    server.take(server.head(1), server.head(3))
    for stream in server.user.opened:
        server.end.send(stream, bytes(200_000))
    sent = [one for one in server.give() if isinstance(one, DataFrame)]
    assert sum(len(one.data) for one in sent) == h2.WINDOW
    assert {one.stream_id for one in sent} == {1} and not server.end.has_more()
    server.take(WindowUpdateFrame(0, 100_000))
    sent = [one for one in server.give() if isinstance(one, DataFrame)]
    assert {one.stream_id for one in sent} == {3}  # it has its turn now
    server.take(WindowUpdateFrame(0, 200_000), WindowUpdateFrame(3, 100_000), WindowUpdateFrame(1, 100_000))
    assert {one.stream_id for one in server.give() if isinstance(one, DataFrame)} == {1, 3}


def test_trailers_go_behind_the_body() -> None:
    server = Server()
    server.take(server.head(1))
    (stream,) = server.user.opened
    server.end.send_head(stream, hpack.Encoder().encode([(":status", "200")]), False)
    server.end.send(stream, b"body")
    server.end.finish(stream, hpack.Encoder().encode([("grpc-status", "0")]))
    _, body, trailers = server.give()
    assert isinstance(body, DataFrame) and body.data == b"body" and not body.flags
    assert isinstance(trailers, HeadersFrame) and {"END_STREAM", "END_HEADERS"} == set(trailers.flags)
    assert not server.end.streams


def test_trailers_come() -> None:
    server = Server()
    stream = server.open()
    server.take(DataFrame(1, b"body"), server.head(1, [("x", "1")]))
    assert stream.trailers is not None
    assert [(one.name, one.value) for one in stream.trailers] == [(b"x", b"1")]
    assert server.user.bodies == {1: b"body"} and server.user.ended == [1]


def test_an_empty_body_ends_with_an_empty_frame() -> None:
    server = Server()
    server.take(server.head(1))
    (stream,) = server.user.opened
    server.end.send_head(stream, hpack.Encoder().encode([(":status", "200")]), False)
    (head,) = server.give()
    assert isinstance(head, HeadersFrame) and "END_STREAM" not in head.flags
    server.end.finish(stream, b"")
    (last,) = server.give()
    assert isinstance(last, DataFrame) and last.data == b"" and "END_STREAM" in last.flags


def test_a_head_that_has_not_gone_ends_the_stream_itself() -> None:
    """Nothing came behind it: what gRPC calls trailers alone (RFC 9113 8.1), and has to be one frame."""
    server = Server()
    server.take(server.head(1), server.head(3), server.head(5))
    first, second, third = server.user.opened
    encoder = hpack.Encoder()
    for stream in (first, second, third):
        server.end.send_head(stream, encoder.encode([(":status", "200")]), False)
        if stream is second:
            server.end.send(stream, b"body")
        if stream is not third:
            server.end.finish(stream, b"")
    server.end.finish(third, encoder.encode([("grpc-status", "0")]))
    frames = [(one.stream_id, type(one), "END_STREAM" in one.flags) for one in server.give()]
    assert [found for found in frames if found[0] == 1] == [(1, HeadersFrame, True)]
    assert [found for found in frames if found[0] == 3] == [(3, HeadersFrame, False), (3, DataFrame, True)]
    assert [found for found in frames if found[0] == 5] == [(5, HeadersFrame, False), (5, HeadersFrame, True)]
    assert not server.end.streams


def test_a_head_in_pieces() -> None:
    server = Server()
    block = server.encoder.encode([*GET, ("x", "y" * 300)])
    pieces = [block[at : at + 100] for at in range(0, len(block), 100)]
    server.take(HeadersFrame(1, pieces[0], flags=("END_STREAM",)))
    for piece in pieces[1:-1]:
        server.take(ContinuationFrame(1, piece))
    assert not server.user.heads
    server.take(ContinuationFrame(1, pieces[-1], flags=("END_HEADERS",)))
    assert server.user.heads[0][-1] == (b"x", b"y" * 300)


def test_a_large_head_goes_out_in_pieces() -> None:
    server = Server()
    server.take(server.head(1))
    (stream,) = server.user.opened
    block = hpack.Encoder().encode([(":status", "200"), ("x", "\x00" * 50_000)], huffman=False)
    server.end.send_head(stream, block, True)
    first, *rest = server.give()
    assert isinstance(first, HeadersFrame) and set(first.flags) == {"END_STREAM"}
    assert all(isinstance(one, ContinuationFrame) for one in rest)
    assert [set(one.flags) for one in rest] == [set()] * (len(rest) - 1) + [{"END_HEADERS"}]
    assert b"".join(one.data for one in (first, *rest) if isinstance(one, (HeadersFrame, ContinuationFrame))) == block


@pytest.mark.parametrize("number", [0, 3])
def test_padding_is_credited_and_not_seen(number: int) -> None:
    server = Server(rxbuf=0, initial_window=200)
    stream = server.open()
    server.give()
    padded = DataFrame(1, b"x", pad_length=150, flags=("PADDED",)).serialize()
    server.take(padded)
    assert server.user.bodies == {1: b"x"}
    assert stream.grant == 200


def test_a_stream_above_the_limit_is_refused() -> None:
    server = Server(streams=2)
    server.take(server.head(1), server.head(3), server.head(5))
    assert server.reset() == (5, h2.REFUSED_STREAM)
    server.end.leave(server.user.opened[0])
    server.give()
    server.take(server.head(7))
    assert len(server.user.opened) == 3


def test_what_the_user_refuses_is_reset() -> None:
    server = Server(User(refuses=True))
    server.take(server.head(1))
    assert server.reset() == (1, h2.PROTOCOL_ERROR)


def test_a_stream_that_is_left_is_reset_and_what_comes_is_ignored() -> None:
    server = Server()
    stream = server.open()
    server.give()
    server.end.leave(stream, h2.CANCEL)
    assert server.reset() == (1, h2.CANCEL)
    server.take(DataFrame(1, b"late"), server.head(1, [("x", "1")]), RstStreamFrame(1, 0), WindowUpdateFrame(1, 1))
    assert not server.end.failed
    assert not [one for one in server.give() if not isinstance(one, WindowUpdateFrame)]
    assert server.user.resets == []


@pytest.mark.parametrize(
    ("length", "frames", "code"),
    [
        (4, [(b"four!", True)], h2.PROTOCOL_ERROR),
        (4, [(b"fo", False), (b"u", True)], h2.PROTOCOL_ERROR),
        (4, [(b"fo", False), (b"urs", False)], h2.PROTOCOL_ERROR),
        (4, [(b"fo", False), (b"ur", False), (b"", True)], -1),
    ],
)
def test_a_content_length_must_hold(length: int, frames: list[tuple[bytes, bool]], code: int) -> None:
    server = Server()
    server.open().expected = length
    server.give()
    for data, end in frames:
        server.take(DataFrame(1, data, flags=("END_STREAM",) if end else ()))
    if code < 0:
        assert server.user.ended == [1]
    else:
        assert server.reset() == (1, code)


def test_goodbye_of_ours() -> None:
    server = Server()
    server.take(server.head(1))
    server.end.part()
    server.take(server.head(3))
    assert [one.number for one in server.user.opened] == [1]
    (goodbye,) = [one for one in server.give() if isinstance(one, GoAwayFrame)]
    assert (goodbye.last_stream_id, goodbye.error_code) == (1, h2.NO_ERROR)


def test_a_ping_of_ours_is_answered() -> None:
    server = Server()
    server.take(PingFrame(0, b"unasked!", flags=("ACK",)))
    server.end.ask(b"12345678")
    (asked,) = server.give()
    assert isinstance(asked, PingFrame) and not asked.flags
    server.take(PingFrame(0, b"12345678", flags=("ACK",)))
    assert server.user.pongs == [b"12345678"]


FAULTS = [
    ("3.4 preface", b"GET / HTTP/1.1\r\n", h2.PROTOCOL_ERROR),
    ("3.4 first frame", h2.PREFACE + PingFrame(0, bytes(8)).serialize(), h2.PROTOCOL_ERROR),
]


@pytest.mark.parametrize(("data", "code"), [one[1:] for one in FAULTS], ids=[one[0] for one in FAULTS])
def test_faults_of_a_greeting(data: bytes, code: int) -> None:
    server = Server(greeted=False)
    server.give()
    server.take(data)
    assert server.goaway() == code


def _raw(kind: int, flags: int, number: int, payload: bytes) -> bytes:
    return h2.frame(kind, flags, number, payload)


CONNECTION_FAULTS = [
    ("4.2 too large", b"\0\x40\x01\0\0\0\0\0\1" + bytes(16_385), h2.FRAME_SIZE_ERROR),
    ("5.1 idle DATA", _raw(0, 0, 1, b"x"), h2.PROTOCOL_ERROR),
    ("5.1 idle RST_STREAM", _raw(3, 0, 1, bytes(4)), h2.PROTOCOL_ERROR),
    ("5.1 idle WINDOW_UPDATE", _raw(8, 0, 1, b"\0\0\0\1"), h2.PROTOCOL_ERROR),
    ("5.1 idle CONTINUATION", _raw(9, 4, 1, b""), h2.PROTOCOL_ERROR),
    ("5.1.1 even number", _raw(1, 5, 2, b"\x82\x87\x84\x41\x01h"), h2.PROTOCOL_ERROR),
    ("6.1 DATA on 0", _raw(0, 0, 0, b"x"), h2.PROTOCOL_ERROR),
    ("6.2 HEADERS on 0", _raw(1, 5, 0, b"\x82"), h2.PROTOCOL_ERROR),
    ("6.2 padding", _raw(1, 0xD, 1, b"\x09\x82\x87\x84"), h2.PROTOCOL_ERROR),
    ("6.3 PRIORITY on 0", _raw(2, 0, 0, bytes(5)), h2.PROTOCOL_ERROR),
    ("6.4 RST_STREAM on 0", _raw(3, 0, 0, bytes(4)), h2.PROTOCOL_ERROR),
    ("6.5 SETTINGS on 1", _raw(4, 0, 1, b""), h2.PROTOCOL_ERROR),
    ("6.5 SETTINGS size", _raw(4, 0, 0, bytes(5)), h2.FRAME_SIZE_ERROR),
    ("6.5 SETTINGS ack", _raw(4, 1, 0, bytes(6)), h2.FRAME_SIZE_ERROR),
    ("6.5.2 push", _raw(4, 0, 0, b"\0\2\0\0\0\2"), h2.PROTOCOL_ERROR),
    ("6.5.2 window", _raw(4, 0, 0, b"\0\4\x80\0\0\0"), h2.FLOW_CONTROL_ERROR),
    ("6.5.2 small frame", _raw(4, 0, 0, b"\0\5\0\0\x3f\xff"), h2.PROTOCOL_ERROR),
    ("6.5.2 large frame", _raw(4, 0, 0, b"\0\5\1\0\0\0"), h2.PROTOCOL_ERROR),
    ("6.6 push", _raw(5, 4, 1, bytes(4)), h2.PROTOCOL_ERROR),
    ("6.7 PING on 1", _raw(6, 0, 1, bytes(8)), h2.PROTOCOL_ERROR),
    ("6.7 PING size", _raw(6, 0, 0, bytes(7)), h2.FRAME_SIZE_ERROR),
    ("6.8 GOAWAY on 1", _raw(7, 0, 1, bytes(8)), h2.PROTOCOL_ERROR),
    ("6.9 nothing", _raw(8, 0, 0, bytes(4)), h2.PROTOCOL_ERROR),
    ("6.9 size", _raw(8, 0, 0, bytes(3)), h2.FRAME_SIZE_ERROR),
    ("6.9.1 overflow", _raw(8, 0, 0, b"\x7f\xff\xff\xff"), h2.FLOW_CONTROL_ERROR),
    ("6.10 another frame", _raw(1, 1, 1, b"\x82") + _raw(6, 0, 0, bytes(8)), h2.PROTOCOL_ERROR),
    ("6.10 another stream", _raw(1, 1, 1, b"\x82") + _raw(9, 4, 3, b""), h2.PROTOCOL_ERROR),
    ("HPACK", _raw(1, 5, 1, b"\x80"), h2.COMPRESSION_ERROR),
    ("flood of empty pieces", _raw(1, 1, 1, b"") + _raw(9, 0, 1, b"") * 70, h2.ENHANCE_YOUR_CALM),
    ("endless head", _raw(1, 1, 1, bytes(9000)) + _raw(9, 0, 1, bytes(9000)), h2.ENHANCE_YOUR_CALM),
]


@pytest.mark.parametrize(
    ("data", "code"), [one[1:] for one in CONNECTION_FAULTS], ids=[one[0] for one in CONNECTION_FAULTS]
)
def test_faults_that_end_the_connection(data: bytes, code: int) -> None:
    server = Server()
    server.take(data)
    assert server.goaway() == code
    server.take(server.head(1))  # nothing is looked at any more
    assert not server.user.opened


def test_a_number_below_the_last_one() -> None:
    server = Server()
    server.take(server.head(5), server.head(3))
    assert server.goaway() == h2.PROTOCOL_ERROR


def test_a_head_on_a_closed_stream() -> None:
    server = Server()
    server.take(server.head(1), RstStreamFrame(1, h2.CANCEL), server.head(1))
    assert server.user.resets == [h2.CANCEL]
    assert server.goaway() == h2.STREAM_CLOSED


STREAM_FAULTS = [
    ("5.1 half closed DATA", True, DataFrame(1, b"x"), h2.STREAM_CLOSED),
    ("5.3.1 itself", False, PriorityFrame(1, depends_on=1), h2.PROTOCOL_ERROR),
    ("6.3 size", False, b"\0\0\4\2\0\0\0\0\1" + bytes(4), h2.FRAME_SIZE_ERROR),
    ("6.9 nothing", False, b"\0\0\4\x08\0\0\0\0\1" + bytes(4), h2.PROTOCOL_ERROR),
    ("6.9.1 overflow", False, WindowUpdateFrame(1, 0x7FFFFFFF), h2.FLOW_CONTROL_ERROR),
]


@pytest.mark.parametrize(
    ("ended", "data", "code"), [one[1:] for one in STREAM_FAULTS], ids=[one[0] for one in STREAM_FAULTS]
)
def test_faults_that_end_a_stream(ended: bool, data: bytes | Frame, code: int) -> None:
    server = Server()
    server.take(server.head(1, POST, end=ended))
    server.give()
    server.take(data)
    assert server.reset() == (1, code)
    server.take(server.head(3))
    assert len(server.user.opened) == 2


@pytest.mark.parametrize("fields", [POST, [("x", "1")]])
def test_a_second_head(fields: list[tuple[str, str]]) -> None:
    """Trailers end the stream (8.1); behind its end nothing may come (5.1)."""
    server = Server()
    server.open()
    server.give()
    server.take(server.head(1, fields, end=False))
    assert server.reset() == (1, h2.PROTOCOL_ERROR)


@given(st.integers(1, 400), st.integers(0, 3))
def test_cuts_change_nothing(step: int, seed: int) -> None:
    """The same bytes in pieces of any size: the same is told, and the same goes out."""

    def story(server: Server) -> bytes:
        frames: list[bytes | Frame] = [
            h2.PREFACE,
            SettingsFrame(settings={1: 100 * seed}),
            server.head(1, POST, end=False),
            DataFrame(1, b"x" * 300, pad_length=seed, flags=("PADDED",)),
            PingFrame(0, b"12345678"),
            server.head(3),
            WindowUpdateFrame(0, 10),
            DataFrame(1, b"y", flags=("END_STREAM",)),
            RstStreamFrame(3, h2.CANCEL),
        ]
        return b"".join(one if isinstance(one, bytes) else one.serialize() for one in frames)

    whole, cut = Server(greeted=False), Server(greeted=False)
    data = story(whole)
    whole.take(data)
    for at in range(0, len(data), step):
        cut.take(data[at : at + step])
    assert cut.user.heads == whole.user.heads and cut.user.bodies == whole.user.bodies == {1: b"x" * 300 + b"y"}
    assert cut.user.resets == whole.user.resets == [h2.CANCEL]
    assert cut.end.give(1 << 20) == whole.end.give(1 << 20)


# Two ends of ours.


class Pair:
    def __init__(self) -> None:
        self.client_user, self.server_user = User(), User()
        self.client = H2Endpoint(self.client_user, options(), True, LIMIT)
        self.server = H2Endpoint(self.server_user, options(), False, LIMIT)
        self.client_user.endpoint, self.server_user.endpoint = self.client, self.server
        self.turn()

    def turn(self) -> None:
        while self.client.has_more() or self.server.has_more():
            self.server.take(self.client.give(1 << 16))
            self.client.take(self.server.give(1 << 16))
        assert not self.client.failed and not self.server.failed, (self.client.said, self.server.said)

    def ask(self, ended: bool = True) -> H2Stream:
        stream = self.client.open()
        stream.user = self.client_user
        self.client_user.opened.append(stream)
        self.client.send_head(stream, hpack.Encoder().encode(GET), ended)
        self.turn()
        return stream


def test_two_ends_carry_bodies_both_ways() -> None:
    pair = Pair()
    asked = pair.ask(ended=False)
    (asking,) = pair.server_user.opened
    up, down = bytes(range(256)) * 10_000, bytes(range(255)) * 20_000
    pair.client.send(asked, up)
    pair.client.finish(asked, b"")
    pair.turn()
    assert pair.server_user.bodies == {1: up} and asking.ended
    pair.server.send_head(asking, hpack.Encoder().encode([(":status", "200")]), False)
    pair.turn()
    asked.headed = True
    pair.server.send(asking, down)
    pair.server.finish(asking, b"")
    pair.turn()
    assert pair.client_user.bodies == {1: down} and asked.done
    assert not pair.client.streams and not pair.server.streams
    assert pair.client.receiving == pair.server.receiving == 0


def test_goodbye_tells_which_requests_were_not_seen() -> None:
    pair = Pair()
    first = pair.ask()
    pair.server.part()
    second = pair.client.open()
    second.user = pair.client_user
    pair.client.send_head(second, hpack.Encoder().encode(GET), True)
    pair.turn()
    assert pair.client_user.goodbyes == [(1, h2.NO_ERROR)]
    assert second.unseen and second.over and not first.over
    assert pair.client_user.resets == [h2.NO_ERROR]


def test_a_refused_stream_may_be_asked_again() -> None:
    pair = Pair()
    stream = pair.ask()
    pair.server.leave(pair.server_user.opened[0], h2.REFUSED_STREAM)
    pair.turn()
    assert stream.unseen and pair.client_user.resets == [h2.REFUSED_STREAM]


def test_when_the_connection_ends_so_do_its_streams() -> None:
    pair = Pair()
    pair.ask()
    pair.ask()
    pair.client.end_all()
    assert len(pair.client_user.resets) == 2 and not pair.client.streams
