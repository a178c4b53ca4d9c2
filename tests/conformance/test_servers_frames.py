"""What a program must do about each frame of a server: RFC 9113 3 to 8 and RFC 7541, a case for each requirement.

Where haproxy 3.2 does not do what the RFC asks for, the case says what it does in place of that, and this is held
against it, too: a case that it has come to meet fails.
"""

from __future__ import annotations

import pytest
from backs import connections, frames, messages
from support.h2_behind import BackCase, Exchange
from support.h2_peer import PATIENCE
from support.h2_programs import Running
from support.programs import HAPROXY, Kind, peer_version

CASES = (*connections.CASES, *frames.CASES, *messages.CASES)
BRIEF = 0.2  # seconds that haproxy has for what it is known not to do


def run(one: BackCase, ports: dict[str, int], patience: float) -> None:
    with Exchange(ports["http1"], patience) as exchange:
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
