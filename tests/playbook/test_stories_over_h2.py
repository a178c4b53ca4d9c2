"""Stories of this folder with HTTP/2 in front, behind, and on both sides, with the same expectations.

In every run: those without parameters, less the largest, and some partings. With POINTSMAN_LONG=1 all of the modules.
"""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import test_partings as partings
from support.h2_stories import MODULES, OF_BOTH, OF_CLIENTS, OF_SERVERS, SIDES, about_http1
from support.programs import ROOT
from support.stand import Stand

LONG = os.environ.get("POINTSMAN_LONG") == "1"
Story = Callable[[], None]
LARGE = (  # they take seconds
    "test_a_hundred_at_once_get_their_own",
    "test_who_asks_for_another_order_is_in_no_way_of_those_who_leave",
    "test_a_cookie_that_caches_would_keep_is_blocked",
    "test_ten_thousand_pipelined_requests_that_are_answered_here",
    "test_a_server_that_stops_reading_an_upload_is_the_one_that_is_late",
)
SOME = ("queued", "asked", "uploading", "downloading", "both", "kept")
SOME_PARTINGS = [(phase, number) for phase, number in partings.PARTINGS if phase.__name__ in SOME]


def stories() -> list[tuple[str, Story]]:
    found = []
    for module in MODULES:
        for name, story in vars(importlib.import_module(module)).items():
            if name.startswith("test_") and inspect.isfunction(story) and story.__module__ == module:
                if name not in LARGE and not inspect.signature(story).parameters:
                    found.append((name, story))
    return found


TOLD = [(side, name, story) for side in SIDES for name, story in stories() if not about_http1(name, side)]


@pytest.mark.parametrize(("side", "name", "story"), TOLD, ids=[f"{side}-{name[5:]}" for side, name, _ in TOLD])
def test_story(monkeypatch: pytest.MonkeyPatch, side: str, name: str, story: Story) -> None:
    monkeypatch.setattr(Stand, "h2", side)
    story()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("phase", "number"),
    SOME_PARTINGS,
    ids=[f"{phase.__name__}-{partings.WAYS[number]}" for phase, number in SOME_PARTINGS],
)
def test_parting(monkeypatch: pytest.MonkeyPatch, side: str, phase: partings.Phase, number: int) -> None:
    monkeypatch.setattr(Stand, "h2", side)
    partings.test_http(phase, number)


if LONG:

    @pytest.mark.slow
    @pytest.mark.timeout(1200)
    @pytest.mark.parametrize("module", MODULES)
    @pytest.mark.parametrize("side", SIDES)
    def test_all_stories_of_a_module(side: str, module: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", f"tests/playbook/{module}.py"],
            cwd=ROOT,
            env={**os.environ, "POINTSMAN_TEST_H2": side},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_what_is_about_http1_exists() -> None:
    """No name is listed that no story has any more."""
    names = {name for module in MODULES for name in vars(importlib.import_module(module))}
    for start in (*OF_CLIENTS, *OF_SERVERS, *OF_BOTH):
        whole = start.partition("[")[0]
        assert whole in names or any(name.startswith(whole) for name in names), start
