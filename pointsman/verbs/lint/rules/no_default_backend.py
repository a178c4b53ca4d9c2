"""no-default-backend."""

from collections.abc import Iterator

from pointsman.config.setting import In
from pointsman.rules.keywords import DefaultBackendLine, UseBackendLine
from pointsman.verbs.lint.lists import routes_of
from pointsman.verbs.lint.rule import Found, Level, rule
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
backend api
    mode http
backend app
    mode http
"""


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
        if any(one.ends and one.condition is None for one in routes_of(section)):
            continue
        yield Found(section.at, f"{section.title} has no 'default_backend': what no rule takes gets a 503")
