"""The PROXY protocol, versions 1 and 2: who the client was, said in front of a connection's first bytes. No I/O.

`parse` takes what was received so far and gives a ProxyHeader, or None ("needs more"), or raises ProtocolError; what
cannot become a header is refused at its first wrong byte, because a receiver must never guess whether there is one
(the protocol's section 2). `render_v1` and `render_v2` write one.

    version 1   PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 CR LF     at most 107 bytes
    version 2   12 bytes signature, version and command, family and transport, length (2), addresses, TLVs
"""

import socket
import struct
from typing import Final

from pointsman.core.address import AF_INET, AF_INET6, AF_UNIX, UNIX_ADDRESS, NetAddress
from pointsman.proto.errors import ProtocolError

ALPN: Final = 0x01  # types of TLVs (section 2.2)
AUTHORITY: Final = 0x02
CRC32C: Final = 0x03
NOOP: Final = 0x04
UNIQUE_ID: Final = 0x05
SSL: Final = 0x20
SSL_VERSION: Final = 0x21  # inside of SSL (section 2.2.6)
SSL_CN: Final = 0x22
SSL_CIPHER: Final = 0x23
SSL_SIG_ALG: Final = 0x24
SSL_KEY_ALG: Final = 0x25
NETNS: Final = 0x30

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_WORD: Final = b"PROXY "
_LONGEST: Final = 107  # bytes of a version 1 line with its CR LF (section 2.1)
_LARGEST: Final = 16_384  # bytes of a version 2 header: as much as a buffer holds (tune.bufsize)
_FIXED: Final = 16  # bytes of version 2 before the addresses
_LONGEST_VALUE: Final = 1024  # bytes of a TLV that is received (manual 7.3.3, fc_pp_tlv)
_LONGEST_AUTHORITY: Final = 255  # a name of DNS, and what HAProxy takes
LONGEST_UNIQUE_ID: Final = 128  # bytes at most (section 2.2.5)
_SIZES: Final = {0x0: 0, 0x1: 12, 0x2: 36, 0x3: 216}  # bytes of addresses by family
MOST_TLVS: Final = _LARGEST - _FIXED - 36 - 7  # bytes of those that are sent: behind addresses, and beside a checksum
_PATH: Final = 108  # bytes of an AF_UNIX address
_MAPPED: Final = b"\0" * 10 + b"\xff\xff"  # an IPv4 address among IPv6 ones (RFC 4291 2.5.5.2)


class ProxyHeader:
    """`size`: bytes to drop from the front of the connection. `local`: the proxy speaks for itself, or does not know;
    the addresses of the connection hold then, and `source` and `destination` are None. `tlvs`: type and value, as
    they came."""

    def __init__(self, size: int, version: int) -> None:
        self.size = size
        self.version = version
        self.local = True
        self.source: NetAddress | None = None
        self.destination: NetAddress | None = None
        self.tlvs: list[tuple[int, bytes]] = []

    def tlv(self, kind: int) -> bytes | None:
        """The value of the first TLV of that type."""
        return first_tlv(self.tlvs, kind)


def first_tlv(tlvs: list[tuple[int, bytes]], kind: int) -> bytes | None:
    """The value of the first one of that type."""
    for one, value in tlvs:
        if one == kind:
            return value
    return None


def inner_tlvs(value: bytes) -> list[tuple[int, bytes]]:
    """Those inside of a TLV SSL, behind its five bytes (section 2.2.6), up to where they are none any more."""
    found: list[tuple[int, bytes]] = []
    at = 5
    while at + 3 <= len(value):
        end = at + 3 + (value[at + 1] << 8 | value[at + 2])
        if end > len(value):
            break
        found.append((value[at], value[at + 3 : end]))
        at = end
    return found


def parse(data: bytes) -> ProxyHeader | None:
    """The header that `data` begins with; None: needs more. Raises ProtocolError."""
    if data.startswith(SIGNATURE):
        return _parse_v2(data)
    if data.startswith(_WORD):
        return _parse_v1(data)
    if SIGNATURE.startswith(data) or _WORD.startswith(data):
        return None
    raise ProtocolError("no PROXY header")


