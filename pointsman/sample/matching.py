"""Looking up entries of lists of patterns that can change: what maps and changed ACLs do at run time (manual 7.3.1).

An index holds the entries of one version under one method of matching:

    str, bin   a dictionary
    beg        a dictionary for each length of prefix: the longest one wins
    ip         a dictionary for each length of mask: the narrowest one wins
    end        a dictionary for each length of suffix: the first entry wins
    int, len   a dictionary of single numbers, and a list of ranges: the first entry wins
    sub, dir, dom, reg     a list that is walked: the first entry wins

A Lookup is the way in which a map or an ACL asks: it has an index for each version, and converts values to what the map
gives when they are added, not when they are asked for.
"""

import re
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from pointsman.core.diagnostics import NOWHERE, ConfigError
from pointsman.core.regex import Regex
from pointsman.sample.arguments import INTEGER, encode
from pointsman.sample.casts import MAPPED, ipv4_of
from pointsman.sample.pattern import HIGHEST, LOWEST, Pattern, parse_hex, parse_network, parse_range
from pointsman.sample.regex import compile_regex
from pointsman.sample.types import Type, Value
from pointsman.tables.patterns import Entry, PatternError, Use


class Item:
    """An entry in an index. `value`: what the map gives, as the type that it gives."""

    __slots__ = ("entry", "value")
    regex: Regex | None = None
    test: Callable[[bytes], bool] | None = None

    def __init__(self, entry: Entry, value: Value) -> None:
        self.entry = entry
        self.value = value

    @property
    def order(self) -> int:
        return self.entry.identity


class Tested(Item):
    """One that is compared by a function of its own."""

    __slots__ = ("regex", "test")

    def __init__(self, entry: Entry, value: Value) -> None:
        super().__init__(entry, value)
        self.regex: Regex | None = None
        self.test: Callable[[bytes], bool] | None = None


ItemType = TypeVar("ItemType", bound=Item)


class Index:
    """Base. `nocase`: letters match whatever their case. `resolve`: host names may stand for addresses."""

    item = Item  # how its entries are kept

    def __init__(self, nocase: bool, resolve: bool) -> None:
        self.nocase = nocase
        self.resolve = resolve

    def check(self, entry: Entry) -> None:
        """Raises ConfigError if the key is no pattern."""

    def add(self, item: Item) -> None:
        raise NotImplementedError

    def fill(self, items: Sequence[Item]) -> None:
        """Many at once, of an index that is empty."""
        for item in items:
            self.add(item)

    def remove(self, item: Item) -> None:
        raise NotImplementedError

    def find(self, value: Value) -> Item | None:
        """The entry that matches, of several the finest or the first."""
        raise NotImplementedError

    def key(self, entry: Entry) -> bytes:
        found = encode(entry.key)
        return found.lower() if self.nocase else found

    def pattern(self, entry: Entry) -> Pattern:
        return Pattern(entry.key, NOWHERE, self.nocase, "eq", self.resolve)

    def subject(self, value: Value) -> bytes:
        assert isinstance(value, bytes)
        return value.lower() if self.nocase else value


def _drop(items: list[ItemType], item: Item) -> None:
    """By its entry: the value may have changed since."""
    for index, one in enumerate(items):
        if one.entry is item.entry:
            del items[index]
            return


class Slots:
    """Items by a key; of those with the same key the first one counts. `others`: those behind it."""

    def __init__(self) -> None:
        self.items: dict[bytes | int, Item] = {}
        self.others: dict[bytes | int, list[Item]] = {}
        self.get = self.items.get

    def add(self, key: bytes | int, item: Item) -> None:
        if self.items.setdefault(key, item) is not item:
            self.others.setdefault(key, []).append(item)

    def fill(self, keys: Sequence[bytes], items: Sequence[Item]) -> None:
        """Many at once, where there is none."""
        self.items.update(zip(reversed(keys), reversed(items), strict=True))
        if len(self.items) < len(items):
            self.items.clear()
            for key, item in zip(keys, items, strict=True):
                self.add(key, item)

    def remove(self, key: bytes | int, item: Item) -> None:
        first = self.items.get(key)
        others = self.others.get(key)
        if first is not None and first.entry is item.entry:
            if others:
                self.items[key] = others.pop(0)
            else:
                del self.items[key]
        elif others is not None:
            _drop(others, item)
        if others is not None and not others:
            del self.others[key]


