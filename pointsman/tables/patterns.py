"""Lists of patterns that can change while the process runs: what maps and `-f` files of ACLs are made of.

    PatternList    one list, known by its number and, if it comes from a file, by its name (manual 2.7); all ACLs and
                   maps that name the same file share one. Its entries keep their order.
    PatternEntry   a pattern as it was written, of a map with its value; a number of its own names it on the runtime
                   socket
    Use            one way in which the entries are looked up (prefixes, networks ...): added by what needs it, and told
                   of every change

Entries belong to a version. Lookups see the current one only; entries of others are prepared in peace, and a commit
shows them all at once (management manual 9.3, `prepare map`).

Several processes hold the same lists: they are made before the fork, and every change is carried out by all of them in
the same order (changes.py), so that numbers are the same everywhere.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Final

from pointsman.core.epoch import EPOCH

_WRAP: Final = 1 << 32  # versions are counted so far (management manual 9.3)


class PatternError(Exception):
    """A change that cannot be made. The text is for whoever asked for it; `entry`: the one that is no pattern, if it
    is for that."""

    def __init__(self, text: str, entry: "PatternEntry | None" = None) -> None:
        super().__init__(text)
        self.entry = entry


class PatternEntry:
    """One pattern. `value`: what a map gives for it; None in a list that is no map. There may be millions."""

    __slots__ = ("identity", "key", "value", "version")

    def __init__(self, identity: int, key: str, value: str | None, version: int) -> None:
        self.identity = identity
        self.key = key
        self.value = value
        self.version = version


class Use:
    """Base: a way of looking entries up. Errors are found by `check`, so that what follows cannot fail."""

    def check(self, entry: PatternEntry) -> None:
        """Raises PatternError if the entry's key or value is none for this use."""
        raise NotImplementedError

    def check_value(self, value: str) -> None:
        """Raises PatternError if that is no value for this use."""
        raise NotImplementedError

    def fill(self, entries: Iterable[PatternEntry], version: int) -> None:
        """All entries of a version, when the use is new. PatternError at one that is none for this use."""
        for entry in entries:
            self.check(entry)
            self.add(entry, version)

    def add(self, entry: PatternEntry, version: int) -> None:
        """One more entry of that version."""
        raise NotImplementedError

    def remove(self, entry: PatternEntry, version: int) -> None:
        raise NotImplementedError

    def update(self, entry: PatternEntry, version: int) -> None:
        """The entry's value is another one now."""
        raise NotImplementedError

    def clear(self, version: int) -> None:
        """All entries of that version are gone."""
        raise NotImplementedError

    def commit(self, version: int) -> None:
        """Look up this version from now on."""
        raise NotImplementedError


