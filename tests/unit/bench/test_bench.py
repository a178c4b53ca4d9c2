"""The benchmark finds what is wrong with a run, reckons medians of pairs, and works from end to end."""
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.programs import ROOT

from bench.__main__ import Result, Sample, verify
from bench.rows import ROWS
from bench.stage import cpu_microseconds

GOOD = {"requests": 1000, "microseconds": 10**6, "bytes": 10**9, "connect": 0, "read": 0, "write": 0, "status": 0,
        "timeout": 0, "p50": 1, "p99": 2}
SAMPLE = Sample(requests=100, rate=100.0, cpu=10.0, p50=1, p99=2, log_lines=0, problems="")


def test_a_good_run_has_no_problems() -> None:
    assert verify(ROWS["small"], GOOD, 1000, 0, "x") == ""
    assert verify(ROWS["small"], GOOD, 1128, 0, "x") == "", "what was under way when wrk stopped"
    assert verify(ROWS["full"], GOOD, 1000, 1001, "x") == ""


@pytest.mark.parametrize(("row", "changed", "served", "lines", "part"), [
    ("small", {"status": 3}, 1000, 0, "x: 3 status errors"),
    ("small", {"timeout": 1}, 1000, 0, "x: 1 timeout errors"),
    ("small", {}, 999, 0, "wrk counted 1000 requests, nginx 999"),
    ("small", {}, 1129, 0, "nginx 1129"),
    ("small", {"requests": 0}, 0, 0, "no request"),
    ("1m", {"bytes": 999_999_999}, 1000, 0, "bodies are too short"),
    ("full", {}, 1000, 999, "999 log lines for 1000 requests")])
def test_a_bad_run_says_why(row: str, changed: dict[str, int], served: int, lines: int, part: str) -> None:
    assert part in verify(ROWS[row], GOOD | changed, served, lines, "x")


def test_ratios_are_medians_of_pairs() -> None:
    ours = [replace(SAMPLE, rate=rate, cpu=cpu) for rate, cpu in ((120.0, 5.0), (90.0, 8.0), (110.0, 9.0))]
    result = Result("small", ours, [SAMPLE] * 3)
    assert result.rates() == [1.2, 0.9, 1.1]
    assert result.costs() == [0.5, 0.8, 0.9]
    assert "| ~ 1.10 (0.90..1.20) | ~ 0.80 (0.50..0.90) |" in result.line()
    steady = Result("small", [replace(SAMPLE, rate=150.0)] * 3, [SAMPLE] * 3)
    assert "|   1.50 (1.50..1.50) |" in steady.line()


def test_cpu_time_counts_children_too() -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    work = "import time\nwhile time.process_time() < 0.3: pass\nprint('worked', flush=True)\ntime.sleep(60)"
    command = [sys.executable, "-c", script, work]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"worked\n"
        assert cpu_microseconds(process.pid) >= 250_000
        subprocess.run(["kill", "--", f"-{process.pid}"], check=True)


@pytest.mark.peer
@pytest.mark.skipif(not (shutil.which("nginx") and shutil.which("wrk")), reason="nginx and wrk are not installed")
def test_a_short_run(tmp_path: Path) -> None:
    """Rows of both modes, one second each; every request is accounted for."""
    report = tmp_path / "report.json"
    words = ["--rows", "full,tcp", "--pairs", "1", "--seconds", "1", "--json", str(report)]
    command = [sys.executable, "-m", "bench", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    rows = json.loads(report.read_text())["rows"]
    assert [row["row"] for row in rows] == ["full", "tcp"]
    for row in rows:
        for sample in (*row["ours"], *row["theirs"]):
            assert sample["requests"] > 100 and sample["cpu"] > 0 and sample["problems"] == ""
    assert rows[0]["ours"][0]["log_lines"] >= rows[0]["ours"][0]["requests"]
