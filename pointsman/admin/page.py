"""The statistics page (manual 4.2, `stats enable` and its kin): page.html, style.css and script.js, filled.

One answer holds all of it: nothing is fetched from elsewhere, and the Content-Security-Policy lets nothing run but what
it names by digest. Everything that goes in is escaped. Without JavaScript the page is whole, and refreshes as a whole;
the script fetches it again and puts new rows in place of old ones. On a narrow screen each row becomes a card.

It is made in pieces, so that ten thousand servers keep nobody waiting (answers.py).
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from string import Template
from typing import Final

import pointsman
from pointsman.admin.cells import ADDRESS, MODULES, PAGE_COLUMNS, PageColumn, cell, escape, look_of
from pointsman.admin.history import PERIOD, SAMPLES, History, RingBuffer
from pointsman.admin.info import Facts, duration
from pointsman.admin.rows import StatisticsRow, backend_status, server_status
from pointsman.admin.view import ProxyView

_FOLDER: Final = Path(__file__).parent
STYLE: Final = (_FOLDER / "style.css").read_text("utf-8")
SCRIPT: Final = (_FOLDER / "script.js").read_text("utf-8")
LIVE: Final = 5  # s between two updates by the script, where `stats refresh` says nothing
SHOWN: Final = 12  # servers that the summary names, at most
HEIGHT: Final = 22  # of a drawing, its width is that of the samples

# What the forms of the page can do to servers: HAProxy's words for the thirteen actions (`action=`), and ours.
ACTIONS: Final = {
    "ready": "Ready: as checks say",
    "drain": "Drain: no new clients",
    "maint": "Maintenance",
    "dhlth": "Health checks: off",
    "ehlth": "Health checks: on",
    "hrunn": "Health: up",
    "hnolb": "Health: no new work",
    "hdown": "Health: down",
    "dagent": "Agent checks: off",
    "eagent": "Agent checks: on",
    "arunn": "Agent: up",
    "adown": "Agent: down",
    "shutdown": "End all sessions",
}

# What became of such a form (`st=`): the colour, and the words.
OUTCOMES: Final = {
    "DONE": ("up", "Done."),
    "NONE": ("changing", "Nothing has changed."),
    "PART": ("changing", "Done in part: some of the servers are not known here, or did not allow it."),
    "ERRP": ("down", "Not done: the action, the backend or the servers are not known here."),
    "EXCD": ("down", "Not done: the request does not fit into a buffer. Choose fewer servers at a time."),
    "DENY": (
        "down",
        "Denied: you may not change anything here (see 'stats admin' in the manual), or the page that "
        "you used was too old.",
    ),
}
UNEXPECTED: Final = ("unchecked", "What became of it is not known.")


def _digest(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


POLICY: Final = (
    f"default-src 'none'; style-src {_digest(STYLE)}; script-src {_digest(SCRIPT)}; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_START, _REST = (_FOLDER / "page.html").read_text("utf-8").split("$proxies")
_HEAD: Final = Template(_START)
_TAIL: Final = Template(_REST)


@dataclass(frozen=True, slots=True)
class PageView:
    """What the page shows and how; `base` is its URI."""

    base: str
    refresh: int = 0  # s; 0: it does not refresh itself
    can_refresh: int = 0  # s: what it would be, had it not been switched off
    version: bool = False
    node: str = ""
    description: str = ""
    legends: bool = False
    modules: bool = False
    hide_down: bool = False
    outcome: str = ""  # what a form came to: one of OUTCOMES
    search: str = ""
    token: str = ""  # of the forms; "": whoever looks may not change anything
    descriptions: dict[str, str] = field(default_factory=dict)  # of proxies, by name


# The top: what is down?


@dataclass(slots=True)
class StateCounts:
    """How many servers are in which state, and where the bad ones are."""

    counts: dict[str, int] = field(default_factory=dict)
    down: list[tuple[str, str]] = field(default_factory=list)  # anchor and name, the first ones
    dead: list[tuple[str, str]] = field(default_factory=list)  # backends without a server


def tally(made: StateCounts, wanted: list[ProxyView]) -> Iterator[None]:
    """Yields after each server, so that others may have a go."""
    for proxy in wanted:
        if proxy.back is None:
            continue
        for server in proxy.back.backend.servers:
            state = look_of(server_status(server))
            made.counts[state] = made.counts.get(state, 0) + 1
            if state == "down" and len(made.down) < SHOWN:
                made.down.append((anchor(proxy.number, "S", server.number), f"{proxy.name}/{server.name.decode()}"))
            yield
        if backend_status(proxy.back) == "DOWN":
            made.dead.append((anchor(proxy.number, "B", 0), proxy.name))


def anchor(number: int, kind: str, sid: int) -> str:
    return f"p{number}-{kind}{sid}"


def _named(found: list[tuple[str, str]], total: int) -> str:
    links = ", ".join(f'<a href="#{place}">{escape(name)}</a>' for place, name in found[:SHOWN])
    return links + (f" and {total - SHOWN} more" if total > SHOWN else "")


def summary(found: StateCounts) -> str:
    """One line that says what is wrong, and one with the numbers."""
    counts = found.counts
    down = counts.get("down", 0)
    total = sum(counts.values())
    lines: list[str] = []
    if found.dead:
        lines.append(f"<strong>No server is left</strong> for {_named(found.dead, len(found.dead))}.")
    if down:
        lines.append(
            f"<strong>{down} of {total} servers {'is' if down == 1 else 'are'} down</strong>: "
            f"{_named(found.down, down)}."
        )
    words = [
        f"{counts[state]} {word}"
        for state, word in (
            ("up", "up"),
            ("changing", "changing"),
            ("drain", "draining or without new work"),
            ("maint", "in maintenance"),
            ("unchecked", "not checked"),
        )
        if counts.get(state)
    ]
    if words:
        lines.append(("" if lines else "No server is down: ") + ", ".join(words) + ".")
    elif not lines:
        lines.append("There are no servers.")
    state = "down" if down or found.dead else "changing" if counts.get("changing") else "up"
    return f'<p class="summary {state}">{" ".join(lines)}</p>\n'


def _facts(facts: Facts) -> str:
    view = facts.view
    process = view.process
    known = (
        ("Process", view.pid),
        ("Uptime", duration(facts.uptime)),
        ("Connections", f"{process.connections} of {process.limit}"),
        ("Connections per second", process.connection_rate.read(view.now)),
        ("Connections so far", process.total),
        ("Requests so far", view.program.requests),
        ("Process time", f"idle = {facts.gauge.idle} %"),
        ("State", "stopping" if process.stopping else "running"),
    )
    return (
        '<dl class="facts">'
        + "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>\n" for name, value in known)
        + "</dl>\n"
    )


# Drawings.


def _points(values: list[int], top: int) -> str:
    left = SAMPLES - len(values)
    return " ".join(f"{left + index},{HEIGHT - 1 - (HEIGHT - 2) * value // top}" for index, value in enumerate(values))


def _rate(tenths: int) -> str:
    return f"{tenths / 10:.1f}" if tenths < 1000 else str(tenths // 10)


def _drawing(ring: RingBuffer, word: str, kind: str) -> str:
    values = ring.recent()
    if not values:
        return ""
    top = max(values)
    text = (
        f"{word} per second over the last {len(values) * PERIOD // 60} min {len(values) * PERIOD % 60} s: now "
        f"{_rate(values[-1])}, highest {_rate(top)}"
    )
    return (
        f'<figure class="{kind}"><svg viewBox="0 0 {SAMPLES} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{text}"><title>{text}</title><polyline points="{_points(values, top or 1)}"/></svg>'
        f"<figcaption>{_rate(values[-1])} {word.lower()}/s</figcaption></figure>"
    )


# Tables.


def _row(row: StatisticsRow, columns: list[PageColumn], form: bool) -> str:
    name = {"F": "Frontend", "B": "Backend"}.get(row.kind, str(row.get("svname")))
    state = look_of(str(row.get("status")))
    box = ""
    if form:
        box = (
            f'<input type="checkbox" name="s" value="{escape(name)}" aria-label="{escape(name)}">'
            if row.kind == "S"
            else ""
        )
    kind = " sum" if row.kind in "FB" else ""
    cells = "".join(cell(row, column) for column in columns)
    return (
        f'<tr id="{anchor(row.number, row.kind, row.sid)}" class="{state}{kind}"><th scope="row" '
        f'title="{escape(name)}"><label>{box}{escape(name)}</label></th>{cells}</tr>\n'
    )


def _section(
    rows: Iterable[StatisticsRow], proxy: ProxyView, look: PageView, history: History, place: str
) -> Iterator[str]:
    name = proxy.name
    found = history.tracks.get(proxy.number)
    said = look.descriptions.get(name, "")
    small = f" <small>{escape(said)}</small>" if said else ""
    drawings = ""
    if found is not None:
        drawings = _drawing(found.requests, "Requests", "rate") + _drawing(found.errors, "Errors", "errors")
    columns = [column for column in PAGE_COLUMNS if column.name not in ADDRESS or look.legends]
    if look.modules:
        columns += MODULES
    heads = "".join(
        f'<th class="{column.classes}" scope="col" title="{escape(column.tip)}">{escape(column.title)}</th>'
        for column in columns
    )
    yield (
        f'<section id="{escape(place)}"><h2><a href="#{escape(place)}">{escape(name)}</a>{small}</h2>'
        f'<div class="drawings">{drawings}</div>\n'
    )
    form = bool(look.token) and proxy.back is not None and bool(proxy.back.backend.servers)
    yield f'<form method="post" action="{escape(look.base)}">' if form else ""
    yield f'<div class="table"><table><thead><tr><th class="name" scope="col">Name</th>{heads}</tr></thead>\n<tbody>\n'
    for row in rows:
        yield _row(row, columns, form)
    yield "</tbody></table></div>"
    yield _form(name, look) + "</form>" if form else ""
    yield "</section>\n"


def _form(name: str, look: PageView) -> str:
    options = "".join(f'<option value="{word}">{escape(text)}</option>' for word, text in ACTIONS.items())
    return (
        f'<p class="form"><label>With the chosen servers: <select name="action"><option value="" selected>choose'
        f"</option>{options}</select></label> <button>Apply</button>"
        f'<input type="hidden" name="b" value="{escape(name)}">'
        f'<input type="hidden" name="token" value="{escape(look.token)}"></p>'
    )


def _links(look: PageView) -> str:
    refresh = "" if look.refresh else ";norefresh"
    down = ";up" if look.hide_down else ""
    scope = f";scope={look.search}" if look.search else ""
    links = [
        ("Show all servers", f"{refresh}{scope}")
        if look.hide_down
        else ("Hide servers that are down", f";up{refresh}{scope}")
    ]
    if look.can_refresh:
        links.append(
            ("Do not refresh", f"{down};norefresh{scope}") if look.refresh else ("Refresh itself", f"{down}{scope}")
        )
    links += [("Refresh now", f"{down}{refresh}{scope}"), ("CSV", ";csv;norefresh"), ("JSON", ";json;norefresh")]
    return " ".join(f'<a href="{escape(look.base + options)}">{escape(text)}</a>' for text, options in links)


def _message(look: PageView) -> str:
    if not look.outcome:
        return ""
    state, words = OUTCOMES.get(look.outcome, UNEXPECTED)
    return f'<p class="message {state}" role="status">{escape(words)} <a href="{escape(look.base)}">Close</a></p>\n'


def render(
    rows: Iterable[StatisticsRow], facts: Facts, look: PageView, history: History, wanted: list[ProxyView]
) -> Iterator[str]:
    """The whole page. `wanted`: the proxies that it shows."""
    found = StateCounts()
    for _ in tally(found, wanted):
        yield ""
    title = "Statistics" + (f" of {look.node}" if look.node else "")
    about = ([look.description] if look.description else []) + (
        [f"Pointsman version {pointsman.__version__}"] if look.version else []
    )
    yield _HEAD.substitute(
        refresh=f'<noscript><meta http-equiv="refresh" content="{look.refresh}"></noscript>\n' if look.refresh else "",
        title=escape(title),
        style=STYLE,
        links=_links(look),
        live=look.refresh or LIVE,
        message=_message(look),
        summary=summary(found) + _facts(facts),
        about="".join(f'<p class="about">{escape(text)}</p>\n' for text in about),
    )
    known = {proxy.number: proxy for proxy in wanted}
    places: set[str] = set()
    for number, some in groupby(rows, lambda row: row.number):
        proxy = known[number]
        place = proxy.name if proxy.name not in places else f"{proxy.name}.{number}"  # a frontend and a backend
        places.add(place)
        yield from _section(some, proxy, look, history, place)
    yield _TAIL.substitute(script=SCRIPT)
