"""Actions on the request line, the status and the log level; and what rules do to Host, Connection and methods."""

from __future__ import annotations

from support.actor import Recv, Send, Serve
from support.origin import ok
from support.scenario import Scenario

from families.requests import get, post, request, response
from families.rules_talk import talk
from families.simple import simple

ABSOLUTE = b"GET http://o.example:81/p/q?x=1 HTTP/1.1\r\nHost: o.example:81\r\n\r\n"
BARE = b"GET http://o.example/ HTTP/1.1\r\nHost: o.example\r\n\r\n"
TARGETS = (get("/a/b?x=1&y"), get("/"), get("/?"), ABSOLUTE, BARE, request("OPTIONS", "*"))
EMPTY = {"a": ((Serve(response("200 OK", "Content-Length: 0")),),)}
LEVELS = "no log\nlog {log} format priority local0\n"
NASTY = get("/a%20b%0d%0a%ff%22%3f%23z?q%20")
ENCODED = (
    "what may not stand in a request's target is percent-encoded where a rule writes it; "
    "HAProxy sends blanks, `#` and bytes above 127"
)

SCENARIOS = [
    *(
        talk(f"{action} {value}", f"http-request {action} {value}", *expect, requests=TARGETS)
        for action, value, expect in (
            ("set-path", "/new", ("GET /new?x=1&y", "GET http://o.example:81/new?x=1", "OPTIONS /new")),
            ("set-path", "/%[hdr(host)]%[path]", ("GET /h/a/b?x=1&y",)),
            ("set-path", "/n?z", ("GET /n?z?x=1&y",)),
            ("set-pathq", "/new", ("GET /new HTTP/1.1", "GET http://o.example:81/new HTTP")),
            ("set-pathq", "/new?%[path]", ("GET /new?/a/b",)),
            ("set-query", "a=%[path]", ("GET /a/b?a=/a/b", "GET http://o.example/?a=")),
            ("set-query", '"%[req.hdr(nope)]"', ("GET /a/b? HTTP", "GET / HTTP", "GET /? HTTP")),
            ("set-uri", "/u?v", ("GET /u?v HTTP/1.1",)),
            ("set-uri", "http://n.example/u?v", ("GET http://n.example/u?v HTTP/1.1", "host: n.example")),
            ("replace-path", "(.*) /foo\\1", ("GET /foo/a/b?x=1&y",)),
            ("replace-path", "/foo/(.*) /\\1", ("GET /a/b?x=1&y",)),
            ("replace-pathq", "([^?]*)(\\?(.*))? \\1/foo\\2", ("GET /a/b/foo?x=1&y",)),
            ("replace-uri", "^http://(.*) https://\\1", ("GET https://o.example:81/p/q?x=1",)),
            ("replace-uri", "([^/:]*://[^/]*)?(.*) \\1/foo\\2", ("GET http://o.example/foo/ HTTP/1.1",)),
        )
    ),
    talk(
        "replace-path takes the whole path",
        "http-request replace-path /b Z",
        "GET Z?/b",
        requests=[get("/a/b/c?/b")],
    ),
    talk(
        "set-path with an empty result",
        'http-request set-path "%[req.hdr(nope)]"',
        "GET  HTTP/1.1",
        requests=[get("/")],
        differs="`set-path` with an empty result makes the path `/`; HAProxy sends a request line without a target",
        ours=["GET / HTTP/1.1"],
    ),
    *(
        talk(
            f"{action} with bytes that no target may have",
            f'http-request {action} "%[path,url_dec]"',
            expect,
            requests=[NASTY],
            differs=ENCODED,
            ours=[ours],
        )
        for action, expect, ours in (
            ("set-path", 'GET /a b%0D%0A\\xff"?#z?q%20 HTTP/1.1', 'GET /a%20b%0D%0A%FF"?%23z?q%20 HTTP/1.1'),
            ("set-uri", 'GET /a b%0D%0A\\xff"?#z HTTP/1.1', 'GET /a%20b%0D%0A%FF"?%23z HTTP/1.1'),
        )
    ),
    talk(
        "a path that holds NUL is not decoded",
        'http-request set-header x-a "[%[path,url_dec]]"',
        "x-a: [/a%00b]",
        requests=[get("/a%00b")],
        differs="`url_dec` gives no sample where `%00` stands in the value; 2.6 decodes it",
        until_peer=(3, 0),
        ours=["x-a: []"],
    ),
    talk(
        "later rules see the new line",
        "http-request set-path /new\nhttp-request set-query z=2\n"
        "http-request set-header x-p %[path]:%[query]:%[url]:%[base] if { path /new } { path_beg /n } !{ path /a }\n"
        "http-request deny if { path /a }",
        "x-p: /new:z=2:/new?z=2:h/new",
        requests=[get("/a")],
    ),
    talk(
        "a redirection behind set-path",
        "http-request set-path /new\nhttp-request redirect prefix http://x",
        "location: http://x/new?b",
        requests=[get("/a?b")],
    ),
    talk("set-path in a backend", "", "GET /new/a", requests=[get("/a")], back="http-request set-path /new%[path]"),
    talk(
        "Host and an absolute URI stay one",
        "http-request set-header Host other",
        "GET http://other/p/q?x=1",
        "GET http://other/ HTTP/1.1",
        "host: other",
        requests=[ABSOLUTE, BARE],
    ),
    talk("without rules an absolute URI stays", "", "GET http://o.example:81/p/q?x=1", requests=[ABSOLUTE, BARE]),
    talk("set-method", "http-request set-method put", "put / HTTP/1.1", requests=[get("/"), post("/", b"abc")]),
    talk(
        "the sample `method` behind set-method",
        'http-request set-method PUT\nhttp-request set-header x-m "%[method]"',
        "x-m: GET",
        differs="behind `set-method` the fetch `method` gives the new method; "
        "HAProxy's gives the one that was received",
        ours=["x-m: PUT"],
    ),
    Scenario(
        name="HEAD made a GET",
        config=simple(front="http-request set-method GET if { method HEAD }"),
        talk=[Send(request("HEAD", "/")), Recv(head_only=True), Send(get("/")), Recv()],
        logs=2,
        expect=["GET / HTTP/1.1", "HEAD / HTTP/1.1"],
    ),
    talk(
        "GET made a HEAD",
        "http-request set-method HEAD if { path /a }",
        "HEAD /a",
        requests=[get("/a"), get("/b")],
        servers=EMPTY,
        differs="where `set-method` makes a GET a HEAD, the client, which expects a body, finds its connection closed; "
        "HAProxy leaves it waiting",
        ours=["HEAD /a", "connection: close"],
    ),
    talk("set-status", "http-response set-status 503 if { status 200 }", "HTTP/1.1 503 Service Unavailable"),
    talk("set-status reason", 'http-response set-status 299 reason "So so"', "HTTP/1.1 299 So so", " 299 B "),
    talk(
        "set-status of an answer of our own",
        "http-request deny\nhttp-after-response set-status 431\nhttp-after-response set-header x-s %[status]",
        "HTTP/1.1 431 Request Header Fields Too Large",
        "x-s: 431",
        " 431 B ",
    ),
    talk(
        "set-status 204",
        "http-response set-status 204",
        "HTTP/1.1 204 No Content\ncontent-length: ",
        differs="Where `set-status` makes it a 204 or 1xx, a response has no `Content-Length` (RFC 9110 8.6); 3.2 lets "
        "it stand in a 204",
        from_peer=(3, 0),
        ours=["HTTP/1.1 204 No Content\nx-a: "],
    ),
    talk("set-status 304", "http-response set-status 304", "HTTP/1.1 304 Not Modified"),
    talk("set-status 999", "http-response set-status 999", "HTTP/1.1 999 Other"),
    talk(
        "set-log-level silent",
        "http-request set-log-level silent if { path /s }",
        "GET /t HTTP/1.1",
        requests=[get("/s"), get("/t")],
        logs=1,
    ),
    talk(
        "the last level holds",
        LEVELS + "http-request set-log-level silent\nhttp-response set-log-level alert",
        "<129>",
        requests=[get("/s")],
    ),
    talk(
        "levels of one connection's requests",
        LEVELS + "http-request set-log-level crit if { path /s }",
        "<130>",
        "<134>",
        requests=[get("/s"), get("/t")],
    ),
    talk(
        "set-log-level under log-separate-errors",
        LEVELS + "option log-separate-errors\nhttp-request set-log-level debug if { path_beg /s }\n"
        "http-request deny if { path_end /d }",
        "<135>",
        "<131>",
        "<134>",
        requests=[get("/s"), get("/s/d"), get("/d"), get("/t")],
    ),
    *(
        talk(f"{name}: {front.replace(chr(10), '; ')}", front, expect, requests=[get("/"), get("/")], logs=logs)
        for name, front, expect, logs in (
            ("the response closes", "http-response set-header connection close", "connection: close", 1),
            ("the response closes", 'http-response set-header connection "close, foo"', "connection: foo", 1),
            ("the response closes", "http-after-response set-header connection close", "connection: close", 1),
            (
                "the response closes",
                "http-request deny\nhttp-after-response set-header connection close",
                "connection: close",
                1,
            ),
            ("it stays", "http-response set-header connection keep-alive", "200 OK", 2),
            ("the request closes", "http-request set-header connection close", "connection 2:", 2),
            ("it stays", 'http-request set-header connection "foo, x-a"', "connection: foo, x-a", 2),
        )
    ),
    talk(
        "framing cannot be edited",
        "http-response set-header content-length 5",
        "content-length: 5",
        servers={"a": ((Serve(ok(b"a")),),)},
        differs="rules cannot make Content-Length or Transfer-Encoding say what the body is not; "
        "HAProxy sends what they wrote",
        ours=["content-length: 1\n[length] 'a'"],
    ),
]
