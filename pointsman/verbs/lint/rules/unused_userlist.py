"""unused-userlist."""

from collections.abc import Iterator

from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
userlist people  # here
    user one insecure-password secret
frontend www
    mode http
    bind :80
"""
CLEAN = """
userlist people
    user one insecure-password secret
frontend www
    mode http
    bind :80
    http-request auth unless { http_auth(people) }
"""


@rule("unused-userlist", Level.WARNING, FOUND, CLEAN)
def unused_userlist(subject: Subject) -> Iterator[Found]:
    """No rule asks for a userlist.

    Its users protect nothing. `http-request auth unless { http_auth(NAME) }` asks for a password (manual 3.4).
    """
    for name, section in subject.configuration.userlists.items():
        if name not in subject.named and not subject.may_be_used(name):
            hint = f"'http-request auth unless {{ http_auth({name}) }}' asks for its users"
            yield Found(section.at, f"no rule asks for the users of userlist '{name}'", hint)
