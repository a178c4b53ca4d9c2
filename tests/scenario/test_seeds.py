"""Every configuration of the tutorials, unchanged, with real Flask services behind it.

HAProxy 2.6 plays the same stories, so that a promise is known to be kept by the original; the seeds that it refuses
or reads otherwise (old spellings, rules without `mode http`) are Pointsman's alone, as the kinder readings promise.

A story mostly waits, for health checks with the intervals of its tutorial, and has a network of its own: so several are
played at the same time, all that were chosen beginning with the first test.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from support.programs import HAPROXY, POINTSMAN, Kind
from support.stage import play

STORIES = {
    "traffic_police": "ep1-traffic-police",
    "tcp": "ep2-tcp",
    "layer7": "ep3-l7",
    "path_fragment": "ep4-1-path",
    "source_fragment": "ep4-2-src",
    "method_fragment": "ep4-4-method",
    "agent_fragment": "ep4-5-user-agent",
    "admin_fragment": "ep4-6-admin",
    "flask_fragment": "ep4-7-flask",
    "roundrobin": "ep5-roundrobin",
    "leastconn": "ep6-leastconn",
    "source": "ep7-source",
    "uri": "ep7-uri",
    "random": "ep8-random",
    "weighted": "ep9-weighted",
    "cloud": "aws",
}
AT_ONCE = 5
Plays = dict[tuple[str, str], Future[None]]
OURS_ALONE = {name for name in STORIES if name.endswith("_fragment")} | {"random", "cloud"}
CASES = [pytest.param(name, POINTSMAN, id=f"{seed}-pointsman") for name, seed in STORIES.items()] + [
    pytest.param(name, HAPROXY, id=f"{seed}-haproxy", marks=pytest.mark.peer)
    for name, seed in STORIES.items()
    if name not in OURS_ALONE
]


def test_no_seed_is_forgotten() -> None:
    """Each file has a story."""
    files = {path.stem for path in (Path(__file__).parent / "seeds").glob("*.cfg")}
    assert files == set(STORIES.values())


@pytest.fixture(scope="module")
def plays(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plays]:
    """The stories of all tests that will run, under way."""
    chosen = [
        item.callspec.params
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == test_seed.__name__
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            (words["story"], words["kind"].name): pool.submit(
                play, words["story"], words["kind"], tmp_path_factory.mktemp(words["story"])
            )
            for words in chosen
            if words["kind"] is POINTSMAN or not HAPROXY.missing
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.root
@pytest.mark.parametrize(("story", "kind"), CASES)
def test_seed(story: str, kind: Kind, plays: Plays) -> None:
    """The tutorial's promises hold."""
    plays[story, kind.name].result()
