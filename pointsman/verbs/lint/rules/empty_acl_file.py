"""empty-acl-file."""

from collections.abc import Iterator

from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    acl blocked src -f /dev/null  # here
    http-request deny if blocked
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl blocked src -f /dev/null -- 192.0.2.66
    http-request deny if blocked
"""


@rule("empty-acl-file", Level.INFO, FOUND, CLEAN)
def empty_acl_file(subject: Subject) -> Iterator[Found]:
    """The file of an ACL has no patterns.

    The ACL never matches, until somebody adds patterns on the runtime socket. Where that is what the file is for, all
    is well.
    """
    for _, acl in subject.every_acl:
        for name in acl.lists.names:
            if not acl.patterns and not name.startswith(("virt@", "opt@")):
                at = subject.word(acl.criterion.at, name)
                yield Found(at, f"the file '{name}' has no patterns: the ACL never matches")
                break
