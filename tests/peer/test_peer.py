"""The same configuration and the same bytes through `haproxy` and through Pointsman, compared.

The peer is Debian's program, or the one that POINTSMAN_PEER in the environment names (tests/support/newer-haproxy).

A scenario that says `differs` must differ, and shows on each side what it says it shows; its words stand in
docs/differences.md: so that page stays true. One that names a keyword of `later` is refused at start-up by that name,
until the keyword is built and the word removed.

Scenarios mostly wait, for programs to start and for timeouts to pass. So all that are selected are played from the
start on, some at a time (PEER_AT_ONCE in the environment), and a test waits for its own to be over. A worker of several
does not know which tests fall to it, but that they follow each other: it plays the next TOGETHER, and waits for all of
them, so that nothing of this goes on beside a test that is to be alone. One that fails is played once more by itself,
when all others are over, and at most once more than that: with short timeouts, a machine that other workers keep busy
makes either program late.
PEER=haproxy in the environment runs haproxy against itself, which proves that a scenario is deterministic.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import pytest
from families.all import FAMILIES
from support.programs import HAPROXY, POINTSMAN, ROOT, StartError, peer_version
from support.scenario import Scenario, run

SECOND = HAPROXY if os.environ.get("PEER") == "haproxy" else POINTSMAN
# Beside a worker others keep the processors busy.
USUAL = 2 if "PYTEST_XDIST_WORKER" in os.environ else min(2 * (os.cpu_count() or 1), 8)
AT_ONCE = int(os.environ.get("PEER_AT_ONCE", "0")) or USUAL
TOGETHER = 2 * AT_ONCE
NAMED = {
    f"{family}-{scenario.name.replace(' ', '_')}": scenario
    for family, scenarios in FAMILIES.items()
    for scenario in scenarios
}


@dataclass(frozen=True, slots=True)
class Played:
    """What became of one scenario: transcripts, as text. `theirs` is empty where haproxy is not asked, `refused` is why
    Pointsman did not start."""

    theirs: str
    mine: str
    refused: str


def play(scenario: Scenario, folder: Path) -> Played:
    """Both programs at the same time."""
    with ThreadPoolExecutor(1) as pool:
        asked = not scenario.alone and not (scenario.later and SECOND is POINTSMAN)
        first = pool.submit(run, scenario, HAPROXY, folder / "h") if asked else None
        try:
            mine, refused = run(scenario, POINTSMAN if scenario.alone else SECOND, folder / "s").text(), ""
        except StartError as error:
            if not scenario.later:
                raise
            mine, refused = "", str(error)
        return Played(first.result().text() if first is not None else "", mine, refused)


class Plays:
    """Scenarios that are selected, in the order of their tests: those on their way or over."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.folder = folder
        self.names = names
        self.pool = ThreadPoolExecutor(AT_ONCE)
        self.plays: dict[str, Future[Played]] = {}
        self.replays = 0

    def begin(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.plays:
                # Short names: the path of a unix socket has at most 107 bytes.
                self.plays[name] = self.pool.submit(play, NAMED[name], self.folder / str(len(self.plays)))

    def result(self, name: str) -> Played:
        if name not in self.plays:
            here = self.names.index(name)
            self.begin(self.names[here : here + TOGETHER])
            wait(self.plays.values())
        return self.plays[name].result()

    def again(self, name: str) -> Played:
        """By itself, when the others are over."""
        wait(self.plays.values())
        self.replays += 1
        return play(NAMED[name], self.folder / f"again{self.replays}")


@pytest.fixture(scope="session")
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plays]:
    """Starts to play all that are selected; a worker of several begins with those of its first test."""
    chosen = (getattr(item, "callspec", None) for item in request.session.items)
    asked = [spec.params.get("scenario") for spec in chosen if spec is not None]  # also by tests of other files
    names = [name for name in asked if isinstance(name, str) and name in NAMED]
    plays = Plays(tmp_path_factory.mktemp("peer"), names)
    if "PYTEST_XDIST_WORKER" not in os.environ:
        plays.begin(names)
    yield plays
    plays.pool.shutdown(cancel_futures=True)


def test_names_are_unique() -> None:
    """Two scenarios of one name would be told apart by nobody."""
    assert len(NAMED) == sum(len(scenarios) for scenarios in FAMILIES.values())
    assert all(scenario.expect for scenario in NAMED.values())


def _words(text: str) -> str:
    return " ".join(text.split()).lower()


def test_differences_are_documented() -> None:
    """Whatever a scenario says of a difference is said to users in the same words."""
    page = _words((ROOT / "docs" / "differences.md").read_text(encoding="utf-8"))
    for name, scenario in NAMED.items():
        for said in (scenario.differs, scenario.alone):
            assert _words(said) in page, name


def judge(wanted: Scenario, both: Played) -> None:
    """Both transcripts hold what the scenario expects, and they are equal unless it says why not."""
    if wanted.later and SECOND is POINTSMAN:
        assert f"'{wanted.later}' is not built yet" in both.refused, f"built by now? {wanted.later}"
        return
    different = wanted.differs_from(peer_version())
    for part in wanted.expect if different or not wanted.differs else wanted.ours:
        assert part in (both.mine if wanted.alone else both.theirs)
    if wanted.alone:
        return
    if different and SECOND is POINTSMAN:
        assert both.mine != both.theirs, f"no difference any more: {wanted.differs}"
        for part in wanted.ours:
            assert part in both.mine
        return
    assert both.mine.splitlines() == both.theirs.splitlines()


@pytest.mark.peer
@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", NAMED)
def test_both_programs_do_the_same(scenario: str, played: Plays) -> None:
    """They do, or differ as the scenario says."""
    try:
        judge(NAMED[scenario], played.result(scenario))
    except (AssertionError, OSError):
        try:
            judge(NAMED[scenario], played.again(scenario))
        except (AssertionError, OSError):
            judge(NAMED[scenario], played.again(scenario))
