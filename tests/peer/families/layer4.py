"""Rules of layer 4: who is refused when, what is logged and counted of it, in TCP and in HTTP proxies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from support.actor import Close, End, HalfClose, Pause, Recv, Reset, Send, Step, Until
from support.origin import Script
from support.scenario import GLOBAL, HTTP, TCP, Logged, Open, Scenario, Stat

ECHO = ((Until(b"ping"), Send(b"pong"), End()),)
GREETING = ((Send(b"220 hello\r\n"), End()),)
MUTE = ((End(),),)
LEAVES = ((Send(b"220 hello\r\n"), Close()),)
COUNTED = Stat(".*", ("dreq", "dresp", "ereq", "eresp", "dcon", "dses", "stot", "cli_abrt", "srv_abrt"))
GET = Send(b"GET /one HTTP/1.1\r\nhost: a\r\n\r\n")
AGAIN = Send(b"GET /two HTTP/1.1\r\nhost: a\r\n\r\n")
DELAY = "tcp-request inspect-delay 300ms\n    "
ANSWER_DELAY = "tcp-response inspect-delay 300ms\n    "


def proxies(front: str = "", back: str = "", server: str = "{server:a}") -> str:
    return f"""
frontend door
    bind 127.0.0.1:{{port:front}}
    {front}
    default_backend app
backend app
    {back}
    server s1 {server}
