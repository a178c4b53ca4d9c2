"""Lines and words of a configuration file, with their places: what the lexer makes and keyword parsers read.

Few words are ever asked where they stand, so a word of the lexer works its Position out when it is.
"""

import re
from itertools import islice
from typing import Final

from pointsman.core.diagnostics import Position

PLAIN_WORD: Final = re.compile(r"""[^ \t\f\v#'"\\]+""")  # what no quote, escape, blank or comment interrupts


class Place:
    """Where a line comes from: all that an error or a pseudo-variable of it must know."""

    __slots__ = ("file", "number", "section", "text")

    def __init__(self, file: str, number: int, text: str, section: str = "") -> None:
        self.file = file
        self.number = number
        self.text = text
        self.section = section

    def at(self, index: int, length: int = 1) -> Position:
        """The position of `length` characters from `index` (which counts from 0)."""
        return Position(self.file, self.number, index + 1, length, self.text)

    def word(self, number: int) -> Position:
        """The position of a word, counted from 0, in a line where nothing but blanks parts words."""
        found = next(islice(PLAIN_WORD.finditer(self.text), number, None))
        return self.at(found.start(), len(found[0]))

    def words(self) -> Position:
        """The position of all words together, in such a line."""
        text = (self.text.partition("#")[0] if "#" in self.text else self.text).rstrip()
        length = len(text.lstrip())
        return Position(self.file, self.number, len(text) - length + 1, length, self.text)


class Word:
    """One word after quotes, escapes and variables are resolved. `at` is where it stands, as it was written."""

    __slots__ = ("_at", "_number", "text")

    def __init__(self, text: str, at: Position | Place, number: int = 0) -> None:
        """`at` may be the place of a line where nothing but blanks parts words: it is that word of them, from 0."""
        self.text = text
        self._at: Position | Place = at
        self._number = number

    @property
    def at(self) -> Position:
        at = self._at
        if isinstance(at, Place):
            at = self._at = at.word(self._number)
        return at

    @property
    def plain(self) -> bool:
        """The word is part of a line where only blanks part words, and its place was not asked for yet."""
        return isinstance(self._at, Place)

    @property
    def source(self) -> tuple[str, int]:
        """The file and the line."""
        at = self._at
        return (at.file, at.number) if isinstance(at, Place) else (at.file, at.line)

    def to(self, last: "Word") -> Position:
        """The place of all of a line's words together: this is the first one."""
        if isinstance(self._at, Place):
            return self._at.words()
        first, end = self.at, last.at
        return Position(first.file, first.line, first.column, end.column + end.length - first.column, first.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Word) and self.text == other.text and self.at == other.at

    def __hash__(self) -> int:
        return hash((self.text, self.at))

    def __repr__(self) -> str:
        return f"Word(text={self.text!r}, at={self.at!r})"


class Line:
    """The words of one line that is neither empty nor a directive (`.if` and its kin are resolved by the lexer).

    `at` is the place of all of them together, worked out when it is asked for if nobody has said it.
    """

    __slots__ = ("_at", "words")

    def __init__(self, words: tuple[Word, ...], at: Position | None = None) -> None:
        self.words = words
        self._at = at

    @property
    def at(self) -> Position:
        if self._at is None:
            self._at = self.words[0].to(self.words[-1])
        return self._at
