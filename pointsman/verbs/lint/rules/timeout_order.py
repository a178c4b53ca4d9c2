"""timeout-order."""

from collections.abc import Iterator

from pointsman.config.setting import Section
from pointsman.config.timeouts import Timeout
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
defaults
    mode http
    timeout client 30s
    timeout connect 60s  # here
    timeout server 30s
    timeout tunnel 10s  # here
frontend www
    bind :80
"""
CLEAN = """
defaults
    mode http
    timeout client 30s
    timeout connect 5s
    timeout server 30s
    timeout tunnel 1h
frontend www
    bind :80
"""
PAIRS = (  # the first shall not be longer than the second
    ("connect", "server", "a server that answers slowly is given less time than one that does not answer at all"),
    ("server", "tunnel", "a tunnel, such as a WebSocket, is cut earlier than a request"),
)


@rule("timeout-order", Level.WARNING, FOUND, CLEAN)
def timeout_order(subject: Subject) -> Iterator[Found]:
    """A timeout is longer than another one that should be the longer one.

    To connect takes a round trip or a few, so that `timeout connect` is usually some seconds. `timeout tunnel` holds
    for connections on which both sides are silent for long (manual 4.2): it is much longer than `timeout server`.
    """
    for section in subject.sections[1:]:
        for short, long, why in PAIRS:
            one, other = section.one(Timeout, short), section.one(Timeout, long)
            if one is None or other is None or not other.milliseconds or one.milliseconds <= other.milliseconds:
                continue
            told = one if short == "connect" else other
            if not _own(section, one) and not _own(section, other):
                continue  # that of the defaults was told
            than = f"'timeout {short}' ({_time(one.milliseconds)}) is longer than 'timeout {long}'"
            yield Found(told.at, f"{than} ({_time(other.milliseconds)}): {why}")


def _own(section: Section, setting: Timeout) -> bool:
    return any(one is setting for one in section.settings)


def _time(milliseconds: int) -> str:
    for size, unit in ((3_600_000, "h"), (60_000, "m"), (1_000, "s")):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"
