"""RFC 9113 3 to 5: the connection, its frames and streams, as a client of HTTP/2 keeps them."""

from __future__ import annotations

import threading

from support.h2_behind import (
    Exchange,
    Got,
    acknowledges,
    again,
    body_of,
    breaks,
    case,
    client_sends,
    ends,
    fails,
    got,
    granted,
    ignored,
    pings,
    reply,
    resets,
    sends,
    sends_all,
    tolerates,
)
from support.h2_peer import (
    ACK,
    CANCEL,
    COMPRESSION_ERROR,
    DATA,
    ENABLE_PUSH,
    END_HEADERS,
    END_STREAM,
    FRAME_SIZE_ERROR,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    LARGEST,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    PING,
    PROTOCOL_ERROR,
    SETTINGS,
    STREAM_CLOSED,
    WINDOW,
    WINDOW_UPDATE,
    continuation,
    data,
    frame,
    headers,
    literal,
    literals,
    ping,
    priority,
    priority_fields,
    rst_stream,
    settings,
    window_update,
)

OK = literals([(":status", "200")])
HEAD = headers(1, OK, end=False)
WHOLE = headers(1, OK)
MOST = 0x7FFFFFFF
LARGE = b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n" + b"r" * 100_000
SMALL = b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 20\r\n\r\n"
BODY = client_sends(b"0123456789" * 2)  # once the SETTINGS are known


def first_is_settings(exchange: Exchange) -> None:
    """The client connection preface ends with SETTINGS, before any other frame (3.4); push is off (6.5.2)."""
    first = exchange.back.frames[0]
    assert first.kind == SETTINGS and first.flags == 0 and first.stream == 0
    said = first.settings
    assert said.get(ENABLE_PUSH) == 0, said
    assert said.get(INITIAL_WINDOW_SIZE, WINDOW) <= MOST
    assert LARGEST <= said.get(MAX_FRAME_SIZE, LARGEST) <= 0xFFFFFF


def ponged(payload: bytes) -> object:
    def wait(exchange: Exchange) -> None:
        exchange.back.until(lambda one: one.kind == PING and bool(one.flags & ACK) and one.payload == payload)

    return wait


def frames_kept(exchange: Exchange) -> None:
    """No frame is larger than the server takes (4.2)."""
    body_of(exchange)
    assert max(len(one.payload) for one in exchange.back.frames) <= LARGEST, exchange.back.transcript()


def odd_streams(exchange: Exchange) -> None:
    """A client's streams have odd numbers, each higher than the one before (5.1.1)."""
    numbers = [exchange.head.stream]
    exchange.back.respond(1, body=b"ok")
    for _ in range(4):
        client = exchange.ask_again()
        numbers.append(exchange.back.asked().stream)
        exchange.back.respond(numbers[-1], body=b"ok")
        assert client.answer().status == 200
    assert numbers == [1, 3, 5, 7, 9]


def several_at_once(exchange: Exchange) -> None:
    """Streams of one connection do not wait for each other (5)."""
    second, third = exchange.ask_again(), exchange.ask_again()
    heads = [exchange.back.asked(), exchange.back.asked()]
    assert [head.stream for head in heads] == [3, 5]
    for head in reversed(heads):
        exchange.back.respond(head.stream, body=b"of %d" % head.stream)
    exchange.back.respond(1, body=b"of 1")
    assert exchange.client.answer().body == b"of 1"
    assert {second.answer().body, third.answer().body} == {b"of 3", b"of 5"}


def one_at_a_time(exchange: Exchange) -> None:
    """No more streams than the server lets be open at once (5.1.2): the second request does not come on this one."""
    second = exchange.ask_again()
    other = exchange.server.accept()
    head = other.asked()
    exchange.back.pinged()
    assert sum(one.kind == HEADERS for one in exchange.back.frames) == 1, exchange.back.transcript()
    other.respond(head.stream, body=b"second")
    assert second.answer().body == b"second"
    exchange.back.respond(1, body=b"first")
    assert exchange.client.answer().body == b"first"
    other.close()


def credited(exchange: Exchange) -> None:
    """Credit comes back as the client takes what was sent (5.2), so that a body larger than all windows passes."""
    back = exchange.back
    window = back.frames[0].settings.get(INITIAL_WINDOW_SIZE, WINDOW)
    answers: list[Got] = []
    reader = threading.Thread(target=lambda: answers.append(exchange.client.answer()))
    reader.start()
    total, sent = 3_000_000, 0
    back.send(HEAD)
    while sent < total:
        credit = min(WINDOW + granted(exchange, 0), window + granted(exchange, 1))
        size = min(credit - sent, LARGEST, total - sent)
        if size > 0:
            sent += size
            back.send(data(1, b"d" * size, end=sent == total))
        else:
            back.until(lambda one: one.kind == WINDOW_UPDATE)
    reader.join(exchange.patience)
    assert answers and answers[0].whole and answers[0].body == b"d" * total


