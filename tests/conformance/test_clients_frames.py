"""What a program must do about each frame of a client: RFC 9113 3 to 8 and RFC 7541, a case for each requirement.

Where haproxy 3.2 does not do what the RFC asks for, the case says what it does in place of that, and this is held
against it, too: a case that it has come to meet fails. Debian's 2.6, which differs in far more, is left out.
Some run again on a port of HTTP/1, over TLS, and byte by byte; with POINTSMAN_LONG=1 in the environment, all do.
"""

from __future__ import annotations

import os
import ssl
from functools import cache

import pytest
from fronts import fields, frames, framing, hpack_blocks, messages, settings_and_windows, starting, streams
from support.h2_peer import PATIENCE, RawClient
from support.h2_programs import Running
from support.h2_script import Case, play
from support.programs import HAPROXY, Kind, peer_version

CASES = (
    *starting.CASES,
    *framing.CASES,
    *streams.CASES,
    *frames.CASES,
    *settings_and_windows.CASES,
    *messages.CASES,
    *fields.CASES,
    *hpack_blocks.CASES,
)
PLAIN = [one for one in CASES if one.preface is None and one.port == "clear"]
SOME = PLAIN if os.environ.get("POINTSMAN_LONG") == "1" else PLAIN[::20]
AGAIN = [(way, one) for way in ("http1", "tls", "cut") for one in SOME]
BRIEF = 0.2  # seconds that haproxy has for what it is known not to do


@cache
def over_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


def run(one: Case, ports: dict[str, int], patience: float, way: str = "") -> None:
    port = way if way in ports else one.port
    tls = over_tls() if port == "tls" else None
    with RawClient(ports[port], one.values, one.preface, tls, patience, one.polite) as client:
        client.cut = 500 if way == "cut" else 0
        play(client, one.steps)


@pytest.mark.parametrize("one", CASES, ids=[one.name for one in CASES])
def test_front(one: Case, fronts: Running, peer: Kind) -> None:
    if peer is HAPROXY and peer_version() < (3, 2):
        pytest.skip("the peer is older")
    if peer is HAPROXY and one.haproxy:
        with pytest.raises(AssertionError):
            run(one, fronts.ports(peer), BRIEF)
    else:
        run(one, fronts.ports(peer), PATIENCE)


@pytest.mark.parametrize(("way", "one"), AGAIN, ids=[f"{way}-{one.name}" for way, one in AGAIN])
def test_in_other_ways(way: str, one: Case, fronts: Running, pointsman: Kind) -> None:
    run(one, fronts.ports(pointsman), PATIENCE, way)
