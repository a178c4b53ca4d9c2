"""known-password."""

from collections.abc import Iterator
from typing import Final

from pointsman.config.stats import StatsAccount
from pointsman.config.userlist import UserLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
userlist people
    user bob insecure-password bob  # here
listen stats
    mode http
    bind 127.0.0.1:8404
    stats auth admin:admin  # here
    http-request auth unless { http_auth(people) }
"""
CLEAN = """
userlist people
    user bob insecure-password oe7ieTh8
listen stats
    mode http
    bind 127.0.0.1:8404
    stats auth admin:Ahch9ohv
    http-request auth unless { http_auth(people) }
"""
# Those of tutorials, of the manual's examples, and the first ones of every list of passwords.
_LISTED: Final = """
000000 111111 1234 12345 123456 1234567 12345678 123456789 abc123 adm1n admin admin1 admin123 administrator asdf
changeit changeme default demo foobar guest haproxy haproxystats hello hunter2 letmein master monitor mypass
mypassword nimda pass pass123 passw0rd passwd password password1 password123 private public qwerty root s3cr3t
sample secret secure stat stats superuser test test123 toor user username welcome yourpassword
"""
KNOWN: Final = frozenset(_LISTED.split())
WITHOUT: Final = str.maketrans("", "", "-_.!")  # change-me


@rule("known-password", Level.WARNING, FOUND, CLEAN)
def known_password(subject: Subject) -> Iterator[Found]:
    """A password that everybody tries first.

    It is that of tutorials and examples, or equal to the name. `openssl rand -base64 18` makes a better one.
    """
    for section in subject.configuration.userlists.values():
        for user in section.all(UserLine):
            if not user.encrypted and _known(user.name.encode("utf-8", "surrogateescape"), user.password):
                message = f"the password of '{user.name}' is among the first that are tried"
                yield Found(subject.words_at(user.at, 2), message, "'openssl rand -base64 18' makes a better one")
    for section in subject.sections[1:]:
        for account in subject.own(section, StatsAccount):
            if _known(account.user, account.password):
                at = subject.words_at(account.at, 3)
                name = account.user.decode("utf-8", "replace")
                message = f"the password of '{name}' is among the first that are tried"
                yield Found(at, message, "'openssl rand -base64 18' makes a better one")


def _known(user: bytes, password: bytes | None) -> bool:
    if not password:
        return False
    said = password.decode("utf-8", "replace").lower()
    return said.translate(WITHOUT) in KNOWN or said == user.decode("utf-8", "replace").lower()
