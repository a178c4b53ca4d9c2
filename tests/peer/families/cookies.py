"""Cookies for persistence: each mode with each kind of Cookie and Set-Cookie field, well formed or not, and with
servers that are down, in maintenance or dead.

A scenario is one client that asks many things of one configuration: what its server sees, what it gets, and the log's
letters, server and path of each request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from support.actor import Pause, Recv, Send, Serve, Step, Tell, Wait
from support.origin import Script, answering, ok
from support.scenario import Logged, On, Open, Scenario, Stat

from families.requests import get, request, response

FORMAT = 'log-format "%HU %tsc %s %ST %rc"'
BOTH = "force-persist if { hdr(x-f) 1 }\nignore-persist if { hdr(x-i) 1 }\n"
SERVERS = "server s1 {server:a} cookie c1\n    server s2 {server:b} cookie c2\n    server s3 {server:c}\n"

ASKED = [
    *("", "SRV=c1", "SRV=c2", "SRV=zz", "srv=c2", "SRV", "SRV=", "=c2", "SRVX=c2; XSRV=c2", "SRV=c2; a=b"),
    *("a=b; SRV=c2", "a=b; SRV=c2; c=d", "a=b;SRV=c2;c=d", "a=b ; SRV=c2 ; c=d", "SRV=c2, a=b", "a=b, SRV=c2"),
    *("a=b,SRV=c2;c=d", "a=b; SRV=c2, c=d", 'SRV="c2"', "SRV = c2", "SRV =c2; x = 1", "SRV= c2 ; x=1", "a = b"),
    *('$Version=1; SRV=c2; $Path="/"', "$Version=1; a=1; $Path=/; SRV=c2; $Path=/; b=2", "$x", "$x =1", "$SRV=c2"),
    *("SRV=c2; $a; $b=1; c=d; $e", "$Version=1, SRV=c2", "SRV=c1; SRV=c2", "SRV=c2; SRV=c1; x=y", "SRV=zz; SRV=c2"),
    *("a; SRV=c2", "foo bar; SRV=c2", "x SRV=c2; a=1", "SRV b=c2; a=1", "SRV=c2;", "SRV=c2;;", ";SRV=c2"),
    *("; SRV=c2;; a=b", "a=b;; SRV=c2;; c=d", ";;SRV=c2;;a=b", "a=b; SRV=c2;", "SRV=c2; ;a=b", "a= ; b= ; SRV=c2"),
    *('a="x;SRV=c2"; b=1', 'a="x; SRV=c2; b=1', 'a="x\\"; SRV=c1"; SRV=c2', 'a="b" ; SRV=c2', 'SRV=c2"x;y"; a=b'),
    *("a=b\\; SRV=c2", 'a=\\"; SRV=c2', '"SRV"=c2; a=b', 'x "y;SRV=c2; a=b', "SRV==c2; a=b", "SRV=c2=; a=b"),
    *("SRV=c2 c3; a=b", "SRV=c2|abc; a=b", "SRV=c2|; a=b", "SRV=|; a=b", "SRV=c2~app", "SRV=c2~; a=b", "SRV=~x; a=b"),
    *("SRV=c2~a~b; q=1", "SRV=zz~a; q=1", 'SRV="c2~x"; q=1', "SRV = ~ x ; a", "a=b;  SRV=c2  ~  x", "SRV= ~x; a=b"),
    *("a=b;\tSRV=c2;\tc=d", "SRV\t=\tc2\t; a=b", "SRV=c2~1; SRV=c1~2; SRV=3", "SRV=;SRV=c2", "SRV=c2 ,; a=b"),
]
SET = [
    *(
        "",
        "SRV=app",
        "SRV=app; path=/x",
        "SRV=",
        "SRV",
        "SRV = app ; path = /",
        'SRV="app"; path=/',
        'SRV="a;b"; path=/',
    ),
    *("a=b; SRV=app", "a=b, SRV=app; path=/", "SRV=app, b=c", "SRV=app  ;  path=/", "srv=app", ";SRV=app", "$SRV=a; x"),
    *(
        "SRV=a=b c; path=/",
        "SRV= ;x",
        '"SRV"=app',
        "SRV=app;HttpOnly",
        "a; SRV=x",
        "x = y ; p = 1",
        "SRV=~; x",
        "SRV x=1",
    ),
]
CACHED = [  # headers of a response, and whether a cache may keep it is not asked: both programs shall agree
    *("", "Cache-Control: max-age=10", "Cache-Control: public", "Cache-Control: s-maxage=3", "Cache-Control: no-store"),
    *("Cache-Control: private, max-age=10", 'Cache-Control: no-cache="set-cookie", max-age=2', "Cache-Control: foo"),
    *(
        "Expires: Thu, 01 Dec 2050 16:00:00 GMT",
        "Last-Modified: x",
        'ETag: "x"',
        "Pragma: no-cache\r\nETag: x",
        "Age: 1",
    ),
    *(
        "Vary: *\r\nETag: x",
        "Cache-Control: max-age=0\r\nETag: x",
        "Cache-Control: MAX-AGE=10",
        "Pragma: foo\r\nETag: x",
    ),
    *("Cache-Control: must-revalidate\r\nETag: x", "Cache-Control: max-age=10, max-age=0", "Cache-Control: max-age"),
    *("Cache-Control: private\r\nETag: x\r\nCache-Control: public", "Cache-Control: public, max-age=0", "Date: x"),
    *(
        "Pragma: no-cache\r\nCache-Control: public, max-age=1",
        "Pragma: no-cache, x\r\nETag: x",
        "Set-Cookie: a=b\r\nETag: x",
    ),
]
STATUSES = ("200 X", "203 X", "204 X", "206 X", "300 X", "301 X", "302 X", "304 X", "307 X", "401 X", "404 X", "410 X")
MODES = {
    "read only": "",
    "indirect": "indirect",
    "rewrite": "rewrite",
    "prefix": "prefix",
    "prefix indirect": "prefix indirect",
    "insert": "insert",
    "insert indirect": "insert indirect",
    "insert preserve": "insert indirect preserve",
    "insert postonly": "insert postonly",
    "insert nocache": "insert indirect nocache",
    "all attributes": 'insert indirect httponly secure domain .a.b domain c.d attr "SameSite=None" attr "X=y z"',
}


def cookies(
    name: str,
    words: str,
    asked: Sequence[tuple[bytes, int]],
    *expect: str,
    replies: Mapping[str, bytes] | None = None,
    servers: str = SERVERS,
    back: str = "",
    front: str = "",
    before: Sequence[Step] = (),
) -> Scenario:
    """One request after the other on one connection. `asked`: what is sent, and whether it is a HEAD."""
    talk: list[Step] = [*before]
    for data, head in asked:
        talk += [Send(data), Recv(head_only=bool(head))]
    script: Sequence[Script] = answering(b"")
    if replies:
        script = [(Serve(response("200 OK", "Content-Length: 0"), tuple(replies.items())),)]
    return Scenario(
        name=name,
        config=f"""
