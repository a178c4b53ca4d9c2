"""python -m bench: a table of ratios, Pointsman to Debian's haproxy, from alternating short runs under the same load.

Each row is measured in pairs, ours then theirs, next time theirs then ours; a pair gives one ratio, the table shows the
median and the spread of all. Requests per second: above 1 is better than haproxy. CPU (user and system time of the
program for one request): below 1 is better. Where the other core is the busier one, only CPU tells the programs apart.
Every run is verified: statuses, errors, bytes, and that nginx has answered as many requests as wrk counted.
"""
from __future__ import annotations

import argparse
import fcntl
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.rows import ROWS, Row
from bench.stage import ROOT, Program, Stage, cpu_microseconds, resident_kilobytes, versions

SETTLE = 0.3  # s between two runs: log lines and closed connections of the one before
LOCK = Path(tempfile.gettempdir()) / "pointsman-bench.lock"


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one program."""

    requests: int
    rate: float  # requests per second
    cpu: float  # µs per request
    p50: int  # µs
    p99: int
    log_lines: int
    problems: str


@dataclass(frozen=True, slots=True)
class Result:
    """A row of the table."""

    row: str
    ours: list[Sample]
    theirs: list[Sample]

    def rates(self) -> list[float]:
        """Ratios of requests per second, a pair each."""
        return [a.rate / b.rate for a, b in zip(self.ours, self.theirs, strict=True)]

    def costs(self) -> list[float]:
        """Ratios of CPU per request; 0 where haproxy's time was too short to be seen."""
        return [a.cpu / b.cpu if b.cpu else 0.0 for a, b in zip(self.ours, self.theirs, strict=True)]

    def line(self) -> str:
        """For the table."""
        middle = statistics.median
        rates, costs = self.rates(), self.costs()
        problems = sorted({sample.problems for sample in (*self.ours, *self.theirs) if sample.problems})
        ours, theirs = middle(s.cpu for s in self.ours), middle(s.cpu for s in self.theirs)
        p99 = f"{middle(s.p99 for s in self.ours) / 1000:.2f} / {middle(s.p99 for s in self.theirs) / 1000:.2f}"
        return (f"| {self.row:11} | {_ratio(rates)} | {_ratio(costs)} | {middle(s.rate for s in self.ours):8,.0f} / "
                f"{middle(s.rate for s in self.theirs):8,.0f} | {ours:7.1f} / {theirs:7.1f} | {p99:>14} | "
                f"{'; '.join(problems)} |")


HEAD = """\
| row         | req/s ratio (least..most) | CPU ratio (least..most) | req/s ours / haproxy | CPU µs ours / haproxy | \
p99 ms         | problems |
|---|---|---|---|---|---|---|"""


def _ratio(values: Sequence[float]) -> str:
    """Median and spread; "~" where the noise is larger than the difference."""
    middle, least, most = statistics.median(values), min(values), max(values)
    unsure = "~" if most - least > abs(middle - 1) else " "
    return f"{unsure}{middle:5.2f} ({least:.2f}..{most:.2f})"


def measure(stage: Stage, program: Program, row: Row, seconds: int) -> Sample:
    """One run of wrk against one program, verified."""
    assert stage.receiver is not None
    script = stage.folder / f"{row.name}.lua"
    script.write_text(row.script)
    time.sleep(SETTLE)
    served, lines, spent = stage.served(), stage.receiver.lines, cpu_microseconds(program.pid)
    done = subprocess.run(
        ["taskset", "-c", str(stage.load_cores[-1]), "wrk", "-t1", f"-c{row.connections}", f"-d{seconds}s", "--latency",
         "-s", str(script), f"http://127.0.0.1:{program.ports[row.frontend]}{row.path}"],
        capture_output=True, text=True, check=False)
    spent = cpu_microseconds(program.pid) - spent
    found = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not found:
        raise SystemExit(f"wrk failed: {done.stdout}{done.stderr}")
    result: dict[str, int] = json.loads(found[0].removeprefix("RESULT "))
    time.sleep(SETTLE)
    lines = stage.receiver.lines - lines
    count = max(result["requests"], 1)
    return Sample(
        requests=result["requests"], rate=count * 1e6 / result["microseconds"], cpu=spent / count, p50=result["p50"],
        p99=result["p99"], log_lines=lines,
        problems=verify(row, result, stage.served() - served, lines, program.name))


