"""Stick rules: which server a table has for a client, and what it learns (manual 4.2, stick)."""

from __future__ import annotations

from collections.abc import Sequence

from support.actor import Close, End, Pass, Pause, Recv, Send, Serve, Step
from support.origin import Script, ok
from support.scenario import HTTP, TCP, Asks, Logged, Open, Scenario, Stat

from families.requests import get, response

FORMAT = 'log-format "%tsc %s %ST %rc"\n'
TABLE = "stick-table type string len 20 size 1k expire 1m\n"
TWO = "server s1 {server:a}\nserver s2 {server:b}\n"
STICK = TABLE + "stick on hdr(x-key)\n"


def asks(*headers: Sequence[str], path: str = "/", port: str = "front") -> list[Step]:
    """One request a connection, each with these header lines."""
    steps: list[Step] = []
    for lines in headers:
        steps += [Open(port), Send(get(path, *lines)), Recv()]
    return steps


def keys(*names: str) -> list[Step]:
    return asks(*[(f"x-key: {name}",) for name in names])


def says(*lines: str) -> Script:
    """A server that answers each request with these header lines, and its body says nothing."""
    return (Serve(response("200 OK", *lines, "Content-Length: 0")),)


def section(kind: str, name: str, *lines: str) -> str:
    text = "".join(lines).strip()
    return f"\n{kind} {name}\n" + "".join(f"    {line.strip()}\n" for line in text.splitlines())


def table(name: str, words: str = "type string len 20 size 1k expire 1m") -> str:
    """A section that is nothing but a table."""
    return section("backend", name, f"stick-table {words}\n")


def stick(
    name: str,
    app: str,
    talk: Sequence[Step],
    *expect: str,
    more: str = "",
    servers: Sequence[tuple[str, Sequence[Script]]] = (),
    logs: int = 0,
    tcp: bool = False,
) -> Scenario:
    """`app`: lines of the listen section app; `more`: other sections. The servers' names are their answers, so who went
    where is compared also where log lines of several lanes come in any order."""
    log = 'log-format "%ts %s"\n' if tcp else FORMAT
    count = logs or sum(isinstance(step, Open) for step in talk)
    return Scenario(
        name=name,
        prelude=TCP if tcp else HTTP,
        config=section("listen", "app", "bind 127.0.0.1:{port:front}\n", log, app) + more,
        servers=dict(servers),
        talk=[*talk, Logged(count)],
        logs=count,
        expect=expect,
    )


OTHERS = table("t1") + table("t2")