class Exact(Index):
    """str: equal strings."""

    def __init__(self, nocase: bool, resolve: bool) -> None:
        super().__init__(nocase, resolve)
        self.slots = Slots()

    def add(self, item: Item) -> None:
        self.slots.add(self.key(item.entry), item)

    def fill(self, items: Sequence[Item]) -> None:
        self.slots.fill([self.key(item.entry) for item in items], items)

    def remove(self, item: Item) -> None:
        self.slots.remove(self.key(item.entry), item)

    def find(self, value: Value) -> Item | None:
        return self.slots.get(self.subject(value))


class Blocks(Exact):
    """bin: equal blocks, written in hexadecimal digits."""

    def check(self, entry: Entry) -> None:
        parse_hex(self.pattern(entry))

    def key(self, entry: Entry) -> bytes:
        return parse_hex(self.pattern(entry))

    def subject(self, value: Value) -> bytes:
        assert isinstance(value, bytes)
        return value


class Lengths(Index):
    """Base of beg and end: a dictionary for each length of pattern, the longest first."""

    def __init__(self, nocase: bool, resolve: bool) -> None:
        super().__init__(nocase, resolve)
        self.lengths: dict[int, Slots] = {}
        self.order: list[int] = []

    def add(self, item: Item) -> None:
        key = self.key(item.entry)
        slots = self.lengths.get(len(key))
        if slots is None:
            slots = self.lengths[len(key)] = Slots()
            self.order = sorted(self.lengths, reverse=True)
        slots.add(key, item)

    def remove(self, item: Item) -> None:
        key = self.key(item.entry)
        slots = self.lengths.get(len(key))
        if slots is None:
            return
        slots.remove(key, item)
        if not slots.items:
            del self.lengths[len(key)]
            self.order.remove(len(key))


class Prefixes(Lengths):
    """beg"""

    def find(self, value: Value) -> Item | None:
        subject = self.subject(value)
        for length in self.order:
            if length <= len(subject):
                found = self.lengths[length].get(subject[:length])
                if found is not None:
                    return found
        return None


class Suffixes(Lengths):
    """end"""

    def find(self, value: Value) -> Item | None:
        subject = self.subject(value)
        best: Item | None = None
        for length in self.order:
            if length <= len(subject):
                found = self.lengths[length].get(subject[len(subject) - length :])
                if found is not None and (best is None or found.order < best.order):
                    best = found
        return best


class _Family:
    """Networks of one family, by mask, the narrowest first."""

    def __init__(self) -> None:
        self.masks: dict[int, Slots] = {}
        self.order: list[tuple[int, Slots]] = []

    def add(self, address: int, mask: int, item: Item) -> None:
        if mask not in self.masks:
            self.masks[mask] = Slots()
            self._sort()
        self.masks[mask].add(address & mask, item)

    def remove(self, address: int, mask: int, item: Item) -> None:
        slots = self.masks.get(mask)
        if slots is None:
            return
        slots.remove(address & mask, item)
        if not slots.items:
            del self.masks[mask]
            self._sort()

    def _sort(self) -> None:
        self.order = [(mask, self.masks[mask]) for mask in sorted(self.masks, key=int.bit_count, reverse=True)]

    def find(self, address: bytes) -> Item | None:
        number = int.from_bytes(address, "big")
        for mask, slots in self.order:
            found = slots.get(number & mask)
            if found is not None:
                return found
        return None


