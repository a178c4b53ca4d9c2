"""Pointsman under valgrind's callgrind: user instructions of N requests, of 2N requests, and their difference.

Instrumentation is off while the program starts. A measurement: zero the counts, send N requests, dump; the same with
2N; the difference divided by N is free of what does not belong to a request (a timer, the dump itself). The program's
clock is clock.c's: it advances with its readings, and short waits end with an event only.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from bench.configs import PLAIN, configuration, h2_configuration
from bench.crowd import Crowd
from bench.receiver import Receiver
from bench.rows import Row
from bench.stage import ROOT, free_ports, run, stop, wait_for

PATIENCE = 90.0  # s, for a start under valgrind
CONNECTIONS = 16
ROUNDS = 3
SETTLE = 0.1  # s
WARM = 200  # requests before anything is counted: memories fill, connections are made
# The same on every machine: orders of sets, and the C library's functions for strings whatever the processor offers.
FIXED = {
    "PYTHONHASHSEED": "0",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-EVEX,-BMI2,-ERMS,-FSRM",
}

Costs = Counter[tuple[str, str]]  # (object file, function): instructions of its own


def parse(text: str) -> Costs:
    """The own costs of a dump (callgrind's profile format; names are compressed to numbers)."""
    names: dict[str, dict[str, str]] = {"ob": {}, "fn": {}}
    costs: Costs = Counter()
    current = {"ob": "", "fn": ""}
    inclusive = False
    for line in text.splitlines():
        if line[:1].isdigit() or line[:1] in "+-*":
            fields = line.split()  # a position, and a cost unless it is zero
            if not inclusive and len(fields) > 1:
                costs[current["ob"], current["fn"]] += int(fields[1])
            inclusive = False
        elif line.startswith("calls="):
            inclusive = True  # the next line is what the called function cost
        elif found := NAMED.match(line):
            place, number, name = found.groups()
            kind = place.removeprefix("c")
            if name:
                names[kind][number] = name
            if place == kind:
                current[kind] = names[kind][number]
    return costs


NAMED = re.compile(r"(c?(?:ob|fn))=\((\d+)\)(?: (.*))?$")


class Counting:
    """The program under callgrind with the server it asks. Use as `with Counting(...) as counting:`.

    `h2`: rows that HTTP/2 is spoken in are among those that will be measured. `more`: a line of the global section.
    """

    def __init__(
        self, python: str, folder: Path, environment: dict[str, str] | None = None, h2: bool = False, more: str = ""
    ) -> None:
        self.folder = folder
        self.crowd = Crowd(0)
        self.receiver = Receiver()
        frontends = (*PLAIN, "h2c") if h2 else PLAIN
        self.ports = dict(zip(frontends, free_ports(len(frontends)), strict=True))
        try:
            self.crowd.open()
            path = folder / "test.cfg"
            text = configuration(1, folder, self.receiver.port, self.ports, [self.crowd.port])
            if more:
                text = text.replace("global\n", f"global\n    {more}\n", 1)
            path.write_text(text + h2_configuration(folder, self.ports) if h2 else text)
            output = folder / "output"
            clock = build_clock(folder)
            cores = sorted(os.sched_getaffinity(0))
            self.process = run(
                [
                    "valgrind",
                    "--tool=callgrind",
                    "--instr-atstart=no",
                    f"--callgrind-out-file={folder}/callgrind.out",
                    python,
                    "-m",
                    "pointsman",
                    "-db",
                    "-f",
                    str(path),
                ],
                cores,
                output,
                {**FIXED, "LD_PRELOAD": str(clock), **(environment or {})},
            )
            wait_for(list(self.ports.values()), self.process, output, PATIENCE)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Counting:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends it."""
        process = getattr(self, "process", None)
        if process is not None:
            stop(process)
        self.crowd.close()
        self.receiver.close()

    def _control(self, *words: str) -> None:
        done = subprocess.run(
            ["callgrind_control", *words, str(self.process.pid)], capture_output=True, text=True, check=False, cwd=ROOT
        )
        if done.returncode:
            raise SystemExit(f"callgrind_control failed: {done.stdout}{done.stderr}")

    def _count(self, row: Row, number: int) -> Costs:
        time.sleep(SETTLE)  # what the last connections cost when they were closed
        self._control("--zero")
        self.crowd.play(row, self.ports[row.frontend], number, CONNECTIONS)
        time.sleep(SETTLE)
        self._control("--dump")
        newest = max(self.folder.glob("callgrind.out*"), key=lambda path: path.stat().st_mtime_ns)
        return parse(newest.read_text())

    def measure(self, row: Row, number: int) -> Costs:
        """Instructions of `number` requests, after some that are not counted.

        The middle of three: now and then a collection of garbage falls into one of them.
        """
        self.crowd.play(row, self.ports[row.frontend], WARM, CONNECTIONS)
        self._control("--instr=on")
        self.crowd.play(row, self.ports[row.frontend], CONNECTIONS, CONNECTIONS)
        found = [difference(self._count(row, number), self._count(row, 2 * number)) for _ in range(ROUNDS)]
        self._control("--instr=off")
        return sorted(found, key=lambda costs: costs.total())[ROUNDS // 2]


def build_clock(folder: Path) -> Path:
    """Compile clock.c there."""
    made = folder / "clock.so"
    done = subprocess.run(
        ["gcc", "-O2", "-shared", "-fPIC", "-o", str(made), str(ROOT / "bench" / "clock.c")],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"clock.c was not compiled: {done.stderr}")
    return made


def difference(once: Costs, twice: Costs) -> Costs:
    """What the second has more. A function may have less, by chance: then it counts below zero."""
    return Counter({key: twice[key] - once[key] for key in once.keys() | twice.keys() if twice[key] != once[key]})


def is_countable(row: Row) -> bool:
    """Whether the crowd and the program's configuration here serve for it."""
    small = not row.size and not row.post
    return small and row.frontend in (*PLAIN, "h2c") and row.streams <= 1 and row.variant != "two"


def python_version() -> str:
    """Major and minor: figures of one version say nothing of another."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"
