"""Findings as text with carets, as JSON, as annotations of GitHub, one a line; and what --explain and --list print."""

import difflib
import json
import os
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from pointsman.verbs.lint.engine import Report, Result
from pointsman.verbs.lint.rule import RULES, Level, Rule
from pointsman.verbs.lint.text import Text

WIDTH: Final = 80
COLOURS: Final = {Level.ERROR: "31", Level.WARNING: "33", Level.INFO: "36"}
COMMANDS: Final = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "notice"}  # of GitHub's workflows
SCHEMA: Final = 1  # of JSON: counts up when a field goes or means something else


class Paint:
    """Colours, where they are wanted."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted

    def __call__(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self.wanted else text


def _wrapped(text: str, indent: str, first: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first or indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def finding(report: Report, paint: Paint) -> str:
    """Place, level and name; the message; the line with the place underlined; what to do."""
    at = report.at
    place = f"{at.file}:{at.line}:{at.column}" if at.line else at.file or "configuration"
    level = paint(report.level.name.lower(), COLOURS[report.level])
    lines = [f"{paint(place, '1')}: {level} [{report.name}]"]
    lines += _wrapped(report.message, "    ")
    if at.text.strip():
        lines += ["      | " + one for one in _underlined(report)]
    if report.expected:
        lines += _wrapped(report.expected, "              ", "    expected: ")
    if report.hint:
        lines += _wrapped(report.hint, "          ", "    hint: ")
    if report.fix is not None:
        lines += _wrapped(report.fix.title, "         ", "    fix: ")
    return "\n".join(lines)


def _underlined(report: Report) -> Iterator[str]:
    """A line that is wider than the page is cut around the place."""
    at = report.at
    text = at.text.expandtabs(1).rstrip()
    room = WIDTH - 8
    column, length = at.column - 1, max(1, min(at.length, len(text) - at.column + 1))
    start = 0
    if len(text) > room:
        blanks = len(text) - len(text.lstrip())
        if column + min(length, 20) > room:
            start = min(max(0, column - 12), len(text))
            text, column = "..." + text[start:], column - start + 3
        elif blanks > 8:
            text, column = text[blanks - 4 :], column - blanks + 4
    if len(text) > room:
        text = text[: room - 3] + "..."
    yield text
    yield " " * column + "^" * max(1, min(length, room - column))


def text(result: Result, level: Level, paint: Paint) -> str:
    """All findings that count, and a line that sums up."""
    shown = [one for one in result.reports if one.level >= level]
    blocks = [finding(one, paint) for one in shown]
    return "\n\n".join([*blocks, summary(result, level)])


def summary(result: Result, level: Level) -> str:
    """How many, of which levels, and what could be done next."""
    shown = [one for one in result.reports if one.level >= level]
    hidden = len(result.reports) - len(shown)
    files = len(result.texts)
    where = "1 file" if files == 1 else f"{files} files"
    if not shown:
        said = f"{where}: nothing found."
    else:
        said = f"{where}: {_plural(len(shown), 'finding')} ({_levels(shown)})."
    lines = []
    if result.fixed:
        lines.append(f"{_plural(len(result.fixed), 'finding')} fixed.")
    lines.append(said)
    fixable = sum(1 for one in shown if one.fix is not None)
    if fixable:
        which = "It" if len(shown) == 1 else "All of them" if fixable == len(shown) else f"{fixable} of them"
        lines.append(f"{which} can be fixed: --diff shows how, --fix does it.")
    if hidden:
        word = "are" if hidden != 1 else "is"
        lines.append(f"{_plural(hidden, 'more finding')} {word} below level {level.name.lower()} (--level info).")
    if shown:
        lines.append("'pointsman lint --explain NAME' says why something matters.")
    return "\n".join(lines)


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _levels(reports: Sequence[Report]) -> str:
    parts = []
    for level, one, many in ((Level.ERROR, "error", "errors"), (Level.WARNING, "warning", "warnings")):
        count = sum(1 for report in reports if report.level == level)
        if count:
            parts.append(f"{count} {one if count == 1 else many}")
    info = sum(1 for report in reports if report.level == Level.INFO)
    return ", ".join([*parts, f"{info} info"] if info else parts)


def lines(result: Result, level: Level) -> str:
    """One line a finding, as editors read them."""
    return "\n".join(
        f"{one.at.file}:{one.at.line}:{one.at.column}: {one.level.name.lower()}: {one.message} [{one.name}]"
        for one in result.reports
        if one.level >= level
    )


def github(result: Result, level: Level) -> str:
    """Annotations of GitHub's workflows."""
    found = []
    for one in result.reports:
        if one.level < level:
            continue
        at = one.at
        place = f"file={_property(at.file)},line={at.line},col={at.column}" if at.line else ""
        if at.line and at.length:
            place += f",endColumn={at.column + at.length}"
        message = ". ".join(part for part in (one.message, one.hint) if part)
        title = f"{',' if place else ''}title={_property(one.name)}"
        found.append(f"::{COMMANDS[one.level]} {place}{title}::{_data(message)}")
    return "\n".join(found)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_json(result: Result, level: Level) -> str:
    """Stable names: see docs/lint.md."""
    shown = [one for one in result.reports if one.level >= level]
    made = {
        "version": SCHEMA,
        "files": list(result.texts),
        "loads": result.loads,
        "findings": [_object(one) for one in shown],
        "fixed": [_object(one) for one in result.fixed],
        "summary": {one.name.lower(): result.count(one) for one in reversed(Level)},
    }
    return json.dumps(made, indent=2, ensure_ascii=True)


