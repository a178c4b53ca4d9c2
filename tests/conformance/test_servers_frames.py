"""What a program must do about each frame of a server: RFC 9113 3 to 8 and RFC 7541, a case for each requirement.

Where haproxy 3.2 does not do what the RFC asks for, the case says what it does in place of that, and this is held
against it, too: a case that it has come to meet fails.
Some run again over TLS, and byte by byte; with POINTSMAN_LONG=1 in the environment, all do.
"""

from __future__ import annotations

import os
import ssl
from functools import cache

import pytest
from backs import connections, frames, messages
from support.certificates import authority
from support.h2_behind import BackCase, Exchange
from support.h2_peer import PATIENCE
from support.h2_programs import Running
from support.programs import HAPROXY, POINTSMAN, Kind, peer_version

CASES = (*connections.CASES, *frames.CASES, *messages.CASES)
SOME = CASES if os.environ.get("POINTSMAN_LONG") == "1" else CASES[::15]
AGAIN = [(way, one) for way in ("tls", "cut") for one in SOME]
BRIEF = 0.2  # seconds that haproxy has for what it is known not to do


@cache
def over_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority().path("a.test"))
    context.set_alpn_protocols(["h2"])
    return context


def run(one: BackCase, ports: dict[str, int], patience: float, way: str = "") -> None:
    tls = over_tls() if way == "tls" else None
    with Exchange(ports["http1"], patience, tls, 500 if way == "cut" else 0) as exchange:
        exchange.play(one)


@pytest.mark.parametrize("one", CASES, ids=[one.name for one in CASES])
def test_back(one: BackCase, backs: Running, peer: Kind) -> None:
    if peer is HAPROXY and peer_version() < (3, 2):
        pytest.skip("the peer is older")
    if peer is HAPROXY and one.haproxy:
        with pytest.raises(AssertionError):
            run(one, backs.ports(peer), BRIEF)
    else:
        run(one, backs.ports(peer), PATIENCE)


@pytest.mark.parametrize(("way", "one"), AGAIN, ids=[f"{way}-{one.name}" for way, one in AGAIN])
def test_in_other_ways(way: str, one: BackCase, backs: Running) -> None:
    run(one, backs.ports(POINTSMAN), PATIENCE, way)
