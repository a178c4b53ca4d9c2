"""The forms that lines of streams have: HAProxy's own (manual 8.2), and those of a configuration's proxies."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import pointsman.keywords  # noqa: F401  # the tags and expressions of formats
from pointsman.core.diagnostics import NOWHERE, ConfigError, Position
from pointsman.core.words import Word
from pointsman.log.build import FORMATS
from pointsman.sample.format import CBOR, JSON, Format, parse_format
from pointsman.sample.types import Where
from pointsman.verbs.logs.cbor import read_cbor
from pointsman.verbs.logs.pattern import Pattern, Slot, make_parts, named_slots, plain

TITLES: Final[dict[str, str]] = {
    "httplog": "HTTP format (option httplog)",
    "httpslog": "HTTPS format (option httpslog)",
    "tcplog": "TCP format (option tcplog)",
    "httplog clf": "common log format (option httplog clf)",
    "tcplog clf": "common log format of TCP (option tcplog clf)",
}
ORDER: Final = ("httpslog", "httplog", "tcplog", "httplog clf", "tcplog clf")
Captures = tuple[int, int]  # how many headers of requests and responses are captured; -1: not known


@dataclass(slots=True)
class Form:
    """One format. `kind`: "httplog" and its kin, "log-format", "error-log-format"."""

    kind: str
    format: Format
    captures: Captures = (-1, -1)
    at: Position = NOWHERE
    proxies: list[str] = field(default_factory=list)  # whose lines have it
    pattern: Pattern | None = None  # None: one object of JSON or CBOR
    encoding: int = 0
    named: dict[str, Slot] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return TITLES.get(self.kind) or f"{self.kind} of {', '.join(self.proxies)}"

    @property
    def slots(self) -> list[Slot]:
        return list(self.named.values()) if self.pattern is None else self.pattern.slots

    def readings(self, line: bytes) -> list[list[str | None]]:
        """Up to two, each with the values of all slots; two: it can be read in more than one way."""
        if self.pattern is not None:
            slots = self.pattern.slots
            return [
                [None if one is None else slot.decoded(_text(one)) for slot, one in zip(slots, values, strict=True)]
                for values in self.pattern.readings(line)
            ]
        found = _document(line, self.encoding)
        if found is None or set(found) != set(self.named):
            return []
        return [[plain(found[name]) for name in self.named]]


def make_form(
    kind: str, form: Format, *, captures: Captures = (-1, -1), at: Position = NOWHERE, proxies: Sequence[str] = ()
) -> Form:
    named = [item for item in form.items if item.name]
    encoding = form.encoding
    made = Form(kind, form, captures, at, list(proxies), encoding=encoding)
    if encoding and named:
        made.named = named_slots(form, captures)
    else:
        made.pattern = Pattern(make_parts(form, captures))
    return made


@cache
def standard(kind: str, captures: Captures = (-1, -1)) -> Form:
    """One of HAProxy's own."""
    return make_form(kind, parse_format(Word(FORMATS[kind], NOWHERE), Where.LOG, merge_spaces=True), captures=captures)


def standards() -> list[Form]:
    """Those that can be read without a configuration."""
    found = []
    for kind in ORDER:
        try:
            found.append(standard(kind))
        except ConfigError:  # it has an expression that is not built
            continue
    return found


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _document(line: bytes, encoding: int) -> dict[str, object] | None:
    """The object that a line is."""
    found: object = None
    if encoding & CBOR:
        found = read_cbor(_text(line.strip()))
    elif encoding & JSON and line.startswith(b"{"):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return None
    return {str(name): value for name, value in found.items()} if isinstance(found, dict) else None
