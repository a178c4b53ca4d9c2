"""Tables of names: what a decorator records and the parser looks up.

One registry per family of names (keywords, fetches, converters, actions, log tags, runtime commands...). A name that is
registered twice stops the program at import; a name that is not found can be answered with the nearest known one.

A configuration may bring names of its own (python-load): these are `loaded`. They are found as the others are, and
belong to the configuration that is being read: `forget_loaded`, before the next one, drops them.
"""

import difflib
from collections.abc import Iterable, Iterator
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_LOADED: Final[list[dict[str, object]]] = []  # names of those registries into which configurations load some


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The known name that `word` is most like, or None if none is near."""
    found = difflib.get_close_matches(word.lower(), list(names), n=1, cutoff=0.7)
    return found[0] if found else None


class Registry(Generic[T]):
    """Names of one family and what they stand for. `loads`: a configuration may bring some."""

    def __init__(self, family: str, loads: bool = False) -> None:
        self.family = family
        self._entries: dict[str, T] = {}
        self.loaded: dict[str, T] = {}  # names that the configuration brings
        if loads:
            _LOADED.append(self.loaded)  # type: ignore[arg-type]  # it is only emptied there

    def add(self, name: str, entry: T) -> None:
        """Raises RuntimeError for a name that is there already: two definitions of one word are a bug."""
        if name in self._entries:
            raise RuntimeError(f"{self.family} {name!r} is registered twice")
        self._entries[name] = entry

    def get(self, name: str) -> T | None:
        entry = self._entries.get(name)
        return entry if entry is not None or not self.loaded else self.loaded.get(name)

    def nearest(self, word: str) -> str | None:
        return nearest(word, self.names())

    def names(self) -> list[str]:
        """All of them, those of the configuration as well, which are left out where the registry is gone through."""
        return [*self._entries, *self.loaded]

    def __contains__(self, name: str) -> bool:
        return name in self._entries or name in self.loaded

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)


def forget_loaded() -> None:
    """Another configuration is going to be read."""
    for names in _LOADED:
        names.clear()
