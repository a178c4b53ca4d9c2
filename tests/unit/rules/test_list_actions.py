"""set-map, del-map, add-acl, del-acl (manual 4.4), in one process and in a lane."""

from pathlib import Path

import pytest
from rule_stand import compiled, error, exchange, run

from pointsman.rules.plan import run_steps, steps
from pointsman.tables.changes import CHANGES, Change
from pointsman.tables.patterns import LISTS


def content(name: str) -> list[tuple[str, str | None]]:
    found = LISTS.find(name)
    assert found is not None
    return [(entry.key, entry.value) for entry in found.entries()]


def test_set_map_gives_a_key_one_value() -> None:
    run(
        exchange(),
        "http-request set-map(virt@m) %[path] first",
        "http-request set-map(virt@m) %[path] %[src]",
        "http-request set-map(virt@m) other 1",
    )
    assert content("virt@m") == [("/path", "192.0.2.7"), ("other", "1")]


def test_all_entries_of_a_key_change(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("a 1\nb 2\na 3\n")
    before = f"http-request set-header x %[path,map({tmp_path}/m)]"
    run(
        exchange(),
        before,
        f"http-request set-map({tmp_path}/m) a 9",
        f"http-request del-map(opt@{tmp_path}/m) b",
        f"http-request del-map({tmp_path}/m) nobody",
    )
    assert content(f"{tmp_path}/m") == [("a", "9"), ("a", "9")]


def test_an_acl_knows_at_once() -> None:
    rules = (
        "acl bad path -f virt@bad",
        "http-request deny if bad",
        "http-request add-acl(virt@bad) %[path]",
        "http-request add-acl(virt@bad) %[path]",
    )
    found = compiled(*rules)
    for rule in found:
        rule.action.resolve(None, None)  # type: ignore[arg-type]  # it asks neither
    first, second = run_steps(steps(found), exchange()), run_steps(steps(found), exchange())
    assert first != second
    assert content("virt@bad") == [("/path", None)]


def test_what_responses_may_take_back() -> None:
    run(
        exchange(),
        "http-request add-acl(virt@l) a",
        "http-request add-acl(virt@l) b",
        "http-request set-map(virt@m) a 1",
        "http-after-response del-acl(virt@l) a",
        "http-after-response del-map(virt@m) a",
    )
    assert content("virt@l") == [("b", None)]
    assert content("virt@m") == []


def test_a_key_that_looks_like_a_number_of_an_entry_is_a_key() -> None:
    run(
        exchange(),
        "http-request set-map(virt@m) a 1",
        'http-request set-map(virt@m) "%[str(#0x100000001)]" 2',
        'http-request del-map(virt@m) "%[str(#0x100000001)]"',
        'http-request del-map(virt@m) "%[str(#4294967297)]"',
    )
    assert content("virt@m") == [("a", "1")]


def test_what_a_map_cannot_give_is_left_out() -> None:
    run(
        exchange(),
        "http-request set-header x %[path,map_str_int(virt@n)]",
        "http-request set-map(virt@n) a x",
        "http-request set-map(virt@n) b 5",
    )
    assert content("virt@n") == [("b", "5")]


def test_a_lane_only_wishes_what_would_change_something(monkeypatch: pytest.MonkeyPatch) -> None:
    wishes: list[Change] = []
    monkeypatch.setattr(CHANGES, "outbox", wishes.append)
    run(
        exchange(),
        "http-request set-map(virt@m) a 1",
        "http-request del-map(virt@m) a",
        "http-request add-acl(virt@l) b",
    )
    numbers = [one.number for one in LISTS.references]
    assert wishes == [["map", numbers[0], "replace", "a", "1"], ["map", numbers[1], "replace", "b", None]]
    assert content("virt@m") == []
    wishes.clear()
    (rule,) = compiled("http-request set-map(virt@m) a 1")
    rule.action.resolve(None, None)  # type: ignore[arg-type]  # it asks neither
    run_steps(steps([rule]), exchange())
    CHANGES.apply(wishes.pop())
    run_steps(steps([rule]), exchange())
    assert wishes == [] and content("virt@m") == [("a", "1")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("http-request set-map(virt@m) a", "value fmt"),
        ("http-request set-map(virt@m)", "key fmt"),
        ("http-request add-acl(virt@m)", "key fmt"),
        ("http-after-response add-acl(virt@m) a", "add-acl"),
    ],
)
def test_errors(line: str, message: str) -> None:
    assert message in error(line)[0]
