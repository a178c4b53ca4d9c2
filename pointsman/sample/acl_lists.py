"""Where an ACL's patterns come from: its own line and files, all of which may change at run time (manual 7.1, 2.7).

Files are lists that whoever names them shares. What stands on the line is a list too, with a number on the runtime
socket. Each of them has a matcher (lookup.py), and the ACL asks one after the other.
"""

from array import array
from collections.abc import Callable, Sequence
from typing import Final

from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.words import Word
from pointsman.sample.casts import HIGHEST, LOWEST
from pointsman.sample.lists import said_at
from pointsman.sample.lookup import Lookup
from pointsman.sample.matcher import Either, ListMatcher, Matcher, Never
from pointsman.sample.pattern import VERSIONS, Comparison, Method, Pattern, parse_range, parse_versions, place_of
from pointsman.sample.trace import PatternRecord
from pointsman.sample.types import Type, Value
from pointsman.tables.patterns import LISTS, PatternEntry, PatternError, PatternList

NEVER: Final = Never()


class Patterns:
    """All patterns of one ACL line. `matcher` is that of now, of which `line` and `files` are the parts; `version`
    counts how often patterns have changed; `take` is told of both. `nocase`, `resolve`: what flags say of the line."""

    __slots__ = (
        "_files",
        "_line",
        "_lookups",
        "_own",
        "line",
        "matcher",
        "nocase",
        "own",
        "resolve",
        "take",
        "version",
    )

    def __init__(
        self,
        method: Method,
        line: Sequence[Pattern],
        files: Sequence["File"],
        criterion: Word,
        identity: int,
        nocase: bool = False,
        resolve: bool = True,
    ) -> None:
        self.version = 0
        self.take: Callable[[Matcher, int], None] | None = None
        self.nocase = nocase
        self.resolve = resolve
        self._files = files
        self._line = line
        self._lookups: Sequence[Lookup] = ()
        self._own: Lookup | None = None  # that of the line, where somebody has asked for its list
        self.own: OfLine | None = None
        for file in files if method.patterns else ():
            self._lookups = [*self._lookups, self._ask(method, file, criterion.at)]
        self.line = method.make(line, nocase, resolve) if line or not method.patterns else NEVER
        made = OfLine(LISTS.number(identity or -1), method, line, criterion)
        LISTS.enter(made)
        if method.patterns:
            self.own = made
            made.owner = self
        self.matcher = self._matcher()

    @property
    def texts(self) -> list[str]:
        """All of them: those of files as they are now, those of the line as they were when it was read."""
        of_files = [entry.key for file in self._files for entry in file.reference.entries()]
        return [*of_files, *[pattern.key for pattern in self._line]]

    @property
    def written(self) -> Sequence[Pattern]:
        """Those of the line, as they were when it was read."""
        return self._line

    @property
    def names(self) -> list[str]:
        """Its files."""
        return [file.reference.name for file in self._files]

    @property
    def files(self) -> list[Matcher]:
        """The matchers of its files."""
        return [one.matcher for one in self._lookups]

    def find(self, value: Value | None) -> PatternEntry | None:
        """The entry that a value matches, as the method compares it. None: there is none, or the method has no
        patterns."""
        if self.own is not None:
            self.own.fill()
        return None if value is None else self.matcher.find(value)

    def record(self, entry: PatternEntry) -> PatternRecord:
        """A pattern as it was written, and where."""
        own = self.own
        index = -1 if own is None else entry.identity - own.first
        if 0 <= index < len(self._line):
            entry = self._line[index]  # what another process has sent is an entry of its own
        at = place_of(entry)
        return PatternRecord(entry.written if isinstance(entry, Comparison) else entry.key, at.file, at.line)

    def _ask(self, method: Method, file: "File", at: Position) -> Lookup:
        reference = file.reference
        reference.for_acl = True
        reference.places.append(f"by {'map' if reference.pairs else 'acl'} at {said_at(at)}")
        try:
            use = reference.use(
                (method.name, method.accepts, file.nocase, file.resolve),
                lambda: Lookup(method, Type.ANY, file.nocase, file.resolve),
            )
        except PatternError as error:
            entry = error.entry
            if entry is None:
                raise
            place = Position(*reference.place(entry), 1, len(entry.key), entry.key)
            raise ConfigError(str(error).removesuffix("."), place) from None
        assert isinstance(use, Lookup)
        use.stale.append(self.renew)
        return use

    def _matcher(self) -> Matcher:
        matchers = [*self.files, self.line] if self.line is not NEVER else self.files
        return matchers[0] if len(matchers) == 1 else Either(matchers) if matchers else NEVER

    def follow(self, use: Lookup) -> None:
        """The list of the line can change from now on."""
        if isinstance(self.line, ListMatcher):
            use.adopt(self.line)
        use.stale.append(self.renew)
        self._own = use

    def renew(self) -> None:
        """A list has changed."""
        self.version += 1
        if self._own is not None:
            self.line = self._own.matcher
        self.matcher = self._matcher()
        if self.take is not None:
            self.take(self.matcher, self.version)


