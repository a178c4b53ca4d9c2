"""Lists of rules that stop and go on, on the machine itself: conditions and actions are those of the test."""

import pytest
from rule_stand import compiled, exchange

from pointsman.config.verdict import CONTINUE, DENY, WAIT, Action
from pointsman.rules.plan import MOVING, Cursor, Step, go_on, run_content, run_steps
from pointsman.rules.rule import Rule
from pointsman.sample.condition import FALSE, TRUE, UNKNOWN, Condition
from pointsman.sample.context import Context
from pointsman.sample.need import ELSEWHERE, EXPIRED, MET, TIME, Need
from pointsman.sample.source import Source
from pointsman.sample.types import Reads, Value, Writes


class Note(Action):
    """Writes its name down."""

    def __init__(self, name: str, notes: list[str], verdict: int = CONTINUE) -> None:
        super().__init__()
        self.name = name
        self.notes = notes
        self.verdict = verdict
        self.reads = int(Reads.NOTHING)
        self.writes = int(Writes.NOTHING)

    def run(self, context: Context) -> int:
        self.notes.append(self.name)
        return self.verdict


class Waits(Note):
    """Waits: `times` times, then it is done."""

    def __init__(self, name: str, notes: list[str], times: int = 1, behind: bool = False) -> None:
        super().__init__(name, notes)
        self.waits = True
        self.times = times
        self.behind = behind

    def run(self, context: Context) -> int:
        self.notes.append(self.name)
        if not self.times:
            return CONTINUE
        self.times -= 1
        context.need = Need(TIME, 50, behind=self.behind)
        return WAIT


class Asks(Source):
    """A fetch that asks elsewhere, and finds the answer by its key."""

    def __init__(self, key: bytes, answer: bytes = b"yes") -> None:
        self.many = False
        self.key = key
        self.answer = answer
        self.tests = 0
        self.at_once = 0

    def get(self, ctx: Context) -> Value | None:
        self.tests += 1
        found = ctx.answer_to(self.key)
        if found is not None:
            return self.answer if found.state == MET else None
        if ctx.may_wait:
            ctx.need = Need(ELSEWHERE, 100, self.key)
            return None
        self.at_once += 1
        return self.answer


def asking(text: str, *sources: Source) -> Condition:
    """The condition of this text; its ACLs, which are on `path`, ask these fetches instead, one after the other."""
    [line] = compiled(f"http-request deny if {text}")
    condition = line.condition
    assert condition is not None
    acls = [acl for terms in condition.alternatives for term in terms for acl in term.usable]
    for acl, source in zip(acls, sources, strict=True):
        acl.source = source
    return condition


def yes(source: Source) -> Condition:
    """It says yes."""
    return asking("{ path yes }", source)


def rule(action: Action, condition: Condition | None = None, negated: bool = False) -> Step:
    return Step(Rule(rule_set=1, action=action, condition=condition, negated=negated))


def met(context: Context) -> None:
    assert context.need is not None
    context.need.meet()


def test_an_action_that_waits_is_run_again() -> None:
    notes: list[str] = []
    rules = [rule(Note("a", notes)), rule(Waits("w", notes, times=2)), rule(Note("b", notes))]
    context, cursor = exchange(), Cursor()
    assert run_steps(rules, context, cursor) == WAIT
    assert (notes, cursor.index, cursor.holds) == (["a", "w"], 1, True)
    met(context)
    assert go_on(context, cursor) == WAIT
    met(context)
    assert go_on(context, cursor) == CONTINUE
    assert notes == ["a", "w", "w", "w", "b"]
    assert context.need is None
    assert context.asked & MOVING


def test_the_condition_of_an_action_that_waited_is_not_tested_again() -> None:
    notes: list[str] = []
    asks = Asks(b"k")
    rules = [rule(Waits("w", notes), yes(asks))]
    context, cursor = exchange(), Cursor()
    assert run_steps(rules, context, cursor) == WAIT
    assert not cursor.holds
    met(context)
    assert go_on(context, cursor) == WAIT
    assert cursor.holds
    met(context)
    assert go_on(context, cursor) == CONTINUE
    assert asks.tests == 2
    assert notes == ["w", "w"]


def test_a_list_goes_on_behind_the_rule_where_the_need_says_so() -> None:
    notes: list[str] = []
    rules = [rule(Waits("w", notes, behind=True)), rule(Note("b", notes))]
    context, cursor = exchange(), Cursor()
    assert run_steps(rules, context, cursor) == WAIT
    met(context)
    assert go_on(context, cursor) == CONTINUE
    assert notes == ["w", "b"]