def _parse_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\n", 0, _LONGEST)
    if end < 0:
        if len(data) >= _LONGEST:
            raise ProtocolError("PROXY line too long")
        return None
    if data[end - 1] != 0x0D:
        raise ProtocolError("PROXY line ends in a bare LF")
    header = ProxyHeader(end + 1, 1)
    parts = data[len(_WORD) : end - 1].split(b" ")
    if parts[0] == b"UNKNOWN":  # the rest of the line is to be ignored
        return header
    if len(parts) != 5 or parts[0] not in (b"TCP4", b"TCP6"):
        raise ProtocolError("invalid PROXY line")
    family = AF_INET if parts[0] == b"TCP4" else AF_INET6
    header.local = False
    header.source = _address(family, parts[1], parts[3])
    header.destination = _address(family, parts[2], parts[4])
    return header


def _address(family: int, text: bytes, port: bytes) -> NetAddress:
    """From their textual forms. inet_pton() alone would let a zero byte pass as the end, int() alone a sign."""
    if not port.isdigit() or len(port) > 5 or int(port) > 65535 or text.find(b"\0") >= 0 or not text.isascii():
        raise ProtocolError("invalid PROXY line")
    try:
        packed = socket.inet_pton(family, text.decode("ascii"))
    except OSError:
        raise ProtocolError("invalid address in a PROXY line") from None
    return _made(family, packed, int(port))


def _made(family: int, packed: bytes, port: int) -> NetAddress:
    return NetAddress(family, packed, socket.inet_ntop(family, packed).encode("ascii"), port)


def _parse_v2(data: bytes) -> ProxyHeader | None:
    if len(data) > 12 and data[12] not in (0x20, 0x21):
        raise ProtocolError("invalid version or command in a PROXY header")
    if len(data) > 13 and data[12] == 0x21 and (data[13] >> 4 not in _SIZES or data[13] & 15 > 2):
        raise ProtocolError("invalid family in a PROXY header")
    if len(data) < _FIXED:
        return None
    length = data[14] << 8 | data[15]
    size = _FIXED + length
    if size > _LARGEST:
        raise ProtocolError("PROXY header too long")
    if data[12] == 0x20:
        return _parse_local(data, size)
    family = data[13] >> 4
    if length < _SIZES[family]:
        raise ProtocolError("PROXY header too short for its addresses")
    if len(data) < size:
        return None
    header = ProxyHeader(size, 2)
    if family == 0 or data[13] & 15 == 0:  # UNSPEC: known to no more than that there was a proxy
        return header
    header.local = False
    block = data[_FIXED : _FIXED + _SIZES[family]]
    if family == 3:
        header.source = _unix(block[:_PATH])
        header.destination = _unix(block[_PATH:])
    else:
        width = 4 if family == 1 else 16
        kind = AF_INET if family == 1 else AF_INET6
        header.source = _made(kind, block[:width], block[-4] << 8 | block[-3])
        header.destination = _made(kind, block[width : 2 * width], block[-2] << 8 | block[-1])
    _parse_tlvs(header, data[:size], _FIXED + _SIZES[family])
    return header


def _parse_local(data: bytes, size: int) -> ProxyHeader | None:
    """LOCAL: the family and its addresses are to be skipped (section 2.2). TLVs follow where it says that there are no
    addresses; behind any others nothing is looked for."""
    if len(data) < size:
        return None
    header = ProxyHeader(size, 2)
    if data[13] == 0:
        _parse_tlvs(header, data[:size], _FIXED)
    return header


def _unix(path: bytes) -> NetAddress:
    text = path.rstrip(b"\0")
    return NetAddress(AF_UNIX, b"", text, 0) if text else UNIX_ADDRESS