def verify(row: Row, result: dict[str, int], served: int, lines: int, name: str) -> str:
    """What is wrong with a run, "" if nothing. Requests under way when wrk stops are served but not counted by it."""
    problems = [f"{name}: {result[kind]} {kind} errors" for kind in ("status", "connect", "read", "write", "timeout")
                if result[kind]]
    count = result["requests"]
    under_way = 2 * row.connections
    if not count:
        problems.append(f"{name}: no request was answered")
    if not count <= served <= count + under_way:
        problems.append(f"{name}: wrk counted {count} requests, nginx {served}")
    if result["bytes"] < count * row.size:
        problems.append(f"{name}: bodies are too short")
    if row.frontend == "full" and not count <= lines <= count + under_way:
        problems.append(f"{name}: {lines} log lines for {count} requests")
    return ", ".join(problems)


def measure_row(stage: Stage, row: Row, pairs: int, seconds: int) -> Result:
    """Alternating runs: the order changes from pair to pair."""
    taken: dict[str, list[Sample]] = {"pointsman": [], "haproxy": []}
    for number in range(pairs):
        order = [stage.ours, stage.theirs]
        for program in order if number % 2 == 0 else reversed(order):
            taken[program.name].append(measure(stage, program, row, seconds))
    return Result(row.name, taken["pointsman"], taken["haproxy"])


@contextmanager
def alone() -> Iterator[None]:
    """Only one benchmark at a time on a machine. SystemExit if there is another."""
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SystemExit(f"another benchmark runs (lock: {LOCK})") from None
        yield


def write_report(path: Path, about: dict[str, str], results: Sequence[Result], options: argparse.Namespace) -> None:
    """Everything that was measured, as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"row": result.row, "rate_ratio": statistics.median(result.rates()), "rate_ratios": result.rates(),
             "cpu_ratio": statistics.median(result.costs()), "cpu_ratios": result.costs(),
             "ours": [asdict(sample) for sample in result.ours],
             "theirs": [asdict(sample) for sample in result.theirs]} for result in results]
    report = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "about": about, "pairs": options.pairs,
              "seconds": options.seconds, "rows": rows}
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def options_of(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", default=",".join(ROWS), help="of: " + ", ".join(ROWS))
    parser.add_argument("--pairs", type=int, default=5, help="runs of each program for a row")
    parser.add_argument("--seconds", type=int, default=2, help="length of a run")
    parser.add_argument("--python", default=sys.executable, help="the interpreter for Pointsman")
    parser.add_argument("--haproxy", default="haproxy", help="the program to compare with")
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    report = ROOT / "build" / "bench" / f"{stamp}.json"
    parser.add_argument("--json", type=Path, default=report, help="where everything measured is written")
    options = parser.parse_args(words)
    unknown = set(options.rows.split(",")) - set(ROWS)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    return options


def main(words: Sequence[str] | None = None) -> int:
    """Run it; 1 if anything that was measured is not what it should be."""
    options = options_of(words)
    missing = [name for name in ("nginx", "wrk", "taskset", options.haproxy) if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)} (Debian: nginx-light wrk util-linux haproxy)")
    results = []
    with alone(), Stage(options.python, options.haproxy) as stage:
        about = versions(stage, options.haproxy)
        for name, value in about.items():
            print(f"{name}: {value}")
        print(f"\n{HEAD}", flush=True)
        for row in (ROWS[name] for name in options.rows.split(",")):
            for program in (stage.ours, stage.theirs):
                stage.verify_body(program, row)
            results.append(measure_row(stage, row, options.pairs, options.seconds))
            print(results[-1].line(), flush=True)
        about["memory"] = ", ".join(f"{program.name} {resident_kilobytes(program.pid)} kB anonymous"
                                    for program in (stage.ours, stage.theirs))
    print("\n~: the spread is larger than the difference from 1. " + about["memory"])
    write_report(options.json, about, results, options)
    print(f"written: {options.json}")
    return 1 if any(sample.problems for result in results for sample in (*result.ours, *result.theirs)) else 0


if __name__ == "__main__":
    sys.exit(main())
