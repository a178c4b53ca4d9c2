"""How long large files take to be read: `-c` on 100,000 lines of one kind, or on a map of 1,000,000 entries.

Measured is CPU time, user and system, of the whole process, its start included; other work on the machine hardly shows
in it. All of these are linear in Pointsman; that is tested without a clock (tests/unit/config/test_linear.py). Debian's
haproxy 2.6 compares each ACL and each server with all of those before it, which is why the row of servers has 20,000,
and why these two are measured once.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.results import Goal, Single
from bench.stage import OURS, ROOT, THEIRS, Stage

HEAD = """\
defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s

frontend web
    bind 127.0.0.1:18080
    default_backend app
"""
BACKEND = "\nbackend app\n    server s 127.0.0.1:18081\n"


@dataclass(frozen=True, slots=True)
class File:
    """`line` with a number in it, `count` times, in the frontend or in the backend."""

    tells: str
    line: str
    count: int
    in_backend: bool = False
    most_pairs: int = 3

    def text(self) -> str:
        lines = "".join([f"    {self.line.replace('N', str(number))}\n" for number in range(self.count)])
        return HEAD + BACKEND + lines if self.in_backend else HEAD + lines + BACKEND


FILES = {
    "load-rules": File(
        "-c on 100,000 set-header rules with a condition each",
        "http-request set-header x-N vN if { path /pN }",
        100_000,
    ),
    "load-use": File(
        "-c on 100,000 use_backend rules with a condition each", "use_backend app if { path /pN }", 100_000
    ),
    "load-acls": File("-c on 100,000 named ACLs", "acl aN path_beg /pN", 100_000, most_pairs=1),
    "load-servers": File(
        "-c on 20,000 servers", "server tN 127.0.0.1:18081 check weight 3", 20_000, in_backend=True, most_pairs=1
    ),
}
ENTRIES = 1_000_000
GOAL = Goal(4, 2, lower=True)


def cpu_of_check(command: list[str], path: Path) -> float:
    """Seconds of CPU that `-c` on a file takes. SystemExit if the file is refused."""
    with subprocess.Popen(
        [*command, "-c", "-f", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read().decode(errors="replace")
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} -c refused {path}:\n{said[-2000:]}")
    return used.ru_utime + used.ru_stime


def compare(stage: Stage, row: str, path: Path, pairs: int, about: str) -> Single:
    """Both programs on one file, in turns."""
    taken: dict[str, list[float]] = {OURS: [], THEIRS: []}
    for number in range(pairs):
        for name in (OURS, THEIRS) if number % 2 == 0 else (THEIRS, OURS):
            taken[name].append(cpu_of_check(["taskset", "-c", str(stage.core), *stage.commands[name]], path))
    return Single(row, "s CPU", GOAL, taken[OURS], taken[THEIRS], about=f"{about}, {path.stat().st_size >> 10} KB")


def _lines(row: str, file: File) -> Callable[[Stage, int, int], Single]:
    def measure(stage: Stage, pairs: int, seconds: int) -> Single:
        path = stage.folder / f"{row}.cfg"
        path.write_text(file.text())
        return compare(stage, row, path, min(pairs, file.most_pairs), f"{file.count:,} lines")

    return measure


def load_map(stage: Stage, pairs: int, seconds: int) -> Single:
    """One map, which one rule asks."""
    entries = stage.folder / "load.map"
    entries.write_text("".join([f"/path/{number} value{number}\n" for number in range(ENTRIES)]))
    path = stage.folder / "load-map.cfg"
    path.write_text(f"{HEAD}    http-request set-header x %[path,map_str({entries})]\n{BACKEND}")
    made = compare(stage, "load-map", path, min(pairs, 3), f"{ENTRIES:,} entries")
    entries.unlink()
    return made


LOADS: dict[str, tuple[str, Callable[[Stage, int, int], Single]]] = {
    **{row: (file.tells, _lines(row, file)) for row, file in FILES.items()},
    "load-map": ("-c on a file with a map of 1,000,000 entries", load_map),
}
