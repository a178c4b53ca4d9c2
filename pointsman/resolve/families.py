"""The families of addresses that names are resolved to (manual 3.1, dns-accept-family; management manual 3, -4)."""

import socket
from typing import Final

from pointsman.config.command_line import CommandLine
from pointsman.config.resolvers import AcceptedFamilies
from pointsman.config.setting import Section
from pointsman.net.clock import monotonic_ms

AUTO: Final = AcceptedFamilies(families=frozenset((4, 6)), auto=True)  # where nothing is said
_ROUTE_KNOWN: Final = 30_000  # ms for which it is known whether there is a route (manual 3.1)
_FAR: Final = ("2001:503:ba3e::2:30", 53)  # an address that is anywhere but here: a root name server's


def accepted_families(main: Section) -> AcceptedFamilies:
    """As the command line or the global section has it."""
    command_line = main.one(CommandLine)
    if command_line is not None and command_line.ipv4_only:
        return AcceptedFamilies(families=frozenset((4,)), auto=False)
    return main.one(AcceptedFamilies) or AUTO


class Accepted:
    def __init__(self) -> None:
        self.settings = AUTO
        self.until = -1  # monotonic ms: for so long what was found out holds
        self.found: frozenset[int] = frozenset((4,))

    def set(self, settings: AcceptedFamilies) -> None:
        self.settings = settings
        self.until = -1

    def families(self) -> frozenset[int]:
        """Of {4, 6}, one or both."""
        if not self.settings.auto:
            return self.settings.families
        now = monotonic_ms()
        if now >= self.until:
            self.until = now + _ROUTE_KNOWN
            self.found = frozenset((4, 6)) if has_route() else frozenset((4,))
        return self.found


def has_route() -> bool:
    """Has the system a route for IPv6? Nothing is sent."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.connect(_FAR)
    except OSError:
        return False
    return True


ACCEPTED: Final = Accepted()