MATCHING = [
    stick(
        "stick on a header",
        "balance roundrobin\n" + STICK + TWO,
        [*keys("a", "a", "b", "a", "b"), Asks("show table app"), *asks((), ()), *keys("", "k" * 40, "k" * 20)]
        + [Asks("show table app"), Stat("app/.*", ("stot", "lbtot"))],
        "key=a use=0 server_id=1 server_key=s1",
        "key=b use=0 server_id=2 server_key=s2",
        f"key={'k' * 20} use=0 server_id=",
    ),
    stick(
        "servers that get nothing new, or nothing at all",
        "balance first\n" + STICK + TWO,
        [Asks("set table app key a data.server_id 2"), *keys("a"), Asks("set server app/s2 state drain"), *keys("a")]
        + [Asks("set server app/s2 state ready"), Asks("set server app/s2 weight 0"), *keys("a")]
        + [Asks("set server app/s2 weight 1"), Asks("set server app/s2 state maint"), *keys("a")]
        + [Asks("set server app/s2 state ready"), *keys("a"), Asks("show table app")],
        "---- s2 200 0",
        "key=a use=0 server_id=1 server_key=s1",
        logs=9,
    ),
    stick(
        "numbers that no server has",
        "balance first\n" + STICK + TWO,
        [Asks("set table app key a data.server_id 9"), Asks("set table app key b data.server_id 0"), *keys("a", "b")]
        + [Asks("show table app")],
        "key=a use=0 server_id=1 server_key=s1",
    ),
    stick(
        "the first rule whose server can be used",
        "balance first\nstick match hdr(x-key) table t1\nstick match hdr(x-key) table t2\n"
        + TWO
        + "server s3 {server:c} disabled\n",
        [Asks("set table t1 key a data.server_id 3"), Asks("set table t2 key a data.server_id 2"), *keys("a", "b")]
        + [Asks("show table t1"), Asks("show table t2")],
        "---- s2 200 0",
        more=OTHERS,
    ),
    stick(
        "conditions",
        "balance first\nstick on hdr(x-key) table t1 if { hdr(x-if) 1 }\n"
        "stick on hdr(x-key) table t2 unless { hdr(x-if) 1 }\n" + TWO,
        [Asks("set table t1 key a data.server_id 2"), *asks(("x-key: a", "x-if: 1"), ("x-key: a",))]
        + [Asks("show table t1"), Asks("show table t2")],
        "---- s2 200 0",
        more=OTHERS,
    ),
    stick(
        "use-server comes first, and is learned",
        "balance first\nuse-server s2 if { hdr(x-use) 2 }\n" + STICK + TWO,
        [*keys("a"), *asks(("x-key: a", "x-use: 2")), Asks("show table app"), *keys("a")]
        + [Stat("app/.*", ("stot", "lbtot"))],
        "---- s1 200 0",
        "key=a use=0 server_id=2 server_key=s2",
    ),
    stick(
        "ignore-persist is about cookies",
        "balance first\nignore-persist if TRUE\n" + STICK + TWO,
        [Asks("set table app key a data.server_id 2"), *keys("a", "b"), Asks("show table app")],
        "---- s2 200 0",
    ),
    stick(
        "servers in another order: names count before numbers",
        "balance first\nstick on hdr(x-key) table t1\n" + TWO,
        [Asks("set server app/s1 state drain"), *keys("a"), *asks(("x-key: a",), ("x-key: a",), port="other")]
        + [Asks("set server other/s2 state maint"), *asks(("x-key: a",), port="other"), Asks("show table t1")],
        "---- s2 200 0\n",
        "key=a use=0 server_id=2 server_key=s2",
        more=OTHERS
        + section(
            "listen",
            "other",
            "bind 127.0.0.1:{port:other}\n",
            FORMAT,
            "balance first\nstick match hdr(x-key) table t1\n",
            "server s2 {server:c}\nserver s1 {server:d}\nserver s3 {server:e}\n",
        ),
        logs=6,
    ),
    stick(
        "names that the other backend does not have: numbers count",
        "balance first\nstick store-request hdr(x-key) table t1\n" + "server s1 {server:a} id 20\n",
        [*keys("a"), *asks(("x-key: a",), port="other")],
        "---- x2 200 0\n",
        more=OTHERS
        + section(
            "listen",
            "other",
            "bind 127.0.0.1:{port:other}\n",
            FORMAT,
            "balance first\nstick match hdr(x-key) table t1\n",
            "server x1 {server:c} id 10\nserver x2 {server:d} id 20\n",
        ),
    ),
    stick(
        "servers by address",
        "balance first\nstick store-request hdr(x-key) table t1\n" + "server s1 {server:a} id 20\n",
        [*keys("a"), *asks(("x-key: a",), port="other"), Asks("show table t1")],
        "---- x1 200 0\n",
        "key=a use=0 server_id=20 server_key=127.0.0.1:<server a>",
        more=table("t1", "type string len 20 size 1k expire 1m srvkey addr")
        + section(
            "listen",
            "other",
            "bind 127.0.0.1:{port:other}\n",
            FORMAT,
            "balance first\nstick match hdr(x-key) table t1\n",
            "server x0 {server:c} id 20\nserver x1 {server:a} id 10\n",
        ),
    ),
    stick(
        "one connection, many clients",
        "balance roundrobin\n" + STICK + TWO,
        [Open()]
        + [step for key in "abacbbac" for step in (Send(get("/", f"x-key: {key}")), Recv())]
        + [Asks("show table app")],
        "key=c use=0 server_id=1 server_key=s1",
        logs=8,
    ),
    stick(
        "a sticky algorithm beneath",
        "balance hdr(x-hash)\n" + STICK + TWO,
        [
            *asks(("x-key: a", "x-hash: 1"), ("x-key: a", "x-hash: 2"), ("x-key: b", "x-hash: 2")),
            Asks("show table app"),
        ],
        "key=a use=0 server_id=",
    ),
    stick(
        "keys of other types",
        "stick on src table ip\nstick on hdr(x-key),length table int\nstick on hdr(x-key),crc32 table bin\n"
        "stick on hdr(x-key) table v6\nserver s1 {server:a}\n",
        [*keys("2001:db8::1", "abc", "192.0.2.1"), Asks("show table ip"), Asks("show table int"), Asks("show table v6")]
        + [Asks("show table bin")],
        "key=127.0.0.1 use=0 server_id=1",
        "key=11 use=0 server_id=1",
        "key=2001:db8::1 use=0 server_id=1",
        more=table("ip", "type ip size 10")
        + table("int", "type integer size 10")
        + table("bin", "type binary len 8 size 10")
        + table("v6", "type ipv6 size 10"),
    ),
]

