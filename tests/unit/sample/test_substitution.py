"""What takes the place of a match. The values of regsub are those of HAProxy 2.6 and 3.2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.core.regex import VERSION, compile_bytes
from pointsman.sample.substitution import expand, substitute


@given(st.binary(), st.binary(max_size=20))
def test_expanding_is_total_and_literal_without_backslash(template: bytes, subject: bytes) -> None:
    groups = compile_bytes(rb"(?s)(.?)(.*)", False, True).groups(subject)
    assert groups is not None
    made = expand(groups, template)
    if b"\\" not in template:
        assert made == template
    assert expand(groups, rb"\1\2") == subject


@pytest.mark.parametrize(
    ("template", "made"),
    [
        (rb"[\0]", b"[ab]"),
        (rb"\2\1\3\9", b"ba"),
        (rb"\10", b"a0"),
        (rb"\x41\x7E.", b"A~."),
        (rb"\q\\\ \t", rb"q\ t"),
        (rb"$1&", b"$1&"),
        (rb"\xg1\x", b"xg1x"),
        (b"a\\", b"a\\"),
    ],
)
def test_templates(template: bytes, made: bytes) -> None:
    assert expand((b"ab", b"a", b"b"), template) == made


@pytest.mark.parametrize(
    ("value", "pattern", "template", "every", "made"),
    [
        (b"aXbXc", b"X", b"-", False, b"a-bXc"),
        (b"aXbXc", b"X", b"-", True, b"a-b-c"),
        (b"aXbXc", b"x*", b"-", True, b"-a-X-b-X-c-"),
        (b"aXbXc", b"x*", b"-", False, b"-aXbXc"),
        (b"abc", b"$", b"-", True, b"abc--"),
        (b"abc", b"c|$", b"-", True, b"ab--"),
        (b"abc", b"^", b"-", True, b"-abc"),
        (b"abc", b"b*", b"-", True, b"-a--c-"),
        (b"aaa", b"^a", b"-", True, b"-aa"),
        (b"", b"^$", b"-", True, b"-"),
        (b"abcabc", b"(b)(c)?", rb"<\1\2\3>", True, b"a<bc>a<bc>"),
        (b"aa", b"(?=a)", b"-", True, b"-a-a"),
    ],
)
def test_substituting(value: bytes, pattern: bytes, template: bytes, every: bool, made: bytes) -> None:
    assert substitute(compile_bytes(pattern, False, True), template, every, value) == made


@pytest.mark.skipif(not VERSION, reason="Python's look back behind the match before")
@pytest.mark.parametrize(
    ("value", "pattern", "made"),
    [
        (b"aaab", rb"(?<=a)a", b"a-ab"),
        (b"xab", rb"x|\ba", b"--b"),
        (b"aaab", rb"a|\Ab", b"----"),
        (b"ab", rb"a\Kb", b"a-"),
    ],
)
def test_what_is_left_is_a_text_of_its_own(value: bytes, pattern: bytes, made: bytes) -> None:
    assert substitute(compile_bytes(pattern, False, True), b"-", True, value) == made


@given(st.text("ab.*?|^$()", max_size=6), st.binary(max_size=12), st.booleans())
def test_substituting_ends_and_keeps_what_does_not_match(pattern: str, value: bytes, every: bool) -> None:
    try:
        regex = compile_bytes(pattern.encode(), False, True)
    except ValueError:
        return
    assert substitute(regex, rb"\0", every, value) == value
    if not regex.test(value):
        assert substitute(regex, b"x", every, value) == value
