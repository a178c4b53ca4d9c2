"""Rules, evaluated with a record of what they stood on (sample/trace.py). Traffic runs plan.py instead.

The records of a list are those of its rules, up to the first verdict other than CONTINUE. A rule that has to be
evaluated again, because something is waited for, has its record then; one behind which a list goes on has it at once.
The condition of an action that waits is not tested again: what was found of it stays in the trace meanwhile.
"""

from typing import Final

from pointsman.config.verdict import (
    ALLOW,
    ANSWER,
    CLOSE_SERVER,
    CONTINUE,
    DENY,
    DROP,
    FAILED,
    INVALID,
    SILENT_DROP,
    SWITCH,
    TARPIT,
    WAIT,
    Action,
)
from pointsman.core.diagnostics import Position
from pointsman.core.wishes import WISHES
from pointsman.rules.plan import Cursor, Step, note_final, take_need
from pointsman.sample.condition import UNKNOWN, Condition
from pointsman.sample.context import Context
from pointsman.sample.tap import tapped
from pointsman.sample.trace import ConditionRecord, RuleRecord, Trace

VERDICTS: Final = {  # in words
    CONTINUE: "continue",
    ALLOW: "allow",
    DENY: "deny",
    ANSWER: "answer",
    DROP: "drop",
    SILENT_DROP: "silent-drop",
    TARPIT: "tarpit",
    FAILED: "it fails",
    INVALID: "the request is invalid",
    WAIT: "wait",
    CLOSE_SERVER: "close",
    SWITCH: "switch-mode",
}


def explain_rule(
    at: Position,
    action: Action,
    condition: Condition | None,
    negated: bool,
    context: Context,
    at_once: bool = False,
    held: ConditionRecord | None = None,
) -> RuleRecord:
    """Evaluate it as traffic does. Its verdict is None where the condition keeps it from running, or has to wait.
    `at_once`: the action cannot. `held`: its condition, which let it run before it had to wait."""
    record = held
    if condition is not None and held is None:
        record = condition.explain(context)
        if record.verdict == negated or context.need is not None:
            return RuleRecord(at, action.name, record, negated)
    may_wait = context.may_wait
    context.may_wait = may_wait and not at_once
    with tapped(action.expressions, at) as samples:
        verdict = action.run(context)
    context.may_wait = may_wait
    return RuleRecord(at, action.name, record, negated, tuple(samples), verdict)


def explain_steps(rules: list[Step], context: Context, trace: Trace, cursor: Cursor | None = None) -> int:
    """What `run_steps` says of them."""
    context.lenient = False
    trace.held = None
    return _explain(rules, context, trace, cursor, 0)


def explain_on(context: Context, trace: Trace, cursor: Cursor) -> int:
    """What `go_on` says: the rule that has waited goes on where it was, at its condition or its action."""
    rules, index = cursor.rules, cursor.index
    context.waiting_rule = None
    if take_need(context):
        index += 1
        trace.held = None
    return _explain(rules, context, trace, cursor, index)


def _explain(rules: list[Step], context: Context, trace: Trace, cursor: Cursor | None, start: int) -> int:
    for step in rules[start:]:
        context.asked |= step.asks
        context.may_wait = cursor is not None
        held, trace.held = trace.held, None
        record = explain_rule(step.at, step.action, step.condition, step.negated, context, step.at_once, held)
        context.may_wait = False
        if context.need is not None:
            assert cursor is not None, "a rule waits where nobody can"
            if context.need.behind:
                trace.add(record)
            if record.verdict is not None:
                trace.held = record.condition
            return cursor.stop(rules, step, record.verdict is not None, context)
        trace.add(record)
        if record.verdict is not None:
            context.asked |= step.does
            if record.verdict != CONTINUE:
                if WISHES.verdicts:
                    note_final(step, context, record.verdict)
                return record.verdict
    return CONTINUE


def explain_content(rules: list[Step], context: Context, final: bool, cursor: Cursor, trace: Trace) -> int:
    """What `run_content` says of them. Where more bytes are waited for there is no record of those that are looked
    at again."""
    known = len(trace.records)
    context.lenient = False
    context.more = not final
    awaiting, cursor.awaiting = cursor.awaiting, 0
    verdict = CONTINUE
    for index, step in enumerate(rules):
        if index + 1 < awaiting:
            continue
        condition = step.condition
        context.asked |= step.asks
        if condition is not None and not awaiting and not final and condition.judge(context) == UNKNOWN:
            verdict = WAIT
            break
        awaiting = 0
        context.incomplete = False
        record = explain_rule(step.at, step.action, condition, step.negated, context, step.at_once)
        if record.verdict is not None:
            context.asked |= step.does
            if step.awaits and not final and (context.incomplete or context.unparsed and step.asks_http):
                cursor.awaiting = index + 1
                verdict = WAIT
                break
            verdict = record.verdict
        trace.add(record)
        if verdict != CONTINUE:
            if WISHES.verdicts:
                note_final(step, context, verdict)
            break
    if verdict == WAIT and not cursor.awaiting:
        del trace.records[known:]
    context.more = False
    context.incomplete = False
    return verdict
