"""The client's side of SOCKS4 (manual 5.2 socks4): one request, eight bytes of reply. Bytes in, values out; no I/O.

    request   VN=4  CD=1  port, 2 bytes  address, 4 bytes  user, ended by a zero byte
    reply     VN    CD=90: granted, anything else: not     6 bytes that say nothing to us

Behind a grant the connection is one to the address that was asked for. The protocol has no lengths and no names: it
knows IPv4 addresses alone. As in HAProxy the reply's version is not looked at (servers say 0, or 4), and the user is
always the same.
"""

from typing import Final

from pointsman.proto.errors import ProtocolError

REPLY: Final = 8  # bytes of a reply
USER: Final = b"HAProxy"  # what servers with access lists know the peer program by
_CONNECT: Final = b"\x04\x01"
_GRANTED: Final = 90


def socks4_request(address: bytes, port: int) -> bytes:
    """What asks for a connection to that IPv4 address (packed). ValueError for another one."""
    if len(address) != 4:
        raise ValueError("SOCKS4 knows no such address")
    return _CONNECT + port.to_bytes(2, "big") + address + USER + b"\0"


class Socks4Reply:
    """The reply, as it comes. `missing`: how many bytes of it may be read; what stands behind them is the server's."""

    def __init__(self) -> None:
        self.missing = REPLY
        self._data = b""

    def feed(self, data: bytes) -> bool:
        """True: it is whole, and the connection granted. ProtocolError: it is not granted."""
        self._data += data
        self.missing = REPLY - len(self._data)
        if len(self._data) > 1 and self._data[1] != _GRANTED:
            raise ProtocolError(f"the SOCKS4 proxy says {self._data[1]}", 502)
        return self.missing <= 0
