"""plain-password."""

from collections.abc import Iterator

from pointsman.config.userlist import UserLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
userlist people
    user one insecure-password Eshoh4ie  # here
frontend www
    mode http
    bind :80
    http-request auth unless { http_auth(people) }
"""
CLEAN = """
userlist people
    user one password $6$k6y3o.eP$JlKBx9za9667qe4xHSwRv6J.C0/D7cV91
    user two insecure-password "$PASSWORD_OF_TWO"
frontend www
    mode http
    bind :80
    http-request auth unless { http_auth(people) }
"""


@rule("plain-password", Level.INFO, FOUND, CLEAN)
def plain_password(subject: Subject) -> Iterator[Found]:
    """A userlist has a password in clear.

    Whoever sees the file, a backup or the repository of it has the password. `mkpasswd -m sha-256` makes a hash for
    `user <name> password <hash>` (manual 12.2). A hash with many rounds costs time at each request.
    """
    for section in subject.configuration.userlists.values():
        for user in section.all(UserLine):
            if user.password and not user.encrypted and "$" not in user.at.text:
                at = subject.word(user.at, "insecure-password", 2)
                yield Found(
                    at, f"the password of '{user.name}' stands here in clear", "write its hash: 'password $5$...'"
                )
