"""Where an ACL's patterns come from: its own line and files, all of which may change at run time (manual 7.1, 2.7).

What stands on the line is compiled into one matcher (pattern.py), and compiled anew when it is asked for the first time
after a change; files, which may be large and change often, are looked up in an index (matching.py).
"""

from collections.abc import Callable, Sequence
from typing import Final

from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.words import Word
from pointsman.sample.arguments import encode
from pointsman.sample.lists import said_at
from pointsman.sample.matcher import Either, Matcher, Never
from pointsman.sample.matching import INDEXES, Item, Lookup
from pointsman.sample.pattern import HIGHEST, LOWEST, Method, Pattern, parse_range
from pointsman.sample.trace import PatternRecord
from pointsman.sample.types import Type, Value
from pointsman.tables.patterns import LISTS, Entry, PatternError, Reference, Use


class Compiled(Use):
    """The entries of a list as one matcher, made anew after each change. `stale`: who must be told of one."""

    def __init__(self, reference: Reference, method: Method, nocase: bool, resolve: bool) -> None:
        self.reference = reference
        self.method = method
        self.nocase = nocase
        self.resolve = resolve
        self.stale: list[Callable[[], None]] = []

    def pattern(self, entry: Entry) -> Pattern:
        return Pattern(entry.key, Position(*self.reference.place(entry)), self.nocase, "eq", self.resolve)

    def make(self) -> Matcher | None:
        """The matcher, as the list is now; None: it is empty. ConfigError at a pattern that is none."""
        patterns = [self.pattern(entry) for entry in self.reference.entries()]
        return self.method.make(patterns) if patterns else None

    def find(self, value: Value) -> Item | None:
        """The first entry that matches; for the runtime socket."""
        for entry in self.reference.entries():
            if self.method.make([self.pattern(entry)]).match(value):
                return Item(entry, encode(entry.key))
        return None

    def check(self, entry: Entry) -> None:
        try:
            self.method.make([self.pattern(entry)])
        except ConfigError as error:
            raise PatternError(f"{error}.") from None

    def check_value(self, value: str) -> None:
        """An ACL does not look at values."""

    def _tell(self) -> None:
        for stale in self.stale:
            stale()

    def add(self, entry: Entry, version: int) -> None:
        self._tell()

    def remove(self, entry: Entry, version: int) -> None:
        self._tell()

    def update(self, entry: Entry, version: int) -> None:
        """The value means nothing here."""

    def clear(self, version: int) -> None:
        self._tell()

    def commit(self, version: int) -> None:
        self._tell()


class Indexed(Matcher):
    """A file's entries."""

    def __init__(self, lookup: Lookup) -> None:
        self.lookup = lookup

    def match(self, value: Value) -> bool:
        return self.lookup.find(value) is not None


class Renewed(Matcher):
    """In the place of a matcher whose list has changed."""

    def __init__(self, patterns: "Patterns") -> None:
        self.patterns = patterns

    def match(self, value: Value) -> bool:
        return self.patterns.renew().match(value)


