"""Tables of names: what a decorator records and the parser looks up.

One registry per family of names (keywords, fetches, converters, actions, log tags, runtime commands...). A name that is
registered twice stops the program at import; a name that is not found can be answered with the nearest known one.
"""

import difflib
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The known name that `word` is most like, or None if none is near."""
    found = difflib.get_close_matches(word.lower(), list(names), n=1, cutoff=0.7)
    return found[0] if found else None


class Registry(Generic[T]):
    """Names of one family and what they stand for."""

    def __init__(self, family: str) -> None:
        self.family = family
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> None:
        """Raises RuntimeError for a name that is there already: two definitions of one word are a bug."""
        if name in self._entries:
            raise RuntimeError(f"{self.family} {name!r} is registered twice")
        self._entries[name] = entry

    def get(self, name: str) -> T | None:
        return self._entries.get(name)

    def nearest(self, word: str) -> str | None:
        return nearest(word, self._entries)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
