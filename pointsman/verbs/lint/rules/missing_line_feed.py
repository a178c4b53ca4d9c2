"""missing-line-feed."""

from collections.abc import Iterator

from pointsman.core.diagnostics import Position
from pointsman.verbs.lint.rule import Edit, Fix, Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80  # here"""
CLEAN = """
frontend www
    mode http
    bind :80
"""


@rule("missing-line-feed", Level.ERROR, FOUND, CLEAN, fixes=True)
def missing_line_feed(subject: Subject) -> Iterator[Found]:
    """The last line has no line feed: the file does not load.

    HAProxy refuses such a file, which may have been cut short (manual 2.2). `--fix` adds the line feed.
    """
    for name, text in subject.texts.items():
        last = text.lines[-1]
        if last:
            at = Position(name, len(text.lines), len(last), 1, last)
            edit = Edit(name, len(text.lines), len(last) + 1, 0, "\n")
            message = "the last line has no line feed: the file may have been cut short"
            yield Found(at, message, "", Fix("add a line feed", (edit,)))
