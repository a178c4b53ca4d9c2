"""Cookie fields as persistence cuts and changes them. What is expected was seen of the haproxy program (2.6 and 3.2,
`cookie SRV insert indirect`, `cookie SRV prefix`); tests/peer/families/cookies.py asks it about many more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.proto.cookies import cookie_parts, rewritten, set_cookie_part, tidied


def without(value: bytes, name: bytes = b"SRV") -> bytes | None:
    """The field without cookies of that name."""
    value = tidied(value)
    parts = cookie_parts(value)
    for part in parts:
        part.drop = part.value_at >= 0 and value[part.name_at : part.name_end] == name
    return rewritten(value, parts)


def unprefixed(value: bytes) -> bytes | None:
    """The field without what stands before the first "~" of such cookies."""
    value = tidied(value)
    parts = cookie_parts(value)
    for part in parts:
        if part.value_at >= 0 and value[part.name_at : part.name_end] == b"SRV":
            part.cut = value[part.value_at : part.value_end].find(b"~") + 1
    return rewritten(value, parts)


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (b"SRV=c2", None),
        (b"SRV=c2; a=b", b"a=b"),
        (b"a=b; SRV=c2", b"a=b"),
        (b"a=b;SRV=c2;c=d", b"a=b; c=d"),
        (b"a=b ; SRV=c2 ; c=d", b"a=b; c=d"),
        (b"a=b,SRV=c2,c=d", b"a=b, c=d"),
        (b"a=b , SRV=c2 ; c=d", b"a=b; c=d"),
        (b"a=b; SRV=c2;", b"a=b; "),
        (b"a=b;; SRV=c2;; c=d", b"a=b;; ; c=d"),
        (b"; SRV=c2;; a=b", b"; a=b"),
        (b";;SRV=c2;;a=b", b";; ;a=b"),
        (b"SRV=c2;", None),
        (b"SRV=c2;;", b";"),
        (b"SRV=c1; SRV=c2; x=y", b"x=y"),
        (b'$Version=1; a=1; $Path="/"; SRV=c2; $Path=/; b=2', b'$Version=1; a=1; $Path="/"; b=2'),
        (b"$Version=1; SRV=c2", None),
        (b"$x", b"$x"),
        (b'a="x;SRV=c2"; b=1', b'a="x;SRV=c2"; b=1'),
        (b'a="x\\"; SRV=c1"; SRV=c2', b'a="x\\"; SRV=c1"'),
        (b'a="b" ; SRV=c2', b'a="b" '),
        (b"SRV b=c2; a=1", b"SRV b=c2; a=1"),
        (b"a = b ; SRV = c2", b"a=b "),
        (b"a= ; b= ; SRV=c2", b"a=; b="),
        (b"srv=c2; SRV", b"srv=c2; SRV"),
    ],
    ids=str,
)
def test_a_cookie_is_taken_out(value: bytes, left: bytes | None) -> None:
    assert without(value) == left


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (b"SRV=c2~app", b"SRV=app"),
        (b"SRV=c2; a=b", b"SRV=c2; a=b"),
        (b"SRV=~x; a=b", b"SRV=x; a=b"),
        (b"SRV=c2~; a=b", b"SRV=; a=b"),
        (b"SRV=c2~a~b; q=1", b"SRV=a~b; q=1"),
        (b'SRV = "c2~x;y" ; x', b'SRV=x;y" ; x'),
        (b"SRV = ~ x ; a", b"SRV= x ; a"),
        (b"SRV=c2~1; SRV=c1~2", b"SRV=1; SRV=2"),
        (b"a~b=c", b"a~b=c"),
    ],
    ids=str,
)
def test_a_prefix_is_taken_out(value: bytes, left: bytes) -> None:
    assert unprefixed(value) == left


def test_the_first_part_of_a_setting_is_the_cookie() -> None:
    value = b'SRV  =  "a;b" ; path = /'
    part = set_cookie_part(value)
    assert value[part.name_at : part.name_end] == b"SRV"
    assert value[part.value_at : part.value_end] == b'"a;b"'
    assert set_cookie_part(b"SRV; a=b").value_at == -1
    assert set_cookie_part(b"").value_at == -1


PIECES = st.sampled_from(["SRV", "a", "=", ";", ",", " ", "\t", '"', "\\", "$", "~", "|", "x=1", "SRV=c1", "; "])


@given(st.lists(PIECES, max_size=12))
def test_parts_cover_the_field_and_nothing_else_changes(pieces: list[str]) -> None:
    """Parts stand behind one another, what is not asked to change does not, and what is taken out is gone."""
    value = tidied("".join(pieces).strip(" \t").encode())
    parts = cookie_parts(value)
    end = 0
    for number, part in enumerate(parts):
        assert part.start == (end if number else 0)
        assert part.start <= part.name_at <= part.name_end <= part.end <= len(value)
        assert part.value_at < 0 or part.name_end < part.value_at <= part.value_end <= part.end
        end = part.end
    assert end == len(value) or not parts and not value
    assert rewritten(value, parts) == (value or None)
    assert tidied(value) == value
    left = without(value)
    assert left is None or without(left) == left or b'"' in left
