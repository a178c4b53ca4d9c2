"""literal-regex."""

import re
from collections.abc import Iterator
from typing import Final

from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    acl api path_reg ^/api/  # here
    http-request deny if api
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl api path_beg /api/
    acl images path_reg ^/img/[0-9]+/
    http-request deny if api or images
"""
LITERAL: Final = re.compile(r"(\^?)((?:[A-Za-z0-9/_ =&%~-]|\\[./-])+)(\$?)")


@rule("literal-regex", Level.INFO, FOUND, CLEAN)
def literal_regex(subject: Subject) -> Iterator[Found]:
    """A regular expression that has nothing but letters.

    Prefixes, suffixes and equal texts are compared faster, and say what is meant: `-m beg`, `-m end`, `-m str`,
    `-m sub` (manual 7.1.3).
    """
    for _, acl in subject.every_acl:
        if acl.method != "reg" or acl.lists.names:
            continue
        found = [LITERAL.fullmatch(pattern.key) for pattern in acl.lists.written]
        if not found or None in found:
            continue
        one = found[0]
        assert one is not None
        kind = {"^$": "str", "^": "beg", "$": "end", "": "sub"}[one[1] + one[3]]
        text = one[2].replace("\\", "")
        message = f"'{acl.lists.written[0].key}' is no more than a text"
        yield Found(acl.lists.written[0].at, message, f"'-m {kind} {text}' says the same, and is faster")
