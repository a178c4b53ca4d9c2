"""Rules and routes as a tree: one line each, and below those that applied what they saw and what they changed.

✓ set-header X-Client %[src]            it ran          condition, samples, changes below
■ deny if { path_beg /admin }           it ran, and the list was over
· use_backend api if is_api             it did not apply, with what kept it from that, in the same line
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from pointsman.sample.trace import AclRecord, ConditionRecord, SampleRecord, TermRecord
from pointsman.verbs.explain.model import HeadDiff, Stage, Step
from pointsman.verbs.explain.places import Places
from pointsman.verbs.explain.tree import Node, leaf
from pointsman.verbs.explain.values import quoted, steps_of, type_of
from pointsman.verbs.terminal import Piece, Row, Terminal, columns, piece, row, safe, shorten

LONG: Final = 8  # rules in a row that did not apply: of more, the first and last are shown
SHOWN: Final = 3
VALUE: Final = 130  # columns of a value
PASSED: Final = 50  # of one that only passes through converters
RULE: Final = 240  # of a rule's line
REASON: Final = 36  # of what kept a rule from applying, beside it
_T = TypeVar("_T")
ENDING: Final = ("deny", "answer", "drop", "silent-drop", "tarpit", "close")
SAYING: Final = (
    "return",
    "redirect",
    "reject",
    "accept",
    "auth",
    "use-service",
)  # actions whose name says how they end it


class Marks:
    """What stands before a line, where places are, and how much is shown."""

    def __init__(self, terminal: Terminal, place: Places, everything: bool) -> None:
        yes, no, end = ("✓ ", "· ", "■ ") if terminal.unicode else ("* ", ". ", "# ")
        self.yes, self.no, self.end = Piece(yes, "good"), Piece(no, "dim"), Piece(end, "bad")
        self.place = place
        self.everything = everything

    def some(self, entries: Sequence[_T]) -> Iterator[_T | int]:
        """The entries, or of many the first and last ones, and between them how many there are more."""
        if self.everything or len(entries) <= LONG:
            yield from entries
            return
        yield from entries[:SHOWN]
        yield len(entries) - 2 * SHOWN
        yield from entries[-SHOWN:]

    def more(self, count: int, what: str) -> Node:
        """Where some are not shown."""
        return leaf(self.no, Piece(f"... {count:,} more {what} (--all shows them)", "dim"))


def stage_node(stage: Stage, marks: Marks) -> Node:
    """A list of rules."""
    node = Node(row(stage.name))
    idle: list[Step] = []
    for step in stage.steps:
        if step.ran:
            node.below += _idle(idle, stage, marks)
            idle = []
            node.below.append(_ran(step, stage, marks))
        else:
            idle.append(step)
    node.below += _idle(idle, stage, marks)
    return node


def _idle(steps: list[Step], stage: Stage, marks: Marks) -> Iterator[Node]:
    for one in marks.some(steps):
        yield marks.more(one, "did not apply") if isinstance(one, int) else _idle_node(one, stage, marks)


def text_of(step: Step, stage: Stage) -> str:
    """The rule's line, without the words that the stage has said already."""
    text = " ".join(step.text.split()) or step.what
    return text.removeprefix(stage.name + " ")


# A rule that did not apply


def _idle_node(step: Step, stage: Stage, marks: Marks) -> Node:
    where = marks.place(step.at)
    text = safe(text_of(step, stage))
    if marks.everything:
        node = leaf(marks.no, text, place=where)
        if step.condition is not None:
            node.details += _condition(step.condition, step.negated, marks)
        return node
    room = 80 - 8 - columns(where) - 2  # behind the lines of the tree and the mark, before the place
    reason = shorten(_reason(step), max(REASON, room - columns(text) - 4))
    if not reason:
        return leaf(marks.no, Piece(text, "dim"), place=where, whole=False)
    text = shorten(text, room - columns(reason) - 4)
    return leaf(marks.no, Piece(text, "dim"), Piece(f"  [{reason}]"), place=where, whole=False)


def _reason(step: Step) -> str:
    """The term that decided, in a few words: `path is "/api"`."""
    condition = step.condition
    if condition is None or not condition.alternatives or not condition.alternatives[-1]:
        return ""
    term = condition.alternatives[-1][-1]
    acl = _decisive(term)
    if acl is None:
        return safe(f"{term.name or 'it'} cannot be known here")
    value = acl.value if acl.value is not None else next(iter(acl.values), None)
    if value is None:
        return safe(f"{acl.text}: none")
    unsure = any(one.text == sample.text for one in step.unknown for sample in acl.samples)
    return safe(f"{acl.text} {'taken for' if unsure else 'is'} {quoted(value, type_of(acl, value))}")


def _decisive(term: TermRecord) -> AclRecord | None:
    """The line that matched, else the first."""
    for acl in term.lines:
        if acl.verdict:
            return acl
    return term.lines[0] if term.lines else None


