"""source-behind-proxy."""

from collections.abc import Iterator

from pointsman.balance.registry import Balance
from pointsman.config.bind import Bind
from pointsman.rules.rule import Rule
from pointsman.verbs.lint.logic import key_of
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    http-request deny if { req.hdr_ip(x-forwarded-for,-1) 192.0.2.66 }
    default_backend app
backend app
    mode http
    balance source  # here
    server one 192.0.2.1:80
    server two 192.0.2.2:80
"""
CLEAN = """
frontend www
    mode http
    bind :80
    http-request set-src req.hdr_ip(x-forwarded-for,-1)
    default_backend app
backend app
    mode http
    balance source
    server one 192.0.2.1:80
    server two 192.0.2.2:80
"""
FORWARDED = ("x-forwarded-for", "x-real-ip", "cf-connecting-ip", "true-client-ip")


@rule("source-behind-proxy", Level.INFO, FOUND, CLEAN)
def source_behind_proxy(subject: Subject) -> Iterator[Found]:
    """`balance source` behind another proxy.

    Rules take the client from X-Forwarded-For, so that connections come from a proxy or a CDN: all clients behind one
    of its addresses go to one server. Say `balance hdr(x-forwarded-for)`, or set the source before
    (`http-request set-src`, `accept-proxy`).
    """
    if any(bind.parameters.accept_proxy for one in subject.fronts for bind in one.all(Bind)):
        return
    if any(rule.action.name == "set-src" for one in subject.proxies for rule in one.all(Rule)):
        return
    asked = [acl for section, acl in subject.every_acl if any(name in key_of(acl).lower() for name in FORWARDED)]
    if not asked:
        return
    for section in subject.backs:
        for line in subject.own(section, Balance):
            if line.algorithm.name == "source" and subject.is_http(section):
                number = asked[0].criterion.at.line
                message = f"clients come by a proxy (line {number}): its addresses are what is hashed"
                yield Found(line.at, message, "say 'balance hdr(x-forwarded-for)', or 'http-request set-src' before")