"""


Servers = Mapping[str, Sequence[Script]]


def tcp(
    name: str,
    front: str,
    talk: Sequence[Step],
    expect: Sequence[str],
    back: str = "",
    servers: Servers | None = None,
    logs: int = 1,
) -> Scenario:
    """One talk in TCP mode, and what was counted of it."""
    return Scenario(
        name=name,
        prelude=TCP,
        config=proxies(front, back),
        servers=servers or {"a": ECHO},
        talk=[*talk, Pause(0.1), COUNTED],
        expect=expect,
        logs=logs,
    )


def http(
    name: str,
    front: str,
    talk: Sequence[Step],
    expect: Sequence[str],
    back: str = "",
    servers: Servers | None = None,
    logs: int = 1,
) -> Scenario:
    """The same in HTTP."""
    return Scenario(
        name=name,
        prelude=HTTP,
        config=proxies(front, back),
        servers=servers or {},
        talk=[*talk, Pause(0.1), COUNTED],
        expect=expect,
        logs=logs,
    )


CONNECTIONS = [
    tcp("connection reject", "tcp-request connection reject", [Open(), End()], ["dcon=1 dses=0 stot=0"], logs=0),
    tcp("session reject", "tcp-request session reject", [Open(), End()], ["dcon=0 dses=1 stot=0"], logs=0),
    http("connection reject in HTTP", "tcp-request connection reject", [Open(), End()], ["dcon=1"], logs=0),
    http("session reject in HTTP", "tcp-request session reject", [Open(), End()], ["dses=1 stot=0"], logs=0),
    tcp(
        "connection accept ends the list",
        "tcp-request connection accept if { src 127.0.0.0/8 }\n    tcp-request connection reject",
        [Send(b"ping"), Until(b"pong"), Close()],
        ["dcon=0 dses=0 stot=1"],
    ),
    tcp(
        "connection and session rules by source",
        "tcp-request connection reject if { src 127.0.0.6 }\n    tcp-request session reject if { src 127.0.0.7 }",
        [
            *[Open(source="127.0.0.6"), End(), Open(source="127.0.0.7"), End()],
            *[Open(source="127.0.0.8"), Send(b"ping"), Until(b"pong"), Close()],
        ],
        ["dcon=1 dses=1 stot=1"],
    ),
]

ADDRESSES = [
    http(
        "set-src and set-dst-port of a connection",
        "tcp-request connection set-src src,ipmask(24)\n    tcp-request session set-dst-port int(99)\n"
        "    log-format '%ci %fp %[src] %[dst_port] %[fc_src]'",
        [Open(source="127.0.7.9"), GET, Recv(), AGAIN, Recv(), Close()],
        ["127.0.7.0 99 127.0.7.0 99 127.0.7.0"],
        logs=2,
    ),
    tcp(
        "variables of a connection and of a session",
        "tcp-request connection set-var(sess.c) src_port,add(0)\n    tcp-request session set-var(sess.s) str(two)\n"
        "    tcp-request session set-var-fmt(sess.f) %[src]-%[var(sess.s)]\n    tcp-request session unset-var(sess.s)\n"
        "    log-format '%[var(sess.c),bool] %[var(sess.f)] %[var(sess.s)]'",
        [Send(b"ping"), Until(b"pong"), Close()],
        ["1 127.0.0.1-two -"],
    ),
]
REQUESTS = [
    tcp("wait and accept", DELAY + "tcp-request content accept if WAIT_END", [Open(), Pause(0.7), Close()], ["s1 "]),
    tcp("wait and reject", DELAY + "tcp-request content reject if WAIT_END", [Open(), End()], ["PR", "dreq=1"]),
    tcp("reject at once", "tcp-request content reject", [Open(), End()], ["door/<NOSRV> -1/-1/T 0 PR", "dreq=1"]),
    tcp("no delay, no wait", "tcp-request content reject if WAIT_END", [Open(), End()], ["PR"]),
    tcp("reject if not yet", DELAY + "tcp-request content reject if !WAIT_END", [Open(), Pause(0.6), Close()], ["s1"]),
    tcp(
        "reject unless over",
        DELAY + "tcp-request content reject unless WAIT_END",
        [Open(), Pause(0.6), Close()],
        ["s1"],
    ),
    tcp(
        "a client that ends while rules wait",
        DELAY + "tcp-request content accept if WAIT_END",
        [Send(b"ping"), HalfClose(), Until(b"pong"), End()],
        ["T/T/T 4 --"],
    ),
    tcp(
        "a client that ends is refused",
        DELAY + "tcp-request content reject if WAIT_END",
        [Send(b"ping"), HalfClose(), End()],
        ["PR"],
    ),
    tcp(
        "a client that breaks off while rules wait",
        DELAY + "tcp-request content accept if WAIT_END",
        [Open(), Pause(0.1), Reset()],
        ["app/<NOSRV> -1/-1/T 0 CR", "ereq=1"],
    ),
    tcp(
        "a client that breaks off is refused",
        DELAY + "tcp-request content reject if WAIT_END",
        [Open(), Pause(0.1), Reset()],
        ["door/<NOSRV> -1/-1/T 0 PR", "dreq=1"],
    ),
    tcp(
        "timeout client while rules wait",
        "timeout client 150ms\n    " + DELAY + "tcp-request content accept if WAIT_END",
        [Open(), End()],
        ["app/<NOSRV> -1/-1/T 0 cR", "ereq=1"],
    ),
    tcp(
        "timeout client ends the wait for a refusal",
        "timeout client 150ms\n    " + DELAY + "tcp-request content reject if WAIT_END",
        [Open(), End()],
        ["door/<NOSRV> -1/-1/T 0 PR"],
    ),
    tcp(
        "timeout client goes on behind the wait",
        "timeout client 600ms\n    " + DELAY + "tcp-request content accept if WAIT_END",
        [Open(), End()],
        ["cD"],
        servers={"a": MUTE},
    ),
    tcp(
        "a backend's rules wait in their turn",
        DELAY + "tcp-request content accept if WAIT_END",
        [Open(), End()],
        ["app/<NOSRV> -1/-1/T 0 PR", "door/FRONTEND: dreq=1", "app/BACKEND: dreq=0"],
        back=DELAY + "tcp-request content reject if WAIT_END",
    ),
    tcp(
        "silent-drop of what was inspected",
        "tcp-request content silent-drop",
        [Open(), Pause(0.2), Close()],
        ["PR", "dreq=1"],
    ),
    tcp(
        "dontlognull while rules wait",
        "option dontlognull\n    " + DELAY + "tcp-request content reject if WAIT_END",
        [Open(), End()],
        ["dreq=1"],
        logs=0,
    ),
    tcp(
        "the first rule that matches ends the list",
        "tcp-request content set-var(txn.n) int(1)\n    tcp-request content accept if { src 127.0.0.1 }\n"
        "    tcp-request content set-var(txn.n) int(2)\n    log-format %[var(txn.n)]",
        [Send(b"ping"), Until(b"pong"), Close()],
        ["1"],
    ),
    tcp(
        "frontend, routing, backend",
        "tcp-request content set-var(txn.a) str(front)\n    log-format '%[var(txn.a)] %b'\n"
        "    use_backend app if { var(txn.a) -m str front }",
        [Send(b"ping"), Until(b"pong"), Close()],
        ["back app"],
        back="tcp-request content set-var(txn.a) str(back)",
    ),
    tcp(
        "capture, log level, addresses",
        "tcp-request content capture src len 20\n"
        "    tcp-request content capture dst_port,add(0),bool len 5\n    tcp-request content set-src ipv4(192.0.2.7)\n"
        "    tcp-request content set-src-port int(77)\n    tcp-request content set-nice 5\n"
        "    tcp-request content set-log-level warning\n    log-format '%hr %ci %cp %[capture.req.hdr(0)]'",
        [Send(b"ping"), Until(b"pong"), Close()],
        ["{127.0.0.1|1} 192.0.2.7 77 127.0.0.1"],
    ),
    tcp(
        "a silent line",
        "tcp-request content set-log-level silent",
        [Send(b"ping"), Until(b"pong"), Close()],
        ["stot=1"],
        logs=0,
    ),
]
ANSWERS = [
    tcp(
        "the server's greeting waits",
        "",
        [Open(), Until(b"hello\r\n"), Close()],
        ["T/T/T 11 "],
        back=ANSWER_DELAY + "tcp-response content accept if WAIT_END",
        servers={"a": GREETING},
    ),
    tcp(
        "the server's greeting is refused",
        "",
        [Open(), End()],
        ["app/s1 T/T/T 11 PD", "dresp=1"],
        back=ANSWER_DELAY + "tcp-response content reject if WAIT_END",
        servers={"a": GREETING},
    ),
    tcp(
        "a silent server is refused",
        "",
        [Send(b"ping"), End()],
        ["app/s1 T/T/T 0 PD"],
        back=ANSWER_DELAY + "tcp-response content reject if WAIT_END",
        servers={"a": MUTE},
    ),
    tcp(
        "answers are refused at once",
        "",
        [Open(), End()],
        ["app/s1 T/T/T 0 PD"],
        back="tcp-response content reject",
        servers={"a": MUTE},
    ),
    tcp(
        "the server's connection is closed",
        "",
        [Open(), End()],
        ["app/s1 T/T/T 0 --", "dresp=0"],
        back="tcp-response content close",
        servers={"a": MUTE},
    ),
    tcp(
        "a server that ends while rules wait",
        "",
        [Open(), Until(b"hello\r\n"), End(), Close()],
        ["app/s1 T/T/T 11 --"],
        back=ANSWER_DELAY + "tcp-response content accept if WAIT_END",
        servers={"a": LEAVES},
    ),
    tcp(
        "timeout server while rules wait",
        "",
        [Open(), End()],
        ["app/s1 T/T/T 0 sD"],
        back="timeout server 150ms\n    " + ANSWER_DELAY + "tcp-response content accept if WAIT_END",
        servers={"a": MUTE},
    ),
    tcp(
        "silent-drop because of the answer",
        "",
        [Open(), Pause(0.2), Close()],
        ["app/s1 T/T/T 0 PR", "dreq=1"],
        back="tcp-response content silent-drop",
        servers={"a": MUTE},
    ),
]
IN_HTTP = [
    http("HTTP reject", "tcp-request content reject", [GET, End()], ["PR-- ", '"<BADREQ>"', "dreq=1"]),
    http(
        "HTTP reject of the second request",
        "tcp-request content reject if { path /two }",
        [GET, Recv(), AGAIN, End()],
        ["PR-- ", '"<BADREQ>"', '"GET /one HTTP/1.1"'],
        logs=2,
    ),
    http(
        "HTTP reject in the backend",
        "",
        [GET, End()],
        ["app/<NOSRV>", "PR-- ", '"GET /one HTTP/1.1"', "app/BACKEND: dreq=0"],
        back="tcp-request content reject",
    ),
    http(
        "HTTP silent-drop",
        "tcp-request content silent-drop",
        [GET, Pause(0.2), Close()],
        ["PR-- ", '"<BADREQ>"', "dreq=1"],
    ),
    http(
        "content rules come before http-request rules",
        "tcp-request content set-var(txn.a) str(one)\n    http-request set-header x-a %[var(txn.a)]\n"
        "    use_backend app if { var(txn.a) -m str one }",
        [GET, Recv(), Close()],
        ["x-a: one", "x-b: two"],
        back="tcp-request content set-var(txn.a) str(two)\n    http-request set-header x-b %[var(txn.a)]",
        servers={"a": ((Recv(), Send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), End()),)},
    ),
    http(
        "captures of content rules and of headers",
        "capture request header host len 9\n    tcp-request content capture path len 9\n"
        "    http-request capture method len 9\n    log-format %hr",
        [GET, Recv(), Close()],
        ["{a|/one|GET}"],
    ),
    http(
        "HTTP response reject",
        "",
        [GET, End()],
        ["PD-- ", "dresp=1"],
        back=ANSWER_DELAY + "tcp-response content reject if { status 200 }",
    ),
    http(
        "HTTP response close",
        "",
        [GET, Recv(), Close()],
        ["502", "SH-- ", "eresp=1"],
        back="tcp-response content close",
    ),
    http(
        "tcp-response content rules come before http-response rules",
        "http-response set-header x-f %[var(txn.a)]",
        [GET, Recv(), Close()],
        ["x-a: t", "x-f: t"],
        back="tcp-response content set-var(txn.a) str(t)\n    http-response set-header x-a %[var(txn.a)]",
    ),
]
IN_HTTP += [
    http(
        f"no bytes to wait for in HTTP: {fetch}", f"{DELAY}tcp-request content {rules}", [GET, Recv(), Close()], ["200"]
    )
    for fetch, rules in (
        ("hello", "accept if { req.ssl_hello_type 1 }"),
        ("name", "capture req.ssl_sni len 9\n    tcp-request content accept if { req.ssl_sni -m found }"),
        ("payload", "accept if { req.payload(0,3) -m found }"),
        ("HTTP itself", "accept if HTTP\n    tcp-request content reject"),
    )
]
HEAD = b"GET /one HTTP/1.1\r\nhost: a.com\r\n\r\n"
ANSWERS_ALL = ((Until(b"\r\n\r\n"), Send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), End()),)
PIECES = [Send(HEAD[:4]), Pause(0.05), Send(HEAD[4:20]), Pause(0.05), Send(HEAD[20:])]
HOSTS = DELAY + "tcp-request content accept if { hdr(host) a.com }\n    tcp-request content reject"
SWITCH = f"""
frontend door
    bind 127.0.0.1:{{port:front}}
    log-format "%%b %%ts"
    {DELAY}%s
    http-request set-header x-switched yes
    default_backend app
