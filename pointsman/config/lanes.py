"""How many lanes (traffic processes) run: `nbthread`, or what the machine and its administrator allow (manual 3.1).

The CPUs at hand are those that the process may run on (taskset, cpusets) and no more than its control group pays for:
a container with two CPUs' worth of time on a machine with 64 of them is best served by two lanes.

Lanes share cells by atomic operations of an extension. Where that was not built, plain Python does the same with file
locks, 40 times slower. Where the modules that a request passes are not compiled, the machine had no C compiler, and a
lane is several times slower. In both cases only who asks for several lanes gets them, and a notice.
"""

import math
import os
from pathlib import Path
from typing import Final

from pointsman.config.global_section import GlobalNumber, global_number
from pointsman.config.setting import Section
from pointsman.core.arena import BUILT
from pointsman.core.native import COMPILED

MOST: Final = 64  # as many as `nbthread` may say


def lane_count(main: Section) -> int:
    """Lanes to run: `nbthread` or the default, at most `thread-hard-limit`."""
    said = main.one(GlobalNumber, "nbthread")
    lanes = said.value if said is not None else available_cpus() if BUILT and COMPILED else 1
    limit = global_number(main, "thread-hard-limit")
    return min(lanes, limit) if limit else lanes


def is_capped(main: Section) -> bool:
    """`nbthread` says more than `thread-hard-limit` permits, which deserves a warning (manual 3.1)."""
    return 0 < global_number(main, "thread-hard-limit") < global_number(main, "nbthread")


def what_is_slow(main: Section) -> str:
    """What makes several lanes slow that are asked for; "": nothing."""
    if lane_count(main) < 2 or BUILT and COMPILED:
        return ""
    if BUILT:
        return "the modules that a request passes are not compiled: several lanes serve less than they could."
    return "the extension for shared cells is not built: several lanes share their state by file locks, which is slow."


def available_cpus(root: Path = Path("/")) -> int:
    """CPUs that this process may use, as far as its affinity and its control group say. `root`: for tests."""
    cpus = len(os.sched_getaffinity(0))
    quota = cpu_quota(root)
    if quota:
        cpus = min(cpus, max(1, math.ceil(quota)))
    return min(cpus, MOST)


def cpu_quota(root: Path = Path("/")) -> float:
    """The CPUs that the control group and those above it pay for; 0: no bound."""
    quotas = [quota for folder in _groups(root) if (quota := _quota(folder)) > 0]
    return min(quotas, default=0.0)


def _groups(root: Path) -> list[Path]:
    """Folders of the control groups that this process is in, each with those above it."""
    folders: list[Path] = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounts = (
            [root / "sys/fs/cgroup" / controllers, root / "sys/fs/cgroup/cpu"]
            if controllers
            else [root / "sys/fs/cgroup", root / "sys/fs/cgroup/unified"]
        )
        parts = [part for part in path.split("/") if part and part != ".."]
        for mount in mounts:
            folders += [mount.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]
    return folders


def _quota(folder: Path) -> float:
    """cpu.max of version 2 ("max 100000", "150000 100000"), or the two files of version 1 (-1: no bound)."""
    words = _text(folder / "cpu.max").split() or [
        _text(folder / "cpu.cfs_quota_us").strip(),
        _text(folder / "cpu.cfs_period_us").strip(),
    ]
    if len(words) != 2 or not (words[0].isdigit() and words[1].isdigit()) or words[1] == "0":
        return 0.0
    return int(words[0]) / int(words[1])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
