"""trusted-forwarded-proto."""

from collections.abc import Iterator
from typing import Final

from pointsman.rules.keywords import RedirectLine, UseBackendLine
from pointsman.rules.rule import Rule
from pointsman.sample.condition import Condition
from pointsman.verbs.lint.exposure import asks_who, guarded, header_of, public_binds
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    http-request redirect scheme https unless { req.hdr(X-Forwarded-Proto) https }  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl near src 192.0.2.0/24
    http-request redirect scheme https unless { req.hdr(X-Forwarded-Proto) https } near
frontend cleans
    mode http
    bind :81
    http-request set-header X-Forwarded-Proto http unless { req.hdr(X-Forwarded-Proto) -m found }
"""
HEADERS: Final = frozenset({"x-forwarded-proto", "x-forwarded-scheme", "x-forwarded-ssl", "x-forwarded-port"})


@rule("trusted-forwarded-proto", Level.INFO, FOUND, CLEAN)
def trusted_forwarded_proto(subject: Subject) -> Iterator[Found]:
    """A client says itself whether it came by TLS: X-Forwarded-Proto counts, whoever sends it.

    That is right where all clients come by a proxy that writes the header, and this address cannot be reached without
    it. Otherwise a client that sends `X-Forwarded-Proto: https` in clear is taken for one of TLS, and so do servers
    that mark cookies by it. Add `{ src <network> }`.
    """
    for section in subject.fronts:
        if not public_binds(section) or guarded(section, whole=True):
            continue
        conditions: list[Condition | None] = [one.condition for one in section.all(Rule)]
        conditions += [one.rule.condition for one in section.all(RedirectLine)]
        conditions += [one.condition for one in section.all(UseBackendLine)]
        for condition in conditions:
            yield from _of(condition)


def _of(condition: Condition | None) -> Iterator[Found]:
    for terms in condition.alternatives if condition is not None else ():
        if any(asks_who(term.acls) or any(a.expression.fetch == "ssl_fc" for a in term.acls) for term in terms):
            continue
        for term in terms:
            for acl in term.acls:
                if header_of(acl) in HEADERS and acl.method not in ("found", "len"):
                    message = f"everybody may write '{header_of(acl)}', and is believed"
                    yield Found(acl.criterion.at, message, "add '{ src <network of your proxies> }'")
