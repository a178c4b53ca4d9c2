"""Matchers: patterns as they are compared with values while traffic runs (manual 7.1.1 to 7.1.6).

pattern.py makes them when the configuration is compiled. What many patterns share is looked up at once: strings in a
set, prefixes and suffixes by their lengths, networks by their masks; a few are compared one after the other, because
that costs less than a look-up.
"""

import re
from collections.abc import Sequence
from typing import Final

from mypy_extensions import i64, mypyc_attr

from pointsman.core.regex import Regex
from pointsman.sample.casts import MAPPED, Cast, ipv4_of
from pointsman.sample.types import Value

FEW: Final = 4  # as many are compared one by one
NEAR: Final = 64  # bytes that a loop passes faster than a search is called
LOWER: Final = bytes(range(256)).lower()  # for translate: letters in lower case


@mypyc_attr(allow_interpreted_subclasses=True)
class Matcher:
    """Base: one test."""

    def match(self, value: Value) -> bool:
        raise NotImplementedError


class Never(Matcher):
    def match(self, value: Value) -> bool:
        return False


class Found(Matcher):
    """Whatever is there."""

    def match(self, value: Value) -> bool:
        return True


class Truth(Matcher):
    def match(self, value: Value) -> bool:
        return bool(value)


class Either(Matcher):
    """The first of several that matches."""

    def __init__(self, matchers: list[Matcher]) -> None:
        self.matchers = matchers

    def match(self, value: Value) -> bool:
        for one in self.matchers:
            if one.match(value):
                return True
        return False


