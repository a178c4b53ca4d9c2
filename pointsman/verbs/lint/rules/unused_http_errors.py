"""unused-http-errors."""

from collections.abc import Iterator

from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
http-errors pages  # here
frontend www
    mode http
    bind :80
"""
CLEAN = """
http-errors pages
frontend www
    mode http
    bind :80
    errorfiles pages
"""


@rule("unused-http-errors", Level.WARNING, FOUND, CLEAN)
def unused_http_errors(subject: Subject) -> Iterator[Found]:
    """No proxy takes the error pages of an http-errors section.

    `errorfiles NAME` in a proxy takes them (manual 3.8), or `errorfiles NAME` behind an action such as `deny`.
    """
    for name, section in subject.configuration.http_errors.items():
        if name not in subject.named and not subject.may_be_used(name):
            message = f"nothing names the http-errors section '{name}'"
            yield Found(section.at, message, f"say 'errorfiles {name}' in a proxy")
