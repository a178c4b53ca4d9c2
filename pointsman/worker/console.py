"""What the program says on the terminal: findings and messages on stderr, in HAProxy's form.

Quiet mode (-q, `quiet`) silences all of it, alerts too; verbose mode (-V) takes precedence over quiet mode.

A stream that cannot be written (a full disk, a reader that has gone, a pipe that is full) is no reason to end, whoever
prints: see `Unheard`.
"""

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from pointsman import __version__
from pointsman.core.diagnostics import STARTUP, Diagnostics, Finding, Severity

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def _line(severity: Severity, text: str) -> str:
    head = f"[{severity.name}]"
    return f"{head:<10} ({os.getpid()}) : {text}"


class Unheard(io.FileIO):
    """A standard stream from which what cannot be written vanishes.

    Python itself keeps it and tries again, and fails again, at each flush: before a fork, in the children too, and at
    the program's end, whose status it changes.
    """

    def write(self, data: "ReadableBuffer", /) -> int:
        """How much of it is done with: all of it where it could not be written."""
        try:
            return super().write(data) or len(memoryview(data))  # None: it would block
        except OSError:
            return len(memoryview(data))


def standard_stream(fd: int, former: TextIO | None) -> TextIO:
    """What takes the place of `sys.stdout` or `sys.stderr`, as Python has made it (None: it was closed)."""
    raw = io.BufferedWriter(Unheard(fd, "w", closefd=False))
    if former is None:
        return io.TextIOWrapper(raw, errors="backslashreplace")
    return io.TextIOWrapper(raw, former.encoding, former.errors, line_buffering=fd == 2)


class Console:
    def __init__(self) -> None:
        self.quiet = False
        self.verbose = False
        self.diagnosing = False  # -dD
        self.repeated = False  # findings that are no alerts were shown by another process before
        self.alerts: list[str] = []  # what went wrong, also where nothing is shown
        self._introduced = False
        self._shown = 0  # findings of a load that were shown already

    @property
    def silent(self) -> bool:
        return self.quiet and not self.verbose

    def say(self, severity: Severity, text: str) -> None:
        """A message that is not about a line of the configuration."""
        if severity >= Severity.ALERT:
            self.alerts.append(text)
        if self.silent:
            STARTUP.add(_line(severity, text))
            return
        if severity >= Severity.WARNING:
            self._introduce()
        self._print(severity, text)

    def alert(self, text: str) -> None:
        self.say(Severity.ALERT, text)

    def warning(self, text: str) -> None:
        self.say(Severity.WARNING, text)

    def notice(self, text: str) -> None:
        self.say(Severity.NOTICE, text)

    def show(self, diagnostics: Diagnostics) -> None:
        """Findings that have not been shown yet, in their order."""
        new = diagnostics.findings[self._shown :]
        self._shown = len(diagnostics.findings)
        for finding in new:
            self._show(finding)

    def out(self, text: str) -> None:
        """A result, on stdout."""
        if not self.silent:
            self.list(text)

    def list(self, text: str) -> None:
        """What was asked for, on stdout, in quiet mode too."""
        print(text, flush=True)

    def _show(self, finding: Finding) -> None:
        if finding.severity >= Severity.ALERT:
            where = f"[{finding.position}] : " if finding.position.line else ""
            self.alerts.append(where + finding.message)
        if finding.severity == Severity.DIAG and not self.diagnosing:
            return
        silent = self.silent or self.repeated and finding.severity < Severity.ALERT
        if not silent and finding.severity >= Severity.WARNING:
            self._introduce()
        text = finding.render()
        STARTUP.add(text)
        if not silent:
            self._write(text)

    def _introduce(self) -> None:
        """Say which program and version this is, before the first thing that is wrong."""
        if not self._introduced:
            self._introduced = True
            self._print(Severity.NOTICE, f"pointsman version is {__version__}")
            self._print(Severity.NOTICE, f"path to executable is {os.path.abspath(sys.argv[0])}")

    def _print(self, severity: Severity, text: str) -> None:
        line = _line(severity, text)
        STARTUP.add(line)
        self._write(line)

    @staticmethod
    def _write(text: str) -> None:
        print(text, file=sys.stderr, flush=True)
