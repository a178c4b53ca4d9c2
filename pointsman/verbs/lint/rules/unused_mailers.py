"""unused-mailers."""

from collections.abc import Iterator

from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
mailers post  # here
    mailer one 192.0.2.25:25
backend app
    mode http
    server one 192.0.2.1:80
"""
CLEAN = """
mailers post
    mailer one 192.0.2.25:25
backend app
    mode http
    email-alert mailers post
    email-alert from lb@example.com
    email-alert to ops@example.com
    server one 192.0.2.1:80 check
"""


@rule("unused-mailers", Level.WARNING, FOUND, CLEAN)
def unused_mailers(subject: Subject) -> Iterator[Found]:
    """No proxy sends alerts by the mail servers of a mailers section.

    `email-alert mailers NAME` in a proxy, with `from` and `to`, sends them (manual 12.3).
    """
    for name, section in subject.configuration.mailers.items():
        if name not in subject.named and not subject.may_be_used(name):
            yield Found(section.at, f"nothing names the mailers section '{name}'", f"say 'email-alert mailers {name}'")
