"""duplicate-bind."""

from collections.abc import Iterator

from pointsman.config.bind import Bind
from pointsman.config.setting import Section
from pointsman.core.address import STAND_INS
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
frontend api
    mode http
    bind *:80  # here
"""
CLEAN = """
frontend www
    mode http
    bind 192.0.2.1:80
frontend api
    mode http
    bind 192.0.2.2:80
"""


@rule("duplicate-bind", Level.WARNING, FOUND, CLEAN)
def duplicate_bind(subject: Subject) -> Iterator[Found]:
    """Two bind lines have the same address and port.

    The system spreads connections over both sockets at random, so that each frontend gets a part of the traffic; or the
    start fails, where the port cannot be shared. One frontend that chooses by `use_backend` is what is wanted.
    """
    seen: dict[tuple[object, ...], tuple[Section, Bind]] = {}
    for section in subject.fronts:
        for bind in section.all(Bind):
            for address in bind.addresses:
                if address.kind in ("fd", "sockpair") or address.port == 0 or _is_name(address.host, bind):
                    continue
                host = "" if address.host in ("*", "0.0.0.0") else address.host
                parameters = bind.parameters
                key = (address.kind, host, address.port, address.datagram, parameters.interface, parameters.namespace)
                first, other = seen.setdefault(key, (section, bind))
                if other is not bind and not _again(first is section, other, bind):
                    where = f"line {other.at.line}" + ("" if first is section else f" ({first.title})")
                    at = subject.word(bind.at, bind.text)
                    yield Found(at, f"{where} listens on the same address", "keep one of them")
                    break


def _again(same: bool, one: Bind, other: Bind) -> bool:
    """The same line twice in one frontend: two queues of the system for one address, which may be meant."""
    return same and one.text == other.text and one.parameters.tls == other.parameters.tls


def _is_name(host: str, bind: Bind) -> bool:
    """A name that was not looked up."""
    return host in STAND_INS.values() and host not in bind.text
