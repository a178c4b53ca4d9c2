"""Indexes of entries that change: they find what the compiled tests of ACLs find, and the entry that counts."""

import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.core.diagnostics import NOWHERE
from pointsman.sample.matching import INDEXES, Lookup
from pointsman.sample.pattern import METHODS, Pattern
from pointsman.sample.types import Type, Value
from pointsman.tables.patterns import PatternError, Reference

WORDS = st.text("ab/.?:A", max_size=6)
KEYS: dict[str, st.SearchStrategy[str]] = {
    **{name: WORDS.filter(bool) for name in ("str", "beg", "end", "sub", "dir", "dom")},
    "reg": st.sampled_from(["^a", "b$", "a.b", "[ab]+/", "A", "(a|b)?"]),
    "int": st.sampled_from(["1", "2", "3:5", ":2", "4:", "-7"]),
    "len": st.sampled_from(["1", "2", "3:5", ":2", "4:"]),
    "bin": st.sampled_from(["61", "6162", "ff", "2f"]),
    "ip": st.sampled_from(
        ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "::1", "2001:db8::/32", "0.0.0.0/0", "10.1", "::ffff:10.1.2.0/120"]
    ),
}
ADDRESSES = [socket.inet_pton(socket.AF_INET, one) for one in ("10.1.2.3", "10.1.9.9", "10.7.7.7", "192.0.2.1")] + [
    socket.inet_pton(socket.AF_INET6, one) for one in ("::1", "2001:db8::5", "::ffff:10.1.2.3", "2001:db9::")
]


def values(name: str) -> st.SearchStrategy[Value]:
    if name == "int":
        return st.integers(-9, 9)
    if name == "ip":
        return st.sampled_from(ADDRESSES)
    if name == "bin":
        return st.sampled_from([b"a", b"ab", b"\xff", b"/", b"x"])
    return WORDS.map(str.encode)


@pytest.mark.parametrize("name", sorted(set(INDEXES) - {"regm"}))
def test_an_index_finds_what_a_compiled_test_finds(name: str) -> None:
    @settings(max_examples=80, deadline=None)
    @given(
        st.lists(KEYS[name], max_size=6),
        st.lists(st.integers(0, 5), max_size=4),
        st.lists(values(name), min_size=1),
        st.booleans(),
    )
    def run(keys: list[str], gone: list[int], asked: list[Value], nocase: bool) -> None:
        reference = Reference(0, "x", False)
        use = reference.use("x", lambda: Lookup(name, Type.ANY, nocase))
        assert isinstance(use, Lookup)
        added = [reference.add(key, None) for key in keys]
        for index in sorted(set(gone), reverse=True):
            if index < len(added):
                reference.delete(f"#{added.pop(index).identity}")
        patterns = [Pattern(entry.key, NOWHERE, nocase, "eq", False) for entry in added]
        test = METHODS[name].make(patterns).match if patterns else lambda _: False
        for value in asked:
            found = use.find(value)
            assert (found is not None) == bool(test(value))
            if found is not None:
                assert METHODS[name].make([Pattern(found.entry.key, NOWHERE, nocase, "eq", False)]).match(value)
                matching = [
                    entry for entry, pattern in zip(added, patterns) if METHODS[name].make([pattern]).match(value)
                ]
                if name not in ("beg", "ip"):
                    assert found.entry is matching[0]

    run()


def lookup(method: str, output: Type, *pairs: tuple[str, str]) -> tuple[Reference, Lookup]:
    reference = Reference(0, "x", True)
    use = reference.use("x", lambda: Lookup(method, output))
    assert isinstance(use, Lookup)
    for key, value in pairs:
        reference.add(key, value)
    return reference, use


def told(use: Lookup, value: Value) -> Value | None:
    found = use.find(value)
    return None if found is None else found.value


def test_the_finest_match_wins() -> None:
    _, nets = lookup(
        "ip", Type.STR, ("10.0.0.0/8", "wide"), ("10.1.0.0/16", "near"), ("10.1.2.3", "one"), ("10.1.2.3", "late")
    )
    assert [told(nets, address) for address in ADDRESSES[:4]] == [b"one", b"near", b"wide", None]
    _, paths = lookup("beg", Type.STR, ("/", "all"), ("/a/b", "deep"), ("/a", "a"), ("/a", "late"))
    assert [told(paths, path) for path in (b"/x", b"/a/b/c", b"/ab", b"x")] == [b"all", b"deep", b"a", None]


def test_values_are_converted_once() -> None:
    reference, numbers = lookup("str", Type.SINT, ("a", "7"), ("b", "-3"))
    assert (told(numbers, b"a"), told(numbers, b"b")) == (7, -3)
    for key, value in (("c", "x"), ("c", "")):
        with pytest.raises(PatternError, match="unable to parse"):
            reference.add(key, value)
    with pytest.raises(PatternError, match="unable to parse"):
        reference.set("a", "many")
    reference.set("a", "8")
    assert told(numbers, b"a") == 8
    _, places = lookup("str", Type.ADDR, ("a", "10.0.0.1"), ("b", "::1"))
    assert (told(places, b"a"), told(places, b"b")) == (b"\x0a\0\0\x01", bytes(15) + b"\x01")


def test_versions_are_prepared_beside_the_current_one() -> None:
    reference, names = lookup("str", Type.STR, ("a", "old"), ("b", "old"))
    version = reference.prepare()
    reference.add("a", "new", version)
    assert (told(names, b"a"), told(names, b"b")) == (b"old", b"old")
    reference.commit(version)
    assert (told(names, b"a"), told(names, b"b")) == (b"new", None)
    assert reference.count() == 1
    reference.clear()
    assert told(names, b"a") is None
    reference.add("a", "again")
    assert told(names, b"a") == b"again"


def test_a_use_that_comes_late_sees_what_is_there() -> None:
    reference, _ = lookup("str", Type.STR, ("/a", "x"))
    version = reference.prepare()
    reference.add("/b", "y", version)
    reference.commit(version)
    late = reference.use("late", lambda: Lookup("beg", Type.STR))
    assert isinstance(late, Lookup)
    assert told(late, b"/b/c") == b"y"
    assert told(late, b"/a") is None
