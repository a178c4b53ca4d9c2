"""unused-default-backend."""

from collections.abc import Iterator

from pointsman.rules.keywords import DefaultBackendLine, UseBackendLine
from pointsman.verbs.lint.lists import routes_of
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    use_backend app
    default_backend old  # here
backend app
    mode http
backend old
    mode http
"""
CLEAN = """
frontend www
    mode http
    bind :80
    use_backend app if { path_beg /app }
    default_backend old
backend app
    mode http
backend old
    mode http
"""


@rule("unused-default-backend", Level.WARNING, FOUND, CLEAN)
def unused_default_backend(subject: Subject) -> Iterator[Found]:
    """Nothing is left for `default_backend`: an earlier line takes everything.

    A use_backend line without a condition comes before it, and takes all that is left. One of both is too much.
    """
    for section in subject.fronts:
        for line in subject.own(section, DefaultBackendLine):
            for entry in routes_of(section):
                if entry.ends and entry.condition is None and isinstance(entry.setting, UseBackendLine):
                    message = f"nothing is left for this: line {entry.setting.at.line} takes everything"
                    yield Found(line.at, message, "remove one of both")
                    break
