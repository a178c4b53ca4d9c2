"""What is said about a configuration: positions, findings, and how they are printed.

A finding has a place (file, line, column), the text of the line with the offending word underlined, what is wrong, what
was expected and, for a misspelt name, the nearest known one. Parsing goes on behind an error, so that one run shows
all.

The first line of a finding has HAProxy's form, so that tools which read it keep working:

    [ALERT]    (4711) : config : parsing [haproxy.cfg:12] : unknown keyword 'blance' in 'backend' section
        haproxy.cfg:12:5
            blance roundrobin
            ^^^^^^
        did you mean 'balance'?
"""

import os
import traceback
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple


class StartupLog:
    """What was said until the program served, for `show startup-logs`."""

    LONGEST = 65_536  # characters

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.size = 0

    def add(self, text: str) -> None:
        """The first ones are kept: what comes later follows from them."""
        self.size += len(text) + 1
        if self.size <= self.LONGEST:
            self.lines.append(text)


STARTUP = StartupLog()


class Severity(IntEnum):
    """In the order of HAProxy's words for them."""

    DIAG = 0
    NOTICE = 1
    WARNING = 2
    ALERT = 3


class Position(NamedTuple):
    """A place in a configuration. Lines and columns count from 1; `length` is that of the text in question."""

    file: str
    line: int
    column: int = 1
    length: int = 0
    text: str = ""  # the whole line

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NOWHERE = Position("", 0)


@dataclass(frozen=True, slots=True)
class Finding:
    severity: Severity
    message: str
    position: Position = NOWHERE
    expected: str = ""
    hint: str = ""

    def render(self) -> str:
        head = f"[{self.severity.name}]"
        place = f"config : parsing [{self.position}] : " if self.position.line else "config : "
        lines = [f"{head:<10} ({os.getpid()}) : {place}{self.message}"]
        at = self.position
        if at.text.strip():
            lines.append(f"    {at.file}:{at.line}:{at.column}")
            shown = at.text.expandtabs(1).rstrip()
            lines.append("        " + shown)
            lines.append("        " + " " * (at.column - 1) + "^" * max(1, min(at.length, len(shown) - at.column + 1)))
        if self.expected:
            lines.append(f"    expected: {self.expected}")
        if self.hint:
            lines.append(f"    {self.hint}")
        return "\n".join(lines)


class ConfigError(Exception):
    """An error of the configuration. Raised by keyword parsers; the loader records it and goes on with the next
    line."""

    def __init__(self, message: str, position: Position = NOWHERE, expected: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.finding = Finding(Severity.ALERT, message, position, expected, hint)


class UnknownName(ConfigError):
    """An error for a name that nothing declares. If a line that would declare it was wrong, that was said already."""

    def __init__(self, name: str, message: str, position: Position, expected: str = "", hint: str = "") -> None:
        super().__init__(message, position, expected, hint)
        self.name = name


def unforeseen(error: Exception, doing: str, at: Position = NOWHERE) -> Finding:
    """The last net: an exception that no parser raises on purpose, told with the place it came to. `doing`: what was
    done, as in "while reading this line"."""
    if isinstance(error, MemoryError):
        return Finding(
            Severity.ALERT,
            f"out of memory {doing}.",
            at,
            "",
            "permit more memory (ulimit -v, the container's limit), or configure less: fewer servers, "
            "shorter lists, fewer lanes (nbthread)",
        )
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return Finding(
        Severity.ALERT,
        f"internal error {doing}: {type(error).__name__}: {error}{where}",
        at,
        "",
        "this is a fault of Pointsman: please report it, with this line",
    )


@dataclass(slots=True)
class Diagnostics:
    """The findings of one load."""

    findings: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        self.findings.append(finding)

    def alert(self, message: str, at: Position = NOWHERE, expected: str = "", hint: str = "") -> None:
        self.add(Finding(Severity.ALERT, message, at, expected, hint))

    def warning(self, message: str, at: Position = NOWHERE, expected: str = "", hint: str = "") -> None:
        self.add(Finding(Severity.WARNING, message, at, expected, hint))

    def notice(self, message: str, at: Position = NOWHERE, expected: str = "", hint: str = "") -> None:
        self.add(Finding(Severity.NOTICE, message, at, expected, hint))

    def diag(self, message: str, at: Position = NOWHERE, expected: str = "", hint: str = "") -> None:
        self.add(Finding(Severity.DIAG, message, at, expected, hint))

    def count(self, severity: Severity) -> int:
        return sum(1 for finding in self.findings if finding.severity == severity)

    @property
    def failed(self) -> bool:
        return self.count(Severity.ALERT) > 0
