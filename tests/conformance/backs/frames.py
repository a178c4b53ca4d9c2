"""RFC 9113 6 and 7: each kind of frame of a server."""

from __future__ import annotations

from support.h2_behind import (
    Exchange,
    acknowledges,
    again,
    breaks,
    case,
    client_sends,
    cut,
    fails,
    got,
    granted,
    ignored,
    pings,
    reply,
    resets,
    resets_or_breaks,
    sends,
    sends_all,
)
from support.h2_peer import (
    ACK,
    CANCEL,
    DATA,
    ENABLE_PUSH,
    END_HEADERS,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HEADER_TABLE_SIZE,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    INTERNAL_ERROR,
    LARGEST,
    MAX_FRAME_SIZE,
    NO_ERROR,
    PADDED,
    PING,
    PRIORITY,
    PROTOCOL_ERROR,
    RST_STREAM,
    SETTINGS,
    STREAM_CLOSED,
    WINDOW,
    WINDOW_UPDATE,
    continuation,
    data,
    frame,
    goaway,
    headers,
    literals,
    ping,
    priority,
    push_promise,
    rst_stream,
    settings,
    settings_ack,
    window_update,
)

OK = literals([(":status", "200")])
HEAD = headers(1, OK, end=False)
MOST = 0x7FFFFFFF
SMALL = b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 20\r\n\r\n"
BODY = client_sends(b"0123456789" * 2)  # once the SETTINGS are known


def ponged(payload: bytes) -> object:
    def wait(exchange: Exchange) -> None:
        exchange.back.until(lambda one: one.kind == PING and bool(one.flags & ACK) and one.payload == payload)

    return wait


def goes_elsewhere(exchange: Exchange) -> None:
    """After GOAWAY no stream is opened on this connection (6.8): the next request comes on another one."""
    client = exchange.ask_again()
    with exchange.server.accept() as other:
        exchange.back.respond(1, body=b"the old one")
        assert exchange.client.answer().body == b"the old one"
        other.respond(other.asked().stream, body=b"the new one")
        assert client.answer().body == b"the new one"
    assert sum(one.kind == HEADERS for one in exchange.back.frames) == 1, exchange.back.transcript()


def beyond_window(exchange: Exchange) -> None:
    """Fills the window of a stream whose client does not read, and sends one byte more."""
    back = exchange.back
    credit = back.frames[0].settings.get(INITIAL_WINDOW_SIZE, WINDOW)
    sent = 0
    back.send(HEAD)
    while sent < credit:
        back.send(*(data(1, bytes(min(LARGEST, credit - at))) for at in range(sent, credit, LARGEST)))
        sent = credit
        back.pinged()
        credit = back.frames[0].settings.get(INITIAL_WINDOW_SIZE, WINDOW) + granted(exchange, 1)
    back.send(data(1, b"x"))
    resets_or_breaks(FLOW_CONTROL_ERROR)(exchange)


def acknowledgments(exchange: Exchange, number: int) -> None:
    assert sum(settings_ack(one) for one in exchange.back.frames) == number, exchange.back.transcript()


