"""Matchers of parts of a value: beg, end, sub, dir, dom and reg (manual 7.1.3, 7.1.4). matcher.py says how all of them
work."""

from typing import Final

from mypy_extensions import i64

from pointsman.core.regex import Regex
from pointsman.sample.matcher import LOWER, Exact, ListMatcher, Parsed, earlier, first
from pointsman.sample.types import Value
from pointsman.tables.patterns import PatternEntry

NEAR: Final = 64  # bytes that a loop passes faster than a search is called
NO_SIZES: Final[dict[int, int]] = {}  # of who has a few: nothing is put in


class Parts(Exact):
    """Base of what a part of the value is looked up for: the lengths that occur."""

    def __init__(self, nocase: bool = False) -> None:
        super().__init__(nocase)
        self.sizes: list[int] = []  # from the shortest to the longest
        self.counts: dict[int, int] = NO_SIZES

    def count(self, size: int, step: int) -> None:
        known = self.counts.get(size, 0)
        if known + step:
            self.counts[size] = known + step
            if known:
                return
        else:
            del self.counts[size]
        self.sizes = sorted(self.counts)

    def count_all(self, keys: list[bytes]) -> None:
        counts: dict[int, int] = {}
        for key in keys:
            counts[len(key)] = counts.get(len(key), 0) + 1
        self.counts = counts
        self.sizes = sorted(counts)


