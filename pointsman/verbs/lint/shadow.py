"""Which lines of a list never run, because an earlier one has ended the list for all that they are for.

A list is gone through once. Lines that end it are entered under what they ask, so that a line is only compared with
those that ask the same expression, and of many tests of one expression (a table of hosts, or of paths) with those that
name the same value or a prefix of it: files with thousands of routes stay cheap.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pointsman.config.setting import Setting
from pointsman.sample.acl import Acl
from pointsman.sample.condition import Condition
from pointsman.verbs.lint.logic import MOST_PATTERNS, Formula, Literal, formula, implies, key_of

MOST_CANDIDATES: Final = 200  # earlier lines that one is compared with
LONGEST: Final = 256  # characters of a prefix that is looked up


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a list. `ends`: where it runs, nothing behind it does; `writes`: what it changes (Writes)."""

    setting: Setting
    condition: Condition | None
    negated: bool
    ends: bool
    writes: int = 0
    told: bool = True  # False: it is only there for those behind it


Anchor = tuple[str, ...]


class _Enders:
    """The lines that end the list, by what they ask."""

    def __init__(self) -> None:
        self.by_anchor: dict[Anchor, list[int]] = defaultdict(list)
        self.always: int | None = None
        self.formulas: dict[int, tuple[Formula, int]] = {}

    def enter(self, number: int, made: Formula) -> None:
        if () in made:
            self.always = number if self.always is None else self.always
            return
        reads = 0
        for terms in made:
            for literal in terms:
                reads |= literal.reads
            for anchor in _anchors(terms[0]):
                self.by_anchor[anchor].append(number)
        self.formulas[number] = (made, reads)

    def candidates(self, made: Formula) -> list[int]:
        found: set[int] = set()
        for literal in made[0] if made else ():
            for acl in literal.acls:
                found.update(self.by_anchor.get(("*", key_of(acl)), ())[-MOST_CANDIDATES:])
            for anchor in _anchors(literal):
                if anchor[0] == "*":
                    continue
                kind, key, text = anchor
                if kind == "=":
                    found.update(self.by_anchor.get(anchor, ())[-MOST_CANDIDATES:])
                for length in range(1, min(len(text), LONGEST) + 1):
                    wider = self.by_anchor.get(("^", key, text[:length]))
                    if wider is not None:
                        found.update(wider[-MOST_CANDIDATES:])
        return sorted(found)[:MOST_CANDIDATES]


def _anchors(literal: Literal) -> list[Anchor]:
    """By expression ("*"), or by value: "=" what is equal to it, "^" what begins with it."""
    anchors: list[Anchor] = []
    for acl in literal.acls:
        key = key_of(acl)
        if literal.negated or not _listed(acl):
            anchors.append(("*", key))
        else:
            kind = "=" if acl.method == "str" else "^"
            anchors += [(kind, key, pattern.key.lower()) for pattern in acl.lists.written]
    return anchors


def _listed(acl: Acl) -> bool:
    return acl.method in ("str", "beg") and not acl.lists.names and 0 < len(acl.lists.written) <= MOST_PATTERNS


def shadowed(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Each line that never runs, with the earlier one that is to blame."""
    enders = _Enders()
    written: dict[int, int] = {}  # each bit of Writes: the last line that changes it
    for number, entry in enumerate(entries):
        made = formula(entry.condition, entry.negated)
        if made is not None:
            blamed = _blame(enders, made, written)
            if blamed is not None:
                if entry.told:
                    yield entry, entries[blamed]
                continue
            if entry.ends:
                enders.enter(number, made)
                continue
        bit = 1
        while bit <= entry.writes:
            if entry.writes & bit:
                written[bit] = number
            bit <<= 1


def _blame(enders: _Enders, made: Formula, written: dict[int, int]) -> int | None:
    if enders.always is not None:
        return enders.always
    if not made or () in made:
        return None
    for number in enders.candidates(made):
        known, reads = enders.formulas[number]
        if implies(made, known) and not any(reads & bit and when > number for bit, when in written.items()):
            return number
    return None
