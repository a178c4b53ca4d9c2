"""network-bits."""

import ipaddress
from collections.abc import Iterator

from pointsman.config.keyword import is_number
from pointsman.sample.pattern import Pattern
from pointsman.verbs.lint.rule import Found, Level, replace_with, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    http-request deny unless { src 192.0.2.77/24 }  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    http-request deny unless { src 192.0.2.0/24 192.0.2.77 }
"""


@rule("network-bits", Level.INFO, FOUND, CLEAN, fixes=True)
def network_bits(subject: Subject) -> Iterator[Found]:
    """A network is written with the address of one machine.

    Bits behind the mask do not count: 192.0.2.77/24 is all of 192.0.2.0/24. Where one machine was meant, the mask is
    too much.
    """
    for _, acl in subject.every_acl:
        if acl.method != "ip":
            continue
        for pattern in acl.lists.written:
            right = _network(pattern)
            if right and right != pattern.key:
                message = f"'{pattern.key}' is the whole network {right}"
                yield Found(
                    pattern.at, message, "write the network, or the address alone", replace_with(pattern.at, right)
                )


def _network(pattern: Pattern) -> str:
    """The network without bits behind its mask; "" where the pattern has none."""
    address, slash, mask = pattern.key.partition("/")
    if not slash or not is_number(mask):
        return ""
    try:
        host = ipaddress.ip_address(address)
        network = ipaddress.ip_network(pattern.key, strict=False)
    except ValueError:
        return ""
    return pattern.key if host == network.network_address else f"{network.network_address}/{mask}"
