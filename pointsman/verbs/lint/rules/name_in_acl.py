"""name-in-acl."""

from collections.abc import Iterator

from pointsman.verbs.lint.logic import networks_of
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    acl office src vpn.example.com  # here
    http-request deny unless office
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl office src 192.0.2.7 2001:db8::/32
    http-request deny unless office
"""


@rule("name-in-acl", Level.INFO, FOUND, CLEAN)
def name_in_acl(subject: Subject) -> Iterator[Found]:
    """An ACL compares addresses with a name.

    The name is looked up once, at the start (manual 7.1.6), and only its IPv4 addresses count: when they change, the
    ACL matches the old ones; when it cannot be looked up, the start fails.
    """
    for _, acl in subject.every_acl:
        if acl.method != "ip":
            continue
        for pattern in acl.lists.written:
            if not networks_of(pattern):
                yield Found(pattern.at, f"'{pattern.key}' is looked up once, at the start", "write its addresses")
