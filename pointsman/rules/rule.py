"""A rule: an action and the condition under which it runs. How streams evaluate lists of them stands in plan.py."""
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pointsman.config.action import CONTINUE, Action
from pointsman.config.setting import Setting
from pointsman.sample.condition import Condition
from pointsman.sample.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Setting):
    """One http-request, http-response... line. `rule_set` is one of config.action's constants."""

    rule_set: int
    action: Action
    condition: Condition | None = None
    negated: bool = False  # `unless`
    many: ClassVar[bool] = True


def run_rules(rules: Sequence[Rule], context: Context) -> int:
    """Evaluate them in order; the first verdict other than CONTINUE ends the list (manual 4.4)."""
    for rule in rules:
        condition = rule.condition
        if condition is None or condition.test(context) != rule.negated:
            verdict = rule.action.run(context)
            if verdict != CONTINUE:
                return verdict
    return CONTINUE
