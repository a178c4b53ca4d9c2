"""A summary as text in 80 columns, and as plain data for JSON."""

from collections import Counter
from datetime import datetime
from typing import Final

from pointsman.verbs.logs.configured import Configured
from pointsman.verbs.logs.letters import ending_of, is_normal, persistence_of
from pointsman.verbs.logs.reading import duration
from pointsman.verbs.logs.sketch import Sketch
from pointsman.verbs.logs.summary import Row, Summary
from pointsman.verbs.logs.text import Paper, cut
from pointsman.verbs.logs.times import MEANING, TOTALS

CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx", "none")
LOST: Final = ((1000, 1049), (3000, 3149))  # ms: a SYN sent once more, or twice


def show_summary(summary: Summary, name: str, paper: Paper, configured: Configured | None = None) -> None:
    _head(summary, name, paper)
    striking = what_stands_out(summary)
    if striking:
        paper.title("What stands out")
        paper.bullets(striking)
    _letters(summary, paper)
    if in_force := timeouts_in_force(summary, configured):
        paper.title("Timeouts in force")
        paper.rows(in_force)
    _statuses(summary, paper)
    _timers(summary, paper)
    _servers(summary, paper)
    _slowest(summary, paper)
    _events(summary, paper)
    if summary.unread:
        paper.title(f"Not read: {summary.unread:,} {'line' if summary.unread == 1 else 'lines'}")
        for number, text in summary.examples:
            paper.lines.append(f"  line {number}: {cut(text, 66 - len(str(number)))}")
        if not summary.reader.given:
            paper.paragraph("Lines of a log-format of your own are read with -f haproxy.cfg.", 2)


def _head(summary: Summary, name: str, paper: Paper) -> None:
    paper.paragraph(f"{name}: {summary.lines:,} lines")
    if span := _span(summary):
        paper.paragraph(span, 2, 2)
    titles: Counter[str] = Counter()
    for route in summary.routes:
        titles[route.form.title] += route.lines
    for title, count in titles.most_common():
        paper.lines.append(f"  {count:>11,}  {cut(title, 64)}")
    if messages := sum(summary.events.values()):
        paper.lines.append(f"  {messages:>11,}  {'message' if messages == 1 else 'messages'}")


def _span(summary: Summary) -> str:
    seconds = span_seconds(summary)
    if seconds is None:
        return ""
    rate = f", {_count_streams(summary) / seconds:,.1f} a second" if seconds else ""
    first, last = summary.earliest.decode(), summary.latest.decode()
    return f"{first} to {last}: {duration(seconds * 1000)}{rate}"


def _count_streams(summary: Summary) -> int:
    return sum(row.lines for row in summary.rows)


def span_seconds(summary: Summary) -> int | None:
    """From the first request to the last; None: the lines have no dates."""
    try:
        first = datetime.fromisoformat(summary.earliest.decode("ascii", "replace"))
        last = datetime.fromisoformat(summary.latest.decode("ascii", "replace"))
    except ValueError:
        return None
    return int((last - first).total_seconds())


def _letters(summary: Summary, paper: Paper) -> None:
    counted = summary.letters(0, 2)
    total = sum(counted.values())
    if not total:
        return
    paper.title("How they ended (manual 8.5)")
    for letters, count in counted.most_common(summary.top):
        head = f"  {cut(letters, 8):<2} {count:>11,} {_share(count, total):>7}  "
        paper.beside(head, ending_of(letters).meaning, colour="" if is_normal(letters) else "bad")
    _more(len(counted) - summary.top, paper)
    cookies = summary.letters(2, 4)
    if set(cookies) - {"--"}:
        paper.title("Persistence cookies")
        for letters, count in cookies.most_common(summary.top):
            head = f"  {cut(letters, 8):<2} {count:>11,} {_share(count, sum(cookies.values())):>7}  "
            paper.beside(head, persistence_of(letters))


def timeouts_in_force(summary: Summary, configured: Configured | None) -> list[tuple[str, str]]:
    """Of the letters that tell of a timeout: which one it is, where they came most often."""
    found: list[tuple[str, str]] = []
    if configured is not None:
        for letters, _ in summary.letters(0, 2).most_common(summary.top):
            name = ending_of(letters).timeout
            said = configured.timeout(name, *summary.most(letters)) if name else ""
            if said:
                found.append((letters, said))
    return found


def status_classes(summary: Summary) -> Counter[str]:
    found: Counter[str] = Counter()
    for status, count in summary.statuses().items():
        found[f"{status[0]}xx" if len(status) == 3 and status[0] in "12345" else "none"] += count
    return found


