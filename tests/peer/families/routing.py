"""Which backend and which server: use_backend, use-server, weights, backups, hashes, stickiness by address."""

from __future__ import annotations

from collections.abc import Sequence

from support.actor import Recv, Send, Step
from support.scenario import Open, Scenario

from families.requests import get


def talk(*targets: str, each: bool = False) -> list[Step]:
    """One GET after the other, on one connection or (each) on one of its own."""
    steps: list[Step] = []
    for target in targets:
        steps += [Open()] * each + [Send(get(target)), Recv()]
    return steps


def pool(lines: str, servers: str, front: str = "") -> str:
    """One frontend, one backend with these lines and servers."""
    return f"""
frontend web
    bind 127.0.0.1:{{port:front}}
    {front}
    default_backend app
backend app
    {lines}
    {servers}
"""


THREE = "server s1 {server:a}\n    server s2 {server:b}\n    server s3 {server:c}"
URIS = [f"/page{number}" for number in range(12)]


def picks(
    name: str,
    config: str,
    count: int,
    *expect: str,
    targets: list[str] | None = None,
    differs: str = "",
    ours: Sequence[str] = (),
    alone: str = "",
) -> Scenario:
    """`count` requests on one connection; the log tells who was chosen. Both programs show `expect`."""
    chosen = targets or ["/"] * count
    return Scenario(
        name=name,
        config=config,
        talk=talk(*chosen),
        logs=len(chosen),
        expect=expect,
        differs=differs,
        ours=(*expect, *ours) if differs else (),
        alone=alone,
    )


def served(**counts: int) -> list[str]:
    """What a transcript says of servers that got so many plain requests, each on one connection."""
    return [
        f"--- server {name}\nconnections: 1\nconnection 1:\n" + "  GET / HTTP/1.1\n  host: h\n" * count + "---"
        for name, count in counts.items()
    ]


ORDER = "the order of turns inside a round differs from HAProxy's where weights differ; the counts are the same"
RING = "`hash-type consistent` places servers on a ring of our own making"
WEIGHED = "a map-based hash over servers of unequal weights finds other servers than HAProxy's for the same keys"
WT6 = "the function `wt6`, for which the manual gives no formula, mixes as well, but to other numbers"
ALL_THREE = ("app/s1", "app/s2", "app/s3")