LEARNING = [
    stick(
        "the first of several rules of a table",
        "balance first\nstick store-request hdr(x-a) table t1\nstick store-request hdr(x-b) table t1\n"
        "stick store-request hdr(x-c) table t2 if { hdr(x-if) 1 }\nstick store-request hdr(x-d) table t2\n"
        "stick store-response hdr(x-e) table t1\nstick store-response hdr(x-f) table t1\n" + TWO,
        [*asks(("x-a: a1", "x-b: b1", "x-c: c1", "x-d: d1"), ("x-b: b2", "x-c: c2", "x-d: d2", "x-if: 1"))]
        + [Asks("show table t1"), Asks("show table t2")],
        "key=a1 use=0 server_id=1 server_key=s1\nkey=b2 use=0 server_id=1 server_key=s1\nkey=e use=0",
        "key=c2 use=0 server_id=1 server_key=s1\nkey=d1 use=0 server_id=1 server_key=s1",
        more=OTHERS,
        servers=[("a", [says("x-e: e", "x-f: f")])],
    ),
    stick(
        "a rule whose table learns already is passed over, also where it would match",
        "balance first\nstick on hdr(x-a) table t1\nstick on hdr(x-b) table t1\n" + TWO,
        [Asks("set table t1 key b data.server_id 2"), *asks(("x-a: a", "x-b: b"), ("x-b: b",)), Asks("show table t1")],
        "---- s1 200 0",
        more=OTHERS,
    ),
    stick(
        "a match behind a store of the same table",
        "balance first\nstick store-request hdr(x-a) table t1\nstick match hdr(x-b) table t1\n" + TWO,
        [Asks("set table t1 key b data.server_id 2"), *asks(("x-a: a", "x-b: b")), Asks("show table t1")],
        "---- s2 200 0\n",
        "key=a use=0 server_id=2 server_key=s2",
        more=OTHERS,
    ),
    stick(
        "eight stores of a request and its response",
        "balance first\n"
        + "".join(f"stick on hdr(x-key) table m{number}\n" for number in range(6))
        + "".join(f"stick store-response hdr(x-e) table m{number}\n" for number in range(6, 10))
        + TWO,
        [*keys("a"), *[Asks(f"show table m{number}") for number in range(10)]],
        "key=a use=0 server_id=1 server_key=s1",
        "key=e use=0 server_id=1 server_key=s1",
        more="".join(table(f"m{number}") for number in range(10)),
        servers=[("a", [says("x-e: e")])],
    ),
    stick(
        "a match behind eight stores",
        "balance first\n"
        + "".join(f"stick store-request hdr(x-key) table m{number}\n" for number in range(8))
        + "stick on hdr(x-key) table t1\n"
        + TWO,
        [Asks("set table t1 key a data.server_id 2"), *keys("a"), Asks("show table t1"), Asks("show table m7")],
        "---- s2 200 0\n",
        more="".join(table(f"m{number}") for number in range(8)) + OTHERS,
    ),
    stick(
        "responses are looked at before their rules",
        "balance first\nstick store-response hdr(x-e) table t1\nstick on hdr(x-key) table t2\n"
        "http-response set-header x-e later\nhttp-response deny if { res.hdr(x-deny) 1 }\n" + TWO,
        [*keys("a"), Asks("show table t1"), Asks("show table t2")],
        "PH-- s1 502 0",
        "key=first use=0 server_id=1 server_key=s1",
        "key=a use=0 server_id=1 server_key=s1",
        more=OTHERS,
        servers=[("a", [says("x-e: first", "x-deny: 1")])],
    ),
    stick(
        "conditions about responses",
        "balance first\nstick store-response hdr(x-e) table t1 if { status 200 }\n"
        "stick store-response hdr(x-e) table t2 unless { status 200 }\n" + TWO,
        [*keys("a"), Asks("show table t1"), Asks("show table t2")],
        "key=x use=0 server_id=1 server_key=s1",
        more=OTHERS,
        servers=[("a", [(Serve(response("404 Not Found", "x-e: x", "Content-Length: 0")),)])],
    ),
    stick(
        "a cookie that the server sets, and the client sends",
        "balance roundrobin\nstick store-response res.cook(SID) table t1\nstick match req.cook(SID) table t1\n" + TWO,
        [*asks((), ("Cookie: SID=one",), ("Cookie: SID=two",), ("Cookie: SID=one",), ("Cookie: a=b; SID=two",))]
        + [Asks("show table t1")],
        "key=one use=0 server_id=1 server_key=s1",
        more=OTHERS,
        servers=[("a", [says("Set-Cookie: SID=one; Path=/")]), ("b", [says("Set-Cookie: SID=two; Path=/")])],
    ),
    stick(
        "non-stick",
        "balance first\n" + STICK + "stick store-response hdr(x-e)\n"
        "server s1 {server:a} non-stick\nserver s2 {server:b}\n",
        [*keys("a"), Asks("show table app"), Asks("set table app key b data.server_id 1")]
        + [Asks("set server app/s2 state drain"), *keys("b"), Asks("show table app")],
        "key=b use=0 server_id=1 server_key=-",
        servers=[("a", [says("x-e: e")])],
        logs=3,
    ),
    stick(
        "stick takes non-stick back",
        "balance first\ndefault-server non-stick\n" + STICK + "server s1 {server:a} stick\nserver s2 {server:b}\n",
        [*keys("a"), Asks("show table app")],
        "key=a use=0 server_id=1 server_key=s1",
    ),
    stick(
        "a backup keeps whom it has got",
        "balance first\n" + STICK + "server s1 {server:a}\nserver s2 {server:b} backup\n",
        [Asks("set server app/s1 state maint"), *keys("a"), Asks("set server app/s1 state ready"), *keys("a", "b")],
        "---- s2 200 0",
        logs=5,
    ),
    stick(
        "nobody who cannot be reached is learned",
        "retries 0\n" + STICK + "server s1 {refused:a}\n",
        [*keys("a"), Asks("show table app")],
        "SC-- s1 503 0",
    ),
    stick(
        "nor who gives no answer",
        STICK + "server s1 {server:a}\n",
        [*keys("a"), Asks("show table app")],
        "SH-- s1 502 0",
        servers=[("a", [(Recv(), Close())])],
    ),
    stick(
        "an answer of our own is nobody's",
        "http-request deny if { hdr(x-key) b }\n" + STICK + "server s1 {server:a}\n",
        [*keys("b"), Asks("show table app")],
        "PR-- <NOSRV> 403 0",
    ),
    stick(
        "behind 103",
        "balance first\n" + STICK + "stick store-response hdr(x-e)\nserver s1 {server:a}\n",
        [*keys("a"), Recv(), Asks("show table app")],
        "key=late use=0 server_id=1 server_key=s1",
        servers=[
            (
                "a",
                [
                    (
                        Recv(),
                        Send(b"HTTP/1.1 103 Early Hints\r\nx-e: early\r\n\r\n"),
                        Pause(0.1),
                        Send(b"HTTP/1.1 200 OK\r\nx-e: late\r\nContent-Length: 0\r\n\r\n"),
                    )
                ],
            )
        ],
    ),
]

