"""http-in-tcp."""

from collections.abc import Iterator

from pointsman.config.action import TCP_CONTENT
from pointsman.config.proxy import Mode
from pointsman.rules.keywords import UseBackendLine
from pointsman.rules.rule import Rule
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode tcp
    bind :80
    use_backend api if { path_beg /api }  # here
    default_backend app
backend api
    mode tcp
backend app
    mode tcp
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


@rule("http-in-tcp", Level.WARNING, FOUND, CLEAN)
def http_in_tcp(subject: Subject) -> Iterator[Found]:
    """A frontend of mode tcp chooses a backend by something of HTTP.

    In mode tcp nobody waits for a request: the choice is made when the connection comes, and there is no path and no
    header yet. Say `mode http`; or wait for the bytes by `tcp-request inspect-delay` and a `tcp-request content` rule.
    """
    for section in subject.fronts:
        said = section.one(Mode)
        if said is None or said.mode != "tcp" or any(one.rule_set == TCP_CONTENT for one in section.all(Rule)):
            continue
        for line in section.all(UseBackendLine):
            if line.condition is not None and line.condition.http:
                terms = [term for one in line.condition.alternatives for term in one]
                asks = [term for term in terms if any(acl.expression.http for acl in term.acls)]
                message = "nobody waits for a request in mode tcp: this hardly ever holds"
                yield Found(asks[0].word.at if asks else line.at, message, "say 'mode http'")
