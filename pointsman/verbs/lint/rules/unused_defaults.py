"""unused-defaults."""

from collections.abc import Iterator

from pointsman.config.setting import Section
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
defaults tcp  # here
    mode tcp
defaults web
    mode http
    timeout client 10s
frontend www from web
    bind :80
"""
CLEAN = """
defaults
    mode http
    timeout client 10s
frontend www
    bind :80
"""


@rule("unused-defaults", Level.WARNING, FOUND, CLEAN)
def unused_defaults(subject: Subject) -> Iterator[Found]:
    """No proxy takes anything from a defaults section.

    A proxy takes its defaults from the section that its `from` names, else from the last one above it (manual 4.1).
    A defaults section behind all proxies, or one that another follows at once, has no effect.
    """
    if not subject.configuration.proxies:
        return
    for section in subject.configuration.defaults:
        if id(section) in subject.heirs or not section.settings or _may_be(subject, section):
            continue
        name = f"'{section.name}' " if section.name else ""
        message = f"no proxy takes its defaults from this section {name}".rstrip()
        yield Found(section.at, message, "move it above the proxies that are to take it, or name it with 'from'")


def _may_be(subject: Subject, section: Section) -> bool:
    return bool(section.name) and subject.may_be_used(section.name)