class Patterns:
    """All patterns of one ACL line. `matcher` is that of now, `version` how often they have changed; `take` is told of
    both."""

    __slots__ = ("_compiled", "_files", "_indexed", "_line", "matcher", "nocase", "own", "renewed", "take", "version")

    def __init__(
        self, method: Method, line: Sequence[Pattern], files: Sequence["File"], criterion: Word, identity: int
    ) -> None:
        self.matcher: Matcher = Never()
        self.version = 0
        self.renewed = True  # the matcher is that of the lists as they are
        self.take: Callable[[Matcher, int], None] | None = None
        self.nocase = any([pattern.nocase for pattern in line]) or any([file.nocase for file in files])
        self._indexed: Sequence[Indexed] = ()
        self._compiled: Sequence[Compiled] = ()
        self._files = files
        self._line = line
        self.own: OfLine | None = None
        for file in files:
            self._add_file(method, file, criterion.at)
        self._take_line(method, line, criterion, identity)

    @property
    def texts(self) -> list[str]:
        """All patterns: those of files as they are now, those of the line as they were written."""
        of_files = [entry.key for file in self._files for entry in file.reference.entries()]
        return [*of_files, *[pattern.text for pattern in self._line]]

    def _add_file(self, method: Method, file: "File", at: Position) -> None:
        reference = file.reference
        reference.for_acl = True
        reference.places.append(f"by {'map' if reference.pairs else 'acl'} at {said_at(at)}")
        indexed = method.name in INDEXES and method.accepts != Type.METH

        def make() -> Use:
            if indexed:
                return Lookup(method.name, Type.ANY, file.nocase, file.resolve)
            return Compiled(reference, method, file.nocase, file.resolve)

        if not method.patterns:
            return
        bad = first_bad(reference, make())
        if bad is not None:
            entry, reason = bad
            raise ConfigError(reason, Position(*reference.place(entry), 1, len(entry.key), entry.key))
        use = reference.use((method.name, method.accepts, file.nocase, file.resolve), make)
        if isinstance(use, Lookup):
            use.stale.append(self.forget)
            self._indexed = [*self._indexed, Indexed(use)]
        elif isinstance(use, Compiled):
            self.follow(use)

    def _take_line(self, method: Method, line: Sequence[Pattern], criterion: Word, identity: int) -> None:
        """The list of what stands on the line itself: it has a number, and can be changed like one of a file."""
        own = method.make(line) if line or not method.patterns else None
        made = OfLine(LISTS.number(identity or -1), method, line, criterion, self.nocase)
        LISTS.enter(made)
        if method.patterns:
            self.own = made
            made.owner = self
        self._set([*[compiled.make() for compiled in self._compiled], own])

    def find(self, value: Value) -> PatternRecord | None:
        """The pattern that a value matches, as the method compares it; for explanations. None: it matches none, or the
        method has no patterns."""
        for file, indexed in zip(self._files, self._indexed, strict=False):  # the others are compiled
            item = indexed.lookup.find(value)
            if item is not None:
                return PatternRecord(item.entry.key, *file.reference.place(item.entry))
        for compiled in self._compiled:
            item = compiled.find(value)
            if item is not None:
                return self._record(compiled.reference, item.entry)
        own = self.own
        if own is not None and own.line is not None:  # nobody has asked for it as a list yet
            for pattern in own.line:
                if own.method.make([pattern]).match(value):
                    return _of_line(pattern)
        return None

    def _record(self, reference: Reference, entry: Entry) -> PatternRecord:
        if reference is not self.own:
            return PatternRecord(entry.key, *reference.place(entry))
        index = entry.identity - (reference.number + 1 << 32) - 1
        return _of_line(self._line[index]) if index < len(self._line) else PatternRecord(entry.key, "", 0)

    def follow(self, use: Compiled) -> None:
        """One more list that the matcher is made of."""
        use.stale.append(self.forget)
        self._compiled = [*self._compiled, use]

    def _set(self, compiled: list[Matcher | None]) -> Matcher:
        matchers: list[Matcher] = [*self._indexed, *[one for one in compiled if one is not None]]
        return self._use(matchers[0] if len(matchers) == 1 else Either(matchers) if matchers else Never())

    def _use(self, matcher: Matcher) -> Matcher:
        self.matcher = matcher
        if self.take is not None:
            self.take(matcher, self.version)
        return matcher

    def forget(self) -> None:
        """A list has changed: the matcher is made anew when it is needed."""
        self.version += 1
        self.renewed = False
        self._use(Renewed(self))

    def renew(self) -> Matcher:
        """The matcher, as the lists are now."""
        self.renewed = True
        if self.own is not None:
            self.own.fill()
        return self._set([compiled.make() for compiled in self._compiled])


class OfLine(Reference):
    """The list of what stands on an ACL's line. Most of them are never asked for, and there may be a hundred thousand:
    what a list is made of is made when somebody asks for a part of it."""

    for_acl = True
    for_map = False
    changed = False

    def __init__(self, number: int, method: Method, line: Sequence[Pattern], criterion: Word, nocase: bool) -> None:
        self.number = number
        self.issued = (number + 1 << 32) + len(line)
        self.method = method
        self.line: Sequence[Pattern] | None = line  # None: it is filled
        self.criterion = criterion
        self.nocase = nocase
        self.owner: Patterns | None = None

    def __getattr__(self, name: str) -> object:
        line = self.line if name in _PARTS else None
        if line is None:
            raise AttributeError(name)
        self.fill()
        return getattr(self, name)

    def fill(self) -> None:
        """Make the list, if it is not made yet."""
        line, self.line = self.line, None
        if line is None:
            return
        method = self.method
        issued = self.issued
        super().__init__(self.number, "", False)
        self.for_acl = True
        at = self.criterion.at
        self.description = f"acl '{self.criterion.text}' {said_at(at)}"
        for pattern in line:
            self.add(_key(pattern, method), None)
        self.issued = max(self.issued, issued)
        self.changed = False
        if self.owner is not None:
            first = line[0] if line else None
            use = Compiled(
                self, method, first is not None and first.nocase or self.nocase, first is None or first.resolve
            )
            self.uses["line"] = use
            self.owner.follow(use)

    def count(self) -> int:
        return super().count() if self.line is None else len(self.line)


_PARTS: Final = ("name", "pairs", "description", "places", "lines", "current", "next", "versions", "by_key", "uses")


class File:
    """What `-f` named, and the flags in front of it."""

    def __init__(self, reference: Reference, nocase: bool, resolve: bool) -> None:
        self.reference = reference
        self.nocase = nocase
        self.resolve = resolve


def _of_line(pattern: Pattern) -> PatternRecord:
    text = pattern.text if pattern.operator == "eq" else f"{pattern.operator} {pattern.text}"
    return PatternRecord(text, *pattern.source)


_OPEN: Final = {LOWEST: "", HIGHEST: ""}


def _key(pattern: Pattern, method: Method) -> str:
    """As it is listed: an operator and its number are the range that they cover."""
    if pattern.operator == "eq" or method.name not in ("int", "len"):
        return pattern.text
    low, high = parse_range(pattern)
    return str(low) if low == high else f"{_OPEN.get(low, str(low))}:{_OPEN.get(high, str(high))}"


def first_bad(reference: Reference, use: Use) -> tuple[Entry, str] | None:
    """The first entry that is none for this use, and why."""
    for entry in reference.entries() if use.checks() else ():
        try:
            use.check(entry)
        except PatternError as error:
            return entry, str(error).removesuffix(".")
    return None
