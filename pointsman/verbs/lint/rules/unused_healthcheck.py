"""unused-healthcheck."""

from collections.abc import Iterator

from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
healthcheck alive  # here
    type httpchk
backend app
    mode http
    server one 192.0.2.1:80 check
"""
CLEAN = """
healthcheck alive
    type httpchk
backend app
    mode http
    server one 192.0.2.1:80 check healthcheck alive
"""


@rule("unused-healthcheck", Level.WARNING, FOUND, CLEAN)
def unused_healthcheck(subject: Subject) -> Iterator[Found]:
    """No server is checked as a healthcheck section says.

    It does nothing until a server line says `check healthcheck NAME` (manual 5.2).
    """
    for name, section in subject.configuration.healthchecks.items():
        if name not in subject.named and not subject.may_be_used(name):
            message = f"no server names the healthcheck section '{name}'"
            yield Found(section.at, message, f"say 'healthcheck {name}' on the lines of servers")
