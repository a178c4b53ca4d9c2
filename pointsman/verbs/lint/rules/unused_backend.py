"""unused-backend."""

from collections.abc import Iterator

from pointsman.assemble.references import referred
from pointsman.config.setting import In, Section
from pointsman.config.stick_table import StickTableLine
from pointsman.rules.keywords import DefaultBackendLine, UseBackendLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    default_backend app
backend app
    mode http
    server one 192.0.2.1:80
backend old  # here
    mode http
    server one 192.0.2.2:80
"""
CLEAN = """
frontend www
    mode http
    bind :80
    use_backend %[path,map_reg(names.map)]
backend app
    mode http
    server one 192.0.2.1:80
""".replace("path,map_reg(names.map)", "path,field(2,/)")


@rule("unused-backend", Level.WARNING, FOUND, CLEAN)
def unused_backend(subject: Subject) -> Iterator[Found]:
    """No frontend sends traffic to a backend.

    Its servers are checked, its statistics stay at zero. Backends that only hold a stick table are used by whoever
    names the table. Where a name is computed (`use_backend %[...]`), or a filter, Lua or Python may name some, nothing
    is said.
    """
    if any(line.format is not None for one in subject.fronts for line in one.all(UseBackendLine)):
        return
    if subject.asks_elsewhere or not subject.fronts:
        return
    used, _ = referred(subject.configuration)
    used |= {line.name.text for one in subject.sections if (line := one.one(DefaultBackendLine)) is not None}
    for section in subject.backs:
        if section.kind != In.BACKEND or section.name in used or subject.may_be_used(section.name):
            continue
        if _has_table(subject, section) or _is_target(subject, section):
            continue
        message = f"no frontend sends traffic to backend '{section.name}'"
        yield Found(subject.title_at(section), message, "remove it, or name it in a 'use_backend' or 'default_backend'")


def _has_table(subject: Subject, section: Section) -> bool:
    """A backend that is there for its stick table alone."""
    return bool(subject.own(section, StickTableLine)) and section.name in subject.named


def _is_target(subject: Subject, section: Section) -> bool:
    """A backend of log servers."""
    return any(f"backend@{section.name}" in [word.text for word in line.words[1:2]] for _, line in subject.lines)
