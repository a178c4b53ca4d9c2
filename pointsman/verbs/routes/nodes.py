"""Nodes of a YAML file, which know their places, and what is said about them.

All scalars are text ("on", "2" and "1.10" are what was written; who reads them knows what they are to be); only an
empty plain one, "~" and "null" are nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from pointsman.core.diagnostics import Finding, Position, Severity
from pointsman.core.registry import nearest

NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})  # what YAML 1.1 takes for null, when it is not quoted
WIDTH: Final = 72  # of a line that is shown below a message


class RoutesError(Exception):
    """All that is wrong with a file, at once. Raised by whoever reads one, and the only exception of a reader."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = list(findings)
        super().__init__("\n".join(render(one) for one in self.findings))


class Missing(Exception):
    """PyYAML is not installed."""

    def __init__(self) -> None:
        super().__init__("cases are written in YAML, which needs PyYAML: pip install 'pointsman[test]'")


def render(finding: Finding) -> str:
    """Place and message on the first line, as compilers have it, then the line with what is meant underlined."""
    at = finding.position
    place = f"{at.file}:{at.line}:{at.column}: " if at.line else f"{at.file}: " if at.file else ""
    lines = [place + finding.message]
    if at.text.strip():
        text = "".join(one if one.isprintable() else " " for one in at.text).rstrip()
        start = min(len(text) - len(text.lstrip()), at.column - 1)
        if at.column - start > WIDTH - 10:  # a long line is shown from a little before the place
            start = at.column - 20
        marks = max(1, min(at.length, len(text) - (at.column - 1), start + WIDTH - (at.column - 1)))
        lines.append("    " + text[start : start + WIDTH])
        lines.append("    " + " " * (at.column - 1 - start) + "^" * marks)
    lines += [f"    {text}" for text in (finding.expected, finding.hint) if text]
    return "\n".join(lines)


@dataclass(slots=True)
class Node:
    at: Position


@dataclass(slots=True)
class Scalar(Node):
    value: str
    plain: bool = False  # written without quotes

    @property
    def is_nothing(self) -> bool:
        return self.plain and self.value in NOTHING


@dataclass(slots=True)
class Sequence(Node):
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping(Node):
    pairs: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)

    def get(self, key: str) -> Node | None:
        pair = self.pairs.get(key)
        return pair[1] if pair is not None else None

    def __iter__(self) -> Iterator[tuple[str, Scalar, Node]]:
        for name, (key, value) in self.pairs.items():
            yield name, key, value


class Problems:
    """What was found wrong so far; reading goes on behind it, so that one run shows all."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def add(self, message: str, at: Position, hint: str = "", expected: str = "") -> None:
        finding = Finding(Severity.ALERT, message, at, expected, hint)
        if finding not in self.findings:  # an anchor is read wherever it is referred to
            self.findings.append(finding)

    def unknown(self, what: str, key: Scalar, known: Iterable[str], meant: str = "", where: str = "") -> None:
        """`meant`: another word for it that people know. `where`: what has no such thing."""
        names = list(known)
        near = meant or nearest(key.value, names) or next(iter(get_close_matches(key.value.lower(), names, 1)), "")
        hint = f"did you mean '{near}'?" if near else ""
        message = f"unknown {what} '{shorten(key.value)}' {where}".rstrip()
        self.add(message, key.at, hint, "" if near else "one of: " + ", ".join(names))

    def done(self) -> None:
        """Raises RoutesError if there is one."""
        if self.findings:
            raise RoutesError(sorted(self.findings, key=lambda one: (one.position.line, one.position.column)))


def shorten(text: str, most: int = 60) -> str:
    """One line of a text, for a message."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 3] + "..."
