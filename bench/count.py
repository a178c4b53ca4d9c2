"""python -m bench.count: user instructions of a request, row by row, against the figures in bench/instructions.json.

Times are noise on a busy machine, instructions are not. A row that needs more than 5 % above its figure fails; more
than 5 % below asks to write the new figure down (--update). The figures hold for one minor version of Python, and
compiled and interpreted modules have their own. They are those of asyncio's loop: with uvloop a turn costs less.

With --decisions each row is counted once more with decisions kept: that may add 3 % (docs/why.md).
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
KEPT = "pointsman-decisions 1000"
KEPT_TOLERANCE = 0.03  # what that may add

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


def measure(rows: Sequence[str], python: str, number: int, more: str = "") -> dict[str, int]:
    """Instructions of a request, by row. `more`: a line of the global section."""
    measured = {}
    with (
        tempfile.TemporaryDirectory(prefix="pointsman-count-") as folder,
        Counting(python, Path(folder), h2=any(ROWS[name].streams for name in rows), more=more) as counting,
    ):
        for name in rows:
            row = ROWS[name]
            times = number * TCP_TIMES if row.tcp else number
            measured[name] = round(counting.measure(row, times).total() / times)
    return measured


def kept_report(without: Mapping[str, int], kept: Mapping[str, int]) -> tuple[list[str], bool]:
    """What keeping decisions adds, row by row, and whether that is as little as it has to be."""
    lines = ["| row          | instructions | decisions kept | change | |", "|---|---|---|---|---|"]
    good = True
    for name, now in without.items():
        fits = kept[name] <= now * (1 + KEPT_TOLERANCE)
        change = f"{(kept[name] / now - 1) * 100:+.1f} %"
        lines.append(f"| {name:12} | {now:12,} | {kept[name]:14,} | {change:>6} | {'ok' if fits else 'MORE'} |")
        good = good and fits
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
    parser.add_argument("--decisions", action="store_true", help="what keeping decisions adds (show decisions)")
    parser.add_argument("--number", type=int, default=0, help="requests of a measurement")
    options = parser.parse_args(words)
    if shutil.which("valgrind") is None:
        raise SystemExit("not installed: valgrind")
    compiled = is_compiled(options.python)
    key = f"{python_version()} {'compiled' if compiled else 'interpreted'}"
    number = options.number or NUMBER[compiled]
    rows = options.rows.split(",")
    measured = measure(rows, options.python, number)
    if options.decisions:
        lines, good = kept_report(measured, measure(rows, options.python, number, KEPT))
        print("\n".join(lines))
        return 0 if good else 1
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
