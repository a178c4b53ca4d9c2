"""RFC 9113 6.5 and 6.9: SETTINGS and windows."""

from __future__ import annotations

from hyperframe.frame import (
    SettingsFrame,
    WindowUpdateFrame,
)
from support.h2_peer import (
    ACK,
    DATA,
    ENABLE_CONNECT_PROTOCOL,
    ENABLE_PUSH,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    HEADER_TABLE_SIZE,
    INITIAL_WINDOW_SIZE,
    LARGEST,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    MAX_HEADER_LIST_SIZE,
    PROTOCOL_ERROR,
    SETTINGS,
    WINDOW,
    WINDOW_UPDATE,
    RawClient,
    data,
    frame,
    settings,
    settings_ack,
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
    serves,
    settings_seen,
    tolerates,
)

HOLD = ask(1, "POST", "/echo", more=True)
MOST = 0x7FFFFFFF  # the largest window (6.9.1)


def valid_settings(client: RawClient) -> None:
    """A server's SETTINGS keep to the limits of their values; ENABLE_PUSH it must not set to 1."""
    found = settings_seen(client)
    assert found.get(ENABLE_PUSH, 0) == 0
    assert found.get(INITIAL_WINDOW_SIZE, WINDOW) <= MOST
    assert LARGEST <= found.get(MAX_FRAME_SIZE, LARGEST) <= 0xFFFFFF
    assert found.get(ENABLE_CONNECT_PROTOCOL, 1) == 1
    assert found.get(MAX_CONCURRENT_STREAMS, 100) >= 100


def frames_kept(client: RawClient) -> None:
    """No frame is larger than the client's SETTINGS_MAX_FRAME_SIZE (4.2, 6.5.2)."""
    client.request(1, path="/bytes/60000")
    assert len(client.answer(1).body) == 60_000
    assert max(len(one.payload) for one in client.frames) <= LARGEST


def larger_frames(client: RawClient) -> None:
    """A client that takes larger frames may be sent them; those of the default are right, too."""
    client.request(1, path="/bytes/60000")
    assert len(client.answer(1).body) == 60_000
    assert max(len(one.payload) for one in client.frames) <= 32_768


def negative_window(client: RawClient) -> None:
    """A window that a change of the initial size has made negative is filled before more is sent (6.9.2)."""
    client.request(1, path="/bytes/5000")
    received(client, 1000)
    client.send(settings({INITIAL_WINDOW_SIZE: 200}))  # 800 below 0 from now on
    client.until(settings_ack)
    client.send(window_update(1, 800))
    received(client, 1000)
    client.send(window_update(1, 7))
    received(client, 1007)
    client.send(settings({INITIAL_WINDOW_SIZE: 300}))
    received(client, 1107)
    client.send(window_update(1, 4000))
    assert len(client.answer(1).body) == 5000


def settings_are_acknowledged_each(client: RawClient) -> None:
    """There are as many acknowledgments as SETTINGS, in order with other frames (6.5.3)."""
    client.send(*(settings({INITIAL_WINDOW_SIZE: 1000 * number}) for number in range(1, 10)))
    client.pinged()
    assert sum(settings_ack(one) for one in client.frames) == 10, client.transcript()


def window_from_ack_on(client: RawClient) -> None:
    """What SETTINGS say holds for what follows their acknowledgment (6.5.3)."""
    client.send(settings({INITIAL_WINDOW_SIZE: 5}))
    client.until(settings_ack)
    client.until(settings_ack)
    client.request(1, path="/bytes/20")
    received(client, 5)
    client.send(settings({INITIAL_WINDOW_SIZE: 5 + 15}))
    assert client.answer(1).body == b"0000000\n0000001\n0000"


def window_of_connection(client: RawClient) -> None:
    """A change of SETTINGS_INITIAL_WINDOW_SIZE does not change the connection's window (6.9.2)."""
    client.send(settings({INITIAL_WINDOW_SIZE: 1 << 20}))
    client.until(settings_ack)
    client.request(1, path="/bytes/100000")
    received(client, WINDOW)
    client.send(window_update(0, 40_000))
    assert len(client.answer(1).body) == 100_000


