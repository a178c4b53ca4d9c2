"""What stands in front of a line: syslog's headings, what the journal, a container's log or a program's stderr add.

Pieces may stand one behind the other ("web-1  | ", then "<134>", then a date, ...). A format of one's own may look like
one of them, so the reader tries with as many pieces as there are, then with one less, and so on.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_ISO: Final = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_MONTH: Final = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_BSD: Final = _MONTH + rb" [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,9})?"
_FULL: Final = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})? [A-Z]{2,5}"
_DATE: Final = rb"(?P<date>" + _ISO + rb"|" + _BSD + rb"|" + _FULL + rb"|\d{9,10}\.\d{6})"
_PROGRAM: Final = rb"(?P<program>[^\s:\[\]\"]{1,48})(?:\[(?P<pid>\d+)\])?: "
_SD: Final = rb'(?P<sd>-|(?:\[[^\s=\]"]+(?: [^\s=\]"]+="(?:[^"\\\]]|\\.)*")*\])+)'

PIECES: Final[tuple[tuple[str, re.Pattern[bytes]], ...]] = tuple(
    (name, re.compile(expression, re.ASCII))
    for name, expression in (
        ("byte order mark", rb"\xef\xbb\xbf"),
        ("priority", rb"<(?P<priority>\d{1,3})>"),
        ("rfc5424", rb"1 (?P<date>" + _ISO + rb"|-) (?P<host>\S+) (?P<program>\S+) (?P<pid>\S+) \S+ " + _SD + rb" "),
        ("rfc3164", _DATE + rb" (?P<host>[^\s:\[\]\"]{1,255}) " + _PROGRAM),
        ("local", _DATE + rb" " + _PROGRAM),
        ("CRI", rb"(?P<date>" + _ISO + rb") (?:stdout|stderr) [FP] "),
        ("date", _DATE + rb"(?: |: )"),
        ("compose", rb"[A-Za-z0-9][\w.-]* +\| "),
        ("pod", rb"\[pod/[^\]\s]+\] "),
        ("program", rb"(?P<program>haproxy|pointsman)(?:\[(?P<pid>\d+)\])?: "),
        ("stderr", rb"\[(?P<level>EMERG|ALERT|WARNING|NOTICE|DIAG) *\] +\((?P<pid>\d+)\) : "),
    )
)
LEVELS: Final = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
MOST: Final = 6


@dataclass(frozen=True, slots=True)
class Heading:
    """What the pieces in front of a line say; "" is not said. `end`: where the line itself begins."""

    end: int = 0
    kinds: tuple[str, ...] = ()
    date: str = ""
    host: str = ""
    program: str = ""
    pid: str = ""
    level: str = ""
    structured: str = ""  # RFC 5424's data


NONE: Final = Heading()


def headings(line: bytes) -> Iterator[Heading]:
    """All that may stand in front: the longest first, nothing at last."""
    found = [NONE]
    while len(found) <= MOST:
        more = _one_more(line, found[-1])
        if more is None:
            break
        found.append(more)
    yield from reversed(found)


def _one_more(line: bytes, before: Heading) -> Heading | None:
    for name, pattern in PIECES:
        match = pattern.match(line, before.end)
        if match is not None and (name not in before.kinds or name == "date"):
            said = {key: text.decode("utf-8", "replace") for key, text in match.groupdict().items() if text}
            level = said.get("level", "").lower()
            if "priority" in said:
                level = LEVELS[int(said["priority"]) & 7]
            return Heading(
                match.end(),
                (*before.kinds, name),
                said.get("date") or before.date,
                said.get("host") or before.host,
                said.get("program") or before.program,
                said.get("pid") or before.pid,
                level or before.level,
                said.get("sd", "").removeprefix("-") or before.structured,
            )
    return None


def skipper(kinds: tuple[str, ...]) -> re.Pattern[bytes]:
    """What skips these pieces in one go."""
    table = dict(PIECES)
    return re.compile(b"".join([re.sub(rb"\?P<\w+>", b"?:", table[kind].pattern) for kind in kinds]), re.ASCII)


def unwrapped(line: bytes) -> bytes:
    """The line in an object of JSON that Docker (json-file) or `journalctl -o json` has made of it; else as it is."""
    if not line.startswith(b"{"):
        return line
    if b'"log":' not in line and b'"MESSAGE"' not in line:
        return line
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return line
    text = found.get("log", found.get("MESSAGE")) if isinstance(found, dict) else None
    return text.rstrip("\n").encode("utf-8", "surrogatepass") if isinstance(text, str) else line
