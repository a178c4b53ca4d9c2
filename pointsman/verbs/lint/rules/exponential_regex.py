r"""exponential-regex."""

from collections.abc import Iterator

from pointsman.verbs.lint.backtracking import EXPONENTIAL, degree
from pointsman.verbs.lint.regexes import regexes_of
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    acl words path_reg ^/([a-z]+)*$  # here
    acl pairs hdr_reg(user-agent) -i ^(a|ab|b)+c  # here
    http-request set-header X-Short "%[path,regsub('(x+x+)+y','')]"  # here
    http-request replace-header Cookie (.*;)*(.*;)*sid=(.*) \\3  # here
    http-request deny if words or pairs
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl words path_reg ^/[a-z]*$
    acl parts path_reg ^/([a-z]+/)*$
    acl host hdr_reg(host) -i ^([a-z0-9-]+\\\\.)+example\\\\.com$
    http-request set-header X-Short "%[path,regsub('x+y','')]"
    http-request replace-header Cookie sid=([^;]*) sid=\\1
    http-request deny if words or parts or host
"""


@rule("exponential-regex", Level.WARNING, FOUND, CLEAN)
def exponential_regex(subject: Subject) -> Iterator[Found]:
    r"""A regular expression has exponentially many ways to fail.

    `([a-z]+)*$` can part thirty letters in a thousand million ways, and tries them all before it gives up on a text
    that does not match. One request of some bytes occupies a processor, or, where PCRE2 counts its steps and gives up,
    is no match: a rule that denies lets it pass. Repeat what is repeated once (`[a-z]*$`), begin and end parts with
    characters that the others do not have (`([a-z]+/)*$`), and keep alternatives apart (`(a|b)+`).
    """
    for one in regexes_of(subject):
        if degree(one.text, one.nocase) == EXPONENTIAL:
            message = "a text that nearly matches is tried in exponentially many ways"
            yield Found(one.at, message, "repeat each part in one way only: '[a-z]*' for '([a-z]+)*'")