AWAY = [
    stick(
        "redispatch: who answers in the end is learned",
        "balance first\noption redispatch\nretries 1\n" + STICK + "server s1 {refused:a}\nserver s2 {server:b}\n",
        [Asks("set table app key a data.server_id 1"), *keys("a"), Asks("show table app")]
        + [Stat("app/.*", ("stot", "lbtot", "wretr", "wredis", "econ"))],
        "---- s2 200 +1",
        "key=a use=0 server_id=2 server_key=s2",
    ),
    stick(
        "no redispatch",
        "balance first\nretries 1\n" + STICK + "server s1 {refused:a}\nserver s2 {server:b}\n",
        [Asks("set table app key a data.server_id 1"), *keys("a"), Asks("show table app")],
        "SC-- s1 503 1",
        "key=a use=0 server_id=1 server_key=-",
    ),
    stick(
        "option persist",
        "balance first\noption persist\n" + STICK + "server s1 {server:a}\nserver s2 {server:b} disabled\n",
        [Asks("set table app key a data.server_id 2"), *keys("a", "b")],
        "---- s2 200 0",
    ),
    stick(
        "option persist, redispatch",
        "balance first\noption persist\noption redispatch\nretries 1\n"
        + STICK
        + "server s1 {server:a}\nserver s2 {refused:b} disabled\n",
        [Asks("set table app key a data.server_id 2"), *keys("a"), Asks("show table app")],
        "---- s1 200 +1",
        "key=a use=0 server_id=1 server_key=s1",
    ),
    stick(
        "force-persist",
        "balance first\noption redispatch\nforce-persist if { hdr(x-force) 1 }\n"
        + STICK
        + "server s1 {server:a}\nserver s2 {server:b} disabled\n",
        [Asks("set table app key a data.server_id 2"), *asks(("x-key: a", "x-force: 1"), ("x-key: a",))]
        + [Asks("show table app")],
        "---- s2 200 0",
    ),
    stick(
        "sent again to another server",
        "balance first\noption redispatch\nretries 2\nretry-on 503\n"
        + STICK
        + "stick store-response hdr(x-e)\nserver s1 {server:a}\nserver s2 {server:b}\n",
        [*keys("a"), Asks("show table app")],
        "key=a use=0 server_id=2 server_key=s2",
        servers=[("a", [(Serve(response("503 X", "x-e: bad", "Content-Length: 0")),)])],
    ),
    stick(
        "waits for its server in vain",
        "balance first\ntimeout queue 300ms\n" + STICK + "server s1 {server:a} maxconn 1\nserver s2 {server:b}\n",
        [Asks("set table app key a data.server_id 1"), Open(name="one"), Send(get("/", "x-key: a")), Pause(0.1)]
        + [Open(name="two"), Send(get("/", "x-key: a")), Recv(), Asks("show table app")],
        "sQ-- s1 503 0",
        servers=[("a", [(Recv(), Pause(1), Send(ok(b"a")))])],
    ),
]

