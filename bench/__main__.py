"""python -m bench: a table of ratios, Pointsman to Debian's haproxy, from alternating short runs under the same load.

Each row is measured in pairs, ours then theirs, next time theirs then ours; a pair gives one ratio, the table shows the
median and the spread of all. Requests per second: above 1 is better than haproxy. CPU (user and system time of the
program for one request): below 1 is better. Where the other core is the busier one, only CPU tells the programs apart.
Every run is verified (bench/verify.py); a run in which two counts differ makes the whole benchmark fail.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bench.about import about, demand_compiled
from bench.load import measure_row
from bench.results import HEAD, SINGLE_HEAD, Result, Single, warnings
from bench.rows import ROWS
from bench.single import SINGLES
from bench.stage import ROOT, Stage

LOCK = Path(tempfile.gettempdir()) / "pointsman-bench.lock"
NAMES = (*ROWS, *SINGLES)


@contextmanager
def alone() -> Iterator[None]:
    """Only one benchmark at a time on a machine. SystemExit if there is another."""
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SystemExit(f"another benchmark runs (lock: {LOCK})") from None
        yield


def write_report(
    path: Path, lines: dict[str, str], results: Sequence[Result | Single], options: argparse.Namespace
) -> None:
    """Everything that was measured, as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "about": lines,
        "pairs": options.pairs,
        "seconds": options.seconds,
        "rows": [result.json() for result in results],
        "warnings": warnings(results),
    }
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def options_of(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    listed = "\n".join(
        f"  {name:13} {tells}"
        for name, tells in (
            *((row.name, row.tells) for row in ROWS.values()),
            *((name, tells) for name, (tells, _) in SINGLES.items()),
        )
    )
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=(__doc__ or "").splitlines()[0],
        epilog=f"rows:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", default=",".join(NAMES), help="names, separated by commas (default: all)")
    parser.add_argument("--pairs", type=int, default=5, help="runs of each program for a row (default: 5)")
    parser.add_argument("--seconds", type=int, default=2, help="length of a run (default: 2)")
    parser.add_argument("--python", default=sys.executable, help="the interpreter for Pointsman")
    parser.add_argument(
        "--haproxy",
        default=os.environ.get("POINTSMAN_PEER") or "haproxy",
        help="the program to compare with (POINTSMAN_PEER, or haproxy)",
    )
    parser.add_argument("--interpreted", action="store_true", help="measure the modules' source")
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    report = ROOT / "build" / "bench" / f"{stamp}.json"
    parser.add_argument("--json", type=Path, default=report, help="where everything measured is written")
    options = parser.parse_args(words)
    unknown = set(options.rows.split(",")) - set(NAMES)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    if options.pairs < 1 or options.seconds < 1:
        parser.error("at least one pair and one second")
    return options


def measured(stage: Stage, names: Sequence[str], pairs: int, seconds: int) -> Iterator[Result | Single]:
    """The rows, each printed as soon as it is there; those under load first."""
    loads, singles = [name for name in names if name in ROWS], [name for name in names if name in SINGLES]
    for heading, part in ((HEAD, loads), (SINGLE_HEAD, singles)):
        if part:
            print(f"\n{heading}", flush=True)
        for name in part:
            under_load = name in ROWS
            result: Result | Single = (
                measure_row(stage, ROWS[name], pairs, seconds)
                if under_load
                else SINGLES[name][1](stage, pairs, seconds)
            )
            print(result.line(), flush=True)
            yield result


def main(words: Sequence[str] | None = None) -> int:
    """Run it; 1 if anything that was measured is not what it should be."""
    options = options_of(words)
    names = options.rows.split(",")
    needed = ["nginx", "wrk", "taskset", options.haproxy]
    if any(name == "p99" or name in ROWS and ROWS[name].streams for name in names):
        needed += ["h2load", "curl"]
    missing = [name for name in needed if shutil.which(name) is None]
    if missing:
        raise SystemExit(
            f"not installed: {', '.join(missing)} (Debian: nginx-light wrk nghttp2-client curl util-linux haproxy)"
        )
    compiled = demand_compiled(options.python, options.interpreted)
    began = time.monotonic()
    with alone(), Stage(options.python, options.haproxy) as stage:
        lines = about(stage, options.python, options.haproxy, compiled)
        for name, value in lines.items():
            print(f"{name}: {value}")
        results = list(measured(stage, names, options.pairs, options.seconds))
    print(
        "\nTwo figures in a cell are ours / haproxy's, medians of all runs. ~: the noise is larger than the difference."
    )
    for sentence in warnings(results):
        print(f"warning: {sentence}")
    write_report(options.json, lines, results, options)
    print(f"written: {options.json}, after {time.monotonic() - began:.0f} s")
    return 1 if any(result.problems for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
