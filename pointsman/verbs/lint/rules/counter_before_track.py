"""counter-before-track."""

from collections.abc import Iterator
from typing import Final

from pointsman.config.action import HTTP_REQUEST, TCP_CONNECTION, TCP_CONTENT, TCP_SESSION
from pointsman.config.setting import In
from pointsman.rules.rule import Rule
from pointsman.verbs.lint.counters import asked, tracked
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    stick-table type ip size 1k store http_req_rate(10s)
    http-request deny if { sc_http_req_rate(0) gt 20 }  # here
    http-request track-sc0 src
"""
CLEAN = """
frontend www
    mode http
    bind :80
    stick-table type ip size 1k store http_req_rate(10s)
    tcp-request connection track-sc1 src
    http-request deny if { sc_http_req_rate(1) gt 90 }
    http-request track-sc0 src
    http-request deny if { sc_http_req_rate(0) gt 20 }
    http-request track-sc1 src
"""
ORDER: Final = (TCP_CONNECTION, TCP_SESSION, TCP_CONTENT, HTTP_REQUEST)


@rule("counter-before-track", Level.WARNING, FOUND, CLEAN)
def counter_before_track(subject: Subject) -> Iterator[Found]:
    """A rule asks for a counter above the rule that begins to track it.

    A list of rules is gone through from the top, anew for each request: above its `track-sc` rule a counter is empty,
    and the condition never holds (manual 4.4). Put the tracking rule first.
    """
    if subject.failed:
        return
    in_front = {number for section in subject.fronts for number, _ in tracked(section)}
    for section in subject.proxies:
        own = tracked(section)
        places = {id(one): place for place, one in enumerate(section.all(Rule))}
        for question in asked(section):
            asking = question.rule
            if asking is None or asking.rule_set not in ORDER:
                continue
            if not section.kind & In.FRONT and question.number in in_front:
                continue
            tracking = [one for number, one in own if number == question.number and one.rule_set in ORDER]
            if tracking and all(_later(one, asking, places) for one in tracking):
                message = f"'{question.text}' is empty here: line {tracking[0].at.line} tracks the counter only then"
                yield Found(question.at, message, "put the 'track-sc' rule above")


def _later(one: Rule, asking: Rule, places: dict[int, int]) -> bool:
    mine, its = ORDER.index(one.rule_set), ORDER.index(asking.rule_set)
    return mine > its or mine == its and places[id(one)] >= places[id(asking)]
