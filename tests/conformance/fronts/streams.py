"""RFC 9113 5: streams, their states and numbers, flow control, priorities, errors, extensions.

What is sent on a closed stream is held to what strict suites ask for: STREAM_CLOSED, on the stream or the connection,
where RFC 9113 5.1 would let it be ignored for a while.
"""

from __future__ import annotations

from support.h2_peer import (
    CANCEL,
    DATA,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    LARGEST,
    MAX_CONCURRENT_STREAMS,
    NO_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    STREAM_CLOSED,
    WINDOW,
    WINDOW_UPDATE,
    RawClient,
    asking,
    continuation,
    data,
    frame,
    headers,
    literals,
    priority,
    priority_fields,
    push_promise,
    rst_stream,
    settings,
    window_update,
)
from support.h2_script import (
    acknowledged,
    answered,
    ask,
    breaks,
    case,
    comes,
    granted,
    ignores,
    never,
    pings,
    received,
    resets,
    resets_or_breaks,
    serve,
    serves,
    settings_seen,
    silent,
    tolerates,
)

BLOCK = literals(asking())
POST = literals(asking("POST", "/echo"))
HOLD = ask(1, "POST", "/echo", more=True)  # an open stream: its answer waits for its end
DONE = (ask(1), answered(1))  # a stream that both ends have ended
RESET = (HOLD, rst_stream(1), pings)  # one that the client has reset
TRAILERS = literals([("x-sum", "1")])


def limited(client: RawClient) -> None:
    """As many streams as the server's SETTINGS let be open at once, and no more; one that ends makes room."""
    most = settings_seen(client)[MAX_CONCURRENT_STREAMS]
    numbers = range(1, 2 * most, 2)
    client.send(*(headers(number, POST, end=False) for number in numbers))
    client.pinged()
    assert not any(one.kind in (HEADERS, GOAWAY) for one in client.frames), client.transcript()
    over = 2 * most + 1
    client.send(headers(over, BLOCK))
    made = client.collect(over)
    assert made.reset in (REFUSED_STREAM, PROTOCOL_ERROR) and not made.status, client.transcript()
    client.send(data(1, b"made room", end=True))
    assert client.answer(1).body == b"made room"
    client.request(over + 2)
    assert client.answer(over + 2).status == 200
    client.send(*(data(number, b"x", end=True) for number in numbers[1:]))
    assert all(client.answer(number).body == b"x" for number in numbers[1:])


def limited_by_answers(client: RawClient) -> None:
    """Streams whose answers wait for a window are open, too."""
    most = settings_seen(client)[MAX_CONCURRENT_STREAMS]
    block = literals(asking(path="/bytes/5"))
    client.send(*(headers(number, block) for number in range(1, 2 * most + 2, 2)))
    over = 2 * most + 1
    assert client.collect(over).reset in (REFUSED_STREAM, PROTOCOL_ERROR), client.transcript()
    client.send(settings({INITIAL_WINDOW_SIZE: WINDOW}))
    assert all(client.answer(number).body == b"00000" for number in range(1, over, 2))
    serve(client, over + 2)


def credited(client: RawClient) -> None:
    """Credit comes back for what was taken of a body, so that one larger than all windows passes."""
    window = settings_seen(client).get(INITIAL_WINDOW_SIZE, WINDOW)
    client.send(settings({INITIAL_WINDOW_SIZE: 1 << 20}), window_update(0, 1 << 20))
    client.request(1, "POST", "/echo", more=True)
    total, sent = 300_000, 0
    while sent < total:
        credit = min(WINDOW + granted(client, 0), window + granted(client, 1))
        size = min(total - sent, LARGEST, credit - sent)
        if size:
            sent += size
            client.send(data(1, b"c" * size, end=sent == total))
        else:
            client.until(lambda one: one.kind == WINDOW_UPDATE)
    assert client.answer(1).body == b"c" * total


def connection_window_kept(client: RawClient) -> None:
    """No more comes on all streams than the connection's window lets through, whatever the streams' are (5.2.1)."""
    client.request(1, path="/bytes/50000")
    client.request(3, path="/bytes/50000")
    received(client, WINDOW)
    client.send(window_update(0, 100_000))
    assert len(client.answer(1).body) == len(client.answer(3).body) == 50_000
    serve(client, 5)


