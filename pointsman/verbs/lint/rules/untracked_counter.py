"""untracked-counter."""

from collections.abc import Iterator

from pointsman.verbs.lint.counters import asked, tracked_anywhere
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    stick-table type ip size 1k store http_req_rate(10s)
    http-request track-sc0 src
    http-request deny if { sc_http_req_rate(1) gt 20 }  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    stick-table type ip size 1k store http_req_rate(10s),gpt(2)
    http-request track-sc0 src
    http-request deny if { sc_http_req_rate(0) gt 20 }
    http-request deny if { src_http_req_rate gt 20 }
    http-request deny if { sc_get_gpt(1,0) gt 0 }
"""


@rule("untracked-counter", Level.WARNING, FOUND, CLEAN)
def untracked_counter(subject: Subject) -> Iterator[Found]:
    """A rule asks for a counter that nothing tracks.

    Without a `track-sc<number>` rule of that number it is empty, and the condition never holds: a limit that limits
    nobody (manual 4.4, "track-sc"). `src_http_req_rate` and its kin ask a table without a counter.
    """
    if subject.failed:
        return
    known = tracked_anywhere(subject)
    for section in subject.sections[1:]:
        for one in asked(section):
            if one.number in known or subject.may_be_used(f"track-sc{one.number}"):
                continue
            message = f"'{one.text}' is always empty: nothing tracks counter {one.number}"
            yield Found(one.at, message, f"add 'http-request track-sc{one.number} src'")