class Networks(Index):
    """ip"""

    def __init__(self, nocase: bool, resolve: bool) -> None:
        super().__init__(nocase, resolve)
        self.v4, self.v6 = _Family(), _Family()
        self.parsed: dict[int, list[tuple[bytes, bytes]]] = {}  # by the entry's number: a name is resolved once

    def check(self, entry: Entry) -> None:
        parse_network(self.pattern(entry))

    def add(self, item: Item) -> None:
        found = self.parsed.get(item.order)
        if found is None:
            found = self.parsed[item.order] = parse_network(self.pattern(item.entry))
        for address, mask in found:
            family = self.v4 if len(address) == 4 else self.v6
            family.add(int.from_bytes(address, "big"), int.from_bytes(mask, "big"), item)

    def remove(self, item: Item) -> None:
        for address, mask in self.parsed.pop(item.order, ()):
            family = self.v4 if len(address) == 4 else self.v6
            family.remove(int.from_bytes(address, "big"), int.from_bytes(mask, "big"), item)

    def find(self, value: Value) -> Item | None:
        assert isinstance(value, bytes)
        if len(value) == 4:
            return self.v4.find(value) or (self.v6.find(MAPPED + value) if self.v6.order else None)
        found = self.v6.find(value)
        if found is None and self.v4.order:
            inner = ipv4_of(value)
            found = None if inner is None else self.v4.find(inner)
        return found


class Numbers(Index):
    """int: numbers and ranges."""

    def __init__(self, nocase: bool, resolve: bool) -> None:
        super().__init__(nocase, resolve)
        self.singles = Slots()
        self.spans: list[tuple[int, int, Item]] = []

    def check(self, entry: Entry) -> None:
        parse_range(self.pattern(entry))

    def add(self, item: Item) -> None:
        low, high = parse_range(self.pattern(item.entry))
        if low == high:
            self.singles.add(low, item)
        else:
            self.spans.append((low, high, item))

    def remove(self, item: Item) -> None:
        low, high = parse_range(self.pattern(item.entry))
        if low == high:
            self.singles.remove(low, item)
        else:
            self.spans = [one for one in self.spans if one[2].entry is not item.entry]

    def subject_number(self, value: Value) -> int:
        assert isinstance(value, int)
        return value

    def find(self, value: Value) -> Item | None:
        subject = self.subject_number(value)
        best = self.singles.get(subject)
        for low, high, item in self.spans:
            if low <= subject <= high:
                return item if best is None or item.order < best.order else best
        return best


class Sizes(Numbers):
    """len: lengths of strings."""

    def subject_number(self, value: Value) -> int:
        assert isinstance(value, bytes)
        return len(value)


class Walked(Index):
    """Base of what is compared one after the other."""

    item = Tested

    def __init__(self, nocase: bool, resolve: bool) -> None:
        super().__init__(nocase, resolve)
        self.items: list[Tested] = []

    def add(self, item: Item) -> None:
        assert isinstance(item, Tested)
        item.test = self.compile(item)
        self.items.append(item)

    def remove(self, item: Item) -> None:
        _drop(self.items, item)

    def compile(self, item: Tested) -> Callable[[bytes], bool]:
        raise NotImplementedError

    def find(self, value: Value) -> Item | None:
        subject = self.subject(value)
        for item in self.items:
            test = item.test
            if test is not None and test(subject):
                return item
        return None


class Substrings(Walked):
    """sub"""

    def compile(self, item: Tested) -> Callable[[bytes], bool]:
        key = self.key(item.entry)
        return lambda subject: subject.find(key) >= 0


class Delimited(Walked):
    """Base of dir and dom: a part between delimiters, or several in a row."""

    delimiters = b""

    def compile(self, item: Tested) -> Callable[[bytes], bool]:
        key = self.key(item.entry).strip(self.delimiters)
        if not key:
            return lambda _: False
        marks = re.escape(self.delimiters)
        search = re.compile(b"(?<![^" + marks + b"])" + re.escape(key) + b"(?![^" + marks + b"])").search
        return lambda subject: subject.find(key) >= 0 and search(subject) is not None


class Directories(Delimited):
    """dir"""

    delimiters = b"/?"


class Domains(Delimited):
    """dom"""

    delimiters = b"./:?"


class Regexes(Walked):
    """reg"""

    groups = False

    def check(self, entry: Entry) -> None:
        self.regex(entry)

    def regex(self, entry: Entry) -> Regex:
        return compile_regex(entry.key, NOWHERE, self.nocase, self.groups)

    def compile(self, item: Tested) -> Callable[[bytes], bool]:
        item.regex = self.regex(item.entry)
        return item.regex.test

    def subject(self, value: Value) -> bytes:
        assert isinstance(value, bytes)
        return value


