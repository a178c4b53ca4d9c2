"""Lists that change: after any changes they find what one that was made at once finds, and the entry that counts."""

import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.core.diagnostics import NOWHERE
from pointsman.sample.lookup import Lookup
from pointsman.sample.pattern import METHODS, Pattern
from pointsman.sample.types import Type, Value
from pointsman.tables.patterns import PatternError, PatternList

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


@pytest.mark.parametrize("name", sorted(name for name, method in METHODS.items() if method.patterns))
def test_a_list_that_changed_finds_what_a_new_one_finds(name: str) -> None:
    @settings(max_examples=80, deadline=None)
    @given(
        st.lists(KEYS[name], max_size=6),
        st.lists(st.integers(0, 5), max_size=4),
        st.lists(values(name), min_size=1),
        st.booleans(),
    )
    def run(keys: list[str], gone: list[int], asked: list[Value], nocase: bool) -> None:
        reference = PatternList(0, "x", False)
        use = reference.use("x", lambda: Lookup(METHODS[name], Type.ANY, nocase))
        assert isinstance(use, Lookup)
        added = [reference.add(key, None) for key in keys]
        for index in sorted(set(gone), reverse=True):
            if index < len(added):
                reference.delete(f"#{added.pop(index).identity}")
        patterns = [Pattern(entry.key, NOWHERE) for entry in added]
        made = METHODS[name].make(patterns, nocase, False)
        for value in asked:
            found = use.find(value)
            assert (found is not None) == use.matcher.test(value) == made.test(value)
            matching = [
                entry
                for entry, pattern in zip(added, patterns, strict=True)
                if METHODS[name].make([pattern], nocase, False).test(value)
            ]
            assert (found in matching) if matching else found is None
            if name not in ("beg", "ip") or nocase and name == "beg":
                assert matching == [] or found is matching[0]

    run()


def lookup(method: str, output: Type, *pairs: tuple[str, str]) -> tuple[PatternList, Lookup]:
    reference = PatternList(0, "x", True)
    use = reference.use("x", lambda: Lookup(METHODS[method], output))
    assert isinstance(use, Lookup)
    for key, value in pairs:
        reference.add(key, value)
    return reference, use


def told(use: Lookup, value: Value) -> Value | None:
    entry = use.find(value)
    return None if entry is None else use.values[entry.identity]


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
    late = reference.use("late", lambda: Lookup(METHODS["beg"], Type.STR))
    assert isinstance(late, Lookup)
    assert told(late, b"/b/c") == b"y"
    assert told(late, b"/a") is None


def test_beginnings_that_ignore_case_are_taken_in_their_order() -> None:
    """So does the program, which keeps these in a list; with case the longest counts."""
    for nocase, key in ((True, "/"), (False, "/a/b")):
        for more in ((), ("/1", "/2", "/3")):
            reference = PatternList(0, "x", False)
            use = reference.use("x", lambda nocase=nocase: Lookup(METHODS["beg"], Type.ANY, nocase))
            assert isinstance(use, Lookup)
            for one in ("/", "/a", "/a/b", *more):
                reference.add(one, None)
            found = use.find(b"/a/bc")
            assert found is not None
            assert found.key == key


def test_the_name_of_a_host_goes_with_all_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = ["192.0.2.1", "192.0.2.2"]

    def answers(*_: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(2, 1, 6, "", (address, 0)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    packed = [socket.inet_aton(one) for one in addresses]
    for others in ((), ("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4/31", "::1")):
        reference = PatternList(0, "x", False)
        use = reference.use("x", lambda: Lookup(METHODS["ip"], Type.ANY, False, True))
        for one in ("host.example", *others, "192.0.2.2"):
            reference.add(one, None)
        assert isinstance(use, Lookup)
        assert all(use.matcher.test(one) for one in packed)
        del addresses[0]  # it has another answer when it goes
        reference.delete("host.example")
        assert [use.matcher.test(one) for one in packed] == [False, True]
        addresses.insert(0, "192.0.2.1")


@pytest.mark.parametrize(("method", "keys", "bad"), [("ip", ["10.0.0.1", "x", "y"], "x"), ("int", ["5:3", "1"], "5:3")])
def test_the_first_entry_that_is_no_pattern_is_told(method: str, keys: list[str], bad: str) -> None:
    reference = PatternList(0, "x", False)
    for key in keys:
        reference.add(key, None)
    with pytest.raises(PatternError, match=f"'{bad}'") as caught:
        reference.use("x", lambda: Lookup(METHODS[method], Type.ANY))
    assert caught.value.entry is next(one for one in reference.entries() if one.key == bad)
    assert not reference.uses
