"""missing-timeouts."""

from collections.abc import Iterator

from pointsman.config.server_line import ServerLine
from pointsman.config.setting import In
from pointsman.config.timeouts import timeout
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
defaults
    mode http
    timeout client 30s
frontend www
    bind :80
    default_backend app
backend app  # here
    timeout connect 5s
    server one 192.0.2.1:80
"""
CLEAN = """
defaults
    mode http
    timeout client 30s
    timeout connect 5s
    timeout server 30s
frontend www
    bind :80
    default_backend app
backend app
    server one 192.0.2.1:80
"""


@rule("missing-timeouts", Level.WARNING, FOUND, CLEAN)
def missing_timeouts(subject: Subject) -> Iterator[Found]:
    """A proxy waits without end for its clients or servers.

    Connections of clients and servers that have gone without a word stay for ever, until there is no room for others.
    `timeout client`, `timeout connect` and `timeout server` in a defaults section are enough for all proxies.
    """
    for section in subject.proxies:
        missing = [] if timeout(section, "client") or not section.kind & In.FRONT else ["client"]
        if section.kind & In.BACK and (section.all(ServerLine) or missing):
            missing += [name for name in ("connect", "server") if not timeout(section, name)]
        if missing:
            names = ", ".join(f"'timeout {name}'" for name in missing)
            yield Found(section.at, f"{section.title} has no {names}: it waits without end", "say them in 'defaults'")
