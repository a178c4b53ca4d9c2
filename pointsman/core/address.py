"""Network addresses as values: what a connection has, and what a configuration names."""

import socket
from dataclasses import dataclass
from typing import Final

AF_INET: Final = 2  # <sys/socket.h> on Linux
AF_INET6: Final = 10
AF_UNIX: Final = 1


class NetAddress:
    """One end of a connection. `packed` is 4 or 16 bytes (empty for AF_UNIX), `text` how it is logged.

    It never changes. A piece of a log line leaves here what it made of it (sample/piece_groups.py, AddressGroup).
    """

    def __init__(self, family: int, packed: bytes, text: bytes, port: int) -> None:
        self.family = family
        self.packed = packed
        self.text = text
        self.port = port
        self.shown = b""
        self.shown_by: object = None

    def same(self, other: "NetAddress") -> bool:
        """Whether both are the same address and port."""
        return self is other or self.packed == other.packed and self.port == other.port and self.family == other.family


class Names:
    """Whether the names of hosts are looked up while a configuration is read; who only looks at one does not ask."""

    def __init__(self) -> None:
        self.asked = True


NAMES: Final = Names()
STAND_INS: Final = {AF_INET: "192.0.2.1", AF_INET6: "2001:db8::1"}  # of documentation: RFC 5737, RFC 3849


_HOSTS: Final[dict[str, NetAddress]] = {}  # one of each IPv4 address met lately
_PACKED: Final[dict[bytes, NetAddress]] = {}  # and one of each address of those who connected lately
_MANY: Final = 1024


def is_ip(text: str) -> bool:
    """Whether this is a numeric IPv4 or IPv6 address."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except OSError:
            continue
        return True
    return False


def net_address(host: str, port: int) -> NetAddress:
    """From the textual form that accept() and getsockname() give; a scope ("%eth0") is dropped."""
    known = _HOSTS.get(host)
    if known is not None:
        return NetAddress(AF_INET, known.packed, known.text, port)
    if ":" in host:
        host = host.partition("%")[0]
        return NetAddress(AF_INET6, socket.inet_pton(socket.AF_INET6, host), host.encode(), port)
    made = NetAddress(AF_INET, socket.inet_pton(socket.AF_INET, host), host.encode(), port)
    if len(_HOSTS) >= _MANY:
        _HOSTS.clear()
    _HOSTS[host] = made
    return made


def from_packed(packed: bytes, port: int) -> NetAddress:
    """From the 4 or 16 bytes of an internet address."""
    known = _PACKED.get(packed)
    if known is None:
        family = AF_INET if len(packed) == 4 else AF_INET6
        known = NetAddress(family, packed, socket.inet_ntop(family, packed).encode(), 0)
        if len(_PACKED) >= _MANY:
            _PACKED.clear()
        _PACKED[packed] = known
    return NetAddress(known.family, packed, known.text, port)


UNIX_ADDRESS: Final = NetAddress(AF_UNIX, b"", b"unix", 0)


@dataclass(frozen=True)
class AddressSpec:
    """An address as a configuration names it (manual 2.9), after ranges and lists are unfolded.

    kind: "inet" (host "" means any IPv4 address, "::" any IPv6), "unix" (host is the path), "abns" (host is the name,
    padded with zeros in the address), "abnsz" (the name alone), "fd" and "sockpair" (port is the number). family: 0
    either, else AF_INET or AF_INET6 as a prefix "ipv4@"/"ipv6@" asked.
    port_offset: the port was written "+n" or "-n" and is relative to the one the client connected to; port None: none
    was written (a server then uses the one the client connected to).
    """

    kind: str
    host: str
    port: int | None = None
    family: int = 0
    port_offset: bool = False
    datagram: bool = False
    mptcp: bool = False  # of MPTCP, which is TCP to whoever does not know it (RFC 8684)
