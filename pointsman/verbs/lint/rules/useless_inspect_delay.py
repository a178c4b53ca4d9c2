"""useless-inspect-delay."""

from collections.abc import Iterator

from pointsman.config.action import TCP_CONTENT, TCP_RESPONSE
from pointsman.rules.layer4_words import InspectDelay
from pointsman.rules.rule import Rule
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend tls
    mode tcp
    bind :443
    tcp-request inspect-delay 5s  # here
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


@rule("useless-inspect-delay", Level.WARNING, FOUND, CLEAN)
def useless_inspect_delay(subject: Subject) -> Iterator[Found]:
    """An inspect-delay, and no rule that waits for content.

    Only `tcp-request content` rules wait (manual 4.2): without one, use_backend lines that look at the name of a TLS
    hello see nothing, as it has not come yet. `tcp-request content accept if { req.ssl_hello_type 1 }` waits for it.
    """
    for section in subject.proxies:
        for one in subject.own(section, InspectDelay):
            rules = section.all(Rule)
            wanted = TCP_RESPONSE if one.response else TCP_CONTENT
            if not any(rule.rule_set == wanted for rule in rules):
                name = "tcp-response" if one.response else "tcp-request"
                yield Found(one.at, f"no '{name} content' rule waits for anything", "add the rule that waits")
