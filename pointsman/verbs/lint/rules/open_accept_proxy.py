"""open-accept-proxy."""

from collections.abc import Iterator

from pointsman.verbs.lint.exposure import public_binds
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80 accept-proxy  # here
"""
CLEAN = """
frontend www
    mode http
    bind 10.0.0.7:80 accept-proxy
    bind :81
    tcp-request connection expect-proxy layer4 if { src 192.0.2.0/24 }
"""


@rule("open-accept-proxy", Level.INFO, FOUND, CLEAN)
def open_accept_proxy(subject: Subject) -> Iterator[Found]:
    """A PROXY header is believed, whoever sends it.

    Who reaches the address may claim to come from any other one (manual 5.1, "accept-proxy"). Let nobody but your
    proxies reach it, or say `tcp-request connection expect-proxy layer4 if { src <network> }`.
    """
    for section in subject.fronts:
        for bind in public_binds(section):
            if bind.parameters.accept_proxy:
                at = subject.word(bind.at, "accept-proxy")
                message = "who reaches this address may claim to come from any other one"
                yield Found(at, message, "'tcp-request connection expect-proxy layer4 if { src <network> }'")
