"""What cannot be known offline: it is named, both ways are shown, and what is given holds."""

from pathlib import Path

import pytest

from pointsman.verbs.explain.engine import AskedError, Engine
from pointsman.verbs.explain.model import Asked, Explanation

CONFIG = """\
defaults
    mode http
    timeout client 30s
    timeout server 1m
    timeout connect 5s
frontend web
    bind :80
    stick-table type ip size 100k expire 30s store http_req_rate(10s),conn_rate(3s),gpc(1),gpt(1)
    http-request track-sc0 src
    http-request set-header x-draw %[rand(7)]
    http-request deny deny_status 429 if { sc_http_req_rate(0) gt 3 }
    http-request set-var(proc.seen) path if { path /seen }
    http-request set-map(virt@seen) %[path] 1 if { path /seen }
    http-request return status 200 if { path /was } { str(/seen),map(virt@seen) -m found } { var(proc.seen) -m found }
    http-request deny if { src,table_conn_rate(web) ge 9 } { path /both }
    use_backend canary if { rand(100) lt 5 } { path /canary }
    use_backend spare if { nbsrv(main) lt 1 }
    use_backend other if { path /nothing } { rand(9) eq 3 }
    default_backend main
backend main
    balance roundrobin
    server m1 10.0.0.1:80
    server m2 10.0.0.2:80
backend canary
    server c1 10.0.1.1:80
backend spare
    server p1 10.0.2.1:80
backend other
    server o1 10.0.3.1:80
"""


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    file = tmp_path / "haproxy.cfg"
    file.write_text(CONFIG)
    made = Engine([str(file)])
    assert not made.failed, [one.message for one in made.diagnostics.findings]
    return made


def told(found: Explanation) -> dict[str, tuple[str, str | None, str]]:
    """Of each branch: what is assumed, and where it leads."""
    return {
        one.unknown.text: (one.explanation.outcome, one.unknown.assumed, one.explanation.backend)
        for one in found.branches
    }


def test_both_ways_are_shown(engine: Engine) -> None:
    found = engine.explain(Asked(url="/canary"))
    assert found.backend == "main"  # the middle is taken for what is drawn
    assert {one.text: one.assumed for one in found.unknown} == {
        "rand(7)": "3",
        "sc_http_req_rate(0)": "1",
        "src,table_conn_rate(web)": "1",
        "rand(100)": "50",
        "nbsrv(main)": "2",
    }
    assert told(found) == {
        "sc_http_req_rate(0)": ("deny", "4", ""),
        "rand(100)": ("server", "4", "canary"),
        "nbsrv(main)": ("server", "0", "spare"),
    }
    found = engine.explain(Asked(url="/canary", given={"rand(100)": "0"}))
    assert (found.backend, set(told(found))) == ("canary", {"sc_http_req_rate(0)"})


def test_what_does_not_matter_is_no_branch(engine: Engine) -> None:
    found = engine.explain(Asked(url="/nothing"))
    assert (found.backend, set(told(found))) == ("main", {"sc_http_req_rate(0)", "nbsrv(main)", "rand(9)"})
    found = engine.explain(Asked(url="/x"))
    assert set(told(found)) == {"sc_http_req_rate(0)", "nbsrv(main)"}


def test_both_needed(engine: Engine) -> None:
    found = engine.explain(Asked(url="/both"))
    assert told(found)["src,table_conn_rate(web)"] == ("deny", "9", "")


@pytest.mark.parametrize(
    "name", ["sc_http_req_rate(0)", "sc0_http_req_rate", "sc_http_req_rate", "sc_http_req_rate( 0 )"]
)
def test_what_is_given_holds(engine: Engine, name: str) -> None:
    found = engine.explain(Asked(url="/x", given={name: "20"}))
    assert (found.outcome, found.status) == ("deny", 429)
    assert "sc_http_req_rate(0)" not in {one.text for one in found.unknown}


def test_given_expressions(engine: Engine) -> None:
    assert engine.explain(Asked(url="/canary", given={"rand(100)": "50"})).backend == "main"
    assert engine.explain(Asked(url="/both", given={"src,table_conn_rate(web)": "10"})).outcome == "deny"
    assert engine.explain(Asked(url="/x", given={"path": "/canary", "rand(100)": "1"})).backend == "canary"
    engine.fresh()
    found = engine.explain(Asked(url="/x", given={"rand": "3"}))
    assert "x-draw: 3" in found.request
    assert engine.explain(Asked(url="/nothing", given={"rand": "3"})).backend == "other"
    assert engine.explain(Asked(url="/x")).backend == "main"  # nothing stays


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sc0_http_req_rat": "1"}, "nothing in the configuration asks for 'sc_http_req_rat(0)'"),
        ({"rand(100)": "many"}, "'rand(100)' is a number, not 'many'"),
    ],
)
def test_what_cannot_be_given(engine: Engine, given: dict[str, str], message: str) -> None:
    with pytest.raises(AskedError) as error:
        engine.explain(Asked(url="/x", given=given))
    assert message in str(error.value)


def test_states_are_known_where_a_server_is_down(engine: Engine) -> None:
    found = engine.explain(Asked(url="/x", down=frozenset({"main/m1"})))
    assert (found.backend, set(told(found))) == ("main", {"sc_http_req_rate(0)"})
    found = engine.explain(Asked(url="/x", down=frozenset({"main/m1", "main/m2"})))
    assert found.backend == "spare"


def test_requests_are_counted_as_they_follow_each_other(engine: Engine) -> None:
    """Branches count nothing."""
    for _ in range(2):
        found = [engine.explain(Asked(url="/x")) for _ in range(4)]
        assert [one.outcome for one in found] == ["server", "server", "server", "deny"]
        assert [one.server and one.server.name for one in found] == ["m1", "m2", "m1", None]
        engine.fresh()


def test_what_rules_change_elsewhere_lasts_until_the_engine_is_fresh(engine: Engine) -> None:
    assert engine.explain(Asked(url="/was")).outcome == "server"
    found = engine.explain(Asked(url="/seen"))
    notes = [note for stage in found.stages for step in stage.steps for note in step.notes if "would" in note]
    assert len(notes) == 2
    assert engine.explain(Asked(url="/was")).outcome == "answer"
    engine.fresh()
    assert engine.explain(Asked(url="/was")).outcome == "server"