class PatternList:
    """One list of patterns. `name`: of its file, or ""; `pairs`: its entries have values, as in a map."""

    def __init__(self, number: int, name: str, pairs: bool) -> None:
        self.number = number
        self.name = name
        self.pairs = pairs
        self.description = ""  # of a list that has no file
        self.places: list[str] = []  # where the configuration names it
        self.for_map = False  # a map asks it
        self.for_acl = False
        self.current = 0
        self.next = 0
        self.issued = number + 1 << 32  # the last entry's number: none is given twice
        self.versions: dict[int, dict[int, PatternEntry]] = {0: {}}
        self.by_key: dict[int, dict[str, PatternEntry | list[PatternEntry]]] = {
            0: {}
        }  # a list only where several have one key
        self.lines = array("I")  # of its file: where the entries stand that were read from it
        self.uses: dict[object, Use] = {}
        self.changed = False  # by whoever, since the configuration was read

    # Reading.

    def entries(self, version: int = -1) -> Iterator[PatternEntry]:
        """The entries of a version, in their order; -1: the current one."""
        return iter(list(self.versions.get(self.current if version < 0 else version, {}).values()))

    def count(self) -> int:
        """All entries, those that are being prepared included."""
        return sum(len(entries) for entries in self.versions.values())

    def find(self, key: str) -> list[PatternEntry]:
        """Entries of the current version by their key, or by "#" and their number (in hexadecimal or not)."""
        if key.startswith("#"):
            number = _number(key[1:])
            entry = self.versions[self.current].get(number) if number is not None else None
            if entry is not None:
                return [entry]
            if number is not None and key.startswith("#0x"):
                return []
        return self.same(key)

    def same(self, key: str) -> list[PatternEntry]:
        """Entries of the current version with that key."""
        found = self.by_key[self.current].get(key)
        return [] if found is None else [found] if isinstance(found, PatternEntry) else list(found)

    def place(self, entry: PatternEntry) -> tuple[str, int]:
        """The file and the line where an entry was read; line 0: it came later."""
        index = entry.identity - (self.number + 1 << 32) - 1
        return self.name, self.lines[index] if 0 <= index < len(self.lines) else 0

    def _change(self) -> None:
        """What was remembered of decisions by this list is forgotten."""
        self.changed = True
        EPOCH.end()

    # Writing. Each of these is one change; see changes.py for how all processes come to make it.

    def use(self, name: object, make: Callable[[], Use]) -> Use:
        """The use of that name, made and filled where nobody has asked for it before. PatternError at an entry that is
        none for it."""
        found = self.uses.get(name)
        if found is not None:
            return found
        made = make()
        for version, entries in self.versions.items():
            made.fill(entries.values(), version)
        made.commit(self.current)
        self.uses[name] = made
        return made

    def version(self, wanted: int) -> int:
        """The version that -1 (the current one) or a number stands for. PatternError for one that does not exist."""
        if wanted < 0 or wanted == self.current:
            return self.current
        if not 0 < (wanted - self.current) % _WRAP <= (self.next - self.current) % _WRAP:
            raise PatternError("Version number in the future, please use 'prepare map' before.")
        return wanted

    def check(self, key: str, value: str | None) -> None:
        """PatternError if this cannot be added."""
        entry = PatternEntry(0, key, value, 0)
        for use in self.uses.values():
            use.check(entry)

    def read(self, keys: Sequence[str], values: Sequence[str | None], lines: "array[int]") -> None:
        """The entries of a new list, from its file; nobody uses it yet. `lines`: where they stand."""
        first = self.issued + 1
        self.issued += len(keys)
        self.hold(keys, list(map(PatternEntry, range(first, first + len(keys)), keys, values, repeat(self.current))))
        self.lines = lines

    def hold(self, keys: Sequence[str], entries: Sequence[PatternEntry]) -> None:
        """Begin with these entries, which have their numbers, and their keys."""
        self.versions[self.current] = {entry.identity: entry for entry in entries}
        self.by_key[self.current] = by_key = dict[str, PatternEntry | list[PatternEntry]](
            zip(keys, entries, strict=True)
        )
        if len(by_key) < len(keys):
            by_key.clear()
            for entry in entries:
                _append(by_key, entry)

    def add(self, key: str, value: str | None, version: int = -1) -> PatternEntry:
        """One more entry, whether or not there is one of that key. PatternError, and then nothing has changed."""
        self.check(key, value)
        return self._put(self.issued + 1, key, value, self.version(version))

    def _put(self, number: int, key: str, value: str | None, version: int) -> PatternEntry:
        self.issued = max(self.issued, number)
        entry = PatternEntry(number, key, value, version)
        self.versions.setdefault(version, {})[number] = entry
        _append(self.by_key.setdefault(version, {}), entry)
        for use in self.uses.values():
            use.add(entry, version)
        self._change()
        return entry

    def set(self, key: str, value: str) -> None:
        """Give all entries of that key (or number) another value. PatternError where there is none."""
        found = self.find(key)
        if not found:
            raise PatternError("key or pattern not found." if key.startswith("#") else "entry not found.")
        for use in self.uses.values():
            use.check_value(value)
        for entry in found:
            entry.value = value
            for use in self.uses.values():
                use.update(entry, self.current)
        self._change()

    def delete(self, key: str) -> None:
        """Take away all entries of that key (or number). PatternError where there is none."""
        found = self.find(key)
        if not found:
            raise PatternError("Key not found.")
        for entry in found:
            del self.versions[self.current][entry.identity]
            same = self.by_key[self.current][entry.key]
            if isinstance(same, list) and len(same) > 1:
                same.remove(entry)
            else:
                del self.by_key[self.current][entry.key]
            for use in self.uses.values():
                use.remove(entry, self.current)
        self._change()

    def clear(self, version: int = -1) -> None:
        """Take away all entries of a version. One that does not exist has none."""
        wanted = self.current if version < 0 else version
        if self.versions.get(wanted):
            self.versions[wanted] = {}
            self.by_key[wanted] = {}
            for use in self.uses.values():
                use.clear(wanted)
        self._change()

    def prepare(self) -> int:
        """A new version, empty."""
        self.next = (self.next + 1) % _WRAP
        self._change()
        return self.next

    def commit(self, version: int) -> None:
        """Entries of that version are the ones that match; those of older ones are gone. PatternError if it is none."""
        distance = (version - self.current) % _WRAP
        if not 0 < distance <= (self.next - self.current) % _WRAP:
            raise PatternError("Version number out of range.")
        older = [one for one in self.versions if (one - self.current) % _WRAP < distance]
        self.versions.setdefault(version, {})
        self.by_key.setdefault(version, {})
        self.current = version
        for use in self.uses.values():
            use.commit(version)
        for one in older:
            for use in self.uses.values():
                use.clear(one)
            del self.versions[one]
            del self.by_key[one]
        self._change()

    def restore(
        self, current: int, following: int, issued: int, entries: list[tuple[int, str, str | None, int]]
    ) -> None:
        """Make it what it is in another process: (number, key, value, version) of all entries in their order."""
        for version in list(self.versions):
            for use in self.uses.values():
                use.clear(version)
        self.versions = {current: {}}
        self.by_key = {current: {}}
        self.current, self.next = current, following
        for number, key, value, version in entries:
            self._put(number, key, value, version)
        for use in self.uses.values():
            use.commit(current)
        self.issued = issued
        self._change()


