"""no-default-backend."""

from collections.abc import Iterator

from pointsman.config.setting import In
from pointsman.rules.keywords import DefaultBackendLine, UseBackendLine
from pointsman.verbs.lint.lists import routes_of
from pointsman.verbs.lint.logic import formula, implies
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.shadow import Entry
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www  # here
    mode http
    bind :80
    use_backend api if { path_beg /api }
backend api
    mode http
"""
CLEAN = """
frontend www
    mode http
    bind :80
    use_backend api if { path_beg /api }
    default_backend app
frontend plain
    mode http
    bind :81
    acl acme path_beg /.well-known/acme-challenge/
    http-request redirect scheme https unless acme
    use_backend api if acme
frontend named
    mode http
    bind :82
    use_backend %[req.hdr(host),lower,map_str(/dev/null,api)]
backend api
    mode http
backend app
    mode http
"""


MOST = 50  # lines that are compared


@rule("no-default-backend", Level.INFO, FOUND, CLEAN)
def no_default_backend(subject: Subject) -> Iterator[Found]:
    """What no use_backend line takes has nowhere to go.

    Such a request gets a 503. A `default_backend`, or a last rule such as `http-request return status 404`, says what
    it shall get.
    """
    for section in subject.fronts:
        lines = section.all(UseBackendLine)
        if section.kind != In.FRONTEND or not lines or section.one(DefaultBackendLine) is not None:
            continue
        if any(line.condition is None for line in lines) or _takes_all(routes_of(section)):
            continue
        yield Found(section.at, f"{section.title} has no 'default_backend': what no rule takes gets a 503")


def _takes_all(entries: list[Entry]) -> bool:
    """One takes everything, or takes what another one leaves."""
    made = [found for one in entries if one.ends and (found := formula(one.condition, one.negated)) is not None]
    if any(() in one for one in made):
        return True
    for one in entries[:MOST]:
        left = formula(one.condition, not one.negated) if one.ends else None
        if left and any(implies(left, other) for other in made[:MOST]):
            return True
    return False