SCENARIOS = [
    Scenario(
        name="use_backend, first that holds",
        config="""
frontend web
    bind 127.0.0.1:{port:front}
    acl static path_beg /static
    use_backend one if static { path_end .css }
    use_backend two if static
    use_backend three if { method POST } or { path /post }
    default_backend four
backend one
    server s {server:one}
backend two
    server s {server:two}
backend three
    server s {server:three}
backend four
    server s {server:four}
""",
        talk=talk("/static/a.css", "/static/b.js", "/post", "/"),
        logs=4,
        expect=["'one'", "'two'", "'three'", "'four'"],
    ),
    Scenario(
        name="use_backend with log-format",
        config="""
frontend web
    bind 127.0.0.1:{port:front}
    use_backend be_%[path,field(2,/)] if { path_beg /to }
    use_backend %[req.hdr(x-none)]
    default_backend be_other
backend be_to-one
    server s {server:one}
backend be_to-two
    server s {server:two}
backend be_other
    server s {server:other}
""",
        talk=talk("/to-one", "/to-two/x", "/to-nobody", "/"),
        logs=4,
        expect=["'one'", "'two'", "'other'"],
    ),
    Scenario(
        name="use-server",
        config=pool("use-server s2 if { path /two }\n    use-server s3 unless { path_beg / }", THREE),
        talk=talk("/two", "/two", "/two"),
        logs=3,
        expect=["app/s2", "'b'"],
    ),
    Scenario(
        name="use-server with computed names",
        config=pool(
            "balance first\n    use-server %[path,field(2,/)] if { path_beg /to }\n"
            "    use-server s%[path,field(2,/)] unless FALSE\n"
            "    use-server s3 if TRUE",
            THREE + "\n    server s4 {server:a} disabled",
        ),
        talk=talk("/2", "/4", "/nobody", "/to"),
        logs=4,
        expect=["app/s2", "app/s3"],
    ),
    Scenario(
        name="redir",
        config=pool("balance first\n    cookie SRV insert", "server s1 {server:a} redir http://image.example cookie a"),
        talk=[
            Open(),
            *[
                step
                for request in (
                    get("/x?y=z"),
                    get("/x").replace(b"GET", b"HEAD"),
                    get("/x").replace(b"\r\n\r\n", b"\r\nCookie: SRV=a\r\n\r\n"),
                    b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok",
                )
                for step in (Send(request), Recv())
            ],
        ],
        logs=4,
        expect=["app/s1", "302", "LC", "http://image.example/x?y=z"],
        differs="2.6 closes the client's connection behind it",
        until_peer=(3, 0),
        ours=["app/s1", "LC"],
    ),
    Scenario(
        name="listen section",
        config="""
listen web
    bind 127.0.0.1:{port:front}
    http-request set-header X-In listen
    server s1 {server:a}
""",
        talk=talk("/"),
        expect=["web web/s1", "x-in: listen"],
    ),
    Scenario(
        name="two binds and two frontends",
        config="""
frontend one
    bind 127.0.0.1:{port:front}
    bind 127.0.0.1:{port:second} name alt
    http-request set-header X-Port %[dst_port]
    default_backend app
frontend two
    bind 127.0.0.1:{port:third}
    default_backend app
backend app
    server s1 {server:a}
""",
        talk=[step for port in ("front", "second", "third") for step in (Open(port), Send(get("/")), Recv())],
        logs=3,
        expect=["x-port: <port second>", "two app/s1"],
    ),
    picks("roundrobin cycles", pool("balance roundrobin", THREE), 7, "app/s1", "app/s2", "app/s3"),
    picks(
        "roundrobin with weights",
        pool(
            "balance roundrobin",
            "server s1 {server:a} weight 2\n    server s2 {server:b} weight 1\n    server s3 {server:c} weight 3",
        ),
        12,
        *served(a=4, b=2, c=6),
        differs=ORDER,
    ),
    Scenario(
        name="the default algorithm draws at random",
        config=pool("", THREE),
        talk=talk(*["/"] * 40),
        logs=40,
        expect=["app/s1", "app/s2", "app/s3"],
        alone="Without `balance`, servers are chosen by two random draws, as the 3.5 manual says; HAProxy "
        "takes turns until then",
    ),
    picks(
        "weight 0 takes nothing",
        pool("balance roundrobin", "server s1 {server:a} weight 0\n    server s2 {server:b}"),
        3,
        "app/s2",
    ),
    picks(
        "static-rr",
        pool("balance static-rr", THREE.replace("{server:a}", "{server:a} weight 3")),
        10,
        *served(a=6, b=2, c=2),
        differs=ORDER,
    ),
    picks(
        "leastconn when all are idle",
        pool("balance leastconn", THREE),
        6,
        "[length] 'a'\nHTTP/1.1 200 OK\ncontent-length: 1\n[length] 'b'\nHTTP/1.1 200 OK\ncontent-length: 1\n"
        "[length] 'c'\nHTTP/1.1 200 OK\ncontent-length: 1\n[length] 'a'",
        alone="Of servers with equally few connections `leastconn` takes the one that has waited longest; 3.2 any",
    ),
    picks("first", pool("balance first", THREE.replace("{server:a}", "{server:a} maxconn 10")), 3, "app/s1"),
    Scenario(
        name="source keeps its server",
        config=pool("balance source", THREE),
        talk=[
            step
            for last in (1, 2, 3, 4, 5, 6, 7, 1, 2, 3)
            for step in (Open(source=f"127.0.0.{last}"), Send(get("/")), Recv())
        ],
        logs=10,
        expect=["app/s1", "app/s2", "app/s3"],
    ),
    Scenario(
        name="source, consistent",
        config=pool("balance source\n    hash-type consistent", THREE),
        talk=[
            step
            for last in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
            for step in (Open(source=f"127.0.1.{last}"), Send(get("/")), Recv())
        ],
        logs=10,
        expect=ALL_THREE,
        differs=RING,
        ours=ALL_THREE,
    ),
    picks("uri", pool("balance uri", THREE), 0, "app/s1", targets=URIS + ["/page0?q=1"]),
    picks("uri whole", pool("balance uri whole", THREE), 0, "app/s1", targets=["/p?a", "/p?b", "/p?c", "/p?d", "/p?a"]),
    picks(
        "uri depth and len",
        pool("balance uri depth 2 len 8", THREE),
        0,
        "app/",
        targets=["/a/b/c", "/a/b/d", "/a/c/x", "/b/b/d", "/abcdefgh1", "/abcdefgh2"],
    ),
    picks(
        "uri path-only", pool("balance uri path-only", THREE), 0, "app/", targets=["http://h/page1", "/page1", "/page2"]
    ),
    picks(
        "uri, consistent",
        pool("balance uri\n    hash-type consistent", THREE),
        0,
        *ALL_THREE,
        targets=URIS,
        differs=RING,
    ),
    picks(
        "uri, consistent djb2 avalanche",
        pool("balance uri\n    hash-type consistent djb2 avalanche", THREE),
        0,
        *ALL_THREE,
        targets=URIS,
        differs=RING,
    ),
    picks(
        "uri, map-based wt6",
        pool("balance uri\n    hash-type map-based wt6", THREE),
        0,
        *ALL_THREE,
        targets=URIS,
        differs=WT6,
    ),
    picks("uri, crc32", pool("balance uri\n    hash-type map-based crc32", THREE), 0, "app/", targets=URIS),
    picks(
        "uri, sdbm avalanche",
        pool("balance uri\n    hash-type map-based sdbm avalanche", THREE),
        0,
        "app/",
        targets=URIS,
    ),
    picks(
        "uri with weights",
        pool("balance uri", THREE.replace("{server:c}", "{server:c} weight 4")),
        0,
        *ALL_THREE,
        targets=URIS,
        differs=WEIGHED,
    ),
    picks(
        "url_param",
        pool("balance url_param user", THREE),
        0,
        "app/",
        targets=["/?user=1", "/?user=2", "/?user=3", "/?user=1", "/none", "/none", "/x?a=b&user=2"],
    ),
    Scenario(
        name="hdr",
        config=pool("balance hdr(X-User)", THREE),
        talk=[
            step
            for name in ("ann", "bob", "cid", "dan", "ann", "")
            for step in (Send(get("/", *([f"X-User: {name}"] if name else []))), Recv())
        ],
        logs=6,
        expect=["app/"],
    ),
    Scenario(
        name="hdr use_domain_only",
        config=pool("balance hdr(host) use_domain_only", THREE),
        talk=[
            step
            for host in ("a.example.com", "b.example.com", "example.org", "x.example.org", "localhost")
            for step in (Send(get("/", host=host)), Recv())
        ],
        logs=5,
        expect=["app/"],
    ),
    picks(
        "backup serves when all others are down",
        pool(
            "balance roundrobin",
            "server s1 {server:a} disabled\n    server s2 {server:b} backup\n    server s3 {server:c} backup",
        ),
        3,
        "app/s2",
    ),
    picks(
        "backup waits while another lives",
        pool("", "server s1 {server:a} backup\n    server s2 {server:b}"),
        3,
        "app/s2",
    ),
    picks(
        "allbackups",
        pool(
            "balance roundrobin\n    option allbackups",
            "server s1 {server:a} disabled\n    server s2 {server:b} backup\n    server s3 {server:c} backup",
        ),
        4,
        "app/s3",
    ),
    picks(
        "default-server",
        pool(
            "balance roundrobin\n    default-server weight 5",
            "server s1 {server:a}\n    default-server weight 1\n    server s2 {server:b}",
        ),
        12,
        *served(a=10, b=2),
        differs=ORDER,
    ),
    picks("disabled server", pool("", "server s1 {server:a} disabled\n    server s2 {server:b}"), 3, "app/s2"),
    Scenario(
        name="disabled frontend",
        config="""
frontend off
    bind 127.0.0.1:19999
    disabled
    default_backend app
frontend web
    bind 127.0.0.1:{port:front}
    default_backend app
backend app
    server s1 {server:a}
""",
        talk=talk("/"),
        expect=["web app/s1"],
    ),
]
