"""What the program says on the terminal: findings and messages on stderr, in HAProxy's form.

Quiet mode (-q, `quiet`) silences all of it, alerts too; verbose mode (-V) takes precedence over quiet mode.
"""

import os
import sys

from pointsman import __version__
from pointsman.core.diagnostics import STARTUP, Diagnostics, Finding, Severity


def _line(severity: Severity, text: str) -> str:
    head = f"[{severity.name}]"
    return f"{head:<10} ({os.getpid()}) : {text}"


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
        """What was asked for, on stdout, in quiet mode too.

        Its reader may have gone (`| head -1`), or the disk be full: that ends nothing, and the rest goes nowhere.
        """
        try:
            print(text, flush=True)
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)  # or Python would complain at its end of what it could not write
            os.close(nowhere)

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
        """Who is speaking: precedes the first thing that is wrong."""
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
        """On stderr; nobody reads it where that is closed or full, which is no reason to end."""
        try:
            print(text, file=sys.stderr, flush=True)
        except OSError:
            pass
