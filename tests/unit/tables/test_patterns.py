"""Lists of patterns: against a plain model, and the changes by which processes keep the same ones."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.sample.lookup import Lookup
from pointsman.sample.pattern import METHODS
from pointsman.sample.types import Type, Value
from pointsman.tables.changes import CHANGES, Change
from pointsman.tables.patterns import LISTS, PatternError, PatternList

KEYS = st.sampled_from(["a", "b", "c", "#1"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add next", "set", "del", "drop", "replace", "clear", "prepare", "commit"]),
        KEYS,
        st.sampled_from(["1", "2", "x"]),
    ),
    max_size=40,
)


def change(verb: str, key: str, value: str, reference: PatternList) -> Change:
    number = reference.number
    if verb == "add":
        return ["map", number, "add", -1, [[key, value]]]
    if verb == "add next":
        return ["map", number, "add", reference.next, [[key, value], ["more", value]]]
    if verb in ("set", "replace"):
        return ["map", number, verb, key, value]
    if verb in ("del", "drop"):
        return ["map", number, verb, key]
    if verb == "clear":
        return ["map", number, "clear", -1]
    return ["map", number, "prepare"] if verb == "prepare" else ["map", number, "commit", reference.next]


def state(reference: PatternList) -> object:
    return (
        reference.current,
        reference.next,
        reference.issued,
        [
            [(one.identity, one.key, one.value, one.version) for one in reference.entries(version)]
            for version in sorted(reference.versions)
            if reference.versions[version] or version == reference.current
        ],
        sorted(key for key in reference.by_key[reference.current] if reference.find(key)),
    )


def fresh() -> tuple[PatternList, Lookup]:
    LISTS.reset()
    made = LISTS.new("a.map", True)
    use = made.use("x", lambda: Lookup(METHODS["str"], Type.SINT))
    assert isinstance(use, Lookup)
    made.add("a", "5")
    made.changed = False
    return made, use


def told(use: Lookup, key: str) -> Value | None:
    """What the map gives."""
    entry = use.find(key.encode())
    return None if entry is None else use.values[entry.identity]


@settings(max_examples=200, deadline=None)
@given(STEPS, st.integers(0, 40))
def test_processes_that_make_the_same_changes_have_the_same_lists(steps: list[tuple[str, str, str]], at: int) -> None:
    first, use = fresh()
    made: list[Change] = []
    snapshot: list[Change] = []
    for place, (verb, key, value) in enumerate(steps):
        if place == at:
            snapshot = CHANGES.followers["map"].snapshot()
            made = []
        wanted = change(verb, key, value, first)
        before = state(first)
        try:
            CHANGES.apply(wanted)
            made.append(wanted)
        except PatternError:
            assert state(first) == before, "a change that failed has changed something"
    found = {key: use.find(key.encode()) for key in ("a", "b", "c", "more")}
    given = {key: told(use, key) for key in found}
    for key, entry in found.items():
        same = first.same(key)
        assert (entry is None) == (not same)
        if entry is not None and same:
            assert entry is same[0]
            assert given[key] == int(same[0].value or "")
    second, other = fresh()
    for one in json.loads(json.dumps([*snapshot, *made])):
        CHANGES.apply(one)
    assert state(second) == state(first)
    assert {key: told(other, key) for key in found} == given


def test_numbers_that_were_asked_for_are_left_free() -> None:
    LISTS.reset()
    assert LISTS.new("", False, 1).number == 1
    assert [LISTS.new("", False).number for _ in range(3)] == [0, 2, 3]
    assert LISTS.find("#2") is LISTS.references[2]
    assert LISTS.find("#x") is None
    assert LISTS.find("nobody") is None


def test_versions_wrap() -> None:
    LISTS.reset()
    one = LISTS.new("", True)
    one.current = one.next = (1 << 32) - 1
    one.versions = {one.current: {}}
    one.by_key = {one.current: {}}
    version = one.prepare()
    assert version == 0
    one.add("a", "1", version)
    with pytest.raises(PatternError, match="future"):
        one.add("a", "1", 1)
    one.commit(0)
    assert [entry.key for entry in one.entries()] == ["a"]
