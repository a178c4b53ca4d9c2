"""unused-stick-table."""

from collections.abc import Iterator

from pointsman.config.stick_table import StickTableLine
from pointsman.rules.rule import Rule
from pointsman.rules.stick import StickLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    stick-table type ip size 100k expire 1h  # here
    server one 192.0.2.1:80
"""
CLEAN = """
backend app
    mode http
    stick-table type ip size 100k expire 1h
    stick on src
    server one 192.0.2.1:80
"""


@rule("unused-stick-table", Level.WARNING, FOUND, CLEAN)
def unused_stick_table(subject: Subject) -> Iterator[Found]:
    """Nothing is ever stored in a stick table.

    A table is filled by `stick on`, `stick store-request`, `track-sc0` and their kin, in its own proxy or in one that
    names it. Without them there is no persistence, and nothing is counted.
    """
    for section in subject.proxies:
        for line in subject.own(section, StickTableLine):
            if section.all(StickLine) or section.name in subject.named or subject.may_be_used(section.name):
                continue
            if any(one.action.name.startswith(("track-sc", "sc-")) for one in section.all(Rule)):
                continue
            where = "a 'stick' or 'track-sc' line uses it"
            yield Found(
                line.at, f"nothing is stored in the stick table of {section.title}", f"add what fills it: {where}"
            )