# A rule that ran


def _ran(step: Step, stage: Stage, marks: Marks) -> Node:
    text = shorten(safe(text_of(step, stage)), RULE)
    node = leaf(_mark(step, marks), Piece(text, "" if step.text else "dim"), place=marks.place(step.at))
    details = node.details
    if step.condition is not None:
        details += _condition(step.condition, step.negated, marks)
    for sample in step.samples:
        details += _sample(sample)
    if step.diff is not None:
        details += _diff(step.diff)
    for name, value in step.variables:
        said = " is taken away" if value is None else f' := "{shorten(safe(value), VALUE)}"'
        details.append(row(Piece(safe(name), "name"), Piece(said), indent=2))
    details += [row("captured ", piece(f'"{shorten(safe(one), VALUE)}"'), indent=2) for one in step.captures]
    for unknown in step.unknown:
        taken = "nothing" if unknown.assumed is None else unknown.assumed
        details.append(row(Piece("not known: ", "warn"), f"{unknown.text}, taken for {taken}", indent=2))
    details += [row(one, indent=2) for one in step.notes]
    if step.verdict not in ("", "continue") and _adds(step):
        details.append(row(piece(f"-> {step.verdict}", "good" if step.verdict == "allow" else "bad")))
    return node


def _adds(step: Step) -> bool:
    """Whether the verdict says more than the rule itself."""
    return step.verdict not in step.what and step.what not in SAYING


def _mark(step: Step, marks: Marks) -> Piece:
    return marks.end if step.verdict in ENDING else marks.yes


def _sample(sample: SampleRecord) -> Iterator[Row]:
    """Its value; where converters have made it, also how."""
    value = shorten(safe(quoted(sample.value, sample.type)), VALUE)
    yield row(Piece(safe(sample.text), "name"), Piece(f" = {value}"), indent=2)
    steps = steps_of(sample)
    found = any(one.entry is not None for one in sample.converters)
    if len(steps) > 1 and (found or any(came != steps[-1][1] for _, came in steps)):
        pieces = [Piece("  " + shorten(safe(steps[0][1]), PASSED), "dim")]
        for source, came in steps[1:]:
            pieces.append(Piece(f" -> {safe(source)}: {shorten(safe(came), PASSED)}", "dim"))
        yield row(*pieces, indent=4)


def _diff(diff: HeadDiff) -> Iterator[Row]:
    if diff.before or diff.after:
        yield _changed("- ", diff.before, "bad")
        yield _changed("+ ", diff.after, "good")
    for one in diff.removed:
        yield _changed("- ", one, "bad")
    for one in diff.added:
        yield _changed("+ ", one, "good")


def _changed(sign: str, text: str, colour: str) -> Row:
    return row(Piece(sign + shorten(safe(text), VALUE), colour), indent=2)


# Conditions


def _condition(condition: ConditionRecord, negated: bool, marks: Marks) -> Iterator[Row]:
    """The terms that were looked at, one a line."""
    for number, terms in enumerate(condition.alternatives):
        for place, term in enumerate(terms):
            joint = "" if not number and not place else "and " if place else "or "
            yield row(Piece(joint, "dim"), *_term(term, marks), indent=2)
    if negated:
        verdict = "holds" if condition.verdict else "does not hold"
        yield row(Piece(f"unless: the condition {verdict}", "dim"))


def _term(term: TermRecord, marks: Marks) -> Iterator[Piece]:
    yield Piece("not " if term.negated else "", "dim")
    if term.name:
        yield piece(term.name, "name")
        yield Piece(": ")
    acl = _decisive(term)
    if acl is None:
        yield Piece("nothing that can be known here")
    else:
        yield from _acl(acl, marks)
    if len(term.lines) > 1 and acl is not None and not acl.verdict:
        yield Piece(f", nor do {len(term.lines) - 1} more lines of it match", "dim")
    yield Piece(" (true)" if term.verdict else " (false)", "good" if term.verdict else "bad")


def _acl(acl: AclRecord, marks: Marks) -> Iterator[Piece]:
    values = acl.values
    yield piece(acl.text)
    if not values:
        yield Piece(": no value")
        return
    value = acl.value if acl.value is not None else values[0]
    yield Piece(" is " + shorten(safe(quoted(value, type_of(acl, value))), VALUE))
    if len(values) > 1:
        yield Piece(f" (one of {len(values)} values)", "dim")
    if acl.method in ("found", "bool"):
        return
    if acl.pattern is not None:
        yield Piece(", matches ")
        yield piece(shorten(safe(acl.pattern.text), VALUE), "name")
        if acl.pattern.file and acl.pattern.line and acl.pattern.file != acl.at.file:
            yield Piece(f" ({marks.place.name(acl.pattern.file)}:{acl.pattern.line})", "dim")
    elif not acl.verdict:
        yield Piece(", matches no pattern")
