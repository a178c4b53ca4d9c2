"""missing-http-request-timeout."""

from collections.abc import Iterator

from pointsman.config.bind import Bind
from pointsman.config.setting import Section
from pointsman.config.timeouts import Timeout, timeout
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
defaults
    mode http
    timeout client 60s
    timeout connect 5s
    timeout server 60s
frontend www  # here
    bind :80
frontend api
    bind :81
"""
CLEAN = """
defaults
    mode http
    timeout client 60s
    timeout connect 5s
    timeout server 60s
    timeout http-request 10s
frontend www
    bind :80
"""
SHORT = 10_000  # ms: who waits no longer for bytes of clients is safe enough


@rule("missing-http-request-timeout", Level.INFO, FOUND, CLEAN)
def missing_http_request_timeout(subject: Subject) -> Iterator[Found]:
    """A frontend lets clients take their time for the head of a request.

    `timeout client` begins anew with each byte, so that a client that sends one byte at a time keeps its connection as
    long as it likes (Slowloris). `timeout http-request` is for the whole head (manual 4.2). Frontends with the same
    defaults are told once.
    """
    found: dict[int, list[Section]] = {}
    for section in subject.fronts:
        if not subject.is_http(section) or not section.all(Bind) or section.one(Timeout, "http-request") is not None:
            continue
        if timeout(section, "client") > SHORT:
            found.setdefault(id(section.defaults or section), []).append(section)
    for sections in found.values():
        first, count = sections[0], len(sections) - 1
        others = f" (nor have {count} others)" if count > 1 else " (nor has another one)" if count else ""
        message = f"{first.title} has no 'timeout http-request'{others}: slow heads hold connections"
        yield Found(first.at, message, "'timeout http-request 10s' in 'defaults' is enough for all")