FRAMES = (
    case("6.1", "DATA on stream 0", data(0, b"x"), breaks(PROTOCOL_ERROR), fails),
    case(
        "6.1", "DATA with padding", HEAD, data(1, b"o", pad=200), data(1, b"k", pad=0, end=True), got(200, b"ok"), again
    ),
    case("6.1", "DATA of padding alone", HEAD, data(1, b"", pad=20), data(1, b"ok", end=True), got(200, b"ok"), again),
    case(
        "6.1", "padding longer than the payload", HEAD, frame(DATA, PADDED, 1, b"\x09ok"), breaks(PROTOCOL_ERROR), fails
    ),
    case(
        "6.1", "padding as long as the payload", HEAD, frame(DATA, PADDED, 1, b"\x03ok"), breaks(PROTOCOL_ERROR), fails
    ),
    case("6.1", "empty DATA", HEAD, data(1), data(1, b"ok"), data(1), data(1, end=True), got(200, b"ok"), again),
    case("6.2", "HEADERS on stream 0", headers(0, OK), breaks(PROTOCOL_ERROR), fails),
    case(
        "6.2",
        "HEADERS with padding",
        headers(1, OK, end=False, pad=99),
        data(1, b"ok", end=True),
        got(200, b"ok"),
        again,
    ),
    case(
        "6.2",
        "HEADERS with padding longer than the payload",
        frame(HEADERS, PADDED | END_HEADERS, 1, b"\xff" + OK),
        breaks(PROTOCOL_ERROR),
        fails,
    ),
    case("6.3", "PRIORITY on stream 0", priority(0), breaks(PROTOCOL_ERROR), fails),
    case("6.3", "PRIORITY of 4 bytes", frame(PRIORITY, 0, 1, bytes(4)), resets_or_breaks(FRAME_SIZE_ERROR), fails),
    case("6.4", "RST_STREAM on stream 0", rst_stream(0), breaks(PROTOCOL_ERROR), fails),
    case("6.4", "RST_STREAM of 3 bytes", frame(RST_STREAM, 0, 1, bytes(3)), breaks(FRAME_SIZE_ERROR), fails),
    *(
        case("6.4", f"RST_STREAM with the code {code}", rst_stream(1, code), got(502), again)
        for code in (
            PROTOCOL_ERROR,
            INTERNAL_ERROR,
            FLOW_CONTROL_ERROR,
            STREAM_CLOSED,
            CANCEL,
            ENHANCE_YOUR_CALM,
            0x12345678,
        )
    ),
    case("6.4", "RST_STREAM within an answer", HEAD, data(1, b"begun"), rst_stream(1, INTERNAL_ERROR), cut, again),
    case("6.5", "SETTINGS on a stream", frame(SETTINGS, 0, 1), breaks(PROTOCOL_ERROR), fails),
    case("6.5", "SETTINGS of 5 bytes", frame(SETTINGS, 0, 0, bytes(5)), breaks(FRAME_SIZE_ERROR), fails),
    case("6.5", "an acknowledgment with a payload", frame(SETTINGS, ACK, 0, bytes(6)), breaks(FRAME_SIZE_ERROR), fails),
    case(
        "6.5",
        "each of several SETTINGS is acknowledged",
        *(settings({0x77: number}) for number in range(5)),
        pings,
        lambda exchange: acknowledgments(exchange, 6),
        ignored,
    ),
    case("6.5.2", "ENABLE_PUSH of 1", settings({ENABLE_PUSH: 1}), breaks(PROTOCOL_ERROR), fails, haproxy="takes it"),
    case("6.5.2", "ENABLE_PUSH of 2", settings({ENABLE_PUSH: 2}), breaks(PROTOCOL_ERROR), fails),
    case("6.5.2", "ENABLE_PUSH of 0", settings({ENABLE_PUSH: 0}), ignored),
    case(
        "6.5.2",
        "INITIAL_WINDOW_SIZE of 2147483648",
        settings({INITIAL_WINDOW_SIZE: 1 << 31}),
        breaks(FLOW_CONTROL_ERROR),
        fails,
    ),
    case("6.5.2", "MAX_FRAME_SIZE of 16383", settings({MAX_FRAME_SIZE: LARGEST - 1}), breaks(PROTOCOL_ERROR), fails),
    case("6.5.2", "MAX_FRAME_SIZE of 16777216", settings({MAX_FRAME_SIZE: 1 << 24}), breaks(PROTOCOL_ERROR), fails),
    case("6.5.2", "MAX_FRAME_SIZE of 16777215", settings({MAX_FRAME_SIZE: 0xFFFFFF}), ignored),
    case(
        "6.5.2",
        "HEADER_TABLE_SIZE of 0",
        reply(),
        got(200),
        again,
        again,
        values={HEADER_TABLE_SIZE: 0},
        haproxy="does not say that its table has shrunk",
    ),
    case("6.5.2", "HEADER_TABLE_SIZE of much", reply(), got(200), again, again, values={HEADER_TABLE_SIZE: 1 << 30}),
    case(
        "6.5.3",
        "the last one of several values holds",
        acknowledges,
        BODY,
        sends(4),
        window_update(1, 100),
        sends_all(20),
        reply(),
        got(200),
        asked=SMALL,
        values=[(INITIAL_WINDOW_SIZE, 9), (INITIAL_WINDOW_SIZE, 4)],
    ),
    case(
        "6.6",
        "PUSH_PROMISE",
        push_promise(1, 2, literals([(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/p")])),
        breaks(PROTOCOL_ERROR),
        fails,
    ),
    case("6.6", "PUSH_PROMISE on stream 0", push_promise(0, 2, OK), breaks(PROTOCOL_ERROR), fails),
    case(
        "6.6",
        "PUSH_PROMISE on a closed stream",
        reply(),
        got(200),
        push_promise(1, 2, OK),
        breaks(PROTOCOL_ERROR, STREAM_CLOSED),
    ),
    case("6.7", "PING is answered", ping(b"a server"), ponged(b"a server"), ignored),
    case("6.7", "an answer to no PING", ping(b"nobody's", ack=True), ignored),
    case("6.7", "PING on a stream", frame(PING, 0, 1, bytes(8)), breaks(PROTOCOL_ERROR), fails),
    case("6.7", "PING of 7 bytes", frame(PING, 0, 0, bytes(7)), breaks(FRAME_SIZE_ERROR), fails),
    case("6.8", "GOAWAY on a stream", frame(GOAWAY, 0, 1, bytes(8)), breaks(PROTOCOL_ERROR), fails),
    case("6.8", "GOAWAY of 7 bytes", frame(GOAWAY, 0, 0, bytes(7)), breaks(FRAME_SIZE_ERROR), fails),
    case("6.8", "GOAWAY lets streams end that it names", goaway(1), reply(), got(200, b"ok")),
    case("6.8", "GOAWAY that names all streams", goaway(MOST), reply(), got(200, b"ok")),
    case("6.8", "GOAWAY twice", goaway(MOST), goaway(1), reply(), got(200, b"ok")),
    case("6.8", "GOAWAY with a text", goaway(1, NO_ERROR, b"see you"), reply(), got(200, b"ok")),
    case(
        "6.8",
        "GOAWAY that does not name a stream",
        goaway(0),
        fails,
        haproxy="waits for the answer until the connection is closed",
    ),
    case("6.8", "no stream is opened behind GOAWAY", goaway(1), pings, goes_elsewhere),
    case("6.8", "no stream is opened behind GOAWAY that names all", goaway(MOST), pings, goes_elsewhere),
    case("6.9", "WINDOW_UPDATE of 0 on the connection", window_update(0, 0), breaks(PROTOCOL_ERROR), fails),
    case("6.9", "WINDOW_UPDATE of 0 on the stream", window_update(1, 0), resets_or_breaks(PROTOCOL_ERROR), fails),
    case("6.9", "WINDOW_UPDATE of 3 bytes", frame(WINDOW_UPDATE, 0, 0, bytes(3)), breaks(FRAME_SIZE_ERROR), fails),
    case(
        "6.9",
        "WINDOW_UPDATE of 5 bytes on the stream",
        frame(WINDOW_UPDATE, 0, 1, bytes(5)),
        breaks(FRAME_SIZE_ERROR),
        fails,
    ),
    case(
        "6.9.1",
        "the connection's window grows beyond the most",
        window_update(0, MOST),
        breaks(FLOW_CONTROL_ERROR),
        fails,
    ),
    case("6.9.1", "a stream's window grows beyond the most", window_update(1, MOST), resets(FLOW_CONTROL_ERROR), fails),
    case("6.9.1", "a stream's window grows to the most", window_update(1, MOST - WINDOW), ignored),
    case("6.9.1", "DATA beyond the window of a stream", beyond_window, haproxy="takes it"),
    case(
        "6.9.2",
        "SETTINGS_INITIAL_WINDOW_SIZE changes the windows of open streams",
        acknowledges,
        BODY,
        sends(0),
        settings({INITIAL_WINDOW_SIZE: 5}),
        sends(5),
        settings({INITIAL_WINDOW_SIZE: 50}),
        sends_all(20),
        reply(),
        got(200),
        asked=SMALL,
        values={INITIAL_WINDOW_SIZE: 0},
    ),
    case(
        "6.9.2",
        "windows may become negative",
        acknowledges,
        BODY,
        sends(10),
        settings({INITIAL_WINDOW_SIZE: 2}),
        window_update(1, 8),
        sends(10),
        window_update(1, 1),
        sends(11),
        settings({INITIAL_WINDOW_SIZE: 30}),
        sends_all(20),
        reply(),
        got(200),
        asked=SMALL,
        values={INITIAL_WINDOW_SIZE: 10},
    ),
    case(
        "6.9.2",
        "SETTINGS_INITIAL_WINDOW_SIZE that makes a window larger than the most",
        window_update(1, MOST - WINDOW),
        settings({INITIAL_WINDOW_SIZE: WINDOW + 1}),
        breaks(FLOW_CONTROL_ERROR),
        fails,
        haproxy="takes it",
    ),
    case("6.10", "CONTINUATION behind END_HEADERS", HEAD, continuation(1, b""), breaks(PROTOCOL_ERROR), fails),
    case("6.10", "CONTINUATION first", continuation(1, OK), breaks(PROTOCOL_ERROR), fails),
    case(
        "6.10",
        "CONTINUATION on stream 0",
        headers(1, OK, whole=False),
        continuation(0, b""),
        breaks(PROTOCOL_ERROR),
        fails,
    ),
    case("7", "GOAWAY with an error code that is not known", goaway(1, 0xABCDEF), reply(), got(200, b"ok")),
)

CASES = FRAMES
