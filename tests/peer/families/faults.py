"""Faults and timeouts of clients and servers: status and termination state of each."""

from __future__ import annotations

from support.actor import Close, End, HalfClose, Pause, Recv, Reset, Send, Silence, Tell, Until, Wait
from support.scenario import HTTP, On, Open, Scenario, Stat

from families.requests import get, request, response
from families.simple import SIMPLE, simple

OK = response("200 OK", "Content-Length: 2", body=b"ok")
LARGE = response("200 OK", "Content-Length: 30000000", body=b"x" * 30000000)
HANG = ((Recv(), Tell("asked"), End()),)
STALLED = (
    "a client that stops amid its request's body meets `timeout client` (400, `cH`); 2.6 waits for "
    "`timeout server` (504, `sH`)"
)
GONE = "a client that leaves while its request is under way has the status 400 in the log; 2.6 says -1"
ABORTS = HTTP + "    option abortonclose\n"


def refused(words: str = "", more: str = "") -> str:
    """A backend whose server refuses connections."""
    return f"""
frontend web
    bind 127.0.0.1:{{port:front}}
    default_backend app
backend app
    retries 0
    {more}
    server s1 {{refused:s1}} {words}
"""


SCENARIOS = [
    Scenario(
        name="server refuses",
        config=refused(),
        talk=[Send(get("/")), Recv(), End(0.05)],
        expect=["HTTP/1.1 503 Service Unavailable", "app/s1", "SC--"],
    ),
    Scenario(
        name="server refuses, then the connection serves on",
        config=refused(),
        talk=[Send(get("/1")), Recv(), Send(get("/2")), Recv()],
        logs=2,
        expect=['503 B - - SC-- 1/1/0/0/0 0/0 "GET /2 HTTP/1.1"'],
    ),
    Scenario(
        name="server refuses, and the error page is nothing",
        config=refused(more="errorfile 503 /dev/null"),
        talk=[Send(get("/")), End(), Stat("app/BACKEND", ("hrsp_5xx", "econ"))],
        expect=["503 B - - SC--", "hrsp_5xx=1", "(closed)"],
    ),
    Scenario(
        name="connect timeout",
        config="""
frontend web
    bind 127.0.0.1:{port:front}
    default_backend app
backend app
    retries 0
    timeout connect 200ms
    server s1 {silent:s1}
""",
        talk=[Send(get("/")), Recv()],
        expect=["HTTP/1.1 503 Service Unavailable", "sC--"],
    ),
    Scenario(
        name="server timeout in the head",
        config=simple(back="timeout server 200ms"),
        servers={"a": HANG},
        talk=[Send(get("/")), Recv()],
        expect=["HTTP/1.1 504 Gateway Time-out", "sH--"],
    ),
    Scenario(
        name="server timeout in the body",
        config=simple(back="timeout server 200ms"),
        servers={"a": ((Recv(), Send(response("200 OK", "Content-Length: 9", body=b"half")), End()),)},
        talk=[Send(get("/")), Recv()],
        expect=["(closed", "sD--"],
    ),
    Scenario(
        name="client timeout before a byte",
        config=simple(front="timeout client 200ms"),
        talk=[Open(), End()],
        expect=["(closed)", "cR--"],
    ),
    Scenario(
        name="client timeout in the head",
        config=simple(front="timeout client 200ms"),
        talk=[Send(b"GET / HTTP/1.1\r\nHo"), Recv(), End()],
        expect=["HTTP/1.1 408 Request Time-out", "cR--"],
    ),
    Scenario(
        name="timeout http-request in the head",
        config=simple(front="timeout http-request 200ms"),
        talk=[Send(b"GET / HTTP/1.1\r\nHost: h\r\nX"), Recv(), End()],
        expect=["HTTP/1.1 408 Request Time-out", "cR--"],
    ),
    Scenario(
        name="timeout http-request holds from the first byte on",
        config=simple(front="timeout http-request 300ms\ntimeout http-keep-alive 2s"),
        talk=[Send(get("/1")), Recv(), Pause(0.4), Send(get("/2")), Recv(), Send(b"GET /3 "), Recv(), End()],
        logs=3,
        expect=['"GET /2 HTTP/1.1"', "HTTP/1.1 408"],
    ),
    Scenario(
        name="client timeout in the body",
        config=simple(front="timeout client 300ms", back="timeout server 600ms"),
        servers={"a": ((Until(b"half"), End()),)},
        talk=[Send(request("POST", "/", "Content-Length: 9") + b"half"), Recv(), End()],
        expect=["(closed)", "HTTP/1.1 504", "sH--"],
        differs=STALLED,
        until_peer=(3, 0),
        ours=["(closed)", "HTTP/1.1 400", "cH--"],
    ),
    Scenario(
        name="client and server timeout in the body",
        config=simple(front="timeout client 300ms", back="timeout server 300ms"),
        servers={"a": ((Until(b"half"), End()),)},
        talk=[Send(request("POST", "/", "Content-Length: 9") + b"half"), Recv(), End()],
        expect=["(closed)", "HTTP/1.1 504", "sH--"],
        differs=STALLED,
        until_peer=(3, 0),
        ours=["(closed)", "HTTP/1.1 400", "cH--"],
    ),
    Scenario(
        name="client timeout while it reads too slowly",
        config=simple(front="timeout client 300ms"),
        servers={"a": ((Recv(), Send(LARGE)),)},
        talk=[Send(get("/")), Pause(0.9)],
        expect=["cD--"],
    ),
    Scenario(
        name="client closes within the head",
        config=SIMPLE,
        talk=[Send(b"GET / HTT"), Pause(0.05), Close()],
        expect=["400 B - - CR--", "<BADREQ>"],
    ),
    Scenario(
        name="client closes without a byte",
        config=SIMPLE,
        talk=[Open(), Close()],
        expect=["CR--", "<BADREQ>"],
    ),
    Scenario(
        name="client resets without a byte",
        config=SIMPLE,
        talk=[Open(), Reset()],
        expect=["CR--", "<BADREQ>"],
    ),
    *(
        Scenario(
            name=f"client leaves while {phase}: {type(way).__name__}",
            prelude=ABORTS,
            config=config,
            servers={"a": HANG} if "{server:a}" in config else {},
            talk=[Send(get("/")), *waits, way, *([End(1)] if isinstance(way, HalfClose) else [Pause(0.1)])],
            expect=["CD--" if "works" in phase and isinstance(way, Reset) else logged],
            differs=GONE if "works" in phase and isinstance(way, Reset) else "",
            until_peer=(3, 0),
            ours=["400 B - - CD--"] if "works" in phase and isinstance(way, Reset) else [],
        )
        for phase, config, waits, logged in (
            ("the server works", SIMPLE, (Wait("asked"),), "400 B - - CH--"),
            ("connecting", SIMPLE.replace("{server:a}", "{silent:s1}"), (Pause(0.1),), "-1 B - - CC--"),
            ("pausing", refused(more="retries 1").replace("retries 0", ""), (Pause(0.1),), "-1 B - - CC--"),
        )
        for way in (Close(), Reset(), HalfClose())
    ),
    Scenario(
        name="client half-closes while it waits, no option abortonclose",
        prelude=HTTP + "    no option abortonclose\n",
        config=SIMPLE,
        servers={"a": ((Recv(), Tell("asked"), Pause(0.1), Send(OK), End()),)},
        talk=[Send(get("/")), Wait("asked"), HalfClose(), Recv(), End()],
        expect=["'ok'"],
    ),
    Scenario(
        name="client half-closes in the body of the response",
        prelude=ABORTS,
        config=SIMPLE,
        servers={"a": ((Recv(), Send(response("200 OK", "Content-Length: 9", body=b"half")), End()),)},
        talk=[Send(get("/")), Until(b"half"), HalfClose(), End()],
        expect=["200 B - - CD--"],
    ),
    Scenario(
        name="client resets in the body of the response",
        config=SIMPLE,
        servers={"a": ((Recv(), Send(response("200 OK", "Content-Length: 9000000", body=b"x" * 4000000)), End()),)},
        talk=[Send(get("/")), Until(b"xxx", quiet=True), Reset()],
        expect=["CD--"],
    ),
    Scenario(
        name="client closes in the body of the request",
        config=SIMPLE,
        servers={"a": ((Until(b"half"), Tell("half"), End()),)},
        talk=[Send(request("POST", "/", "Content-Length: 9") + b"half"), Wait("half"), Close()],
        expect=["CD--"],
        differs=GONE,
        until_peer=(3, 0),
        ours=["400 B - - CH--"],
    ),
    Scenario(
        name="bad chunk in the body of the request",
        config=SIMPLE,
        servers={"a": ((Until(b"half"), Tell("half"), End()),)},
        talk=[
            Send(request("POST", "/", "Transfer-Encoding: chunked") + b"4\r\nhalf\r\n"),
            Wait("half"),
            Send(b"zz\r\n"),
            Recv(),
            End(),
        ],
        expect=["400 B - - PH--"],
        differs="A request whose body turns out to be wrong is answered by 400; 3.2 closes without a word",
        from_peer=(3, 0),
        ours=["HTTP/1.1 400 Bad request"],
    ),
    Scenario(
        name="redispatch to a server that lives",
        config="""
frontend web
    bind 127.0.0.1:{port:front}
    default_backend app
backend app
    balance roundrobin
    option redispatch 1
    retries 1
    server s1 {refused:s1}
    server s2 {server:b}
""",
        talk=[Send(get("/1")), Recv(), Send(get("/2")), Recv()],
        logs=2,
        unordered=True,
        expect=["/+1 0/0", "[length] 'b'"],
    ),
    Scenario(
        name="retries without redispatch end in 503",
        config=refused(more="retries 2\n    timeout connect 100ms"),
        talk=[Send(get("/")), Recv()],
        expect=["503 B - - SC-- 1/1/0/0/2 0/0"],
    ),
    Scenario(
        name="retry-on empty-response",
        config=simple(back="retry-on empty-response conn-failure\nretries 1"),
        servers={"a": ((Recv(), Close()), (Recv(), Send(OK), End()))},
        talk=[Send(get("/")), Recv()],
        expect=["'ok'", "connections: 2", "1/1/0/0/1 0/0"],
    ),
    Scenario(
        name="no server at all",
        config="""
frontend web
    bind 127.0.0.1:{port:front}
    default_backend app
backend app
""",
        talk=[Send(get("/")), Recv(), End(0.05)],
        expect=["HTTP/1.1 503", "app/<NOSRV>", "SC--"],
    ),
    Scenario(
        name="no default_backend",
        config="""
frontend web
    bind 127.0.0.1:{port:front}
    use_backend app if { path /app }
backend app
    server s1 {server:a}
""",
        talk=[Send(get("/")), Recv(), Send(get("/app")), Recv()],
        logs=2,
        expect=["HTTP/1.1 503", "web/<NOSRV>", "SC--", "[length] 'a'"],
    ),
    Scenario(
        name="every server disabled",
        config=simple(server="disabled"),
        talk=[Send(get("/")), Recv()],
        expect=["HTTP/1.1 503", "app/<NOSRV>", "SC--"],
    ),
    Scenario(
        name="queue timeout",
        config=simple(back="timeout queue 200ms", server="maxconn 1"),
        servers={"a": ((Recv(), Tell("busy"), Pause(0.6), Send(OK), End()),)},
        talk=[
            Open(name="first"),
            Send(get("/1")),
            Wait("busy"),
            Open(name="second"),
            Send(get("/2")),
            Recv(),
            On("first"),
            Recv(),
        ],
        logs=2,
        expect=["HTTP/1.1 503", "sQ--", "'ok'", "0/1"],
    ),
    *(
        Scenario(
            name=f"queue of a server: {type(end).__name__}",
            prelude=ABORTS,
            config=simple(back="balance source\ntimeout queue 300ms", server="maxconn 1"),
            servers={"a": ((Recv(), Tell("busy"), Pause(0.8), Send(OK), End()),)},
            talk=[
                Open(name="first"),
                Send(get("/1")),
                Wait("busy"),
                Open(name="second"),
                Send(get("/2")),
                Pause(0.1),
                end,
                Pause(0.1),
                On("first"),
                Recv(),
            ],
            logs=2,
            expect=["app/s1 T/T/-1/-1/T", "2/2/1/1/0 1/0"],
        )
        for end in (Recv(), Close(), Reset(), HalfClose())
    ),
    Scenario(
        name="queue in a backend, served when a slot frees",
        config=simple(back="timeout queue 2s", server="maxconn 1"),
        servers={
            "a": (
                (Recv(), Tell("busy"), Pause(0.3), Send(OK), Recv(), Send(OK), End()),
                (Recv(), Send(OK), End()),
            )
        },
        talk=[
            Open(name="first"),
            Send(get("/1")),
            Wait("busy"),
            Open(name="second"),
            Send(get("/2")),
            Silence(0.1),
            Recv(),
            On("first"),
            Recv(),
        ],
        logs=2,
        expect=["'ok'", "(silence)", "1/0"],
    ),
    Scenario(
        name="maxqueue full",
        config=simple(back="timeout queue 400ms\noption redispatch", server="maxconn 1 maxqueue 1"),
        servers={"a": ((Recv(), Tell("busy"), Pause(0.8), Send(OK), End()),)},
        talk=[
            Open(name="first"),
            Send(get("/1")),
            Wait("busy"),
            Open(name="second"),
            Send(get("/2")),
            Pause(0.05),
            Open(name="third"),
            Send(get("/3")),
            Recv(),
            On("second"),
            Recv(),
            On("first"),
            Recv(),
        ],
        logs=3,
        unordered=True,
        expect=["HTTP/1.1 503"],
    ),
]