def test_the_last_rule_of_a_list_may_wait() -> None:
    notes: list[str] = []
    context, cursor = exchange(), Cursor()
    assert run_steps([rule(Waits("w", notes, behind=True))], context, cursor) == WAIT
    met(context)
    assert go_on(context, cursor) == CONTINUE


def test_a_condition_is_tested_again_with_the_answer() -> None:
    notes: list[str] = []
    first, second = Asks(b"1"), Asks(b"2", b"no")
    rules = [
        rule(Note("a", notes), yes(first)),
        rule(Note("not", notes), yes(second)),
        rule(Note("unless", notes), yes(second), negated=True),
        rule(Note("end", notes, DENY)),
    ]
    context, cursor = exchange(), Cursor()
    assert run_steps(rules, context, cursor) == WAIT
    met(context)
    assert go_on(context, cursor) == WAIT
    met(context)
    assert go_on(context, cursor) == DENY
    assert notes == ["a", "unless", "end"]
    assert (first.tests, second.tests) == (2, 3)  # an answer is found as long as the exchange lasts
    assert not context.may_wait


def test_an_unless_that_waits_does_not_run_its_action() -> None:
    notes: list[str] = []
    rules = [rule(Note("a", notes), yes(Asks(b"k")), negated=True)]
    context, cursor = exchange(), Cursor()
    assert run_steps(rules, context, cursor) == WAIT
    assert notes == []
    met(context)
    assert go_on(context, cursor) == CONTINUE
    assert notes == []


def test_an_answer_that_did_not_come_in_time_is_told_as_such() -> None:
    notes: list[str] = []
    rules = [rule(Note("a", notes), yes(Asks(b"k"))), rule(Note("b", notes))]
    context, cursor = exchange(), Cursor()
    assert run_steps(rules, context, cursor) == WAIT
    assert context.need is not None
    context.need.expire()
    assert go_on(context, cursor) == CONTINUE
    assert notes == ["b"]
    found = context.answer_to(b"k")
    assert found is not None
    assert found.state == EXPIRED


def test_where_nobody_can_wait_conditions_are_told_at_once() -> None:
    notes: list[str] = []
    asks = Asks(b"k")
    context = exchange()
    assert run_steps([rule(Note("a", notes), yes(asks))], context) == CONTINUE
    assert notes == ["a"]
    assert asks.at_once == 1
    assert context.need is None


class Sees(Note):
    """Writes down whether its expressions might wait."""

    def run(self, context: Context) -> int:
        self.notes.append(f"{self.name} {context.may_wait}")
        return CONTINUE


def test_the_expressions_of_an_action_that_cannot_stop_are_told_at_once() -> None:
    notes: list[str] = []
    plain, able = Sees("plain", notes), Sees("able", notes)
    plain.reads = able.reads = int(Reads.MOVING)
    able.waits = True
    context, cursor = exchange(), Cursor()
    assert run_steps([rule(plain), rule(able), rule(plain)], context, cursor) == CONTINUE
    assert notes == ["plain False", "able True", "plain False"]
    assert not context.may_wait


def test_strict_mode_outlasts_a_wait_and_ends_with_the_list() -> None:
    notes: list[str] = []
    [lenient] = compiled("http-request strict-mode off")
    context, cursor = exchange(), Cursor()
    assert run_steps([Step(lenient), rule(Waits("w", notes))], context, cursor) == WAIT
    met(context)
    assert go_on(context, cursor) == CONTINUE
    assert context.lenient
    run_steps([], context, cursor)
    assert not context.lenient


def test_what_has_not_waited_is_not_moving() -> None:
    context, cursor = exchange(), Cursor()
    [denies] = compiled("http-request deny if { path /other }")
    assert run_steps([Step(denies)], context, cursor) == CONTINUE
    assert not context.asked & MOVING


def test_a_rule_knows_its_place() -> None:
    [first, second] = compiled("http-request set-header a b", "http-request deny")
    assert Step(second).at.line == Step(first).at.line + 1
    assert Step(first).at.file


# Layer 4 content rules.


class Bytes(Source):
    """The first `size` bytes of the content; lacks bytes as long as there are fewer."""

    def __init__(self, content: bytearray, size: int = 5) -> None:
        self.many = False
        self.content = content
        self.size = size

    def get(self, ctx: Context) -> Value | None:
        if len(self.content) < self.size:
            ctx.incomplete = True
            return None
        return bytes(self.content[: self.size])


def hello(content: bytearray) -> Condition:
    return asking("{ path hello }", Bytes(content))


