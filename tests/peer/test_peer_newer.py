"""Words that are newer than Debian 12's haproxy, played as test_peer.py plays the others, with HAProxy 3.2 alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from families.newer import FAMILIES
from support.programs import peer_version
from test_peer import judge, play

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older"),
]
NAMED = {
    f"{family}-{scenario.name.replace(' ', '_')}": scenario
    for family, scenarios in FAMILIES.items()
    for scenario in scenarios
}


def test_names_of_newer_scenarios_are_unique() -> None:
    assert len(NAMED) == sum(len(scenarios) for scenarios in FAMILIES.values())
    assert all(scenario.expect for scenario in NAMED.values())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", NAMED)
def test_both_programs_do_the_same(scenario: str, tmp_path: Path) -> None:
    """They do, or differ as the scenario says."""
    try:
        judge(NAMED[scenario], play(NAMED[scenario], tmp_path / "1"))
    except (AssertionError, OSError):
        judge(NAMED[scenario], play(NAMED[scenario], tmp_path / "2"))