CONNECTIONS = [
    stick(
        "TCP mode: what a silent server is learned at",
        TABLE.replace("string len 20", "ip") + "stick on src\nbalance roundrobin\n" + TWO,
        [Open(), Pause(0.2), Asks("show table app"), Close()]
        + [step for _ in range(3) for step in (Open(), Send(get("/")), Recv(), Close())],
        "key=127.0.0.1 use=0 server_id=1 server_key=s1",
        tcp=True,
    ),
    stick(
        "TCP mode: nobody is learned who cannot be reached",
        TABLE.replace("string len 20", "ip") + "stick on src\nretries 0\nserver s1 {refused:a}\n",
        [Open(), Recv(), Asks("show table app")],
        "SC s1",
        tcp=True,
    ),
    stick(
        "a client goes where it has been by another protocol",
        "balance roundrobin\nstick-table type ip size 200k expire 30m\nstick store-request src\n" + TWO,
        [Open(source="127.0.0.2"), Send(get("/")), Recv(), Open(source="127.0.0.3"), Send(get("/")), Recv()]
        + [Open("other", source="127.0.0.3"), Send(get("/")), Recv()]
        + [Open("other", source="127.0.0.2"), Send(get("/")), Recv(), Asks("show table app")],
        "key=127.0.0.3 use=0 server_id=2 server_key=s2",
        more=section(
            "listen",
            "other",
            "bind 127.0.0.1:{port:other}\nmode http\n",
            FORMAT,
            "balance roundrobin\nstick match src table app\n",
            TWO,
        ),
        tcp=True,
    ),
]


