"""Arguments in parentheses: splitting, quoting,
types (manual 2.2 and 7.3). Results were compared with the program's."""

import pytest
from exchanges import sample, word
from hypothesis import given
from hypothesis import strategies as st

import pointsman.sample.fetch.constant
import pointsman.sample.fetch.headers  # noqa: F401
from pointsman.core.diagnostics import ConfigError
from pointsman.sample.arguments import inside, prefix_mask, signature, split_arguments
from pointsman.sample.expression import parse_expression
from pointsman.sample.types import Where


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("str(a b)", b"a b"),
        (r"str(\x41)", rb"\x41"),
        (r"str(a\#b)", rb"a\#b"),
        (r"str(a\$b)", rb"a\$b"),
        (r"str(a\nb)", b"a\nb"),
        (r"str(a\\b)", rb"a\b"),
        (r"str(a\ b\'\")", b"a b'\""),
        ('str("a,b")', b"a,b"),
        (r'str("a\"b")', b'a"b'),
        (r'str("a\,b")', rb"a\,b"),
        (r"str('a\nb')", rb"a\nb"),
        ('str(a"b,c"d)', b"ab,cd"),
        ("str(')')", b")"),
        ("str()", b""),
        ("str", b""),
        ("int(9223372036854775807)", 9223372036854775807),
        ("int(99999999999999999999)", 9223372036854775807),
        ("int(-9223372036854775808)", -9223372036854775808),
    ],
)
def test_what_arguments_mean(text: str, value: object) -> None:
    assert sample(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("str(a", "expected ')'"),
        ('str("a', "unmatched quote"),
        ("str(a,b)", "expected ')' before 'b'"),
        (r"str(a\,b)", "expected ')' before 'b'"),
        ("int()", "expected type 'integer' at position 1, but got nothing"),
        ("int", "expected type 'integer' at position 1, but got nothing"),
        ("int(a)", "failed to parse 'a' as type 'integer' at position 1"),
        ("int(0x10)", "failed to parse '0x10' as type 'integer'"),
        ("int( 5)", "failed to parse ' 5' as type 'integer'"),
        ("int(1_0)", "failed to parse '1_0' as type 'integer'"),
        ("ipv4(1.2)", "failed to parse '1.2' as type 'IPv4 address'"),
        ("ipv6(1.2.3.4)", "as type 'IPv6 address'"),
        ("req.hdr(a,b)", "failed to parse 'b' as type 'integer' at position 2"),
        ("req.hdr(a,-20)", "header occurrence must be >= -10"),
        ("always_true(1)", "expected ')' before '1'"),
    ],
)
def test_wrong_arguments_are_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_expression(word(text), Where.EVERYWHERE)
    assert message in caught.value.finding.message


def test_signatures_are_read_as_the_program_prints_them() -> None:
    assert signature("(integer,string[,integer])").kinds == ("integer", "string", "integer")
    assert signature("(integer,string[,integer])").required == 2
    assert signature("([string,integer])").required == 0
    assert signature("(IPv4 mask[,IPv6 mask])").kinds == ("IPv4 mask", "IPv6 mask")
    with pytest.raises(ValueError, match="unknown type"):
        signature("(number)")


def test_masks_of_a_number_of_bits() -> None:
    assert prefix_mask(24, 32) == bytes([255, 255, 255, 0])
    assert prefix_mask(0, 32) == bytes(4)
    assert prefix_mask(1, 128) == b"\x80" + bytes(15)


def test_a_place_inside_a_word() -> None:
    assert inside(word("path,lower"), 5, 5).column == 6
    assert inside(word("path,lower"), 5, 5).length == 5


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1), min_size=1, max_size=5))
def test_what_was_quoted_comes_back(texts: list[str]) -> None:
    quoted = ",".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    found, end = split_arguments(word(f"f({quoted})x"), 2, "f")
    assert found == texts
    assert end == len(quoted) + 3
