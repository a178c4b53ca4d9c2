"""Rules as a stream runs them: native steps that tell what they ask, so that what they decide can be remembered.

`Context.asked` gathers, while an exchange goes on, the bits of everything that decided something: conditions that were
tested, values that were rendered. When no bit of it moves (sample/types.py), the same bytes on the same connection will
be treated in the same way, and the stream remembers the outcome (stream/outcome.py). What moves, or writes something
that moves, is never remembered.
"""

from typing import Final

from pointsman.config.action import CONTINUE, Action
from pointsman.rules.rule import Rule
from pointsman.sample import types
from pointsman.sample.condition import Condition
from pointsman.sample.context import Context
from pointsman.sample.types import Reads, Writes

HEADS: Final = int(Writes.REQUEST_LINE | Writes.HEADER_BLOCK | Writes.RESPONSE_LINE | Writes.RESPONSE_BLOCK)
MOVING: Final = int(Reads.MOVING)
CONNECTION: Final = int(Reads.CONNECTION)
HEADER_BLOCK: Final = int(Reads.HEADER_BLOCK)
OF_REQUEST: Final = int(types.OF_REQUEST)
OF_RESPONSE: Final = int(types.OF_RESPONSE)


class Step:
    """One rule."""

    def __init__(self, rule: Rule) -> None:
        self.condition: Condition | None = rule.condition
        self.negated = rule.negated
        self.action: Action = rule.action
        self.asks = rule.condition.reads if rule.condition is not None else 0
        self.does = int(rule.action.reads)  # that, and whether it writes something else than heads
        if rule.action.writes & ~HEADS:
            self.does |= MOVING


def steps(rules: list[Rule]) -> list[Step]:
    return [Step(rule) for rule in rules]


def run_steps(rules: list[Step], context: Context) -> int:
    """Evaluate them in order; the first verdict other than CONTINUE ends the list (manual 4.4)."""
    context.lenient = False  # strict-mode is on at the beginning of each list
    for step in rules:
        condition = step.condition
        if condition is not None:
            context.asked |= step.asks
            if condition.test(context) == step.negated:
                continue
        context.asked |= step.does
        verdict = step.action.run(context)
        if verdict != CONTINUE:
            return verdict
    return CONTINUE
