"""Which port stands for which: 80 becomes 8080, 443 becomes 8443, what is above 1023 stays; and another one where that
is taken."""

import socket
from typing import Final

FIRST_FREE: Final = 1024  # the first port that needs no rights (RFC 6335 6)
OFFSETS: Final = (8_000, 10_000, 18_000, 20_000, 28_000, 30_000, 38_000, 40_000)
LAST: Final = 65_535


def is_free(port: int) -> bool:
    """Whether nobody listens there, on 127.0.0.1 or on all addresses."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Ports:
    """`base`: the port from which on ports are given out in turn; 0: they stay near what the file has."""

    def __init__(self, base: int, taken: tuple[int, ...]) -> None:
        self.base = base
        self.taken = set(taken)
        self.following = base

    def all(self, wanted: list[int]) -> list[int]:
        """One for each, in order. Those that may stay as they are come first, so that none of the others takes them."""
        found = dict[int, int]()
        if not self.base:
            for index, port in enumerate(wanted):
                if port >= FIRST_FREE and self._take(port):
                    found[index] = port
        for index, port in enumerate(wanted):
            if index not in found:
                found[index] = self._other(port)
        return [found[index] for index in range(len(wanted))]

    def _other(self, port: int) -> int:
        if not self.base:
            for offset in OFFSETS:
                if port + offset <= LAST and self._take(port + offset):
                    return port + offset
            self.following = max(self.following, 8_001)
        while self.following <= LAST:
            self.following += 1
            if self._take(self.following - 1):
                return self.following - 1
        raise ValueError("no port is free")

    def _take(self, port: int) -> bool:
        if port in self.taken or not is_free(port):
            return False
        self.taken.add(port)
        return True
