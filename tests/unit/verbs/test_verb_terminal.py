"""Text for a terminal: widths, and nothing that a terminal would obey."""

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.verbs.terminal import Piece, Terminal, columns, head, lay, piece, row, rows, safe, shorten

ANY = st.text(st.characters(), max_size=200)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202eevil", "\\u202eevil"),
        ("\udcff", "\\xff"),
        ("\ud800", "\\ud800"),
        ("Émile 表", "Émile 表"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_what_is_not_to_be_seen_is_escaped(text: str, shown: str) -> None:
    assert safe(text) == shown


@pytest.mark.parametrize(
    ("text", "wide"), [("abc", 3), ("表示", 4), ("e\u0301", 1), ("\uff21", 2), ("", 0)], ids=["a", "b", "c", "d", "e"]
)
def test_columns(text: str, wide: int) -> None:
    assert columns(text) == wide


def test_a_wide_character_is_not_cut_in_two() -> None:
    assert head("a表b", 2) == "a"
    assert shorten("表表表表", 7) == "表表..."
    assert shorten("表表", 4) == "表表"
    assert shorten("abcdef", 2) == "ab"


@given(st.lists(ANY, max_size=4), ANY, st.booleans(), st.integers(12, 80), st.integers(0, 6))
def test_nothing_is_wider_than_its_room(texts: list[str], place: str, whole: bool, room: int, indent: int) -> None:
    entry = row(*texts, place=safe(place), whole=whole, indent=indent)
    lines = [Terminal().line(line) for line in lay(entry, room)]
    for line in lines:
        assert columns(line) <= room
        assert not any(unicodedata.category(one) in ("Cc", "Cf", "Cs") for one in line)
    if not whole:
        assert len(lines) == 1
    elif not place:
        assert "".join("".join(lines).split()) == "".join(safe("".join(texts)).split())


def test_a_place_stands_at_the_right_edge() -> None:
    assert list(rows([row("short", place="a.cfg:1")], Terminal(), width=20)) == ["short        a.cfg:1"]
    long = row("some words that go on", place="a.cfg:1", indent=2)
    assert list(rows([long], Terminal(), width=20)) == ["some words   a.cfg:1", "  that go on"]
    cut = row("some words that go on", place="a.cfg:1", whole=False)
    assert list(rows([cut], Terminal(), width=20)) == ["some wor...  a.cfg:1"]


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        encoding = "ascii"

        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    line = [Piece("a "), piece("b\x1b", "bad")]
    assert Terminal.of(Screen()).line(line) == "a \x1b[31mb\\x1b\x1b[0m"
    assert not Terminal.of(Screen()).unicode
    assert not Terminal.of(io.StringIO()).coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert Terminal.of(Screen()).line(line) == "a b\\x1b"
