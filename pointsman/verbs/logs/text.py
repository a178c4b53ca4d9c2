"""Text for a terminal: 80 columns, colour on request, and nothing that a terminal would take for a command."""

import os
import sys
import textwrap
from collections.abc import Sequence
from typing import Final, TextIO

WIDTH: Final = 80
BOLD: Final = "1"
RED: Final = "31"
YELLOW: Final = "33"
GREEN: Final = "32"
DIM: Final = "2"


def clean(text: str) -> str:
    """Control characters, and bytes that are no text, as "\\x1b": a log line is written by whoever sends requests."""
    if text.isprintable():
        return text
    return "".join([one if one.isprintable() else _shown(one) for one in text])


def _shown(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that is no UTF-8 (surrogateescape)
        return f"\\x{number - 0xDC00:02x}"
    return character.encode("unicode_escape", "replace").decode("ascii")


class Paper:
    """Lines of a page, as they are written."""

    def __init__(self, colour: bool = False, blocks: bool = True) -> None:
        self.lines: list[str] = []
        self.colour = colour
        self.blocks = blocks  # the terminal has block characters

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text

    def blank(self) -> None:
        if self.lines and self.lines[-1]:
            self.lines.append("")

    def title(self, text: str) -> None:
        self.blank()
        self.lines.append(self.paint(clean(text), BOLD))

    def paragraph(self, text: str, indent: int = 0, hanging: int = 0, code: str = "") -> None:
        """`hanging`: how much further the second line and those behind it begin."""
        room = textwrap.wrap(
            clean(text),
            WIDTH,
            initial_indent=" " * indent,
            subsequent_indent=" " * (indent + hanging),
            break_on_hyphens=False,
        )
        self.lines += [self.paint(line, code) for line in room]

    def bullets(self, texts: Sequence[str], indent: int = 2, mark: str = "-") -> None:
        for text in texts:
            self.paragraph(f"{mark} {text}", indent, 2)

    def rows(self, rows: Sequence[tuple[str, str]], indent: int = 2) -> None:
        """Labels and texts in two columns."""
        if not rows:
            return
        width = min(max(len(clean(label)) for label, _ in rows), 24)
        for label, text in rows:
            label, text = clean(label), clean(text)
            if len(label) > width:
                self.lines.append(" " * indent + label)
                label = ""
            head = f"{' ' * indent}{label:<{width}}  "
            wrapped = textwrap.wrap(text, WIDTH - len(head), break_on_hyphens=False) or [""]
            self.lines.append((head + wrapped[0]).rstrip())
            self.lines += [" " * len(head) + line for line in wrapped[1:]]

    def bar(self, start: int, length: int, total: int, width: int, faint: bool = False) -> str:
        """Where a part of a total lies; something is there for all that is not 0."""
        if total <= 0 or length <= 0:
            return " " * width
        first = min(start * width // total, width - 1)
        last = min(max((start + length) * width // total, first + 1), width)
        mark = ("░" if faint else "█") if self.blocks else ("." if faint else "#")
        return (" " * first + mark * (last - first)).ljust(width)

    def show(self, stream: TextIO) -> None:
        """A reader that has gone is no fault."""
        try:
            stream.write("\n".join(self.lines) + "\n")
            stream.flush()
        except BrokenPipeError:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # nothing is left for Python to write at its end


def paper_for(stream: TextIO) -> Paper:
    """Colour in terminals only, and not where NO_COLOR is set; block characters where the encoding has them."""
    try:
        colour = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    except ValueError:
        colour = False
    try:
        "█░".encode(stream.encoding or "ascii")
        blocks = True
    except (UnicodeEncodeError, LookupError):
        blocks = False
    return Paper(colour, blocks)
