"""set-timeout of servers and tunnels, compared with the peer program; what 2.6 does not have (the other timeouts,
responses, set-retries) stands in tests/playbook/test_limits_of_exchanges.py."""

from __future__ import annotations

from support.actor import Pause, Recv, Send, Step
from support.scenario import Scenario

from families.requests import get
from families.simple import simple

ECHO = (
    "http-response set-header x-cur %[cur_server_timeout]|%[cur_tunnel_timeout]\n"
    "http-response set-header x-be %[be_server_timeout]|%[be_tunnel_timeout]\n"
)
SLOW = {"a": ((Recv(), Pause(3)),)}


def limits(name: str, back: str, *talk: Step, expect: str, logs: int = 1, **more: object) -> Scenario:
    return Scenario(
        name=name,
        config=simple(back=back),
        talk=talk,
        expect=[expect],
        logs=logs,
        **more,  # type: ignore[arg-type]
    )


SCENARIOS = [
    limits("as configured", ECHO, Send(get("/")), Recv(), expect="x-cur: 5000|0"),
    limits(
        "a tunnel's, as configured", "timeout tunnel 1h\n" + ECHO, Send(get("/")), Recv(), expect="x-be: 5000|3600000"
    ),
    limits(
        "a server's",
        "http-request set-timeout server 2s\n" + ECHO,
        Send(get("/")),
        Recv(),
        expect="x-cur: 2000|0",
    ),
    limits(
        "both by expressions",
        "http-request set-timeout server hdr(x-a)\nhttp-request set-timeout tunnel hdr(x-a),mul(10)\n" + ECHO,
        Send(get("/", "X-A: 777")),
        Recv(),
        expect="x-cur: 777|7770",
    ),
    limits(
        "no sample",
        "http-request set-timeout server hdr(none)\n" + ECHO,
        Send(get("/")),
        Recv(),
        expect="x-cur: 5000|0",
    ),
    limits(
        "the last one holds",
        "http-request set-timeout server 2s\nhttp-request set-timeout server 3s if { path /3 }\n" + ECHO,
        Send(get("/3")),
        Recv(),
        Send(get("/2")),
        Recv(),
        logs=2,
        expect="x-cur: 3000|0",
    ),
    limits(
        "not for the next one",
        "http-request set-timeout server 2s if { path /2 }\n" + ECHO,
        Send(get("/2")),
        Recv(),
        Send(get("/")),
        Recv(),
        logs=2,
        expect="x-cur: 5000|0",
    ),
    limits(
        "a slow server",
        "http-request set-timeout server 300ms\n",
        Send(get("/")),
        Recv(),
        servers=SLOW,
        expect=" 504 ",
    ),
    limits(
        "a slow server, by its path",
        "timeout server 300ms\nhttp-request set-timeout server 5s if { path_beg /report }\n",
        Send(get("/report")),
        Recv(),
        servers={"a": ((Recv(), Pause(0.6), Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")),)},
        expect=" 200 ",
    ),
]
