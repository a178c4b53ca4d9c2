"""track-sc rules and sc- actions: what lines may say, and what is wrong with others."""

import pytest
from support.configs import section

from pointsman.assemble.tables import build_tables
from pointsman.config.fault_codes import fault_codes
from pointsman.config.load import load_text
from pointsman.config.setting import Section
from pointsman.core.diagnostics import ConfigError, Diagnostics, Finding, Severity
from pointsman.rules.rule import Rule
from pointsman.rules.tracking import Track

TABLES = """
backend addresses
    stick-table type ip size 10
backend numbers
    stick-table type integer size 10
backend texts
    stick-table type string size 10
backend without
"""


def wrong(line: str, before: str = "") -> Finding:
    found = section("frontend", "mode http", line, before=before).diagnostics.findings
    alerts = [one for one in found if one.severity == Severity.ALERT]
    assert len(alerts) == 1
    return alerts[0]


@pytest.mark.parametrize(
    ("line", "message", "offending"),
    [
        ("http-request track-sc0", "'http-request track-sc0' expects <key>", ""),
        ("http-request track-sc0 srk", "unknown fetch method 'srk'", "srk"),
        ("http-request track-sc0 src table", "'http-request track-sc0': missing table name.", ""),
        ("http-request track-sc3 src", "'http-request track-sc3': 3 exceeds 2 (tune.stick-counters-1).", "track-sc3"),
        (
            "http-request track-sc0 src foo",
            "'http-request track-sc0' cannot handle unexpected argument 'foo'",
            "foo",
        ),
        (
            "http-after-response track-sc0 src",
            "'http-after-response': action 'track-sc0' is not possible here",
            "track-sc0",
        ),
        ("http-request sc-inc-gpc(0)", "'http-request sc-inc-gpc(0)': missing gpc ID.", "0"),
        ("http-request sc-inc-gpc(a,0)", "'http-request sc-inc-gpc(a,0)': missing gpc ID.", "a,0"),
        ("http-request sc-inc-gpc(100,0)", "'http-request sc-inc-gpc(100,0)': gpc ID 100 is out of range.", "100,0"),
        (
            "http-request sc-inc-gpc(0,3)",
            "'http-request sc-inc-gpc(0,3)': 3 exceeds 2 (tune.stick-counters-1).",
            "0,3",
        ),
        ("http-request sc-inc-gpc0(9)", "'http-request sc-inc-gpc0(9)': 9 exceeds 2 (tune.stick-counters-1).", "9"),
        ("http-request sc-set-gpt(0) 5", "'http-request sc-set-gpt(0)': missing gpt ID.", "0"),
        ("http-request sc-set-gpt0(0)", "'http-request sc-set-gpt0(0)' expects <int> or <expr>", ""),
        ("http-request sc-set-gpt0(0) -5", "'http-request sc-set-gpt0(0)': '-5' is not a number", "-5"),
        ("http-request sc-add-gpc(0,0) foo", "unknown fetch method 'foo'", "foo"),
        ("http-request sc-add-gpc(0,0) bin(00)", "'http-request sc-add-gpc(0,0)': 'bin(00)' is no number", "bin(00)"),
        ("http-request deny if { sc_get_gpc(100,0) gt 0 }", "index 100 is out of range", "sc_get_gpc(100,0)"),
    ],
)
def test_errors(line: str, message: str, offending: str) -> None:
    found = wrong(line)
    assert message in found.message
    at = found.position
    assert at.text[at.column - 1 : at.column - 1 + at.length] == offending


@pytest.mark.parametrize(
    ("line", "near"), [("http-request track-s0 src", "track-sc0"), ("http-request sc-inc-gcp(0,0)", "sc-inc-gpc")]
)
def test_the_nearest_action(line: str, near: str) -> None:
    assert f"did you mean '{near}" in wrong(line).hint


def test_more_counters() -> None:
    before = "global\n tune.stick-counters 12\n"
    for line in ("http-request track-sc11 src", "http-request sc-inc-gpc0(11)", "http-request sc-inc-gpc(5,11)"):
        assert section("frontend", "mode http", line, before=before).errors == []
    assert "exceeds 11" in wrong("http-request track-sc12 src", before).message


