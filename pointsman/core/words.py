"""Lines and words of a configuration file, with their places: what the lexer makes and keyword parsers read."""
from dataclasses import dataclass

from pointsman.core.diagnostics import Position


@dataclass(frozen=True, slots=True)
class Word:
    """One word after quotes, escapes and variables are resolved. `at` is where it stands, as it was written."""

    text: str
    at: Position


@dataclass(frozen=True, slots=True)
class Line:
    """The words of one line that is neither empty nor a directive (`.if` and its kin are resolved by the lexer)."""

    words: tuple[Word, ...]
    at: Position
