"""The plain evaluation of rules: in their order, each condition when its turn comes (manual 4.4)."""
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pointsman.config.verdict import CONTINUE, Action
from pointsman.sample.condition import Condition
from pointsman.sample.context import Context

if TYPE_CHECKING:
    from pointsman.rules.rule import Rule


class PlainRule:
    """What of a rule matters while traffic runs."""

    def __init__(self, action: Action, condition: Condition | None, negated: bool) -> None:
        self.action = action
        self.condition = condition
        self.negated = negated  # `unless`

    def fires(self, context: Context) -> bool:
        """Whether its condition lets it run."""
        condition = self.condition
        return condition is None or condition.test(context) != self.negated


def plain_rules(rules: "Sequence[Rule]") -> list[PlainRule]:
    """Those of a list."""
    return [PlainRule(rule.action, rule.condition, rule.negated) for rule in rules]


def run_plain(rules: list[PlainRule], context: Context) -> int:
    """Evaluate them in order; the first verdict other than CONTINUE ends the list (manual 4.4)."""
    for rule in rules:
        if rule.fires(context):
            verdict = rule.action.run(context)
            if verdict != CONTINUE:
                return verdict
    return CONTINUE


def run_rules(rules: "Sequence[Rule]", context: Context) -> int:
    """The same of rules as the configuration has them."""
    for rule in rules:
        condition: Condition | None = rule.condition
        if condition is None or condition.test(context) != rule.negated:
            action: Action = rule.action
            verdict = action.run(context)
            if verdict != CONTINUE:
                return verdict
    return CONTINUE
