"""Matchers of numbers and addresses: int, len and ip (manual 7.1.2 and 7.1.6). matcher.py says how all of them work."""

from typing import Final

from mypy_extensions import i64

from pointsman.sample.casts import MAPPED, ipv4_of
from pointsman.sample.matcher import FEW, Held, ListMatcher, Parsed, drop, earlier, first, put
from pointsman.sample.types import Value
from pointsman.tables.patterns import PatternEntry

NO_NUMBERS: Final[dict[int, Held]] = {}  # of who has a few: nothing is put in


class Numbers(ListMatcher):
    """int: single numbers and ranges, both ends included. More than a few single ones are looked up."""

    def __init__(self, nocase: bool = False) -> None:
        super().__init__(nocase)
        self.lows: list[int] = []
        self.highs: list[int] = []
        self.entries: list[PatternEntry] = []  # those of the ranges
        self.many = False  # single numbers are in the dictionary
        self.singles: dict[int, Held] = NO_NUMBERS

    def add(self, parsed: Parsed, entry: PatternEntry) -> None:
        assert isinstance(parsed, tuple)
        low, high = parsed
        if self.many and low == high:
            put(self.singles, low, entry)
            return
        self.lows.append(low)
        self.highs.append(high)
        self.entries.append(entry)
        if not self.many and len(self.lows) > FEW:
            self._gather()

    def _gather(self) -> None:
        """From now on single numbers are looked up."""
        lows, highs, entries = self.lows, self.highs, self.entries
        self.lows, self.highs, self.entries = [], [], []
        self.many = True
        self.singles = {}
        for index, entry in enumerate(entries):
            self.add((lows[index], highs[index]), entry)

    def remove(self, parsed: Parsed | None, entry: PatternEntry) -> None:
        if self.many and isinstance(parsed, tuple) and parsed[0] == parsed[1]:
            drop(self.singles, parsed[0], entry)
            return
        at = self.entries.index(entry)
        del self.lows[at]
        del self.highs[at]
        del self.entries[at]

    def numbers(self) -> list[int] | None:
        """All of them, where each is a single one."""
        for index, low in enumerate(self.lows):
            if low != self.highs[index]:
                return None
        return [*self.lows, *self.singles]

    def mark(self, number: int, bit: int) -> None:
        """A bit that `bits` tells of this number."""
        if not self.many:
            self._gather()
        known = self.singles.get(number, 0)
        assert isinstance(known, int)
        self.singles[number] = known | bit

    def bits(self, value: Value) -> int:
        """All bits of a number."""
        assert isinstance(value, int)
        found = self.singles.get(value)
        if found is None:
            return 0
        assert isinstance(found, int)
        return found

    def number(self, value: Value) -> int:
        """What is compared."""
        assert isinstance(value, int)
        return value

    def test(self, value: Value) -> bool:
        number = self.number(value)
        highs = self.highs
        for index, low in enumerate(self.lows):
            if low <= number <= highs[index]:
                return True
        return self.many and number in self.singles

    def find(self, value: Value) -> PatternEntry | None:
        number = self.number(value)
        best = first(self.singles.get(number)) if self.many else None
        for index, low in enumerate(self.lows):
            if low <= number <= self.highs[index]:
                return earlier(best, self.entries[index])
        return best


class Sizes(Numbers):
    """len: lengths of strings."""

    def number(self, value: Value) -> int:
        assert isinstance(value, bytes)
        return len(value)


