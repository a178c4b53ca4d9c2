"""python -m bench.count: user instructions of a request, row by row, against the figures in bench/instructions.json.

Times are noise on a busy machine, instructions are not. A row that needs more than 5 % above its figure fails; more
than 5 % below asks to write the new figure down (--update). The figures hold for one minor version of Python, and
compiled and interpreted modules have their own. They are those of asyncio's loop: with uvloop a turn costs less.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.about import is_compiled
from bench.callgrind import Counting, python_version
from bench.rows import ROWS
from bench.stage import ROOT

FIGURES = ROOT / "bench" / "instructions.json"
CHECKED = ("small", "full", "path+id", "all-differ", "close", "tcp", "h2c")
NUMBER = {True: 600, False: 80}  # requests, by whether modules are compiled
TCP_TIMES = 5  # as many more where a request costs little
TOLERANCE = 0.05

Figures = dict[str, dict[str, int]]  # "3.11 compiled": row: instructions


def verdict(now: int, figure: int | None) -> str:
    """ "ok", "MORE", "update" or "new"."""
    if figure is None:
        return "new"
    if now > figure * (1 + TOLERANCE):
        return "MORE"
    return "update" if now < figure * (1 - TOLERANCE) else "ok"


def report(measured: Mapping[str, int], figures: Mapping[str, int]) -> tuple[list[str], bool]:
    """Lines of a table, and whether all is well."""
    lines = ["| row          | instructions | figure | change | |", "|---|---|---|---|---|"]
    good = True
    for name, now in measured.items():
        figure = figures.get(name)
        word = verdict(now, figure)
        change = f"{(now / figure - 1) * 100:+.1f} %" if figure else ""
        lines.append(f"| {name:12} | {now:12,} | {f'{figure:,}' if figure else '':>9} | {change:>8} | {word} |")
        good = good and word != "MORE"
    return lines, good


def load_figures(path: Path) -> Figures:
    """{} if there are none yet."""
    figures: Figures = json.loads(path.read_text()) if path.exists() else {}
    return figures


def main(words: Sequence[str] | None = None) -> int:
    """Run it; 1 if a row needs more than it should."""
    parser = argparse.ArgumentParser(prog="python -m bench.count", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", default=",".join(CHECKED))
    parser.add_argument("--python", default=sys.executable, help="the interpreter for Pointsman")
    parser.add_argument("--update", action="store_true", help="write the figures down")
    parser.add_argument("--number", type=int, default=0, help="requests of a measurement")
    options = parser.parse_args(words)
    if shutil.which("valgrind") is None:
        raise SystemExit("not installed: valgrind")
    compiled = is_compiled(options.python)
    key = f"{python_version()} {'compiled' if compiled else 'interpreted'}"
    number = options.number or NUMBER[compiled]
    measured = {}
    rows = options.rows.split(",")
    with (
        tempfile.TemporaryDirectory(prefix="pointsman-count-") as folder,
        Counting(options.python, Path(folder), h2=any(ROWS[name].streams for name in rows)) as counting,
    ):
        for name in rows:
            row = ROWS[name]
            times = number * TCP_TIMES if row.tcp else number
            measured[name] = round(counting.measure(row, times).total() / times)
    figures = load_figures(FIGURES)
    lines, good = report(measured, figures.get(key, {}))
    print(f"Python {key}, user instructions of a request\n")
    print("\n".join(lines))
    if key not in figures:
        print(f"no figures for {key} in {FIGURES.name}: nothing was compared")
    if options.update:
        figures.setdefault(key, {}).update(measured)
        FIGURES.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
        print(f"written: {FIGURES}")
        return 0
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
