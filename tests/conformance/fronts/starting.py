"""RFC 9113 3: starting HTTP/2; 9.2: over TLS."""

from __future__ import annotations

from support.h2_peer import (
    ENABLE_PUSH,
    FRAME_SIZE_ERROR,
    INITIAL_WINDOW_SIZE,
    PREFACE,
    PROTOCOL_ERROR,
    SETTINGS,
    RawClient,
    asking,
    data,
    headers,
    literals,
    ping,
    settings,
    settings_of,
    window_update,
)
from support.h2_script import acknowledged, answered, ask, breaks, case, closes, ignores, pings, serves

GET = headers(1, literals(asking()))


def first_is_settings(client: RawClient) -> None:
    """The server connection preface is a SETTINGS frame, the first frame that comes (3.4)."""
    client.until(settings_of)
    first = client.frames[0]
    assert first.kind == SETTINGS and first.flags == 0 and first.stream == 0, client.transcript()


def http_1(text: bytes, *seen: bytes) -> object:
    """An HTTP/1 answer comes to that text."""

    def talk(client: RawClient) -> None:
        client.sock.sendall(text)
        client.sock.settimeout(client.patience)
        got = b""
        while not all(piece in got for piece in seen):
            piece = client.sock.recv(65536)
            assert piece, got
            got += piece

    return talk


H2C = (
    b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
)
CASES = (
    case(
        "3.1",
        "h2c is no protocol to upgrade to",
        http_1(H2C, b"HTTP/1.1 200", b"\r\n\r\nok"),
        preface=b"",
        port="http1",
    ),
    case("3.2", "ALPN chooses h2", ask(1), answered(1, body=b"ok"), port="tls"),
    case(
        "3.2",
        "over TLS the connection ends with the error of a frame",
        data(0, b"x"),
        breaks(PROTOCOL_ERROR),
        port="tls",
    ),
    case("3.3", "prior knowledge", ask(1), answered(1, body=b"ok")),
    case("3.3", "prior knowledge on a port of HTTP/1", ask(1), answered(1, body=b"ok"), port="http1"),
    case(
        "3.3",
        "HTTP/1 on a port of HTTP/1",
        http_1(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\n\r\nok"),
        preface=b"",
        port="http1",
    ),
    case("3.4", "the first frame of a server is SETTINGS", first_is_settings),
    case("3.4", "the server's SETTINGS do not wait for a request", first_is_settings, preface=PREFACE + settings()),
    case(
        "3.4",
        "requests may follow the preface at once",
        first_is_settings,
        answered(1),
        preface=PREFACE + settings() + GET,
    ),
    case(
        "3.4",
        "requests may follow the preface at once on a port of HTTP/1",
        answered(1),
        preface=PREFACE + settings() + GET,
        port="http1",
    ),
    case("3.4", "SETTINGS of the preface are acknowledged", acknowledged, serves()),
    case(
        "3.4",
        "SETTINGS of the preface with values",
        acknowledged,
        serves(),
        values={ENABLE_PUSH: 0, INITIAL_WINDOW_SIZE: 100_000},
    ),
    case(
        "3.4", "a preface that is something else", closes(PROTOCOL_ERROR), preface=b"INVALID CONNECTION PREFACE\r\n\r\n"
    ),
    case(
        "3.4",
        "a preface with one wrong byte",
        closes(PROTOCOL_ERROR),
        preface=PREFACE[:-5] + b"X" + PREFACE[-4:] + settings(),
    ),
    case(
        "3.4",
        "a preface of another version",
        closes(PROTOCOL_ERROR),
        preface=PREFACE.replace(b"2.0", b"2.1") + settings(),
    ),
    case(
        "3.4", "a preface with LF alone", closes(PROTOCOL_ERROR), preface=PREFACE.replace(b"\r\n", b"\n") + settings()
    ),
    case(
        "3.4",
        "a request of HTTP/1 on a port of HTTP/2",
        closes(PROTOCOL_ERROR),
        preface=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    case("3.4", "HEADERS in place of SETTINGS", closes(PROTOCOL_ERROR), preface=PREFACE + GET),
    case("3.4", "PING in place of SETTINGS", closes(PROTOCOL_ERROR), preface=PREFACE + ping()),
    case("3.4", "WINDOW_UPDATE in place of SETTINGS", closes(PROTOCOL_ERROR), preface=PREFACE + window_update(0, 1)),
    case("3.4", "an acknowledgment in place of SETTINGS", closes(PROTOCOL_ERROR), preface=PREFACE + settings(ack=True)),
    case(
        "3.4",
        "a preface in pieces",
        *(PREFACE[at : at + 1] for at in range(24)),
        settings(),
        ask(1),
        answered(1),
        preface=b"",
    ),
    case("3.4", "a preface twice", PREFACE, closes(PROTOCOL_ERROR, FRAME_SIZE_ERROR)),
    case(
        "3.4",
        "SETTINGS are acknowledged before later frames",
        settings({INITIAL_WINDOW_SIZE: 70_000}),
        acknowledged,
        pings,
        ignores,
    ),
)
