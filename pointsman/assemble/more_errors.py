"""The errors that a file whose lines are partly wrong has beside those: unknown names, ports that are missing, and all
else that only shows when sections are put together. So one run tells everything, in the order of the lines.

What only follows from an error that was said is left out: a backend that seems to be missing because its first line was
wrong, a server whose line could not be read. The loader keeps the words of such lines (Configuration.failed).
"""

import re
from typing import Final

from pointsman.assemble import assembled
from pointsman.config.setting import Configuration
from pointsman.core.diagnostics import Diagnostics, Finding, Position, Severity

MISSING: Final = re.compile(r".*(?:unable to find [^']*|incompatible [a-z]+ backend )'([^']*)'")


def find_more(configuration: Configuration, diagnostics: Diagnostics) -> None:
    """Add what putting the sections together finds. Nothing is kept of the result, and no name is looked up."""
    more = Diagnostics()
    assembled(configuration, more, resolves=False)
    said = {_line(finding.position) for finding in diagnostics.findings if finding.severity == Severity.ALERT}
    for finding in more.findings:
        if (
            finding.severity == Severity.ALERT
            and _line(finding.position) not in said
            and not _follows(finding, configuration.failed)
        ):
            diagnostics.add(finding)
    files: dict[str, int] = {}
    for finding in diagnostics.findings:
        files.setdefault(finding.position.file, len(files))
    diagnostics.findings.sort(key=lambda finding: (files[finding.position.file], finding.position.line))


def _line(position: Position) -> tuple[str, int]:
    return position.file, position.line


def _follows(finding: Finding, failed: set[str]) -> bool:
    named = MISSING.match(finding.message)
    if named is not None and named[1] in failed:
        return True
    if "incompatible" in finding.message:
        return "mode" in failed
    return "capture" in finding.message and "capture" in failed
