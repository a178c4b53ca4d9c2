"""Many lines as counts, in bounded memory: letters, servers, timers, status, the slowest, what could not be read.

A line is matched by the expression of the format that the line before it had (a _Route: the pieces in front, the
format, which of its fields are counted). Fields are counted as they stand in the line, and become numbers when a batch
is over. Names, letters and the like are bounded in number: what comes when a table is full counts under "(others)".
"""

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from pointsman.verbs.logs.events import read_event
from pointsman.verbs.logs.forms import Form
from pointsman.verbs.logs.heading import headings, skipper, unwrapped
from pointsman.verbs.logs.reader import Reader
from pointsman.verbs.logs.sketch import Sketch

TIMERS: Final = ("Th", "Ti", "Tq", "TR", "Tw", "Tc", "Tr", "Td", "Ta", "Tt", "Tu")
ROWS: Final = 10_000  # servers
ENDS: Final = 4096  # frontends times letters times statuses, of a server
FULL: Final = 2048  # values of a timer that are kept as text
ROUTES: Final = 64
EVENTS: Final = 1000
EXAMPLES: Final = 3
OTHERS: Final = b"(others)"
_MONTHS: Final = {
    month: b"%02d" % (number + 1)
    for number, month in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
    )
}
Values = Sequence[bytes | None]
End = tuple[bytes | None, bytes | None, bytes | None]  # frontend, letters, status


