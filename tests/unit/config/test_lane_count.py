"""How many lanes run."""

import os
from pathlib import Path

import pytest
from support.configs import good

from pointsman.config import lanes as lanes_module
from pointsman.config.lanes import available_cpus, cpu_quota, is_capped, lane_count, what_is_slow


@pytest.mark.parametrize(
    ("lines", "lanes", "capped"),
    [
        ((), available_cpus(), False),
        (("nbthread 1",), 1, False),
        (("nbthread 7",), 7, False),
        (("nbthread 7", "thread-hard-limit 3"), 3, True),
        (("nbthread 2", "thread-hard-limit 3"), 2, False),
    ],
)
def test_what_is_said_and_the_limit(
    lines: tuple[str, ...], lanes: int, capped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = good("global", *lines).main
    monkeypatch.setattr(lanes_module, "BUILT", True)
    monkeypatch.setattr(lanes_module, "COMPILED", True)
    assert (lane_count(main), is_capped(main), what_is_slow(main)) == (lanes, capped, "")


@pytest.mark.parametrize(("missing", "said"), [("BUILT", "shared cells"), ("COMPILED", "not compiled")])
@pytest.mark.parametrize(
    ("lines", "lanes", "slow"),
    [((), 1, False), (("nbthread 1",), 1, False), (("nbthread 3",), 3, True), (("thread-hard-limit 3",), 1, False)],
)
def test_without_extensions_only_who_asks_gets_lanes(
    lines: tuple[str, ...], lanes: int, slow: bool, missing: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BUILT", "COMPILED"):
        monkeypatch.setattr(lanes_module, name, name != missing)
    main = good("global", *lines).main
    assert (lane_count(main), said in what_is_slow(main)) == (lanes, slow)


def group(root: Path, version: int, path: str, **files: str) -> None:
    """The control group of the process at `path`."""
    (root / "proc/self").mkdir(parents=True, exist_ok=True)
    (root / "proc/self/cgroup").write_text("0::/a/b\n" if version == 2 else "4:cpu,cpuacct:/a/b\n3:memory:/a/b\n")
    folder = root / "sys/fs/cgroup" / ("" if version == 2 else "cpu,cpuacct") / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text)


def test_version_2_with_a_bound_further_up(tmp_path: Path) -> None:
    group(tmp_path, 2, "a/b", cpu_max="max 100000\n")
    assert cpu_quota(tmp_path) == 0
    group(tmp_path, 2, "a", cpu_max="150000 100000\n")
    assert cpu_quota(tmp_path) == 1.5
    assert available_cpus(tmp_path) == min(2, len(os.sched_getaffinity(0)))
    group(tmp_path, 2, "a/b", cpu_max="50000 100000\n")
    assert cpu_quota(tmp_path) == 0.5
    assert available_cpus(tmp_path) == 1


def test_version_1(tmp_path: Path) -> None:
    group(tmp_path, 1, "a/b", cpu_cfs_quota_us="-1\n", cpu_cfs_period_us="100000\n")
    assert cpu_quota(tmp_path) == 0
    group(tmp_path, 1, "", cpu_cfs_quota_us="200000\n", cpu_cfs_period_us="100000\n")
    assert cpu_quota(tmp_path) == 2


def test_without_control_groups(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) == 0
    assert available_cpus(tmp_path) == min(64, len(os.sched_getaffinity(0)))
