"""rule-after-default-backend."""

from collections.abc import Iterator

from pointsman.rules.keywords import DefaultBackendLine, UseBackendLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    default_backend app
    http-request deny if { path_beg /admin }
    use_backend api if { path_beg /api }  # here
backend api
    mode http
backend app
    mode http
"""
CLEAN = """
frontend www
    mode http
    bind :80
    http-request deny if { path_beg /admin }
    use_backend api if { path_beg /api }
    default_backend app
backend api
    mode http
backend app
    mode http
"""


@rule("rule-after-default-backend", Level.INFO, FOUND, CLEAN)
def rule_after_default_backend(subject: Subject) -> Iterator[Found]:
    """A rule stands behind `default_backend`, and is looked at before it.

    `default_backend` is for what no rule has sent elsewhere, wherever its line stands (manual 4.2). It reads best as
    the last line.
    """
    for section in subject.fronts:
        default: DefaultBackendLine | None = None
        for setting in section.settings:
            if isinstance(setting, DefaultBackendLine):
                default = setting
            elif default is not None and isinstance(setting, UseBackendLine):
                message = f"this is looked at before the 'default_backend' of line {default.at.line}"
                yield Found(setting.at, message, "put 'default_backend' behind it")
                break