def _parse_tlvs(header: ProxyHeader, data: bytes, at: int) -> None:
    """type (1), length (2), value; up to the header's end (section 2.2). A checksum must be right and the only one."""
    checked = False
    while at < len(data):
        if at + 3 > len(data):
            raise ProtocolError("PROXY header ends inside a TLV")
        kind = data[at]
        start = at + 3
        end = start + (data[at + 1] << 8 | data[at + 2])
        if end > len(data):
            raise ProtocolError("PROXY header ends inside a TLV")
        value = data[start:end]
        at = end
        if kind == CRC32C:
            if (
                checked
                or len(value) != 4
                or crc32c(data[:start] + b"\0\0\0\0" + data[end:]) != int.from_bytes(value, "big")
            ):
                raise ProtocolError("wrong checksum of a PROXY header")
            checked = True
        elif len(value) > (
            LONGEST_UNIQUE_ID if kind == UNIQUE_ID else _LONGEST_AUTHORITY if kind == AUTHORITY else _LONGEST_VALUE
        ):
            raise ProtocolError("TLV of a PROXY header too long")
        header.tlvs.append((kind, value))


def _ends(source: NetAddress | None, destination: NetAddress | None) -> tuple[int, bytes, bytes]:
    """The family in which both can be said, and both packed; 0: there is none."""
    if source is None or destination is None or AF_UNIX in (source.family, destination.family):
        return 0, b"", b""
    if source.family == destination.family:
        return source.family, source.packed, destination.packed
    return AF_INET6, _mapped(source.packed), _mapped(destination.packed)


def _mapped(packed: bytes) -> bytes:
    return _MAPPED + packed if len(packed) == 4 else packed


def render_v1(source: NetAddress | None, destination: NetAddress | None) -> bytes:
    """The line of version 1. Ends that are no IP addresses are UNKNOWN; of mixed ones IPv4 is mapped to IPv6."""
    family, packed_source, packed_destination = _ends(source, destination)
    if not family or source is None or destination is None:
        return b"PROXY UNKNOWN\r\n"
    return b"PROXY %b %b %b %d %d\r\n" % (
        b"TCP4" if family == AF_INET else b"TCP6",
        socket.inet_ntop(family, packed_source).encode("ascii"),
        socket.inet_ntop(family, packed_destination).encode("ascii"),
        source.port,
        destination.port,
    )


def tlv(kind: int, value: bytes) -> bytes:
    """One TLV (section 2.2). Of a value up to 65,535 bytes."""
    return struct.pack(">BH", kind, len(value)) + value


def render_v2(
    source: NetAddress | None,
    destination: NetAddress | None,
    first: bytes = b"",
    checksum: bool = False,
    rest: bytes = b"",
) -> bytes:
    """The header of version 2; LOCAL if the ends are no IP addresses. A CRC32c stands between the TLVs `first` and
    `rest`, if one is asked for.

    A header that is longer than it may be is an error of the caller (ValueError).
    """
    family, packed_source, packed_destination = _ends(source, destination)
    if not family or source is None or destination is None:
        fixed = b"\x20\x00"
        block = b""
    else:
        fixed = b"\x21\x11" if family == AF_INET else b"\x21\x21"
        block = packed_source + packed_destination + struct.pack(">HH", source.port, destination.port)
    block += first
    place = _FIXED + len(block) + 3
    if checksum:
        block += struct.pack(">BHI", CRC32C, 4, 0)
    block += rest
    if _FIXED + len(block) > _LARGEST:
        raise ValueError("PROXY header too long")
    header = SIGNATURE + fixed + struct.pack(">H", len(block)) + block
    if checksum:
        header = header[:place] + struct.pack(">I", crc32c(header)) + header[place + 4 :]
    return header


def _crc_table() -> list[int]:
    table: list[int] = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ 0x82F63B78 if byte & 1 else byte >> 1  # Castagnoli's polynomial, reversed (RFC 3720 B.4)
        table.append(byte)
    return table


_CRC: Final = _crc_table()


def crc32c(data: bytes) -> int:
    """CRC-32C of the bytes (RFC 3720 appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
