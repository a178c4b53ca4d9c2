"""check-without-check."""

from collections.abc import Iterator

from pointsman.config.server_line import ServerLine
from pointsman.config.setting import In
from pointsman.server.checks.plan import CheckKind
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    option httpchk GET /health  # here
    server one 192.0.2.1:80
"""
CLEAN = """
backend app
    mode http
    option httpchk GET /health
    server one 192.0.2.1:80 check
"""


@rule("check-without-check", Level.WARNING, FOUND, CLEAN)
def check_without_check(subject: Subject) -> Iterator[Found]:
    """A health check is configured, and no server is checked.

    `option httpchk` and its kin say how servers are checked; the word `check` on each `server` line (or on
    `default-server`) says that they are. Without it a server counts as up for ever (manual 5.2, "check").
    """
    for section in (*subject.configuration.defaults, *subject.backs):
        kinds = subject.own(section, CheckKind)
        users = [one for one in subject.heirs.get(id(section), [section]) if one.kind & In.BACK]
        servers = [server for user in users for server in user.all(ServerLine)]
        if not kinds or not servers or any(one.parameters.check or one.parameters.track for one in servers):
            continue
        at = kinds[-1].at
        whose = section.title if section.kind & In.PROXY else "any backend"
        yield Found(
            at,
            f"no server of {whose} has the word 'check', so that none is checked",
            "say 'check' on each server line, or once in 'default-server check'",
        )
