"""Log lines: formats, tags, options that suppress or hasten them, targets' formats."""

from __future__ import annotations

from support.actor import Close, Recv, Reset, Send, Serve, Until
from support.origin import ok
from support.scenario import HTTP, TCP, Logged, Open, Scenario

from families.requests import get, post, request, response
from families.simple import simple

COOKIES = {"a": ((Serve(ok(b"a", b"Set-Cookie: SRV=xyz; path=/", b"X-Back: b1")),),)}
ASK = (
    Send(get("/p/q?x=1&y=%20", "User-Agent: te st", "Cookie: SID=abc; b=c", "X-A: one", "Referer: http://r/")),
    Recv(),
)


def formatted(name: str, text: str, *expect: str, **more: object) -> Scenario:
    """A frontend with this log-format."""
    return Scenario(
        name=name,
        config=simple(front=f"log-format {text}"),
        servers=COOKIES,
        talk=ASK,
        expect=expect,
        **more,  # type: ignore[arg-type]
    )


def target(name: str, words: str, *expect: str, more: str = "") -> Scenario:
    """A global section with this log line."""
    prelude = HTTP.replace("log {log} format raw local0", words)
    return Scenario(name=name, prelude=prelude, config=simple(front=more), talk=ASK, servers=COOKIES, expect=expect)


