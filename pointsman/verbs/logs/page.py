"""One line in plain words: as text in 80 columns, and as plain data for JSON."""

from typing import Final

from pointsman.verbs.logs.letters import is_normal
from pointsman.verbs.logs.reading import Letters, Reading, duration
from pointsman.verbs.logs.text import Paper
from pointsman.verbs.logs.times import TOTALS, Timers

BAR: Final = 24


def show_reading(reading: Reading, paper: Paper) -> None:
    entry = reading.entry
    bad = entry.event.kind in ("server_down", "backend_empty", "connection_error") if entry.event else False
    if reading.letters is not None:
        bad = not is_normal(reading.letters.text)
    if reading.headline:
        paper.paragraph(reading.headline, colour="bad" if bad else "good")
    if entry.event is not None:
        _event(reading, paper)
        _heading(reading, paper)
        return
    paper.blank()
    paper.rows(reading.facts)
    if reading.timers is not None:
        _timers(reading.timers, paper)
    if reading.letters is not None:
        _letters(reading.letters, paper)
    if reading.striking:
        paper.title("What stands out")
        paper.bullets(reading.striking)
    if reading.configured:
        paper.title("In the configuration")
        paper.bullets(reading.configured)
    if reading.counts:
        paper.title("Counts, when it ended")
        paper.rows(reading.counts)
    for title, rows in (
        ("Captured", reading.captured),
        ("TLS of the client", reading.secured),
        ("Further fields", reading.others),
    ):
        if rows:
            paper.title(title)
            paper.rows(rows)
    if reading.unsure:
        paper.title("Not certain")
        paper.bullets(reading.unsure)
    _heading(reading, paper)


def _event(reading: Reading, paper: Paper) -> None:
    event = reading.entry.event
    assert event is not None
    paper.blank()
    left_out = ("what", "result", "backup", "on_backup")
    rows = [(name.replace("_", " "), value) for name, value in event.fields.items() if name not in left_out]
    paper.rows(rows)
    _bulleted("That means", event.causes, paper)
    _bulleted("Look at", event.look, paper)


def _bulleted(title: str, texts: "tuple[str, ...] | list[str]", paper: Paper) -> None:
    if texts:
        paper.title(title)
        paper.bullets(texts)


def _timers(timers: Timers, paper: Paper) -> None:
    total = timers.total if timers.total is not None else sum(span.ms or 0 for span in timers.spans)
    paper.title(f"Time: {duration(total)}{' so far' if timers.marked else ''}")
    rows = [(span.name, span.ms, span) for span in timers.spans]
    width = max([len(_milliseconds(ms)) for _, ms, _ in rows] + [len(_milliseconds(timers.total))])
    for name, ms, span in rows:
        bar = paper.bar(span.start, ms or 0, max(total, sum(one.ms or 0 for one in timers.spans)), BAR, span.open)
        note = ", cut off" if span.open else " (worked out)" if span.derived and ms else ""
        paper.beside(f"  {name}  {_milliseconds(ms):>{width}}  {bar}  ", span.meaning + note)
    if timers.unreached:
        paper.lines.append(f"  {', '.join(timers.unreached)}: not reached (-1)")
    if timers.total is not None:
        head = f"  {timers.total_name}  {('+' if timers.marked else '') + _milliseconds(timers.total):>{width}}  "
        paper.beside(head + " " * BAR + "  ", TOTALS[timers.total_name])
    for name, ms in timers.others:
        paper.beside(f"  {name}  {_milliseconds(ms):>{width}}  " + " " * BAR + "  ", TOTALS[name])


def _milliseconds(ms: int | None) -> str:
    return "?" if ms is None else f"{ms} ms"


def _letters(letters: Letters, paper: Paper) -> None:
    paper.title(f"How it ended: {letters.text} (manual 8.5)")
    rows = []
    for letter, text in zip(
        letters.text, (letters.first, letters.second, letters.third, letters.fourth)[: len(letters.text)], strict=False
    ):
        rows.append((letter, text or "no letter of manual 8.5"))
    if letters.text[2:] == "--":
        rows = rows[:2] + [("--", letters.persistence)]
    paper.rows(rows)
    if letters.text[2:] not in ("", "--"):
        paper.paragraph(f"Cookie: {letters.persistence}", 2, 2)
    _bulleted("Usual causes", letters.ending.causes, paper)
    _bulleted("Look at", letters.look, paper)


def _heading(reading: Reading, paper: Paper) -> None:
    heading, entry = reading.entry.heading, reading.entry
    said = [
        f"{label} {value}"
        for label, value in (
            ("written", heading.date),
            ("by", heading.program + (f"[{heading.pid}]" if heading.pid else "")),
            ("on", heading.host),
            ("level", heading.level),
        )
        if value
    ]
    paper.blank()
    title = entry.form.title if entry.form is not None else "message"
    paper.paragraph(f"Read as: {title}" + (f"; {', '.join(said)}" if said else ""))


# JSON.


def reading_data(reading: Reading) -> dict[str, object]:
    """Stable names: those of fields are names.NAMES, the name of an item, or its expression."""
    entry = reading.entry
    heading = entry.heading
    data: dict[str, object] = {
        "kind": entry.event.kind if entry.event is not None else "exchange",
        "format": entry.form.kind if entry.form is not None else None,
        "headline": reading.headline,
        "heading": {
            name: value
            for name, value in (
                ("date", heading.date),
                ("host", heading.host),
                ("program", heading.program),
                ("pid", heading.pid),
                ("level", heading.level),
                ("structured_data", heading.structured),
            )
            if value
        },
    }
    if entry.event is not None:
        data["fields"] = dict(entry.event.fields)
        data["causes"], data["look_at"] = list(entry.event.causes), list(entry.event.look)
        return data
    fields: dict[str, object] = {}
    for slot, value in zip(entry.slots, entry.values, strict=True):
        fields.setdefault(slot.name, value)
    data["fields"] = fields
    data["timers"] = _timer_data(reading.timers)
    data["termination"] = _letter_data(reading.letters)
    data["stands_out"] = list(reading.striking)
    data["configuration"] = list(reading.configured)
    data["not_certain"] = list(reading.unsure)
    data["cut"] = entry.cut
    return data


def _timer_data(timers: Timers | None) -> dict[str, object] | None:
    if timers is None:
        return None
    return {
        "total": timers.total,
        "total_name": timers.total_name,
        "goes_on": timers.marked,
        "spans": [
            {
                "name": span.name,
                "ms": span.ms,
                "start": span.start,
                "unfinished": span.open,
                "derived": span.derived,
                "meaning": span.meaning,
            }
            for span in timers.spans
        ],
        "not_reached": timers.unreached,
    }


def _letter_data(letters: Letters | None) -> dict[str, object] | None:
    if letters is None:
        return None
    return {
        "letters": letters.text,
        "meaning": letters.ending.meaning,
        "each": [letters.first, letters.second, letters.third, letters.fourth][: len(letters.text)],
        "persistence": letters.persistence,
        "causes": list(letters.ending.causes),
        "look_at": letters.look,
        "timeout": letters.ending.timeout,
    }
