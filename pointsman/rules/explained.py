"""One rule, evaluated with a record of what it stood on (sample/trace.py). Traffic runs plan.py instead.

Lists of rules are walked by whoever explains them: the records of a list are those of its rules, up to the first
verdict other than CONTINUE.
"""

from typing import Final

from pointsman.config.verdict import (
    ALLOW,
    ANSWER,
    CONTINUE,
    DENY,
    DROP,
    FAILED,
    SILENT_DROP,
    TARPIT,
    Action,
)
from pointsman.core.diagnostics import Position
from pointsman.sample.condition import Condition
from pointsman.sample.context import Context
from pointsman.sample.tap import tapped
from pointsman.sample.trace import RuleRecord

VERDICTS: Final = {  # in words
    CONTINUE: "continue",
    ALLOW: "allow",
    DENY: "deny",
    ANSWER: "answer",
    DROP: "drop",
    SILENT_DROP: "silent-drop",
    TARPIT: "tarpit",
    FAILED: "a rewrite does not fit",
}


def explain_rule(
    at: Position, action: Action, condition: Condition | None, negated: bool, context: Context
) -> RuleRecord:
    """Evaluate it as traffic does. Its verdict is None where the condition keeps it from running."""
    record = None
    if condition is not None:
        record = condition.explain(context)
        if record.verdict == negated:
            return RuleRecord(at, action.name, record, negated)
    with tapped(action.expressions, at) as samples:
        verdict = action.run(context)
    return RuleRecord(at, action.name, record, negated, tuple(samples), verdict)