class GroupRegexes(Regexes):
    """regm: groups are asked for."""

    groups = True


INDEXES: Final[dict[str, type[Index]]] = {
    "str": Exact,
    "bin": Blocks,
    "beg": Prefixes,
    "end": Suffixes,
    "ip": Networks,
    "int": Numbers,
    "len": Sizes,
    "sub": Substrings,
    "dir": Directories,
    "dom": Domains,
    "reg": Regexes,
    "regm": GroupRegexes,
}
TREES: Final = ("str", "bin", "beg", "ip")  # what `get map` calls a tree: where the finest match wins


class Lookup(Use):
    """One way to ask a list. `output`: the type that values are converted to; ANY: keys are asked for, not values.
    `stale`: who must be told when other keys match."""

    def __init__(self, method: str, output: Type, nocase: bool = False, resolve: bool = False) -> None:
        self.method = method
        self.output = output
        self.nocase = nocase
        self.resolve = resolve
        self.versions: dict[int, Index] = {}
        self.items: dict[int, Item] = {}
        self.index = self._index(0)
        self.find = self.index.find  # changes with the version: ask for it each time
        self.stale: list[Callable[[], None]] = []

    def _index(self, version: int) -> Index:
        found = self.versions.get(version)
        if found is None:
            found = self.versions[version] = INDEXES[self.method](self.nocase, self.resolve)
        return found

    def check(self, entry: Entry) -> None:
        try:
            self.index.check(entry)
        except ConfigError as error:
            raise PatternError(f"{error}{'' if str(error).endswith('.') else '.'}") from None
        if self.output != Type.ANY:
            self.check_value(entry.value or "")

    def check_value(self, value: str) -> None:
        if self.output != Type.ANY and parse_value(value, self.output) is None:
            raise PatternError(f"unable to parse '{value}'.")

    def _value(self, entry: Entry) -> Value:
        if self.output == Type.ANY:
            return encode(entry.key)
        value = parse_value(entry.value or "", self.output)
        return b"" if value is None else value

    def add(self, entry: Entry, version: int) -> None:
        index = self._index(version)
        item = self.items[entry.identity] = index.item(entry, self._value(entry))
        index.add(item)
        self._tell(version)

    def checks(self) -> bool:
        return self.output not in (Type.ANY, Type.STR) or type(self.index).check is not Index.check

    def fill(self, entries: Iterable[Entry], version: int) -> None:
        index = self._index(version)
        checks, value, kind = self.checks(), self._value, index.item
        made: list[Item] = []
        for entry in entries:
            if checks:
                self.check(entry)
            made.append(kind(entry, value(entry)))
        index.fill(made)
        self.items.update(zip([item.entry.identity for item in made], made, strict=True))
        self._tell(version)

    def _tell(self, version: int) -> None:
        if version == self.current:
            for stale in self.stale:
                stale()

    def remove(self, entry: Entry, version: int) -> None:
        self._index(version).remove(self.items.pop(entry.identity))
        self._tell(version)

    def update(self, entry: Entry, version: int) -> None:
        self.items[entry.identity].value = self._value(entry)

    def clear(self, version: int) -> None:
        self.versions.pop(version, None)
        self.items = {number: item for number, item in self.items.items() if item.entry.version != version}
        if version == self.current:
            self.index = self._index(version)
            self.find = self.index.find
            self._tell(version)

    def commit(self, version: int) -> None:
        self.current = version
        self.index = self._index(version)
        self.find = self.index.find
        self._tell(version)

    current = 0


def parse_value(text: str, output: Type) -> Value | None:
    """A map's value as the type that is asked for; None if it is none."""
    if output == Type.SINT:
        return min(max(int(text), LOWEST), HIGHEST) if INTEGER.fullmatch(text) else None
    if output == Type.ADDR:
        try:
            return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
        except (OSError, ValueError):
            return None
    return encode(text)
