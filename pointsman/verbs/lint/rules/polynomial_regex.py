"""polynomial-regex."""

from collections.abc import Iterator
from typing import Final

from pointsman.verbs.lint.backtracking import EXPONENTIAL, degree
from pointsman.verbs.lint.regexes import regexes_of
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    acl digits path_reg ^/[0-9]+[0-9]+[0-9]+$  # here
    acl query url_reg select.*from.*where  # here
    http-request deny if digits or query
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl digits path_reg ^/[0-9]+$
    acl images path_reg ^/img/.*\\\\.(png|jpg)$
    acl parts path_reg ^/([^/]*)/([^/]*)/([^/]*)/x$
    http-request deny if digits or images or parts
"""
STEEP: Final = 3


@rule("polynomial-regex", Level.INFO, FOUND, CLEAN)
def polynomial_regex(subject: Subject) -> Iterator[Found]:
    """The steps of a regular expression grow with the third power of the text, or faster.

    Each of several `.*` in a row, and the search for a place to begin, multiplies the steps by the length of the text:
    a URL of 8,000 bytes makes a hundred thousand millions of three. Begin with `^`, and say `[^/]*` or the like for
    `.*`; or look for the parts with `-m sub`, one ACL for each.
    """
    for one in regexes_of(subject):
        power = degree(one.text, one.nocase)
        if power is not None and STEEP <= power < EXPONENTIAL:
            message = f"the steps of a search grow with the power of {power} of the text's length"
            yield Found(one.at, message, "begin with '^', and say which characters '.*' may take, as in '[^/]*'")
