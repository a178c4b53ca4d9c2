"""TCP mode: bytes both ways, half-close, refusals, timeouts, tcplog."""

from __future__ import annotations

from support.actor import Close, End, HalfClose, Pause, Recv, Reset, Send, Take, Tell, Until, Wait
from support.scenario import TCP, Logged, Open, Scenario, Stat

ECHO = ((Until(b"ping"), Send(b"pong"), End()),)
BIG = bytes(range(256)) * 2000
TWICE = ((Until(b"ping"), Send(b"pong"), Until(b"again"), Send(b"and again"), End()),)
MORE = (Send(b"again"), Until(b"and again"), Close(), Logged(1))
BYTES = ("bin", "bout")


def tcp(front: str = "", back: str = "", server: str = "{server:a}") -> str:
    """One TCP frontend and backend."""
    return f"""
frontend door
    bind 127.0.0.1:{{port:front}}
    {front}
    default_backend app
backend app
    {back}
    server s1 {server}
"""


SCENARIOS = [
    Scenario(
        name="echo, client closes",
        prelude=TCP,
        config=tcp(),
        servers={"a": ECHO},
        talk=[Send(b"ping"), Until(b"pong"), Close()],
        expect=["'ping'", "'pong'", "door app/s1 T/T/T 4 -- 1/1/0/0/0 0/0"],
    ),
    Scenario(
        name="contstats counts what is under way",
        prelude=TCP,
        config=tcp(front="option contstats\n    timeout client 20s", back="timeout server 20s"),
        servers={"a": TWICE},
        talk=[Send(b"ping"), Until(b"pong"), Pause(6.3), Stat(".*", BYTES), *MORE, Stat(".*", BYTES)],
        expect=["door/FRONTEND: bin=4 bout=4", "app/s1: bin=4 bout=4", "app/s1: bin=9 bout=13"],
    ),
    Scenario(
        name="what lasts is counted on its way",
        prelude=TCP,
        config=tcp(front="timeout client 20s", back="timeout server 20s"),
        servers={"a": TWICE},
        talk=[Send(b"ping"), Until(b"pong"), Pause(6.3), Stat("door/.*", BYTES), *MORE, Stat(".*", BYTES)],
        expect=["door/FRONTEND: bin=0 bout=0", "app/s1: bin=9 bout=13"],
        differs="bytes of exchanges that last longer than five seconds are counted every five seconds",
        ours=["door/FRONTEND: bin=4 bout=4", "app/s1: bin=9 bout=13"],
    ),
    Scenario(
        name="server speaks first and closes",
        prelude=TCP,
        config=tcp(),
        servers={"a": ((Send(b"220 hello\r\n"), Close()),)},
        talk=[Open(), End(), Close()],
        expect=["220 hello", "(closed)"],
    ),
    Scenario(
        name="client half-closes, server answers and closes",
        prelude=TCP,
        config=tcp(),
        servers={"a": ((End(), Send(b"answer"), Close()),)},
        talk=[Send(b"question"), HalfClose(), End()],
        expect=["'question'", "'answer'", "T/T/T 6 --"],
    ),
    Scenario(
        name="server half-closes, client sends on and closes",
        prelude=TCP,
        config=tcp(),
        servers={"a": ((Until(b"ping"), Send(b"pong"), HalfClose(), Tell("half"), End()),)},
        talk=[Send(b"ping"), Until(b"pong"), Wait("half"), Pause(0.05), Send(b"more"), HalfClose(), End()],
        expect=["'more'", "--"],
    ),
    Scenario(
        name="large both ways",
        prelude=TCP,
        config=tcp(),
        servers={"a": ((Take(len(BIG)), Send(BIG), Close()),)},
        talk=[Send(BIG), End(), Close()],
        expect=["512000 bytes", "T/T/T 512000 --"],
    ),
    Scenario(
        name="server refuses",
        prelude=TCP,
        config=tcp(back="retries 0", server="{refused:x}"),
        talk=[Open(), End()],
        expect=["(closed)", "app/s1 T/-1/T 0 SC"],
    ),
    Scenario(
        name="no server",
        prelude=TCP,
        config=tcp(server="{server:a} disabled"),
        talk=[Open(), End()],
        expect=["app/<NOSRV> -1/-1/T 0 SC"],
    ),
    Scenario(
        name="connect timeout",
        prelude=TCP,
        config=tcp(back="retries 0\n    timeout connect 150ms", server="{silent:x}"),
        talk=[Open(), End()],
        expect=["T/-1/T 0 sC"],
    ),
    Scenario(
        name="client timeout",
        prelude=TCP,
        config=tcp(front="timeout client 200ms"),
        servers={"a": ((End(),),)},
        talk=[Open(), End()],
        expect=["cD"],
    ),
    Scenario(
        name="server timeout",
        prelude=TCP,
        config=tcp(back="timeout server 200ms"),
        servers={"a": ((End(),),)},
        talk=[Send(b"ping"), End(), Close()],
        expect=["sD"],
    ),
    Scenario(
        name="client resets",
        prelude=TCP,
        config=tcp(),
        servers={"a": ((Until(b"ping"), Send(b"pong"), Tell("seen"), End()),)},
        talk=[Send(b"ping"), Until(b"pong"), Wait("seen"), Reset()],
        expect=["CD"],
    ),
    Scenario(
        name="server resets",
        prelude=TCP,
        config=tcp(),
        servers={"a": ((Until(b"ping"), Send(b"pong"), Pause(0.1), Reset()),)},
        talk=[Send(b"ping"), Until(b"pong"), End()],
        expect=["SD"],
    ),
    Scenario(
        name="timeout client-fin after a half-close",
        prelude=TCP,
        config=tcp(front="timeout client-fin 150ms", back="timeout server-fin 150ms"),
        servers={"a": ((End(), Pause(0.8)),)},
        talk=[Send(b"question"), HalfClose(), End()],
        expect=["(closed)"],
    ),
    Scenario(
        name="timeout client-fin is not for a server that still answers",
        prelude=TCP,
        config=tcp(front="timeout client-fin 150ms"),
        servers={"a": ((End(), Pause(0.5), Send(b"late"), Close()),)},
        talk=[Send(b"question"), HalfClose(), End()],
        expect=["bytes 'late'", "T/T/T 4 --"],
    ),
    Scenario(
        name="timeout server-fin is not for a client that still sends",
        prelude=TCP,
        config=tcp(back="timeout server-fin 150ms"),
        servers={"a": ((Until(b"ping"), Send(b"pong"), HalfClose(), End()),)},
        talk=[Send(b"ping"), Until(b"pong"), Pause(0.5), Send(b"more"), HalfClose(), End()],
        expect=["bytes 'more'", "T/T/T 4 --"],
    ),
    Scenario(
        name="timeout client-fin after the server's half-close",
        prelude=TCP,
        config=tcp(front="timeout client-fin 150ms", back="timeout server-fin 150ms"),
        servers={"a": ((Until(b"ping"), Send(b"pong"), HalfClose(), End()),)},
        talk=[Send(b"ping"), Until(b"pong"), End(), Pause(0.5)],
        expect=["cD"],
    ),
    Scenario(
        name="HTTP through TCP is not touched",
        prelude=TCP,
        config=tcp(),
        servers={"a": ((Until(b"\r\n\r\n"), Send(b"HTTP/1.0 200 Fine\r\nX-Case: Kept\r\n\r\nbody"), Close()),)},
        talk=[Send(b"GET / HTTP/1.0\r\nX-Case: Kept\r\n\r\n"), Recv(), Close()],
        expect=["X-Case: Kept"],
    ),
    Scenario(
        name="roundrobin over connections",
        prelude=TCP,
        config=tcp(back="balance roundrobin", server="{server:a}\n    server s2 {server:b}"),
        servers={name: ((Send(name.encode()), Close()),) for name in "ab"},
        talk=[step for number in range(4) for step in (Open(), End(), Close(), Logged(number + 1))],
        logs=4,
        expect=["bytes 'a'", "bytes 'b'", "app/s2"],
    ),
    Scenario(
        name="routing and rejection by source",
        prelude=TCP,
        config=tcp(
            front="use_backend other if { src 127.0.0.5 }\n    tcp-request connection reject if { src 127.0.0.6 }",
            server="{server:a}\nbackend other\n    server s2 {server:b}",
        ),
        servers={name: ((Send(name.encode()), Close()),) for name in "ab"},
        talk=[
            step
            for number, source in enumerate(("127.0.0.5", "127.0.0.7", "127.0.0.6"))
            for step in (Open(source=source), End(), Close(), Logged(min(number, 1) + 1))
        ],
        logs=2,
        expect=["other/s2", "bytes 'b'", "bytes 'a'"],
    ),
    Scenario(
        name="bytes are counted",
        prelude=TCP,
        config=tcp(),
        servers={"a": ECHO},
        talk=[Send(b"ping"), Until(b"pong"), Close(), Pause(0.1), Stat(".*", ("stot", "bin", "bout", "scur", "smax"))],
        expect=["door/FRONTEND: stot=1 bin=4 bout=4 scur=0 smax=1"],
    ),
    Scenario(
        name="default log format without option tcplog",
        prelude=TCP.replace("    option tcplog\n", ""),
        config=tcp(),
        servers={"a": ECHO},
        talk=[Send(b"ping"), Until(b"pong"), Close()],
        expect=["Connect from 127.0.0.1:<client 1> to 127.0.0.1:<port front> (door/TCP)"],
    ),
    Scenario(
        name="a backend of HTTP",
        prelude=TCP,
        config=tcp(
            front='log-format "%f %b/%s %ts %sc/%rc"',
            back="mode http\n    http-request set-header by app\n    http-response set-header by app",
        ),
        talk=[
            Send(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"),
            Recv(),
            Send(b"GET /2 HTTP/1.1\r\nHost: h\r\n\r\n"),
            Recv(),
            Close(),
        ],
        logs=2,
        expect=["by: app", "[length] 'a'", "door app/s1 -- 0/0"],
    ),
    Scenario(
        name="a backend of HTTP gets no request",
        prelude=TCP,
        config=tcp(back="mode http"),
        talk=[Send(b"\x16\x03\x01 nothing\r\n\r\n"), Recv(), End(), Close()],
        expect=["HTTP/1.1 400 Bad request", "door door/<NOSRV> -1/-1/T 0 PR 1/1/0/0/0 0/0"],
        differs="the log of a TCP frontend counts the bytes of an error page",
        ours=["HTTP/1.1 400 Bad request", "door door/<NOSRV> -1/-1/T 207 PR 1/1/0/0/0 0/0"],
    ),
    Scenario(
        name="a request of HTTP does not leave it again",
        prelude=TCP,
        config=tcp(
            front='use_backend raw if { path /2 }\n    log-format "%f %b/%s %ts"',
            back="mode http",
            server="{server:a}\nbackend raw\n    server s2 {server:b}",
        ),
        talk=[
            Send(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"),
            Recv(),
            Send(b"GET /2 HTTP/1.1\r\nHost: h\r\n\r\n"),
            End(),
            Close(),
        ],
        logs=2,
        expect=["(closed)", "door app/s1 --", "door raw/<NOSRV> IR"],
    ),
]
