"""Regular expressions: PCRE2's by the extension, and Python's, which stand in for them, under the same names."""

import gc
import re
import sys
import time
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.config.features import FEATURES
from pointsman.core import plain_regex
from pointsman.core import regex as engine
from pointsman.core.regex import EXHAUSTED

MODULES: list[ModuleType] = [plain_regex]
try:
    from pointsman.core import _pcre

    MODULES.append(_pcre)
except ImportError:
    pass

built = pytest.mark.skipif(len(MODULES) == 1, reason="the extension is not built")
STUCK = rb"^/(a+)+$"
VALUE = b"/" + b"a" * 6000 + b"!"


@pytest.fixture(params=MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def made(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


# What both know alike, in PCRE's notation: a value with each that matches or does not.
@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        ("^(?i)foo", b"FOOd", True),
        ("a(?i)b|c", b"aB", True),
        ("a(?i)b|c", b"C", True),
        ("a(?i)b|c", b"Ab", False),
        ("(a(?i)b)c", b"aBc", True),
        ("(a(?i)b)c", b"aBC", False),
        ("(?<x>a)\\1", b"aa", True),
        ("[[:digit:][:space:]]x", b" x", True),
        ("[^[:alpha:]]", b"a", False),
        ("[a[b]", b"[", True),
        ("[]a]", b"]", True),
        ("a\\z", b"a\n", False),
        ("a\\Z", b"a\n", True),
        ("a$", b"a\n", True),
        ("a\\h+b", b"a \tb", True),
        ("(?<!a)b", b"ab", False),
        ("\\.(js|css)$", b"/x.css", True),
        ("[a&&b]", b"&", True),
        ("a++b", b"aab", True),
        ("[\\x00-\\x1f]", b"a\x01", True),
        ("[\\x80-\\xff]", b"a\x80", True),
        ("^.$", b"\xc3\xa9", False),
        ("a.b", b"a\nb", False),
        ("(?s)a.b", b"a\nb", True),
        ("", b"", True),
        ("\\d", "٣".encode(), False),
        ("\\w", b"\xe9", False),
    ],
)
def test_what_both_know(made: ModuleType, pattern: str, value: bytes, matches: bool) -> None:
    regex = made.compile_bytes(pattern.encode(), False, True)
    assert regex.test(value) is matches
    assert (regex.groups(value) is not None) is matches
    assert (regex.locate(value, 0) is not None) is matches
    assert regex.pattern == pattern.encode()
    assert regex.nocase is False


@pytest.mark.parametrize(
    "pattern", [b"(", b"[a", b"*", b"[[:nope:]]", b"(?<x", b"\\", b"(?<n>a)(?<n>b)", b"(?<!a+)b", b"a{2,1}"]
)
def test_what_is_none(made: ModuleType, pattern: bytes) -> None:
    with pytest.raises(ValueError) as caught:
        made.compile_bytes(pattern, False, True)
    what, where = caught.value.args
    assert what and 0 <= where <= len(pattern) + 1


def test_groups(made: ModuleType) -> None:
    regex = made.compile_bytes(rb"(a)|(b)(c)?", False, True)
    assert regex.groups(b"xbx") == (b"b", b"", b"b", b"")
    assert regex.groups(b"xabc") == (b"a", b"a", b"", b"")
    assert regex.groups(b"bc") == (b"bc", b"", b"b", b"c")
    assert regex.groups(b"") is None
    many = made.compile_bytes(b"(.)" * 40, False, True)
    assert many.groups(bytes(range(32, 72))) == (bytes(range(32, 72)), *[bytes([one]) for one in range(32, 72)])


def test_places(made: ModuleType) -> None:
    regex = made.compile_bytes(rb"(b)|^a", True, True)
    assert regex.nocase is True
    assert regex.locate(b"aAB", 0) == (0, 1, (b"a", b""))
    assert regex.locate(b"aAB", 1) == (2, 3, (b"B", b"B"))
    assert regex.locate(b"aAB", 3) is None
    assert made.compile_bytes(b"$", False, True).locate(b"ab", 2) == (2, 2, (b"",))


# Python's writes what it has differently: \Z as (?=\n?\Z), say.
@given(st.text("abc|()*+?.^$", max_size=10))
def test_what_both_know_alike_is_left_alone(text: str) -> None:
    try:
        re.compile(text)
    except re.error:
        return
    assert plain_regex.translate(text) == text