def test_the_first_counter_needs_no_number() -> None:
    """As in HAProxy: track-sc, and sc-inc-gpc0 without parentheses."""
    for line in ("http-request track-sc src", "http-request sc-inc-gpc0", "http-request sc-set-gpt0 7"):
        assert section("frontend", "mode http", line).errors == []


def assembled(rule: str, kind: str = "frontend") -> list[str]:
    """What is said of a rule once all tables are known."""
    diagnostics = Diagnostics()
    configuration = load_text(f"{kind} x\n    mode http\n    {rule}\n{TABLES}", diagnostics)
    build_tables(configuration, 1, diagnostics)
    found: list[Section] = configuration.proxies
    for proxy in found:
        for one in proxy.all(Rule):
            if isinstance(one.action, Track):
                try:
                    one.action.resolve(configuration, diagnostics)
                except ConfigError as error:
                    diagnostics.add(error.finding)
    return [one.message for one in diagnostics.findings if one.severity == Severity.ALERT]


@pytest.mark.parametrize(
    ("rule", "errors"),
    [
        ("http-request track-sc0 src table addresses", []),
        ("http-request track-sc0 src table texts", []),
        ("http-request track-sc0 src", ["unable to find table 'x'"]),
        ("http-request track-sc0 src table address", ["unable to find table 'address'"]),
        ("http-request track-sc0 src table without", ["unable to find table 'without'"]),
        ("http-request deny if { src_conn_cnt gt 1 }", ["unable to find table 'x'"]),
        ("http-request deny if { src,in_table(nowhere) }", ["unable to find table 'nowhere'"]),
        ("http-request deny if { sc0_conn_cnt(nowhere) gt 1 }", ["unable to find table 'nowhere'"]),
        ("http-request deny if { sc0_conn_cnt gt 1 }", []),
        ("http-request set-header a %[table_cnt(nowhere)]", ["unable to find table 'nowhere'"]),
        # As in HAProxy, only rules look at the type of the table.
        ("http-request deny if { src,in_table(numbers) }", []),
        (
            "http-request track-sc0 method table numbers",
            ["stick-table 'numbers' uses a type incompatible with the 'track-sc0' rule."],
        ),
        (
            "http-request track-sc1 src table numbers",
            ["stick-table 'numbers' uses a type incompatible with the 'track-sc1' rule."],
        ),
    ],
)
def test_tables_of_rules(rule: str, errors: list[str]) -> None:
    assert assembled(rule) == errors


def test_a_defaults_section_has_to_name_the_table() -> None:
    message = ["table name must be set in a defaults section"]
    assert assembled("http-request track-sc0 src", "defaults") == message
    assert assembled("http-request deny if { src_conn_cnt gt 1 }", "defaults") == message
    assert assembled("http-request track-sc0 src table addresses", "defaults") == []


def test_statuses_that_count() -> None:
    def codes(*lines: str) -> frozenset[int]:
        loaded = section("global", *lines)
        assert loaded.errors == []
        return fault_codes(loaded.main, "http-err-codes")

    whole = frozenset(range(400, 500))
    assert codes() == whole
    assert codes("http-err-codes 400,402-444,446-480,490") == frozenset(  # the examples of the manual (3.1)
        (400, *range(402, 445), *range(446, 481), 490)
    )
    assert codes("http-err-codes 400-499 -450 +500") == whole - {450} | {500}
    assert codes("http-err-codes -450-459") == whole - set(range(450, 460))
    assert codes("http-err-codes +501,505") == whole | {501, 505}
    for line, message in (
        ("http-err-codes", "'http-err-codes' expects ranges of status codes."),
        ("http-fail-codes 5xx", "'http-fail-codes': '5xx' is no range of status codes."),
        ("http-err-codes 499-400", "'http-err-codes': '499-400' is not between 100 and 599, the lower code first."),
        ("http-err-codes 400,600", "'http-err-codes': '600' is not between 100 and 599, the lower code first."),
    ):
        assert section("global", line).errors == [message]
