"""http-request and http-response rules, redirects, error pages, forwardfor, monitor-uri."""

from __future__ import annotations

from support.actor import End, Recv, Send, Serve
from support.origin import ok
from support.scenario import Open, Scenario

from families.requests import get, request, response
from families.simple import SIMPLE, simple

PLAIN = (Send(get("/some/path?x=1&y=2", "User-Agent: curl", "X-A: 1", "X-A: 2")), Recv())
TIMED = "A response that a rule denies, drops or replaces has its time (`%Tr`) in the log; 2.6 says -1"
MARKED = {"a": ((Serve(ok(b"a", b"X-A: one", b"X-A: two", b"Location: /there", b"Server: demo")),),)}
PAGE = b"HTTP/1.1 418 Teapot\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nshort\n"


def rule(name: str, front: str, *expect: str, back: str = "", **more: object) -> Scenario:
    """A GET with two X-A through these lines of a frontend."""
    return Scenario(
        name=name,
        config=simple(front=front, back=back),
        servers=MARKED,
        talk=PLAIN,
        expect=expect,
        files={"418.http": PAGE} if "{file:" in front + back else {},
        **more,  # type: ignore[arg-type]
    )


SCENARIOS = [
    rule("deny", "http-request deny", "HTTP/1.1 403 Forbidden", "web/<NOSRV>", "PR--"),
    rule("deny in a backend", "", "HTTP/1.1 403 Forbidden", "app/<NOSRV>", "PR--", back="http-request deny"),
    rule("deny with a status", "http-request deny deny_status 429", "HTTP/1.1 429 Too Many Requests"),
    rule("deny with status spelled short", "http-request deny status 404", "HTTP/1.1 404 Not Found"),
    rule(
        "deny with headers and a string",
        'http-request deny status 400 content-type text/plain hdr X-Why "%[path]" string "go away"',
        "HTTP/1.1 400 Bad Request",
        "x-why: /some/path",
        "'go away'",
    ),
    rule("allow ends the rules", "http-request allow\nhttp-request deny", "HTTP/1.1 200 OK"),
    rule("tarpit", "timeout tarpit 100ms\nhttp-request tarpit", "HTTP/1.1 500", "PT--"),
    rule(
        "return a string",
        'http-request return status 200 content-type text/plain string "hello"',
        "HTTP/1.1 200 OK",
        "content-type: text/plain",
        "'hello'",
        "LR--",
    ),
    rule(
        "return a log-format string",
        'http-request return status 201 content-type "text/plain" lf-string "%[path] %[src]"',
        "HTTP/1.1 201 Created",
        "'/some/path 127.0.0.1'",
    ),
    rule("return without a body", "http-request return status 200 hdr X-B c", "content-length: 0", "x-b: c"),
    rule("return the default page", "http-request return status 503 default-errorfiles", "HTTP/1.1 503"),
    rule("return an errorfile", "http-request return status 400 errorfile {file:418.http}", "short"),
    rule("return a file", "http-request return status 200 content-type text/x file {file:418.http}", "418 Teapot"),
    rule("redirect location", "http-request redirect location /new", "HTTP/1.1 302 Found", "location: /new", "LR--"),
    rule("redirect prefix", "http-request redirect prefix https://other", "location: https://other/some/path?x=1&y=2"),
    rule(
        "redirect prefix drop-query",
        "http-request redirect prefix https://other drop-query code 301",
        "HTTP/1.1 301 Moved Permanently",
        "location: https://other/some/path\n",
    ),
    rule("redirect scheme", "redirect scheme https code 308", "location: https://h/some/path?x=1&y=2"),
    rule("redirect append-slash", "redirect prefix /p drop-query append-slash", "location: /p/some/path/"),
    rule(
        "redirect with cookies",
        "redirect location / set-cookie SEEN=1 code 303",
        "HTTP/1.1 303 See Other",
        "set-cookie: SEEN=1; path=/",
    ),
    rule("redirect clear-cookie", "redirect location / clear-cookie USERID=", "set-cookie: USERID="),
    rule("redirect code 307", "redirect location / code 307", "HTTP/1.1 307 Temporary Redirect"),
    rule(
        "redirect with log-format", "http-request redirect code 302 location /x%[path]?%[query]", "/x/some/path?x=1&y=2"
    ),
    rule("redirect unless", "redirect location /n unless { path /other }", "location: /n"),
    rule(
        "set-header, add-header, del-header",
        'http-request set-header X-A "%[req.hdr(user-agent)]"\n'
        "http-request add-header X-B %[path]\nhttp-request add-header X-B 2\nhttp-request del-header user-agent",
        "x-a: curl",
        "x-b: /some/path",
        "x-b: 2",
    ),
    rule(
        "header values from tags and samples",
        'http-request set-header X-All "%ci %fi:%fp %ft %[src] %[dst] %[dst_port] %[method] %[query] %HM %HP %HV"',
        "127.0.0.1 127.0.0.1:<port front> web",
    ),
    rule(
        "conditional set-header",
        "http-request set-header X-Yes 1 if { path_beg /some }\n"
        "http-request set-header X-No 1 unless { path_beg /some }",
        "x-yes: 1",
    ),
    rule(
        "http-response headers",
        'http-response set-header X-A "%[status]"\n'
        'http-response add-header X-B "%s %b"\nhttp-response del-header server',
        "x-a: 200",
        "x-b: s1 app",
    ),
    *(
        rule(
            name,
            f"http-response {words}",
            f"T/T/T/-1/T {status} ",
            differs=TIMED,
            until_peer=(3, 0),
            ours=[f"HTTP/1.1 {status}", f"T/T/T/T/T {status} B - - {letters}--"],
        )
        for name, words, status, letters in (
            ("http-response deny", "deny", "502", "PH"),
            ("http-response deny with status", "deny status 500", "500", "PH"),
            ("http-response return", 'return status 200 string "swapped" content-type text/plain', "200", "LH"),
        )
    ),
    rule(
        "http-response by status and header",
        "http-response set-header X-Hit 1 if { status 200 } { res.hdr(server) -m str demo }",
        "x-hit: 1",
    ),
    rule(
        "http-response in the backend goes first",
        "http-response add-header X-O front",
        "x-o: back",
        back="http-response add-header X-O back",
    ),
    rule("http-response allow", "http-response allow\nhttp-response deny", "HTTP/1.1 200 OK"),
    rule(
        "http-after-response on an answer of our own",
        "http-after-response set-header X-After 1\nhttp-request deny",
        "HTTP/1.1 403",
        "x-after: 1",
    ),
    rule(
        "rules of frontend, then of backend",
        "http-request add-header X-O f",
        "x-o: f",
        back="http-request add-header X-O b",
    ),
    rule("errorfile", "errorfile 403 {file:418.http}\nhttp-request deny", "HTTP/1.1 418 Teapot", "short"),
    rule("errorloc302", "errorloc302 403 http://sorry/\nhttp-request deny", "location: http://sorry/", "HTTP/1.1 302"),
    rule("errorloc303", "errorloc303 403 http://sorry/\nhttp-request deny", "HTTP/1.1 303"),
    rule(
        "http-error",
        'http-error status 403 content-type text/plain hdr X-E 1 string "no"\nhttp-request deny',
        "x-e: 1",
        "'no'",
    ),
    Scenario(
        name="errorfiles of an http-errors section",
        config="""
http-errors mine
    errorfile 403 {file:418.http}
    errorfile 503 {file:418.http}
frontend web
    bind 127.0.0.1:{port:front}
    errorfiles mine 403
    http-request deny
""",
        files={"418.http": PAGE},
        talk=PLAIN,
        expect=["HTTP/1.1 418 Teapot"],
    ),
    Scenario(
        name="monitor-uri",
        config=simple(front="monitor-uri /alive\nmonitor fail if { hdr(x-fail) 1 }"),
        talk=[Send(get("/alive")), Recv(), Send(get("/alive", "X-Fail: 1")), Recv(), Send(get("/")), Recv()],
        expect=["HTTP/1.1 200 OK", "HTTP/1.1 503", "[length] 'a'"],
    ),
    *(
        Scenario(
            name=f"forwardfor: {name}",
            config=simple(front=front, back=back),
            talk=[Open(source=source), Send(get("/", *lines)), Recv()],
            expect=[part],
        )
        for name, front, back, source, lines, part in (
            ("plain", "option forwardfor", "", "127.0.0.7", (), "x-forwarded-for: 127.0.0.7"),
            ("added to the client's", "option forwardfor", "", "127.0.0.7", ("X-Forwarded-For: 9.9.9.9",), "9.9.9.9"),
            ("except", "option forwardfor except 127.0.0.0/8", "", "127.0.0.7", (), "GET / HTTP/1.1"),
            (
                "except another",
                "option forwardfor except 10.0.0.0/8",
                "",
                "127.0.0.7",
                (),
                "x-forwarded-for: 127.0.0.7",
            ),
            ("header", "option forwardfor header X-Client", "", "127.0.0.7", (), "x-client: 127.0.0.7"),
            ("if-none, absent", "option forwardfor if-none", "", "127.0.0.7", (), "x-forwarded-for: 127.0.0.7"),
            (
                "if-none, present",
                "option forwardfor if-none",
                "",
                "127.0.0.7",
                ("X-Forwarded-For: 9.9.9.9",),
                "9.9.9.9",
            ),
            ("in the backend", "", "option forwardfor header X-B", "127.0.0.7", (), "x-b: 127.0.0.7"),
            ("in both", "option forwardfor", "option forwardfor header X-B", "127.0.0.7", (), "127.0.0.7"),
            ("originalto", "option originalto", "", "127.0.0.7", (), "x-original-to: 127.0.0.1"),
        )
    ),
    Scenario(
        name="set-method, set-path, set-query, set-uri",
        config=simple(
            front="""
http-request set-method PUT if { path /method }
http-request set-path /new%[path] if { path /path }
http-request set-query %[query,upper] if { path /query }
http-request set-uri /uri?z=1 if { path /uri }
http-request replace-path /r/(.*) /\\1/r if { path_beg /r/ }
"""
        ),
        talk=[
            part
            for target in ("/method", "/path?a", "/query?a=b", "/uri?x", "/r/abc?q")
            for part in (Send(get(target)), Recv())
        ],
        logs=5,
        expect=["PUT /method", "GET /new/path?a", "GET /query?A=B", "GET /uri?z=1", "GET /abc/r?q"],
    ),
    Scenario(
        name="HEAD to a deny has no body",
        config=simple(front="http-request deny"),
        talk=[Send(request("HEAD", "/")), Recv(head_only=True), End(0.1)],
        expect=["HTTP/1.1 403 Forbidden", "content-length: 93"],
    ),
    Scenario(
        name="deny of a POST with its body still to come",
        config=simple(front="http-request deny\ntimeout client 400ms"),
        talk=[Send(request("POST", "/", "Content-Length: 5")), Recv(), Send(b"12345"), End()],
        expect=["HTTP/1.1 403 Forbidden"],
        differs="Where an answer does not wait for the end of a request's body (a denial, a redirection, 502), the "
        "connection is closed behind it",
        from_peer=(3, 0),
        ours=["HTTP/1.1 403 Forbidden", "connection: close", "(closed)"],
    ),
    Scenario(
        name="response header without rules keeps its order",
        config=SIMPLE,
        servers={"a": ((Serve(response("200 OK", "B: 1", "A: 2", "b: 3", "Content-Length: 0")),),)},
        talk=[Send(get("/")), Recv()],
        expect=["b: 1", "a: 2", "b: 3"],
    ),
]
