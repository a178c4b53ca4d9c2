"""Asking for credentials, tarpits, hanging up, and other addresses."""

from __future__ import annotations

import base64

from support.actor import Close, End, HalfClose, Pause, Recv, Send
from support.scenario import Logged, Scenario, Stat

from families.requests import get, post, request
from families.rules_talk import talk
from families.simple import simple

USERS = "    group g\n    user a insecure-password b\n    user c insecure-password d groups g\n"
# Of "secret"; what is no hash lets nobody in.
CRYPTED = """    user des password abNANd1rDfiNc
    user md5 password $1$saltsalt$9xy1btjgzLYfb7hivXtC//
    user sha256 password $5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA groups g
    user bcrypt password $2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW
    user failed password *0
    user locked password !
    user unknown password $zz$saltsalt$abc
"""
NAMES = ("des", "md5", "sha256", "bcrypt", "failed", "locked", "unknown", "nobody")
PASSWORDS = ("secret", "wrong", "*0", "secret", "wrong")


def basic(who: str, field: str = "Authorization") -> str:
    """A header line with the credentials "user:password"."""
    return f"{field}: Basic {base64.b64encode(who.encode()).decode()}"


def known(name: str, front: str, *expect: str, back: str = "", requests: list[bytes], **more: object) -> Scenario:
    """A talk with a userlist `ul`."""
    plain = talk(name, front, *expect, back=back, requests=requests, **more)
    return Scenario(
        name=name,
        config="userlist ul\n" + USERS + CRYPTED + plain.config,
        talk=plain.talk,
        servers=plain.servers,
        files=plain.files,
        logs=plain.logs,
        expect=expect,
    )


def absolute(*lines: str) -> bytes:
    """A request as proxies get it."""
    return b"GET http://h/x HTTP/1.1\r\nHost: h\r\n" + "".join(line + "\r\n" for line in lines).encode() + b"\r\n"


GUARD = "http-request auth unless { http_auth(ul) }"
TARPIT = "timeout tarpit 100ms\n"
DENIED = Stat("web/FRONTEND", ("dreq", "ereq", "hrsp_5xx", "req_tot", "intercepted"))
HANG_UPS = ("silent-drop", "reject")
SOURCE = 'http-request set-header x-a "%[src]:%[src_port] %[dst]:%[dst_port]"\n'

