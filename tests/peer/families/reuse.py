"""Idle server connections: http-reuse in its four modes, pool options, connections that may not be shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from support.actor import Close, End, Pause, Recv, Send, Serve, Step, Until
from support.scenario import Open, Scenario

from families.requests import get, response
from families.simple import simple

OK = response("200 OK", "Content-Length: 2", body=b"ok")
# Two clients, each with two requests, one client after the other.
TWO_CLIENTS = [
    step
    for name in "xy"
    for step in (Open(name=name), Send(get(f"/{name}1")), Recv(), Send(get(f"/{name}2")), Recv(), Close(), Pause(0.05))
]


NEWEST = "of several idle connections HAProxy takes the one that has waited longest, Pointsman the one used last"


def reuse(
    name: str, back: str, *expect: str, server: str = "", reply: bytes = OK, differs: str = "", ours: Sequence[str] = ()
) -> Scenario:
    """Two clients through a backend with these lines; the server tells its connections."""
    return Scenario(
        name=name,
        config=simple(back=back, server=server),
        servers={"a": ((Serve(reply),),)},
        talk=TWO_CLIENTS,
        logs=4,
        expect=expect,
        differs=differs,
        ours=ours,
    )


def asked(*targets: str) -> str:
    """What a transcript shows of one server connection that carried these requests."""
    return "\n" + "".join(f"  GET {target} HTTP/1.1\n  host: h\n" for target in targets)


LAST = """
frontend web
    bind 127.0.0.1:{port:front}
    default_backend app
backend app
    balance roundrobin
    option prefer-last-server
    server s1 {server:a}
    server s2 {server:b}
"""
THREE_REQUESTS = [Send(get("/1")), Recv(), Send(get("/2")), Recv(), Send(get("/3")), Recv()]


def chosen(
    name: str,
    server: str,
    *rules: str,
    paths: Sequence[str] = ("/a1", "/a2", "/b1"),
    back: str = "",
    before: Sequence[Step] = (),
    expect: Sequence[str],
    talk: Sequence[Step] = (),
) -> Scenario:
    """A client whose requests choose where the server is: /a... there, /b... elsewhere. `talk`: others' requests."""
    lines = "".join(f"    {rule}\n" for rule in rules)
    return Scenario(
        name=name,
        config=f"""
frontend web
    bind 127.0.0.1:{{port:front}}
{lines}    default_backend app
backend app
    retries 0
    {back}
    server s1 {server}
""",
        servers={
            one: ((*before, Serve(response("200 OK", "Content-Length: 2", f"X-I-Am: {one}", body=b"ok"))),)
            for one in "ab"
            if f"server:{one}" in lines + server
        },
        talk=talk or [step for path in paths for step in (Send(get(path)), Recv())],
        logs=len(paths),
        expect=expect,
    )


def in_turns(*paths: str) -> list[Step | Open]:
    """A client for each request, one after the other."""
    return [
        step
        for number, path in enumerate(paths)
        for step in (Open(name=f"c{number}"), Send(get(path)), Recv(), Close(), Pause(0.05))
    ]


def to_port(server: str) -> str:
    """The rule for the path that begins with its letter."""
    return f"http-request set-dst-port str({{server:{server}}}),field(2,:) if {{ path_beg /{server} }}"


HERE = "http-request set-dst str(127.0.0.1) if { path_beg /a }"
ELSEWHERE = "http-request set-dst str(127.0.0.9) if { path_beg /b }"
IN_TURN = ["x-i-am: a", "x-i-am: b", asked("/a1", "/a2"), asked("/b1")]

OLDEST = ("connections: 2", asked("/x1", "/x2", "/y2"), asked("/y1"))
LATEST = ("connections: 2", asked("/x1", "/x2"), asked("/y1", "/y2"))