def error_beside(exchange: Exchange) -> None:
    """A fault of one stream does not end another one."""
    second = exchange.ask_again()
    assert exchange.back.asked().stream == 3
    exchange.back.send(headers(3, literals([("x", "no status")])))
    assert second.answer().status == 502
    exchange.back.respond(1, body=b"unharmed")
    assert exchange.client.answer().body == b"unharmed"
    again(exchange)


STARTING = (
    case("3.4", "the preface of a client", first_is_settings, reply(), got(200, b"ok")),
    case("3.4", "a client does not wait for SETTINGS", settings(), reply(), got(200, b"ok"), again, first=b""),
    case("3.4", "SETTINGS are acknowledged", acknowledges, ignored),
    case("3.4", "a server that does not begin with SETTINGS", ends(PROTOCOL_ERROR), fails, first=WHOLE, headed=False),
    case("3.4", "a server that begins with PING", ends(PROTOCOL_ERROR), fails, first=ping(), headed=False),
    case(
        "3.4",
        "a server that begins with an acknowledgment",
        ends(PROTOCOL_ERROR),
        fails,
        first=settings(ack=True),
        headed=False,
    ),
    case(
        "3.4", "a server of HTTP/1", fails, first=b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", headed=False
    ),
    case("3.4", "a server that closes", lambda exchange: exchange.back.close(), fails),
)
FRAMING = (
    case("4.1", "a frame of an unknown kind", frame(0x99, 0xFF, 0, b"x" * 9), ignored),
    case("4.1", "a frame of an unknown kind on the stream", frame(0x99, 0xFF, 1, b"x" * 9), ignored),
    case("4.1", "the reserved bit", frame(PING, 0, 1 << 31, b"reserved"), ponged(b"reserved"), ignored),
    case(
        "4.1",
        "flags without a meaning",
        frame(HEADERS, END_HEADERS | 0xD2 & ~0x28, 1, OK),
        frame(DATA, 0xF6 | END_STREAM, 1, b"ok"),
        got(200, b"ok"),
        again,
    ),
    case(
        "4.1",
        "an answer byte by byte",
        *(bytes((byte,)) for byte in HEAD + data(1, b"ok", end=True)),
        got(200, b"ok"),
        again,
    ),
    case("4.2", "DATA of 16384 bytes", HEAD, data(1, b"d" * LARGEST, end=True), got(200, b"d" * LARGEST), again),
    case(
        "4.2",
        "DATA larger than the client takes",
        HEAD,
        data(1, b"d" * (LARGEST + 1), end=True),
        breaks(FRAME_SIZE_ERROR),
        fails,
    ),
    case(
        "4.2",
        "HEADERS larger than the client takes",
        headers(1, OK + literal("x-fill", "f" * LARGEST)),
        breaks(FRAME_SIZE_ERROR),
        fails,
    ),
    case("4.2", "SETTINGS larger than the client takes", settings([(0x99, 1)] * 3000), breaks(FRAME_SIZE_ERROR), fails),
    case(
        "4.2",
        "a frame of an unknown kind larger than the client takes",
        frame(0x99, 0, 0, bytes(LARGEST + 1)),
        breaks(FRAME_SIZE_ERROR),
        fails,
    ),
    case(
        "4.2",
        "frames of a body are no larger than the default",
        window_update(0, 1 << 20),
        frames_kept,
        reply(),
        got(200),
        asked=LARGE,
        values={INITIAL_WINDOW_SIZE: 1 << 20},
    ),
    case(
        "4.3",
        "a head in several frames",
        headers(1, OK[:3], end=False, whole=False),
        continuation(1, OK[3:5], whole=False),
        continuation(1, OK[5:]),
        data(1, b"ok", end=True),
        got(200, b"ok"),
        again,
    ),
    case("4.3", "a head that cannot be decoded", headers(1, b"\x80"), breaks(COMPRESSION_ERROR), fails),
    case(
        "4.3",
        "trailers that cannot be decoded",
        HEAD,
        data(1, b"ok"),
        headers(1, b"\x80"),
        breaks(COMPRESSION_ERROR),
        fails,
    ),
    case("4.3", "another frame within a head", headers(1, OK, whole=False), ping(), breaks(PROTOCOL_ERROR), fails),
    case(
        "4.3",
        "DATA within a head",
        headers(1, OK, end=False, whole=False),
        data(1, b"ok", end=True),
        breaks(PROTOCOL_ERROR),
        fails,
    ),
    case(
        "4.3",
        "CONTINUATION of another stream",
        headers(1, OK, whole=False),
        continuation(3, b""),
        breaks(PROTOCOL_ERROR),
        fails,
    ),
    case(
        "4.3", "an unknown frame within a head", headers(1, OK, whole=False), frame(0x99), breaks(PROTOCOL_ERROR), fails
    ),
)
STREAMS = (
    case("5", "several streams at once", several_at_once),
    case("5.1", "idle: DATA", data(3, b"x"), breaks(PROTOCOL_ERROR), fails),
    case("5.1", "idle: HEADERS", headers(3, OK), breaks(PROTOCOL_ERROR), fails),
    case("5.1", "idle: RST_STREAM", rst_stream(3), breaks(PROTOCOL_ERROR), fails),
    case("5.1", "idle: WINDOW_UPDATE", window_update(3, 1), breaks(PROTOCOL_ERROR), fails),
    case("5.1", "idle: PRIORITY", priority(3), ignored, haproxy="PROTOCOL_ERROR of the connection"),
    case("5.1", "HEADERS of a server's stream", headers(2, OK), breaks(PROTOCOL_ERROR), fails),
    case("5.1", "DATA of a server's stream", data(2, b"x"), breaks(PROTOCOL_ERROR), fails),
    case("5.1", "half-closed (local): DATA before HEADERS", data(1, b"x"), resets(PROTOCOL_ERROR), fails),
    case("5.1", "half-closed (local): WINDOW_UPDATE", window_update(1, 100), ignored),
    case("5.1", "half-closed (local): RST_STREAM", rst_stream(1, CANCEL), got(502), again),
    case("5.1", "closed: WINDOW_UPDATE", reply(), got(200), window_update(1, 1), again, pings),
    case("5.1", "closed: RST_STREAM", reply(), got(200), rst_stream(1), again, pings),
    case("5.1", "closed: PRIORITY", reply(), got(200), priority(1), again, pings),
    case("5.1", "closed: DATA", reply(), got(200), data(1, b"x"), tolerates(STREAM_CLOSED)),
    case("5.1", "closed: HEADERS", reply(), got(200), WHOLE, tolerates(STREAM_CLOSED, PROTOCOL_ERROR)),
    case(
        "5.1",
        "reset by the client: what is under way",
        headers(1, literals([("x", "y")]), end=False),
        data(1, b"x"),
        data(1, b"y", end=True),
        resets(PROTOCOL_ERROR),
        got(502),
    ),
    case(
        "5.1",
        "reset by the client: RST_STREAM and WINDOW_UPDATE under way",
        headers(1, literals([("x", "y")]), end=False),
        window_update(1, 5),
        rst_stream(1),
        resets(PROTOCOL_ERROR),
        got(502),
    ),
    case("5.1.1", "numbers of streams", odd_streams),
    case("5.1.2", "no more streams at once than the server lets", one_at_a_time, values={MAX_CONCURRENT_STREAMS: 1}),
    case("5.2", "credit comes back for what was taken", credited),
    case(
        "5.2.1",
        "the window of a stream is kept",
        acknowledges,
        BODY,
        sends(7),
        window_update(1, 3),
        sends(10),
        window_update(1, 1000),
        sends_all(20),
        reply(),
        got(200),
        asked=SMALL,
        values={INITIAL_WINDOW_SIZE: 7},
    ),
    case(
        "5.2.1",
        "the window of the connection is kept",
        sends(WINDOW),
        window_update(0, 10),
        sends(WINDOW + 10),
        window_update(0, 1 << 20),
        sends_all(100_000),
        reply(),
        got(200),
        asked=LARGE,
        values={INITIAL_WINDOW_SIZE: 1 << 20},
    ),
    case("5.2.1", "heads need no window", reply(), got(200), again, values={INITIAL_WINDOW_SIZE: 0}),
    case(
        "5.3",
        "HEADERS with a priority",
        headers(1, OK, end=False, priority=priority_fields(0, 3)),
        data(1, b"ok", end=True),
        got(200, b"ok"),
        again,
    ),
    case("5.4.1", "GOAWAY before the connection is closed", data(0, b"x"), breaks(PROTOCOL_ERROR), fails),
    case("5.4.2", "a stream error leaves other streams alone", error_beside),
    case("5.5", "an unknown setting", settings({0x7777: 1}), acknowledges, ignored),
)


CASES = (*STARTING, *FRAMING, *STREAMS)
