"""What the command prints, in 80 columns: each failed case with what was asked, expected, came, and why; a summary."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pointsman.verbs.explain.model import Unknown
from pointsman.verbs.routes.check import Failure
from pointsman.verbs.routes.model import Case
from pointsman.verbs.routes.nodes import shorten
from pointsman.verbs.routes.play import FAILED, PASSED, SKIPPED, Result
from pointsman.verbs.routes.why import Reason, reasons

WIDTH: Final = 80
RED: Final = "31"
GREEN: Final = "32"
YELLOW: Final = "33"
FAINT: Final = "2"
BOLD: Final = "1"
MOST_LINES: Final = 6  # of one value


class Paint:
    """Colours, or none."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and text else text


def failure_lines(result: Result, paint: Paint) -> list[str]:
    """A failed case."""
    case = result.case
    lines = [f"{paint(f'{RED};{BOLD}', 'FAILED')}  {paint(BOLD, str(case.at))}  {printable(case.path)}"]
    asked = asked_line(case)
    if asked:
        lines += _wrapped(asked, "  ", "      ")
    if result.error:
        lines += _wrapped(result.error, "  ", "  ")
    told: list[Reason] = []
    for index, failure in enumerate(result.failures):
        lines += _failure(failure, result.hints.get(index, ""), paint)
        new = [one for one in reasons(failure, result.places) if one not in told]
        told += new
        lines += _why(new, paint)
    return lines


def asked_line(case: Case) -> str:
    """The request with all that is given, where the name does not say so already."""
    asked = case.asked
    parts = [case.title] if case.title and not case.name.startswith(case.title) else []
    parts += [f"-H '{name}: {shorten(value, 40)}'" for name, value in asked.headers]
    for option, value in (
        ("--src", asked.source),
        ("--dst", asked.destination),
        ("--frontend", asked.frontend),
        ("--sni", asked.sni),
        ("--client-cert", asked.client_certificate),
        ("--http", asked.version if asked.version != "1.1" else ""),
    ):
        if value:
            parts.append(f"{option} {value}")
    if asked.body:
        parts.append(f"a body of {len(asked.body)} bytes")
    parts += [f"--down {name}" for name in sorted(asked.down)]
    parts += [f"--set '{name}={value}'" for name, value in asked.given.items()]
    if case.repeat > 1:
        parts.append(f"--repeat {case.repeat}")
    return " ".join(parts)


def _failure(failure: Failure, hint: str, paint: Paint) -> Iterator[str]:
    line = f"  {failure}"
    if len(line) <= WIDTH:
        yield printable(line.strip(), "  ")
    else:
        label = str(failure).partition(": expected ")[0]
        yield printable(label, "  ")
        yield from _wrapped(failure.expected, "    expected  ", " " * 14)
        yield from _wrapped(failure.got or "it, which is not certain", "    got       ", " " * 14)
    if hint:
        yield from _wrapped(hint, "    ", "    ")
    for unknown in _once(failure.settle):
        why = f": {unknown.why}" if unknown.why else ""
        yield from _wrapped(f"{unknown.text} cannot be known offline{why}", "    ", "    ")
        if failure.otherwise:
            yield from _wrapped(failure.otherwise, "    ", "    ")
        yield f"    say what it is:  set: {{{_yaml(unknown.text)}: ...}}"


def _once(unknown: Iterable[Unknown]) -> list[Unknown]:
    return list({one.text: one for one in unknown}.values())


def _yaml(text: str) -> str:
    """As a key in braces."""
    return text if not any(one in text for one in ",{}[]:#'\"") else "'" + text.replace("'", "''") + "'"


def _why(found: Sequence[Reason], paint: Paint) -> Iterator[str]:
    for reason in found:
        place = f"{reason.at}: " if reason.at.line else ""
        yield from (paint(FAINT, line) for line in _wrapped(place + reason.text, "    ", " " * 8))
        if reason.remark:
            yield from (paint(FAINT, line) for line in _wrapped(reason.remark, " " * 8, " " * 8))


def printable(text: str, indent: str = "") -> str:
    """In one line, and with nothing in it that a terminal would obey."""
    return indent + "".join(one if one.isprintable() else "?" for one in " ".join(text.split()))


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    lines = textwrap.wrap(printable(text), WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
    return lines[:MOST_LINES] + ([rest + "..."] if len(lines) > MOST_LINES else []) or [first.rstrip()]


def case_line(result: Result, paint: Paint) -> str:
    """Of a case that has not failed, for -v."""
    if result.status == SKIPPED:
        return f"{paint(YELLOW, 'skipped')}  {result.case.at}  {printable(result.case.path)}: {result.case.skip}"
    return f"{paint(GREEN, 'passed')}  {result.case.at}  {printable(result.case.path)}"


def listed_line(case: Case) -> str:
    """For --list."""
    return f"{case.at}  {printable(case.path)}" + (f"  (skipped: {case.skip})" if case.skip else "")


def summary(results: Sequence[Result], seconds: float, paint: Paint) -> str:
    counts = {status: sum(1 for one in results if one.status == status) for status in (PASSED, FAILED, SKIPPED)}
    told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    cases = f"{len(results)} case{'' if len(results) == 1 else 's'}"
    text = f"{cases}: {told or 'nothing was played'} ({seconds:.1f} s)"
    return paint(RED if counts[FAILED] else GREEN, text)
