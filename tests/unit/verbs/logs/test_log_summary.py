"""A file of lines is counted as one by one would count it, in memory that does not grow with the file."""

import gzip
import io
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.verbs.logs.command import LONGEST, batches
from pointsman.verbs.logs.reader import Reader
from pointsman.verbs.logs.sketch import Sketch
from pointsman.verbs.logs.summary import EXAMPLES, Summary
from pointsman.verbs.logs.summary_page import span_seconds, summary_data, what_stands_out

LINES = Path(__file__).parent / "lines"


def line(
    server: str = "app/a1",
    tr: int = 5,
    letters: str = "----",
    status: int = 200,
    second: int = 14,
    counts: str = "1/1/1/1/0 0/0",
    frontend: str = "web",
) -> bytes:
    return (
        f"<134>Feb  6 12:14:14 lb haproxy[7]: 192.0.2.9:1234 [06/Feb/2009:12:14:{second:02d}.655] {frontend} {server} "
        f'0/0/1/{tr}/{max(tr, 0) + 1} {status} 10 - - {letters} {counts} "GET /{tr} HTTP/1.1"'
    ).encode()


def summed(lines: list[bytes], top: int = 10) -> Summary:
    summary = Summary(Reader(), top)
    for start in range(0, len(lines), 500):
        summary.add(lines[start : start + 500])
    summary.finish()
    return summary


@pytest.mark.parametrize("program", ["haproxy-2.6", "haproxy-3.2", "pointsman"])
def test_a_file_says_what_its_lines_say(program: str) -> None:
    lines = (LINES / f"{program}.log").read_bytes().splitlines()
    reader = Reader()
    entries = [reader.read(one) for one in lines]
    summary = summed(lines)
    streams = [entry for entry in entries if entry is not None and entry.form is not None]
    assert summary.lines == len(lines) == 33
    assert summary.unread == entries.count(None) == 3
    assert sum(summary.events.values()) == sum(1 for entry in entries if entry is not None and entry.event is not None)
    assert summary.letters(0, 2) == Counter((entry.get("tsc") or entry.get("ts"))[:2] for entry in streams)
    assert summary.letters(2, 4) == Counter(entry.get("tsc")[2:] for entry in streams if entry.get("tsc"))
    assert summary.statuses() == Counter(entry.get("ST") for entry in streams if entry.get("ST"))
    servers = Counter((entry.get("b"), entry.get("s")) for entry in streams)
    assert {(row.backend, row.server): row.lines for row in summary.rows} == servers
    sent = Counter[tuple[str, str]]()
    for entry in streams:
        sent[(entry.get("b"), entry.get("s"))] += entry.number("B") or 0
    assert {(row.backend, row.server): row.sent for row in summary.rows if row.sent} == {**+sent}
    totals = sorted([entry.number("Ta") or entry.number("Tt") or 0 for entry in streams], reverse=True)
    assert [total for total, _, _ in summary.slowest] == totals[:10]
    timers = summary.timers()
    for name in ("TR", "Tw", "Tc", "Tr", "Ta", "Tt"):
        values = [number for entry in streams if (number := entry.number(name)) is not None]
        assert timers[name].unfinished == sum(1 for value in values if value < 0)
        assert timers[name].total == sum(1 for value in values if value >= 0)
        assert timers[name].greatest == max(values)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, limit in (("ROWS", 100), ("ENDS", 80), ("EVENTS", 60)):
        monkeypatch.setattr(f"pointsman.verbs.logs.summary.{name}", limit)
    lines = [line(f"b{number}/s", letters="----", status=200) for number in range(150)]
    lines += [line("b0/s", letters=f"{number:04d}") for number in range(200)]
    lines += [b"what is this %d" % number for number in range(50)]
    lines += [b"Server b/s%d is UP/READY (leaving forced maintenance)." % number for number in range(110)]
    summary = summed(lines)
    assert len(summary.rows) == 101
    assert {(row.backend, row.lines) for row in summary.rows if row.lines > 1} == {("b0", 201), ("(others)", 50)}
    assert max(len(row.ends) for row in summary.rows) == 81
    assert sum(row.lines for row in summary.rows) == 350
    assert len(summary.examples) == EXAMPLES
    assert summary.unread == 50
    assert sum(summary.events.values()) == 110
    assert len(summary.events) == 61
    assert summary.lines == len(lines)