frontend web
    bind 127.0.0.1:{{port:front}}
    {FORMAT}
    {front}
    default_backend app
backend app
    balance first
    cookie SRV {words}
    {back}
    {servers}""",
        servers={"a": script, "b": script, "c": script},
        talk=[*talk, Logged(len(asked)), Stat("app/.*", ("stot", "hrsp_2xx", "lbtot", "cookie"))],
        logs=len(asked),
        expect=expect or ("app/s2: ",),
    )


def requests_of(name: str) -> Scenario:
    """Every Cookie field in this mode."""
    asked = [(get(f"/{place}", *[f"Cookie: {one}"] * bool(one)), 0) for place, one in enumerate(ASKED)]
    asked.append((get("/two", "Cookie: a=b", "Cookie: SRV=c2; q=1", "Cookie: z=1; SRV=c1", "Cookie: SRV=c1"), 0))
    acts = MODES[name]
    return cookies(f"requests: {name}", acts, asked, "/2 --V" if acts else "/2 ---- s2 200")


def responses_of(name: str) -> Scenario:
    """Every Set-Cookie field in this mode: of a server whose cookie came along, of one without, of another one."""
    asked: list[tuple[bytes, int]] = []
    replies: dict[str, bytes] = {}
    for place, one in enumerate(SET):
        for path, more in (("", ()), ("v", ("Cookie: SRV=c2",)), ("i", ("Cookie: SRV=zz",))):
            target = f"/{place}{path}"
            lines = ["Content-Length: 0", *[f"Set-Cookie: {one}"] * bool(one), "Set-Cookie: q=r", "X: y"]
            replies[target] = response("200 OK", *lines)
            asked.append((get(target, *more), 0))
    replies["/two"] = response(
        "200 OK", "Content-Length: 0", "Set-Cookie: SRV=1", "Set-Cookie: x=y", "Set-Cookie: SRV=2; z"
    )
    asked.append((get("/two"), 0))
    asked.append((request("POST", "/1", "Cookie: SRV=zz", "Content-Length: 0"), 0))
    return cookies(f"responses: {name}", MODES[name], asked, "/1v --V" if MODES[name] else "/1v ----", replies=replies)


def without_a_cookie(name: str) -> Scenario:
    """The server has none."""
    asked: list[tuple[bytes, int]] = []
    replies: dict[str, bytes] = {}
    for place, one in enumerate(SET[:6]):
        replies[f"/{place}"] = response("200 OK", "Content-Length: 0", *[f"Set-Cookie: {one}"] * bool(one))
        asked += [(get(f"/{place}"), 0), (get(f"/{place}", "Cookie: SRV=zz"), 0)]
    return cookies(
        f"a server without a cookie: {name}",
        MODES[name],
        asked,
        "/1 --" if MODES[name] else "/1 ----",
        replies=replies,
        servers="server s1 {server:a}\n    server s2 {server:b} cookie c2\n",
    )


def cached(status: str, methods: Sequence[str] = ("GET",)) -> Scenario:
    """nocache: `private` is added to what a cache would keep."""
    asked: list[tuple[bytes, int]] = []
    replies: dict[str, bytes] = {}
    for place, lines in enumerate(CACHED if status == "200 X" else CACHED[:3]):
        length = [] if status[:3] in ("204", "304") else ["Content-Length: 0"]
        replies[f"/{place}"] = response(status, *length, *lines.split("\r\n") if lines else [])
        for method in methods:
            more = ["Content-Length: 0"] * (method not in ("GET", "HEAD", "OPTIONS", "TRACE"))
            asked.append((request(method, f"/{place}", *more), int(method == "HEAD")))
    name = f"nocache: {status} {' '.join(methods)}"
    return cookies(name, "insert indirect nocache", asked, "/1 --NI s1", replies=replies)


DOWN = (
    "server s1 {server:a} cookie c1\n    server s2 {server:b} cookie c2 disabled\n    server s3 {server:c} cookie c3\n"
)
TWO = "server s1 {server:a} cookie c1\n    server s2 {server:b} cookie c1\n    server s3 {server:c} cookie c1 backup\n"
DEAD = "server s1 {server:a} cookie c1\n    server s2 {refused:b} cookie c2\n"
CHOICES = [
    "",
    "SRV=c1",
    "SRV=c2",
    "SRV=c3",
    "SRV=zz",
    "SRV=c2; SRV=c1",
    "SRV=zz; SRV=c2",
    "SRV=c2; SRV=zz",
    "SRV=c1; SRV=c2",
]
FLAGS = [
    (),
    ("x-f: 1",),
    ("x-i: 1",),
    ("x-f: 1", "x-i: 1"),
    ("x-u: 1",),
    ("x-u: 2",),
    ("x-d: 1",),
    ("x-d: 2",),
    ("x-d: 3",),
]


def chosen(name: str, back: str, *expect: str, words: str = "insert indirect", servers: str = DOWN) -> Scenario:
    """Who is chosen for each cookie, with headers that rules look at."""
    asked: list[tuple[bytes, int]] = []
    for place, cookie in enumerate(CHOICES):
        for flag, lines in enumerate(FLAGS):
            asked.append((get(f"/{place}-{flag}", *lines, *[f"Cookie: {cookie}"] * bool(cookie)), 0))
    return cookies(name, words, asked, *expect, back="\n    ".join(back.split("\n")), servers=servers)


# AAAAB is of 1970, f//// of 2038: both are too far away. What is set says the time, and is not compared; the log is.
DATED = [
    *("SRV=c1", "SRV=c1|", "SRV=c1|AAAAB", "SRV=c1|f////", "SRV=c1||AAAAB", "SRV=c1||f////", "SRV=c1|AAAAB|AAAAB"),
    *(
        "SRV=c1|AAAAA",
        "SRV=c1|AAAA-",
        "SRV=c1|abc",
        "SRV=c1|AAAABx",
        "SRV=c1|#####|AAAAB",
        "SRV=zz|AAAAB",
        "SRV=|AAAAB",
    ),
    *(
        "SRV=c1; SRV=c1|AAAAB",
        "SRV=c1|AAAAB; SRV=c1",
        "SRV=c1|AAAAB; SRV=zz",
        "SRV=zz; SRV=c1||AAAAB",
        "SRV=c1|x|AAAAB|y",
    ),
    *(
        "SRV=c2|AAAAB; SRV=c1",
        "SRV=c1|AAAAB; SRV=c2",
        "SRV=c2; SRV=c1|AAAAB",
        "SRV=c1||AAAAB; SRV=c1|",
        "SRV=c1~|AAAAB",
    ),
]
AGES = {
    "maxidle": "insert indirect maxidle 100",
    "maxlife": "insert maxlife 100",
    "both": "insert indirect maxidle 100 maxlife 200",
    "both, preserve, postonly": "insert preserve postonly maxidle 1h maxlife 2d",
    "of a rewritten cookie": "rewrite maxidle 100 maxlife 500ms",
    "of a prefix": "prefix maxidle 100",
    "read only": "maxidle 100 maxlife 100",
    "none": "insert indirect",
}


def aged(name: str) -> Scenario:
    """Cookies with dates, to servers that also set it, with headers that rules look at."""
    asked: list[tuple[bytes, int]] = []
    replies: dict[str, bytes] = {}
    for place, cookie in enumerate(DATED):
        for flag, lines in enumerate(((), ("x-i: 1",), ("x-u: 1",), ("x-u: 1", "x-i: 1"), ("x-f: 1",))):
            target = f"/{place}-{flag}"
            more = ["Set-Cookie: SRV = app ; x"] if (place + flag) % 3 == 0 else []
            replies[target] = response("200 OK", "Content-Length: 0", *more)
            asked.append((get(target, f"Cookie: {cookie}", *lines), 0))
    back = "\n    ".join((BOTH + "use-server s1 if { hdr(x-u) 1 }").split("\n"))
    acts = name != "read only"
    return replace(
        cookies(
            f"dates: {name}",
            AGES[name],
            asked,
            "/0-1 --U" if acts else "/0-1 ----",
            replies=replies,
            servers=DOWN,
            back=back,
        ),
        volatile=["set-cookie"],
    )


RULES = "use-server s1 if { hdr(x-u) 1 }\nuse-server s2 if { hdr(x-u) 2 }\n"
DENY = "http-request deny if { hdr(x-d) 1 }\nhttp-request return status 200 if { hdr(x-d) 2 }\n"

SCENARIOS = [
    *[requests_of(name) for name in MODES],
    *[responses_of(name) for name in MODES],
    *[without_a_cookie(name) for name in MODES],
    *[cached(status) for status in STATUSES],
    *[aged(name) for name in AGES],
    cached("200 X", ("HEAD", "OPTIONS", "POST", "PUT")),
    chosen("a server that is down", RULES + DENY, "/2-0 --DI s1", "/2-6 PRDN <NOSRV> 403"),
    chosen("a server that is down, option persist", "option persist\n" + RULES, "/2-0 --DN s2"),
    chosen("force-persist and ignore-persist", BOTH + RULES, "/2-1 --DN s2", "/1-2 --UN s1"),
    chosen("ignore-persist, prefix", BOTH + RULES, "/2-1 --DN s2", "/1-2 --UN s1", words="prefix"),
    chosen("a denied request", DENY + "http-response deny if { req.hdr(x-d) 3 }", "/1-6 PRVN s1 403"),
    chosen("servers that share a cookie", RULES, "/1-0 --VN s1", servers=TWO),
    Scenario(
        name="a listen section",
        config=f"""