class OfLine(PatternList):
    """The list of what stands on an ACL's line. Most of them are never asked for, and there may be a hundred thousand:
    what a list is made of is made when somebody asks for a part of it."""

    for_acl = True
    for_map = False
    changed = False

    def __init__(self, number: int, method: Method, line: Sequence[Pattern], criterion: Word) -> None:
        self.number = number
        self.issued = (number + 1 << 32) + len(line)
        self.method = method
        self.line: Sequence[Pattern] | None = line  # None: it is filled
        self.criterion = criterion
        self.owner: Patterns | None = None

    def __getattr__(self, name: str) -> object:
        line = self.line if name in _PARTS else None
        if line is None:
            raise AttributeError(name)
        self.fill()
        return getattr(self, name)

    def fill(self) -> None:
        """Make the list, if it is not made yet: the patterns themselves are its entries."""
        line, self.line = self.line, None
        if line is None:
            return
        method, owner, issued = self.method, self.owner, self.issued
        super().__init__(self.number, "", False)
        self.for_acl = True
        self.description = f"acl '{self.criterion.text}' {said_at(self.criterion.at)}"
        for identity, pattern in enumerate(line, self.first):
            pattern.identity = identity
            if isinstance(pattern, Comparison):
                pattern.key, pattern.operator = _key(pattern, method), "eq"
        self.issued = issued
        self.hold([pattern.key for pattern in line], line)
        self.lines = array("I", [self.criterion.source[1]] * len(line))
        if owner is not None:
            use = self.uses["line"] = Lookup(method, Type.ANY, owner.nocase, owner.resolve)
            owner.follow(use)

    @property
    def first(self) -> int:
        """The number of the first entry."""
        return (self.number + 1 << 32) + 1

    def count(self) -> int:
        return super().count() if self.line is None else len(self.line)

    def place(self, entry: PatternEntry) -> tuple[str, int]:
        _, line = super().place(entry)
        return self.criterion.source[0] if line else "", line


_PARTS: Final = ("name", "pairs", "description", "places", "lines", "current", "next", "versions", "by_key", "uses")


class File:
    """What `-f` named, and the flags in front of it."""

    def __init__(self, reference: PatternList, nocase: bool, resolve: bool) -> None:
        self.reference = reference
        self.nocase = nocase
        self.resolve = resolve


def _key(pattern: Comparison, method: Method) -> str:
    """As it is listed: an operator and its number are the range that they cover."""
    if method.name not in ("int", "len"):
        return pattern.key
    dotted = method is VERSIONS
    low, high = parse_versions(pattern) if dotted else parse_range(pattern)
    if low == high:
        return _spelt(low, dotted)
    first, last = "" if low == LOWEST else _spelt(low, dotted), "" if high == HIGHEST else _spelt(high, dotted)
    return f"{first}:{last}"


def _spelt(number: int, dotted: bool) -> str:
    return f"{number >> 16}.{number & 0xFFFF}" if dotted else str(number)