@pytest.mark.parametrize(
    ("text", "content", "expected"),
    [
        ("{ path ab }", b"", UNKNOWN),
        ("{ path ab }", b"ab", TRUE),
        ("{ path ab }", b"xx", FALSE),
        ("!{ path ab }", b"a", UNKNOWN),
        ("!{ path ab }", b"ab", FALSE),
        ("!{ path ab }", b"xx", TRUE),
    ],
)
def test_three_results_of_a_condition(text: str, content: bytes, expected: int) -> None:
    context = exchange()
    condition = asking(text, Bytes(bytearray(content), 2))
    assert condition.judge(context) == expected
    assert context.incomplete == (expected == UNKNOWN)


@pytest.mark.parametrize(
    ("text", "first", "second", "expected"),
    [
        ("{ path ab } { path cd }", b"", b"cd", UNKNOWN),
        ("{ path ab } { path cd }", b"", b"xx", FALSE),  # whatever is still to come
        ("{ path ab } { path cd }", b"xx", b"", FALSE),
        ("{ path ab } { path cd }", b"ab", b"cd", TRUE),
        ("{ path ab } or { path cd }", b"", b"cd", TRUE),
        ("{ path ab } or { path cd }", b"", b"xx", UNKNOWN),
        ("{ path ab } or { path cd }", b"xx", b"xx", FALSE),
        ("{ path ab } or !{ path cd }", b"", b"xx", TRUE),
    ],
)
def test_what_is_known_decides_where_it_can(text: str, first: bytes, second: bytes, expected: int) -> None:
    condition = asking(text, Bytes(bytearray(first), 2), Bytes(bytearray(second), 2))
    assert condition.judge(exchange()) == expected


def test_content_rules_begin_anew_with_each_piece() -> None:
    notes: list[str] = []
    content = bytearray()
    rules = [
        rule(Note("first", notes)),
        rule(Note("hello", notes, DENY), hello(content)),
        rule(Note("behind", notes)),
    ]
    context, cursor = exchange(), Cursor()
    assert run_content(rules, context, False, cursor) == WAIT
    assert context.asked & MOVING
    content += b"hel"
    assert run_content(rules, context, False, cursor) == WAIT
    content += b"lo"
    assert run_content(rules, context, False, cursor) == DENY
    assert notes == ["first", "first", "first", "hello"]


def test_content_rules_go_on_as_soon_as_it_is_known() -> None:
    notes: list[str] = []
    content = bytearray(b"howdy")
    rules = [rule(Note("hello", notes, DENY), hello(content)), rule(Note("behind", notes))]
    assert run_content(rules, exchange(), False, Cursor()) == CONTINUE
    assert notes == ["behind"]


def test_in_the_end_what_is_missing_is_no_sample() -> None:
    notes: list[str] = []
    content = bytearray(b"hel")
    rules = [
        rule(Note("hello", notes, DENY), hello(content)),
        rule(Note("unless", notes), hello(content), negated=True),
    ]
    context, cursor = exchange(), Cursor()
    assert run_content(rules, context, False, cursor) == WAIT
    assert run_content(rules, context, True, cursor) == CONTINUE
    assert notes == ["unless"]


class Lacks(Note):
    """An action whose expression lacks bytes."""

    def run(self, context: Context) -> int:
        self.notes.append(self.name)
        context.incomplete = True
        return CONTINUE


@pytest.mark.parametrize("name", ["capture", "track-sc0"])
def test_an_action_that_awaits_its_sample_is_where_the_list_goes_on(name: str) -> None:
    """As haproxy 2.6 and 3.2: what stands before it is not evaluated again (a counter of rules shows it)."""
    notes: list[str] = []
    rules = [rule(Note("first", notes)), rule(Lacks(name, notes)), rule(Note("behind", notes))]
    context, cursor = exchange(), Cursor()
    assert run_content(rules, context, False, cursor) == WAIT
    assert notes == ["first", name]
    assert run_content(rules, context, False, cursor) == WAIT
    assert run_content(rules, context, True, cursor) == CONTINUE
    assert notes == ["first", name, name, name, "behind"]
    assert not context.more
    assert not context.incomplete


def test_other_actions_take_what_is_here() -> None:
    notes: list[str] = []
    rules = [rule(Lacks("set-var", notes)), rule(Note("behind", notes))]
    assert run_content(rules, exchange(), False, Cursor()) == CONTINUE
    assert notes == ["set-var", "behind"]


def test_http_rules_read_not_yet_as_no_sample() -> None:
    notes: list[str] = []
    context = exchange()
    context.incomplete = True
    assert run_steps([rule(Lacks("set", notes)), rule(Note("behind", notes))], context, Cursor()) == CONTINUE
    assert notes == ["set", "behind"]
