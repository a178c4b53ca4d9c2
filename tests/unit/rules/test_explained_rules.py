"""Rules that are explained do what rules do: the same verdicts, heads and variables, and a record of each."""

from hypothesis import given, settings
from hypothesis import strategies as st
from rule_stand import compiled, exchange, fields

from pointsman.config import verdict as verdicts
from pointsman.config.verdict import ALLOW, CONTINUE, DENY
from pointsman.rules import explained
from pointsman.rules.explained import explain_rule
from pointsman.rules.plan import run_steps, steps
from pointsman.rules.rule import Rule
from pointsman.sample.context import Context
from pointsman.sample.trace import RuleRecord, Trace
from pointsman.sample.types import Type

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
    context.lenient = False
    for rule in found:
        record = explain_rule(rule.at, rule.action, rule.condition, rule.negated, context)
        trace.add(record)
        if record.verdict not in (None, CONTINUE):
            break
    records = [record for record in trace.records if isinstance(record, RuleRecord)]
    return records[-1].verdict or CONTINUE if records else CONTINUE, records


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
    """For whoever prints a record. WAIT is none: such a rule is evaluated again."""
    names = [name for name, value in vars(verdicts).items() if name.isupper() and name != "WAIT"]
    known = {getattr(verdicts, name) for name in names}
    assert known == set(explained.VERDICTS)
    assert len(set(explained.VERDICTS.values())) == len(known)
    assert explained.VERDICTS[ALLOW] == "allow"
