"""The lists of rules of a section, as shadow.py goes through them; terms of conditions, as messages call them."""

from typing import Final

from pointsman.config.action import HTTP_REQUEST, TCP_CONNECTION, TCP_CONTENT, TCP_SESSION
from pointsman.config.setting import In, Section
from pointsman.config.verdict import Action
from pointsman.rules.keywords import RedirectLine, UseBackendLine, UseServerLine
from pointsman.rules.rule import Rule
from pointsman.sample.condition import Term
from pointsman.verbs.lint.shadow import Entry

ENDING: Final = frozenset({"reject", "silent-drop"})
PASSING: Final = frozenset({"allow", "accept", "switch-mode"})  # they end their list alone


def ends(action: Action) -> bool:
    """Whether no rule behind it is looked at once it has run."""
    return action.final or action.name in ENDING


def entries_of(section: Section, rule_set: int) -> list[Entry]:
    """The rules of a set in their order, those of defaults first; redirect lines come behind http-request rules."""
    entries = [
        Entry(one, one.condition, one.negated, ends(one.action), one.action.writes)
        for one in section.all(Rule)
        if one.rule_set == rule_set
    ]
    if rule_set == HTTP_REQUEST:
        for line in section.all(RedirectLine):
            made = line.rule
            entries.append(Entry(line, made.condition, made.negated, ends(made.action), made.action.writes))
    return entries


def routes_of(section: Section) -> list[Entry]:
    """use_backend lines, behind the rules that keep requests from them."""
    before: list[Entry] = []
    if section.kind & In.FRONT:
        for rule_set in (TCP_CONNECTION, TCP_SESSION, TCP_CONTENT, HTTP_REQUEST):
            passed = False  # what a rule has let pass, none behind it keeps from the routes
            for one in entries_of(section, rule_set):
                passed = passed or _passes(one)
                ends_all = one.ends and not passed
                before.append(Entry(one.setting, one.condition, one.negated, ends_all, one.writes, told=False))
    for line in section.all(UseBackendLine):  # of a computed name there may be no backend: then the next line counts
        before.append(Entry(line, line.condition, line.negated, line.format is None))
    return before


def _passes(entry: Entry) -> bool:
    held = getattr(entry.setting, "rule", entry.setting)
    return isinstance(held, Rule) and held.action.name in PASSING


def choices_of(section: Section) -> list[Entry]:
    """use-server lines."""
    return [Entry(one, one.condition, one.negated, one.format is None) for one in section.all(UseServerLine)]


def called(term: Term) -> str:
    """A term of a condition, for messages."""
    sign = "!" if term.negated else ""
    if term.name:
        return f"'{sign}{term.name}'"
    acl = term.acls[0]
    patterns = acl.patterns
    more = " ..." if len(patterns) > 3 else ""
    return f"'{sign}{{ {' '.join([acl.expression.text, *patterns[:3]])}{more} }}'"
