"""readable-password."""

from collections.abc import Iterator

from pointsman.config.stats import StatsAccount
from pointsman.config.userlist import UserLine
from pointsman.core.diagnostics import Position
from pointsman.verbs.lint.permissions import readable_by_all
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
listen stats
    mode http
    bind 127.0.0.1:8404
    stats auth admin:dahgh3oGh4a  # here
    stats auth second:ohFiey9aequ
"""
CLEAN = """
userlist people
    user one password $6$k6y3o.eP$JlKBx9za9667qe4xHSwRv6J.C0/D7cV91
listen stats
    mode http
    bind 127.0.0.1:8404
    stats uri /
    stats http-request auth unless { http_auth(people) }
"""


@rule("readable-password", Level.WARNING, FOUND, CLEAN)
def readable_password(subject: Subject) -> Iterator[Found]:
    """Everybody on the machine may read the file, and it has passwords in clear.

    `chmod o-r` on the file will do, for it is read before the process gives its rights away. Or let a userlist have
    hashes of the passwords (manual 12.2), or the environment the passwords themselves (`"stats auth admin:$PASSWORD"`).
    """
    told: set[str] = set()
    for at in sorted(_places(subject), key=lambda one: (one.file, one.line)):
        if at.file not in told and readable_by_all(at.file) and "$" not in at.text:
            told.add(at.file)
            message = "everybody on this machine may read this file, and the password in it"
            yield Found(at, message, f"chmod o-r {at.file}")


def _places(subject: Subject) -> Iterator[Position]:
    for section in subject.configuration.userlists.values():
        for user in section.all(UserLine):
            if user.password and not user.encrypted:
                yield subject.words_at(user.at, 2)
    for section in subject.sections[1:]:
        for account in subject.own(section, StatsAccount):
            if account.password:
                yield subject.words_at(account.at, 2)
