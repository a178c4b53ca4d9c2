"""Sticky counters: which rules begin to track one, and who asks it (manual 7.3.3, sc_*)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pointsman.config.setting import Section
from pointsman.core.diagnostics import Position
from pointsman.rules.keywords import UseBackendLine
from pointsman.rules.rule import Rule
from pointsman.rules.tracking import Track
from pointsman.sample.condition import Condition
from pointsman.sample.expression import Expression
from pointsman.verbs.lint.exposure import terms_of
from pointsman.verbs.lint.subject import Subject

ASKING: Final = re.compile(r"sc([0-9]+)?_(?!tracked$)\w+")

ARRAY: Final = re.compile(r"sc_\w*gp[ct](?:_rate)?")  # the place in an array comes first: sc_get_gpc(<idx>,<ctr>)


@dataclass(frozen=True, slots=True)
class Asked:
    """A counter is asked for by a rule or route; `rule` None: by a route."""

    number: int
    at: Position
    text: str
    rule: Rule | None


def number_of(expression: Expression) -> int | None:
    """The counter that an expression asks; None: none, or not known."""
    found = ASKING.fullmatch(expression.fetch)
    if found is None:
        return None
    arguments = expression.arguments[ARRAY.fullmatch(expression.fetch) is not None :]
    said = found[1] or (arguments[0] if arguments else "")
    return int(said) if said.isascii() and said.isdigit() else None


def asked(section: Section) -> Iterator[Asked]:
    """All questions of conditions of rules and routes of a section itself."""
    for one in section.settings:
        if isinstance(one, Rule):
            yield from _of(one.condition, one)
        elif isinstance(one, UseBackendLine):
            yield from _of(one.condition, None)


def _of(condition: Condition | None, rule: Rule | None) -> Iterator[Asked]:
    for term in terms_of(condition):
        for acl in term.acls:
            number = number_of(acl.expression)
            if number is not None:
                at = acl.criterion.at if not term.name else term.word.at
                yield Asked(number, at, acl.expression.text, rule)


def tracked(section: Section) -> list[tuple[int, Rule]]:
    """Counters that rules track, inherited rules first."""
    return [(one.action.index, one) for one in section.all(Rule) if isinstance(one.action, Track)]


def tracked_anywhere(subject: Subject) -> set[int]:
    return {number for section in subject.sections[1:] for number, _ in tracked(section)}