class Lowered(Matcher):
    """Patterns in lower case, compared with the value in lower case."""

    def __init__(self, inner: Matcher) -> None:
        self.inner = inner

    def match(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        return self.inner.match(value.translate(LOWER))


class Converted(Matcher):
    """A cast before the comparison; what it cannot turn does not match."""

    def __init__(self, cast: Cast, inner: Matcher) -> None:
        self.cast = cast
        self.inner = inner

    def match(self, value: Value) -> bool:
        cast = self.cast(value)
        return cast is not None and self.inner.match(cast)


class Numbers(Matcher):
    """Integers: single ones and ranges, both ends included."""

    def __init__(self, ranges: list[tuple[int, int]]) -> None:
        self.singles = frozenset([low for low, high in ranges if low == high])
        self.lows = [low for low, high in ranges if low < high]
        self.highs = [high for low, high in ranges if low < high]

    def covers(self, number: int) -> bool:
        highs = self.highs
        for index, low in enumerate(self.lows):
            if low <= number <= highs[index]:
                return True
        return number in self.singles

    def match(self, value: Value) -> bool:
        assert isinstance(value, int)
        return self.covers(value)


class Sizes(Numbers):
    """Lengths of strings."""

    def match(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        return self.covers(len(value))


class _Family:
    """Networks of one family: a few one by one, more by their masks."""

    def __init__(self, networks: Sequence[tuple[bytes, bytes]]) -> None:
        by_mask: dict[int, set[int]] = {}
        for address, mask in networks:
            bits = int.from_bytes(mask, "big")
            by_mask.setdefault(bits, set()).add(int.from_bytes(address, "big") & bits)
        self.masks = list(by_mask)
        self.networks = [frozenset(found) for found in by_mask.values()]
        self.few_masks: list[int] = []
        self.few: list[int] = []
        pairs = [(mask, network) for mask, found in by_mask.items() for network in found]
        if len(pairs) <= FEW:
            self.few_masks = [mask for mask, _ in pairs]
            self.few = [network for _, network in pairs]
            self.masks = []
        self.empty = not pairs

    def match(self, number: int) -> bool:
        few = self.few
        for index, mask in enumerate(self.few_masks):
            if number & mask == few[index]:
                return True
        networks = self.networks
        for index, mask in enumerate(self.masks):
            if number & mask in networks[index]:
                return True
        return False


class Networks(Matcher):
    """Addresses. IPv4 is also looked for among IPv6 networks in its mapped form, and the other way round."""

    def __init__(self, networks: Sequence[tuple[bytes, bytes]]) -> None:
        self.v4 = _Family([one for one in networks if len(one[0]) == 4])
        self.v6 = _Family([one for one in networks if len(one[0]) != 4])

    def match(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        if len(value) == 4:
            number: i64 = i64(value[0]) << 24 | i64(value[1]) << 16 | i64(value[2]) << 8 | i64(value[3])
            if self.v4.match(int(number)):
                return True
            return not self.v6.empty and self.v6.match(int.from_bytes(MAPPED + value, "big"))
        if not self.v6.empty and self.v6.match(int.from_bytes(value, "big")):
            return True
        inner = None if self.v4.empty else ipv4_of(value)
        return inner is not None and self.v4.match(int.from_bytes(inner, "big"))


class Texts(Matcher):
    """Equal strings or blocks."""

    def __init__(self, texts: list[bytes]) -> None:
        self.few = texts if len(texts) <= FEW else []
        self.many = frozenset(texts)

    def match(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        few = self.few
        if few:
            for text in few:
                if value == text:
                    return True
            return False
        return value in self.many


class Edges(Matcher):
    """Base of beginnings and ends: each of a few is compared, or all of one length are looked up at once."""

    def __init__(self, texts: list[bytes]) -> None:
        self.few = texts if len(texts) <= FEW else []
        self.many = frozenset(texts)
        self.sizes = [] if self.few else sorted({len(text) for text in texts})


class Prefixes(Edges):
    """Beginnings."""

    def match(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        for text in self.few:
            if value.startswith(text):
                return True
        size = len(value)
        for length in self.sizes:
            if length > size:
                return False
            if value[:length] in self.many:
                return True
        return False


class Suffixes(Edges):
    """Ends."""

    def match(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        for text in self.few:
            if value.endswith(text):
                return True
        size = len(value)
        for length in self.sizes:
            if length > size:
                return False
            if value[size - length :] in self.many:
                return True
        return False


def contains(value: bytes, text: bytes) -> bool:
    """Whether the text stands anywhere in the value. Both are short as a rule, and then a call costs more than the
    search."""
    if not text:
        return True
    first: i64 = text[0]
    if first not in value:  # of an integer: costs nothing, unlike the question for bytes
        return False
    last: i64 = len(value) - len(text)
    if last > NEAR:
        return value.find(text) >= 0
    size: i64 = len(text)
    at: i64 = 0
    while at <= last:
        if value[at] == first and value[at : at + size] == text:
            return True
        at += 1
    return False


class Parts(Matcher):
    """Substrings."""

    def __init__(self, texts: list[bytes]) -> None:
        self.texts = texts

    def match(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        for text in self.texts:
            if contains(value, text):
                return True
        return False


class Regexes(Matcher):
    """Regular expressions, anywhere in the value."""

    def __init__(self, patterns: list[Regex]) -> None:
        self.patterns = patterns

    def match(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        for pattern in self.patterns:
            if pattern.test(value):
                return True
        return False


class Between(Matcher):
    """Patterns that stand between delimiters or ends. Those around the pattern itself do not count."""

    def __init__(self, texts: list[bytes], delimiters: bytes) -> None:
        stripped = [text.strip(delimiters) for text in texts]
        self.texts = [text for text in sorted(stripped, key=len, reverse=True) if text]
        marks = re.escape(delimiters)
        words = b"|".join([re.escape(text) for text in self.texts])
        pattern = re.compile(b"(?<![^" + marks + b"])(?:" + words + b")(?![^" + marks + b"])")
        self.search = pattern.search

    def match(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        texts = self.texts
        if len(texts) <= FEW:
            for text in texts:
                if contains(value, text):
                    return self.search(value) is not None
            return False
        return self.search(value) is not None


KNOWN_METHODS: Final = frozenset({b"OPTIONS", b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"TRACE", b"CONNECT"})


class Methods(Matcher):
    """Names of HTTP methods. The known ones always mind the case, as in HAProxy; `loose`, in lower case, the others."""

    def __init__(self, names: list[bytes], loose: list[bytes]) -> None:
        self.names = Texts(names)
        self.loose = frozenset(loose)

    def match(self, value: Value) -> bool:
        if self.names.match(value):
            return True
        assert isinstance(value, bytes)
        return bool(self.loose) and value not in KNOWN_METHODS and value.lower() in self.loose
