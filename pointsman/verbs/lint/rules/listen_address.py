"""listen-address."""

from collections.abc import Iterator

from pointsman.config.setting import Section
from pointsman.verbs.lint.rule import Edit, Fix, Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
listen app 192.0.2.1:80  # here
    mode http
    server one 192.0.2.2:80
"""
CLEAN = """
listen app
    bind 192.0.2.1:80
    mode http
    server one 192.0.2.2:80
"""


@rule("listen-address", Level.ERROR, FOUND, CLEAN, fixes=True)
def listen_address(subject: Subject) -> Iterator[Found]:
    """The address stands behind the name of the section: the file does not load.

    HAProxy took addresses there before version 1.7. They stand on `bind` lines now (manual 4.2).
    """
    for section, line in subject.lines:
        words = line.words
        if words[0].text not in ("listen", "frontend") or len(words) < 3 or "from" in [word.text for word in words]:
            continue
        first, last = words[2].at, words[-1].at
        text = first.text[first.column - 1 : last.column + last.length - 1]
        behind = words[1].at
        start = behind.column + behind.length
        edits = (
            Edit(first.file, first.line, start, last.column + last.length - start),
            Edit(first.file, first.line, len(first.text) + 1, 0, f"\n{_blanks(subject, section)}bind {text}"),
        )
        at = first._replace(length=last.column + last.length - first.column)
        yield Found(at, "addresses stand on 'bind' lines", "", Fix(f"write 'bind {text}'", edits))


def _blanks(subject: Subject, section: Section) -> str:
    """What the section's other lines begin with."""
    for line in subject.lines_of(section)[1:]:
        text = line.at.text
        return text[: len(text) - len(text.lstrip())]
    return "    "
