"""The few steps of an explanation that decided what an expectation was about, for who reads why it failed.

what cannot be known    the rules that ask for it
status, outcome, ...    the rule that has ended it
backend                 routes that name what was expected and did not hold, or stand behind the one that did; that one
server                  what the algorithm says; why the expected one was left out
headers, variables      rules that have changed them, and rules that name them but did not run
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pointsman.core.diagnostics import NOWHERE, Position
from pointsman.sample.trace import AclRecord, ConditionRecord, TermRecord
from pointsman.sample.types import Packed, Type, Value
from pointsman.verbs.explain.engine import Place
from pointsman.verbs.explain.model import Explanation, LeftOut, Step
from pointsman.verbs.explain.words import value_text
from pointsman.verbs.routes.check import Failure, all_steps, changes, ending
from pointsman.verbs.routes.nodes import shorten

MOST: Final = 5  # steps that are shown
MOST_VALUES: Final = 3  # of an ACL
ROUTES: Final = frozenset({"use_backend", "default_backend"})


@dataclass(frozen=True, slots=True)
class Reason:
    """A line of the configuration, and what it did. `at` NOWHERE: no line of it."""

    at: Position
    text: str
    remark: str = ""


def reasons(failure: Failure, places: Sequence[Place] = ()) -> list[Reason]:
    explanation, expectation = failure.explanation, failure.expectation
    if explanation is None:
        return []
    key = expectation.key if expectation is not None else failure.label
    wanted = [one for test in expectation.tests for one in test.values] if expectation is not None else []
    sent = explanation.response if key == "to-client" else explanation.request or key == "variables"
    if key in ("to-server", "to-client", "variables") and expectation is not None and sent:
        found = list(_about(explanation, expectation.name, key))
    elif key in ("server", "sequence") or key.startswith("share of"):
        found = list(_server(explanation, wanted))
    elif key == "strict":
        found = []
    else:
        found = list(_way(explanation, wanted if key == "backend" else [], places))
    unsettled = {one.text for one in failure.settle}
    open_steps = [step for step in all_steps(explanation) if unsettled & {one.text for one in step.unknown}]
    return list(dict.fromkeys([*map(_step, open_steps), *found]))[:MOST]


def _way(explanation: Explanation, wanted: Sequence[str], places: Sequence[Place]) -> Iterator[Reason]:
    """What has ended it, or where it was led."""
    end = ending(explanation)
    if end is not None:
        yield _step(end)
    elif explanation.outcome in ("service", "answer") and explanation.ended_by != NOWHERE:
        yield Reason(explanation.ended_by, explanation.ended_by.text.strip(), "it answers itself")
    routes = [step for step in all_steps(explanation) if step.what in ROUTES]
    held = next((step for step in routes if step.ran), None)
    for step in routes:
        if not step.ran and any(_names(step.text, one) for one in wanted):
            yield _step(step)
    if held is not None:
        yield _step(held)
        seen = {(step.at.file, step.at.line) for step in routes}
        for place in places:
            behind = place.at.file == held.at.file and place.at.line > held.at.line
            if place.kind in ROUTES and behind and (place.at.file, place.at.line) not in seen:
                if any(_names(place.text, one) for one in wanted):
                    yield Reason(place.at, place.text, "not asked: the rule above holds already")
    elif end is None and explanation.outcome == "no backend":
        yield Reason(explanation.at, explanation.at.text.strip(), "none of its use_backend rules holds")


def _names(text: str, backend: str) -> bool:
    return len(words := text.split()) > 1 and words[1] == backend


def _server(explanation: Explanation, wanted: Sequence[str]) -> Iterator[Reason]:
    choice = explanation.server
    if choice is None:
        yield from _way(explanation, [], ())
        return
    place = choice.at if choice.at.line else explanation.backend_at
    yield Reason(place, f"{choice.algorithm}: {choice.name or 'no server'}", choice.why)
    names = wanted or [one.name for one in choice.left_out]
    for one in choice.left_out:
        if one.name in names:
            yield _left_out(one)


def _left_out(one: LeftOut) -> Reason:
    return Reason(one.at, one.at.text.strip() or one.name, f"left out: {one.why}")


def _about(explanation: Explanation, name: str, key: str) -> Iterator[Reason]:
    """Steps that have changed it, then those that might have."""
    short = name.partition(".")[2] if key == "variables" and "." in name else name
    named = re.compile(rf"(?<![\w-]){re.escape(short)}(?![\w-])", re.IGNORECASE)
    idle = []
    found = False
    for step in all_steps(explanation):
        if key == "variables":
            did = any(one == name for one, _ in step.variables)
        else:
            did = changes(step, name)
        if step.ran and did:
            found = True
            yield _step(step)
        elif named.search(step.text):
            idle.append(step)
    for step in idle:
        yield _step(step)
    if not found and not idle:
        end = ending(explanation)
        if end is not None and key == "variables":
            yield _step(end)
        else:
            what = "sets it" if key == "variables" else "changes it"
            yield Reason(NOWHERE, f"no rule that was asked {what}")


def _step(step: Step) -> Reason:
    text = step.at.text.strip() or step.text or step.what
    return Reason(step.at, text, _remark(step))


def _remark(step: Step) -> str:
    parts = []
    if step.condition is not None:
        parts.append(condition_text(step.condition))
    if not step.ran:
        return "it does not hold: " + "; ".join(parts) if parts else "it does not hold"
    if step.diff is not None:
        parts += [f"- {one}" for one in step.diff.removed] + [f"+ {one}" for one in step.diff.added]
        if step.diff.after:
            parts.append(f"+ {step.diff.after}")
    parts += [f"{name} = {value if value is not None else 'nothing'}" for name, value in step.variables]
    if step.what in ROUTES and step.condition is None and step.what == "default_backend":
        parts.append("none of the rules before it holds")
    return "; ".join(parts)


def condition_text(condition: ConditionRecord) -> str:
    """What it stood on: the terms of the alternative that holds, or of each one the term that does not."""
    if condition.verdict:
        terms = list(condition.alternatives[-1])
    else:
        terms = [terms[-1] for terms in condition.alternatives if terms]
    return ", and ".join(_term(one) for one in terms)


def _term(term: TermRecord) -> str:
    named = f"{term.name}: " if term.name else ""
    for line in term.lines:
        if line.verdict:
            return named + _matched(line)
    return named + (" and ".join(_unmatched(line) for line in term.lines) or "it has no value here")


def _matched(line: AclRecord) -> str:
    value = _values(line, [line.value] if line.value is not None else [])
    if line.pattern is None:
        return f"{_criterion(line)} is {value}" if value else f"{_criterion(line)} is there"
    pattern = "" if value.strip('"') == line.pattern.text else f" {line.pattern.text}"
    return f"{_criterion(line)} {value} matches{pattern}"


def _unmatched(line: AclRecord) -> str:
    if not line.values:
        return f"{_criterion(line)} has no value"
    verb = "is" if line.method in ("bool", "found") else ""
    shown = _values(line, line.values)
    return f"{_criterion(line)} is {shown}" if verb else f"{_criterion(line)} {shown} does not match"


def _values(line: AclRecord, values: Sequence[Value]) -> str:
    address = line.samples and line.samples[0].type in (Type.ADDR, Type.IPV4, Type.IPV6)
    shown = [
        value_text(Packed(one)) if address and isinstance(one, bytes) else value_text(one)
        for one in values[:MOST_VALUES]
    ]
    plain = [
        f'"{shorten(text)}"' if isinstance(one, bytes) and not address else text for one, text in zip(values, shown)
    ]
    return ", ".join(plain) + (", ..." if len(values) > MOST_VALUES else "")


def _criterion(line: AclRecord) -> str:
    """Without its patterns and flags."""
    return line.samples[0].text if line.samples else line.text.split()[0] if line.text.split() else line.name
