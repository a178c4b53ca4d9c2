"""Dynamic cookies (manual 4.2, cookie, dynamic-cookie-key): what names a server where its line says nothing.

It is made of the server's address and a secret key, so that several load balancers with the same key agree on it,
whatever order their servers have: xxHash, 64 bits with seed 0, of the key, the packed address and the port in four
bytes, written as 16 hexadecimal digits. (The manual names the parts; their order was found by asking the peer program.)
"""

import ipaddress

from pointsman.sample.converter.hashing import xxh64
from pointsman.server.dial import Dial


def dynamic_cookie(key: bytes, dial: Dial) -> bytes:
    """The cookie of a server at that address. b"": only IPv4 and IPv6 addresses have one, and none without a key."""
    target = dial.target
    if not key or isinstance(target, str):
        return b""
    host, port = target
    try:
        packed = ipaddress.ip_address(host).packed
    except ValueError:
        return b""
    number = xxh64(key + packed + port.to_bytes(4, "big"))
    return b"%016x" % (number & 0xFFFFFFFFFFFFFFFF)
