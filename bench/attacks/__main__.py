"""python -m bench.attacks: what attacks by HTTP/2 do to Pointsman, to haproxy, and to honest clients beside them.

For each attack: what became of the attacker's connections, the most anonymous memory of all processes of the program,
its CPU in all, and for each frame that the attacker has sent (less what the victims' requests take), and the 99th
percentile of honest clients, without the attack and with it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from bench.attacks.assault import Bounds
from bench.attacks.ground import Figures, Ground, command_of
from bench.attacks.scripts import ATTACKS
from bench.stage import OURS, THEIRS

HEAD = (
    "| attack | program | frames | connections | the attacker gets | memory, MB | CPU, ms | µs a frame | p99, ms |\n"
    "|---|---|---:|---:|---|---:|---:|---:|---:|"
)


def line(name: str, program: str, figures: Figures) -> str:
    """A line of the table."""
    outcome = figures.outcome
    micros = figures.cpu * 1e6 / outcome.frames if outcome.frames else 0.0
    failed = f", {figures.failed} failed" if figures.failed else ""
    return (
        f"| {name} | {program} | {outcome.frames:,} | {outcome.connections:,} | {outcome.told()} "
        f"| {figures.before / 1000:.1f} → {figures.most / 1000:.1f} | {figures.cpu * 1000:.0f} "
        f"| {micros:.2f} "
        f"| {figures.alone:.2f} → {figures.p99:.2f}{failed} |"
    )


def options_of(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    listed = "\n".join(f"  {one.name:26} {one.tells}" for one in ATTACKS.values())
    parser = argparse.ArgumentParser(
        prog="python -m bench.attacks",
        description=(__doc__ or "").splitlines()[0],
        epilog=f"attacks:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--attacks", default=",".join(ATTACKS), help="names, separated by commas (default: all)")
    parser.add_argument("--frames", type=int, default=100_000, help="of an attack (default: 100,000)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of an attack at most (default: 5)")
    parser.add_argument("--connections", type=int, default=20, help="that are held at a time (default: 20)")
    parser.add_argument("--lanes", type=int, default=1, help="lanes or threads of the program (default: 1)")
    parser.add_argument("--programs", default=f"{OURS},{THEIRS}", help="which are attacked (default: both)")
    parser.add_argument("--words", default="", help="a line for the section global, such as tune.h2...")
    parser.add_argument("--python", default=sys.executable, help="the interpreter for Pointsman")
    parser.add_argument("--haproxy", default="haproxy", help="the program to compare with")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """The table, a line for each attack and program as it is known."""
    options = options_of(words)
    names = options.attacks.split(",")
    for name in names:
        if name not in ATTACKS:
            raise SystemExit(f"no attack is called {name!r}")
    cores = sorted(os.sched_getaffinity(0))
    bounds = Bounds(options.frames, options.seconds, options.connections)
    print(HEAD, flush=True)
    for name in names:
        for program in options.programs.split(","):
            command = command_of(program, options.python, options.haproxy)
            with Ground(program, command, options.lanes, cores, options.words) as ground:
                print(line(name, program, ground.measure(ATTACKS[name], bounds)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
