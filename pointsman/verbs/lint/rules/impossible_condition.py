"""impossible-condition."""

from collections.abc import Iterator

from pointsman.verbs.lint.lists import called
from pointsman.verbs.lint.logic import Literal, contradiction
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    acl one hdr(host) -i one.example.com
    acl two hdr(host) -i two.example.com
    use_backend app if one two  # here
    http-request deny if { src 192.0.2.0/24 } { src 198.51.100.7 }  # here
backend app
    mode http
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl one hdr(host) -i one.example.com
    acl two hdr(host) -i two.example.com
    use_backend app if one or two
    http-request deny if { src 192.0.2.0/24 } !{ src 192.0.2.7 }
backend app
    mode http
"""


@rule("impossible-condition", Level.WARNING, FOUND, CLEAN)
def impossible_condition(subject: Subject) -> Iterator[Found]:
    """Two terms of a condition never hold together.

    Terms that stand side by side must all hold (manual 7.2): a request has one Host, one path, one method and one
    source address, so two different ones cannot both be asked for. Write "or" between them, or give several patterns
    to one ACL: any of them is enough.
    """
    for section in subject.sections:
        for guard in subject.guards(section):
            for terms in guard.condition.alternatives if guard.condition is not None else ():
                made = tuple(Literal(tuple(term.usable), term.negated) for term in terms)
                clash = contradiction(made)
                if clash is None:
                    continue
                first, second = (terms[_index(made, one)] for one in clash)
                several = guard.condition is not None and len(guard.condition.alternatives) > 1
                what = "this part of the condition" if several else "the condition"
                yield Found(
                    second.word.at,
                    f"this never holds together with {called(first)}: {what} is never true",
                    "terms side by side must all hold: write 'or' between them if one is enough",
                )


def _index(made: tuple[Literal, ...], wanted: Literal) -> int:
    return next(index for index, one in enumerate(made) if one is wanted)
