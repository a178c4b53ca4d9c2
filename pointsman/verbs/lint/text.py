"""The text of the files: comments, `# pointsman: ignore NAME`, and edits by position.

What edits do not touch stays, byte for byte: blanks, comments, the ends of lines.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pointsman.verbs.lint.rule import Edit, Fix

IGNORE: Final = re.compile(r"#\s*pointsman:\s*ignore[:\s]\s*([a-z0-9-]+(?:\s*,\s*[a-z0-9-]+)*)", re.IGNORECASE)
NAME: Final = re.compile(r"[a-z0-9-]+", re.IGNORECASE)


@dataclass(slots=True)
class Ignore:
    """One name of one comment. `line` is where it stands, `about` the line whose findings it takes away."""

    name: str
    line: int
    column: int
    about: int
    only: bool  # it is the only name of its comment
    used: bool = False


class Text:
    """One file. Lines count from 1."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self.content = content
        self.lines = content.decode("utf-8", "surrogateescape").split("\n")
        self.end = "\r\n" if b"\r\n" in content else "\n"

    def line(self, number: int) -> str:
        """A line without its end; "" behind the last one."""
        return self.lines[number - 1].rstrip("\r") if 0 < number <= len(self.lines) else ""

    def ignores(self) -> list[Ignore]:
        """All that comments want ignored."""
        found: list[Ignore] = []
        for number, line in enumerate(self.lines, 1):
            if "pointsman:" not in line:
                continue
            start = comment_of(line)
            said = IGNORE.search(line, start) if start >= 0 else None
            if said is None:
                continue
            about = number if line[:start].strip() else self._next(number)
            names = list(NAME.finditer(line, said.start(1), said.end(1)))
            for name in names:
                found.append(Ignore(name[0].lower(), number, name.start() + 1, about, len(names) == 1))
        return found

    def _next(self, number: int) -> int:
        """The next line that says something."""
        while number < len(self.lines):
            number += 1
            line = self.lines[number - 1].strip()
            if line and not line.startswith("#"):
                return number
        return 0

    def edited(self, edits: Sequence[Edit]) -> bytes:
        """Its content behind edits that do not overlap."""
        lines = list(self.lines)
        for edit in sorted(edits, key=lambda one: (one.line, one.column), reverse=True):
            line = lines[edit.line - 1]
            if edit.whole:
                start = comment_of(line)
                kept = "" if start < 0 else line[: len(line) - len(line.lstrip())] + line[start:]
                if kept and IGNORE.search(kept) is None:
                    lines[edit.line - 1] = kept
                else:
                    del lines[edit.line - 1]
                continue
            body = line.removesuffix("\r")
            start = edit.column - 1
            made = edit.text.replace("\n", self.end)
            lines[edit.line - 1] = body[:start] + made + body[start + edit.length :] + line[len(body) :]
        return "\n".join(lines).encode("utf-8", "surrogateescape")


def comment_of(line: str) -> int:
    """Where the comment of a line begins; -1: it has none (manual 2.2)."""
    if "#" not in line:
        return -1
    quote, index = "", 0
    while index < len(line):
        char = line[index]
        if char == "\\" and quote != "'":
            index += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "#":
            return index
        index += 1
    return -1


def compatible(fixes: Iterable[Fix]) -> list[Fix]:
    """Those that can be done in one go: no two touch the same place, or a line that another removes."""
    spans: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    chosen: list[Fix] = []
    for fix in fixes:
        mine: list[tuple[tuple[str, int], tuple[int, int]]] = []
        for edit in fix.edits:
            span = (0, 1 << 30) if edit.whole else (edit.column, edit.column + max(edit.length, 1))
            mine.append(((edit.file, edit.line), span))
        if any(start < other[1] and other[0] < end for key, (start, end) in mine for other in spans[key]):
            continue
        for key, span in mine:
            spans[key].append(span)
        chosen.append(fix)
    return chosen