SCENARIOS = [
    known(
        "auth",
        GUARD,
        "HTTP/1.1 401 Unauthorized",
        'www-authenticate: Basic realm="web"',
        "LR--",
        requests=[
            get("/"),
            get("/", basic("a:b")),
            get("/", basic("a:c")),
            get("/", basic("a")),
            get("/", "Authorization: Bearer x"),
        ],
    ),
    known(
        "auth by groups",
        "http-request auth unless { http_auth_group(ul) g }",
        "HTTP/1.1 401 Unauthorized",
        "HTTP/1.1 200 OK",
        requests=[get("/", basic("a:b")), get("/", basic("c:d"))],
    ),
    known(
        "auth with encrypted passwords",
        GUARD,
        "HTTP/1.1 401 Unauthorized",
        "HTTP/1.1 200 OK",
        requests=[get("/", basic(f"{name}:{word}")) for name in NAMES for word in PASSWORDS],
    ),
    known(
        "groups of encrypted passwords",
        "http-request deny deny_status 410 if { http_auth_group(ul) g }",
        "HTTP/1.1 200 OK",
        "HTTP/1.1 410 Gone",
        requests=[get("/", basic(f"{name}:{word}")) for name in ("sha256", "md5") for word in PASSWORDS],
    ),
    known("auth with a realm", 'http-request auth realm "My Realm"', 'realm="My Realm"', requests=[get("/")]),
    known(
        "auth of requests to a proxy",
        GUARD,
        "HTTP/1.1 401 Unauthorized",
        requests=[absolute(), absolute(basic("a:b", "Proxy-Authorization")), absolute(basic("a:b"))],
    ),
    known("auth and a body", "http-request auth", "POST / HTTP/1.1", requests=[post("/", b"abc"), get("/")]),
    known(
        "auth with an errorfile",
        "errorfile 401 {file:418.http}\nhttp-request auth",
        "HTTP/1.1 418 Teapot",
        'www-authenticate: Basic realm="web"',
        " 401 B ",
        requests=[get("/")],
    ),
    known(
        "auth replaces the challenge of a page",
        'http-error status 401 content-type a/b string "no" hdr www-authenticate Foo hdr x-y %[src]\n'
        "http-request auth realm z",
        'www-authenticate: Basic realm="z"',
        "x-y: 127.0.0.1",
        requests=[get("/")],
    ),
    known("auth in a backend", "", 'realm="app"', requests=[get("/")], back="http-request auth"),
    known(
        "http-after-response sees the challenge",
        "http-request auth\nhttp-after-response set-header x-a %[res.hdr(www-authenticate)]",
        'x-a: Basic realm="web"',
        requests=[get("/"), request("OPTIONS", "*")],
    ),
    talk(
        "tarpit with a status",
        TARPIT + "http-request tarpit deny_status 429",
        "HTTP/1.1 429",
        " -1/T/-1/-1/T 429 B ",
    ),
    talk(
        "tarpit with a page of its own",
        TARPIT + "http-request tarpit status 418 content-type a/b string x hdr y z",
        "HTTP/1.1 418 I'm a teapot",
        "y: z",
    ),
    talk("tarpit in a backend", "", "app/<NOSRV> -1/T", back=TARPIT + "http-request tarpit"),
    talk("tarpit for the time to connect", "", "PT--", back="timeout connect 100ms\nhttp-request tarpit"),
    talk(
        "a tarpitted connection goes on",
        TARPIT + "http-request tarpit if { path /t }",
        "HTTP/1.1 200 OK",
        requests=[get("/t"), get("/"), get("/t")],
    ),
    talk(
        "tarpit and a body",
        TARPIT + "http-request tarpit",
        "POST / HTTP/1.1",
        requests=[post("/", b"abc"), get("/")],
    ),
    Scenario(
        name="the client leaves a tarpit",
        config=simple(front="timeout tarpit 300ms\nhttp-request tarpit"),
        talk=[Send(get("/")), Pause(0.1), Close(), Pause(0.5)],
        expect=["500 B - - PT--"],
    ),
    Scenario(
        name="the client of a tarpit has half closed",
        config=simple(front="timeout tarpit 300ms\nhttp-request tarpit"),
        talk=[Send(get("/")), Pause(0.1), HalfClose(), End()],
        expect=["500 B - - PT--", "500 Internal Server Error"],
    ),
    Scenario(
        name="a request waits behind a tarpitted one",
        config=simple(front="timeout tarpit 200ms\nhttp-request tarpit if { path /t }"),
        talk=[Send(get("/t") + get("/")), Recv(), Recv()],
        logs=2,
        expect=["PT--", "HTTP/1.1 200 OK"],
    ),
    Scenario(
        name="a tarpit outlasts the client timeout",
        config=simple(front="timeout tarpit 400ms\ntimeout client 200ms\nhttp-request tarpit"),
        talk=[Send(get("/")), End()],
        expect=["500 B - - PT--"],
    ),
    Scenario(
        name="tarpits are counted as denials",
        config=simple(front=TARPIT + "http-request tarpit"),
        talk=[Send(get("/")), Recv(), Logged(1), DENIED],
        expect=["dreq=1"],
    ),
    *(
        Scenario(
            name=f"{action} of a {name}",
            config=simple(front=f"http-request {action}"),
            talk=[Send(what), End(0.4), Logged(1), DENIED],
            expect=[" -1/-1/-1/-1/T -1 B - - PR--", "dreq=1"],
        )
        for action in HANG_UPS
        for name, what in (("GET", get("/")), ("POST", post("/", b"abc")))
    ),
    *(
        Scenario(
            name=f"{action} in a backend",
            config=simple(back=f"http-request {action}"),
            talk=[Send(get("/")), End(0.4)],
            expect=["app/<NOSRV> -1/-1/-1/-1/T -1 B - - PR--"],
        )
        for action in HANG_UPS
    ),
    Scenario(
        name="silent-drop of a response",
        config=simple(front="http-response silent-drop"),
        talk=[Send(get("/")), End(0.4)],
        expect=["app/s1 T/T/T/-1/T 200 B - - PR--"],
        differs="A response that a rule denies, drops or replaces has its time (`%Tr`) in the log; 2.6 says -1",
        until_peer=(3, 0),
        ours=["app/s1 T/T/T/T/T 200 B - - PR--"],
    ),
    talk(
        "set-src",
        "http-request set-src hdr(x)\n" + SOURCE + "option forwardfor",
        "x-a: 10.1.2.3:<client 1> 127.0.0.1",
        "x-forwarded-for: ::5",
        "10.1.2.3:<client 1> [",
        requests=[get("/", "X: 10.1.2.3"), get("/"), get("/", "X: bad"), get("/", "X: ::5")],
    ),
    talk(
        "set-src and the log",
        'http-request set-src hdr(x)\nlog-format "%ci:%cp %[src] %[fc_src] %fi:%fp %bi"',
        "10.1.2.3:<client 1> 10.1.2.3 127.0.0.1",
        "127.0.0.1:<client 1> 127.0.0.1 127.0.0.1",
        requests=[get("/", "X: 10.1.2.3"), get("/")],
    ),
    talk(
        "set-src-port",
        "http-request set-src-port hdr(x)\n" + SOURCE,
        "x-a: 127.0.0.1:77 ",
        "x-a: 127.0.0.1:4464 ",
        "x-a: 127.0.0.1: ",
        "x-a: 127.0.0.1:65535 ",
        requests=[get("/", "X: 77"), get("/", "X: 70000"), get("/", "X: abc"), get("/", "X: -1")],
    ),
    talk(
        "set-dst",
        "http-request set-dst hdr(x)\n" + SOURCE,
        "127.0.0.1:<client 1> 10.1.2.3:<port front>",
        requests=[get("/", "X: 10.1.2.3"), get("/")],
    ),
    talk(
        "set-dst, set-dst-port and the log",
        'http-request set-dst hdr(x)\nhttp-request set-dst-port int(77)\nlog-format "%ci %[dst]:%[dst_port] %fi:%fp"',
        "127.0.0.1 10.1.2.3:77 10.1.2.3:77",
        requests=[get("/", "X: 10.1.2.3"), get("/")],
    ),
    talk(
        "set-src in a backend",
        "",
        "x-a: 10.1.2.3:",
        requests=[get("/", "X: 10.1.2.3")],
        back="http-request set-src hdr(x)\n" + SOURCE,
    ),
    Scenario(
        name="set-dst-port chooses the server's port",
        config="""
frontend web
    bind 127.0.0.1:{port:front}
    http-request set-dst-port req.hdr(x)
    default_backend app
backend app
    retries 0
    server s1 0.0.0.0:0
""",
        talk=[Send(get("/", "X: 1")), Recv()],
        expect=["HTTP/1.1 503", "app/s1"],
    ),
]
