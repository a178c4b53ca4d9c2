"""overwritten-header."""

from collections.abc import Iterator

from pointsman.config.setting import Section
from pointsman.rules.rule import Rule
from pointsman.sample.types import Reads
from pointsman.verbs.lint.rule import Found, Level, remove, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    http-request set-header X-Tier one  # here
    http-request set-header X-Tier two
"""
CLEAN = """
frontend www
    mode http
    bind :80
    http-request set-header X-Tier one
    http-request set-header X-Tier two if { path_beg /two }
    http-request set-header X-Path %[path]
    http-request set-header X-Tier %[req.hdr(x-tier)],%[src]
"""
HEADS = int(Reads.HEADER_BLOCK | Reads.RESPONSE_BLOCK)


@rule("overwritten-header", Level.WARNING, FOUND, CLEAN, fixes=True)
def overwritten_header(subject: Subject) -> Iterator[Found]:
    """A header is set, and set again before anybody has looked at it.

    The first rule does nothing. Perhaps one of both was meant to have a condition, or to be `add-header`.
    """
    for section in subject.sections[1:]:
        yield from _section(subject, section)


def _section(subject: Subject, section: Section) -> Iterator[Found]:
    known: dict[tuple[int, str], Rule] = {}
    for one in subject.own(section, Rule):
        words = [word.text for word in subject.words(one.at)]
        asks = one.action.reads | (one.condition.reads if one.condition is not None else 0)
        if asks & HEADS or one.action.final or one.action.name not in ("set-header", "set-var", "del-header"):
            known.clear()
        if one.condition is not None or len(words) < 4 or words[1] != "set-header":
            continue
        key = (one.rule_set, words[2].lower())
        before = known.get(key)
        known[key] = one
        if before is not None:
            message = f"line {one.at.line} sets this header again, before anybody has looked at it"
            yield Found(before.at, message, "remove it, if that one is meant", remove(before.at))
