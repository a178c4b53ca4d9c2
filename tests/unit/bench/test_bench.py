"""The benchmark finds what is wrong with a run, and works from end to end."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.programs import ROOT

from bench.about import demand_compiled, is_compiled
from bench.load import h2load_result, percentile
from bench.processes import cpu_of
from bench.receiver import Receiver
from bench.rows import ROWS
from bench.single import SEED, SINGLES, seed_text
from bench.verify import Counts, verify

GOOD = {
    "requests": 1000,
    "microseconds": 10**6,
    "bytes": 10**9,
    "connect": 0,
    "read": 0,
    "write": 0,
    "status": 0,
    "timeout": 0,
    "p50": 1,
    "p99": 2,
}
NEEDED = ("nginx", "wrk", "h2load", "curl")
COUNTED = Counts(
    served=1000, sessions=64, requests=1000, good=1000, bytes_in=10**8, routed=1000, lines=1000, dropped=0, lost=0
)


def test_a_good_run_has_no_problems() -> None:
    assert verify(ROWS["full"], GOOD, COUNTED, "x") == ""
    under_way = replace(COUNTED, served=1064, requests=1065, good=1064, routed=1064, lines=1065)
    assert verify(ROWS["full"], GOOD, under_way, "x") == "", "what was under way when wrk stopped, and its probe"
    assert verify(ROWS["small"], GOOD, replace(COUNTED, lines=0), "x") == "", "no log is asked for"
    assert verify(ROWS["h2c-10"], GOOD, replace(COUNTED, served=1160), "x") == "", "ten streams of each connection"
    assert verify(ROWS["h2-tls"], GOOD, COUNTED, "x") == "", "h2load does not probe"
    assert verify(ROWS["tcp"], GOOD, replace(COUNTED, requests=0, good=0, routed=64), "x") == ""
    assert verify(ROWS["tcp-connect"], GOOD, replace(COUNTED, sessions=1010, routed=1010, requests=0), "x") == ""


@pytest.mark.parametrize(
    ("row", "load", "counted", "part"),
    [
        ("small", {"status": 3}, {}, "x: 3 status errors"),
        ("small", {"timeout": 1}, {}, "x: 1 timeout errors"),
        ("small", {"requests": 0}, {}, "no request"),
        ("small", {}, {"served": 999}, "999 requests at nginx for 1,000"),
        ("small", {}, {"served": 1066}, "1,066 requests at nginx"),
        ("small", {}, {"requests": 999}, "999 requests in show stat"),
        ("small", {}, {"good": 998}, "998 answers with 2xx"),
        ("rules200", {}, {"routed": 0}, "0 requests of others"),
        ("1m", {"bytes": 999_999_999}, {}, "bodies are too short"),
        ("post10k", {}, {"bytes_in": 9_999_999}, "bodies that were sent are too short"),
        ("full", {}, {"lines": 999}, "999 log lines for 1,000 requests"),
        ("full", {}, {"dropped": 2}, "2 by the program, 0 by the kernel"),
        ("full", {}, {"lost": 1}, "0 by the program, 1 by the kernel"),
        ("tcp", {}, {"sessions": 66}, "66 sessions for 64 connections"),
        ("tcp-connect", {}, {"sessions": 64}, "64 sessions for 1,000"),
        ("h2c", {}, {"served": 1017}, "1,017 requests at nginx for 1,000"),
        ("h2-tls", {}, {"lines": 1001}, "1,001 log lines for 1,000 requests"),
    ],
)
def test_a_bad_run_says_why(row: str, load: dict[str, int], counted: dict[str, int], part: str) -> None:
    assert part in verify(ROWS[row], GOOD | load, replace(COUNTED, **counted), "x")


def test_counts_subtract_field_by_field() -> None:
    later = Counts(11, 22, 33, 44, 55, 66, 77, 88, 99)
    assert later - Counts(1, 2, 3, 4, 5, 6, 7, 8, 9) == Counts(10, 20, 30, 40, 50, 60, 70, 80, 90)


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentile(list(range(1, 101)), 99) == 99
    assert percentile(list(range(1, 101)), 50) == 50
    assert percentile([7], 99) == 7
    assert percentile([], 99) == 0


H2LOAD = """\
finished in 2.00s, 500.00 req/s, 72.75KB/s
requests: 1000 total, 1000 started, 1000 done, 999 succeeded, 1 failed, 2 errored, 3 timeout
status codes: 1000 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 145.50KB (149000) total, 105.47KB (108000) headers (space savings 0.00%), 19.53KB (20000) data
"""


def test_what_h2load_prints_is_understood() -> None:
    log = "1\t200\t30\n2\t200\t10\n3\t503\t20\n4\t503\t40\n"
    assert h2load_result(H2LOAD, log) == {
        "requests": 1000,
        "microseconds": 2_000_000,
        "bytes": 149_000,
        "status": 2,
        "read": 2,
        "timeout": 3,
        "p50": 20,
        "p99": 40,
    }
    assert h2load_result(H2LOAD)["status"] == 1, "what failed"
    assert h2load_result(H2LOAD.replace("1000 2xx, 0 3xx", "950 2xx, 50 3xx"))["status"] == 50
    assert h2load_result(H2LOAD.replace("1000 2xx", "1016 2xx"))["status"] == 1, "without an end yet when all was over"
    with pytest.raises(SystemExit, match="h2load failed"):
        h2load_result("nothing", "")


def test_requests_differ_where_they_should() -> None:
    row = ROWS["all-differ"]
    first, second = row.request(1).split(b"\r\n"), row.request(2).split(b"\r\n")
    assert len(first) == len(second) == 11
    assert [number for number, pair in enumerate(zip(first, second, strict=True)) if pair[0] == pair[1]] == [9, 10]
    assert row.request(1) == row.request(1)
    assert ROWS["full"].request(1) == ROWS["full"].request(2)
    assert ROWS["post10k"].request(1).endswith(b"Content-Length: 10000\r\n\r\n" + b"x" * 10_000)


def test_scripts_hold_the_same_request() -> None:
    assert 'local raw = "GET / HTTP/1.1\\r\\nHost: www.example.com\\r\\n\\r\\n"' in ROWS["small"].script(7)
    changing = ROWS["path+id"].script(7)
    assert 'return "GET /p" .. t .. "-" .. n .. " HTTP/1.1\\r\\nHost: www' in changing
    assert "local n, random = 7," in changing


def test_the_first_seed_is_changed_only_in_its_addresses() -> None:
    old = SEED.read_text()
    new = seed_text(old, Path("/run/x"), 8123, [9001, 9002], root=True)
    changed = [(a, b) for a, b in zip(old.splitlines(), new.splitlines(), strict=False) if a != b]
    assert ("    bind *:80", "    bind 127.0.0.1:8123") in changed
    assert ("    server app3 192.168.1.4:5000 check", "    server app3 127.0.0.1:9001 check") in changed
    assert not [
        line
        for line in seed_text(old, Path("/run/x"), 8123, [9001], root=False).splitlines()
        if line.split()[:1] in (["chroot"], ["user"], ["group"])
    ]


def test_names_of_rows_are_unique() -> None:
    assert not set(ROWS) & set(SINGLES)
    assert [row.name for row in ROWS.values()] == list(ROWS)


def test_cpu_time_counts_children_too() -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    work = "import time\nwhile time.process_time() < 0.3: pass\nprint('worked', flush=True)\ntime.sleep(60)"
    command = [sys.executable, "-c", script, work]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"worked\n"
        assert cpu_of(process.pid).total >= 250_000
        subprocess.run(["kill", "--", f"-{process.pid}"], check=True)


def test_interpreted_modules_are_measured_only_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTSMAN_INTERPRETED", "")
    monkeypatch.setattr("bench.about.is_compiled", lambda python: False)
    assert demand_compiled("python", interpreted=True) is False
    with pytest.raises(SystemExit, match="--interpreted"):
        demand_compiled("python", interpreted=False)
    monkeypatch.setattr("bench.about.is_compiled", lambda python: True)
    assert demand_compiled("python", interpreted=False) is True


def test_what_is_imported_tells_whether_it_is_compiled() -> None:
    import pointsman.stream.http  # noqa: PLC0415 - the question is what this process got

    assert is_compiled(sys.executable) == str(pointsman.stream.http.__file__).endswith(".so")


def test_the_receiver_counts_every_line() -> None:
    import socket  # noqa: PLC0415
    import time  # noqa: PLC0415

    receiver = Receiver()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for number in range(5000):
            sock.sendto(b"<134>line %d" % number, ("127.0.0.1", receiver.port))
    limit = time.monotonic() + 5
    while receiver.lines < 5000 and time.monotonic() < limit:
        time.sleep(0.01)
    assert (receiver.lines, receiver.dropped()) == (5000, 0)
    receiver.close()


@pytest.mark.alone
@pytest.mark.peer
@pytest.mark.skipif(
    not all(map(shutil.which, ("nginx", "wrk", "h2load", "curl"))),
    reason="nginx, wrk, h2load or curl are not installed",
)
def test_a_short_run(tmp_path: Path) -> None:
    """Rows of both modes, one second each; every request is accounted for."""
    report = tmp_path / "report.json"
    words = ["--rows", "full,tcp,h2c-10", "--pairs", "1", "--seconds", "1", "--interpreted", "--json", str(report)]
    command = [sys.executable, "-m", "bench", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    rows = json.loads(report.read_text())["rows"]
    assert [row["row"] for row in rows] == ["full", "tcp", "h2c-10"]
    for row in rows:
        for sample in (*row["ours"], *row["theirs"]):
            assert sample["requests"] > 100 and sample["user"] + sample["system"] > 0 and sample["problems"] == ""
    assert rows[0]["ours"][0]["log_lines"] >= rows[0]["ours"][0]["requests"]
