"""open-metrics."""

from collections.abc import Iterator

from pointsman.config.setting import In
from pointsman.rules.keywords import DefaultBackendLine, UseBackendLine
from pointsman.rules.rule import Rule
from pointsman.rules.service import UseService
from pointsman.verbs.lint.exposure import guarded, public_binds, tells_apart
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    http-request use-service prometheus-exporter if { path /metrics }  # here
    default_backend app
backend app
    mode http
    server one 192.0.2.1:80
"""
CLEAN = """
frontend www
    mode http
    bind :80
    http-request use-service prometheus-exporter if { path /metrics } { src 192.0.2.0/24 }
    default_backend app
frontend metrics
    mode http
    bind :8405
    http-request use-service prometheus-exporter if { path /metrics }
backend app
    mode http
    server one 192.0.2.1:80
"""


@rule("open-metrics", Level.WARNING, FOUND, CLEAN)
def open_metrics(subject: Subject) -> Iterator[Found]:
    """Clients of a site may read the metrics of the proxy.

    They name all proxies and servers, and say how these are. Give them a frontend of their own, on an address that
    clients do not reach, or add `{ src <network> }` (manual 4.4, "use-service").
    """
    for section in subject.fronts:
        traffic = section.one(DefaultBackendLine) or section.all(UseBackendLine) or section.kind & In.BACK
        binds = public_binds(section)
        if not traffic or not binds or guarded(section):
            continue
        for one in section.all(Rule):
            action = one.action
            if isinstance(action, UseService) and action.entry.name == "prometheus-exporter":
                if not tells_apart(one.condition):
                    message = f"everybody who reaches '{binds[0].text}' may read the metrics"
                    yield Found(one.at, message, "add '{ src <network> }', or give them a frontend of their own")
