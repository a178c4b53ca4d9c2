"""Rules as a stream runs them: native steps that tell what they ask, so that what they decide can be remembered.

`Context.asked` gathers, while an exchange goes on, the bits of everything that decided something: conditions that were
tested, values that were rendered. When no bit of it moves (sample/types.py), the same bytes on the same connection will
be treated in the same way, and the stream remembers the outcome (stream/outcome.py). What moves, or writes something
that moves, or has waited, is never remembered; but what request rules ask of tables, and track by the client's address,
is noted with the outcome (`Context.noted`), and asked and tracked once more before that is used. Where one of these is
not what it was, the request is decided anew, with what those before it have found and done (`Context.redone`).

A list is evaluated in one go by `run_steps`. With a Cursor it may stop: the verdict WAIT says that `context.need` has
to be met first (sample/need.py), and the cursor where the list goes on then, by `go_on`. The cursor is written to when
a list stops, not before.

      run_steps --WAIT--> the need is met, or its time is up --go_on--> the same condition or action once more, or the
                                                                        rule behind it

Layer 4 content rules wait in another way (manual 4.2, tcp-request inspect-delay): see `run_content`.
"""

from typing import Final

from pointsman.config.action import HTTP_REQUEST
from pointsman.config.verdict import ALLOW, CONTINUE, FAILED, WAIT, Action
from pointsman.core.diagnostics import Position
from pointsman.core.wishes import DECISIONS, LAST_RULE, WISHES
from pointsman.rules.rule import Rule
from pointsman.sample import types
from pointsman.sample.condition import UNKNOWN, Condition
from pointsman.sample.context import Context, DecidedBy, Noted
from pointsman.sample.types import Reads, Writes

HEADS: Final = int(Writes.REQUEST_LINE | Writes.HEADER_BLOCK | Writes.RESPONSE_LINE | Writes.RESPONSE_BLOCK)
MOVING: Final = int(Reads.MOVING)
CONNECTION: Final = int(Reads.CONNECTION)
HEADER_BLOCK: Final = int(Reads.HEADER_BLOCK)
OF_REQUEST: Final = int(types.OF_REQUEST)
OF_RESPONSE: Final = int(types.OF_RESPONSE)
_OF_TABLES: Final = int(Reads.MOVING | Reads.CONNECTION | Reads.SOURCE)


class Step:
    """One rule."""

    def __init__(self, rule: Rule) -> None:
        self.at: Position = rule.at
        self.condition: Condition | None = rule.condition
        self.negated = rule.negated
        self.action: Action = rule.action
        self.asks = rule.condition.reads if rule.condition is not None else 0
        self.does = int(rule.action.reads)  # that, and whether it writes something else than heads
        if rule.action.writes & ~HEADS:
            self.does |= MOVING
        # Of request rules: what is asked of tables alone is asked once more for a request that is remembered, and what
        # is tracked by the client's address is tracked once more. So they do not keep it from being remembered.
        remembers = rule.rule_set == HTTP_REQUEST
        condition = rule.condition
        self.guards = (
            remembers
            and condition is not None
            and condition.calm
            and self.asks & MOVING != 0
            and not self.asks & ~_OF_TABLES
        )
        self.repeats = remembers and rule.action.repeats >= 0
        if self.guards:
            self.asks &= ~MOVING
        if self.repeats:
            self.does = rule.action.repeats
        self.told = True  # whether it may be the last rule of last_rule_line: `redirect` lines are not (manual 7.3.2)
        # Its expressions may want to ask elsewhere, but the action cannot be run in two halves.
        self.at_once = not rule.action.waits and int(rule.action.reads) & MOVING != 0
        # In content rules these alone wait for a sample that may still come (manual 4.2, tcp-request content).
        self.asks_http = any([one.http for one in rule.action.expressions])
        self.awaits = rule.action.name == "capture" or rule.action.name.startswith("track-sc")


class NotedStep(Noted):
    """A rule whose condition asks tables, and whether it held; or one that tracks."""

    def __init__(self, step: Step, holds: bool) -> None:
        self.step = step
        self.holds = holds

    def again(self, ctx: Context) -> bool:
        step = self.step
        if step.guards:
            condition = step.condition
            assert condition is not None
            if (condition.test(ctx) != step.negated) != self.holds:
                return False
        if self.holds and step.repeats:
            step.action.run(ctx)
        return True


def note(step: Step, holds: bool, context: Context) -> None:
    noted = NotedStep(step, holds)
    if context.noted is None:
        context.noted = [noted]
    else:
        context.noted.append(noted)


def take_redone(step: Step, context: Context) -> NotedStep | None:
    """What this rule found and did already, for a request that has to be decided anew (`Context.redone`): a condition
    before a rule that tracks must not see what that has counted."""
    redone = context.redone
    assert redone is not None
    last = redone[-1]
    if not isinstance(last, NotedStep) or last.step is not step:
        return None
    redone.pop()
    if not redone:
        context.redone = None
    return last


def steps(rules: list[Rule]) -> list[Step]:
    return [Step(rule) for rule in rules]


NO_RULES: Final[list[Step]] = []


class Cursor:
    """Where a list has stopped."""

    def __init__(self) -> None:
        self.rules: list[Step] = NO_RULES
        self.index = 0
        self.holds = False  # the condition of that rule holds: it is its action that waits
        self.awaiting = 0  # of content rules: behind so many rules is the action that lacks its sample; 0: none does
        self.asks = False  # of content rules: somebody would wait for what an action asks elsewhere

    def stop(self, rules: list[Step], step: Step, holds: bool, context: Context) -> int:
        context.asked |= MOVING  # the next one has to wait as well
        context.may_wait = False
        self.rules = rules
        self.index = rules.index(step)
        self.holds = holds
        context.waiting_rule = step.at
        return WAIT