backend app
    mode http
    server s1 {{server:a}}
"""


def switch(name: str, rules: str, talk: Sequence[Step], expect: Sequence[str], logs: int = 1) -> Scenario:
    return Scenario(
        name=name, prelude=TCP, config=SWITCH % rules, talk=[*talk, Pause(0.1)], expect=expect, logs=logs, servers={}
    )


HTTP_IN_TCP = [
    tcp("a head in pieces", HOSTS, [*PIECES, Until(b"ok"), Close()], ["app/s1", "--"], servers={"a": ANSWERS_ALL}),
    tcp("another host", HOSTS, [Send(HEAD.replace(b"a.com", b"b.com")), End()], ["door/<NOSRV> -1/-1/T 0 PR"]),
    tcp(
        "a backend's rules, a head in pieces",
        "",
        [*PIECES, Until(b"ok"), Close()],
        ["app/s1", "--"],
        HOSTS,
        {"a": ANSWERS_ALL},
    ),
    tcp(
        "a backend's rules, another host",
        "",
        [Send(HEAD.replace(b"a.com", b"b.com")), End()],
        ["app/<NOSRV> -1/-1/T 0 PR"],
        HOSTS,
    ),
    tcp("no HTTP at all", HOSTS, [Send(b"\x16\x03\x01 hello\r\n\r\n"), End()], ["PR"]),
    tcp("half a head", HOSTS, [Send(b"GET"), End()], ["door/<NOSRV> -1/-1/T 0 PR"]),
    tcp(
        "routes by a head that was waited for",
        DELAY + "tcp-request content accept if HTTP\n    use_backend other if { hdr(host) a.com }",
        [*PIECES, Until(b"ok"), Close()],
        ["other/s2", "--"],
        back="server s0 {server:b}\nbackend other\n    balance roundrobin\n    server s2 {server:a}\nbackend last",
        servers={"a": ANSWERS_ALL},
    ),
    tcp(
        "a capture waits for the head",
        DELAY + "tcp-request content capture req.hdr(host) len 9\n    log-format %hr",
        [*PIECES, Until(b"ok"), Close()],
        ["{a.com}"],
        servers={"a": ANSWERS_ALL},
    ),
    switch(
        "switch-mode for HTTP",
        "tcp-request content switch-mode http if HTTP\n    tcp-request content reject",
        [*PIECES, Recv(), AGAIN, Recv(), Close()],
        ["x-switched: yes"],
        logs=2,
    ),
    switch(
        "switch-mode refuses the rest",
        "tcp-request content switch-mode http if HTTP\n    tcp-request content reject",
        [Send(b"EHLO\r\n"), End()],
        ["PR"],
    ),
    switch("switch-mode at once", "tcp-request content switch-mode http", [GET, Recv(), Close()], ["x-switched: yes"]),
]
PROXY = b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n"
SHOWN = "log-format '%ci %fi %fp %[fc_rcvd_proxy] %[src]'\n    "
HEADERS = [
    tcp(
        "expect-proxy",
        SHOWN + "tcp-request connection expect-proxy layer4 if { src 127.0.0.1 }",
        [Send(PROXY + b"ping"), Until(b"pong"), Close()],
        ["192.0.2.1 192.0.2.2 2222 1 192.0.2.1", "bytes 'ping'"],
    ),
    tcp(
        "whose addresses are whose",
        "log-format '%ci %fi:%fp %[src] %[fc_src] %[dst]:%[dst_port] %[fc_dst] %[fc_src_is_local]'\n    "
        "tcp-request connection expect-proxy layer4\n    tcp-request connection set-dst ipv4(192.0.2.99)\n"
        "    tcp-request session set-src ipv4(192.0.2.88)\n    tcp-request session set-dst-port int(5)",
        [Send(PROXY + b"ping"), Until(b"pong"), Close()],
        ["192.0.2.88 192.0.2.2:5 192.0.2.88 127.0.0.1 192.0.2.2:5 192.0.2.99 1"],
    ),
    tcp(
        "expect-proxy of others",
        SHOWN + "tcp-request connection expect-proxy layer4 if { src 127.0.0.9 }",
        [Send(PROXY + b"ping"), Until(b"pong"), Close()],
        ["127.0.0.1 127.0.0.1", "PROXY TCP4"],
    ),
    tcp(
        "rejected before its header",
        "tcp-request connection expect-proxy layer4\n    tcp-request connection reject if { src 127.0.0.1 }",
        [Open(), End()],
        ["dcon=1"],
        logs=0,
    ),
]
TABLE = "stick-table type ip size 100 expire 60s store conn_cnt,conn_cur,sess_cnt,http_req_cnt\n    "
COUNTS = "log-format '%[sc0_conn_cnt] %[sc0_conn_cur] %[sc0_sess_cnt] %[sc0_http_req_cnt] %ts'\n    "
VISITS: list[Step] = []
for number in range(3):
    VISITS += [Open(source="127.0.0.5"), Send(b"ping"), Until(b"pong"), Close(), Logged(number + 1)]
VISITS += [Open(source="127.0.0.5"), End(), Open(source="127.0.0.6"), Send(b"ping"), Until(b"pong"), Close()]
TRACKED = [
    tcp(
        f"tracked by {kind} rules",
        f"{TABLE}{COUNTS}tcp-request {kind} track-sc0 src\n    tcp-request {kind} reject if {{ sc0_conn_cnt gt 3 }}",
        VISITS,
        expect,
        logs=logs,
    )
    for kind, expect, logs in (
        ("connection", ["1 1 1 0 --", "3 1 3 0 --", "dcon=1 "], 4),
        ("session", ["1 1 1 0 --", "3 1 3 0 --", "dses=1 "], 4),
        ("content", ["1 1 0 0 --", "3 1 0 0 --", "4 1 0 0 PR", "dreq=1 "], 5),
    )
] + [
    http(
        "tracked by content rules in HTTP",
        f"{TABLE}{COUNTS}tcp-request content track-sc0 src",
        [GET, Recv(), AGAIN, Recv(), Close()],
        ["1 1 0 1 --", "2 1 0 2 --"],
        logs=2,
    ),
    switch(
        "content rules come again with each request behind a switch",
        f"{TABLE}tcp-request content track-sc0 src\n    tcp-request content capture src len 9\n"
        "    tcp-request content switch-mode http if HTTP\n    tcp-request content reject\n"
        "    log-format '%hr %[sc0_conn_cnt] %[sc0_http_req_cnt] %ts'",
        [GET, Recv(), AGAIN, Recv(), Close()],
        ["{127.0.0.1} 1 1 --", "{127.0.0.1} 2 2 --"],
        logs=2,
    ),
]
DEFAULTS = f"""
defaults fronts
    mode tcp
    log global
    timeout connect 2s
    timeout client 5s
    timeout server 5s
    {DELAY}tcp-request content set-var(txn.b) str(3)
