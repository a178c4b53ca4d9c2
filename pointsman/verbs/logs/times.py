"""Where the time of a stream went (manual 8.4): the timers of a line as spans in a row, and what stands out in them.

    HTTP    Th  Ti  TR  Tw  Tc  Tr  Td       Ta = from TR on, Tt = all, Tu = all but Ti
    TCP     Th  Tw  Tc  Td                   Tt = all

What a line does not say is worked out where it can be: Td, or how long the step lasted that never came to its end (-1).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MEANING: Final[dict[str, str]] = {
    "Th": "accepting the connection, handshakes",
    "Ti": "idle, before the request began",
    "Tq": "handshakes, idle, receiving the request",
    "TR": "receiving the request",
    "Tw": "waiting in queues",
    "Tc": "connecting to the server",
    "Tr": "waiting for the response head",
    "Td": "passing on the data",
}
TOTALS: Final[dict[str, str]] = {
    "Ta": "all, from the request's first byte",
    "Tt": "all, from the accepted connection",
    "Tu": "all, as the user saw it (without idle time)",
}
# Retransmissions of a lost packet: 3, 6, 12 s (manual 8.4), and 1, 3, 7, 15 s of Linux since 3.1 (RFC 6298).
LOST: Final = (1000, 3000, 6000, 7000, 12000, 15000)


@dataclass(slots=True)
class Span:
    """`ms`: None where it never came to its end and nobody knows how long it lasted. `open`: it never did."""

    name: str
    ms: int | None
    meaning: str
    start: int = 0
    open: bool = False
    derived: bool = False  # worked out: the line does not say it


@dataclass(slots=True)
class Timers:
    spans: list[Span]
    total: int | None
    total_name: str
    marked: bool  # the total goes on (option logasap)
    others: list[tuple[str, int]] = field(default_factory=list)  # further totals of the line
    unreached: list[str] = field(default_factory=list)  # -1: steps that it never came to
    striking: list[str] = field(default_factory=list)

    @property
    def open(self) -> Span | None:
        """The step that never came to its end."""
        return next((span for span in self.spans if span.open), None)


def timers_of(fields: Mapping[str, str | None]) -> Timers | None:
    """None: the line has no timers."""
    said = {name: number for name in (*MEANING, *TOTALS) if (number := _number(fields.get(name))) is not None}
    if not said:
        return None
    tarpitted = (fields.get("tsc") or fields.get("ts") or "")[1:2] == "T"
    total_name = _total_name(said)
    total = said.get(total_name)
    marked = (fields.get(total_name) or "").startswith("+")
    spans = _spans(said, total_name, tarpitted)
    answered_here = (fields.get("tsc") or fields.get("ts") or "")[:2] in ("LR", "PR")
    unreached = _derive(spans, said, total, total_name, tarpitted or answered_here, marked)
    at = 0
    for span in spans:
        span.start = at
        at += span.ms or 0
    timers = Timers(spans, total, total_name, marked, unreached=unreached)
    timers.others = [(name, said[name]) for name in TOTALS if name in said and name != total_name]
    timers.striking = list(_striking(timers, fields))
    return timers


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else int(text.removeprefix("+"))
    except ValueError:
        return None


def _total_name(said: Mapping[str, int]) -> str:
    """The total that the steps of the line add up to."""
    if "Tt" in said and ("Ta" not in said or {"Th", "Ti"} <= set(said) or "Tq" in said):
        return "Tt"
    return next((name for name in ("Ta", "Tt", "Tu") if name in said), "")


def _spans(said: Mapping[str, int], total_name: str, tarpitted: bool) -> list[Span]:
    names = ["Th", "Ti", "TR", "Tw", "Tc", "Tr", "Td"]
    if "TR" not in said and "Tq" in said:
        names = ["Tq", "Tw", "Tc", "Tr", "Td"]
    if total_name == "Ta":
        names = [name for name in names if name not in ("Th", "Ti")]
    elif total_name == "Tu":
        names = [name for name in names if name != "Ti"]
    spans = []
    for name in names:
        if name not in said:
            continue
        meaning = "held in the tarpit" if tarpitted and name == "Tw" else MEANING[name]
        spans.append(Span(name, said[name], meaning))
    return spans


def _derive(
    spans: list[Span], said: Mapping[str, int], total: int | None, total_name: str, over: bool, marked: bool
) -> list[str]:
    """Give what is left of the total to the step that was not finished, or to the data. Returns what was not reached.

    `over`: no step was cut off, for the proxy answered at that point.
    """
    known = sum(span.ms for span in spans if span.ms is not None and span.ms > 0)
    left = None if total is None else max(total - known, 0)
    unfinished = [span for span in spans if span.ms is not None and span.ms < 0]
    if unfinished:
        if not over and left:
            first = unfinished.pop(0)
            first.ms, first.open = left, True
        for span in unfinished:
            spans.remove(span)
        return [span.name for span in unfinished]
    enough = {"Tw", "Tc"} <= set(said) and ("Tr" in said or total_name == "Tt")
    if "Td" not in said and left is not None and enough and not marked:
        http = "Tr" in said
        meaning = MEANING["Td"] if http or "Th" in said else "passing on the data, and handshakes before all"
        spans.append(Span("Td", left, meaning, derived=True))
    return []


def _striking(timers: Timers, fields: Mapping[str, str | None]) -> "list[str]":
    found = []
    total = timers.total or 0
    for span in timers.spans:
        ms = span.ms or 0
        if span.name in ("Tc", "Th", "Ti", "TR") and not span.open:
            near = next((one for one in LOST if one <= ms <= one + one // 20 + 50), 0)
            if near and span.name != "Ti":
                found.append(
                    f"{span.name} is close to {near // 1000} s, when a lost packet is sent again: look at the network."
                )
                continue
        if span.name == "Tc" and ms >= 100 and not span.open:
            found.append(f"Tc is {ms} ms: in one's own network it is about 1 ms (manual 8.4).")
        if span.name == "TR" and ms >= 1000 and not span.open:
            found.append("TR is long: a slow or far client, or a request typed by hand.")
    longest = max(timers.spans, key=lambda span: span.ms or 0, default=None)
    if longest is not None and total >= 500 and (longest.ms or 0) * 100 >= total * 60 and not longest.open:
        share = (longest.ms or 0) * 100 // total
        found.append(f"{share} % of the time went into {longest.name}: {longest.meaning}.")
    return found
