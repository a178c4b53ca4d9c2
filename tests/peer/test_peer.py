"""The same configuration and the same bytes through Debian's `haproxy` and through Pointsman, compared.

A scenario that says `differs` must differ, and shows on each side what it says it shows: so docs/differences.md stays
true. One that names a keyword of `later` is refused at start-up by that name, until the keyword is built and the word
removed.
PEER=haproxy in the environment runs haproxy against itself, which proves that a scenario is deterministic.
"""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from families.all import FAMILIES
from support.programs import HAPROXY, POINTSMAN, StartError
from support.scenario import Scenario, run

SECOND = HAPROXY if os.environ.get("PEER") == "haproxy" else POINTSMAN
ALL = [
    pytest.param(scenario, id=f"{family}-{scenario.name.replace(' ', '_')}")
    for family, scenarios in FAMILIES.items()
    for scenario in scenarios
]


def test_names_are_unique() -> None:
    """Two scenarios of one name would be told apart by nobody."""
    names = [(family, scenario.name) for family, scenarios in FAMILIES.items() for scenario in scenarios]
    assert len(names) == len(set(names))
    assert all(scenario.expect for scenarios in FAMILIES.values() for scenario in scenarios)


@pytest.mark.peer
@pytest.mark.parametrize("scenario", ALL)
def test_both_programs_do_the_same(scenario: Scenario, tmp_path: Path) -> None:
    """Both transcripts hold what the scenario expects, and they are equal unless it says why not."""
    if scenario.alone:
        alone = run(scenario, POINTSMAN, tmp_path).text()
        for part in scenario.expect:
            assert part in alone
        return
    if scenario.later and SECOND is POINTSMAN:
        with pytest.raises(StartError, match=f"'{re.escape(scenario.later)}' is not built yet"):
            run(scenario, POINTSMAN, tmp_path)
        return
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run, scenario, HAPROXY, tmp_path / "haproxy")
        second = pool.submit(run, scenario, SECOND, tmp_path / "second")
        theirs, mine = first.result().text(), second.result().text()
    for part in scenario.expect:
        assert part in theirs
    if scenario.differs and SECOND is POINTSMAN:
        assert mine != theirs, f"no difference any more: {scenario.differs}"
        for part in scenario.ours:
            assert part in mine
        return
    assert mine.splitlines() == theirs.splitlines()
