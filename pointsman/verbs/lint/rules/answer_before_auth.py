"""answer-before-auth."""

from collections.abc import Iterator

from pointsman.config.action import HTTP_REQUEST
from pointsman.rules.rule import Rule
from pointsman.rules.service import UseService
from pointsman.verbs.lint.exposure import tells_apart
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
userlist people
    user one password $6$k6y3o.eP$JlKBx9za9667qe4xHSwRv6J.C0/D7cV91
frontend www
    mode http
    bind :80
    http-request use-service prometheus-exporter if { path /metrics }  # here
    http-request auth unless { http_auth(people) }
"""
CLEAN = """
userlist people
    user one password $6$k6y3o.eP$JlKBx9za9667qe4xHSwRv6J.C0/D7cV91
frontend www
    mode http
    bind :80
    http-request return status 200 if { path /health }
    http-request auth unless { http_auth(people) }
    http-request use-service prometheus-exporter if { path /metrics }
"""


@rule("answer-before-auth", Level.INFO, FOUND, CLEAN)
def answer_before_auth(subject: Subject) -> Iterator[Found]:
    """A service answers above the rule that asks for a password.

    Rules are gone through from the top: who asks for that path is answered without a password. Put `http-request auth`
    above, unless it is meant so.
    """
    for section in subject.proxies:
        services: list[Rule] = []
        for one in section.all(Rule):
            if one.rule_set != HTTP_REQUEST:
                continue
            if isinstance(one.action, UseService) and not tells_apart(one.condition):
                services.append(one)
            elif one.action.name == "auth":
                for service in services:
                    message = f"answers without a password, which line {one.at.line} asks for"
                    yield Found(service.at, message, "put it below that line")
                services = []
