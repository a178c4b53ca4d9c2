"""RFC 9113 6 and 7: each kind of frame but SETTINGS and WINDOW_UPDATE, and error codes."""

from __future__ import annotations

from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
)
from support.h2_peer import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    NO_ERROR,
    PADDED,
    PING,
    PRIORITIZED,
    PRIORITY,
    PROTOCOL_ERROR,
    RST_STREAM,
    WINDOW,
    RawClient,
    asking,
    continuation,
    data,
    end_of,
    frame,
    goaway,
    headers,
    literals,
    ping,
    priority,
    push_promise,
    rst_stream,
    window_update,
)
from support.h2_script import (
    answered,
    ask,
    breaks,
    case,
    comes,
    granted,
    ignores,
    never,
    pings,
    ponged,
    resets_or_breaks,
    serves,
    settings_seen,
    silent,
    tolerates,
)

BLOCK = literals(asking())
HALF = len(BLOCK) // 2
HOLD = ask(1, "POST", "/echo", more=True)
POST = literals(asking("POST", "/echo"))
MOST = 0x7FFFFFFF  # the largest window (6.9.1)


def padding_counts(client: RawClient) -> None:
    """The whole payload of DATA, padding and its length too, is subject to flow control, and is given back (6.1)."""
    settings_seen(client)
    client.request(1, "POST", "/echo", more=True)
    for _ in range(40):
        client.send(*(data(1, b"p", pad=255) for _ in range(40)))
        client.pinged()
    client.send(data(1, end=True))
    credit = WINDOW + granted(client, 0)
    assert credit >= 1600 * 257, (credit, client.transcript())
    assert client.answer(1).body == b"p" * 1600


def goaway_kept(client: RawClient) -> None:
    """A client's GOAWAY is about streams of the server: open ones are served to their end (6.8)."""
    client.request(1, "POST", "/echo", more=True)
    client.send(goaway(0), data(1, b"after GOAWAY", end=True))
    assert client.answer(1).body == b"after GOAWAY"


def goes_on_or_closes(client: RawClient) -> None:
    """The stream is served, or the connection closed: no error of a stream comes of it."""
    while (found := client.next()) is not None and not end_of(1)(found):
        pass
    assert all(one.kind != RST_STREAM and one.code in (NO_ERROR, -1) for one in client.frames), client.transcript()


