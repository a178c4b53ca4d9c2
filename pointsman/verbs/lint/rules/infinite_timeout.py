"""infinite-timeout."""

from collections.abc import Iterator

from pointsman.config.timeouts import Timeout
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
defaults
    mode http
    timeout client 30s
    timeout connect 5s
    timeout server 0  # here
frontend www
    bind :80
"""
CLEAN = """
defaults
    mode http
    timeout client 30s
    timeout connect 5s
    timeout server 10m
frontend www
    bind :80
"""


@rule("infinite-timeout", Level.WARNING, FOUND, CLEAN)
def infinite_timeout(subject: Subject) -> Iterator[Found]:
    """A timeout of 0 waits for ever.

    A peer that has gone without a word keeps its connection until the process ends. Say how long is long enough: hours,
    or days, are possible (manual 2.5).
    """
    for section in subject.sections[1:]:
        for one in subject.own(section, Timeout):
            if one.milliseconds == 0 and one.name in ("client", "connect", "server", "tunnel"):
                at = subject.words(one.at)[-1].at if subject.words(one.at) else one.at
                yield Found(at, f"'timeout {one.name}' of 0 waits for ever", "say a time, such as 1h")
