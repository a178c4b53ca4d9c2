"""The cookie in the first bytes of an RDP connection ([MS-RDPBCGR] 2.2.1.1, the X.224 Connection Request). No I/O.

     4 bytes            7 bytes                       until CR LF
    +----------------+-----------------------------+-------------------------------------+
    | TPKT header    | X.224 Connection Request    | Cookie: mstshash=<user>             |
    |                |                             | Cookie: msts=<address>.<port>.0000  |  where to go (routing token)
    +----------------+-----------------------------+-------------------------------------+

As in the peer program, nothing is asked of the two headers: eleven bytes are passed over. What stands behind them
decides, and only the first cookie counts (manual 7.3.5, req.rdp_cookie).
"""

from typing import Final

from pointsman.core.address import NetAddress, from_packed

_HEADERS: Final = 11  # bytes of TPKT and X.224
_WORD: Final = b"cookie:"
_LEAST: Final = _HEADERS + len(_WORD) + 1  # nothing is looked at before so many bytes are here


class RdpCookie:
    """What is known of a cookie. `value`: None if there is none; `waits`: it cannot be told yet."""

    def __init__(self, value: bytes | None, waits: bool) -> None:
        self.value = value
        self.waits = waits


NO_COOKIE: Final = RdpCookie(None, False)
NOT_YET: Final = RdpCookie(None, True)


def find_rdp_cookie(data: bytes, name: bytes = b"") -> RdpCookie:
    """The cookie of that name, in whatever case, or the first one of any name; `data`: what has come so far."""
    if len(data) < _LEAST:
        return NOT_YET
    place = _HEADERS + len(_WORD)
    if data[_HEADERS:place].lower() != _WORD:
        return NO_COOKIE
    while data[place : place + 1] == b" ":
        place += 1
    place = _behind_name(data, place, name)
    if place <= 0:
        return NO_COOKIE if place < 0 else NOT_YET
    end = data.find(b"\r", place)
    if end < 0 or end + 1 == len(data):
        return NOT_YET
    if data[end + 1 : end + 2] != b"\n":
        return NO_COOKIE
    return RdpCookie(data[place:end], False)


def _behind_name(data: bytes, place: int, name: bytes) -> int:
    """Where the value begins. 0: not yet; -1: it is no cookie, or another one."""
    if name:
        end = place + len(name)
        if end >= len(data):
            return 0
        if data[place:end].lower() != name.lower() or data[end : end + 1] != b"=":
            return -1
        return end + 1
    equal = data.find(b"=", place)
    line = data[place : equal if equal >= 0 else len(data)]
    if b"\r" in line or b"\n" in line:
        return -1
    return equal + 1  # 0 where there is no "=" yet


def named_server(value: bytes) -> NetAddress | None:
    """The address that a routing token names, `<address>.<port>.<reserved>`: the IPv4 address and the port as decimal
    numbers of what stands in memory in network order, read by a little-endian machine. None: it names none."""
    parts = value.split(b".")
    if len(parts) < 3 or not parts[0].isdigit() or not parts[1].isdigit():
        return None
    address, port = int(parts[0][:20]), int(parts[1][:20])
    if address >= 1 << 32 or port >= 1 << 16:
        return None
    return from_packed(address.to_bytes(4, "little"), (port & 0xFF) << 8 | port >> 8)
