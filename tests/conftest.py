"""Fixtures for tests that run whole programs, and the rules by which they are skipped.

A test marked `peer` needs Debian's `haproxy`; one marked `root` needs root and the tools for private namespaces.
"""

from __future__ import annotations

import os
import runpy
import shutil
import signal
from pathlib import Path

import pytest
from support.programs import HAPROXY, POINTSMAN, Kind

from pointsman.core.native import how


def pytest_configure(config: pytest.Config) -> None:
    """Nothing is tested that is not what stands in the source, and INT and HUP have their usual effects."""
    interpreted = os.environ.get("POINTSMAN_INTERPRETED") == "1"
    if not interpreted and runpy.run_path(str(Path(__file__).parents[1] / "compiled.py"))["is_stale"]():
        raise pytest.UsageError("compiled modules are older than their source: build them (make build), or test the "
                                "source (POINTSMAN_INTERPRETED=1)")
    # A shell's background job, or nohup; programs would inherit it.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


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