def test_servers_letters_and_what_stands_out() -> None:
    draw = random.Random(4)
    lines = [line("app/a1", draw.randrange(20)) for _ in range(200)]
    lines += [line("app/a2", 300 + draw.randrange(20), "sH--", 504, 20, "1/1/1/1/+1 3/0") for _ in range(100)]
    summary = summed(lines, top=3)
    first, second = summary.rows
    assert (first.server, first.lines, first.errors()) == ("a1", 200, 0)
    assert (second.server, second.lines, second.errors()) == ("a2", 100, 100)
    assert (second.retried, second.retries, second.redispatched, second.queued) == (100, 100, 100, 100)
    assert summary.frontends() == {"web": (300, 100)}
    assert span_seconds(summary) == 6
    found = " ".join(what_stands_out(summary))
    for words in (
        "33.3 % of all are errors",
        "app/a2 has 100.0% errors, the other servers of the backend 0.0%",
        "app/a2 is slower",
        "tried again for 100, 100 of them redispatched: most at app/a2 (100)",
        "100 (33.3 %) found others in a queue",
    ):
        assert words in found
    assert what_stands_out(summed([line() for _ in range(100)])) == []
    data = summary_data(summary)
    assert data["status_classes"] == {"2xx": 200, "5xx": 100}
    assert data["exchanges"] == 300
    assert len(summary.slowest) == 3


def test_a_tarpit_is_no_queue() -> None:
    held = [line("web/<NOSRV>", -1, "PT--", 500).replace(b"0/0/1/-1/", b"0/900/-1/-1/") for _ in range(10)]
    queued = [line().replace(b"0/0/1/5/", b"0/900/1/5/") for _ in range(10)]
    assert not any("in queues" in text for text in what_stands_out(summed(held + [line()] * 10)))
    assert any("waited 900 ms or more in queues" in text for text in what_stands_out(summed(queued + [line()] * 10)))


def test_headings_may_change_within_a_file() -> None:
    bare = line().partition(b": ")[2]
    summary = summed([line(), bare, b"2009-02-06T12:14:14Z " + bare, line()])
    assert (summary.read, summary.unread, len(summary.routes)) == (4, 0, 3)
    wrapped = [b'{"log":"%b\\n","stream":"stdout"}' % bare.replace(b'"', b'\\"')] * 3
    assert summed(wrapped).rows[0].lines == 3


# Percentiles.


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-1, 5_000_000), min_size=1, max_size=200), st.integers(1, 100))
def test_percentiles_are_at_most_one_percent_too_small(values: list[int], percent: int) -> None:
    whole, first, second = Sketch(), Sketch(), Sketch()
    for place, value in enumerate(values):
        whole.add(value)
        (first if place % 2 else second).add(value)
    first.merge(second)
    reached = sorted(value for value in values if value >= 0)
    assert whole.unfinished == len(values) - len(reached)
    found = whole.percentile(percent)
    assert first.percentile(percent) == found
    if not reached:
        assert found is None
        return
    exact = reached[max(0, -(-len(reached) * percent // 100) - 1)]
    assert found is not None
    assert exact * 0.99 <= found <= exact
    assert whole.greatest == reached[-1]
    assert len(whole.counts) <= 1000 + 900 * 4


def test_texts_that_are_no_numbers_do_not_count() -> None:
    sketch = Sketch()
    sketch.add_texts({b"5": 2, b"+7": 1, b"-1": 3, b"x": 9, None: 4})
    assert (sketch.total, sketch.unfinished, sketch.greatest) == (3, 3, 7)


# Lines out of a stream.


@pytest.mark.parametrize("packed", [False, True])
def test_batches(packed: bool) -> None:
    content = b"a\n\n  \nb\r\n" + b"x" * (LONGEST + 5) + b"\nlast"
    stream = io.BytesIO(gzip.compress(content) if packed else content)
    lines = [one for batch in batches(stream) for one in batch]
    assert lines == [b"a", b"b\r", b"x" * LONGEST, b"last"]
    assert list(batches(io.BytesIO(b""))) == []


def test_lines_across_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pointsman.verbs.logs.command.PIECE", 7)
    content = b"".join(b"line %d\n" % number for number in range(50))
    lines = [one for batch in batches(io.BytesIO(content)) for one in batch]
    assert lines == content.splitlines()
