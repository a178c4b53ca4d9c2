"""The header of NetScaler's Client IP insertion: who the client was, in front of a connection's first bytes. No I/O.

    legacy      magic (4), length of what follows (4), IP header, TCP header
    standard    magic (4), length of all (4), type (2), length of what follows (2), IP header, TCP header

Both are in network order. The magic is a number that sender and receiver have agreed on. The IP header (20 bytes and
more, or 40 of IPv6) and the TCP header (20 bytes and more) are those of the client's last packet in its handshake.
Which of both forms it is, the half octet says in which an IP header has its version: 4 or 6, and 0 in a type.

`parse_client_ip` takes what was received so far and gives a ClientIp, or None ("needs more"), or raises ProtocolError
(BadMagic where the magic is another one) at the first wrong byte.
"""

import socket
from typing import Final

from pointsman.core.address import AF_INET, AF_INET6, NetAddress
from pointsman.proto.errors import ProtocolError

_LENGTHS: Final = 8  # bytes of magic and length
_STANDARD: Final = 12  # and with type and second length
_IPV4: Final = 20  # bytes of an IP header without options (RFC 791 3.1)
_IPV6: Final = 40  # bytes of an IP header without extensions (RFC 8200 3)
_TCP: Final = 20  # bytes of a TCP header without options (RFC 9293 3.1)
_TCP_NUMBER: Final = 6  # of the protocol in an IP header
_LARGEST: Final = 16_384  # as much as a buffer holds (tune.bufsize)


class BadMagic(ProtocolError):
    """The first bytes are not those that were agreed on."""


class ClientIp:
    """`size`: bytes to drop from the front of the connection."""

    def __init__(self, size: int, source: NetAddress, destination: NetAddress) -> None:
        self.size = size
        self.source = source
        self.destination = destination


def parse_client_ip(data: bytes, magic: int) -> ClientIp | None:
    """The header that `data` begins with; None: needs more. Raises ProtocolError."""
    if not magic.to_bytes(4, "big").startswith(data[:4]):
        raise BadMagic("wrong magic number of a NetScaler Client IP header")
    if len(data) <= _LENGTHS:
        return None
    kind = data[_LENGTHS] >> 4
    start = _LENGTHS
    length = int.from_bytes(data[4:8], "big")
    if not kind:
        if len(data) <= _STANDARD:
            return None
        start = _STANDARD
        length = data[10] << 8 | data[11]
        kind = data[_STANDARD] >> 4
    if kind not in (4, 6):
        raise ProtocolError("no IP header in a NetScaler Client IP header")
    head = (data[start] & 15) * 4 if kind == 4 else _IPV6
    if head < _IPV4 or length < head + _TCP:
        raise ProtocolError("NetScaler Client IP header too short")
    if start + length > _LARGEST:
        raise ProtocolError("NetScaler Client IP header too long")
    if len(data) > start + 9 and data[start + (9 if kind == 4 else 6)] != _TCP_NUMBER:
        raise ProtocolError("not TCP in a NetScaler Client IP header")
    if len(data) < start + length:
        return None
    ports = data[start + head : start + head + 4]
    if kind == 4:
        return ClientIp(
            start + length,
            _made(AF_INET, data[start + 12 : start + 16], ports[:2]),
            _made(AF_INET, data[start + 16 : start + 20], ports[2:]),
        )
    return ClientIp(
        start + length,
        _made(AF_INET6, data[start + 8 : start + 24], ports[:2]),
        _made(AF_INET6, data[start + 24 : start + 40], ports[2:]),
    )


def _made(family: int, packed: bytes, port: bytes) -> NetAddress:
    return NetAddress(family, packed, socket.inet_ntop(family, packed).encode("ascii"), port[0] << 8 | port[1])
