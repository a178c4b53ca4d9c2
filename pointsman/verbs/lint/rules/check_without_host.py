"""check-without-host."""

from collections.abc import Iterator

from pointsman.config.setting import In
from pointsman.server.checks.plan import HTTP, CheckKind, CheckRule, rules_of
from pointsman.server.checks.steps import SendRequest
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    option httpchk GET /health HTTP/1.1  # here
    server one 192.0.2.1:80 check
"""
CLEAN = """
backend app
    mode http
    option httpchk GET /health
    http-check send ver HTTP/1.1 hdr Host app.example.com
    server one 192.0.2.1:80 check
"""


@rule("check-without-host", Level.WARNING, FOUND, CLEAN)
def check_without_host(subject: Subject) -> Iterator[Found]:
    """A check of HTTP/1.1 has no Host field.

    Every request of HTTP/1.1 has one (RFC 9112 3.2): a server answers such a check with 400, and is taken for down.
    Say `http-check send hdr Host NAME`, or leave out the version.
    """
    for section in (*subject.configuration.defaults, *subject.backs):
        kind = section.one(CheckKind)
        if kind is None or kind.kind != HTTP:
            continue
        rules = rules_of(section, HTTP)
        sends = [one for one in rules if isinstance(one.step, SendRequest)]
        late = [one for one in sends if _is_late(one)]
        if not late or any(_has_host(one) for one in sends) or not any(one is late[0] for one in section.settings):
            continue
        if section.kind == In.DEFAULTS and any(_has_host(one) for one in _below(subject, late[0])):
            continue
        yield Found(
            late[0].at, "a check of HTTP/1.1 without a Host field gets a 400", "add 'http-check send hdr Host NAME'"
        )


def _below(subject: Subject, line: CheckRule) -> Iterator[CheckRule]:
    """Rules of the backends that may replace those of the defaults."""
    for section in subject.backs:
        yield from (one for one in rules_of(section, HTTP) if one is not line)


def _is_late(rule: CheckRule) -> bool:
    return isinstance(rule.step, SendRequest) and rule.step.version == b"HTTP/1.1"


def _has_host(rule: CheckRule) -> bool:
    return isinstance(rule.step, SendRequest) and any(name == b"host" for name, _ in rule.step.headers)
