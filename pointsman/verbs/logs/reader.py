"""Which form a line has, and what stands in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pointsman.verbs.logs.events import Event, read_event
from pointsman.verbs.logs.forms import Form, standards
from pointsman.verbs.logs.heading import Heading, headings, unwrapped
from pointsman.verbs.logs.pattern import Slot

LONGEST: Final = 65_536  # bytes: targets cut earlier


@dataclass(slots=True)
class Entry:
    """A line that was understood. `fields`: values by tag, or by "[expression]"; None: there was none ("-")."""

    line: str
    heading: Heading
    form: Form | None = None
    event: Event | None = None
    fields: dict[str, str | None] = field(default_factory=dict)
    slots: list[Slot] = field(default_factory=list)
    values: list[str | None] = field(default_factory=list)
    others: list[Form] = field(default_factory=list)  # forms that fit as well
    unsure: list[tuple[str, str, str]] = field(default_factory=list)  # name of a field, and two values it may have
    cut: bool = False  # the line ends within its last field
    foreign: bool = False  # it has none of the forms that were given

    def get(self, key: str) -> str:
        """The value of a tag, "" where there is none."""
        return self.fields.get(key) or ""

    def number(self, key: str) -> int | None:
        """Without the "+" that marks what is not complete."""
        try:
            return int(self.get(key).removeprefix("+"))
        except ValueError:
            return None


class Reader:
    """`forms`: those of a configuration; without them HAProxy's own are tried."""

    def __init__(self, forms: Sequence[Form] = ()) -> None:
        self.given = list(forms)
        self.standard = standards()

    def read(self, line: bytes) -> Entry | None:
        """None: no form fits."""
        line = unwrapped(line.strip(b"\r\n"))[:LONGEST]
        for text in (line, line.replace(b'\\"', b'"')):  # some syslog servers put a backslash there (manual 8.6)
            for heading in headings(text):
                body = text[heading.end :]
                entry = self._event(body, heading) or self._stream(body, heading)
                if entry is not None:
                    return entry
            if text == line and b'\\"' not in line:
                break
        return None

    def _event(self, body: bytes, heading: Heading) -> Entry | None:
        text = body.decode("utf-8", "surrogateescape")
        event = read_event(text)
        return None if event is None else Entry(text, heading, event=event)

    def _stream(self, body: bytes, heading: Heading) -> Entry | None:
        fitting = self._fitting(self.given, body)
        foreign = not fitting and bool(self.given)
        if not fitting:
            fitting = self._fitting(self.standard, body)
        if not fitting:
            return None
        form, readings = fitting[0]
        entry = Entry(body.decode("utf-8", "surrogateescape"), heading, form, foreign=foreign)
        entry.slots, entry.values = form.slots, readings[0]
        for slot, value in zip(entry.slots, entry.values, strict=True):
            entry.fields.setdefault(slot.key, value)
        if len(readings) > 1:
            entry.unsure = [
                (slot.name, first or "-", second or "-")
                for slot, first, second in zip(entry.slots, *readings, strict=True)
                if first != second
            ]
        entry.others = [other for other, _ in fitting[1:]]
        last = form.pattern is not None and form.pattern.may_be_cut
        entry.cut = last and not entry.line.rstrip(" \r").endswith('"')
        _settle_captures(entry)
        return entry

    def _fitting(self, forms: Sequence[Form], body: bytes) -> list[tuple[Form, list[list[str | None]]]]:
        """Forms whose proxies have the name that the line says come first, then those that fit in one way only."""
        found = []
        for form in forms:
            readings = form.readings(body)
            if readings:
                found.append((form, readings))
        if len(found) < 2:
            return found
        ranked = sorted(found, key=lambda one: (not _names_its_proxy(*one), len(one[1])))
        best = (not _names_its_proxy(*ranked[0]), len(ranked[0][1]))
        named = [one for one in ranked if (not _names_its_proxy(*one), len(one[1])) == best]
        return named if not best[0] else ranked


def _names_its_proxy(form: Form, readings: list[list[str | None]]) -> bool:
    for slot, value in zip(form.slots, readings[0], strict=True):
        if slot.key in ("f", "ft"):
            return (value or "").removesuffix("~") in form.proxies
    return False


def _settle_captures(entry: Entry) -> None:
    """One pair of braces, where both requests and responses may have captures: nobody knows whose it is."""
    keys = [slot.key for slot in entry.slots]
    if "hr" in keys and "hs" in keys and not entry.unsure:
        first, second = entry.fields.get("hr"), entry.fields.get("hs")
        bare = [slot for slot in entry.slots if slot.key in ("hr", "hs") and slot.items < 0]
        if len(bare) == 2 and bool(first) != bool(second):
            braces = first or second or ""
            entry.unsure.append(("captured_request_headers", braces, "-"))
            entry.unsure.append(("captured_response_headers", "-", braces))
