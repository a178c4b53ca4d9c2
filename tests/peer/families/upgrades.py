"""Upgrade and CONNECT: tunnels, and what happens when a server refuses one."""

from __future__ import annotations

from support.actor import Close, End, HalfClose, Pause, Recv, Send, Until
from support.scenario import Scenario

from families.requests import get, post, request, response
from families.simple import SIMPLE, simple

WEBSOCKET = get(
    "/chat",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)
H2C = get("/", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA", "Connection: Upgrade, HTTP2-Settings")
SWITCHED = response(
    "101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
)
ATTACH = post("/exec/1/start", b"{}", "Connection: Upgrade", "Upgrade: tcp")
ATTACHED = response("101 UPGRADED", "Connection: Upgrade", "Upgrade: tcp")
ALONE = "`Upgrade` without a `Connection` that names it is taken out, and so is `Connection: upgrade` without `Upgrade`"
TALK_BACK = (Send(b"welcome"), Until(b"ping"), Send(b"pong"), End())

SCENARIOS = [
    Scenario(
        name="WebSocket, data both ways, client closes",
        config=SIMPLE,
        servers={"a": ((Recv(), Send(SWITCHED), *TALK_BACK),)},
        talk=[Send(WEBSOCKET), Recv(), Until(b"welcome"), Send(b"ping"), Until(b"pong"), Close()],
        expect=["HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "bytes 'pong'", "101 "],
    ),
    Scenario(
        name="WebSocket, server closes",
        config=simple(front="timeout client 1s"),
        # Where its end comes with the response's head, 3.2 waits now and then.
        servers={"a": ((Recv(), Send(SWITCHED + b"bye"), Pause(0.1), Close()),)},
        talk=[Send(WEBSOCKET), Recv(), End()],
        expect=["bytes 'bye'", "(closed)", "101 B - - cD--"],
        differs="A server that ends a tunnel ends it for both; 3.2 waits for the client, until `timeout client`",
        from_peer=(3, 0),
        ours=["bytes 'bye'", "(closed)", "101 B - - ----"],
    ),
    Scenario(
        name="WebSocket, bytes sent along with the request",
        config=simple(front="timeout client 1s"),
        servers={"a": ((Until(b"\r\n\r\n", quiet=True), Send(SWITCHED), Until(b"early"), Send(b"done"), Close()),)},
        talk=[Send(WEBSOCKET + b"early"), Recv(), End()],
        expect=["bytes 'early'", "bytes 'done'", "101 B - - cD--"],
        differs="A server that ends a tunnel ends it for both; 3.2 waits for the client, until `timeout client`, where "
        "that has sent bytes along with its request",
        from_peer=(3, 0),
        ours=["bytes 'early'", "bytes 'done'", "101 B - - ----"],
    ),
    Scenario(
        name="WebSocket, client half-closes",
        config=SIMPLE,
        servers={"a": ((Recv(), Send(SWITCHED), End(), Send(b"last words"), Close()),)},
        talk=[Send(WEBSOCKET), Recv(), Send(b"ping"), HalfClose(), End()],
        expect=["bytes 'ping'", "bytes 'last words'"],
    ),
    Scenario(
        name="timeout tunnel",
        config=simple(back="timeout tunnel 200ms"),
        servers={"a": ((Recv(), Send(SWITCHED), End()),)},
        talk=[Send(WEBSOCKET), Recv(), End()],
        expect=["(closed)"],
    ),
    Scenario(
        name="a refused upgrade, then the next request",
        config=SIMPLE,
        servers={
            "a": (
                (
                    Recv(),
                    Send(response("403 Forbidden", "Content-Length: 2", body=b"no")),
                    Recv(),
                    Send(response("200 OK", "Content-Length: 2", body=b"ok")),
                ),
            )
        },
        talk=[Send(WEBSOCKET), Recv(), Send(get("/next")), Recv()],
        logs=2,
        expect=["HTTP/1.1 403 Forbidden", "GET /next HTTP/1.1"],
    ),
    Scenario(
        name="an upgrade answered with 200",
        config=SIMPLE,
        talk=[Send(get("/", "Upgrade: foo/2", "Connection: upgrade")), Recv()],
        expect=["upgrade: foo/2", "connection: upgrade", "HTTP/1.1 200 OK"],
    ),
    Scenario(
        name="Upgrade without Connection",
        config=SIMPLE,
        talk=[Send(get("/", "Upgrade: foo")), Recv()],
        expect=["upgrade: foo"],
        differs=ALONE,
        until_peer=(3, 0),
        ours=["HTTP/1.1 200 OK", "  GET / HTTP/1.1\n  host: h\n---"],
    ),
    Scenario(
        name="Connection names an upgrade that is none",
        config=SIMPLE,
        talk=[Send(get("/", "Connection: upgrade")), Recv()],
        expect=["connection: upgrade"],
        differs=ALONE,
        until_peer=(3, 0),
        ours=["HTTP/1.1 200 OK", "  GET / HTTP/1.1\n  host: h\n---"],
    ),
    Scenario(
        name="Upgrade with a body",
        config=SIMPLE,
        servers={"a": ((Recv(), Send(ATTACHED), *TALK_BACK),)},
        talk=[Send(ATTACH), Until(b"\r\n\r\n"), Until(b"welcome"), Send(b"ping"), Until(b"pong"), Close()],
        expect=["HTTP/1.1 502 Bad Gateway", " PH-- "],
        differs="An upgrade of a request with a body (`docker attach`) goes through",
        ours=["upgrade: tcp", "bytes 'pong'", "101 "],
        until_peer=(3, 0),
    ),
    Scenario(
        name="a WebSocket that the server does not accept",
        config=SIMPLE,
        servers={
            "a": (
                (Recv(), Send(response("101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")), End()),
            )
        },
        talk=[Send(WEBSOCKET), Recv()],
        expect=["HTTP/1.1 502 Bad Gateway", " PH-- "],
    ),
    Scenario(
        name="101 without Connection",
        config=SIMPLE,
        servers={"a": ((Recv(), Send(response("101 Switching Protocols", "Upgrade: foo")), End()),)},
        talk=[Send(get("/", "Upgrade: foo", "Connection: upgrade")), Recv()],
        expect=["HTTP/1.1 502 Bad Gateway", " PH-- "],
    ),
    Scenario(
        name="CONNECT, data both ways",
        config=SIMPLE,
        servers={"a": ((Recv(), Send(b"HTTP/1.1 200 OK\r\n\r\n"), *TALK_BACK),)},
        talk=[
            Send(request("CONNECT", "h:443", host="h:443")),
            Until(b"\r\n\r\n"),
            Until(b"welcome"),
            Send(b"ping"),
            Until(b"pong"),
            Close(),
        ],
        expect=["CONNECT h:443 HTTP/1.1", "bytes 'pong'"],
    ),
    Scenario(
        name="CONNECT refused by the server",
        config=SIMPLE,
        servers={"a": ((Recv(), Send(response("403 Forbidden", "Content-Length: 2", body=b"no"))),)},
        talk=[Send(request("CONNECT", "h:443", host="h:443")), Recv()],
        expect=["HTTP/1.1 403 Forbidden"],
    ),
    Scenario(
        name="Upgrade: h2c",
        config=SIMPLE,
        talk=[Send(H2C), Recv()],
        expect=["http2-settings: "],
        differs="`Upgrade: h2c` is taken out of requests, and `HTTP2-Settings` with it (RFC 9113 3.1); 3.2 forwards "
        "the latter, 2.6 both",
        ours=["HTTP/1.1 200 OK", "  GET / HTTP/1.1\n  host: h\n---"],
    ),
]
