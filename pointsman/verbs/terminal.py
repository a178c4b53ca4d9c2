"""Text for a terminal: pieces with a colour, put into 80 columns, and nothing in them that a terminal would obey.

    text from anywhere --safe--> printable characters --Piece--> Row --lay--> lines of at most so many columns

A Row is what one entry of a list or a tree says: its pieces from the left, perhaps a place at the right edge. Columns
are those that a terminal needs: East Asian wide characters take two, combining marks none.
"""

import itertools
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TextIO

WIDTH: Final = 80
_COLOURS: Final = {
    "": "",
    "strong": "1",
    "dim": "2",
    "good": "32",
    "bad": "31",
    "warn": "33",
    "name": "36",
}
_UNSEEN: Final = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}  # Cf: what turns the direction of text, for one
_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def safe(text: str) -> str:
    """The text with everything that is not to be seen written as an escape: "\\x1b", "\\u202e"."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(one) for one in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _UNSEEN:
        return character
    if character in _NAMED:
        return _NAMED[character]
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that was none of UTF-8 (os.fsdecode)
        return f"\\x{number - 0xDC00:02x}"
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def columns(text: str) -> int:
    """How many a terminal needs for it."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(one) for one in text)


def _columns_of(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def head(text: str, room: int) -> str:
    """As much of its beginning as fits."""
    if text.isascii():
        return text[: max(room, 0)]
    end = 0
    for one in text:
        room -= _columns_of(one)
        if room < 0:
            break
        end += 1
    return text[:end]


def shorten(text: str, room: int) -> str:
    """The text, or so much of it as fits with what says that something is missing."""
    if columns(text) <= room:
        return text
    return head(text, room - 3) + "..." if room > 3 else head(text, room)


class Piece(NamedTuple):
    """Safe text in one colour, a key of the table above."""

    text: str
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """`place`: at the right edge of its first line. `whole`: what does not fit goes on in further lines; else it is
    cut. `indent`: of further lines."""

    pieces: tuple[Piece, ...]
    place: str = ""
    whole: bool = True
    indent: int = 0


def row(*pieces: Piece | str, place: str = "", whole: bool = True, indent: int = 0) -> Row:
    """A row of pieces, and of texts, which are made safe."""
    made = tuple(one if isinstance(one, Piece) else Piece(safe(one)) for one in pieces)
    return Row(tuple(one for one in made if one.text), place, whole, indent)


def piece(text: str, colour: str = "") -> Piece:
    """A piece, made safe."""
    return Piece(safe(text), colour)


def lay(entry: Row, room: int, less: int = 0) -> list[list[Piece]]:
    """The row in lines of so many columns; further lines have so many `less`."""
    place = shorten(entry.place, room // 2)
    taken = columns(place) + 2 if place else 0
    lines = _cut(entry, room - taken) if not entry.whole else _wrap(entry, room, taken, less)
    if place:
        used = sum(columns(one.text) for one in lines[0])
        lines[0] = [*lines[0], Piece(" " * (room - used - columns(place))), Piece(place, "dim")]
    return lines


def _cut(entry: Row, room: int) -> list[list[Piece]]:
    line: list[Piece] = []
    total = sum(columns(one.text) for one in entry.pieces)
    left = room if total <= room else room - 3
    for one in entry.pieces:
        fits = head(one.text, left)
        line.append(Piece(fits, one.colour))
        left -= columns(fits)
        if fits != one.text:
            break
    if total > room:
        line.append(Piece("...", "dim"))
    return [line]


def _wrap(entry: Row, room: int, taken: int, less: int) -> list[list[Piece]]:
    """By words where that is possible. `taken`: of the first line, for the place."""
    lines: list[list[Piece]] = [[]]
    left = room - taken
    for text, colour in _words(entry.pieces):
        word = text
        if columns(word) > left and lines[-1]:
            lines.append([Piece(" " * entry.indent)] if entry.indent else [])
            left = room - less - entry.indent
            word = word.lstrip(" ")
        while columns(word) > left:  # a word that is longer than a line
            part = head(word, left) or word[:1]
            lines[-1].append(Piece(part, colour))
            word = word[len(part) :]
            lines.append([Piece(" " * entry.indent)] if entry.indent else [])
            left = room - less - entry.indent
        if word:
            lines[-1].append(Piece(word, colour))
            left -= columns(word)
    return lines


def _words(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Each with the blanks before it."""
    for text, colour in pieces:
        start = 0
        while start < len(text):
            end = start
            while end < len(text) and text[end] == " ":
                end += 1
            while end < len(text) and text[end] != " ":
                end += 1
            yield Piece(text[start:end], colour)
            start = end


class Terminal:
    """Where lines go: with colours or without, and with which characters for lines and marks."""

    def __init__(self, coloured: bool = False, unicode: bool = True) -> None:
        self.coloured = coloured
        self.unicode = unicode

    @classmethod
    def of(cls, stream: TextIO) -> "Terminal":
        """As the stream and the environment want it (NO_COLOR: https://no-color.org)."""
        coloured = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return cls(coloured, _takes(stream, "├─└│✓·█"))

    def line(self, pieces: Sequence[Piece]) -> str:
        """The pieces, with the escapes of their colours."""
        if not self.coloured:
            return "".join(one.text for one in pieces).rstrip(" ")
        painted = []
        for colour, group in itertools.groupby(pieces, lambda one: one.colour):
            text, code = "".join(one.text for one in group), _COLOURS[colour]
            painted.append(f"\x1b[{code}m{text}\x1b[0m" if code and text else text)
        return "".join(painted)


def _takes(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def rows(entries: Iterable[Row], terminal: Terminal, indent: str = "", width: int = WIDTH) -> Iterator[str]:
    """Lines of rows, one below the other."""
    for entry in entries:
        yield from lines_of(entry, indent, indent, terminal, width)


def lines_of(entry: Row, first: str, further: str, terminal: Terminal, width: int = WIDTH) -> Iterator[str]:
    """Lines of a row, with these texts before the first and before further ones."""
    before = first
    for line in lay(entry, width - columns(first), columns(further) - columns(first)):
        yield terminal.line([Piece(before, "dim"), *line])
        before = further


def write(lines: Iterator[str] | Sequence[str]) -> bool:
    """Lines on stdout, as they come. False: the reader has gone, and nothing more is to be said."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        for one in lines:
            sys.stdout.write(one.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # the interpreter flushes at its end, too
        return False
    return True