def beyond_window(client: RawClient) -> None:
    """Fills the window of a stream whose body cannot go on to a server, and sends one byte more."""
    window = settings_seen(client).get(INITIAL_WINDOW_SIZE, WINDOW)
    client.request(1, "POST", "/unreachable", more=True)
    sent, credit = 0, window
    while sent < credit:
        while sent < credit:
            size = min(LARGEST, credit - sent)
            client.send(data(1, bytes(size)))
            sent += size
        client.pinged()
        credit = window + granted(client, 1)
    client.send(data(1, b"x"))


def acknowledgments(client: RawClient, number: int) -> None:
    assert sum(settings_ack(one) for one in client.frames) == number, client.transcript()


SETTINGS_FRAMES = (
    case("6.5", "SETTINGS are acknowledged", acknowledged, settings(), acknowledged, ignores),
    case("6.5", "each of many SETTINGS is acknowledged", settings_are_acknowledged_each),
    case(
        "6.5",
        "an acknowledgment is not acknowledged",
        acknowledged,
        settings(ack=True),
        pings,
        lambda client: acknowledgments(client, 1),
    ),
    case("6.5", "an acknowledgment with a payload", frame(SETTINGS, ACK, 0, b"\0\1\0\0\0\0"), breaks(FRAME_SIZE_ERROR)),
    case("6.5", "an acknowledgment with a byte", frame(SETTINGS, ACK, 0, b"\0"), breaks(FRAME_SIZE_ERROR)),
    case("6.5", "SETTINGS on a stream", frame(SETTINGS, 0, 1), breaks(PROTOCOL_ERROR)),
    case("6.5", "SETTINGS on an open stream", HOLD, frame(SETTINGS, 0, 1, b"\0\4\0\0\1\0"), breaks(PROTOCOL_ERROR)),
    case("6.5", "an acknowledgment on a stream", frame(SETTINGS, ACK, 1), breaks(PROTOCOL_ERROR)),
    case("6.5", "SETTINGS of 3 bytes", frame(SETTINGS, 0, 0, b"\0\1\0"), breaks(FRAME_SIZE_ERROR)),
    case("6.5", "SETTINGS of 7 bytes", frame(SETTINGS, 0, 0, b"\0\1\0\0\0\0\0"), breaks(FRAME_SIZE_ERROR)),
    case(
        "6.5",
        "SETTINGS by hyperframe",
        acknowledged,
        SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: 70_000, SettingsFrame.ENABLE_PUSH: 0}),
        acknowledged,
        ignores,
    ),
    case(
        "6.5",
        "many acknowledgments that nobody waits for",
        *(settings(ack=True) for _ in range(10)),
        tolerates(PROTOCOL_ERROR),
    ),
    case("6.5.2", "the server's values", valid_settings),
    *(
        case("6.5.2", f"ENABLE_PUSH of {value}", settings({ENABLE_PUSH: value}), breaks(PROTOCOL_ERROR))
        for value in (2, 3, 0xFFFFFFFF)
    ),
    case(
        "6.5.2",
        "ENABLE_PUSH of 0 and 1",
        settings({ENABLE_PUSH: 1}),
        settings({ENABLE_PUSH: 0}),
        settings({ENABLE_PUSH: 1}),
        ignores,
    ),
    case(
        "6.5.2",
        "no stream is pushed, allowed or not",
        ask(1),
        answered(1),
        pings,
        never(lambda one: one.kind == 5),
        values={ENABLE_PUSH: 1},
    ),
    *(
        case(
            "6.5.2",
            f"INITIAL_WINDOW_SIZE of {value}",
            settings({INITIAL_WINDOW_SIZE: value}),
            breaks(FLOW_CONTROL_ERROR),
        )
        for value in (1 << 31, 0xFFFFFFFF)
    ),
    case(
        "6.5.2", "INITIAL_WINDOW_SIZE of the most", settings({INITIAL_WINDOW_SIZE: MOST}), ask(1), answered(1), ignores
    ),
    case(
        "6.5.2",
        "INITIAL_WINDOW_SIZE of 0",
        settings({INITIAL_WINDOW_SIZE: 0}),
        ask(1, path="/bytes/1"),
        pings,
        never(lambda one: one.kind == DATA and bool(one.payload)),
        window_update(1, 1),
        answered(1),
        settings({INITIAL_WINDOW_SIZE: 10}),
        serves(),
    ),
    *(
        case("6.5.2", f"MAX_FRAME_SIZE of {value}", settings({MAX_FRAME_SIZE: value}), breaks(PROTOCOL_ERROR))
        for value in (0, 1, LARGEST - 1, 1 << 24, 0xFFFFFFFF)
    ),
    *(
        case("6.5.2", f"MAX_FRAME_SIZE of {value}", settings({MAX_FRAME_SIZE: value}), ignores)
        for value in (LARGEST, LARGEST + 1, (1 << 24) - 1)
    ),
    *(
        case("6.5.2", f"ENABLE_CONNECT_PROTOCOL of {value}", settings({ENABLE_CONNECT_PROTOCOL: value}), ignores)
        for value in (0, 1)
    ),
    case(
        "6.5.2",
        "HEADER_TABLE_SIZE of 0",
        settings({HEADER_TABLE_SIZE: 0}),
        ask(1, path="/hop"),
        answered(1),
        ask(3, path="/hop"),
        answered(3),
        serves(),
    ),
    case(
        "6.5.2",
        "HEADER_TABLE_SIZE of much",
        settings({HEADER_TABLE_SIZE: 0xFFFFFFFF}),
        ask(1, path="/hop"),
        answered(1),
        ask(3, path="/hop"),
        answered(3),
        serves(),
    ),
    case(
        "6.5.2",
        "MAX_CONCURRENT_STREAMS of 0 and of much",
        settings({MAX_CONCURRENT_STREAMS: 0}),
        settings({MAX_CONCURRENT_STREAMS: 0xFFFFFFFF}),
        ignores,
    ),
    case("6.5.2", "MAX_HEADER_LIST_SIZE is advice", settings({MAX_HEADER_LIST_SIZE: 1_000_000}), ignores),
    case(
        "6.5.2",
        "settings that are not known",
        settings({0: 1, 7: 1, 9: 1, 0x1234: 5, 0xFFFF: 0xFFFFFFFF}),
        acknowledged,
        acknowledged,
        ignores,
    ),
    case("6.5.2", "frames are no larger than the default", frames_kept),
    case(
        "6.5.2",
        "frames are no larger than MAX_FRAME_SIZE",
        larger_frames,
        values={MAX_FRAME_SIZE: 32_768, INITIAL_WINDOW_SIZE: 100_000},
    ),
    case(
        "6.5.3",
        "the last one of several values holds",
        settings([(INITIAL_WINDOW_SIZE, 100), (INITIAL_WINDOW_SIZE, 1)]),
        ask(1, path="/bytes/3"),
        comes(1),
        settings([(INITIAL_WINDOW_SIZE, 1), (INITIAL_WINDOW_SIZE, 9)]),
        answered(1),
        settings({INITIAL_WINDOW_SIZE: 9}),
        serves(),
    ),
    case(
        "6.5.3",
        "values are processed in their order",
        settings([(INITIAL_WINDOW_SIZE, 1), (0x55, 2), (INITIAL_WINDOW_SIZE, 1 << 31)]),
        breaks(FLOW_CONTROL_ERROR),
    ),
    case("6.5.3", "values hold from their acknowledgment on", window_from_ack_on),
    case("6.5.3", "a client that does not acknowledge is served", ask(1), answered(1), polite=False),
)
WINDOW_UPDATE_FRAMES = (
    case("6.9", "WINDOW_UPDATE of 0 on the connection", window_update(0, 0), breaks(PROTOCOL_ERROR)),
    case("6.9", "WINDOW_UPDATE of 0 on a stream", HOLD, window_update(1, 0), resets_or_breaks(1, PROTOCOL_ERROR)),
    case(
        "6.9",
        "WINDOW_UPDATE of 0 on the connection with the reserved bit",
        window_update(0, 1 << 31),
        breaks(PROTOCOL_ERROR),
    ),
    case("6.9", "WINDOW_UPDATE with the reserved bit", window_update(0, 1 << 31 | 5), ignores),
    *(
        case(
            "6.9",
            f"WINDOW_UPDATE of {size} bytes on the connection",
            frame(WINDOW_UPDATE, 0, 0, bytes(size)),
            breaks(FRAME_SIZE_ERROR),
        )
        for size in (0, 3, 5, 8)
    ),
    case(
        "6.9",
        "WINDOW_UPDATE of 3 bytes on a stream",
        HOLD,
        frame(WINDOW_UPDATE, 0, 1, bytes(3)),
        breaks(FRAME_SIZE_ERROR),
    ),
    case(
        "6.9",
        "WINDOW_UPDATE of 5 bytes on a stream",
        HOLD,
        frame(WINDOW_UPDATE, 0, 1, bytes(5)),
        breaks(FRAME_SIZE_ERROR),
    ),
    case(
        "6.9",
        "WINDOW_UPDATE by hyperframe",
        WindowUpdateFrame(0, window_increment=1000),
        HOLD,
        WindowUpdateFrame(1, window_increment=1000),
        data(1, b"x", end=True),
        answered(1, body=b"x"),
        ignores,
    ),
    case(
        "6.9.1",
        "DATA beyond the window of a stream",
        beyond_window,
        resets_or_breaks(1, FLOW_CONTROL_ERROR),
        haproxy="takes it",
    ),
    case("6.9.1", "the connection's window grows to the most", window_update(0, MOST - WINDOW), ignores),
    case(
        "6.9.1",
        "the connection's window grows beyond the most",
        window_update(0, MOST - WINDOW),
        window_update(0, 1),
        breaks(FLOW_CONTROL_ERROR),
    ),
    case(
        "6.9.1",
        "the connection's window grows beyond the most at once",
        window_update(0, MOST),
        breaks(FLOW_CONTROL_ERROR),
    ),
    case(
        "6.9.1",
        "the connection's window grows beyond the most in steps",
        *(window_update(0, MOST // 4) for _ in range(5)),
        breaks(FLOW_CONTROL_ERROR),
    ),
    case(
        "6.9.1",
        "a stream's window grows to the most",
        HOLD,
        window_update(1, MOST - WINDOW),
        data(1, b"x", end=True),
        answered(1, body=b"x"),
        ignores,
    ),
    case(
        "6.9.1", "a stream's window grows beyond the most", HOLD, window_update(1, MOST), resets(1, FLOW_CONTROL_ERROR)
    ),
    case(
        "6.9.1",
        "a stream's window grows beyond the most in steps",
        HOLD,
        *(window_update(1, MOST // 4) for _ in range(5)),
        resets(1, FLOW_CONTROL_ERROR),
    ),
    case(
        "6.9.1",
        "one byte at a time",
        ask(1, path="/bytes/3"),
        comes(1),
        window_update(1, 1),
        comes(2),
        window_update(1, 1),
        answered(1, body=b"000"),
        settings({INITIAL_WINDOW_SIZE: 9}),
        serves(),
        values={INITIAL_WINDOW_SIZE: 1},
    ),
    case(
        "6.9.2",
        "SETTINGS_INITIAL_WINDOW_SIZE changes the windows of open streams",
        ask(1, path="/bytes/3"),
        pings,
        settings({INITIAL_WINDOW_SIZE: 1}),
        comes(1),
        settings({INITIAL_WINDOW_SIZE: 9}),
        answered(1),
        serves(),
        values={INITIAL_WINDOW_SIZE: 0},
    ),
    case("6.9.2", "windows may become negative", negative_window, values={INITIAL_WINDOW_SIZE: 1000}),
    case("6.9.2", "the connection's window changes by WINDOW_UPDATE alone", window_of_connection),
    case(
        "6.9.2",
        "SETTINGS_INITIAL_WINDOW_SIZE that makes a window larger than the most",
        HOLD,
        window_update(1, MOST - WINDOW),
        pings,
        settings({INITIAL_WINDOW_SIZE: WINDOW + 1}),
        breaks(FLOW_CONTROL_ERROR),
        haproxy="takes it",
    ),
)

CASES = (*SETTINGS_FRAMES, *WINDOW_UPDATE_FRAMES)