defaults backs
    mode tcp
    timeout connect 2s
    timeout server 5s
    tcp-request content set-var-fmt(txn.b) %[var(txn.b)]5
    tcp-response content set-var-fmt(txn.b) %[var(txn.b)]7
frontend door from fronts
    bind 127.0.0.1:{{port:front}}
    tcp-request content set-var-fmt(txn.b) %[var(txn.b)]4
    log-format "%[var(txn.b)] %[var(sess.a)] %ts %B"
    default_backend app
backend app from backs
    tcp-request content set-var-fmt(txn.b) %[var(txn.b)]6
    tcp-response content set-var-fmt(txn.b) %[var(txn.b)]8
    server s1 {{server:a}}
"""
INHERITED = [
    Scenario(
        name="rules of defaults come first",
        prelude=GLOBAL,
        config=DEFAULTS,
        servers={"a": ECHO},
        talk=[Send(b"ping"), Until(b"pong"), Close()],
        expect=["345678 - --"],
    ),
    Scenario(
        name="a listen section's rules are asked once",
        prelude=TCP,
        config=f"""
listen door
    bind 127.0.0.1:{{port:front}}
    {DELAY}tcp-request content set-var-fmt(txn.b) %[var(txn.b)]1
    {ANSWER_DELAY}tcp-response content set-var-fmt(txn.b) %[var(txn.b)]2
    log-format "%[var(txn.b)] %[var(sess.a)] %ts %B"
    server s1 {{server:a}}
""",
        servers={"a": ECHO},
        talk=[Send(b"ping"), Until(b"pong"), Close()],
        expect=["12"],
    ),
]
SCENARIOS = [*CONNECTIONS, *ADDRESSES, *REQUESTS, *ANSWERS, *IN_HTTP, *HTTP_IN_TCP, *HEADERS, *TRACKED, *INHERITED]
