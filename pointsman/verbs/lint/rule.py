"""What a rule of `pointsman lint` is, and how one is registered: a small file in rules/, named in rules/__init__.py.

    FOUND = "..."   a configuration in which it finds something: each such line ends with "# here"
    CLEAN = "..."   one that looks alike and is in order

    @rule("unused-acl", Level.WARNING, FOUND, CLEAN)
    def unused_acl(subject: Subject) -> Iterator[Found]:
        \"\"\"What is wrong, in one line.

        Why that matters and what to do about it: `pointsman lint --explain unused-acl` prints it, beside both examples.
        \"\"\"

The decorator records the function and returns it untouched. One test runs all rules over their examples, and applies
their fixes (tests/unit/verbs/lint/test_rules.py). A rule asks the subject for parsed things (settings with their
places, conditions, words of lines), and is quiet where it is not sure: a finding that is wrong costs more than one that
is missing. `whole`: it is about what nobody uses or says, so a line that could not be read makes it quiet about names
that stand there (Subject.may_be_used).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from pointsman.core.diagnostics import NOWHERE, Position
from pointsman.core.registry import Registry

if TYPE_CHECKING:
    from pointsman.verbs.lint.subject import Subject


class Level(IntEnum):
    """How bad it is. `--level` names the lowest that counts."""

    INFO = 1  # works, and could be better
    WARNING = 2  # hardly what was meant
    ERROR = 3  # does not load, or never does what it says


@dataclass(frozen=True, slots=True)
class Edit:
    """A part of one line is replaced: from `column` on (from 1), `length` characters. A new line may be in `text`.

    `whole`: the line goes as a whole; a comment at its end stays, in a line of its own.
    """

    file: str
    line: int
    column: int = 1
    length: int = 0
    text: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Fix:
    """What `--fix` does about a finding, all of it or nothing: only what leaves the traffic as it is, or what the file
    says it wants."""

    title: str  # what is done, as an order: "remove the line"
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One finding of a rule."""

    at: Position
    message: str  # a sentence without a full stop
    hint: str = ""  # what to do
    fix: Fix | None = None


Check = Callable[["Subject"], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    level: Level
    check: Check | None  # None: load and assemble find it (loading.py), or the engine itself
    summary: str
    reason: str
    found: str = ""
    clean: str = ""
    fixes: bool = False


RULES: Registry[Rule] = Registry("lint rule")


def rule(name: str, level: Level, found: str, clean: str, *, fixes: bool = False) -> Callable[[Check], Check]:
    """Register the check of a rule, with an example that it finds and one that it does not. `fixes`: it has fixes."""

    def record(check: Check) -> Check:
        summary, _, reason = inspect.cleandoc(check.__doc__ or "").partition("\n")
        RULES.add(name, Rule(name, level, check, summary.rstrip("."), reason.strip(), found, clean, fixes))
        return check

    return record


def remove(at: Position) -> Fix:
    """The line of a setting goes."""
    return Fix("remove the line", (Edit(at.file, at.line, whole=True),))


def replace_with(at: Position, text: str) -> Fix:
    """What stands there becomes another text."""
    return Fix(f"write '{text}'", (Edit(at.file, at.line, at.column, at.length, text),))


def add_line(at: Position, text: str) -> Fix:
    """A line below that of a setting, with the same indentation."""
    blanks = at.text[: len(at.text) - len(at.text.lstrip())]
    return Fix(f"add '{text}'", (Edit(at.file, at.line, len(at.text) + 1, 0, f"\n{blanks}{text}"),))


def nowhere(file: str) -> Position:
    """A file as a whole: its first line."""
    return Position(file, 1) if file else NOWHERE
