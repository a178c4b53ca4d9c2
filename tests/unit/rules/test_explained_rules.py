"""Rules that are explained do what rules do: the same verdicts, heads and variables, and a record of each."""

from hypothesis import given, settings
from hypothesis import strategies as st
from rule_stand import compiled, exchange, fields

from pointsman.config import verdict as verdicts
from pointsman.config.verdict import ALLOW, CONTINUE, DENY, DROP, WAIT, Action
from pointsman.rules import explained
from pointsman.rules.explained import explain_content, explain_on, explain_steps
from pointsman.rules.plan import Cursor, Step, go_on, run_content, run_steps, steps
from pointsman.rules.rule import Rule
from pointsman.sample.condition import Condition
from pointsman.sample.context import Context
from pointsman.sample.need import ELSEWHERE, MET, TIME, Need
from pointsman.sample.source import Source
from pointsman.sample.trace import RuleRecord, Trace
from pointsman.sample.types import Type, Value

ACTIONS = [
    "set-header x %[path]-%[req.hdr(y)]",
    "add-header x %[var(txn.v)]",
    "del-header y",
    "replace-header y (.) <\\1>",
    "set-path /%[req.hdr(x)]%[path,lower]",
    "set-query %[query,length]",
    "set-method %[str(PUT)]",
    "set-var(txn.v) path,length",
    "set-var(txn.w) path,set-var(txn.v),map(virt@none)",
    "set-var-fmt(txn.v) %[src]:%[var(txn.v)]",
    "unset-var(txn.v)",
    "set-src req.hdr(y)",
    "capture req.hdr(x) len 3",
    "return status 200 content-type text/plain lf-string %[path]",
    "redirect location /%[path]",
    "deny",
    "allow",
    "strict-mode off",
]
CONDITIONS = [
    "",
    " if { path -m beg /a }",
    " unless { var(txn.v) -m found }",
    " if { req.hdr(x) -m len ge 3 } or FALSE",
]
REQUESTS = st.sampled_from(
    [("GET /a?q=1 HTTP/1.1",), ("GET /b HTTP/1.1", "x: 1234", "y: 192.0.2.1"), ("POST /aB HTTP/1.1", "y: a", "y: b")]
)


def explained_list(found: list[Rule], context: Context) -> tuple[int, list[RuleRecord]]:
    """The list as `run_steps` walks it."""
    trace = Trace()
    verdict = explain_steps(steps(found), context, trace)
    return verdict, [record for record in trace.records if isinstance(record, RuleRecord)]


def state(context: Context) -> object:
    return (
        fields(context.request),
        context.request and (context.request.method, context.request.uri, context.request.line),
        context.variables,
        context.source.packed,
        context.request_captures,
        context.lenient,
        type(context.answer),
        context.record.status,
    )


@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(CONDITIONS)), max_size=8), REQUESTS)
@settings(max_examples=150, deadline=None)
def test_the_same_happens(drawn: list[tuple[str, str]], request: tuple[str, ...]) -> None:
    found = compiled(*[f"http-request {action}{condition}" for action, condition in drawn])
    plain, other, again = exchange(*request), exchange(*request), exchange(*request)
    for context in (plain, other, again):
        context.request_capture_sizes = [3] * 8
        context.request_captures = [b""] * 8
    verdict, records = explained_list(found, other)
    assert verdict == run_steps(steps(found), plain)
    assert state(other) == state(plain)
    assert [record.at for record in records] == [rule.at for rule in found[: len(records)]]
    for record, rule in zip(records, found, strict=False):
        assert (record.condition is None) == (rule.condition is None)
        ran = record.condition is None or record.condition.verdict != record.negated
        assert (record.verdict is not None) == ran
        assert ran or record.samples == ()
    assert explained_list(found, again) == (verdict, records)  # explained once more, the same records


def test_what_is_told_of_a_rule() -> None:
    found = compiled(
        "http-request set-var(txn.n) path,length if { path -m beg /a }",
        "http-request set-header x %[var(txn.n)]-%[req.hdr(none)] unless { src 10.0.0.0/8 }",
        "http-request allow if { var(txn.n) -m int gt 5 }",
        "http-request deny deny_status 429 if { var(txn.n) -m int 2:3 } METH_GET",
    )
    verdict, records = explained_list(found, exchange("GET /ab HTTP/1.1"))
    assert verdict == DENY
    assert [(record.action, record.verdict, record.at.line) for record in records] == [
        ("set-var", CONTINUE, 3),
        ("set-header", CONTINUE, 4),
        ("allow", None, 5),
        ("deny", DENY, 6),
    ]
    assert [[(one.text, one.type, one.value) for one in record.samples] for record in records] == [
        [("path,length", Type.SINT, 3)],
        [("var(txn.n)", Type.ANY, 3), ("req.hdr(none)", Type.STR, None)],
        [],
        [],
    ]
    assert [record.negated for record in records] == [False, True, False, False]
    assert records[0].at.text.strip() == "http-request set-var(txn.n) path,length if { path -m beg /a }"
    last = records[3].condition
    assert last is not None
    first = last.alternatives[0][0].lines[0]
    assert (first.text, first.values, first.pattern and first.pattern.text) == ("var(txn.n)", [3], "2:3")


def test_every_verdict_has_a_word() -> None:
    """For whoever prints a record."""
    names = [name for name in vars(verdicts) if name.isupper()]
    known = {getattr(verdicts, name) for name in names}
    assert known == set(explained.VERDICTS)
    assert len(set(explained.VERDICTS.values())) == len(known)
    assert explained.VERDICTS[ALLOW] == "allow"