SCENARIOS = [
    formatted("addresses", '"%ci %cp %fi %fp %si %sp %bi"', "127.0.0.1 <client 1> 127.0.0.1 <port front>"),
    formatted("names", '"%f %ft %b %s %{+Q}f"', 'web web app s1 "web"'),
    formatted("request", '"%HM %HP %HU %HV %HQ %HPO %{+Q}r %ST"', "GET /p/q /p/q?x=1&y=%20 HTTP/1.1"),
    formatted("status and state", '"%ST %ts %tsc"', "200 -- ----"),
    formatted("counts", '"%ac %fc %bc %sc %rc %sq %bq"', "1 1 0 0 0 0 0"),
    formatted("timers", '"t=%Th/%Ti/%TR/%Tq/%Tw/%Tc/%Tr/%Td/%Ta/%Tt end"', "end"),
    formatted(
        "samples",
        '"%[src] %[dst_port] %[capture.req.method] %[capture.req.uri] %[capture.res.ver]"',
        "127.0.0.1 <port front> GET /p/q",
    ),
    formatted("quotes and escapes", r'"%{+Q}b %{-Q}s %{+Q}[src] %% a\ b"', '"app" s1 "127.0.0.1" % a b'),
    formatted("hexadecimal", '"%{+X}ci %{+X}o%fi"', "7F000001"),
    formatted("unescaped spaces", r"a\ b\ %ci", "a b 127.0.0.1"),
    formatted("absent values", '"%[capture.req.hdr(0)] %CC %CS %hr %hs end"', "- - - end"),
    Scenario(
        name="captured cookie and headers",
        config=simple(
            front="""
capture cookie SID= len 20
capture request header User-Agent len 10
capture request header X-None len 10
capture response header X-Back len 1
"""
        ),
        servers=COOKIES,
        talk=ASK,
        expect=["SID=abc - ", "{te st|} {b}"],
    ),
    Scenario(
        name="captures in a custom format",
        config=simple(
            front='capture request header X-A len 10\nlog-format "%hr %{+Q}hrl %hs %CC %[capture.req.hdr(0)]"'
        ),
        servers=COOKIES,
        talk=ASK,
        expect=["{one}"],
    ),
    Scenario(
        name="option httplog clf",
        config=simple(front="option httplog clf"),
        servers=COOKIES,
        talk=ASK,
        expect=['"GET /p/q?x=1&y=%20 HTTP/1.1" 200'],
    ),
    Scenario(
        name="default format",
        prelude=HTTP.replace("    option httplog\n", ""),
        config=simple(),
        talk=ASK,
        expect=["Connect from 127.0.0.1:<client 1> to 127.0.0.1:<port front> (web/HTTP)"],
    ),
    Scenario(
        name="httplog in full",
        config=simple(front="unique-id-format %{+X}o%ci\nunique-id-header X-Id"),
        talk=ASK,
        expect=["x-id: 7F000001"],
    ),
    Scenario(
        name="unprintable and quotes in the request are escaped",
        config=simple(),
        talk=[Send(get('/"a{b}|', "X-A: x")), Recv()],
        expect=['"GET /'],
    ),
    Scenario(
        name="option dontlognull",
        config=simple(front="option dontlognull"),
        talk=[
            Open(),
            Close(),
            Open(),
            Reset(),
            Open(),
            Send(b"GET"),
            Close(),
            Logged(1),
            Open(),
            Send(get("/")),
            Recv(),
        ],
        logs=2,
        expect=["<BADREQ>", '"GET / HTTP/1.1"'],
    ),
    Scenario(
        name="option dontlog-normal",
        config=simple(front="option dontlog-normal\nhttp-request deny if { path /no }"),
        talk=[Send(get("/")), Recv(), Send(get("/no")), Recv()],
        expect=['"GET /no HTTP/1.1"'],
    ),
    Scenario(
        name="option logasap",
        config=simple(front="option logasap"),
        servers={"a": ((Recv(), Send(response("200 OK", "Content-Length: 4")), Until(b"go"), Send(b"body")),)},
        talk=[Send(get("/")), Logged(1)],
        expect=["/+T 200 +B"],
    ),
    Scenario(
        name="option log-separate-errors",
        prelude=HTTP.replace("format raw", "format rfc3164"),
        config=simple(front="option log-separate-errors\nhttp-request deny deny_status 500 if { path /no }"),
        talk=[Send(get("/")), Recv(), Send(get("/no")), Recv()],
        logs=2,
        expect=["<134>", "<131>"],
    ),
    Scenario(
        name="http-request set-log-level",
        prelude=HTTP.replace("format raw", "format rfc3164"),
        config=simple(
            front="http-request set-log-level silent if { path /s }\nhttp-request set-log-level err if { path /e }"
        ),
        talk=[Send(get("/s")), Recv(), Send(get("/e")), Recv()],
        expect=["<131>"],
    ),
    Scenario(
        name="error-log-format",
        config=simple(front='error-log-format "E %ci %ST"'),
        talk=[Open(), Send(b"GET\r\n\r\n"), Recv()],
        expect=["400"],
    ),
    Scenario(
        name="no log",
        config=simple(front="no log"),
        talk=[Send(get("/")), Recv()],
        logs=0,
        expect=["[length] 'a'"],
    ),
    Scenario(
        name="log line of a backend that has its own log",
        config=simple(front="no log", back="log {log} format raw local1"),
        talk=[Send(get("/")), Recv()],
        logs=0,
        expect=["[length] 'a'"],
    ),
    Scenario(
        name="two targets",
        config=simple(front="log {log} format raw local1\nlog {log} format rfc3164 local2 notice"),
        talk=[Send(get("/")), Recv()],
        logs=2,
        expect=['"GET / HTTP/1.1"'],
    ),
    target("rfc3164", "log {log} local0", "<134><date> haproxy[<pid>]: 127.0.0.1:"),
    target("rfc5424", "log {log} format rfc5424 local0", "<134>1 <date> "),
    target("short", "log {log} format short local0", "<6>127.0.0.1:"),
    target("priority", "log {log} format priority local7", "<190>"),
    target("timed", "log {log} format timed local0", "<date> "),
    target("iso", "log {log} format iso local0", "<date> "),
    target("log-tag", "log {log} local3\n    log-tag mine", "<158><date> mine[<pid>]: "),
    target("log-tag of a frontend", "log {log} local0", "<134><date> own[<pid>]: ", more="log-tag own"),
    target("level filters", "log {log} format raw local0 notice\n    log {log} format raw local0", "GET /p/q"),
    target("level stays below its clamp", "log {log} format short local0 debug notice", "<6>"),
    target(
        "length",
        "log {log} len 80 format raw local0",
        "127.0.0.1 /p/q 0123456789",
        more='log-format "%ci %HP ' + "0123456789" * 8 + '"',
    ),
    target("log-send-hostname", "log {log} local0\n    log-send-hostname somewhere", "<date> somewhere haproxy["),
    Scenario(
        name="tcplog in a custom format",
        prelude=TCP,
        config="""
listen door
    bind 127.0.0.1:{port:front}
    log-format "%ci:%cp %ft %b/%s t=%Tw/%Tc/%Tt %B %U %ts %ac/%fc/%bc/%sc/%rc"
    server s1 {server:a}
""",
        servers={"a": ((Until(b"ping"), Send(b"pong!"), Close()),)},
        talk=[Send(b"ping"), Until(b"pong!"), Close()],
        expect=["5 4 --"],
    ),
    Scenario(
        name="POST, chunked and HEAD lines",
        config=simple(),
        talk=[
            Send(post("/post", b"abc")),
            Recv(),
            Send(request("HEAD", "/head")),
            Recv(head_only=True),
        ],
        servers={"a": ((Recv(), Send(ok(b"a")), Recv(), Send(response("200 OK", "Content-Length: 3"))),)},
        logs=2,
        expect=['"POST /post HTTP/1.1"', '"HEAD /head HTTP/1.1"'],
    ),
]
