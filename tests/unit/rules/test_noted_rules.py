"""Rules that ask tables and track do not keep a request from being remembered: what they found and did is noted, and
found and done once more (rules/plan.py)."""

import pytest

from pointsman.assemble.tables import build_tables
from pointsman.config.load import load_text
from pointsman.config.verdict import CONTINUE, DENY
from pointsman.core.address import net_address
from pointsman.core.diagnostics import Diagnostics
from pointsman.proto.message import Request
from pointsman.rules.plan import MOVING, Step, run_steps, steps
from pointsman.rules.rule import Rule
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session
from pointsman.sample.tracking import exchange_over
from pointsman.tables.stick_tables import TABLES

KEY = bytes((192, 0, 2, 7))


def compiled(*lines: str) -> list[Step]:
    diagnostics = Diagnostics()
    text = "".join(
        f"    {line}\n" for line in ("mode http", "stick-table type ip size 10 store http_req_cnt,gpc0", *lines)
    )
    configuration = load_text("frontend f\n" + text, diagnostics)
    build_tables(configuration, 1, diagnostics)
    found = configuration.proxies[0].all(Rule)
    for one in found:
        one.action.resolve(configuration, diagnostics)
    assert diagnostics.findings == []
    return steps(found)


def exchange() -> Context:
    session = Session(ListenerFacts("", 0))
    session.source = net_address("192.0.2.7", 4000)
    context = Context(ProxyFacts("f", 2, True), session)
    context.request = Request()
    context.request.uri = b"/x"
    context.now = 1000
    return context


def counted() -> int:
    table = TABLES.by_name["f"]
    return table.find_read(KEY, table.reading("http_req_cnt"), 1000)


def test_a_limit_is_asked_once_more_and_counts_once_more() -> None:
    rules = compiled("http-request track-sc0 src", "http-request deny if { sc_http_req_cnt(0) gt 3 }")
    context = exchange()
    assert run_steps(rules, context) == CONTINUE
    assert not context.asked & MOVING
    noted = context.noted
    assert noted is not None and len(noted) == 2
    exchange_over(context, 1000)
    for count in (2, 3):
        again = exchange()
        assert all([one.again(again) for one in noted])
        assert counted() == count
        exchange_over(again, 1000)
    last = exchange()
    assert [one.again(last) for one in noted] == [True, False]
    assert counted() == 4
    assert run_steps(rules, last) == DENY  # decided anew, it is not tracked twice
    assert counted() == 4


@pytest.mark.parametrize(
    "rule",
    [
        "http-request track-sc0 path",  # rules may have changed what it looks at
        "http-request track-sc0 var(txn.a)",
        "http-request sc-inc-gpc0(0)",
        "http-request deny if { sc0_inc_gpc0 gt 3 }",  # asking changes something
        "http-request deny if { src_clr_gpc0 gt 3 }",
        "http-request deny if { src,table_inc_gpc0 gt 3 }",
        "http-request deny if { path /y } or { sc0_http_req_cnt gt 3 }",
        "http-request deny if { rand(10) lt 0 }",
        "http-request set-header x %[sc0_http_req_cnt]",
    ],
)
def test_what_keeps_a_request_from_being_remembered(rule: str) -> None:
    context = exchange()
    run_steps(compiled(rule), context)
    assert context.asked & MOVING


def test_a_rule_behind_a_limit_is_not_done_again_by_itself() -> None:
    """What it wrote stands in the request that is remembered; only the limit is asked."""
    rules = compiled("http-request set-header x-often yes if { src_http_req_cnt gt 3 }")
    context = exchange()
    run_steps(rules, context)
    assert not context.asked & MOVING
    assert context.noted is not None
    (noted,) = context.noted
    assert noted.again(exchange())
    table = TABLES.by_name["f"]
    field = table.stores("http_req_cnt")
    assert field is not None
    table.set(table.enter(KEY, 1000), *field, 7, 1000)
    assert not noted.again(exchange())


def test_who_is_decided_anew_goes_on_with_what_was_found_before() -> None:
    """A condition before the rule that tracks must not see what that has counted (`Context.redone`)."""
    rules = compiled(
        "http-request deny if { src_http_req_cnt gt 1 }",
        "http-request track-sc0 src",
        "http-request set-header x-often yes if { sc0_http_req_cnt gt 1 }",
    )
    first = exchange()
    assert run_steps(rules, first) == CONTINUE
    noted = first.noted
    assert noted is not None
    exchange_over(first, 1000)
    second = exchange()
    assert [one.again(second) for one in noted] == [True, True, False]
    second.redone = noted[:2][::-1]
    assert run_steps(rules, second) == CONTINUE
    assert second.redone is None
    assert second.request is not None
    assert [one.value for one in second.request.fields] == [b"yes"]
    assert second.noted is not None
    assert len(second.noted) == 3
    assert counted() == 2
    exchange_over(second, 1000)
    assert run_steps(rules, exchange()) == DENY