# What has to be waited for.


class Waits(Action):
    """Needs `times` times something, then it is done."""

    def __init__(self, name: str, notes: list[str], times: int, behind: bool) -> None:
        super().__init__()
        self.name = name
        self.notes = notes
        self.times = times
        self.behind = behind
        self.waits = True
        self.reads = self.writes = 0

    def run(self, context: Context) -> int:
        self.notes.append(self.name)
        if not self.times or not context.may_wait:
            return CONTINUE
        self.times -= 1
        context.need = Need(TIME, 50, behind=self.behind)
        return WAIT


class Asks(Source):
    """A fetch that asks elsewhere; nobody answers where it expires, and it has no sample then."""

    def __init__(self, key: bytes, notes: list[str]) -> None:
        self.many = False
        self.key = key
        self.notes = notes

    def get(self, ctx: Context) -> Value | None:
        self.notes.append(f"{self.key.decode()}?")
        found = ctx.answer_to(self.key)
        if found is not None:
            return b"yes" if found.state == MET else None
        if ctx.may_wait and ctx.need is None:
            ctx.need = Need(ELSEWHERE, 100, self.key)
        return None if ctx.may_wait else b"yes"


def asking(key: str, notes: list[str]) -> Condition:
    """Three ACLs that ask the same, each with an expression of its own."""
    [line] = compiled("http-request deny if { path,lower yes } { path,lower -m end s } or { path,lower no }")
    condition = line.condition
    assert condition is not None
    for terms in condition.alternatives:
        for acl in (acl for term in terms for acl in term.usable):
            acl.source = acl.expression.source = Asks(key.encode(), notes)
    return condition


RULE = st.tuples(
    st.sampled_from(["", "", "k", "l", "unless k"]),  # what its condition asks for
    st.integers(0, 2),  # how often its action waits
    st.booleans(),  # and goes on behind itself
)


def waiting(drawn: list[tuple[str, int, bool]], notes: list[str]) -> list[Step]:
    return [
        Step(
            Rule(
                rule_set=1,
                action=Waits(str(number), notes, times, behind),
                condition=asking(key[-1], notes) if key else None,
                negated=key.startswith("unless"),
            )
        )
        for number, (key, times, behind) in enumerate(drawn)
    ]


def settle(need: Need) -> None:
    """A question "l" is not answered in time."""
    if need.key == b"l":
        need.expire()
    else:
        need.meet()


@given(st.lists(RULE, max_size=5), st.booleans())
@settings(max_examples=100, deadline=None)
def test_lists_that_wait(drawn: list[tuple[str, int, bool]], can_wait: bool) -> None:
    """They are asked and run as often, in the same order, and stop at the same places."""

    def play(trace: Trace | None) -> tuple[object, ...]:
        notes: list[str] = []
        context, cursor = exchange(), Cursor()
        rules, where = waiting(drawn, notes), cursor if can_wait else None
        first = run_steps(rules, context, where) if trace is None else explain_steps(rules, context, trace, where)
        stops: list[object] = []
        verdict = first
        while verdict == WAIT:
            assert context.need is not None
            stops.append((context.need.kind, cursor.index, cursor.holds))
            settle(context.need)
            verdict = go_on(context, cursor) if trace is None else explain_on(context, trace, cursor)
        answers = [(one.key, one.state) for one in context.answers]
        return verdict, notes, stops, answers, context.need, context.may_wait, context.lenient

    trace = Trace()
    assert play(trace) == play(None)
    assert len(trace.records) == len(drawn)
    assert trace.held is None


def test_what_is_told_of_one_that_has_waited() -> None:
    """Once, as it came out in the end; of one behind which the list goes on when it has waited, that it waits."""
    trace, context, cursor = Trace(), exchange(), Cursor()
    rules = waiting([("k", 1, False), ("unless l", 1, True), ("l", 0, False)], [])
    verdict = explain_steps(rules, context, trace, cursor)
    while verdict == WAIT:
        assert context.need is not None
        settle(context.need)
        verdict = explain_on(context, trace, cursor)
    assert verdict == CONTINUE
    records = [record for record in trace.records if isinstance(record, RuleRecord)]
    assert [record.verdict for record in records] == [CONTINUE, WAIT, None]
    first, second, third = [record.condition for record in records]
    assert first is not None and second is not None and third is not None
    assert (first.verdict, second.verdict, third.verdict) == (True, False, False)
    assert first.alternatives[0][0].lines[0].value == b"yes"


def test_content_rules_are_explained_as_they_are_run() -> None:
    """What is waited for has no record before it is here; then each rule has one, in its order."""
    lines = ("set-var(txn.v) int(1)", "reject if { req.len 5 }", "accept")
    rules = steps(compiled(*[f"tcp-request content {line}" for line in lines]))
    found: list[list[int]] = []
    for explains in (False, True):
        context, cursor, trace = exchange(), Cursor(), Trace()
        met: list[int] = []
        for here, final, records in ((b"hel", False, 0), (b"hell", False, 0), (b"hell", True, 3), (b"hello", False, 2)):
            context.request_bytes = here
            if explains:
                met.append(explain_content(rules, context, final, cursor, trace))
                assert len(trace.records) == records
                trace.records.clear()
            else:
                met.append(run_content(rules, context, final, cursor))
            assert not context.more
            assert not context.incomplete
        found.append(met)
    assert found == [[WAIT, WAIT, ALLOW, DROP]] * 2