class NetworkFamily:
    """Networks of one family: a few one by one, more by their masks, from the narrowest to the widest."""

    def __init__(self) -> None:
        self.masks: list[int] = []  # one for each of the few, or for each dictionary
        self.few: list[int] = []
        self.entries: list[PatternEntry] = []  # those of the few
        self.tables: list[dict[int, Held]] = []
        self.many = False
        self.empty = True

    def add(self, address: int, mask: int, entry: PatternEntry) -> None:
        self.empty = False
        if not self.many:
            at = self._place(mask)
            self.masks.insert(at, mask)
            self.few.insert(at, address & mask)
            self.entries.insert(at, entry)
            if len(self.few) > FEW:
                self._gather()
            return
        if mask not in self.masks:
            at = self._place(mask)
            self.masks.insert(at, mask)
            self.tables.insert(at, {})
        put(self.tables[self.masks.index(mask)], address & mask, entry)

    def _place(self, mask: int) -> int:
        """Behind all masks that are as narrow."""
        width = mask.bit_count()
        at = 0
        while at < len(self.masks) and self.masks[at].bit_count() >= width:
            at += 1
        return at

    def _gather(self) -> None:
        """From now on they are looked up."""
        masks, few, entries = self.masks, self.few, self.entries
        self.masks, self.few, self.entries = [], [], []
        self.many = True
        for index, entry in enumerate(entries):
            self.add(few[index], masks[index], entry)

    def remove(self, address: int, mask: int, entry: PatternEntry) -> None:
        if not self.many:
            self.remove_all(entry)
        elif mask in self.masks:
            at = self.masks.index(mask)
            drop(self.tables[at], address & mask, entry)
            self._tidy(at)

    def remove_all(self, entry: PatternEntry) -> None:
        """Whatever it stands for."""
        while entry in self.entries:
            at = self.entries.index(entry)
            del self.masks[at]
            del self.few[at]
            del self.entries[at]
        at = len(self.tables)
        while at > 0:
            at -= 1
            table = self.tables[at]
            for network in list(table):
                drop(table, network, entry)
            self._tidy(at)
        self.empty = not self.masks

    def _tidy(self, at: int) -> None:
        if not self.tables[at]:
            del self.tables[at]
            del self.masks[at]
        self.empty = not self.masks

    def test(self, number: int) -> bool:
        few = self.few
        masks = self.masks
        if not self.many:
            for index, mask in enumerate(masks):
                if number & mask == few[index]:
                    return True
            return False
        for index, mask in enumerate(masks):
            if number & mask in self.tables[index]:
                return True
        return False

    def find(self, number: int) -> PatternEntry | None:
        """The entry of the narrowest network."""
        for index, mask in enumerate(self.masks):
            if not self.many:
                if number & mask == self.few[index]:
                    return self.entries[index]
                continue
            found = self.tables[index].get(number & mask)
            if found is not None:
                return first(found)
        return None


class Networks(ListMatcher):
    """ip: addresses. IPv4 is also looked for among IPv6 networks in its mapped form, and the other way round."""

    def __init__(self, nocase: bool = False) -> None:
        super().__init__(nocase)
        self.v4 = NetworkFamily()
        self.v6 = NetworkFamily()

    def add(self, parsed: Parsed, entry: PatternEntry) -> None:
        assert isinstance(parsed, list)
        for address, mask in parsed:
            family = self.v4 if len(address) == 4 else self.v6
            family.add(int.from_bytes(address, "big"), int.from_bytes(mask, "big"), entry)

    def remove(self, parsed: Parsed | None, entry: PatternEntry) -> None:
        if parsed is None:
            self.v4.remove_all(entry)
            self.v6.remove_all(entry)
            return
        assert isinstance(parsed, list)
        for address, mask in parsed:
            family = self.v4 if len(address) == 4 else self.v6
            family.remove(int.from_bytes(address, "big"), int.from_bytes(mask, "big"), entry)

    def test(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        if len(value) == 4:
            number: i64 = i64(value[0]) << 24 | i64(value[1]) << 16 | i64(value[2]) << 8 | i64(value[3])
            if self.v4.test(int(number)):
                return True
            return not self.v6.empty and self.v6.test(int.from_bytes(MAPPED + value, "big"))
        if not self.v6.empty and self.v6.test(int.from_bytes(value, "big")):
            return True
        inner = None if self.v4.empty else ipv4_of(value)
        return inner is not None and self.v4.test(int.from_bytes(inner, "big"))

    def find(self, value: Value) -> PatternEntry | None:
        assert isinstance(value, bytes)
        if len(value) == 4:
            found = self.v4.find(int.from_bytes(value, "big"))
            if found is None and not self.v6.empty:
                found = self.v6.find(int.from_bytes(MAPPED + value, "big"))
            return found
        found = None if self.v6.empty else self.v6.find(int.from_bytes(value, "big"))
        if found is None and not self.v4.empty:
            inner = ipv4_of(value)
            found = None if inner is None else self.v4.find(int.from_bytes(inner, "big"))
        return found
