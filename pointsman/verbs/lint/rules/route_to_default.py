"""route-to-default."""

from collections.abc import Iterator

from pointsman.rules.keywords import DefaultBackendLine, UseBackendLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    use_backend api if { path_beg /api }
    use_backend app if { hdr(host) -i www.example.com }  # here
    default_backend app
backend api
    mode http
backend app
    mode http
"""
CLEAN = """
frontend www
    mode http
    bind :80
    use_backend app if { hdr(host) -i www.example.com }
    use_backend api if { path_beg /api }
    default_backend app
backend api
    mode http
backend app
    mode http
"""


@rule("route-to-default", Level.INFO, FOUND, CLEAN)
def route_to_default(subject: Subject) -> Iterator[Found]:
    """The last use_backend lines choose what `default_backend` would choose anyway.

    They decide nothing: whatever comes so far goes to that backend. Often `default_backend` was meant to be another
    one.
    """
    for section in subject.fronts:
        default = section.one(DefaultBackendLine)
        if default is None:
            continue
        for line in reversed(section.all(UseBackendLine)):
            if line.format is not None or line.name.text != default.name.text:
                break
            yield Found(line.at, f"all that comes so far goes to '{line.name.text}' anyway", "remove it")