def _statuses(summary: Summary, paper: Paper) -> None:
    classes = status_classes(summary)
    total = sum(classes.values())
    if not total:
        return
    paper.title("Status")
    statuses = summary.statuses()
    for name in CLASSES:
        count = classes[name]
        if count:
            inside = ", ".join(
                f"{status}: {number:,}"
                for status, number in statuses.most_common()
                if status.startswith(name[0]) or (name == "none" and status == "-1")
            )
            head = f"  {name:<4} {count:>9,} {_share(count, total):>7}  "
            paper.beside(head, inside)


def _timers(summary: Summary, paper: Paper) -> None:
    timers = summary.timers()
    if not timers:
        return
    paper.title("Timers (ms)")
    paper.lines.append(f"  {'':<2} {'p50':>8} {'p95':>8} {'max':>9} {'never':>9}")
    for name, sketch in timers.items():
        row = f"  {name:<2} {_ms(sketch, 50):>8} {_ms(sketch, 95):>8} {sketch.greatest:>9,} {sketch.unfinished:>9,}  "
        paper.beside(row, MEANING.get(name) or TOTALS.get(name, ""))
    paper.paragraph("p50, p95: half, and 95 of 100, took no longer (from 1 s on to three digits).", 2)


def _servers(summary: Summary, paper: Paper) -> None:
    rows = [row for row in summary.rows if row.server != "-" or row.backend != "-"]
    if not rows:
        return
    paper.title("Servers")
    timer = _timer_of(summary)
    paper.lines.append(
        f"  {'backend/server':<30} {'lines':>9} {'errors':>8}  {timer or '':>2} {'p50':>6} {'p95':>7} {'max':>8}"
    )
    for row in rows[: summary.top]:
        sketch = row.sketches.get(timer, Sketch())
        errors = row.errors()
        head = f"  {cut(f'{row.backend}/{row.server}', 30):<30} {row.lines:>9,}"
        text = f"{errors:>9,}"
        tail = f"     {_ms(sketch, 50):>6} {_ms(sketch, 95):>7} {sketch.greatest:>8,}"
        paper.lines.append(head + (paper.paint(text, "bad") if errors else text) + tail)
    _more(len(rows) - summary.top, paper)


def _timer_of(summary: Summary) -> str:
    """The one that tells servers apart: the response time, else the whole."""
    timers = summary.timers()
    return next((name for name in ("Tr", "Ta", "Tt", "Tu") if name in timers), "")


def _slowest(summary: Summary, paper: Paper) -> None:
    shown = [one for one in summary.slowest if one[0] > 0]
    if not shown:
        return
    paper.title("Slowest")
    for total, number, line in shown:
        entry = summary.reader.read(line)
        if entry is None:
            continue
        state = entry.get("tsc") or entry.get("ts")
        server = f"{entry.get('b')}/{entry.get('s')}" if entry.get("b") else ""
        what = entry.get("r") or f"{entry.get('HM')} {entry.get('HU')}".strip() or entry.get("ci")
        text = " ".join(part for part in (state, entry.get("ST"), server, what) if part)
        paper.lines.append(f"  {total:>9,} ms  line {-number:<8} {cut(text, 50)}")


def _events(summary: Summary, paper: Paper) -> None:
    if not summary.events:
        return
    paper.title("Messages")
    for (_, headline), count in summary.events.most_common(summary.top):
        paper.beside(f"  {count:>9,}  ", headline)
    _more(len(summary.events) - summary.top, paper)


def what_stands_out(summary: Summary) -> list[str]:
    found: list[str] = []
    total = _count_streams(summary)
    if not total:
        return found
    errors = sum(row.errors() for row in summary.rows)
    if errors * 100 >= total:
        found.append(f"{_share(errors, total)} of all are errors (letters other than - and L, or status 5xx).")
    found += _uneven(summary, total, errors)
    retried = sum(row.retried for row in summary.rows)
    if retried:
        moved = sum(row.redispatched for row in summary.rows)
        worst = max(summary.rows, key=lambda row: row.retried)
        also = f", {moved:,} of them redispatched" if moved else ""
        found.append(
            f"Connecting was tried again for {retried:,}{also}: "
            f"most at {worst.backend}/{worst.server} ({worst.retried:,})."
        )
    queued = sum(row.queued for row in summary.rows)
    if queued:
        found.append(f"{queued:,} ({_share(queued, total)}) found others in a queue before them: maxconn of servers.")
    found += _slow_timers(summary)
    return found