def heads_need_no_window(client: RawClient) -> None:
    """Only DATA is subject to flow control (5.2.1, 6.9)."""
    client.request(1, path="/bytes/10")
    client.until(lambda one: one.kind == HEADERS and one.stream == 1)
    client.request(3, path="/status/204")
    assert client.answer(3).status == 204
    client.pinged()
    assert not any(one.kind == DATA and one.payload for one in client.frames), client.transcript()
    client.send(window_update(1, 10))
    assert client.answer(1).body == b"0000000\n00"


def interleaved(client: RawClient) -> None:
    """Streams do not wait for each other (5)."""
    client.request(1, "POST", "/echo", more=True)
    client.request(3, "POST", "/echo", more=True)
    client.send(data(3, b"third "), data(1, b"first "), data(3, b"is done", end=True))
    assert client.answer(3).body == b"third is done"
    client.send(data(1, b"too", end=True))
    assert client.answer(1).body == b"first too"
    serve(client, 5)


IDLE = (
    case("5.1", "idle: DATA", data(1, b"x"), breaks(PROTOCOL_ERROR)),
    case("5.1", "idle: empty DATA with END_STREAM", data(1, end=True), breaks(PROTOCOL_ERROR)),
    case("5.1", "idle: RST_STREAM", rst_stream(1), breaks(PROTOCOL_ERROR)),
    case("5.1", "idle: WINDOW_UPDATE", window_update(1, 100), breaks(PROTOCOL_ERROR)),
    case("5.1", "idle: CONTINUATION", continuation(1, BLOCK), breaks(PROTOCOL_ERROR)),
    case("5.1", "idle: PUSH_PROMISE", push_promise(1, 2, BLOCK), breaks(PROTOCOL_ERROR)),
    case("5.1", "idle: PRIORITY", priority(1), ignores),
    case("5.1", "idle: PRIORITY, then HEADERS", priority(1), ask(1), answered(1), serves()),
    case("5.1", "idle: HEADERS", ask(1), answered(1), serves()),
    case("5.1", "idle: DATA above streams that were in use", *DONE, data(5, b"x"), breaks(PROTOCOL_ERROR)),
    case("5.1", "idle: RST_STREAM above streams that were in use", *DONE, rst_stream(5), breaks(PROTOCOL_ERROR)),
    case(
        "5.1", "idle: WINDOW_UPDATE above streams that were in use", *DONE, window_update(5, 9), breaks(PROTOCOL_ERROR)
    ),
    case("5.1", "idle: DATA of a server's stream", data(2, b"x"), breaks(PROTOCOL_ERROR)),
    case("5.1", "idle: RST_STREAM of a server's stream", rst_stream(2), breaks(PROTOCOL_ERROR)),
    case("5.1", "idle: WINDOW_UPDATE of a server's stream", window_update(2, 1), breaks(PROTOCOL_ERROR)),
)
OPEN = (
    case("5.1", "open: DATA", HOLD, data(1, b"ab"), data(1, b"cd", end=True), answered(1, body=b"abcd"), serves()),
    case("5.1", "open: PRIORITY", HOLD, priority(1), data(1, b"ab", end=True), answered(1, body=b"ab"), ignores),
    case(
        "5.1",
        "open: WINDOW_UPDATE",
        HOLD,
        window_update(1, 9),
        data(1, b"ab", end=True),
        answered(1, body=b"ab"),
        ignores,
    ),
    case("5.1", "open: RST_STREAM", HOLD, rst_stream(1), serves(), silent(1)),
    case("5.1", "open: RST_STREAM behind DATA", HOLD, data(1, b"ab"), rst_stream(1, NO_ERROR), serves(), silent(1)),
    case("5.1", "open: CONTINUATION", HOLD, continuation(1, TRAILERS), breaks(PROTOCOL_ERROR)),
    case("5.1", "open: PUSH_PROMISE", HOLD, push_promise(1, 2, BLOCK), breaks(PROTOCOL_ERROR)),
    case("5.1", "open: trailers end it", HOLD, data(1, b"ab"), headers(1, TRAILERS), answered(1, body=b"ab"), serves()),
)
HALF_CLOSED = (
    case("5.1", "half-closed (remote): DATA", ask(1, path="/hold"), data(1, b"x"), resets_or_breaks(1, STREAM_CLOSED)),
    case("5.1", "half-closed (remote): empty DATA", ask(1, path="/hold"), data(1), resets_or_breaks(1, STREAM_CLOSED)),
    case(
        "5.1",
        "half-closed (remote): DATA with END_STREAM",
        ask(1, path="/hold"),
        data(1, end=True),
        resets_or_breaks(1, STREAM_CLOSED),
    ),
    case(
        "5.1",
        "half-closed (remote): HEADERS",
        ask(1, path="/hold"),
        headers(1, BLOCK),
        resets_or_breaks(1, STREAM_CLOSED),
        haproxy="PROTOCOL_ERROR of the connection as long as the answer is not there",
    ),
    case(
        "5.1",
        "half-closed (remote): trailers",
        ask(1, path="/hold"),
        headers(1, TRAILERS),
        resets_or_breaks(1, STREAM_CLOSED),
        haproxy="PROTOCOL_ERROR of the connection as long as the answer is not there",
    ),
    case(
        "5.1",
        "half-closed (remote): CONTINUATION",
        ask(1, path="/hold"),
        continuation(1, BLOCK),
        breaks(STREAM_CLOSED, PROTOCOL_ERROR),
    ),
    case("5.1", "half-closed (remote): WINDOW_UPDATE", ask(1, path="/hold"), window_update(1, 1), ignores),
    case("5.1", "half-closed (remote): PRIORITY", ask(1, path="/hold"), priority(1), ignores),
    case("5.1", "half-closed (remote): RST_STREAM", ask(1, path="/hold"), rst_stream(1), serves(), silent(1)),
    case(
        "5.1",
        "half-closed (remote): WINDOW_UPDATE lets the answer go on",
        ask(1, path="/bytes/30"),
        pings,
        window_update(1, 30),
        answered(1),
        serves(),
        values={INITIAL_WINDOW_SIZE: 10},
    ),
    case(
        "5.1",
        "half-closed (remote): after a body",
        HOLD,
        data(1, b"x", end=True),
        data(1, b"y"),
        resets_or_breaks(1, STREAM_CLOSED),
    ),
    case(
        "5.1",
        "half-closed (local): what comes after a whole answer",
        ask(1, "POST", "/early", more=True),
        answered(1, body=b"early"),
        data(1, b"late"),
        data(1, b"later", end=True),
        tolerates(STREAM_CLOSED, NO_ERROR, CANCEL),
    ),
)
CLOSED = (
    case("5.1", "closed by END_STREAM: DATA", *DONE, data(1, b"x"), resets_or_breaks(1, STREAM_CLOSED)),
    case("5.1", "closed by END_STREAM: HEADERS", *DONE, headers(1, BLOCK), breaks(STREAM_CLOSED)),
    case(
        "5.1",
        "closed by END_STREAM: CONTINUATION",
        *DONE,
        continuation(1, BLOCK),
        breaks(STREAM_CLOSED, PROTOCOL_ERROR),
    ),
    case(
        "5.1",
        "closed by END_STREAM: PUSH_PROMISE",
        *DONE,
        push_promise(1, 2, BLOCK),
        breaks(STREAM_CLOSED, PROTOCOL_ERROR),
    ),
    case("5.1", "closed by END_STREAM: PRIORITY", *DONE, priority(1), ignores),
    case("5.1", "closed by END_STREAM: PRIORITY that depends on another", *DONE, priority(1, 3, 7, True), ignores),
    case("5.1", "closed by END_STREAM: WINDOW_UPDATE", *DONE, window_update(1, 1), ignores),
    case("5.1", "closed by END_STREAM: RST_STREAM", *DONE, rst_stream(1), ignores),
    case("5.1", "closed by RST_STREAM: DATA", *RESET, data(1, b"x"), resets_or_breaks(1, STREAM_CLOSED)),
    case(
        "5.1",
        "closed by RST_STREAM: DATA with END_STREAM",
        *RESET,
        data(1, b"x", end=True),
        resets_or_breaks(1, STREAM_CLOSED),
    ),
    case("5.1", "closed by RST_STREAM: HEADERS", *RESET, headers(1, BLOCK), resets_or_breaks(1, STREAM_CLOSED)),
    case(
        "5.1",
        "closed by RST_STREAM: CONTINUATION",
        *RESET,
        continuation(1, BLOCK),
        breaks(STREAM_CLOSED, PROTOCOL_ERROR),
    ),
    case("5.1", "closed by RST_STREAM: PRIORITY", *RESET, priority(1), ignores),
    case("5.1", "closed by RST_STREAM: WINDOW_UPDATE", *RESET, window_update(1, 1), tolerates(STREAM_CLOSED)),
    case("5.1", "closed by RST_STREAM: RST_STREAM", *RESET, rst_stream(1), tolerates(STREAM_CLOSED)),
    case(
        "5.1",
        "closed by the server's RST_STREAM: DATA under way",
        headers(1, literals([(":method", "GET")]), end=False),
        data(1, b"x"),
        data(1, b"y", end=True),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "5.1",
        "closed by the server's RST_STREAM: trailers under way change the table",
        headers(1, literals([(":method", "GET")]), end=False),
        lambda client: client.send(headers(1, client.block([("x-later", "shows that tables agree")]))),
        resets(1, PROTOCOL_ERROR),
        haproxy="STREAM_CLOSED of the connection",
    ),
    case(
        "5.1",
        "closed by the server's RST_STREAM: WINDOW_UPDATE under way",
        headers(1, literals([(":method", "GET")])),
        window_update(1, 1),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "5.1",
        "closed by the server's RST_STREAM: RST_STREAM under way",
        headers(1, literals([(":method", "GET")])),
        rst_stream(1),
        resets(1, PROTOCOL_ERROR),
    ),
    case(
        "5.1",
        "closed by a higher stream: HEADERS",
        ask(5),
        answered(5),
        headers(3, BLOCK),
        breaks(PROTOCOL_ERROR, STREAM_CLOSED),
    ),
    case(
        "5.1",
        "closed by a higher stream: DATA",
        ask(5),
        answered(5),
        data(3, b"x"),
        resets_or_breaks(3, PROTOCOL_ERROR, STREAM_CLOSED),
    ),
    case("5.1", "closed by a higher stream: PRIORITY", ask(5), answered(5), priority(3), ignores),
)
NUMBERS = (
    case("5.1.1", "a client's stream with an even number", headers(2, BLOCK), breaks(PROTOCOL_ERROR)),
    case(
        "5.1.1",
        "a stream with a number below others",
        ask(5),
        headers(3, BLOCK),
        breaks(PROTOCOL_ERROR),
        haproxy="STREAM_CLOSED",
    ),
    case(
        "5.1.1",
        "a stream with a number below others that are open",
        ask(5, "POST", "/echo", more=True),
        headers(1, BLOCK),
        breaks(PROTOCOL_ERROR, STREAM_CLOSED),
    ),
    case("5.1.1", "HEADERS on stream 0", headers(0, BLOCK), breaks(PROTOCOL_ERROR)),
    case(
        "5.1.1",
        "numbers may be left out",
        ask(1),
        ask(101),
        ask(77_777),
        answered(1),
        answered(101),
        answered(77_777),
        serves(77_779),
    ),
    case("5.1.1", "the highest number", ask(0x7FFFFFFF), answered(0x7FFFFFFF)),
    case("5.1.1", "a number is not used twice", *DONE, headers(1, BLOCK), breaks(STREAM_CLOSED, PROTOCOL_ERROR)),
    case("5.1.2", "no more streams at once than the server lets", limited),
    case(
        "5.1.2",
        "no more streams at once, though their answers wait",
        limited_by_answers,
        values={INITIAL_WINDOW_SIZE: 0},
    ),
    case(
        "5.1.2",
        "the client's limit is about pushed streams alone",
        ask(1),
        answered(1),
        ask(3),
        answered(3),
        values={MAX_CONCURRENT_STREAMS: 0},
    ),
    case(
        "5.1.2",
        "closed streams do not count",
        *(step for number in range(1, 301, 2) for step in (ask(number), answered(number))),
        serves(),
    ),
)
FLOW = (
    case("5", "streams do not wait for each other", interleaved),
    case("5.2", "credit comes back for what was taken", credited),
    case(
        "5.2.1",
        "the window of a stream is kept",
        ask(1, path="/bytes/300"),
        comes(100),
        window_update(1, 150),
        comes(250),
        window_update(1, 1000),
        answered(1),
        settings({INITIAL_WINDOW_SIZE: WINDOW}),
        serves(),
        values={INITIAL_WINDOW_SIZE: 100},
    ),
    case("5.2.1", "the window of the connection is kept", connection_window_kept),
    case("5.2.1", "heads need no window", heads_need_no_window, values={INITIAL_WINDOW_SIZE: 0}),
    case(
        "5.2.1",
        "an answer without a body needs no window",
        ask(1, path="/status/204"),
        answered(1, 204),
        ask(3, "HEAD"),
        answered(3),
        values={INITIAL_WINDOW_SIZE: 0},
    ),
)
PRIORITIES = (
    case(
        "5.3.1",
        "HEADERS that depend on themselves",
        headers(1, BLOCK, priority=priority_fields(1)),
        resets_or_breaks(1, PROTOCOL_ERROR),
    ),
    case("5.3.1", "PRIORITY on itself, of an idle stream", priority(1, depends=1), resets_or_breaks(1, PROTOCOL_ERROR)),
    case(
        "5.3.1",
        "PRIORITY on itself, of an open stream",
        HOLD,
        priority(1, depends=1),
        resets_or_breaks(1, PROTOCOL_ERROR),
    ),
    case(
        "5.3.2",
        "HEADERS with a priority",
        headers(1, BLOCK, priority=priority_fields(0, 255, True)),
        answered(1),
        serves(),
    ),
    case(
        "5.3.2",
        "HEADERS that depend on a stream that is not known",
        headers(3, BLOCK, priority=priority_fields(99, 0)),
        answered(3),
        serves(),
    ),
    case("5.3.2", "PRIORITY of weight 1", priority(1, 0, 0), ask(1), answered(1), ignores),
    case("5.3.2", "PRIORITY of weight 256", priority(1, 0, 255), ask(1), answered(1), ignores),
    case("5.3.2", "PRIORITY of a stream that depends on a later one", priority(1, 3), ask(1), answered(1), ignores),
    case(
        "5.3.2",
        "PRIORITY with a circle",
        priority(1, 3),
        priority(3, 1),
        ask(1),
        ask(3),
        answered(1),
        answered(3),
        ignores,
    ),
    case("5.3.2", "PRIORITY of a server's stream", priority(2), ignores),
)
ERRORS = (
    case("5.4.1", "a connection error closes the connection", frame(6, 0, 1, b"8 bytes!"), breaks(PROTOCOL_ERROR)),
    case(
        "5.4.1",
        "GOAWAY names the last stream that was taken",
        *DONE,
        ask(3),
        answered(3),
        data(0, b"x"),
        breaks(PROTOCOL_ERROR),
        lambda client: _named(client, 3),
    ),
    case(
        "5.4.1",
        "GOAWAY names no stream where there was none",
        data(0, b"x"),
        breaks(PROTOCOL_ERROR),
        lambda client: _named(client, 0),
    ),
    case(
        "5.4.2",
        "a stream error leaves other streams alone",
        HOLD,
        headers(3, literals([(":method", "GET")])),
        resets(3, PROTOCOL_ERROR),
        data(1, b"still", end=True),
        answered(1, body=b"still"),
    ),
    case(
        "5.4.2",
        "RST_STREAM is not answered by RST_STREAM",
        HOLD,
        rst_stream(1),
        pings,
        serves(),
        never(lambda one: one.kind == 3),
    ),
    case(
        "5.4.2",
        "RST_STREAM of a closed stream is not answered by RST_STREAM",
        *DONE,
        rst_stream(1),
        pings,
        serves(),
        never(lambda one: one.kind == 3),
    ),
    case(
        "5.5",
        "an unknown frame within a stream",
        HOLD,
        frame(0x77, 1, 1, b"x"),
        data(1, b"ab", end=True),
        answered(1, body=b"ab"),
        ignores,
    ),
    case("5.5", "an unknown setting", settings({0xF0F0: 7}), acknowledged, ignores),
    case(
        "5.5",
        "an unknown frame within a block",
        headers(1, BLOCK, whole=False),
        frame(0x77, 0, 1, b"x"),
        continuation(1, b""),
        breaks(PROTOCOL_ERROR),
    ),
    case("5.5", "many unknown frames", *(frame(kind, 0xFF, 0, b"x" * kind) for kind in range(0x20, 0x40)), ignores),
)


def _named(client: RawClient, last: int) -> None:
    found = next(one for one in client.frames if one.kind == GOAWAY and one.code)
    assert found.last == last, client.transcript()


CASES = (*IDLE, *OPEN, *HALF_CLOSED, *CLOSED, *NUMBERS, *FLOW, *PRIORITIES, *ERRORS)
