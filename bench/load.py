"""One run of a load generator against one program, with everything that was counted meanwhile.

wrk sends as fast as answers come, and so does h2load where HTTP/2 is spoken (`measure`), or at a rate that is given.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections import Counter
from dataclasses import replace

from bench.processes import anonymous_kilobytes, cpu_of, last_cores
from bench.results import Result, Sample
from bench.rows import SPAN, Row
from bench.stage import OURS, THEIRS, Program, Stage
from bench.verify import verify

PACED_CLIENTS = 32
LONGEST = 120  # s: a generator that takes longer is stuck
RATE_ERROR = 0.03  # how far the offered rate may be off


def wrk(stage: Stage, program: Program, row: Row, seconds: int) -> dict[str, int]:
    """The result that LAST_LINE of bench/rows.py printed."""
    script = stage.folder / "load.lua"
    script.write_text(row.script(stage.next_run() * SPAN))
    address = f"http{'s' * row.tls}://127.0.0.1:{program.ports[row.frontend]}/"
    done = _pinned(
        stage, program, ["wrk", "-t1", f"-c{row.connections}", f"-d{seconds}s", "--latency", "-s", str(script), address]
    )
    found = [line for line in done.splitlines() if line.startswith("RESULT ")]
    if not found:
        raise SystemExit(f"wrk failed: {done}")
    result: dict[str, int] = json.loads(found[0].removeprefix("RESULT "))
    return result


def paced(stage: Stage, program: Program, row: Row, seconds: int, rate: float) -> dict[str, int]:
    """The same of h2load at this many requests per second; p50 and p99 from its log of every request."""
    log = stage.folder / "paced.log"
    log.unlink(missing_ok=True)
    # A number of requests, not -D: h2load 1.52 spins for ever when it is given a rate and a duration.
    number = int(rate * seconds)
    done = _pinned(
        stage,
        program,
        [
            "h2load",
            "--h1",
            "-t1",
            f"-c{PACED_CLIENTS}",
            f"-n{number}",
            f"--rps={rate / PACED_CLIENTS:.3f}",
            f"--log-file={log}",
            f"http://127.0.0.1:{program.ports[row.frontend]}{row.path}",
        ],
    )
    return h2load_result(done, log.read_text() if log.exists() else "")


def h2load(stage: Stage, program: Program, row: Row, seconds: int) -> dict[str, int]:
    """The same of h2load as fast as answers come, in HTTP/2.

    p50 and p99 are left at 0: h2load tells them in a log only, which is a call of the system for each request, on the
    core that has most to do. Where each connection brings one request, as many runs of some connections are added up as
    the time allows.
    """
    sent = stage.folder / "sent"
    sent.write_bytes(row.sent)
    command = ["h2load", "-t1", f"-c{row.connections}", f"-m{row.streams}", "-H", f":authority: {row.host}"]
    for line in row.lines:
        command += ["-H", line]
    if row.post:
        command += [f"--data={sent}"]
    command.append(f"http{'s' * row.tls}://127.0.0.1:{program.ports[row.frontend]}{row.path}")
    if not row.close:
        return h2load_result(_pinned(stage, program, [*command, f"-D{seconds}"]))
    total: Counter[str] = Counter()
    while total["microseconds"] < seconds * 1_000_000:
        total.update(h2load_result(_pinned(stage, program, [*command, f"-n{row.connections}"])))
    return total


def h2load_result(printed: str, log: str = "") -> dict[str, int]:
    """In the words of wrk's result. SystemExit if the output is not understood."""
    total = re.search(
        r"requests: \d+ total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed, "
        r"(\d+) errored, (\d+) timeout",
        printed,
    )
    size = re.search(r"traffic: .*?\((\d+)\) total", printed)
    rate = re.search(r"finished in .*?, ([\d.]+) req/s", printed)
    good = re.search(r"status codes: (\d+) 2xx", printed)
    if total is None or size is None or rate is None or not float(rate[1]) or good is None:
        raise SystemExit(f"h2load failed: {printed}")
    lines = [line.split("\t") for line in log.splitlines()]
    times = sorted(int(fields[2]) for fields in lines)
    count = int(total[1])
    # Answers whose end has not come when a run ends have a status, too.
    wrong = max(sum(fields[1] != "200" for fields in lines), count - int(good[1]))
    return {
        "requests": count,
        "microseconds": round(count / float(rate[1]) * 1e6),
        "bytes": int(size[1]),
        "status": max(int(total[2]), wrong),
        "read": int(total[3]),
        "timeout": int(total[4]),
        "p50": percentile(times, 50),
        "p99": percentile(times, 99),
    }


def percentile(ordered: list[int], part: float) -> int:
    """The least value that `part` percent of all do not exceed; 0 of none."""
    if not ordered:
        return 0
    return ordered[max(0, math.ceil(len(ordered) * part / 100) - 1)]


def _pinned(stage: Stage, program: Program, command: list[str]) -> str:
    # Two lanes take all cores, so the load has to share them.
    cores = stage.load_cores if len(program.cores) == 1 else stage.cores
    pinned = ["taskset", "-c", ",".join(map(str, cores)), *command]
    done = subprocess.run(pinned, capture_output=True, text=True, check=False, timeout=LONGEST)
    return done.stdout + done.stderr


def measure(stage: Stage, program: Program, row: Row, seconds: int, rate: float = 0.0) -> Sample:
    """One run, verified. `rate`: requests per second that are offered; 0: as many as are answered."""
    before = stage.settled(program, row)
    spent = cpu_of(program.pid)
    if rate:
        result = paced(stage, program, row, seconds, rate)
    else:
        result = (h2load if row.streams else wrk)(stage, program, row, seconds)
    spent = cpu_of(program.pid) - spent
    cores = {"program": last_cores(program.pid)}
    if stage.nginx is not None:
        cores["nginx"] = last_cores(stage.nginx.pid)
    counts = stage.settled(program, row) - before
    count = max(result["requests"], 1)
    reached = count * 1e6 / result["microseconds"]
    problems = verify(replace(row, connections=PACED_CLIENTS) if rate else row, result, counts, program.name)
    if rate and abs(reached / rate - 1) > RATE_ERROR:
        problems = "; ".join(filter(None, (problems, f"{program.name}: {reached:,.0f} requests/s, not {rate:,.0f}")))
    return Sample(
        requests=result["requests"],
        rate=reached,
        user=spent.user / count,
        system=spent.system / count,
        p50=result["p50"],
        p99=result["p99"],
        memory=anonymous_kilobytes(program.pid),
        log_lines=counts.lines,
        cores=cores,
        problems=problems,
    )


def alternate(stage: Stage, row: Row, pairs: int, seconds: int, rate: float = 0.0) -> tuple[list[Sample], list[Sample]]:
    """Ours and theirs, in runs whose order changes from pair to pair."""
    taken: dict[str, list[Sample]] = {OURS: [], THEIRS: []}
    for number in range(pairs):
        for name in (OURS, THEIRS) if number % 2 == 0 else (THEIRS, OURS):
            taken[name].append(measure(stage, stage.program(name, row.variant), row, seconds, rate))
    return taken[OURS], taken[THEIRS]


def measure_row(stage: Stage, row: Row, pairs: int, seconds: int) -> Result:
    """A row of the table."""
    for name in (OURS, THEIRS):
        stage.verify_answers(stage.program(name, row.variant), row)
    ours, theirs = alternate(stage, row, pairs, seconds)
    return Result(row.name, row.goal, ours, theirs, row.by_cpu)
