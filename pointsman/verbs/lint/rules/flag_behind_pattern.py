"""flag-behind-pattern."""

from collections.abc import Iterator

from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    acl www hdr(host) www.example.com -i example.com  # here
    http-request deny unless www
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl www hdr(host) -i www.example.com example.com
    acl option hdr(x-options) -- -i -v
    http-request deny unless www or option
"""
FLAGS = ("-i", "-f", "-m", "-n", "-M")


@rule("flag-behind-pattern", Level.WARNING, FOUND, CLEAN)
def flag_behind_pattern(subject: Subject) -> Iterator[Found]:
    """A flag of an ACL stands behind a pattern, and is taken for one.

    Flags come first (manual 7.1): what follows the first pattern is a pattern. `-i` there does not switch case off, and
    matches a value that is "-i".
    """
    for _, acl in subject.every_acl:
        written = acl.lists.written
        if not any(pattern.key in FLAGS for pattern in written[1:]):
            continue
        words = [word.text for word in subject.words(acl.criterion.at)]
        if "--" in words:
            continue
        for pattern in written[1:]:
            if pattern.key in FLAGS:
                yield Found(pattern.at, f"'{pattern.key}' is taken for a pattern here", "put flags before the patterns")
