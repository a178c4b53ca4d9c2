"""capture, declare capture, the action capture, capture-req and capture-res."""

from __future__ import annotations

from support.actor import Recv, Send, Serve
from support.origin import ok
from support.scenario import Scenario

from families.requests import get
from families.rules_talk import talk

LINES = (
    b"Set-Cookie: other=1; path=/",
    b"Set-Cookie: SIDx=abc def; Path=/; HttpOnly",
    b"Set-Cookie: SID=2",
    b"X-R: one",
    b"X-R: two, three",
    b"Long: " + b"x" * 50,
)
MANY = {"a": ((Serve(ok(b"a", *LINES)),),)}

SCENARIOS = [
    talk(
        "headers",
        "capture request header Host len 3\ncapture request header X-A len 10\ncapture request header None len 10\n"
        "capture response header X-R len 20\ncapture response header Long len 8",
        "{h|2|} {two, three|xxxxxxxx}",
        servers=MANY,
    ),
    talk(
        "slots of lines and rules count together",
        "http-request capture path len 5\ncapture request header X-A len 10\ndeclare capture request len 4\n"
        "http-request capture method id 2\nhttp-request capture src len 20\n"
        'http-request set-header X-C "%[capture.req.hdr(0)] %[capture.req.hdr(1)] %[capture.req.hdr(2)]"\n'
        'http-request set-header X-D "%[capture.req.hdr(3)] %[capture.req.hdr(9)]."',
        "{/some|2|GET|127.0.0.1}",
        "x-c: /some 2 GET",
        "x-d: 127.0.0.1 .",
    ),
    Scenario(
        name="slots of rules in defaults come first",
        config="""
defaults named
    mode http
    log global
    option httplog
    timeout connect 2s
    timeout client 5s
    timeout server 5s
    http-request capture hdr(Host) len 40
    http-request capture hdr(xa) len 8
frontend web from named
    bind 127.0.0.1:{port:front}
    declare capture request len 16
    http-request capture hdr(xb) id 2
    http-request return status 200
""",
        talk=[Send(get("/", "Xa: 123456789", "Xb: bb")), Recv()],
        expect=["{h|12345678|bb}"],
    ),
    talk(
        "a cookie whose name begins so",
        "capture cookie SID len 10",
        "B SIDq=12345 SIDx=abc d ----",
        "B - SIDx=abc d ----",
        "B SID= SIDx=abc d ----",
        requests=[
            get("/", "Cookie: a=b; SIDq=1234567890; SID=3"),
            get("/", "Cookie: a=b"),
            get("/", "Cookie: SID"),
            get("/", "Cookie: SID=", "Cookie: SID=2"),
        ],
        servers=MANY,
    ),
    talk(
        "a cookie of exactly that name",
        "capture cookie SID= len 30",
        "B SID=34 SID=2 ----",
        requests=[get("/", "Cookie: a=b; SIDq=1234567890; SID=34 ; x=y")],
        servers=MANY,
    ),
    talk(
        "names of cookies have cases",
        "capture cookie sid len 30",
        "B - - ----",
        requests=[get("/", "Cookie: SID=1")],
        servers=MANY,
    ),
    talk(
        "rules fill slots of responses",
        "declare capture response len 6\ncapture response header X-R len 20\nhttp-response capture status id 0\n"
        'http-response set-header X-C "%[capture.res.hdr(0)] %[capture.res.hdr(1)]"',
        "x-c: 200 two, three",
        "{200|two, three}",
        servers=MANY,
    ),
    talk(
        "http-after-response captures of our own answers too",
        "declare capture response len 6\nhttp-after-response capture status id 0\nhttp-request deny if { path /d }",
        "{200}",
        "{403}",
        requests=[get("/"), get("/d")],
    ),
    talk(
        "slots of a response that never came",
        "capture response header X-R len 20\nhttp-request deny",
        '0/0 {} "GET',
    ),
    talk(
        "captured before the rules",
        "capture request header X-A len 20\nhttp-request set-header X-A new\ncapture response header X-R len 20",
        "x-a: new",
        "x-r: new",
        "{2} {two, three}",
        back="http-response set-header X-R new",
        servers=MANY,
    ),
    talk(
        "rules of a backend, with and without a slot",
        "declare capture request len 10\ndeclare capture response len 10",
        "{/some/path} {three}",
        back="http-request capture path id 0\nhttp-request capture path id 5\n"
        "http-response capture res.hdr(x-r) id 0\nhttp-response capture res.hdr(x-r) id 3",
        servers=MANY,
    ),
    talk(
        "no sample leaves what was there",
        "declare capture request len 10\nhttp-request capture path id 0\nhttp-request capture req.hdr(nope) id 0",
        "{/some/path}",
    ),
    talk(
        "each request of a connection begins anew",
        "capture request header X-A len 20\ncapture cookie SID len 20\ndeclare capture request len 5\n"
        "http-request capture path id 1 if { path /a }",
        "B SID=1 - ---- 1/1/0/0/0 0/0 {1|/a}",
        "B - - ---- 1/1/0/0/0 0/0 {|}",
        requests=[get("/a", "X-A: 1", "Cookie: SID=1"), get("/b")],
    ),
    talk(
        "a bad request has no captures",
        "capture request header X-A len 20\ncapture response header X-B len 10\ncapture cookie SID len 20",
        'B - - PR-- 1/1/0/0/0 0/0 "<BADREQ>"',
        requests=[b"GET / HTTP/1.1\r\nX A: x\r\n\r\n"],
    ),
    talk(
        "what a log may not contain",
        'capture request header X-A len 30\nlog-format "%hr %hrl %{+Q}hr"',
        "{a#7Cb#7Bc#7D#22d#01#FF#23e}",
        requests=[get("/", 'X-A: a|b{c}"d\x01\xff#e')],
    ),
    talk(
        "captures in CLF",
        "capture request header X-A len 30\ncapture response header X-R len 30\noption httplog clf",
        '"a b#22" "two, three"',
        requests=[get("/", 'X-A: a b"')],
        servers=MANY,
    ),
    talk(
        "what was received stays known",
        "capture request header X-A len 30\nhttp-request set-path /new\n"
        'http-response set-header X-D "%[capture.req.method] %[capture.req.uri] %[capture.req.ver]"\n'
        'http-response set-header X-E "%[capture.res.ver] %[capture.req.hdr(0)]"',
        "GET /new?b",
        "x-d: GET /a?b HTTP/1.1",
        "x-e: HTTP/1.1 z",
        requests=[get("/a?b", "X-A: z")],
    ),
    talk(
        "converters that capture",
        "declare capture request len 4\ndeclare capture response len 4\n"
        "http-request set-header X-C %[path,capture-req(0),upper]\n"
        "http-request set-header X-D %[path,capture-req(3),upper].\n"
        "http-response set-header X-E %[res.hdr(long),capture-res(0)]",
        "x-c: /ABCDEF",
        "x-d: .",
        "{/abc} {xxxx}",
        requests=[get("/abcdef")],
        servers=MANY,
    ),
    talk(
        "other types become strings",
        "http-request capture always_true len 9\nhttp-request capture int(12) len 9\nhttp-request capture src len 9",
        "{1|12|127.0.0.1}",
    ),
]