defaults
    mode http
    log global
    {FORMAT}
    timeout connect 2s
    timeout client 400ms
    timeout server 5s
listen web
    bind 127.0.0.1:{{port:front}}
    use_backend other if {{ path_beg /other }}
    http-request deny if {{ path_beg /deny }}
    http-request redirect location /x if {{ path_beg /away }}
    cookie SRV insert indirect
    server s1 {{server:a}} cookie c1
backend other
    server s1 {{server:b}}
""",
        talk=[
            *[Send(get("/other")), Recv(), Send(get("/deny", "Cookie: SRV=c1")), Recv(), Send(get("/away")), Recv()],
            *[Send(get("/", "Cookie: SRV=c1")), Recv(), Send(get("/")), Recv()],
            *[Open(), Send(b"GET\r\n\r\n"), Recv(), Open(), Send(b"GET / HTTP/1.1\r\n"), Recv()],
        ],
        logs=7,
        expect=["/other ---- s1 200", "/deny PRVN s1 403", "<BADREQ> PR-- <NOSRV> 400", "<BADREQ> cR-- <NOSRV> 408"],
    ),
    Scenario(
        name="a dead server, redispatch",
        config=f"""
frontend web
    bind 127.0.0.1:{{port:front}}
    {FORMAT}
    use_backend stays if {{ path_beg /stays }}
    use_backend held if {{ path_beg /held }}
    default_backend goes
