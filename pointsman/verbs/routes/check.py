"""Explanations beside a case: what is not as it was expected, and what cannot be known.

An explanation of a request whose way depends on an unknown value has branches: what would be if the value were another.
An expectation that holds in one of them and fails in another is no finding about the configuration; it fails, too, and
says which value `set` is to give. What stick tables count is known: a case begins with empty ones, and its own requests
are counted.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pointsman.core.diagnostics import NOWHERE, Position
from pointsman.verbs.explain.model import Explanation, Step, Unknown
from pointsman.verbs.explain.reasons import TABLE
from pointsman.verbs.routes.model import Case, Expectation
from pointsman.verbs.routes.wanted import Test, listed, quoted

MOST_BRANCHES: Final = 200  # of one explanation that are looked at
SHOWN_CHANGES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """`number`: which of the repeated requests; 0: all of them together. `got` "": what was expected, by chance.
    `settle`: what `set` would have to give."""

    label: str
    expected: str
    got: str
    at: Position
    expectation: Expectation | None = None
    explanation: Explanation | None = None
    number: int = 0
    settle: tuple[Unknown, ...] = ()
    otherwise: str = ""  # what else could be
    note: str = ""

    def __str__(self) -> str:
        number = f" (request {self.number})" if self.number else ""
        got = f"got {self.got}" if self.got else "which is not certain"
        return f"{self.label}{number}: expected {self.expected}, {got}"


# What there is, by the keys of the format.


def _fields(lines: Sequence[str], name: str) -> list[str]:
    """Of a head without its first line: the values of one name."""
    wanted = name.lower()
    split = (line.partition(":") for line in lines)
    return [value.strip() for found, _, value in split if found.strip().lower() == wanted]


def _one(text: str) -> list[str]:
    return [text] if text else []


def all_steps(explanation: Explanation) -> Iterator[Step]:
    for stage in explanation.stages:
        yield from stage.steps


def ending(explanation: Explanation) -> Step | None:
    """The rule that has ended it."""
    at = explanation.ended_by
    if at == NOWHERE:
        return None
    found = None
    for step in all_steps(explanation):
        if step.ran and step.at.line == at.line and step.at.file == at.file:
            found = step
    return found


VALUES: Final[dict[str, Callable[[Explanation, str], list[str]]]] = {
    "frontend": lambda e, _: _one(e.frontend),
    "backend": lambda e, _: _one(e.backend),
    "server": lambda e, _: _one(e.server.name if e.server is not None else ""),
    "outcome": lambda e, _: _one(e.outcome),
    "status": lambda e, _: _one(str(e.status) if e.status else ""),
    "body": lambda e, _: [e.body.decode("utf-8", "backslashreplace")] if e.status else [],
    "request-line": lambda e, _: list(e.request[:1]),
    "to-server": lambda e, name: _fields(e.request[1:], name),
    "to-client": lambda e, name: _fields(e.response[1:], name),
    "variables": lambda e, name: [e.variables[name]] if name in e.variables else [],
    "captures": lambda e, _: [one for step in all_steps(e) for one in step.captures],
    "letters": lambda e, _: _one(e.letters),
    "log": lambda e, name: [e.log_fields[name]] if name in e.log_fields else [],
    "log-line": lambda e, _: _one(e.log_line),
    "ended-by": lambda e, _: _one(str(e.ended_by) if e.ended_by.line else ""),
}


def values(explanation: Explanation, expectation: Expectation) -> list[str]:
    return VALUES[expectation.key](explanation, expectation.name)


def holds(explanation: Explanation, expectation: Expectation) -> bool:
    if expectation.key == "ended-by":
        return all(_ended_by(explanation, test) for test in expectation.tests)
    return expectation.holds(values(explanation, expectation))


def _ended_by(explanation: Explanation, test: Test) -> bool:
    """A rule is meant by its line, by file and line, or by words that stand in it."""
    at = explanation.ended_by
    step = ending(explanation)
    text = " ".join((step.text if step is not None else at.text).split())
    if test.kind not in ("is", "not"):
        return test.holds(_one(text))
    meant = bool(at.line) and any(
        one == str(at.line) or str(at).endswith(one) or " ".join(one.split()) in text for one in test.values
    )
    return meant == (test.kind == "is")


# What could be.

NOT_COUNTED: Final = re.compile("bytes|_err|_fail|glitch")  # of what tables know: only live exchanges have it


def is_open(unknown: Unknown) -> bool:
    """Whether it has to be given. A table's counters are what the case's requests have made of them."""
    return unknown.why != TABLE or NOT_COUNTED.search(unknown.text) is not None


def _unsettled(explanation: Explanation, expectation: Expectation) -> tuple[tuple[Unknown, ...], str]:
    """The values that would have to be known, and what else it could be."""
    if not explanation.unknown and not explanation.branches:
        return (), ""
    verdict = holds(explanation, expectation)
    waiting = [one for one in explanation.branches if is_open(one.unknown)]
    for _ in range(MOST_BRANCHES):
        if not waiting:
            break
        branch = waiting.pop(0)
        if holds(branch.explanation, expectation) != verdict:
            value = branch.unknown.assumed
            when = f"{branch.unknown.text} is {value}" if value is not None else f"there is no {branch.unknown.text}"
            return (branch.unknown,), f"if {when}: {_got(branch.explanation, expectation)}"
        waiting += [one for one in branch.explanation.branches if is_open(one.unknown)]
    if all(test.kind in ("present", "absent") for test in expectation.tests):
        return (), ""
    made = [step for step in all_steps(explanation) if _makes(step, expectation)]
    return tuple(unknown for step in made for unknown in step.unknown if is_open(unknown)), ""


def _makes(step: Step, expectation: Expectation) -> bool:
    """Whether what is expected is made by this step."""
    key, name = expectation.key, expectation.name
    if not step.ran:
        return False
    if key == "variables":
        return any(one == name for one, _ in step.variables)
    if key in ("to-server", "to-client"):
        return changes(step, name)
    return key == "captures" and bool(step.captures)


def changes(step: Step, name: str) -> bool:
    """Whether it changes the fields of this name."""
    return step.diff is not None and any(_name(line) == name.lower() for line in (*step.diff.removed, *step.diff.added))


# A case.


def check_case(case: Case, explanations: Sequence[Explanation]) -> list[Failure]:
    """Each expectation fails once, with the first request that does not meet it."""
    failures = []
    for expectation in case.expected:
        for index, explanation in enumerate(explanations):
            failure = _check(expectation, explanation, index + 1 if case.repeat > 1 else 0)
            if failure is not None:
                failures.append(failure)
                break
    for expectation in case.last:
        failure = _check(expectation, explanations[-1], case.repeat)
        if failure is not None:
            failures.append(failure)
    if case.strict:
        failures += _strict(case, explanations[0])
    if case.sequence:
        failures += _sequence(case, explanations)
    if case.shares:
        failures += _shares(case, explanations)
    return failures


def _check(expectation: Expectation, explanation: Explanation, number: int) -> Failure | None:
    verdict = holds(explanation, expectation)
    settle, otherwise = _unsettled(explanation, expectation)
    note = _drawn(explanation) if expectation.key == "server" else ""
    choice = explanation.server
    if note and choice is not None:  # by chance: it holds if it does for each that might have been drawn
        others = [expectation.holds([one]) for one in choice.candidates]
        note = note if len(set(others)) > 1 else ""
    if verdict and not settle and not note:
        return None
    return Failure(
        label=expectation.label,
        expected=str(expectation),
        got="" if verdict else _got(explanation, expectation),
        at=expectation.at,
        expectation=expectation,
        explanation=explanation,
        number=number,
        settle=settle,
        otherwise=otherwise,
        note=note,
    )


def _drawn(explanation: Explanation) -> str:
    """Where the server was drawn by lot."""
    choice = explanation.server
    if choice is None or len(choice.candidates) < 2 or not choice.algorithm.startswith("balance random"):
        return ""
    names = ", ".join(choice.candidates)
    return f"{choice.algorithm} draws one of several: expect one of them, server: [{names}]"


def _got(explanation: Explanation, expectation: Expectation) -> str:
    if expectation.key == "ended-by":
        step = ending(explanation)
        return f"{explanation.ended_by} {step.text.strip()}" if step is not None else listed(_one(""))
    return listed(values(explanation, expectation))


def _strict(case: Case, explanation: Explanation) -> list[Failure]:
    """Changes of heads that no expectation names. A start line is named by request-line."""
    named = {(one.key, one.name.lower()) for one in case.expected}
    unexpected: list[str] = []
    for stage in explanation.stages:
        for step in stage.steps:
            if not step.ran or step.diff is None:
                continue
            side = _side(stage.name, step, explanation)
            lines = [("-", line) for line in step.diff.removed] + [("+", line) for line in step.diff.added]
            unexpected += [f"{sign} {line} ({step.at})" for sign, line in lines if (side, _name(line)) not in named]
            start = ("request-line", "") if side == "to-server" else ("status", "")
            if step.diff.after and start not in named:
                unexpected.append(f"+ {step.diff.after} ({step.at})")
    if not unexpected:
        return []
    got = "; ".join(unexpected[:SHOWN_CHANGES]) + ("; ..." if len(unexpected) > SHOWN_CHANGES else "")
    return [Failure(label="strict", expected="no other changes of heads", got=got, at=case.at, explanation=explanation)]


def _side(stage: str, step: Step, explanation: Explanation) -> str:
    """Which head a step has changed. Options have their say about both: what they have added stands in one of them."""
    if stage != "options":
        return "to-client" if "response" in stage else "to-server"
    added = {line.lower() for line in step.diff.added} if step.diff is not None else set()
    request = {line.lower() for line in explanation.request}
    response = {line.lower() for line in explanation.response}
    return "to-client" if added & response and not added & request else "to-server"


def _name(line: str) -> str:
    """Of a field, in lower case."""
    return line.partition(":")[0].strip().lower()


def _server(explanation: Explanation) -> str:
    return explanation.server.name if explanation.server is not None else ""


def _sequence(case: Case, explanations: Sequence[Explanation]) -> list[Failure]:
    for index, (wanted, explanation) in enumerate(zip(case.sequence, explanations)):
        if _server(explanation) != wanted:
            got = [_server(one) or "none" for one in explanations]
            return [
                Failure(
                    label="sequence",
                    expected=", ".join(case.sequence),
                    got=", ".join(got),
                    at=case.sequence_at,
                    explanation=explanation,
                    number=index + 1,
                    settle=tuple(filter(is_open, explanation.unknown)),
                    note=_drawn(explanation),
                )
            ]
    return []


def _shares(case: Case, explanations: Sequence[Explanation]) -> list[Failure]:
    counts = Counter(_server(one) or "none" for one in explanations)
    failures = []
    for share in case.shares:
        count = counts[share.server]
        if not share.holds(count, len(explanations)):
            got = f"{count * 100 / len(explanations):.3g} %" if share.percent else str(count)
            others = ", ".join(f"{quoted(name)} {number}" for name, number in counts.most_common(8))
            failures.append(
                Failure(
                    label=f"share of {share.server}",
                    expected=str(share),
                    got=f"{got} of {len(explanations)} requests ({others})",
                    at=share.at,
                    explanation=explanations[0],
                    note="balance random draws: give a range" if _drawn(explanations[0]) else "",
                )
            )
    return failures
