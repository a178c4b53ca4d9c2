"""Every word of HAProxy's language that we know of, built or not: kind, word, where it stands, section of the manual.

The table beside this file (vocabulary.tsv) holds facts only. It answers two questions about a word that no registry
knows: is it a word that is not built yet (then the error says so and cites the manual), or a mistake (then the error
names the nearest known word)? Kinds: section, global, proxy, userlist, http-errors, crt-store, load (options of such
lines), action, bind, server, fetch, converter, acl (fetches with a matching method of their own, such as path_beg),
filter, service, command (runtime API).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.refused import refusal
from pointsman.core.registry import nearest


@dataclass(frozen=True, slots=True)
class VocabularyEntry:
    kind: str
    word: str
    where: tuple[str, ...]  # sections of a keyword, rule sets of an action; else empty
    manual: str


@cache
def _table() -> dict[str, dict[str, tuple[str, str]]]:
    """Kind -> word -> (where, manual), as written."""
    kinds: dict[str, dict[str, tuple[str, str]]] = {}
    text = (Path(__file__).parent / "vocabulary.tsv").read_text("ascii")
    for line in text.splitlines()[1:]:
        kind, word, where, manual = line.split("\t")
        kinds.setdefault(kind, {})[word] = where, manual
    return kinds


def lookup(kind: str, word: str) -> VocabularyEntry | None:
    """What is known of a word, or None."""
    found = _table().get(kind, {}).get(word)
    if found is None:
        return None
    where, manual = found
    return VocabularyEntry(kind, word, tuple(where.split(",")) if where else (), manual)


def words(kind: str) -> list[str]:
    """All words of a kind, sorted."""
    return sorted(_table().get(kind, {}))


KIND_NAMES = {
    "bind": "bind option",
    "server": "server option",
    "fetch": "sample fetch method",
    "command": "command",
    "acl": "sample fetch method",
    "load": "load option",
}


def not_built(kind: str, word: str, at: Position, known: Iterable[str] = (), said: str = "") -> ConfigError:
    """The error for a word that no registry knows.

    `known` are the names that are built, for the nearest one; `said` replaces the message for an unknown word (for
    places where HAProxy has words of its own).
    """
    name = KIND_NAMES.get(kind, kind)
    reason = refusal(kind, word)
    if reason:
        return ConfigError(f"{name} '{word}' is not supported: {reason}", at)
    entry = lookup(kind, word) or (lookup("acl", word) if kind == "fetch" else None)
    if entry is not None:
        why = ": QUIC is not" if word.startswith("quic-") else ""
        return ConfigError(f"{name} '{word}' is not built yet{why}", at, hint=f"manual {entry.manual} describes it")
    near = nearest(word, {*known, *words(kind)})
    return ConfigError(said or f"unknown {name} '{word}'", at, hint=f"did you mean '{near}'?" if near else "")