def hello(kind: int, session: bytes) -> bytes:
    """A ClientHello (1) or ServerHello (2) of TLS 1.2 with that session ID (RFC 5246, 7.4.1)."""
    rest = b"\0\2\0\x2f\1\0" if kind == 1 else b"\0\x2f\0"  # suites and methods of compression; those chosen
    body = b"\3\3" + bytes(range(32)) + bytes([len(session)]) + session + rest
    handshake = bytes([kind]) + len(body).to_bytes(3, "big") + body
    return b"\x16\3\1" + len(handshake).to_bytes(2, "big") + handshake


BYTES = [
    stick(
        "sessions of TLS, as in the manual but for a delay that servers need",
        """
        balance roundrobin
        stick-table type binary len 32 size 30k expire 30m
        acl clienthello req.ssl_hello_type 1
        acl serverhello res.ssl_hello_type 2
        tcp-request inspect-delay 5s
        tcp-request content accept if clienthello
        tcp-response inspect-delay 5s
        tcp-response content accept if serverhello
        stick on req.payload_lv(43,1) if clienthello
        stick store-response res.payload_lv(43,1) if serverhello
        """
        + TWO,
        [
            *(step for _ in range(2) for step in (Open(), Send(hello(1, b"")), End(), Close())),
            *(step for one in (b"B", b"A", b"B") for step in (Open(), Send(hello(1, 32 * one)), End(), Close())),
            Asks("show table app"),
        ],
        "key=4141414141414141414141414141414141414141414141414141414141414141 use=0 server_id=1 server_key=s1",
        "key=4242424242424242424242424242424242424242424242424242424242424242 use=0 server_id=2 server_key=s2",
        servers=[(name, [(Pass(10), Send(hello(2, 32 * name.upper().encode())), Close())] * 4) for name in ("a", "b")],
        tcp=True,
    ),
    stick(
        "bytes that the server does not send: nothing of it is learned",
        """
        tcp-request inspect-delay 1s
        tcp-request content accept if { req.len gt 4 }
        tcp-response inspect-delay 300ms
        tcp-response content accept if { res.len gt 40 }
        stick on req.payload(0,5) table t1
        stick store-response res.payload(0,5) table t2 if { res.len gt 2 }
        stick store-response res.payload(10,5) table t2
        server s1 {server:a}
        """,
        [Open(), Send(b"hello world"), End(), Asks("show table t1"), Asks("show table t2")],
        "key=hello use=0 server_id=1 server_key=s1",
        "key=right use=0 server_id=1 server_key=s1",
        more=OTHERS,
        servers=[("a", [(Pass(11), Send(b"right"), Pause(0.6), Close())])],
        tcp=True,
    ),
    stick(
        "a response that rules reject is not learned",
        """
        tcp-request inspect-delay 1s
        tcp-request content accept if { req.len gt 4 }
        tcp-response inspect-delay 1s
        tcp-response content reject if { res.payload(0,3) -m str bad }
        stick on req.payload(0,5) table t1
        server s1 {server:a}
        """,
        [Open(), Send(b"hello world"), End(), Asks("show table t1")],
        "PD s1",
        more=OTHERS,
        servers=[("a", [(Pass(11), Send(b"bad answer"), Pause(0.3), Close())])],
        tcp=True,
    ),
]

SCENARIOS = [*MATCHING, *LEARNING, *AWAY, *CONNECTIONS, *BYTES]
