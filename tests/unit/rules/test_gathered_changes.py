"""What rules want changed, gathered and not made: in one process, and in a lane that has a way to control."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_stand import exchange, values
from support.configs import good

from pointsman.core.epoch import EPOCH
from pointsman.rules.plan import Step, run_steps, steps
from pointsman.rules.rule import Rule
from pointsman.sample.context import Context
from pointsman.sample.types import Packed
from pointsman.sample.variables import PROCESS_VARIABLES
from pointsman.tables.changes import CHANGES, Change
from pointsman.tables.patterns import LISTS

RULES = (
    "http-request set-map(virt@m) %[path] %[src]",
    "http-request del-map(virt@m) known",
    "http-request add-acl(virt@l) %[method]",
    "http-request del-acl(virt@l) listed",
    "http-request set-var(proc.gathered) src",
    "http-request set-var(proc.counted) var(proc.counted),add(1)",
    "http-request unset-var(proc.gone)",
    "http-request set-header told %[var(proc.counted)]|%[var(proc.gone)]|%[path,map(virt@m,none)]",
    "http-request set-header kept %[str(x),set-var(proc.kept),set-var(txn.kept)]",
)


@pytest.fixture(autouse=True)
def _variables() -> Iterator[None]:
    before = dict(PROCESS_VARIABLES)
    PROCESS_VARIABLES.clear()
    yield
    PROCESS_VARIABLES.clear()
    PROCESS_VARIABLES.update(before)


def made(*lines: str) -> list[Step]:
    """The rules; the process has two variables, and two lists have an entry each."""
    loaded = good("frontend", "mode http", *lines)
    found = loaded.proxy.all(Rule)
    for rule in found:
        rule.action.resolve(loaded.configuration, loaded.diagnostics)
    for name, key, value in (("virt@m", "known", "1"), ("virt@l", "listed", None)):
        LISTS.by_name[name].add(key, value)
    PROCESS_VARIABLES.update({b"proc.counted": 7, b"proc.gone": b"here"})
    return steps(found)


def state() -> object:
    """All that changes can change."""
    lists = [[(entry.identity, entry.key, entry.value) for entry in one.entries()] for one in LISTS.references]
    return lists, dict(PROCESS_VARIABLES), EPOCH.number, CHANGES.outbox


WANTED: list[Change] = [
    ["map", 0, "replace", "/path", "192.0.2.7"],
    ["map", 0, "drop", "known"],
    ["map", 1, "replace", "GET", None],
    ["map", 1, "drop", "listed"],
    ["var", "proc.gathered", "addr", "\xc0\x00\x02\x07"],
    ["var", "proc.counted", "sint", 8],
    ["var", "proc.gone", "", None],
    ["var", "proc.kept", "str", "x"],
]


@pytest.mark.parametrize("lane", [False, True])
def test_nothing_is_changed(lane: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    wishes: list[Change] = []
    told: list[str] = []
    monkeypatch.setattr(CHANGES, "watchers", [told.append])
    if lane:
        monkeypatch.setattr(CHANGES, "outbox", wishes.append)
    rules = made(*RULES)
    before = state()
    ctx = exchange()
    with CHANGES.gathered() as found:
        run_steps(rules, ctx)
        assert PROCESS_VARIABLES[b"proc.counted"] == 8  # for rules behind, as in traffic
    assert found == WANTED
    assert state() == before
    assert (wishes, told) == ([], [])
    assert values(ctx.request, "told") == ["8||none"]
    assert ctx.variables == {b"txn.kept": b"x"}  # the exchange's own


def test_two_lanes_make_of_it_what_traffic_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was gathered is what a lane sends to control. Made there, it leaves the state that rules leave alone."""
    rules = made(*RULES)
    run_steps(rules, exchange())
    alone = [[(entry.key, entry.value) for entry in one.entries()] for one in LISTS.references], dict(PROCESS_VARIABLES)
    PROCESS_VARIABLES.clear()
    rules = made(*RULES)
    with CHANGES.gathered() as found:
        run_steps(rules, exchange())
    wishes: list[Change] = []
    with monkeypatch.context() as patch:
        patch.setattr(CHANGES, "outbox", wishes.append)
        run_steps(rules, exchange())
    assert wishes == found
    PROCESS_VARIABLES.update(
        {b"proc.counted": 7, b"proc.gone": b"here"}
    )  # the second lane's, which has not heard of them yet
    for change in wishes:
        CHANGES.apply(change)
    assert (
        [[(entry.key, entry.value) for entry in one.entries()] for one in LISTS.references],
        dict(PROCESS_VARIABLES),
    ) == alone
    assert PROCESS_VARIABLES[b"proc.gathered"] == Packed(b"\xc0\x00\x02\x07")


def test_an_error_puts_all_back() -> None:
    rules = made(*RULES)
    before = state()
    with pytest.raises(ZeroDivisionError), CHANGES.gathered():
        run_steps(rules, exchange())
        raise ZeroDivisionError
    assert state() == before


def test_one_inside_another() -> None:
    """The inner one's changes are its own, and the outer one goes on behind it."""
    rules = made("http-request set-var(proc.counted) var(proc.counted),add(1)", *RULES[:4])
    before = state()
    with CHANGES.gathered() as outer:
        run_steps(rules[:1], exchange())
        with CHANGES.gathered() as inner:
            run_steps(rules[:1], exchange())
        run_steps(rules[:1], exchange())
    assert outer == [["var", "proc.counted", "sint", 8], ["var", "proc.counted", "sint", 9]]
    assert inner == [["var", "proc.counted", "sint", 9]]
    assert state() == before


ACTIONS = st.sampled_from(RULES)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.lists(ACTIONS, max_size=6), st.booleans()), min_size=1, max_size=5))
def test_traffic_does_not_notice(story: list[tuple[list[str], bool]]) -> None:
    """Explanations between requests: the same state and the same heads as without any."""

    def play(explained: bool) -> list[object]:
        PROCESS_VARIABLES.clear()
        rules = made(*RULES, *[line for lines, _ in story for line in lines])
        seen: list[object] = []
        at = len(RULES)
        for lines, gather in story:
            some, at = rules[at : at + len(lines)], at + len(lines)
            if gather and explained:
                with CHANGES.gathered():
                    run_steps(some, exchange())
            if not gather:
                ctx: Context = exchange()
                run_steps(some, ctx)
                seen.append((values(ctx.request, "told"), ctx.variables))
        keys = [[(entry.key, entry.value) for entry in one.entries()] for one in LISTS.references]
        return [*seen, keys, dict(PROCESS_VARIABLES)]

    assert play(True) == play(False)


def test_a_way_to_control_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    wishes: list[Change] = []
    send: Callable[[Change], None] = wishes.append
    monkeypatch.setattr(CHANGES, "outbox", send)
    rules = made(*RULES)
    with CHANGES.gathered():
        run_steps(rules, exchange())
    assert wishes == [] and CHANGES.outbox is send
    run_steps(rules, exchange())
    assert wishes == WANTED
