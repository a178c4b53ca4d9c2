"""Which record of a name a server takes (manual 5.2, resolve-prefer, resolve-net, resolve-opts). Nothing but values."""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Final

from pointsman.config.server_words import ServerParameters
from pointsman.resolve.resolution import Record

SHARE: Final = 256  # of the weight of an SRV record, 0 to 65535, for one of ours, 0 to 256


def choose(
    records: Iterable[Record], parameters: ServerParameters, taken: Mapping[str, int], shared: bool
) -> str | None:
    """The address for a server that has none, or whose own is not among the records any more; None: nothing is left.

    The first network of resolve-net that has one goes first, then the family that resolve-prefer names, then what
    fewer servers have, then the order of the answer. `taken`: how many servers have an address. `shared`: this server
    may have one that another server has.
    """
    best: tuple[int, bool, int] | None = None
    found: str | None = None
    for record in records:
        others = taken.get(record.address, 0)
        if others and not shared:
            continue
        rank = (_network(record, parameters), record.family != parameters.resolve_prefer, others)
        if best is None or rank < best:
            best, found = rank, record.address
    return found


def _network(record: Record, parameters: ServerParameters) -> int:
    """The place of the network in resolve-net that the address is in."""
    networks = parameters.resolve_networks
    if networks:
        address = ipaddress.ip_address(record.address)
        for place, network in enumerate(networks):
            if address in network:
                return place
    return len(networks)


def weight_of(record: Record) -> int:
    """The weight of a server that has this SRV record: only 0 is 0, and the largest is 256."""
    return -(-record.weight // SHARE)
