"""open-stats-page."""

from collections.abc import Iterator

from pointsman.config.stats import page_position, statistics_page
from pointsman.rules.stats import StatsAdmin
from pointsman.verbs.lint.exposure import open_doors
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
listen stats
    mode http
    bind :8404
    stats enable  # here
    stats uri /stats
frontend www
    mode http
    bind :80
    use_backend state if { path_beg /state }
backend state
    mode http
    stats uri /state  # here
"""
CLEAN = """
listen stats
    mode http
    bind :8404
    stats uri /stats
    stats auth admin:Ahch9ohv
listen local
    mode http
    bind 127.0.0.1:8405
    stats uri /stats
listen few
    mode http
    bind :8406
    stats uri /stats
    http-request deny unless { src 192.0.2.0/24 }
frontend www
    mode http
    bind :80
    use_backend state if { path_beg /state } { src 192.0.2.0/24 }
backend state
    mode http
    stats uri /state
"""


@rule("open-stats-page", Level.WARNING, FOUND, CLEAN)
def open_stats_page(subject: Subject) -> Iterator[Found]:
    """Everybody may see the statistics page.

    It names all servers with their addresses and states, and says when they fail: a map for whoever means harm. Say
    `stats auth`, `stats http-request auth`, deny by `src`, or listen on an address that strangers do not reach (manual
    4.2, "stats auth").
    """
    for section in subject.proxies:
        page = statistics_page(section, bool(section.all(StatsAdmin)))
        if page is None or page.accounts or not subject.is_http(section):
            continue
        doors = open_doors(subject, section)
        if doors:
            message = f"everybody who reaches '{doors[0].text}' may see the statistics page"
            yield Found(page_position(section), message, "say 'stats auth', or listen on 127.0.0.1")
