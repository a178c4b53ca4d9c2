"""unreachable-route."""

from collections.abc import Iterator

from pointsman.rules.keywords import UseBackendLine
from pointsman.verbs.lint.lists import choices_of, routes_of
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.shadow import shadowed
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    acl api path_beg /api
    acl v2 path_beg /api/v2
    use_backend api if api
    use_backend api2 if v2  # here
    use_backend app if { hdr(host) -i www.example.com }
    use_backend other if { hdr(host) -i www.example.com } { path /x }  # here
backend api
    mode http
backend api2
    mode http
backend app
    mode http
    use-server a if { path_beg /a }
    use-server b if { path_beg /a/b }  # here
    server a 192.0.2.1:80
    server b 192.0.2.2:80
backend other
    mode http
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl api path_beg /api
    acl v2 path_beg /api/v2
    http-request allow if { src 192.0.2.0/24 }
    http-request deny if { path_beg /admin }
    use_backend api2 if { path_beg /admin/tools }
    use_backend api2 if v2
    use_backend api if api
    use_backend app if { hdr(host) -i www.example.com } { path /x }
    use_backend other if { hdr(host) -i www.example.com }
backend api
    mode http
backend api2
    mode http
backend app
    mode http
backend other
    mode http
"""


@rule("unreachable-route", Level.WARNING, FOUND, CLEAN)
def unreachable_route(subject: Subject) -> Iterator[Found]:
    """A use_backend or use-server line is never taken, as an earlier line takes all that it is for.

    The first line that holds chooses. Put the more precise one first: the longer path, the host with a path, the
    pattern before the prefix. A request that a rule has denied, redirected or answered does not come to use_backend
    at all.
    """
    for section in subject.proxies:
        for entries in (routes_of(section), choices_of(section)):
            for entry, blamed in shadowed(entries):
                line = blamed.setting.at.line
                if isinstance(blamed.setting, type(entry.setting)):
                    message = f"this line is never taken: line {line} takes all that it is for"
                    hint = "put it above that line, or remove it"
                else:
                    message = f"this line is never taken: the rule in line {line} ends all that it is for"
                    hint = "remove it, or make the condition of that rule narrower"
                assert isinstance(entry.setting, UseBackendLine) or entry.told
                yield Found(entry.setting.at, message, hint)
