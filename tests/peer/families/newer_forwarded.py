"""option forwarded, one request for each line of it; 2.6 does not have it."""

from __future__ import annotations

from support.actor import Recv, Send
from support.scenario import Scenario

from families.requests import get

LINES = [
    "",
    "proto",
    "host",
    "by",
    "for by",
    "host-expr str(host.com) by-expr str(_haproxy) for for_port-expr int(10)",
    "for-expr src,xxh32,hex",
    "host host-expr str(a)",
    "host-expr str(a) host",
    "for for-expr str(x)",
    "by_port-expr int(7) for for_port-expr int(70000) by-expr hdr(none)",
    "for for_port",
    "by by_port proto host for-expr ipv6(2001:db8::1) for_port-expr str(x)",
]


def _config() -> str:
    front = "".join(f"    use_backend b{number} if {{ path /{number} }}\n" for number in range(len(LINES)))
    backs = "".join(
        f"backend b{number}\n    option forwarded {line}\n    server s {{server:a}}\n"
        for number, line in enumerate(LINES)
    )
    return (
        "\nfrontend web\n    bind 127.0.0.1:{port:front}\n    http-request set-src-port int(4711)\n"
        "    http-request set-dst-port int(80)\n" + front + "    default_backend own\n"
        "backend own\n    option forwarded\n    option originalto\n    option forwardfor\n    server s {server:a}\n"
        + backs
    )


REQUESTS = [get(f"/{number}", host="h.example:80") for number in range(len(LINES))]
REQUESTS += [
    get("/"),
    get("/", "Forwarded: for=1.1.1.1"),
    get("/", "Forwarded: for=1.1.1.1", "X: y", "Forwarded: for=2.2.2.2", "Z: z"),
    get("/", "Forwarded: for=1.1.1.1", "Forwarded: nonsense"),
    get("/", "Forwarded: for=1.1.1.1, for=2.2.2.2;proto=http"),
    get("/2", host="under_score"),
]
SCENARIOS = [
    Scenario(
        name="all lines",
        config=_config(),
        talk=[step for request in REQUESTS for step in (Send(request), Recv())],
        logs=len(REQUESTS),
        expect=[
            "forwarded: proto=http;for=127.0.0.1\n",
            'forwarded: host="host.com";by=_haproxy;for="127.0.0.1:10"\n',
            'forwarded: for="127.0.0.1:4711"\n',
            "forwarded: for=1.1.1.1,proto=http;for=127.0.0.1\n",
            'forwarded: host=""\n',
        ],
    ),
]
