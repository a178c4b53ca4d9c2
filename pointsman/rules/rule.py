"""A rule: an action and the condition under which it runs. How streams evaluate lists of them stands in plan.py."""

from dataclasses import dataclass
from typing import ClassVar

from pointsman.config.action import Action
from pointsman.config.setting import Setting
from pointsman.sample.condition import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Setting):
    """One http-request, http-response... line. `rule_set` is one of config.action's constants."""

    rule_set: int
    action: Action
    condition: Condition | None = None
    negated: bool = False  # `unless`
    many: ClassVar[bool] = True
