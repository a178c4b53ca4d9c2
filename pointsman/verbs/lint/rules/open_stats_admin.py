"""open-stats-admin."""

from collections.abc import Iterator

from pointsman.config.bind import Bind
from pointsman.config.setting import In
from pointsman.config.stats import StatsAccount
from pointsman.rules.stats import StatsAdmin
from pointsman.verbs.lint.exposure import guarded, is_local, tells_apart
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
listen stats
    mode http
    bind :8404
    stats uri /stats
    stats admin if TRUE  # here
"""
CLEAN = """
listen stats
    mode http
    bind :8404
    stats uri /stats
    stats auth admin:Ahch9ohv
    stats admin if TRUE
listen more
    mode http
    bind :8405
    stats uri /stats
    stats admin if LOCALHOST
listen here
    mode http
    bind 127.0.0.1:8406
    stats uri /stats
    stats admin if TRUE
"""


@rule("open-stats-admin", Level.WARNING, FOUND, CLEAN)
def open_stats_admin(subject: Subject) -> Iterator[Found]:
    """Everybody who sees the statistics page may take servers out of traffic.

    `stats admin` makes the page a control panel. Ask for a password (`stats auth`), or say who may: `stats admin if
    LOCALHOST` (manual 4.2).
    """
    for section in subject.proxies:
        if section.all(StatsAccount) or guarded(section) or not subject.is_http(section):
            continue
        binds = section.all(Bind)
        if section.kind & In.FRONT and binds and all(is_local(one) for bind in binds for one in bind.addresses):
            continue
        for line in section.all(StatsAdmin):
            if not tells_apart(line.condition):
                message = "everybody who sees this page may take servers out of traffic"
                yield Found(line.at, message, "say 'stats auth', or 'if LOCALHOST'")
