"""Lanes ask for addresses of names (net/questions.py): rules that wait for one (rules/do_resolve.py).

Question: the section, a zero, the preferred family as a digit, the name. Answer: 4 or 16 bytes; none: there is no
address, of whatever reason.
"""

import socket

from pointsman.net.answering import answers
from pointsman.resolve.resolution import RESOLVERS


@answers("resolve")
async def resolve(payload: bytes) -> bytes:
    section, _, rest = payload.partition(b"\0")
    found = RESOLVERS.by_name.get(section.decode())
    if found is None:
        return b""
    try:
        name = rest[1:].decode("ascii")
    except UnicodeDecodeError:
        return b""
    address = await found.address(name, rest[0] - 0x30)
    return packed(address) if address else b""


def packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
