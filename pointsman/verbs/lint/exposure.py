"""Who can reach something: addresses that anybody may connect to, and conditions that tell clients apart.

Rules about what strangers may do are quiet where a condition looks at the client's address, its certificate or its
credentials; and where a frontend listens on the machine itself, or on an address that is not routed.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pointsman.config.action import HTTP_REQUEST, TCP_CONNECTION, TCP_CONTENT, TCP_SESSION
from pointsman.config.bind import Bind
from pointsman.config.setting import In, Section
from pointsman.core.address import AddressSpec
from pointsman.rules.keywords import DefaultBackendLine, UseBackendLine
from pointsman.rules.rule import Rule
from pointsman.rules.stats import StatsRule
from pointsman.sample.acl import Acl
from pointsman.sample.condition import Condition, Term
from pointsman.verbs.lint.lists import ends
from pointsman.verbs.lint.subject import Subject

WHO: Final = re.compile(
    r"src|fc_src|ssl_c_\w+|ssl_fc_has_crt|http_auth\w*|ssl_fc_sni|dst|fc_dst|dst_port|fc_dst_port"
    r"|so_(?:id|name)|var|lua\..*|python\..*|jwt\w*|always_false|req\.cook|cook"
)
HEADERS: Final = frozenset({"hdr", "hdr_ip", "hdr_val", "req.hdr", "req.hdr_ip", "req.fhdr", "req.hdr_val"})
SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization"})
FIRST: Final = (TCP_CONNECTION, TCP_SESSION, TCP_CONTENT, HTTP_REQUEST)


def is_public(address: AddressSpec) -> bool:
    """Anybody may connect to it, as far as the address tells. Names and descriptors do not tell."""
    if address.kind != "inet":
        return False
    if address.host in ("", "*", "::", "0.0.0.0"):
        return True
    try:
        found = ipaddress.ip_address(address.host)
    except ValueError:
        return False
    return not (found.is_private or found.is_loopback or found.is_link_local)


def is_local(address: AddressSpec) -> bool:
    """It never leaves the machine."""
    return address.kind != "inet" or address.host.startswith("127.") or address.host in ("::1", "localhost")


def public_binds(section: Section) -> list[Bind]:
    return [one for one in section.all(Bind) if any(is_public(address) for address in one.addresses)]


def header_of(acl: Acl) -> str:
    """The request header that an ACL asks, in lower case; "": it asks something else."""
    expression = acl.expression
    if expression.fetch in HEADERS and expression.arguments:
        return expression.arguments[0].lower()
    return ""


def asks_who(acls: Iterable[Acl]) -> bool:
    """One of them looks at who the client is, or at where it has come in."""
    return any(WHO.fullmatch(acl.expression.fetch) or header_of(acl) in SECRET_HEADERS for acl in acls)


def terms_of(condition: Condition | None) -> Iterator[Term]:
    for terms in condition.alternatives if condition is not None else ():
        yield from terms


def tells_apart(condition: Condition | None) -> bool:
    """A condition looks at who the client is."""
    return any(asks_who(term.acls) for term in terms_of(condition))


def guarded(section: Section, whole: bool = False) -> bool:
    """A rule of the proxy turns some clients away by who they are; `whole`: whatever they ask for."""
    if not whole and any(one.verdict != "allow" for one in section.all(StatsRule)):
        return True
    for one in section.all(Rule):
        if one.rule_set in FIRST and ends(one.action) and (one.action.name == "auth" or tells_apart(one.condition)):
            if not whole or _only_who(one.condition):
                return True
    return False


def _only_who(condition: Condition | None) -> bool:
    """One alternative of a condition looks at nothing but who the client is."""
    return condition is None or any(all(asks_who(term.acls) for term in terms) for terms in condition.alternatives)


def open_doors(subject: Subject, section: Section) -> Sequence[Bind]:
    """The bind lines by which anybody reaches a proxy: its own, or those of frontends that send clients there without
    a look at who they are."""
    if section.kind & In.FRONT and not guarded(section):
        own = public_binds(section)
        if own:
            return own
    if not section.kind & In.BACK or guarded(section):
        return ()
    for front in subject.fronts:
        if front is section or guarded(front):
            continue
        lines = [one for one in front.all(UseBackendLine) if one.format is None and one.name.text == section.name]
        default = front.one(DefaultBackendLine)
        if any(not tells_apart(one.condition) for one in lines) or default and default.name.text == section.name:
            doors = public_binds(front)
            if doors:
                return doors
    return ()
