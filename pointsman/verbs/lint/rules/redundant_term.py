"""redundant-term."""

from collections.abc import Iterator

from pointsman.verbs.lint.lists import called
from pointsman.verbs.lint.logic import Literal, literal_implies
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    acl api path_beg /api
    acl users path_beg /api/users
    use_backend app if api users  # here
backend app
    mode http
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl api path_beg /api
    acl users path_beg /api/users
    use_backend app if api !users
backend app
    mode http
"""


@rule("redundant-term", Level.INFO, FOUND, CLEAN)
def redundant_term(subject: Subject) -> Iterator[Found]:
    """A term of a condition says nothing that another one of it does not say already.

    Terms side by side must all hold: where one holds only if the other does, the other one can go. Often something
    else was meant, such as "or", or "!".
    """
    for section in subject.sections:
        for guard in subject.guards(section):
            for terms in guard.condition.alternatives if guard.condition is not None else ():
                made = [Literal(tuple(term.usable), term.negated) for term in terms]
                for index, one in enumerate(made):
                    others = [
                        other
                        for number, other in enumerate(made)
                        if number != index
                        and literal_implies(other, one)
                        and (number < index or not literal_implies(one, other))
                    ]
                    if others:
                        told = called(terms[made.index(others[0])])
                        yield Found(terms[index].word.at, f"this always holds where {told} does", "remove it")
