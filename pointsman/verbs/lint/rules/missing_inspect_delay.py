"""missing-inspect-delay."""

from collections.abc import Iterator

from pointsman.config.action import TCP_CONTENT
from pointsman.rules.layer4_words import inspect_delay
from pointsman.rules.rule import Rule
from pointsman.sample.condition import Condition
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend tls
    mode tcp
    bind :443
    tcp-request content accept if { req.ssl_hello_type 1 }  # here
    use_backend one if { req.ssl_sni -i one.example.com }
backend one
    mode tcp
"""
CLEAN = """
frontend tls
    mode tcp
    bind :443
    tcp-request inspect-delay 5s
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend one if { req.ssl_sni -i one.example.com }
backend one
    mode tcp
"""
OF_CONTENT = ("req.ssl_", "req_ssl_", "req.payload", "payload", "req.rdp_cookie", "req.proto_http", "req_proto_http")


@rule("missing-inspect-delay", Level.WARNING, FOUND, CLEAN)
def missing_inspect_delay(subject: Subject) -> Iterator[Found]:
    """A rule looks at the first bytes of a connection, and nothing waits for them.

    Without `tcp-request inspect-delay` (manual 4.2) rules look at what is there when the connection comes, which is
    nothing, as a rule. `tcp-request inspect-delay 5s` waits up to five seconds, and no longer than needed.
    """
    for section in subject.fronts:
        if subject.is_http(section) or inspect_delay(section, False):
            continue
        for one in subject.own(section, Rule):
            if one.rule_set == TCP_CONTENT and one.condition is not None and _asks(one.condition):
                yield Found(one.at, "nothing waits for what this looks at", "add 'tcp-request inspect-delay 5s'")
                break


def _asks(condition: Condition) -> bool:
    acls = [acl for terms in condition.alternatives for term in terms for acl in term.acls]
    return any(acl.expression.fetch.startswith(OF_CONTENT) for acl in acls)
