"""From a backend's section to its live algorithm."""

from pointsman.balance.hashing import HashBalanceFactor, hashing_of
from pointsman.balance.random_draws import Random
from pointsman.balance.registry import Balance
from pointsman.balance.roundrobin import RoundRobin
from pointsman.config.setting import Section
from pointsman.core.diagnostics import Diagnostics
from pointsman.server.algorithm import Algorithm


def build(section: Section, http: bool, diagnostics: Diagnostics) -> Algorithm:
    """The algorithm that holds for a section; `http`: whether the backend runs in mode http.

    Where none is said it is random with two draws (manual 4.2, the end of "balance").
    """
    hashing = hashing_of(section)
    chosen = section.one(Balance)
    if chosen is None:
        return Random(factor=hashing.factor)
    if chosen.algorithm.http and not http:
        diagnostics.warning(
            f"Layer 7 hash not possible for {section.title} (needs 'mode http'). Falling back to round robin.",
            chosen.at,
        )
        return RoundRobin()
    if hashing.factor and chosen.algorithm.hashed and not hashing.consistent:
        factor = section.one(HashBalanceFactor)
        diagnostics.notice(
            f"'hash-balance-factor' has no effect on backend '{section.name}' without 'hash-type consistent'",
            factor.at if factor else section.at,
        )
    return chosen.make.algorithm(hashing)


def hash_key(kind: str, number: int, guid: str, host: str, port: int | None) -> bytes:
    """What places a server on the ring, from its `hash-key` (manual 5.2): id, id32, guid, addr or addr-port.

    What is not known falls back on the id.
    """
    if kind == "guid" and guid:
        return b"guid " + guid.encode()
    if kind in ("addr", "addr-port") and host:
        return f"addr {host}".encode() if kind == "addr" or port is None else f"addr {host} {port}".encode()
    return b"id %d" % (number if kind == "id32" else number & 0xFFFFFFF)