backend goes
    balance first
    retries 1
    option redispatch
    cookie SRV insert indirect
    {DEAD}
backend stays
    balance first
    retries 1
    cookie SRV insert indirect
    {DEAD}
backend held
    balance first
    retries 1
    option redispatch
    force-persist if TRUE
    cookie SRV insert indirect
    {DEAD}
""",
        talk=[
            *[step for path in ("/goes", "/stays", "/held") for step in (Send(get(path, "Cookie: SRV=c2")), Recv())],
            Logged(3),
            Stat(".*/s[12]", ("wretr", "wredis", "econ", "lbtot")),
        ],
        logs=3,
        expect=["/goes --DI s1 200 +1", "/stays SCVN s2 503 1", "/held SCVN s2 503 1"],
    ),
    Scenario(
        name="a server that is full",
        config="""
frontend web
    bind 127.0.0.1:{port:front}
    log-format "%HU %tsc %s %ST %sq"
    default_backend app
backend app
    balance first
    timeout queue 400ms
    cookie SRV insert indirect
    server s1 {server:a} cookie c1 maxconn 1
    server s2 {server:b} cookie c2
""",
        servers={"a": [(Recv(), Tell("busy"), Wait("go"), Send(ok(b"")), Recv(), Send(ok(b"")))]},
        talk=[
            *[Open(name="first"), Send(get("/first", "Cookie: SRV=c1")), Wait("busy")],
            *[Open(name="new"), Send(get("/new")), Recv()],
            *[Open(name="waits"), Send(get("/waits", "Cookie: SRV=c1")), Recv()],
            *[Open(name="later"), Send(get("/later", "Cookie: SRV=c1")), Pause(0.1), Tell("go"), Recv()],
            *[On("first"), Recv()],
        ],
        logs=4,
        expect=["/first --VN s1 200 0", "/new --NI s2 200 0", "/waits sQVN s1 503", "/later --VN s1 200"],
    ),
    Scenario(
        name="a status that is retried elsewhere",
        config=f"""