def _append(by_key: dict[str, PatternEntry | list[PatternEntry]], entry: PatternEntry) -> None:
    same = by_key.setdefault(entry.key, entry)
    if isinstance(same, list):
        same.append(entry)
    elif same is not entry:
        by_key[entry.key] = [same, entry]


def _number(text: str) -> int | None:
    try:
        return int(text, 0) if text[:1].isdigit() else None
    except ValueError:
        return None


class Lists:
    """All lists of a configuration, in the order of their numbers."""

    def __init__(self) -> None:
        self.references: list[PatternList] = []
        self.by_name: dict[str, PatternList] = {}
        self.taken: set[int] = set()  # numbers that were asked for
        self.lowest = 0  # no free number is below

    def reset(self) -> None:
        """A configuration is about to be read: what another one had is not its own."""
        self.references = []
        self.by_name = {}
        self.taken = set()
        self.lowest = 0

    def new(self, name: str, pairs: bool, number: int = -1) -> PatternList:
        """A list that does not exist yet; `number`: the one that it shall have, where that is said."""
        made = PatternList(self.number(number), name, pairs)
        self.enter(made)
        if name:
            self.by_name[name] = made
        return made

    def number(self, wanted: int) -> int:
        """The number of a list that is about to be made; below 0: any that is free."""
        if wanted < 0:
            taken = self.taken
            while self.lowest in taken:
                self.lowest += 1
            wanted = self.lowest
            self.lowest += 1
        self.taken.add(wanted)
        return wanted

    def enter(self, made: PatternList) -> None:
        """One more list."""
        self.references.append(made)

    @property
    def added(self) -> int:
        """Entries that were ever added, from the configuration on: no number is given twice."""
        return sum(one.issued - (one.number + 1 << 32) for one in self.references)

    def count(self) -> int:
        """Entries there are."""
        return sum(one.count() for one in self.references)

    def place(self, entry: PatternEntry) -> tuple[str, int]:
        """The file and the line where an entry was read; line 0: it came later."""
        number = (entry.identity >> 32) - 1
        return next((one.place(entry) for one in self.references if one.number == number), ("", 0))

    def find(self, text: str) -> PatternList | None:
        """By its name, or by "#" and its number."""
        if text.startswith("#"):
            number = _number(text[1:])
            return next((one for one in self.references if one.number == number), None)
        return self.by_name.get(text)


LISTS: Final = Lists()