def _uneven(summary: Summary, total: int, errors: int) -> list[str]:
    """A server with far more errors, or far slower, than others of its backend."""
    found = []
    backends: dict[str, list[Row]] = {}
    for row in summary.rows:
        if not row.server.startswith("<"):
            backends.setdefault(row.backend, []).append(row)
    timer = _timer_of(summary)
    for rows in backends.values():
        all_lines, all_errors = sum(row.lines for row in rows), sum(row.errors() for row in rows)
        merged = Sketch()
        for row in rows:
            merged.merge(row.sketches.get(timer, Sketch()))
        for row in rows:
            lines = all_lines - row.lines
            if row.lines < 20 or lines < 20:
                continue
            own, their = row.errors() / row.lines, (all_errors - row.errors()) / lines
            if own >= 0.01 and own > 3 * their:
                found.append(
                    f"{row.backend}/{row.server} has {own:.1%} errors, the other servers of the backend {their:.1%}."
                )
            sketch = row.sketches.get(timer, Sketch())
            mine = sketch.percentile(50)
            if mine is None or mine < 50:
                continue
            theirs = merged.without(sketch).percentile(50)
            if theirs is not None and mine > 3 * theirs:
                found.append(
                    f"{row.backend}/{row.server} is slower: half of its {timer} are above {mine} ms, "
                    f"of the others' above {theirs} ms."
                )
    return found


def _slow_timers(summary: Summary) -> list[str]:
    found = []
    held = sum(count for letters, count in summary.letters(0, 2).items() if letters[1:] == "T")
    for name, sketch in summary.timers().items():
        middle, high = sketch.percentile(50), sketch.percentile(95)
        if middle is None or high is None:
            continue
        if name == "Tw" and high > 0 and held * 20 < sketch.total:  # of a tarpit, Tw is how long it held
            found.append(f"Tw: 5 of 100 waited {duration(high)} or more in queues.")
        elif name == "Tc" and high >= 100:
            found.append(f"Tc: 5 of 100 took {duration(high)} or more to connect; about 1 ms is usual.")
        elif name in ("TR", "Tr", "Td") and high >= 1000 and high >= 10 * max(middle, 1):
            found.append(f"{name} has a long tail: half took {middle} ms or less, 5 of 100 {duration(high)} or more.")
        if name in ("Tc", "Th"):
            lost = sum(sketch.share(low, high) for low, high in LOST)
            if lost >= 3:
                found.append(f"{name}: {lost:,} are just above 1 s or 3 s, when lost packets are sent again.")
    return found


def _more(count: int, paper: Paper) -> None:
    if count > 0:
        paper.lines.append(f"  and {count:,} more (--top)")


def _share(count: int, total: int) -> str:
    return f"{count * 100 / total:.1f} %" if count * 1000 >= total else "<0.1 %"


def _ms(sketch: Sketch, percent: int) -> str:
    found = sketch.percentile(percent)
    return "-" if found is None else f"{found:,}"


# JSON.


def summary_data(summary: Summary, configured: Configured | None = None) -> dict[str, object]:
    letters, cookies = summary.letters(0, 2), summary.letters(2, 4)
    return {
        "kind": "summary",
        "lines": summary.lines,
        "exchanges": _count_streams(summary),
        "messages": sum(summary.events.values()),
        "first": summary.earliest.decode("ascii", "replace"),
        "last": summary.latest.decode("ascii", "replace"),
        "seconds": span_seconds(summary),
        "formats": [{"format": route.form.kind, "lines": route.lines} for route in summary.routes],
        "stands_out": what_stands_out(summary),
        "timeouts": dict(timeouts_in_force(summary, configured)),
        "termination": [
            {"letters": one, "lines": count, "meaning": ending_of(one).meaning} for one, count in letters.most_common()
        ],
        "persistence": [
            {"letters": one, "lines": count, "meaning": persistence_of(one)} for one, count in cookies.most_common()
        ],
        "status": dict(summary.statuses().most_common()),
        "status_classes": dict(status_classes(summary)),
        "frontends": [
            {"name": name, "lines": lines, "errors": errors} for name, (lines, errors) in summary.frontends().items()
        ],
        "timers": {name: _sketch_data(sketch) for name, sketch in summary.timers().items()},
        "servers": [
            {
                "backend": row.backend,
                "server": row.server,
                "lines": row.lines,
                "errors": row.errors(),
                "bytes_read": row.sent,
                "retries": row.retries,
                "redispatched": row.redispatched,
                "queued": row.queued,
                "timers": {name: _sketch_data(sketch) for name, sketch in row.sketches.items()},
            }
            for row in summary.rows
        ],
        "slowest": [
            {"ms": total, "line": -number, "text": line.decode("utf-8", "backslashreplace")}
            for total, number, line in summary.slowest
        ],
        "events": [
            {"kind": kind, "headline": headline, "lines": count}
            for (kind, headline), count in summary.events.most_common()
        ],
        "not_read": summary.unread,
        "not_read_examples": [{"line": number, "text": text} for number, text in summary.examples],
    }


def _sketch_data(sketch: Sketch) -> dict[str, int | None]:
    return {
        "p50": sketch.percentile(50),
        "p95": sketch.percentile(95),
        "max": sketch.greatest if sketch.total else None,
        "never": sketch.unfinished,
    }
