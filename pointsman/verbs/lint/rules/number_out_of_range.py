"""number-out-of-range."""

from collections.abc import Iterator

from pointsman.sample.acl import Acl
from pointsman.verbs.lint.logic import range_of
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject
from pointsman.verbs.lint.values import BOUNDS, is_path

FOUND = """
frontend www
    mode http
    bind :80
    http-request deny if { dst_port 80443 }  # here
    http-request deny if { req.hdr_cnt(host) lt 0 }  # here
    http-response set-header X-Odd yes if { status 1000:1999 }  # here
    http-request deny if { fe_conn ge 0 }  # here
    http-request deny if { path -m len 0 }  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    http-request deny if { dst_port 8443 }
    http-request deny if { req.hdr_cnt(host) lt 1 }
    http-response set-header X-Odd yes if { status 500:599 }
    http-request deny if { fe_conn ge 1000 }
    http-request deny if { path -m len ge 1000 } or { hdr(x-id) -m len 0 }
"""


MOST = (1 << 31) - 1


@rule("number-out-of-range", Level.WARNING, FOUND, CLEAN)
def number_out_of_range(subject: Subject) -> Iterator[Found]:
    """A number that a value never has, or a range that it never leaves.

    Ports lie between 0 and 65535, statuses between 100 and 999, and nothing is counted below 0. Operators behind one
    another are alternatives: `gt 10 lt 20` holds for every number; a range such as `11:19` does not (manual 7.1.2).
    """
    for _, acl in subject.every_acl:
        bounds = _bounds(acl)
        if bounds is None or acl.lists.names:
            continue
        ranges = [(pattern, found) for pattern in acl.lists.written if (found := range_of(pattern)) is not None]
        what = acl.expression.text if acl.method == "int" else f"the length of {acl.expression.text}"
        for pattern, (low, high) in ranges:
            if high < bounds[0] or low > bounds[1]:
                yield Found(pattern.at, f"{what} is never in this range: {_between(bounds)}")
            elif low <= bounds[0] and high >= bounds[1]:
                yield Found(pattern.at, f"{what} is always in this range")


def _bounds(acl: Acl) -> tuple[int, int] | None:
    """What the number may be; None: that is not known."""
    if acl.method == "len":
        return (1 if is_path(acl) else 0, MOST)
    return BOUNDS.get(acl.expression.fetch) if acl.method == "int" and not acl.expression.converters else None


def _between(bounds: tuple[int, int]) -> str:
    return f"it lies between {bounds[0]} and {bounds[1]}" if bounds[1] < MOST else f"it is {bounds[0]} at least"