def run_steps(rules: list[Step], context: Context, cursor: Cursor | None = None, lenient: bool = False) -> int:
    """Evaluate them in order; the first verdict other than CONTINUE ends the list (manual 4.4). Without a cursor nobody
    can wait. `lenient`: of a list that goes on."""
    context.lenient = lenient  # strict-mode is on at the beginning of each list
    may_wait = context.may_wait = cursor is not None
    for step in rules:
        redone = None if context.redone is None else take_redone(step, context)
        condition = step.condition
        if condition is not None:
            context.asked |= step.asks
            holds = condition.test(context) != step.negated if redone is None else redone.holds
            if may_wait and context.need is not None:
                return _stop(rules, step, False, context, cursor)
            if step.guards:
                note(step, holds, context)
            if not holds:
                continue
        context.asked |= step.does
        if step.repeats:
            if not step.guards:
                note(step, True, context)
            if redone is not None:
                continue
        verdict = step.action.run(context) if not step.at_once else _act(step, context)
        if verdict != CONTINUE:
            if verdict == WAIT:
                return _stop(rules, step, True, context, cursor)
            context.may_wait = False
            if WISHES.verdicts:
                note_final(step, context, verdict)
            return verdict
    context.may_wait = False
    return CONTINUE


def note_final(step: Step, context: Context, verdict: int) -> None:
    """The verdict of a rule has ended its list (manual 7.3.2, last_rule_line). What goes on is not remembered, for the
    rule would not be told the next time."""
    if WISHES.verdicts & DECISIONS and verdict != ALLOW:
        decided = context.decided_by
        if decided is None:
            decided = context.decided_by = DecidedBy()
        decided.ended_by = step.at
    if not WISHES.verdicts & LAST_RULE:
        return
    if verdict == ALLOW:
        context.asked |= MOVING
    if step.told and verdict != FAILED:
        context.last_rule = step.at


def go_on(context: Context, cursor: Cursor) -> int:
    """Evaluate the rest of a list that has stopped. Its need is over, one way or another."""
    rules = cursor.rules
    index = cursor.index
    holds = cursor.holds
    cursor.rules = NO_RULES
    context.waiting_rule = None
    if take_need(context):
        index += 1
    elif holds:
        step = rules[index]
        context.may_wait = True
        context.asked |= step.does
        verdict = _act(step, context)
        if verdict == WAIT:
            return _stop(rules, step, True, context, cursor)
        context.may_wait = False
        if verdict != CONTINUE:
            if WISHES.verdicts:
                note_final(step, context, verdict)
            return verdict
        index += 1
    verdict = run_steps(rules[index:], context, cursor, context.lenient)
    if verdict == WAIT:
        cursor.rules = rules
        cursor.index += index
    return verdict


def take_need(context: Context) -> bool:
    """The need is over: its answer is kept for who asks for it by its key. True: go on behind whoever asked."""
    need, context.need = context.need, None
    if need is None:
        return False
    if need.key:
        context.answers.append(need)
    return need.behind


def _act(step: Step, context: Context) -> int:
    """Where its expressions may want to ask elsewhere, but the action cannot be run in two halves, they are told at
    once."""
    if not step.at_once:
        return step.action.run(context)
    may_wait, context.may_wait = context.may_wait, False
    verdict = step.action.run(context)
    context.may_wait = may_wait
    return verdict


def _stop(rules: list[Step], step: Step, holds: bool, context: Context, cursor: Cursor | None) -> int:
    assert cursor is not None, "a rule waits where nobody can"
    return cursor.stop(rules, step, holds, context)


def run_content(rules: list[Step], context: Context, final: bool, cursor: Cursor) -> int:
    """Evaluate layer 4 content rules on what is here (manual 4.2, tcp-request content).

    WAIT: one of them lacks bytes that may still come. They are evaluated again when more is here, and once more with
    `final` when nothing more will come in time: the inspect-delay is over, the direction has ended, or the buffer is
    full. Then what is missing is no sample. Where a condition could not be told the list begins anew, what it did so
    far included; an action that lacks its sample (`awaits`) has had its condition, and is where the list goes on. So is
    one that asks elsewhere: then `context.need` is there already.
    """
    context.lenient = False
    context.more = not final
    context.waiting_rule = None
    verdict = CONTINUE
    awaiting, cursor.awaiting = cursor.awaiting, 0
    for step in rules[awaiting - 1 :] if awaiting else rules:
        condition = step.condition
        if condition is not None and not awaiting:
            context.asked |= step.asks
            if final:
                if condition.test(context) == step.negated:
                    continue
            else:
                found = condition.judge(context)
                if found == UNKNOWN:
                    verdict = _lacks(step, context)
                    break
                if bool(found) == step.negated:
                    continue
        awaiting = 0
        context.incomplete = False
        context.asked |= step.does
        if step.action.waits:
            context.may_wait = cursor.asks
        verdict = _act(step, context)
        context.may_wait = False
        if verdict == WAIT:  # for an answer from elsewhere: then the same action is run once more
            cursor.awaiting = rules.index(step) + 1
            _lacks(step, context)
            break
        if verdict != CONTINUE:
            if WISHES.verdicts:
                note_final(step, context, verdict)
            break
        if step.awaits and not final and (context.incomplete or context.unparsed and step.asks_http):
            cursor.awaiting = rules.index(step) + 1
            verdict = _lacks(step, context)
            break
    context.more = False
    context.incomplete = False
    return verdict


def _lacks(step: Step, context: Context) -> int:
    """It lacks bytes that may still come."""
    context.asked |= MOVING
    context.waiting_rule = step.at
    return WAIT
