"""Fixtures for tests that run whole programs, the rules by which they are skipped, and what keeps tests apart.

A test marked `peer` needs Debian's `haproxy`; one marked `root` needs root and the tools for private namespaces.

Tests run side by side (pytest-xdist). Ports are one process's alone (support/ports.py), namespaces one test's; a test
marked `alone` measures time or needs processors to itself: no other test of this source tree runs meanwhile (holding).

POINTSMAN_TEST_ORDER=<number> in the environment draws an order of the tests from that number: none depends on another.
"""

from __future__ import annotations

import fcntl
import gc
import os
import random
import runpy
import shutil
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import process
from support.programs import HAPROXY, POINTSMAN, Kind

from pointsman.core.native import how

LOCKS = Path(__file__).parents[1] / "build"


def pytest_configure(config: pytest.Config) -> None:
    """Nothing is tested that is not what stands in the source, and INT, HUP and streams have their usual effects."""
    interpreted = os.environ.get("POINTSMAN_INTERPRETED") == "1"
    if not interpreted and runpy.run_path(str(Path(__file__).parents[1] / "compiled.py"))["is_stale"]():
        raise pytest.UsageError(
            "compiled modules are older than their source: build them (make build), or test the "
            "source (POINTSMAN_INTERPRETED=1)"
        )
    LOCKS.mkdir(exist_ok=True)
    # Frozen objects are not listed: whoever looks for objects (gc.get_objects) would depend on what ran before.
    gc.freeze = lambda: None
    # A shell's background job, or nohup; programs would inherit it.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # Some containers set it. Unbuffered streams forget what they could not write: no later flush of a program fails.
    os.environ.pop("PYTHONUNBUFFERED", "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order that was asked for, the same in each worker."""
    seed = os.environ.get("POINTSMAN_TEST_ORDER")
    if seed:
        random.Random(seed).shuffle(items)


@contextmanager
def holding(how: int) -> Iterator[None]:
    """LOCK_SH: beside other tests of this source tree; LOCK_EX: alone. Who waits holds the gate: nobody passes it.

    Locks of the process, not of the open file: a child that a test has forked and left behind does not hold them.
    """
    with (LOCKS / "tests.room").open("a+") as room:
        with (LOCKS / "tests.gate").open("a+") as gate:
            fcntl.lockf(gate, fcntl.LOCK_EX)
            fcntl.lockf(room, how)
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around the clock of pytest-timeout, too
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """No test runs beside one that is to be alone."""
    with holding(fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH):
        return (yield)


def pytest_report_header() -> str:
    """Which modules the tests run."""
    return f"pointsman: hot modules compiled: {how()}"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips by name what this machine cannot run."""
    if item.get_closest_marker("peer") and HAPROXY.missing:
        pytest.skip("the program haproxy is not installed")
    if item.get_closest_marker("root"):
        if os.geteuid() != 0:
            pytest.skip("root is needed")
        if shutil.which("unshare") is None or shutil.which("ip") is None:
            pytest.skip("unshare and ip (util-linux, iproute2) are needed")


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """The collector of cycles is left as it was found: a program's start, which sets it up, runs in tests, too."""
    thresholds, enabled = gc.get_threshold(), gc.isenabled()
    yield
    gc.set_threshold(*thresholds)
    if enabled:
        gc.enable()


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """What earlier tests have loaded, said and set is none of this one's, nor is their environment."""
    process.begin()
    environment = dict(os.environ)
    yield
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


@pytest.fixture(params=[pytest.param(HAPROXY, marks=pytest.mark.peer), POINTSMAN], ids=["haproxy", "pointsman"])
def peer(request: pytest.FixtureRequest) -> Kind:
    """Both programs in turn: the oracle proves that an expectation is right, ours that it is met."""
    kind = request.param
    assert isinstance(kind, Kind)
    return kind


@pytest.fixture
def pointsman() -> Kind:
    """Our program."""
    return POINTSMAN
