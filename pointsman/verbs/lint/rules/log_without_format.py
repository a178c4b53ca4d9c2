"""log-without-format."""

from collections.abc import Iterator

from pointsman.config.bind import Bind
from pointsman.log.keywords import LineFormat
from pointsman.log.target import LogTarget
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    log 192.0.2.14 local0  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    log 192.0.2.14 local0
    option httplog
"""


@rule("log-without-format", Level.INFO, FOUND, CLEAN)
def log_without_format(subject: Subject) -> Iterator[Found]:
    """A frontend logs, and does not say how.

    The default format only names the client and the listener (manual 8.2.1): no request, no status, no timers.
    `option httplog` or `option tcplog` tells what one wants to know when something goes wrong.
    """
    main = subject.configuration.main
    for section in subject.fronts:
        targets = section.all(LogTarget)
        if not targets or not section.all(Bind) or section.one(LineFormat) is not None:
            continue
        if all(one.address is None for one in targets) and not main.all(LogTarget):
            continue
        own = subject.own(section, LogTarget)
        option = "httplog" if subject.is_http(section) else "tcplog"
        at = own[0].at if own else section.at
        yield Found(at, f"{section.title} logs without a format: requests are not shown", f"add 'option {option}'")
