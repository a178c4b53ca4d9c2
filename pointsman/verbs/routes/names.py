"""Names of cases, each its own: pytest, JUnit and `-k` know cases by them, and they are the same each time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pointsman.verbs.routes.model import Case


def apart(cases: Sequence[Case], parameters: Sequence[str]) -> list[Case]:
    """Names that stand there twice get their parameters ("": there are none); if they still do, their lines; then a
    number."""
    told = _longer(cases, [f" {text}" if text else "" for text in parameters])
    told = _longer(told, [f" (line {case.at.line})" for case in told])
    seen: Counter[str] = Counter()
    found = []
    for case in told:
        seen[case.path] += 1
        number = seen[case.path]
        found.append(replace(case, name=f"{case.name} #{number}") if number > 1 else case)
    return found


def _longer(cases: Sequence[Case], suffixes: Sequence[str]) -> list[Case]:
    """Those whose names are not their own get suffixes."""
    counts = Counter(case.path for case in cases)
    return [
        replace(case, name=case.name + suffix) if counts[case.path] > 1 else case
        for case, suffix in zip(cases, suffixes, strict=True)
    ]