class Prefixes(Parts):
    """beg: beginnings."""

    def test(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        subject = value.translate(LOWER) if self.nocase else value
        for text in self.few:
            if subject.startswith(text):
                return True
        length = len(subject)
        for size in self.sizes:
            if size > length:
                return False
            if subject[:size] in self.texts:
                return True
        return False

    def find(self, value: Value) -> PatternEntry | None:
        assert isinstance(value, bytes)
        if self.nocase:
            return self._find_first(value.translate(LOWER))
        best: PatternEntry | None = None
        longest = -1
        for index, text in enumerate(self.few):
            if len(text) > longest and value.startswith(text):
                longest = len(text)
                best = self.entries[index]
        at = len(self.sizes)
        while at > 0:
            at -= 1
            size = self.sizes[at]
            if size <= len(value):
                best = first(self.texts.get(value[:size]))
                if best is not None:
                    return best
        return best

    def _find_first(self, subject: bytes) -> PatternEntry | None:
        """The first one, of those that ignore case."""
        for index, text in enumerate(self.few):
            if subject.startswith(text):
                return self.entries[index]
        best: PatternEntry | None = None
        length = len(subject)
        for size in self.sizes:
            if size > length:
                break
            best = earlier(best, first(self.texts.get(subject[:size])))
        return best

    def bits(self, value: bytes) -> int:
        bits = 0
        length = len(value)
        for size in self.sizes:
            if size > length:
                break
            found = self.texts.get(value[:size])
            if found is not None:
                assert isinstance(found, int)
                bits |= found
        return bits


class Suffixes(Parts):
    """end: ends."""

    def test(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        subject = value.translate(LOWER) if self.nocase else value
        for text in self.few:
            if subject.endswith(text):
                return True
        length = len(subject)
        for size in self.sizes:
            if size > length:
                return False
            if subject[length - size :] in self.texts:
                return True
        return False

    def find(self, value: Value) -> PatternEntry | None:
        assert isinstance(value, bytes)
        subject = value.translate(LOWER) if self.nocase else value
        for index, text in enumerate(self.few):
            if subject.endswith(text):
                return self.entries[index]
        best: PatternEntry | None = None
        length = len(subject)
        for size in self.sizes:
            if size > length:
                break
            best = earlier(best, first(self.texts.get(subject[length - size :])))
        return best

    def bits(self, value: bytes) -> int:
        bits = 0
        length = len(value)
        for size in self.sizes:
            if size > length:
                break
            found = self.texts.get(value[length - size :])
            if found is not None:
                assert isinstance(found, int)
                bits |= found
        return bits


def position(value: bytes, text: bytes, start: i64) -> i64:
    """Where a text, which is not empty, stands from `start` on; -1: nowhere. Both are short as a rule, and then a call
    costs more than the search."""
    first_byte: i64 = text[0]
    last: i64 = len(value) - len(text)
    if last - start > NEAR:
        return value.find(text, start)
    size: i64 = len(text)
    at = start
    while at <= last:
        if value[at] == first_byte and value[at : at + size] == text:
            return at
        at += 1
    return -1


def contains(value: bytes, text: bytes) -> bool:
    """Whether the text stands anywhere in the value."""
    if not text:
        return True
    first_byte: i64 = text[0]
    if first_byte not in value:  # of an integer: costs nothing, unlike the question for bytes
        return False
    return position(value, text, 0) >= 0


class Substrings(ListMatcher):
    """sub: strings anywhere in the value."""

    def __init__(self, nocase: bool = False) -> None:
        super().__init__(nocase)
        self.texts: list[bytes] = []
        self.entries: list[PatternEntry] = []

    def add(self, parsed: Parsed, entry: PatternEntry) -> None:
        assert isinstance(parsed, bytes)
        self.texts.append(parsed)
        self.entries.append(entry)

    def remove(self, parsed: Parsed | None, entry: PatternEntry) -> None:
        at = self.entries.index(entry)
        del self.texts[at]
        del self.entries[at]

    def test(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        subject = value.translate(LOWER) if self.nocase else value
        for text in self.texts:
            if contains(subject, text):
                return True
        return False

    def find(self, value: Value) -> PatternEntry | None:
        assert isinstance(value, bytes)
        subject = value.translate(LOWER) if self.nocase else value
        for index, text in enumerate(self.texts):
            if contains(subject, text):
                return self.entries[index]
        return None


class Delimited(Parts):
    """Base of dir and dom: strings that stand between delimiters or ends of the value. Delimiters at the ends of the
    pattern itself do not count, and what is left may hold some."""

    delimiters = b""

    def __init__(self, nocase: bool = False) -> None:
        super().__init__(nocase)
        self.marks = self.delimiters

    def key(self, parsed: Parsed) -> bytes:
        assert isinstance(parsed, bytes)
        return parsed.strip(self.delimiters)

    def _stands(self, value: bytes, text: bytes) -> bool:
        if not text:
            return False  # there was nothing but delimiters
        first_byte: i64 = text[0]
        if first_byte not in value:
            return False
        marks = self.marks
        length: i64 = len(value)
        at = position(value, text, 0)
        while at >= 0:
            end = at + len(text)
            if (at == 0 or value[at - 1] in marks) and (end == length or value[end] in marks):
                return True
            at = position(value, text, at + 1)
        return False

    def _among_many(self, value: bytes, any_one: bool) -> PatternEntry | None:
        """The first entry; or any, which costs less."""
        best: PatternEntry | None = None
        marks = self.marks
        length: i64 = len(value)
        start: i64 = 0
        while start < length:
            if start == 0 or value[start - 1] in marks:
                for size in self.sizes:
                    end = start + size
                    if end > length:
                        break
                    if end == length or value[end] in marks:
                        best = earlier(best, first(self.texts.get(value[start:end])) if size else None)
                        if any_one and best is not None:
                            return best
            start += 1
        return best

    def test(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        subject = value.translate(LOWER) if self.nocase else value
        for text in self.few:
            if self._stands(subject, text):
                return True
        return self.many and self._among_many(subject, True) is not None

    def find(self, value: Value) -> PatternEntry | None:
        assert isinstance(value, bytes)
        subject = value.translate(LOWER) if self.nocase else value
        for index, text in enumerate(self.few):
            if self._stands(subject, text):
                return self.entries[index]
        return self._among_many(subject, False) if self.many else None


class Directories(Delimited):
    """dir: parts of paths (manual 7.1.3)."""

    delimiters = b"/?"


class Domains(Delimited):
    """dom: parts of names of hosts."""

    delimiters = b"./:?"


class Regexes(ListMatcher):
    """reg: regular expressions, anywhere in the value. Each knows whether case counts."""

    def __init__(self, nocase: bool = False) -> None:
        super().__init__(nocase)
        self.patterns: list[Regex] = []
        self.entries: list[PatternEntry] = []

    def add(self, parsed: Parsed, entry: PatternEntry) -> None:
        assert isinstance(parsed, Regex)
        self.patterns.append(parsed)
        self.entries.append(entry)

    def remove(self, parsed: Parsed | None, entry: PatternEntry) -> None:
        at = self.entries.index(entry)
        del self.patterns[at]
        del self.entries[at]

    def test(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        for pattern in self.patterns:
            if pattern.test(value):
                return True
        return False

    def find(self, value: Value) -> PatternEntry | None:
        at = self.locate(value)
        return None if at < 0 else self.entries[at]

    def locate(self, value: Value) -> int:
        """The place of the first one that matches; -1: none does."""
        assert isinstance(value, bytes)
        for index, pattern in enumerate(self.patterns):
            if pattern.test(value):
                return index
        return -1
