"""An exchange knows nothing of the one before it on its connection, whatever is asked: each tag and each fetch says
what it says of the same exchange on a connection of its own.

Only what counts or measures may tell them apart (`TELLS`).
"""

from __future__ import annotations

import re
from typing import Final

import pytest
from support.everything import MEASURED, everything
from support.stand import Lines, Stand

from pointsman.core.address import NetAddress, net_address
from pointsman.log.policy import When
from pointsman.sample.context import Context

CONFIG: Final = """
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 3s
    timeout http-request 4s
    retries 0
frontend f
    bind 127.0.0.1:1
    unique-id-format %[path]
    capture request header x-one len 20
    capture response header x-two len 20
    capture cookie s= len 9
    http-request set-var(txn.x) req.hdr(x-one) if { req.hdr(x-one) -m found }
    http-request set-log-level err if { path /full }
    http-request set-src ipv4(9.9.9.9) if { path /full }
    http-request set-dst ipv4(9.9.9.8) if { path /full }
    http-request deny if { path /denied }
    http-request redirect location /else if { path /else }
    http-request return status 200 content-type text/plain string mine if { path /mine }
    http-request reject if { path /rejected }
    http-request tarpit if { path /tarpit }
    http-after-response set-header x-dst %[bc_dst]:%[bc_dst_port]:%[bc_src]
    use_backend nobody if { path /nobody }
    use_backend refused if { path /refused }
    default_backend b
backend b
    option http-buffer-request
    server s {a}
backend nobody
backend refused
    server r {dead}
"""
# The first exchange of a connection begins with it; and these count requests.
TELLS: Final = frozenset(
    (
        "%Th",
        "%Ti",
        "%Tq",
        "%Tt",
        "%Tu",
        "%rt",
        "http_first_req",
        "fs.id",
        "fc.timer.handshake",
        "fc.timer.total",
        "req.timer.idle",
        "req.timer.tq",
        "txn.timer.total",
        "txn.timer.user",
        "txn.id32",
    )
)
PORTS: Final = MEASURED | {"%bp", "%sp", "bc_dst_port", "bc_src_port", "bc_reused"}  # any, but there or not
FULL: Final = (
    b"POST /full?x=1 HTTP/1.1\r\nHost: h\r\nX-One: 1\r\nCookie: s=7\r\nContent-Length: 3\r\n"
    b"Authorization: Basic dTpw\r\nReferer: r\r\nUser-Agent: u\r\n\r\nx=y"
)
ANSWER: Final = (
    b"HTTP/1.1 201 Made\r\nX-One: 2\r\nX-Two: 3\r\nSet-Cookie: s=9\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nok"
)


class Asked(Lines):
    """Keeps all that can be asked."""

    FORMATS: Final = everything()

    def __init__(self, when: When) -> None:
        super().__init__(when)
        self.said: list[dict[str, bytes]] = []

    def stream(self, ctx: Context, level: int = 6) -> None:
        self.said.append({name: one.render(ctx) for name, one in self.FORMATS.items()})
        self.said[-1]["level"] = b"%d" % level


class Place(Stand):
    """Clients have one address, so that connections can be compared."""

    def _source(self, address: NetAddress) -> NetAddress:
        return net_address("10.0.0.1", 40_001)

    def _here(self) -> NetAddress:
        return net_address("10.1.0.1", 80)

    def _logger(self, when: When) -> Lines:
        return Asked(when)


def told(before: bool, request: bytes, wait: int) -> tuple[dict[str, bytes], bytes]:
    """What is said of a request, alone or behind another one, and what the client gets."""
    with Place(CONFIG, "a", values={"dead": "127.0.0.1:1"}) as stand:
        client = stand.client()
        if before:
            client.send(FULL)
            server = stand.accept("a")
            assert server.take().startswith(b"POST /full")
            server.send(ANSWER)
            assert client.take().startswith(b"HTTP/1.1 201")
        client.send(request)
        for end in stand.arrivals("a") or ([server] if before else []):
            if end.take().startswith(b"GET"):
                end.send(b"HTTP/1.1 204 No\r\n\r\n")
        stand.wait(wait)
        logger = stand.logs["f"]
        assert isinstance(logger, Asked)
        if len(logger.said) == before:  # it still waits for its body
            client.abort()
        got = client.take() if client.sock.fileno() >= 0 else b""
        assert len(logger.said) == 1 + before
        return logger.said[-1], got


REQUESTS: Final = {
    "denied": b"GET /denied HTTP/1.1\r\nHost: h\r\n\r\n",
    "redirected": b"GET /else HTTP/1.1\r\nHost: h\r\n\r\n",
    "returned": b"GET /mine HTTP/1.1\r\nHost: h\r\n\r\n",
    "rejected": b"GET /rejected HTTP/1.1\r\nHost: h\r\n\r\n",
    "no server": b"GET /nobody HTTP/1.1\r\nHost: h\r\n\r\n",
    "refused": b"GET /refused HTTP/1.1\r\nHost: h\r\n\r\n",
    "served": b"GET /served HTTP/1.1\r\nHost: h\r\n\r\n",
    "bad": b"GET nonsense HTTP/1.1\r\nHost: h\r\n\r\n",
}
WAITS: Final = {
    "tarpit": (b"GET /tarpit HTTP/1.1\r\nHost: h\r\n\r\n", 1_100),
    "half a head": (b"GET / HTTP/1.1\r\nHo", 5_000),
    "half a body": (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf", 100),
    "no answer": (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nhalf", 4_000),
}


@pytest.mark.parametrize("name", [*REQUESTS, *WAITS])
def test_nothing_is_left_of_the_exchange_before(name: str) -> None:
    request, wait = WAITS[name] if name in WAITS else (REQUESTS[name], 0)
    alone, answer = told(False, request, wait)
    behind, other = told(True, request, wait)
    for key in PORTS:
        alone[key], behind[key] = (b"-" if said[key] == b"-" else b"a port" for said in (alone, behind))
    differences = {key: (alone[key], behind[key]) for key in alone if alone[key] != behind[key] and key not in TELLS}
    assert differences == {}
    assert re.sub(rb":\d+:", b":a port:", other) == re.sub(rb":\d+:", b":a port:", answer)


def test_the_first_exchange_has_much_to_say() -> None:
    """Or nothing could be left of it."""
    said, _ = told(False, FULL.replace(b"/full", b"/served"), 100)
    assert sum(value not in (b"-", b"") for value in said.values()) > 100, said