def _object(one: Report) -> dict[str, object]:
    fix = None
    if one.fix is not None:
        fix = {
            "title": one.fix.title,
            "edits": [
                {
                    "file": edit.file,
                    "line": edit.line,
                    "column": edit.column,
                    "length": edit.length,
                    "text": edit.text,
                    "whole_line": edit.whole,
                }
                for edit in one.fix.edits
            ],
        }
    return {
        "name": one.name,
        "level": one.level.name.lower(),
        "file": one.at.file,
        "line": one.at.line,
        "column": one.at.column,
        "length": one.at.length,
        "message": one.message,
        "expected": one.expected,
        "hint": one.hint,
        "fix": fix,
    }


def diff(before: dict[str, Text], after: dict[str, Text]) -> str:
    """What --fix changes, as `patch -p0` takes it."""
    parts: list[str] = []
    for name, old in before.items():
        new = after[name]
        if new.content == old.content:
            continue
        for line in difflib.unified_diff(old.lines, new.lines, name, name, lineterm=""):
            parts.append(line.rstrip("\r").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))
    return "\n".join(parts)


def of_diff(fixed: int, left: int) -> str:
    """What stands below a diff."""
    said = f"{_plural(fixed, 'finding')} would be fixed" if fixed else "nothing can be fixed"
    return f"{said}, {left} would remain." if left else f"{said}."


def explanation(rule: Rule) -> str:
    """What --explain prints."""
    level = "as HAProxy has it" if rule.check is None and rule.reason.startswith("`pointsman -c`") else rule.level.name
    parts = [f"{rule.name} ({level.lower()}{', can be fixed' if rule.fixes else ''})", ""]
    parts += _wrapped(rule.summary + ".", "    ")
    for paragraph in rule.reason.split("\n\n"):
        parts += ["", *_wrapped(" ".join(paragraph.split()), "    ")] if paragraph else []
    for title, example in (("It finds", rule.found), ("It is content with", rule.clean)):
        if example:
            parts += ["", f"{title}:", "", textwrap.indent(shown(example), "    ")]
    parts += ["", "To ignore it, write at the end of the line, or above it:", ""]
    parts += [f"    # pointsman: ignore {rule.name}"]
    return "\n".join(parts)


def shown(example: str) -> str:
    """An example without the marks of tests."""
    return "\n".join(line.removesuffix("# here").rstrip() for line in example.strip("\n").split("\n"))


def listing() -> str:
    """What --list prints: a line a rule."""
    rows = []
    for name in RULES:
        rule = RULES.get(name)
        assert rule is not None
        rows.append((name, rule.level.name.lower() if rule.check or rule.found else "", rule.fixes, rule.summary))
    width = max(len(row[0]) for row in rows)
    return "\n".join(
        f"{name:<{width}}  {level:<7}  {'fix' if fixes else '   '}  {said}" for name, level, fixes, said in rows
    )


def wants_colour(is_terminal: bool) -> bool:
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
