"""duplicate-line."""

from collections.abc import Iterator

from pointsman.config.setting import In
from pointsman.verbs.lint.rule import Found, Level, remove, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    option httplog
    option httplog  # here
    http-request set-header X-Proto http
    http-request set-header X-Proto http  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    option httplog
    http-request set-header X-Proto http
    http-request set-header X-Port 80
"""
ORDERED = (
    "declare",
    "tcp-check",
    "http-check",
    "acl",
    "server",
    "server-template",
    "bind",
    "timeout",
    "mode",
    "balance",
)
HARMLESS = ("option", "stats", "errorfile", "compression", "capture", "log")
NO_HEADER = (
    "http-request set-header",
    "http-request del-header",
    "http-response set-header",
    "http-response del-header",
)


@rule("duplicate-line", Level.WARNING, FOUND, CLEAN, fixes=True)
def duplicate_line(subject: Subject) -> Iterator[Found]:
    """The same line stands twice in a section.

    At best it does nothing; `add-header` and `log` do their work twice. Often a line was copied and was to be changed.
    """
    for section in subject.sections:
        if section.kind == In.GLOBAL:
            continue
        seen: dict[tuple[str, ...], int] = {}
        for line in subject.lines_of(section)[1:]:
            words = tuple(word.text for word in line.words)
            if words[0] in ORDERED or words[0] == "default_backend":
                continue
            first = seen.setdefault(words, line.at.line)
            if first != line.at.line:
                safe = words[0] in HARMLESS or " ".join(words[:2]) in NO_HEADER and _next_to(first, line.at.line)
                yield Found(line.at, f"the same stands in line {first}", "", remove(line.at) if safe else None)


def _next_to(first: int, second: int) -> bool:
    return second - first == 1
