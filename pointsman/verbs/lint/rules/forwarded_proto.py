"""forwarded-proto."""

from collections.abc import Iterator

from pointsman.config.action import HTTP_REQUEST
from pointsman.config.bind import Bind
from pointsman.rules.rule import Rule
from pointsman.verbs.lint.logic import key_of
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    bind :443 ssl crt site.pem
    http-request set-header X-Forwarded-Proto https  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    bind :443 ssl crt site.pem
    http-request set-header X-Forwarded-Proto https if { ssl_fc }
    http-request set-header X-Forwarded-Proto http unless { ssl_fc }
"""
VALUES = ("http", "https")


@rule("forwarded-proto", Level.WARNING, FOUND, CLEAN)
def forwarded_proto(subject: Subject) -> Iterator[Found]:
    """Servers are told that all requests came by TLS (or none), and the frontend takes both.

    Applications make links, cookies and redirects of it. Say `if { ssl_fc }`, or `%[ssl_fc,iif(https,http)]`.
    """
    for section in subject.fronts:
        kinds = {bind.parameters.tls.ssl for bind in section.all(Bind)}
        if len(kinds) < 2:
            continue
        for one in section.all(Rule):
            if one.rule_set != HTTP_REQUEST:
                continue
            if one.action.final and _asks_tls(one):
                break  # plain requests, or those by TLS, may have gone
            words = [word.text for word in subject.words(one.at)]
            if one.condition is None and len(words) == 4 and words[1] == "set-header" and words[3] in VALUES:
                if words[2].lower() == "x-forwarded-proto":
                    message = f"all requests are said to come by '{words[3]}', and the frontend takes both"
                    yield Found(one.at, message, "write '%[ssl_fc,iif(https,http)]'")


def _asks_tls(one: Rule) -> bool:
    alternatives = one.condition.alternatives if one.condition is not None else []
    acls = [acl for terms in alternatives for term in terms for acl in term.acls]
    return not acls or any(key_of(acl) in ("ssl_fc", "dst_port") for acl in acls)
