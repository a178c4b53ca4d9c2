"""What the figures depend on: the interpreter, whether its modules are compiled, the peer, the machine."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

from bench.stage import ROOT, Stage

ASK = "import pointsman.stream.http as module; print(module.__file__)"
COMPILED_LINE = "Hot modules are compiled"  # of pointsman -vv


def is_compiled(python: str) -> bool:
    """Whether the interpreter, started as the benchmark starts Pointsman, takes the hot modules from compiled files.

    The module that is asked for is the one that every request passes. A source tree beside an installed package would
    silently give the plain one.
    """
    done = subprocess.run([python, "-c", ASK], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.strip().endswith(".so")


def details(python: str) -> str:
    """What -vv says of compiled modules; "" if nothing."""
    done = subprocess.run([python, "-m", "pointsman", "-vv"], capture_output=True, text=True, check=True, cwd=ROOT)
    found = [line for line in done.stdout.splitlines() if line.startswith(COMPILED_LINE)]
    return found[0].partition(":")[2].strip() if found else ""


def demand_compiled(python: str, interpreted: bool) -> bool:
    """Whether modules are compiled; `interpreted`: they shall not be. SystemExit if they are not by mistake."""
    if interpreted:
        os.environ["POINTSMAN_INTERPRETED"] = "1"  # for every program that is started
    elif runpy.run_path(str(ROOT / "compiled.py"))["is_stale"]():
        raise SystemExit("compiled modules are older than their source: build them (make build)")
    compiled = is_compiled(python)
    if not compiled and not interpreted:
        raise SystemExit(f"{python} runs interpreted modules; build them, or say --interpreted to measure these")
    return compiled


def about(stage: Stage, python: str, haproxy: str, compiled: bool) -> dict[str, str]:
    """Lines for the head of a report."""

    def first(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        return ((done.stdout + done.stderr).strip().splitlines() or ["not installed"])[0]

    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    load = ",".join(map(str, stage.load_cores))
    return {
        "interpreter": f"{first(python, '-VV')} ({os.path.realpath(python)})",
        "compiled": f"{'yes' if compiled else 'no'} (-vv: {details(python)})",
        "peer": first(haproxy, "-v"),
        "servers": first("nginx", "-v"),
        "load": f"{first('wrk', '-v')}; {first('h2load', '--version')}",
        "kernel": " ".join(os.uname()[i] for i in (0, 2)),
        "processor": f"{models[0].partition(':')[2].strip() if models else 'unknown'}, {os.cpu_count()} cores",
        "cores": f"program {stage.core}; nginx, load and receivers of logs {load}; two lanes, and their load: "
        f"{','.join(map(str, stage.cores))}",
        "load average": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "python of this script": sys.version.split()[0],
    }
