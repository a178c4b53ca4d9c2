"""How ACLs and maps ask a list of patterns that can change while the process runs (manual 7.3.1, 2.7).

    ACL, map ──▶ Lookup ──▶ matcher of the current version (matcher.py)
                   ▲  └───▶ what the map gives for each entry, converted when the entry is added
                   │
    Reference ─────┘         every change, and entries of versions that are being prepared (tables/patterns.py)

All ACLs and maps that ask one list in the same way share one Lookup.
"""

import socket
from collections.abc import Callable, Iterable
from typing import Final
from weakref import WeakKeyDictionary

from pointsman.core.diagnostics import ConfigError
from pointsman.sample.arguments import INTEGER, encode
from pointsman.sample.casts import clamp
from pointsman.sample.matcher import ListMatcher, Parsed
from pointsman.sample.pattern import Method
from pointsman.sample.source import Convert
from pointsman.sample.types import Type, Value
from pointsman.tables.patterns import PatternEntry, PatternError, Use


class Prepared:
    """The entries of one version. `values`: what a map gives, by the entry's number."""

    __slots__ = ("matcher", "values")

    def __init__(self, matcher: ListMatcher) -> None:
        self.matcher = matcher
        self.values: dict[int, Value] = {}


class Lookup(Use):
    """One way to ask a list. `output`: the type that values are converted to; ANY: keys are asked for, not values.

    `matcher` and `values` are those of the current version: others take their place, so ask for them each time.
    `stale`: who must be told when other keys match.
    """

    def __init__(self, method: Method, output: Type, nocase: bool = False, resolve: bool = False) -> None:
        self.method = method
        self.output = output
        self.nocase = nocase
        self.resolve = resolve
        self.current = 0
        self.versions: dict[int, Prepared] = {}
        self.stale: list[Callable[[], None]] = []
        self._show()

    def _show(self) -> None:
        """The current version is what is asked."""
        now = self._version(self.current)
        self.matcher = now.matcher
        self.values = now.values

    def _version(self, version: int) -> Prepared:
        found = self.versions.get(version)
        if found is None:
            matcher = self.method.kind(self.nocase)
            assert isinstance(matcher, ListMatcher)
            found = self.versions[version] = Prepared(matcher)
        return found

    def adopt(self, matcher: ListMatcher) -> None:
        """What was made of the entries already, instead of filling one."""
        self.versions[self.current] = Prepared(matcher)
        self._show()

    def find(self, value: Value) -> PatternEntry | None:
        """The entry that matches."""
        return self.matcher.find(value)

    def _parse(self, entry: PatternEntry) -> Parsed:
        """PatternError if its key is no pattern."""
        try:
            return self.method.parse(entry, self.nocase, self.resolve)
        except ConfigError as error:
            raise PatternError(f"{error}{'' if str(error).endswith('.') else '.'}", entry) from None

    def _value(self, entry: PatternEntry) -> Value:
        """What the map gives. PatternError if its value is none."""
        text = entry.value or ""
        value = parse_value(text, self.output)
        if value is None:
            raise PatternError(f"unable to parse '{text}'.", entry)
        return value

    def check(self, entry: PatternEntry) -> None:
        if not self.method.any_text:
            self._parse(entry)
        if self.output != Type.ANY:
            self._value(entry)

    def check_value(self, value: str) -> None:
        if self.output != Type.ANY:
            self._value(PatternEntry(0, "", value, 0))

    def fill(self, entries: Iterable[PatternEntry], version: int) -> None:
        prepared = self._version(version)
        found = list(entries)
        try:
            parsed = self.method.parse_all(found, self.nocase, self.resolve)
            if self.output != Type.ANY:
                prepared.values.update((entry.identity, self._value(entry)) for entry in found)
        except (ConfigError, PatternError):
            for entry in found:  # the first one that is wrong
                self.check(entry)
            raise
        prepared.matcher.fill(parsed, found)
        self._tell(version)

    def add(self, entry: PatternEntry, version: int) -> None:
        prepared = self._version(version)
        prepared.matcher.add(self._parse(entry), entry)
        if self.output != Type.ANY:
            prepared.values[entry.identity] = self._value(entry)
        self._tell(version)

    def remove(self, entry: PatternEntry, version: int) -> None:
        prepared = self._version(version)
        parsed: Parsed | None = None
        try:
            parsed = self.method.parse(entry, self.nocase, False)
        except ConfigError:
            pass  # the name of a host: its address may be another one by now
        prepared.matcher.remove(parsed, entry)
        prepared.values.pop(entry.identity, None)
        self._tell(version)

    def update(self, entry: PatternEntry, version: int) -> None:
        if self.output != Type.ANY:
            self._version(version).values[entry.identity] = self._value(entry)

    def clear(self, version: int) -> None:
        self.versions.pop(version, None)
        if version == self.current:
            self._show()
            self._tell(version)

    def commit(self, version: int) -> None:
        self.current = version
        self._show()
        self._tell(version)

    def _tell(self, version: int) -> None:
        if version == self.current:
            for stale in self.stale:
                stale()


# Of the converters that ask a map: for explanations, which tell the entry that was found.
LOOKUPS: Final[WeakKeyDictionary[Convert, Lookup]] = WeakKeyDictionary()


def parse_value(text: str, output: Type) -> Value | None:
    """A map's value as the type that is asked for; None if it is none."""
    if output == Type.SINT:
        return clamp(int(text)) if INTEGER.fullmatch(text) else None
    if output == Type.ADDR:
        try:
            return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
        except (OSError, ValueError):
            return None
    return encode(text)
