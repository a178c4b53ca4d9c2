"""How long connections live: keep-alive and close on both sides, HTTP/1.0, pipelining."""

from __future__ import annotations

from support.actor import Close, End, Pause, Recv, Send, Serve, Silence, Tell, Wait
from support.scenario import Scenario

from families.requests import get, request, response
from families.simple import SIMPLE, simple

HELLO = response("200 OK", "Content-Length: 5", "Server: demo", body=b"hello")
CLOSING = response("200 OK", "Content-Length: 5", "Connection: close", body=b"hello")
TWICE = (Send(get("/1")), Recv(), Send(get("/2")), Recv())

SCENARIOS = [
    Scenario(
        name="two requests on one connection",
        config=SIMPLE,
        talk=TWICE,
        logs=2,
        expect=[
            "HTTP/1.1 200 OK",
            "content-length: 1",
            "connections: 1",
            "GET /2 HTTP/1.1",
            "T/T/T/T/T 200 B - - ----",
        ],
    ),
    Scenario(
        name="header names go out in lower case, values untouched",
        config=SIMPLE,
        servers={"a": ((Serve(response("200 OK", "X-MiXed: VaLue", "CONTENT-LENGTH:   0", "Set-Cookie: A=b")),),)},
        talk=[Send(get("/", "X-UPPER:  Some Value  ", "x-lower:v", "X-Empty:", "Accept: a, b")), Recv()],
        expect=["x-mixed: VaLue", "x-upper: Some Value", "x-lower: v", "x-empty: \n", "host: h"],
    ),
    Scenario(
        name="client asks to close",
        config=SIMPLE,
        talk=[Send(get("/", "Connection: close")), Recv(), End()],
        expect=["connection: close", "(closed)"],
    ),
    Scenario(
        name="client asks to close among other tokens",
        config=SIMPLE,
        talk=[Send(get("/", "Connection: Foo, CLOSE", "Foo: bar")), Recv(), End()],
        expect=["(closed)"],
    ),
    Scenario(
        name="client half-closes after its request",
        config=SIMPLE,
        talk=[Send(get("/")), Recv(), Close()],
        expect=["HTTP/1.1 200 OK"],
    ),
    Scenario(
        name="option httpclose",
        config=simple(front="option httpclose", back="option httpclose"),
        talk=[Send(get("/1")), Recv(), End()],
        expect=["connection: close", "(closed)"],
    ),
    Scenario(
        name="option http-server-close",
        config=simple(front="option http-server-close", back="option http-server-close"),
        talk=TWICE,
        logs=2,
        expect=["connections: 2", "connection: close"],
    ),
    Scenario(
        name="HTTP/1.0 closes",
        config=SIMPLE,
        talk=[Send(get("/", version="HTTP/1.0")), Recv(), End()],
        expect=["HTTP/1.1 200 OK", "(closed)", '"GET / HTTP/1.0"'],
    ),
    Scenario(
        name="HTTP/1.0 with keep-alive",
        config=SIMPLE,
        talk=[
            Send(get("/1", "Connection: keep-alive", version="HTTP/1.0")),
            Recv(),
            Send(get("/2", "Connection: Keep-Alive", version="HTTP/1.0")),
            Recv(),
        ],
        logs=2,
        expect=["connection: keep-alive", '"GET /2 HTTP/1.0"'],
    ),
    Scenario(
        name="HTTP/1.0 without Host",
        config=SIMPLE,
        talk=[Send(get("/", version="HTTP/1.0", host="")), Recv(), End()],
        expect=["HTTP/1.1 200 OK"],
    ),
    Scenario(
        name="server closes after its answer, client keeps on",
        config=SIMPLE,
        servers={"a": ((Recv(), Send(CLOSING)),)},
        talk=TWICE,
        logs=2,
        expect=["connections: 2"],
    ),
    Scenario(
        name="server speaks HTTP/1.0",
        config=SIMPLE,
        servers={"a": ((Recv(), Send(response("200 OK", "Content-Length: 2", body=b"hi", version="HTTP/1.0"))),)},
        talk=TWICE,
        logs=2,
        expect=["connections: 2", "'hi'"],
    ),
    Scenario(
        name="server speaks HTTP/1.0 with keep-alive",
        config=SIMPLE,
        servers={
            "a": (
                (
                    Serve(
                        response(
                            "200 OK", "Content-Length: 2", "Connection: keep-alive", body=b"hi", version="HTTP/1.0"
                        )
                    ),
                ),
            )
        },
        talk=TWICE,
        logs=2,
        expect=["'hi'"],
    ),
    Scenario(
        name="three pipelined requests in one write",
        config=SIMPLE,
        servers={"a": ((Serve(HELLO, (("/2", response("404 Not Found", "Content-Length: 2", body=b"no")),)),),)},
        talk=[Send(get("/1") + get("/2") + get("/3")), Recv(), Recv(), Recv()],
        logs=3,
        expect=["HTTP/1.1 404 Not Found", "GET /3 HTTP/1.1"],
    ),
    Scenario(
        name="pipelined behind a request with a body",
        config=SIMPLE,
        talk=[Send(request("POST", "/1", body=b"12345") + get("/2")), Recv(), Recv()],
        logs=2,
        expect=["[length] '12345'", "GET /2 HTTP/1.1"],
    ),
    Scenario(
        name="pipelined behind a request that closes is not served",
        config=SIMPLE,
        talk=[Send(get("/1", "Connection: close") + get("/2")), Recv(), End()],
        expect=["(closed)"],
    ),
    Scenario(
        name="empty lines before a request are skipped",
        config=SIMPLE,
        talk=[Send(get("/1")), Recv(), Send(b"\r\n" + get("/2")), Recv()],
        logs=2,
        expect=["GET /2 HTTP/1.1"],
    ),
    Scenario(
        name="timeout http-keep-alive closes in silence",
        config=simple(front="timeout http-keep-alive 150ms"),
        talk=[Send(get("/1")), Recv(), End()],
        expect=["(closed)"],
    ),
    Scenario(
        name="server closes an idle connection, next request takes a new one",
        config=SIMPLE,
        servers={"a": ((Recv(), Send(HELLO), Pause(0.05), Close(), Tell("closed")), (Serve(HELLO),))},
        talk=[Send(get("/1")), Recv(), Wait("closed"), Pause(0.1), Send(get("/2")), Recv()],
        logs=2,
        expect=["connections: 2"],
    ),
    Scenario(
        name="request in pieces",
        config=SIMPLE,
        talk=[Send(get("/1", "X-Long: " + "y" * 40), apart=7), Recv(), Silence(0.05)],
        expect=["(silence)"],
    ),
    Scenario(
        name="option http-pretend-keepalive",
        config=simple(back="option http-server-close\noption http-pretend-keepalive"),
        talk=TWICE,
        logs=2,
        expect=["connections: 2"],
    ),
    Scenario(
        name="nothing of an exchange is left to the next",
        config="""
frontend web
    bind 127.0.0.1:{port:front}
    log-format "%b/%s %ST %tsc %bi %si:%sp %[bc_dst]:%[bc_dst_port] %[capture.res.ver] %{+Q}r"
    http-request deny if { path /denied }
    http-request return status 200 if { path /mine }
    http-after-response set-header x-dst %[bc_dst]:%[bc_dst_port]
    use_backend dead if { path /dead }
    default_backend app
backend app
    server s1 {server:a}
backend dead
    retries 0
    server s1 {refused:s1}
""",
        talk=[step for path in ("/1", "/denied", "/2", "/mine", "/dead", "/3") for step in (Send(get(path)), Recv())],
        logs=6,
        expect=["x-dst: :\n", "web/<NOSRV> 403 PR-- - -:- -:- - "],
    ),
]