@pytest.mark.parametrize("module", MODULES)
@given(text=st.text("ab(|)[]^$.*+?\\iz:<>=!{}1,-&~", max_size=12), value=st.binary(max_size=8))
def test_nothing_else_is_raised(module: ModuleType, text: str, value: bytes) -> None:
    try:
        regex = module.compile_bytes(text.encode(), False, True)
    except ValueError:
        return
    groups = regex.groups(value)
    assert regex.test(value) is (groups is not None)
    found = regex.locate(value, 0)
    assert (None if found is None else found[2]) == groups
    assert found is None or 0 <= found[0] <= found[1] <= len(value)


@built
@given(st.text("ab().*?|^$", max_size=8), st.text("abc\n", max_size=8))
def test_both_agree(text: str, value: str) -> None:
    try:
        plain = plain_regex.compile_bytes(text.encode(), False, True)
        regex = _pcre.compile_bytes(text.encode(), False, True)
    except ValueError:
        return
    # Python's forgets a group that an empty repetition has set last, or sets it; what matches is the same.
    assert regex.test(value.encode()) == plain.test(value.encode())
    one, other = regex.locate(value.encode(), 0), plain.locate(value.encode(), 0)
    assert (one and one[:2]) == (other and other[:2])


@built
class TestExtension:
    def test_what_is_stuck_is_given_up_and_told(self) -> None:
        heard: list[object] = []
        regex, usual = _pcre.compile_bytes(STUCK, False, True), _pcre.compile_bytes(b"^/a", False, True)
        _pcre.report(heard.append)
        try:
            began = time.process_time()
            assert regex.test(VALUE) is False
            assert regex.groups(VALUE) is None
            assert regex.locate(VALUE, 0) is None
            assert time.process_time() - began < 1  # a thousand years without a limit
            assert heard == [regex] * 3
            assert usual.test(VALUE) and regex.test(VALUE[:-1])
            assert heard == [regex] * 3
        finally:
            _pcre.report(EXHAUSTED.add)

    def test_without_machine_code_too(self) -> None:
        heard: list[object] = []
        regex = _pcre.compile_bytes(b"(*NO_JIT)" + STUCK, False, True)
        _pcre.report(heard.append)
        try:
            assert regex.test(VALUE) is False
            assert heard == [regex]
            assert regex.groups(b"/aa") == (b"/aa", b"aa")
            assert heard == [regex]
        finally:
            _pcre.report(EXHAUSTED.add)

    def test_nobody_need_listen(self) -> None:
        _pcre.report(None)
        try:
            assert _pcre.compile_bytes(STUCK, False, True).test(VALUE) is False
        finally:
            _pcre.report(EXHAUSTED.add)

    def test_what_the_listener_raises_comes_out(self) -> None:
        def fail(_: object) -> None:
            raise LookupError("of mine")

        regex = _pcre.compile_bytes(STUCK, False, True)
        _pcre.report(fail)
        try:
            for call in (regex.test, regex.groups, lambda value: regex.locate(value, 0)):
                with pytest.raises(LookupError, match="of mine"):
                    call(VALUE)
        finally:
            _pcre.report(EXHAUSTED.add)

    def test_who_listens_may_compile_and_match(self) -> None:
        """A larger place for results takes the place of the one in use."""
        found: list[object] = []

        def match(_: object) -> None:
            found.append(_pcre.compile_bytes(b"(.)" * 300, False, True).groups(b"x" * 300))

        regex = _pcre.compile_bytes(STUCK, False, True)
        _pcre.report(match)
        try:
            assert regex.groups(VALUE) is None
            assert found == [(b"x" * 300, *[b"x"] * 300)]
        finally:
            _pcre.report(EXHAUSTED.add)

    def test_the_stack_of_machine_code_may_run_out(self) -> None:
        """Then it is interpreted."""
        regex = _pcre.compile_bytes(rb"^(?:(a)|(b)|(c))*+$", False, True)
        value = b"abc" * 5000
        assert regex.groups(value) is not None
        nested = _pcre.compile_bytes(rb"^(\((?:[^()]|(?1))*\))$", False, True)
        deep = b"(" * 1500 + b")" * 1500
        assert nested.test(deep)
        assert not nested.test(deep[:-1])

    def test_values_that_are_no_utf_8(self) -> None:
        """No match, where the expression wants UTF-8; and no machine code runs on it unseen."""
        regex = _pcre.compile_bytes(b"(*UTF)a.b", False, True)
        assert regex.test("aéb".encode())
        assert regex.test(b"a\xe9b") is False
        assert regex.test(b"ab\xc3") is False

    def test_reset_of_a_match(self) -> None:
        assert _pcre.compile_bytes(rb"a\Kb", False, True).locate(b"ab", 0) == (1, 2, (b"b",))
        assert _pcre.compile_bytes(rb"(?<n>a)|b(?<m>c)", False, True).groups(b"bc") == (b"bc", b"", b"c")

    @pytest.mark.parametrize("wrong", ["a", None, 1, bytearray(b"a"), memoryview(b"a")])
    def test_wrong_types(self, wrong: bytes) -> None:
        regex = _pcre.compile_bytes(b"a", False, True)
        for call in (
            lambda: regex.test(wrong),
            lambda: regex.groups(wrong),
            lambda: regex.locate(wrong, 0),
            lambda: _pcre.compile_bytes(wrong, False, True),
        ):
            with pytest.raises(TypeError, match="bytes expected"):
                call()

    def test_wrong_arguments(self) -> None:
        regex = _pcre.compile_bytes(b"a", False, True)
        for start in (-1, 2, sys.maxsize, -sys.maxsize):
            with pytest.raises(IndexError):
                regex.locate(b"a", start)
        with pytest.raises(OverflowError):
            regex.locate(b"a", 1 << 64)
        for call in (
            lambda: regex.locate(b"a"),
            lambda: _pcre.compile_bytes(b"a"),  # type: ignore[call-arg]
            type(regex),
        ):
            with pytest.raises(TypeError):
                call()
        with pytest.raises(AttributeError):
            regex.pattern = b"b"  # type: ignore[misc]

    def test_bytes_of_any_kind(self) -> None:
        assert _pcre.compile_bytes(b"a\0b", False, True).test(b"xa\0by")
        assert repr(_pcre.compile_bytes(b"a\xff", False, True)) == "<regex b'a\\xff'>"
        assert _pcre.compile_bytes(b"\xc9", True, True).test(b"\xe9") is False

    def test_nothing_is_left_behind(self) -> None:
        """Values, groups, expressions and errors are freed, whatever became of a call."""
        regex = _pcre.compile_bytes(rb"(a)(b)?", False, True)
        value = b"xxa" * 40

        def rounds(count: int) -> None:
            for _ in range(count):
                regex.test(value)
                regex.groups(value)
                regex.locate(value, 1)
                _pcre.compile_bytes(b"(x)" * 3, True, True).groups(value)
                for bad in (b"(", b"["):
                    with pytest.raises(ValueError):
                        _pcre.compile_bytes(bad, False, True)
                with pytest.raises(TypeError):
                    regex.test(None)  # type: ignore[arg-type]

        rounds(50)
        gc.collect()
        before, held = sys.getallocatedblocks(), sys.getrefcount(value)
        rounds(500)
        gc.collect()
        assert sys.getallocatedblocks() - before < 100
        assert sys.getrefcount(value) == held


@built
def test_the_extension_is_used_where_it_is_built() -> None:
    assert engine.compile_bytes is _pcre.compile_bytes
    assert isinstance(engine.compile_bytes(b"a", False, True), engine.Regex)
    assert engine.how() == f"PCRE2 {_pcre.VERSION}, {'with' if _pcre.JIT else 'without'} JIT"
    assert FEATURES["PCRE2"] is True
    assert FEATURES["PCRE2_JIT"] is _pcre.JIT


@built
def test_exhausted_matches_are_counted() -> None:
    EXHAUSTED.clear()
    first, second = _pcre.compile_bytes(STUCK, False, True), _pcre.compile_bytes(rb"^/(a|aa)+$", False, True)
    first.test(VALUE)
    second.test(VALUE)
    assert (EXHAUSTED.count, EXHAUSTED.pattern) == (2, STUCK)
    EXHAUSTED.clear()
    assert EXHAUSTED.count == 0
