"""Pages about log lines: titles, paragraphs, rows of two columns and bars, in 80 columns of a terminal.

What stands in lines is made safe for a terminal when it is put on a page: whoever sends requests writes it.
"""

from collections.abc import Sequence
from typing import Final, TextIO

from pointsman.verbs.terminal import WIDTH, Piece, Terminal, columns, head, safe, shorten, write

LABEL: Final = 24  # columns of a label; a longer one has a line of its own


def fold(text: str, room: int) -> list[str]:
    """The text, made safe, in lines by its words; at least one."""
    lines = [""]
    for word in safe(text).split(" "):
        while word:
            line = f"{lines[-1]} {word}" if lines[-1] else word
            if columns(line) <= room:
                lines[-1] = line
                break
            if lines[-1]:
                lines.append("")
                continue
            part = head(word, room) or word[:1]  # a word that is longer than a line
            lines[-1] = part
            word = word[len(part) :]
    return lines


def cut(text: str, room: int) -> str:
    """The text, made safe, or its beginning with "..."."""
    return shorten(safe(text), room)


class Paper:
    """Lines of a page, as they are written."""

    def __init__(self, terminal: Terminal) -> None:
        self.lines: list[str] = []
        self.terminal = terminal

    def paint(self, text: str, colour: str) -> str:
        """`colour`: "strong", "bad", "good" (terminal.py)."""
        return self.terminal.line([Piece(text, colour)])

    def title(self, text: str) -> None:
        self.blank()
        self.lines.append(self.paint(safe(text), "strong"))

    def blank(self) -> None:
        if self.lines and self.lines[-1]:
            self.lines.append("")

    def paragraph(self, text: str, indent: int = 0, hanging: int = 0, colour: str = "") -> None:
        """`hanging`: how much further the second line and those behind it begin."""
        self.beside(" " * indent, text, colour=colour, hanging=hanging)

    def beside(self, before: str, text: str, *, colour: str = "", hanging: int = 0) -> None:
        """A text beside what stands before it, which is safe; further lines begin below the text."""
        width = columns(before)
        lines = fold(text, WIDTH - width - hanging)
        self.lines.append((before + self.paint(lines[0], colour)).rstrip())
        self.lines += [" " * (width + hanging) + self.paint(line, colour) for line in lines[1:]]

    def bullets(self, texts: Sequence[str], indent: int = 2) -> None:
        for text in texts:
            self.beside(" " * indent + "- ", text)

    def rows(self, rows: Sequence[tuple[str, str]], indent: int = 2) -> None:
        """Labels and texts in two columns."""
        labels = [safe(label) for label, _ in rows]
        width = min(max(map(columns, labels), default=0), LABEL)
        for label, (_, text) in zip(labels, rows, strict=True):
            if columns(label) > width:
                self.lines.append(" " * indent + cut(label, WIDTH - indent))
                label = ""
            self.beside(f"{' ' * indent}{label}{' ' * (width - columns(label))}  ", text)

    def bar(self, start: int, length: int, total: int, width: int, faint: bool = False) -> str:
        """Where a part of a total lies; something is there for all that is not 0."""
        if total <= 0 or length <= 0:
            return " " * width
        first = min(start * width // total, width - 1)
        last = min(max((start + length) * width // total, first + 1), width)
        mark = ("░" if faint else "█") if self.terminal.unicode else ("." if faint else "#")
        return (" " * first + mark * (last - first)).ljust(width)

    def show(self) -> None:
        write(self.lines)


def paper_for(stream: TextIO) -> Paper:
    return Paper(Terminal.of(stream))
