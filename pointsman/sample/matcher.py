"""Matchers: patterns as values are compared with them while traffic runs (manual 7.1.1 to 7.1.6).

There is one for each method of matching, and every list of patterns has one: what stands on an ACL's line, a file of an
ACL, a map. Each answers

    test(value)      whether any pattern matches
    find(value)      the entry that matches: of equal strings, ends, numbers, expressions the first one in the list; of
                     beginnings the longest, of networks the narrowest (HAProxy keeps both in a tree, unless beginnings
                     ignore case)

and takes changes, an entry at a time:

    add(parsed, entry)      one more entry; `parsed`: its pattern, as pattern.py parses it for this method
    remove(parsed, entry)   one that was added

A few patterns are compared one after the other, because that costs less than a look-up; of more than FEW those that can
be looked up are: strings in a dictionary, beginnings and ends by their lengths, networks by their masks.

Many ACLs that ask one expression are looked up at once by the same dictionaries (index.py): `mark(key, bit)` puts a bit
there in the place of an entry, and `bits(value)` tells the bits of all keys that match.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

from pointsman.core.regex import Regex
from pointsman.sample.casts import Cast
from pointsman.sample.types import Value
from pointsman.tables.patterns import PatternEntry

Parsed = bytes | tuple[int, int] | list[tuple[bytes, bytes]] | Regex  # a pattern, ready to be compared
Held = (
    PatternEntry | list[PatternEntry] | int
)  # what stands under a key: an entry, several in the order of the list, or bits
KeyType = TypeVar("KeyType")

FEW: Final = 4  # as many are compared one by one
LOWER: Final = bytes(range(256)).lower()  # for translate: letters in lower case
NO_TEXTS: Final[dict[bytes, Held]] = {}  # of who has a few: nothing is put in


class Matcher:
    """Base: one test."""

    def test(self, value: Value) -> bool:
        """Whether it matches."""
        raise NotImplementedError

    def find(self, value: Value) -> PatternEntry | None:
        """The entry that matches; None: there is none, or nothing that matches is a pattern."""
        raise NotImplementedError


class Never(Matcher):
    """There is no pattern."""

    def test(self, value: Value) -> bool:
        return False

    def find(self, value: Value) -> PatternEntry | None:
        return None


class Found(Matcher):
    """Whatever is there."""

    def test(self, value: Value) -> bool:
        return True

    def find(self, value: Value) -> PatternEntry | None:
        return None


class Truth(Matcher):
    """What is true."""

    def test(self, value: Value) -> bool:
        return bool(value)

    def find(self, value: Value) -> PatternEntry | None:
        return None


class Either(Matcher):
    """The first of several that matches."""

    def __init__(self, matchers: list[Matcher]) -> None:
        self.matchers = matchers

    def test(self, value: Value) -> bool:
        for one in self.matchers:
            if one.test(value):
                return True
        return False

    def find(self, value: Value) -> PatternEntry | None:
        for one in self.matchers:
            found = one.find(value)
            if found is not None:
                return found
        return None


class Converted(Matcher):
    """A cast before the comparison; what it cannot turn does not match."""

    def __init__(self, cast: Cast, inner: Matcher) -> None:
        self.cast = cast
        self.inner = inner

    def test(self, value: Value) -> bool:
        cast = self.cast(value)
        return cast is not None and self.inner.test(cast)

    def find(self, value: Value) -> PatternEntry | None:
        cast = self.cast(value)
        return None if cast is None else self.inner.find(cast)


class ListMatcher(Matcher):
    """Base of those that hold a list of patterns. `nocase`: letters match whatever their case."""

    def __init__(self, nocase: bool = False) -> None:
        self.nocase = nocase

    def fill(self, parsed: list[Parsed], entries: Sequence[PatternEntry]) -> None:
        """Add many, in their order."""
        for index, entry in enumerate(entries):
            self.add(parsed[index], entry)

    def add(self, parsed: Parsed, entry: PatternEntry) -> None:
        """One more pattern, behind all others."""
        raise NotImplementedError

    def remove(self, parsed: Parsed | None, entry: PatternEntry) -> None:
        """One less. None: the pattern says something else by now (a host name that has got another address)."""
        raise NotImplementedError


def put(held: dict[KeyType, Held], key: KeyType, entry: PatternEntry) -> None:
    """An entry under a key, behind those that are there."""
    known = held.get(key)
    if known is None:
        held[key] = entry
    elif isinstance(known, list):
        known.append(entry)
    else:
        assert not isinstance(known, int)
        held[key] = [known, entry]


def drop(held: dict[KeyType, Held], key: KeyType, entry: PatternEntry) -> None:
    """Take it away again."""
    known = held.get(key)
    if isinstance(known, list):
        rest = [one for one in known if one is not entry]
        if len(rest) > 1:
            held[key] = rest
        elif rest:
            held[key] = rest[0]
        else:
            del held[key]
    elif known is entry:
        del held[key]


def first(known: Held | None) -> PatternEntry | None:
    """The first entry under a key."""
    if isinstance(known, list):
        return known[0]
    assert not isinstance(known, int)
    return known


def earlier(one: PatternEntry | None, other: PatternEntry | None) -> PatternEntry | None:
    """The one that stands in front of the other in their list."""
    if one is None or other is None:
        return other if one is None else one
    return one if one.identity <= other.identity else other


class Exact(ListMatcher):
    """str, bin: equal strings or blocks. Also the base of what holds strings."""

    def __init__(self, nocase: bool = False) -> None:
        super().__init__(nocase)
        self.few: list[bytes] = []
        self.entries: list[PatternEntry] = []  # those of the few
        self.many = False  # all are in the dictionary
        self.texts: dict[bytes, Held] = NO_TEXTS

    def all_texts(self) -> list[bytes]:
        """All strings, in lower case where case does not count."""
        return list(self.texts) if self.many else list(self.few)

    def fill(self, parsed: list[Parsed], entries: Sequence[PatternEntry]) -> None:
        if len(entries) <= FEW or self.few or self.many:
            super().fill(parsed, entries)
            return
        keys = [self.key(one) for one in parsed]
        self.texts = dict(zip(keys, entries, strict=True))
        self.many = True
        if len(self.texts) < len(keys):
            self.texts = {}
            for index, key in enumerate(keys):
                put(self.texts, key, entries[index])
        self.count_all(keys)

    def add(self, parsed: Parsed, entry: PatternEntry) -> None:
        key = self.key(parsed)
        if not self.many:
            if len(self.few) < FEW:
                self.few.append(key)
                self.entries.append(entry)
                return
            self._gather()
        put(self.texts, key, entry)
        self.count(len(key), 1)

    def _gather(self) -> None:
        """From now on they are looked up."""
        self.many = True
        self.texts = {}
        for index, key in enumerate(self.few):
            put(self.texts, key, self.entries[index])
        self.count_all(self.few)
        self.few = []
        self.entries = []

    def remove(self, parsed: Parsed | None, entry: PatternEntry) -> None:
        if not self.many:
            at = self.entries.index(entry)
            del self.few[at]
            del self.entries[at]
            return
        assert parsed is not None
        key = self.key(parsed)
        drop(self.texts, key, entry)
        self.count(len(key), -1)

    def key(self, parsed: Parsed) -> bytes:
        """What is compared."""
        assert isinstance(parsed, bytes)
        return parsed

    def count(self, size: int, step: int) -> None:
        """A string of that length came or went; of those in the dictionary alone."""

    def count_all(self, keys: list[bytes]) -> None:
        """All of these came."""

    def mark(self, key: bytes, bit: int) -> None:
        """A bit that `bits` tells of values that this string matches."""
        if not self.many:
            self._gather()
        known = self.texts.get(key)
        if known is None:
            self.count(len(key), 1)
            known = 0
        assert isinstance(known, int)
        self.texts[key] = known | bit

    def bits(self, value: bytes) -> int:
        """All bits of a value, which is in lower case where case does not count."""
        found = self.texts.get(value)
        if found is None:
            return 0
        assert isinstance(found, int)
        return found

    def test(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        subject = value.translate(LOWER) if self.nocase else value
        if self.many:
            return subject in self.texts
        for text in self.few:
            if subject == text:
                return True
        return False

    def find(self, value: Value) -> PatternEntry | None:
        assert isinstance(value, bytes)
        subject = value.translate(LOWER) if self.nocase else value
        if self.many:
            return first(self.texts.get(subject))
        for index, text in enumerate(self.few):
            if subject == text:
                return self.entries[index]
        return None


KNOWN_METHODS: Final = frozenset({b"OPTIONS", b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"TRACE", b"CONNECT"})


class MethodNames(ListMatcher):
    """Names of HTTP methods. The known ones always mind the case, as in HAProxy; without case only others match."""

    def __init__(self, nocase: bool = False) -> None:
        super().__init__(nocase)
        self.exact = Exact()
        self.loose = Exact(True)

    def add(self, parsed: Parsed, entry: PatternEntry) -> None:
        assert isinstance(parsed, bytes)
        self.exact.add(parsed, entry)
        if self.nocase:
            self.loose.add(parsed.lower(), entry)

    def remove(self, parsed: Parsed | None, entry: PatternEntry) -> None:
        assert isinstance(parsed, bytes)
        self.exact.remove(parsed, entry)
        if self.nocase:
            self.loose.remove(parsed.lower(), entry)

    def test(self, value: Value) -> bool:
        if self.exact.test(value):
            return True
        return self.nocase and value not in KNOWN_METHODS and self.loose.test(value)

    def find(self, value: Value) -> PatternEntry | None:
        found = self.exact.find(value)
        if not self.nocase or value in KNOWN_METHODS:
            return found
        return earlier(found, self.loose.find(value))
