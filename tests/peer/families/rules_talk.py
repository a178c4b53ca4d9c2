"""The scenario that most families of rules share: some requests, one after the other, through lines of a frontend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from support.actor import Recv, Send, Step
from support.origin import Script
from support.scenario import Scenario

from families.requests import get
from families.rules import MARKED, PAGE
from families.simple import simple

USUAL = get("/some/path?x=1&y=2", "User-Agent: curl", "X-A: 1", "X-A: 2")


def talk(
    name: str,
    front: str,
    *expect: str,
    requests: Sequence[bytes] = (USUAL,),
    back: str = "",
    server: str = "",
    servers: Mapping[str, Sequence[Script]] = MARKED,
    **more: object,
) -> Scenario:
    """Each request is sent when the answer to the one before is there."""
    steps: list[Step] = [step for one in requests for step in (Send(one), Recv())]
    more.setdefault("logs", len(requests))
    return Scenario(
        name=name,
        config=simple(front=front, back=back, server=server),
        servers=servers,
        talk=steps,
        expect=expect,
        files={"418.http": PAGE} if "{file:" in front + back else {},
        **more,  # type: ignore[arg-type]
    )
