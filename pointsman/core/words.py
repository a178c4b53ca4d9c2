"""Lines and words of a configuration file, with their places: what the lexer makes and keyword parsers read.

Few words are ever asked where they stand, so a word of the lexer works its Position out when it is.
"""
from dataclasses import dataclass

from pointsman.core.diagnostics import Position


@dataclass(slots=True)
class Place:
    """Where a line comes from: all that an error or a pseudo-variable of it must know."""

    file: str
    number: int
    text: str
    section: str = ""

    def at(self, index: int, length: int = 1) -> Position:
        """The position of `length` characters from `index` (which counts from 0)."""
        return Position(self.file, self.number, index + 1, length, self.text)


class Word:
    """One word after quotes, escapes and variables are resolved. `at` is where it stands, as it was written."""

    __slots__ = ("_at", "_length", "_start", "text")

    def __init__(self, text: str, at: Position | Place, start: int = 0, length: int = 0) -> None:
        """`at` may be the line's place: the word is what it has from `start` on."""
        self.text = text
        self._at: Position | Place = at
        self._start = start
        self._length = length

    @property
    def at(self) -> Position:
        at = self._at
        if isinstance(at, Place):
            at = self._at = at.at(self._start, self._length)
        return at

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Word) and self.text == other.text and self.at == other.at

    def __hash__(self) -> int:
        return hash((self.text, self.at))

    def __repr__(self) -> str:
        return f"Word(text={self.text!r}, at={self.at!r})"


@dataclass(frozen=True, slots=True)
class Line:
    """The words of one line that is neither empty nor a directive (`.if` and its kin are resolved by the lexer)."""

    words: tuple[Word, ...]
    at: Position