frontend web
    bind 127.0.0.1:{{port:front}}
    {FORMAT}
    default_backend app
backend app
    balance first
    retries 1
    retry-on 503
    option redispatch
    cookie SRV insert indirect
    server s1 {{server:a}} cookie c1
    server s2 {{server:b}} cookie c2
""",
        servers={"b": [(Serve(response("503 X", "Content-Length: 0")),)]},
        talk=[
            Send(get("/", "Cookie: SRV=c2; a=b")),
            Recv(),
            Logged(1),
            Stat("app/s[12]", ("wretr", "wredis", "lbtot")),
        ],
        expect=["/ --DI s1 200 +1", "cookie: a=b"],
    ),
    Scenario(
        name="a server that is drained",
        config=f"""
frontend web
    bind 127.0.0.1:{{port:front}}
    {FORMAT}
    default_backend app
backend app
    balance roundrobin
    cookie SRV insert indirect
    server s1 {{server:a}} cookie c1
    server s2 {{server:b}} cookie c2 weight 0
""",
        talk=[
            step
            for path, lines in (("/1", ()), ("/2", ("Cookie: SRV=c2",)), ("/3", ()), ("/4", ("Cookie: SRV=c2",)))
            for step in (Send(get(path, *lines)), Recv())
        ],
        logs=4,
        expect=["/1 --NI s1 200 0", "/2 --VN s2 200 0", "/3 --NI s1 200 0", "/4 --VN s2 200 0"],
    ),
    Scenario(
        name="a cookie is captured, nothing persists",
        config="""
frontend web
    bind 127.0.0.1:{port:front}
    log-format "%HU %tsc %CC %CS"
    capture cookie a len 20
    default_backend app
backend app
    server s1 {server:a}
""",
        servers={"a": answering(b"", b"Set-Cookie: a = c; path = /")},
        talk=[Send(get("/", "Cookie: a = b; x = y")), Recv()],
        expect=["/ ---- a=b a=c", "cookie: a=b; x=y", "set-cookie: a=c; path = /"],
        differs="`capture cookie` leaves the fields as they came; HAProxy takes blanks around `=` out of them",
        ours=["/ ---- a=b a=c", "cookie: a = b; x = y", "set-cookie: a = c; path = /"],
    ),
]