SCENARIOS = [
    reuse("safe is the default", "", *OLDEST, differs=NEWEST, ours=LATEST),
    reuse("never", "http-reuse never", "connections: 2"),
    reuse("safe", "http-reuse safe", *OLDEST, differs=NEWEST, ours=LATEST),
    reuse("aggressive", "http-reuse aggressive", "connections: "),
    reuse("always", "http-reuse always", "connections: 1"),
    reuse("always, pool-max-conn 0", "http-reuse always", "connections: 4", server="pool-max-conn 0"),
    reuse("always, http-server-close", "http-reuse always\noption http-server-close", "connections: 4"),
    reuse(
        "always, server closes",
        "http-reuse always",
        "connections: 4",
        reply=response("200 OK", "Content-Length: 2", "Connection: close", body=b"ok"),
    ),
    Scenario(
        name="always, pool-purge-delay ends idle connections",
        config=simple(back="http-reuse always", server="pool-purge-delay 100ms"),
        servers={"a": ((Recv(), Send(OK), End(3)),)},
        talk=[Send(get("/")), Recv(), Close(), Pause(0.5)],
        expect=["(closed)"],
    ),
    reuse(
        "always, but not with NTLM",
        "http-reuse always",
        "connections: 2",
        reply=response("401 Unauthorized", "WWW-Authenticate: NTLM", "Content-Length: 0"),
    ),
    Scenario(
        name="always, PROXY header keys the connection",
        config=simple(back="http-reuse always", server="send-proxy"),
        servers={"a": ((Serve(OK),),)},
        talk=[Open(name="x"), Close()],
        logs=1,
        expect=["connections: 0"],
    ),
    Scenario(
        name="option prefer-last-server",
        config=LAST,
        talk=THREE_REQUESTS,
        logs=3,
        expect=[asked("/1", "/3"), asked("/2")],
        differs="`option prefer-last-server` looks at shared idle connections, too; HAProxy only at those that belong "
        "to the client",
        ours=[asked("/1", "/2", "/3")],
    ),
    Scenario(
        name="option prefer-last-server, never shared",
        config=LAST + "    http-reuse never\n",
        talk=THREE_REQUESTS,
        logs=3,
        expect=[asked("/1", "/2", "/3")],
    ),
    Scenario(
        name="safe reuses for the second request of another client",
        config=simple(back="http-reuse safe"),
        talk=[
            Open(name="x"),
            Send(get("/x1")),
            Recv(),
            Close(),
            Pause(0.05),
            Open(name="y"),
            Send(get("/y1")),
            Recv(),
            Send(get("/y2")),
            Recv(),
        ],
        logs=3,
        expect=["connections: 2", asked("/x1", "/y2"), asked("/y1")],
        differs=NEWEST,
        ours=["connections: 2", asked("/x1"), asked("/y1", "/y2")],
    ),
    *(
        chosen(
            f"a request that chooses its port, {mode}",
            "127.0.0.1",
            to_port("a"),
            to_port("b"),
            back=f"http-reuse {mode}",
            expect=IN_TURN,
        )
        for mode in ("safe", "always", "never")
    ),
    chosen(
        "a request that chooses address and port",
        "0.0.0.0",
        HERE,
        to_port("a"),
        to_port("b"),
        back="http-reuse always",
        expect=IN_TURN,
    ),
    chosen(
        "a request that chooses as the one before the last",
        "127.0.0.1",
        to_port("a"),
        to_port("b"),
        paths=("/a1", "/b1", "/a2"),
        expect=IN_TURN,
    ),
    chosen(
        "a request that chooses as the one before the last, never",
        "127.0.0.1",
        to_port("a"),
        to_port("b"),
        back="http-reuse never",
        paths=("/a1", "/b1", "/a2", "/b2"),
        expect=["x-i-am: a", "x-i-am: b", asked("/a1", "/a2"), asked("/b1", "/b2")],
    ),
    chosen(
        "several clients that choose, always",
        "127.0.0.1",
        to_port("a"),
        to_port("b"),
        back="http-reuse always",
        paths=("/a1", "/b1", "/a2", "/a3"),
        talk=in_turns("/a1", "/b1", "/a2", "/a3"),
        expect=["x-i-am: a", "x-i-am: b", asked("/a1", "/a2", "/a3"), asked("/b1")],
    ),
    chosen(
        "several clients that choose, safe",
        "127.0.0.1",
        to_port("a"),
        to_port("b"),
        back="http-reuse safe",
        paths=("/a1", "/b1", "/a2"),
        talk=in_turns("/a1", "/b1", "/a2"),
        expect=["x-i-am: a", "x-i-am: b", asked("/a1"), asked("/a2"), asked("/b1")],
    ),
    Scenario(
        name="a request that chooses its address",
        config=f"""
frontend web
    bind 127.0.0.1:{{port:front}}
    log-format "%b/%s %ST %{{+Q}}r"
    {HERE}
    {ELSEWHERE}
    default_backend app
backend app
    http-reuse always
    server s1 0.0.0.0:{{port:inner}}
frontend inner
    no log
    bind 0.0.0.0:{{port:inner}}
    http-request return status 200 hdr x-at %[dst]
""",
        talk=[step for path in ("/a1", "/b1", "/a2") for step in (Send(get(path)), Recv())],
        logs=3,
        expect=["x-at: 127.0.0.1", "x-at: 127.0.0.9"],
    ),
    chosen(
        "a PROXY header for whom rules name",
        "{server:a} send-proxy",
        "http-request set-src str(10.0.0.1) if { path_beg /a }",
        "http-request set-src str(10.0.0.2) if { path_beg /b }",
        before=(Until(b"\r\n"),),
        paths=("/a1", "/b1"),
        expect=["PROXY TCP4 10.0.0.1", "PROXY TCP4 10.0.0.2"],
    ),
    chosen(
        "a PROXY header for whom rules name, and again for the first",
        "{server:a} send-proxy",
        "http-request set-src str(10.0.0.1) if { path_beg /a }",
        "http-request set-src str(10.0.0.2) if { path_beg /b }",
        before=(Until(b"\r\n"),),
        paths=("/a1", "/b1", "/a2"),
        expect=["connections: 2", *(f"PROXY TCP4 10.0.0.{number}" for number in (1, 2))],
    ),
    chosen(
        "a PROXY header of several clients for one whom rules name",
        "{server:a} send-proxy",
        "http-request set-src str(10.0.0.1)",
        "http-request set-src-port int(1234)",
        back="http-reuse always",
        before=(Until(b"\r\n"),),
        paths=("/1", "/2", "/3"),
        talk=in_turns("/1", "/2", "/3"),
        expect=["connections: 1", "PROXY TCP4 10.0.0.1"],
    ),
]
# Idle connections belong to a lane, and chance says which client meets which lane.
SCENARIOS = [replace(one, prelude=one.prelude.replace("\nglobal\n", "\nglobal\n    nbthread 1\n")) for one in SCENARIOS]
