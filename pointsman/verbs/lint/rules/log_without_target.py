"""log-without-target."""

from collections.abc import Iterator

from pointsman.log.target import LogTarget
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
defaults
    mode http
    log global  # here
frontend www
    bind :80
"""
CLEAN = """
global
    log 192.0.2.14 local0
defaults
    mode http
    log global
frontend www
    bind :80
"""


@rule("log-without-target", Level.WARNING, FOUND, CLEAN)
def log_without_target(subject: Subject) -> Iterator[Found]:
    """`log global` takes the targets of the global section, which has none.

    Nothing is logged. Say `log <target> <facility>` in `global` (manual 3.1), such as `log /dev/log local0`.
    """
    if subject.configuration.main.all(LogTarget) or subject.may_be_used("log"):
        return
    for section in subject.sections[1:]:
        for one in subject.own(section, LogTarget):
            if one.address is None:
                yield Found(one.at, "the global section has no 'log' line: nothing is logged", "add one there")