class Row:
    """What one server did."""

    def __init__(self, backend: str, server: str, timers: Iterable[str]) -> None:
        self.backend = backend
        self.server = server
        self.lines = 0
        self.sent = 0
        self.retried = 0  # lines with retries
        self.retries = 0
        self.redispatched = 0
        self.queued = 0  # lines that found others in a queue
        self.ends: dict[End, int] = {}
        self.texts: dict[str, dict[bytes | None, int]] = {name: {} for name in timers}
        self.sketches = {name: Sketch() for name in timers}

    def settle(self, limit: int) -> None:
        for name, texts in self.texts.items():
            if len(texts) > limit:
                self.sketches[name].add_texts(texts)
                texts.clear()

    def merge(self, other: "Row") -> None:
        for name in ("lines", "sent", "retried", "retries", "redispatched", "queued"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for end, count in other.ends.items():
            self.ends[end] = self.ends.get(end, 0) + count
        for name, sketch in other.sketches.items():
            self.sketches.setdefault(name, Sketch()).merge(sketch)

    def errors(self) -> int:
        return sum(count for end, count in self.ends.items() if is_error(end))


def is_error(end: End) -> bool:
    """As manual 8.3.3 has it, without retries: a letter that is neither "-" nor "L", or a status from 500 on."""
    _, letters, status = end
    if letters and letters[:1] not in (b"-", b"L") and letters is not OTHERS:
        return True
    return bool(status) and len(status or b"") == 3 and (status or b"")[:1] == b"5"


class _Route:
    """How lines of one kind are read and counted."""

    def __init__(self, kinds: tuple[str, ...], form: Form) -> None:
        self.kinds = kinds
        self.form = form
        self.skip = skipper(kinds).match if kinds else None
        self.lines = 0
        places: dict[str, int] = {}
        for index, slot in enumerate(form.slots):
            places.setdefault(slot.key, index)
        self.frontend = places.get("ft", places.get("f", -1))
        self.backend = places.get("b", -1)
        self.server = places.get("s", -1)
        self.letters = places.get("tsc", places.get("ts", -1))
        self.status = places.get("ST", -1)
        self.sent = places.get("B", -1)
        self.retries = places.get("rc", -1)
        self.queues = [places[key] for key in ("sq", "bq") if key in places]
        self.date = next((places[key] for key in ("tr", "t", "trg", "T", "trl", "Tl") if key in places), -1)
        self.total = next((places[key] for key in ("Ta", "Tt", "Tu") if key in places), -1)
        self.timers = [(name, places[name]) for name in TIMERS if name in places]
        self.rows: dict[tuple[bytes | None, bytes | None], tuple[Row, list[tuple[dict[bytes | None, int], int]]]] = {}

    def values(self, line: bytes) -> Values | None:
        """None: it is no line of this kind."""
        at = 0
        if self.skip is not None:
            skipped = self.skip(line)
            if skipped is None:
                return None
            at = skipped.end()
        return _values(self.form, line, at)


def _values(form: Form, line: bytes, at: int) -> Values | None:
    """What stands in the fields of a line that begins at `at`; None: it has another format."""
    if form.pattern is not None:
        found = form.pattern.expression.match(line, at)
        return None if found is None else found.groups()
    readings = form.readings(line[at:])
    if not readings:
        return None
    return [None if one is None else one.encode("utf-8", "surrogateescape") for one in readings[0]]


class Summary:
    """`top`: how many of the slowest are kept."""

    def __init__(self, reader: Reader, top: int = 10) -> None:
        self.reader = reader
        self.top = top
        self.lines = 0
        self.read = 0  # lines of streams, and messages
        self.routes: list[_Route] = []
        self.kept: dict[tuple[str, str], Row] = {}
        self.rows: list[Row] = []
        self.events: Counter[tuple[str, str]] = Counter()
        self.unread = 0
        self.examples: list[tuple[int, str]] = []  # number of a line, and its text
        self.slowest: list[tuple[int, int, bytes]] = []  # milliseconds, number of the line (negative), line
        self.floor = -1  # what is faster is not among them
        self.second = b""
        self.earliest = b""
        self.latest = b""
        self.wrapped = False  # lines are objects of JSON around the real ones

    def add(self, batch: Sequence[bytes]) -> None:
        for line in batch:
            self.lines += 1
            if self.wrapped:
                line = unwrapped(line)
            for route in self.routes:
                values = route.values(line)
                if values is not None:
                    self._count(route, values, line)
                    break
            else:
                self._first_of_its_kind(line)
        if len(self.routes) > 1:
            self.routes.sort(key=lambda route: -route.lines)
        for route in self.routes:
            for row, _ in route.rows.values():
                row.settle(FULL)

    def _count(self, route: _Route, values: Values, line: bytes) -> None:
        self.read += 1
        route.lines += 1
        name = (
            values[route.backend] if route.backend >= 0 else None,
            values[route.server] if route.server >= 0 else None,
        )
        found = route.rows.get(name)
        if found is None:
            found = self._row(route, name)
        row, timers = found
        row.lines += 1
        end = (
            values[route.frontend] if route.frontend >= 0 else None,
            values[route.letters] if route.letters >= 0 else None,
            values[route.status] if route.status >= 0 else None,
        )
        ends = row.ends
        if end in ends:
            ends[end] += 1
        else:
            self._new_end(row, end)
        for texts, place in timers:
            text = values[place]
            texts[text] = texts.get(text, 0) + 1
        if route.sent >= 0:
            row.sent += _integer(values[route.sent])
        if route.retries >= 0 and values[route.retries] != b"0":
            self._retried(row, values[route.retries] or b"")
        for place in route.queues:
            if values[place] != b"0":
                row.queued += 1
                break
        if route.total >= 0:
            total = _integer(values[route.total])
            if total > self.floor:
                self._slow(total, line)
        if route.date >= 0:
            date = values[route.date] or b""
            if date[:20] != self.second:
                self._date(date[:20])

    def _row(
        self, route: _Route, name: tuple[bytes | None, bytes | None]
    ) -> "tuple[Row, list[tuple[dict[bytes | None, int], int]]]":
        if len(self.kept) >= ROWS or len(route.rows) >= ROWS:
            name = (OTHERS, OTHERS)
            if name in route.rows:
                return route.rows[name]
        backend, server = (_shown(one) for one in name)
        timers = [one for one, _ in route.timers]
        row = Row(backend, server, timers)
        self.kept.setdefault((backend, server), row)
        found = route.rows[name] = (row, [(row.texts[one], place) for one, place in route.timers])
        return found

    def _new_end(self, row: Row, end: End) -> None:
        if len(row.ends) >= ENDS:
            end = (OTHERS, OTHERS if end[1] else None, None)
        row.ends[end] = row.ends.get(end, 0) + 1

    def _retried(self, row: Row, text: bytes) -> None:
        if text.startswith(b"+"):
            row.redispatched += 1
        number = _integer(text)
        if number > 0:
            row.retried += 1
            row.retries += number

    def _slow(self, total: int, line: bytes) -> None:
        heapq.heappush(self.slowest, (total, -self.lines, line))
        if len(self.slowest) > self.top:
            heapq.heappop(self.slowest)
            self.floor = self.slowest[0][0]

    def _date(self, date: bytes) -> None:
        """ "06/Feb/2009:12:14:14", so that it can be compared."""
        self.second = date
        month = _MONTHS.get(date[3:6])
        if month is None:
            return
        sortable = date[7:11] + b"-" + month + b"-" + date[:2] + b" " + date[12:]
        if not self.earliest or sortable < self.earliest:
            self.earliest = sortable
        if sortable > self.latest:
            self.latest = sortable

    # Lines of a kind that has not been seen.

    def _first_of_its_kind(self, line: bytes) -> None:
        bare = line if self.wrapped else unwrapped(line)
        if bare is not line and not self.wrapped:
            self.wrapped = True
        forms = [*self.reader.given, *self.reader.standard]
        for heading in headings(bare):
            body = bare[heading.end :]
            event = read_event(body.decode("utf-8", "replace")) if _may_be_event(body) else None
            if event is not None:
                self.read += 1
                key = (event.kind, event.headline)
                if key in self.events or len(self.events) < EVENTS:
                    self.events[key] += 1
                else:
                    self.events[(event.kind, "(others)")] += 1
                return
            for form in forms:
                values = _values(form, bare, heading.end)
                if values is not None and len(self.routes) < ROUTES:
                    self.routes.append(_Route(heading.kinds, form))
                    self._count(self.routes[-1], values, bare)
                    return
        self.unread += 1
        if len(self.examples) < EXAMPLES:
            body = bare[next(headings(bare)).end :]
            self.examples.append((self.lines, body[:200].decode("utf-8", "surrogateescape")))

    def finish(self) -> None:
        """No more lines come: one row for each server, those with the most lines first."""
        merged: dict[tuple[str, str], Row] = {}
        for route in self.routes:
            for row, _ in route.rows.values():
                row.settle(0)
                key = (row.backend, row.server)
                if key not in merged:
                    merged[key] = Row(row.backend, row.server, ())
                merged[key].merge(row)
        self.rows = sorted(merged.values(), key=lambda row: (-row.lines, row.backend, row.server))
        self.slowest.sort(key=lambda one: (-one[0], -one[1]))

    # What the counts come to.

    def ends(self) -> Counter[End]:
        found: Counter[End] = Counter()
        for row in self.rows:
            for end, count in row.ends.items():
                found[end] += count
        return found

    def most(self, letters: str) -> tuple[str, str]:
        """The frontend and the backend where the first two letters were these most often."""
        found: Counter[tuple[str, str]] = Counter()
        for row in self.rows:
            for (frontend, state, _), count in row.ends.items():
                if state and _shown(state[:2]) == letters:
                    found[(_shown(frontend).removesuffix("~"), row.backend)] += count
        return found.most_common(1)[0][0] if found else ("", "")

    def letters(self, first: int, last: int) -> Counter[str]:
        """How often each of these letters came, from the first to the last."""
        found: Counter[str] = Counter()
        for (_, letters, _), count in self.ends().items():
            if letters and len(letters) >= last:
                found[_shown(letters if letters is OTHERS else letters[first:last])] += count
        return found

    def statuses(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for (_, _, status), count in self.ends().items():
            if status is not None and status.strip(b"0"):
                found[_shown(status)] += count
        return found

    def frontends(self) -> dict[str, tuple[int, int]]:
        """Lines and errors."""
        found: dict[str, tuple[int, int]] = {}
        for end, count in self.ends().items():
            if end[0]:
                name = _shown(end[0]).removesuffix("~")
                lines, errors = found.get(name, (0, 0))
                found[name] = (lines + count, errors + (count if is_error(end) else 0))
        return found

    def timers(self) -> dict[str, Sketch]:
        """Of all servers together."""
        found: dict[str, Sketch] = {}
        for name in TIMERS:
            for row in self.rows:
                if name in row.sketches:
                    found.setdefault(name, Sketch()).merge(row.sketches[name])
        return found


_EVENT: Final = re.compile(
    rb"(?:Backup )?Server |Health check|Agent check|backend |[Pp]roxy |Stopping |Paused |Resumed |"
    rb"Enabled |Disabled |Connect (?:from|to) |[^ ]+/[^ ]+ (?:: )?(?:IP|port|FQDN|changed) |"
    rb"[^ ]+ \[[^\]]+\] [^ ]+: "
)


def _may_be_event(body: bytes) -> bool:
    """Most lines of streams are none, which costs less to find out than all the forms of events."""
    return _EVENT.match(body) is not None


def _integer(text: bytes | None) -> int:
    try:
        return int(text or b"0")
    except ValueError:
        return 0


def _shown(text: bytes | None) -> str:
    return "-" if text is None else text.decode("utf-8", "surrogateescape")
