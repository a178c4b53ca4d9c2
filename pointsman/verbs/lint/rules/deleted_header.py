"""deleted-header."""

from collections.abc import Iterable, Iterator
from typing import Final

from pointsman.config.action import HTTP_REQUEST
from pointsman.config.setting import Section
from pointsman.core.diagnostics import Position
from pointsman.rules.keywords import UseBackendLine
from pointsman.rules.rule import Rule
from pointsman.sample.condition import Condition
from pointsman.sample.expression import Expression
from pointsman.verbs.lint.exposure import terms_of
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    http-request del-header X-User
    http-request set-var(txn.user) req.hdr(X-User)  # here
    http-request deny if { req.hdr(x-user) root }  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    http-request set-var(txn.user) req.hdr(X-User)
    http-request del-header X-User
    http-request set-header X-User %[var(txn.user),lower]
    http-request deny if { req.hdr(X-User) root }
    http-request del-header X-Tier if { src 192.0.2.1 }
    http-request deny if { req.hdr(X-Tier) one }
"""
FETCHES: Final = frozenset({"hdr", "req.hdr", "req.fhdr", "hdr_ip", "req.hdr_ip", "hdr_val", "req.hdr_val"})
# They may write any header.
ANY: Final = ("lua.", "python.", "set-headers-bin", "add-headers-bin", "use-service", "send-spoe-group")
WRITING: Final = ("set-header", "add-header", "replace-header", "replace-value")


@rule("deleted-header", Level.WARNING, FOUND, CLEAN)
def deleted_header(subject: Subject) -> Iterator[Found]:
    """A rule asks for a header that another one above has removed.

    It is not there any more, so the condition never holds, and the value is empty. Put the rule that removes it behind
    those that ask for it.
    """
    for section in subject.sections[1:]:
        yield from _section(subject, section)


def _section(subject: Subject, section: Section) -> Iterator[Found]:
    gone: dict[str, Rule] = {}
    for one in subject.own(section, Rule):
        if one.rule_set != HTTP_REQUEST:
            continue
        if gone:
            yield from _asked(_of_condition(one.condition), gone)
            yield from _asked(((expression, one.at) for expression in one.action.expressions), gone)
        words = [word.text for word in subject.words(one.at)]
        name = one.action.name
        if name.startswith(ANY):
            gone.clear()
        elif name == "del-header" and one.condition is None and len(words) == 3:
            gone[words[2].lower()] = one
        elif name in WRITING and len(words) > 2:
            gone.pop(words[2].lower(), None)
    if gone:
        for line in subject.own(section, UseBackendLine):
            yield from _asked(_of_condition(line.condition), gone)


def _of_condition(condition: Condition | None) -> Iterator[tuple[Expression, Position]]:
    for term in terms_of(condition):
        for acl in term.acls:
            if acl.method != "found":
                yield acl.expression, acl.criterion.at if not term.name else term.word.at


def _asked(asked: Iterable[tuple[Expression, Position]], gone: dict[str, Rule]) -> Iterator[Found]:
    for expression, at in asked:
        if expression.fetch in FETCHES and expression.arguments:
            before = gone.get(expression.arguments[0].lower())
            if before is not None:
                message = f"'{expression.text}' is empty here: line {before.at.line} has removed the header"
                yield Found(at, message, "ask for it above that line")
