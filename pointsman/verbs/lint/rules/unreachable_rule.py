"""unreachable-rule."""

from collections.abc import Iterator

from pointsman.config.action import RULE_SETS
from pointsman.config.setting import Section
from pointsman.rules.rule import Rule
from pointsman.verbs.lint.lists import entries_of
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.shadow import shadowed
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    http-request deny if { path_beg /admin }
    http-request set-header X-Admin yes if { path_beg /admin/tools }  # here
    http-request allow if { src 192.0.2.0/24 }
    http-request deny if { src 192.0.2.128/25 } { method DELETE }  # here
    http-request deny
    http-request set-header X-Seen yes  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    http-request deny if { path_beg /admin } !{ src 192.0.2.0/24 }
    http-request set-header X-Admin yes if { path_beg /admin/tools }
    http-request deny if { path_beg /old }
    http-request set-path /old%[path]
    http-request set-header X-Old yes if { path_beg /old }
"""


@rule("unreachable-rule", Level.WARNING, FOUND, CLEAN)
def unreachable_rule(subject: Subject) -> Iterator[Found]:
    """A rule never runs, as an earlier one has ended the list for all that it is for.

    `deny`, `allow`, `redirect`, `return`, `reject`, `accept` and their kin end their list. A rule behind them whose
    condition only holds where theirs does never runs. Put the more precise rule first, or remove the one that is in
    vain. What rules in between change (`set-path`, `set-header`, `set-var`) is taken into account.
    """
    for section in subject.sections[1:]:
        for rule_set in RULE_SETS:
            yield from _list(section, rule_set)


def _list(section: Section, rule_set: int) -> Iterator[Found]:
    entries = entries_of(section, rule_set)
    own = {id(one) for one in section.settings}
    for entry, blamed in shadowed(entries):
        if id(entry.setting) not in own:
            continue
        what = f"the '{RULE_SETS[rule_set]}' rule" if isinstance(blamed.setting, Rule) else "the rule"
        always = "always ends" if blamed.condition is None else "has ended"
        yield Found(
            entry.setting.at,
            f"this rule never runs: {what} in line {blamed.setting.at.line} {always} the list before",
            "put it above that rule, or remove it",
        )