DATA_FRAMES = (
    case("6.1", "DATA on stream 0", data(0, b"x"), breaks(PROTOCOL_ERROR)),
    case("6.1", "empty DATA on stream 0", data(0), breaks(PROTOCOL_ERROR)),
    case("6.1", "one DATA frame", ask(1, "POST", "/echo", body=b"abc"), answered(1, body=b"abc"), serves()),
    case(
        "6.1",
        "several DATA frames",
        HOLD,
        data(1, b"ab"),
        data(1, b"cd"),
        data(1, b"ef", end=True),
        answered(1, body=b"abcdef"),
        serves(),
    ),
    case(
        "6.1",
        "empty DATA",
        HOLD,
        data(1),
        data(1, b"ab"),
        data(1),
        data(1, end=True),
        answered(1, body=b"ab"),
        serves(),
    ),
    case(
        "6.1",
        "DATA with padding",
        HOLD,
        data(1, b"ab", pad=3),
        data(1, b"cd", end=True, pad=255),
        answered(1, body=b"abcd"),
        serves(),
    ),
    case(
        "6.1", "DATA with padding of no bytes", HOLD, data(1, b"ab", end=True, pad=0), answered(1, body=b"ab"), serves()
    ),
    case(
        "6.1",
        "DATA of padding alone",
        HOLD,
        data(1, b"", pad=9),
        data(1, b"", pad=0),
        data(1, b"ab", end=True),
        answered(1, body=b"ab"),
        serves(),
    ),
    case(
        "6.1",
        "DATA with padding and a content-length",
        ask(1, "POST", "/echo", ("content-length", "4"), more=True),
        data(1, b"ab", pad=7),
        data(1, b"cd", pad=1, end=True),
        answered(1, body=b"abcd"),
        serves(),
    ),
    case("6.1", "padding counts for windows", padding_counts),
    case("6.1", "padding as long as the payload", HOLD, frame(DATA, PADDED, 1, b"\3abc"[:3]), breaks(PROTOCOL_ERROR)),
    case(
        "6.1",
        "padding longer than the payload",
        HOLD,
        frame(DATA, PADDED | END_STREAM, 1, b"\xffabc"),
        breaks(PROTOCOL_ERROR),
    ),
    case("6.1", "padding without its length", HOLD, frame(DATA, PADDED, 1), breaks(FRAME_SIZE_ERROR, PROTOCOL_ERROR)),
    case(
        "6.1",
        "padding of all of the payload",
        HOLD,
        frame(DATA, PADDED, 1, b"\3abc"),
        data(1, b"ok", end=True),
        answered(1, body=b"ok"),
        serves(),
    ),
    case(
        "6.1",
        "padding that is not zero may be refused",
        HOLD,
        frame(DATA, PADDED, 1, b"\3okabc"),
        tolerates(PROTOCOL_ERROR),
    ),
    case(
        "6.1",
        "DATA by hyperframe",
        ask(1, "POST", "/echo", more=True),
        DataFrame(1, b"hyper", pad_length=4, flags=["PADDED"]),
        DataFrame(1, b"frame", flags=["END_STREAM"]),
        answered(1, body=b"hyperframe"),
        serves(),
    ),
)
HEADERS_FRAMES = (
    case("6.2", "HEADERS on stream 0", headers(0, BLOCK), breaks(PROTOCOL_ERROR)),
    case("6.2", "HEADERS with padding", headers(1, BLOCK, pad=100), answered(1), serves()),
    case("6.2", "HEADERS with padding of no bytes", headers(1, BLOCK, pad=0), answered(1), serves()),
    case(
        "6.2",
        "HEADERS with padding and priority",
        headers(1, BLOCK, pad=9, priority=b"\0\0\0\0\7"),
        answered(1),
        serves(),
    ),
    case(
        "6.2",
        "HEADERS with padding longer than the payload",
        frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1, b"\xff" + BLOCK),
        breaks(PROTOCOL_ERROR),
    ),
    case(
        "6.2",
        "HEADERS with padding as long as the payload",
        frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1, bytes((len(BLOCK) + 1,)) + BLOCK),
        breaks(PROTOCOL_ERROR),
    ),
    case(
        "6.2",
        "HEADERS with padding that leaves no room for the priority",
        frame(
            HEADERS,
            END_HEADERS | END_STREAM | PADDED | PRIORITIZED,
            1,
            bytes((len(BLOCK) + 1,)) + b"\0\0\0\0\7" + BLOCK,
        ),
        breaks(PROTOCOL_ERROR, FRAME_SIZE_ERROR),
    ),
    case(
        "6.2",
        "HEADERS with a priority that is cut off",
        frame(HEADERS, END_HEADERS | END_STREAM | PRIORITIZED, 1, b"\0\0\0"),
        breaks(PROTOCOL_ERROR, FRAME_SIZE_ERROR),
    ),
    case(
        "6.2",
        "HEADERS with padding without its length",
        frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1),
        breaks(PROTOCOL_ERROR, FRAME_SIZE_ERROR),
    ),
    case(
        "6.2",
        "padding stands in HEADERS alone, not in CONTINUATION",
        headers(1, BLOCK[:HALF], whole=False, pad=20),
        continuation(1, BLOCK[HALF:]),
        answered(1),
        serves(),
    ),
    case(
        "6.2",
        "END_STREAM of HEADERS holds behind CONTINUATION",
        headers(1, POST[:HALF], whole=False),
        continuation(1, POST[HALF:]),
        answered(1, body=b""),
        serves(),
    ),
    case(
        "6.2",
        "HEADERS without END_STREAM",
        headers(1, POST, end=False),
        data(1, b"x", end=True),
        answered(1, body=b"x"),
        serves(),
    ),
    case(
        "6.2",
        "HEADERS by hyperframe",
        HeadersFrame(1, BLOCK[:HALF], pad_length=3, flags=["END_STREAM", "PADDED"]),
        ContinuationFrame(1, BLOCK[HALF:], flags=["END_HEADERS"]),
        answered(1),
        serves(),
    ),
    case(
        "6.2",
        "HEADERS with priority by hyperframe",
        HeadersFrame(
            1, BLOCK, depends_on=0, stream_weight=7, exclusive=True, flags=["END_STREAM", "END_HEADERS", "PRIORITY"]
        ),
        answered(1),
        serves(),
    ),
)
PRIORITY_FRAMES = (
    case("6.3", "PRIORITY on stream 0", priority(0), breaks(PROTOCOL_ERROR)),
    case("6.3", "PRIORITY of 4 bytes", frame(PRIORITY, 0, 1, b"\0\0\0\0"), resets_or_breaks(1, FRAME_SIZE_ERROR)),
    case(
        "6.3",
        "PRIORITY of 4 bytes, of an open stream",
        HOLD,
        frame(PRIORITY, 0, 1, b"\0\0\0\0"),
        resets_or_breaks(1, FRAME_SIZE_ERROR),
    ),
    case("6.3", "PRIORITY of 6 bytes", frame(PRIORITY, 0, 1, b"\0\0\0\0\0\0"), resets_or_breaks(1, FRAME_SIZE_ERROR)),
    case("6.3", "PRIORITY without a payload", frame(PRIORITY, 0, 1), resets_or_breaks(1, FRAME_SIZE_ERROR)),
    case(
        "6.3",
        "PRIORITY of any stream at any time",
        priority(1),
        priority(99),
        *(priority(number, 1) for number in range(2, 20)),
        ignores,
    ),
    case("6.3", "PRIORITY by hyperframe", PriorityFrame(1, depends_on=3, stream_weight=200, exclusive=True), ignores),
)
RST_STREAM_FRAMES = (
    case("6.4", "RST_STREAM on stream 0", rst_stream(0), breaks(PROTOCOL_ERROR)),
    case("6.4", "RST_STREAM of an idle stream", rst_stream(1), breaks(PROTOCOL_ERROR)),
    case("6.4", "RST_STREAM of 3 bytes", HOLD, frame(RST_STREAM, 0, 1, b"\0\0\0"), breaks(FRAME_SIZE_ERROR)),
    case("6.4", "RST_STREAM of 5 bytes", HOLD, frame(RST_STREAM, 0, 1, b"\0\0\0\0\0"), breaks(FRAME_SIZE_ERROR)),
    case("6.4", "RST_STREAM without a payload", HOLD, frame(RST_STREAM, 0, 1), breaks(FRAME_SIZE_ERROR)),
    case(
        "6.4",
        "RST_STREAM ends an answer under way",
        ask(1, path="/bytes/500000"),
        comes(100),
        rst_stream(1),
        pings,
        window_update(0, 1 << 20),
        serves(),
        values={INITIAL_WINDOW_SIZE: 100},
    ),
    case("6.4", "RST_STREAM by hyperframe", HOLD, RstStreamFrame(1, error_code=8), serves(), silent(1)),
    case(
        "6.4",
        "RST_STREAM of a request under way does not reset others",
        HOLD,
        ask(3, "POST", "/echo", more=True),
        rst_stream(1),
        data(3, b"x", end=True),
        answered(3, body=b"x"),
        serves(),
    ),
)
OTHER_FRAMES = (
    case("6.6", "PUSH_PROMISE of a client", push_promise(1, 2, BLOCK), breaks(PROTOCOL_ERROR)),
    case("6.6", "PUSH_PROMISE of a client on an open stream", HOLD, push_promise(1, 2, BLOCK), breaks(PROTOCOL_ERROR)),
    case("6.6", "PUSH_PROMISE on stream 0", push_promise(0, 2, BLOCK), breaks(PROTOCOL_ERROR)),
    case(
        "6.6",
        "PUSH_PROMISE without a payload",
        HOLD,
        frame(5, END_HEADERS, 1),
        breaks(PROTOCOL_ERROR, FRAME_SIZE_ERROR),
    ),
    case(
        "6.7",
        "PING is answered with its payload",
        ping(b"\0\1\2\3\xfc\xfd\xfe\xff"),
        ponged(b"\0\1\2\3\xfc\xfd\xfe\xff"),
        ignores,
    ),
    case(
        "6.7",
        "each PING is answered in turn",
        *(ping(b"number %d" % number) for number in range(9)),
        *(ponged(b"number %d" % number) for number in range(9)),
        ignores,
    ),
    case(
        "6.7",
        "PING is answered within an open stream",
        HOLD,
        ping(b"in DATA!"),
        ponged(b"in DATA!"),
        data(1, b"x", end=True),
        answered(1, body=b"x"),
    ),
    case(
        "6.7",
        "an answer to no PING is not answered",
        ping(b"answered", ack=True),
        pings,
        never(lambda one: one.payload == b"answered"),
        ignores,
    ),
    case("6.7", "PING on a stream", frame(PING, 0, 1, b"8 bytes!"), breaks(PROTOCOL_ERROR)),
    case("6.7", "PING on an open stream", HOLD, frame(PING, 0, 1, b"8 bytes!"), breaks(PROTOCOL_ERROR)),
    case("6.7", "an answer to PING on a stream", frame(PING, ACK, 1, b"8 bytes!"), breaks(PROTOCOL_ERROR)),
    *(
        case("6.7", f"PING of {size} bytes", frame(PING, 0, 0, bytes(size)), breaks(FRAME_SIZE_ERROR))
        for size in (0, 6, 7, 9, 16)
    ),
    case("6.7", "an answer to PING of 7 bytes", frame(PING, ACK, 0, bytes(7)), breaks(FRAME_SIZE_ERROR)),
    case("6.7", "PING by hyperframe", PingFrame(0, b"hyper!!!"), ponged(b"hyper!!!"), ignores),
    case("6.8", "GOAWAY on a stream", frame(GOAWAY, 0, 1, bytes(8)), breaks(PROTOCOL_ERROR)),
    case("6.8", "GOAWAY of 7 bytes", frame(GOAWAY, 0, 0, bytes(7)), breaks(FRAME_SIZE_ERROR)),
    case("6.8", "GOAWAY without a payload", frame(GOAWAY), breaks(FRAME_SIZE_ERROR)),
    case("6.8", "GOAWAY leaves open streams alone", goaway_kept),
    case("6.8", "GOAWAY behind a request", ask(1), goaway(), answered(1)),
    case("6.8", "GOAWAY with a text", ask(1), goaway(0, NO_ERROR, b"bye " * 100), answered(1)),
    case("6.8", "GOAWAY twice", ask(1), goaway(MOST), goaway(0), answered(1)),
    case(
        "6.8",
        "GOAWAY by hyperframe",
        ask(1),
        GoAwayFrame(0, last_stream_id=0, error_code=0, additional_data=b"x"),
        answered(1),
    ),
)
CONTINUATION_FRAMES = (
    case(
        "6.10",
        "several CONTINUATION frames",
        headers(1, BLOCK[:5], whole=False),
        continuation(1, BLOCK[5:9], whole=False),
        continuation(1, BLOCK[9:13], whole=False),
        continuation(1, BLOCK[13:]),
        answered(1),
        serves(),
    ),
    case(
        "6.10", "CONTINUATION on stream 0", headers(1, BLOCK, whole=False), continuation(0, b""), breaks(PROTOCOL_ERROR)
    ),
    case(
        "6.10",
        "CONTINUATION of another stream",
        headers(1, BLOCK, whole=False),
        continuation(3, b""),
        breaks(PROTOCOL_ERROR),
    ),
    case("6.10", "CONTINUATION behind END_HEADERS", HOLD, continuation(1, BLOCK), breaks(PROTOCOL_ERROR)),
    case(
        "6.10",
        "CONTINUATION behind END_HEADERS of CONTINUATION",
        headers(1, POST[:HALF], end=False, whole=False),
        continuation(1, POST[HALF:]),
        continuation(1, b""),
        breaks(PROTOCOL_ERROR),
    ),
    case("6.10", "CONTINUATION behind DATA", HOLD, data(1, b"x"), continuation(1, b""), breaks(PROTOCOL_ERROR)),
    case("6.10", "CONTINUATION first", continuation(1, BLOCK), breaks(PROTOCOL_ERROR)),
    case("6.10", "CONTINUATION on stream 0 first", continuation(0, BLOCK), breaks(PROTOCOL_ERROR)),
    case(
        "6.10",
        "CONTINUATION, then another frame",
        headers(1, BLOCK[:5], whole=False),
        continuation(1, BLOCK[5:9], whole=False),
        data(1, b"x"),
        breaks(PROTOCOL_ERROR),
    ),
    case(
        "6.10",
        "trailers in CONTINUATION",
        HOLD,
        data(1, b"x"),
        headers(1, literals([("x-a", "b")]), whole=False),
        continuation(1, literals([("x-c", "d")])),
        answered(1, body=b"x"),
        serves(),
    ),
    case(
        "6.10",
        "trailers in CONTINUATION alone",
        HOLD,
        data(1, b"x"),
        headers(1, b"", whole=False),
        continuation(1, literals([("x-c", "d")])),
        answered(1, body=b"x"),
        serves(),
        haproxy="FRAME_SIZE_ERROR",
    ),
    case(
        "6.10",
        "flags of CONTINUATION have no meaning but END_HEADERS",
        headers(1, POST[:HALF], end=False, whole=False),
        frame(CONTINUATION, END_HEADERS | END_STREAM, 1, POST[HALF:]),
        data(1, b"x", end=True),
        answered(1, body=b"x"),
        serves(),
    ),
)
CODES = (
    case("7", "RST_STREAM with an error code that is not known", HOLD, rst_stream(1, 0xFFFFFFFF), serves(), silent(1)),
    *(
        case("7", f"RST_STREAM with the error code {code}", HOLD, rst_stream(1, code), serves(), silent(1))
        for code in range(14)
    ),
    case(
        "7",
        "GOAWAY with an error code that is not known",
        HOLD,
        goaway(0, 0xABCDEF),
        data(1, b"x", end=True),
        goes_on_or_closes,
    ),
)


CASES = (
    *DATA_FRAMES,
    *HEADERS_FRAMES,
    *PRIORITY_FRAMES,
    *RST_STREAM_FRAMES,
    *OTHER_FRAMES,
    *CONTINUATION_FRAMES,
    *CODES,
)
