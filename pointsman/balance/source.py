"""Source: the client's address names the server (manual 4.2 "balance source")."""

from pointsman.balance.hashed import HashKey, by_hash
from pointsman.balance.hashing import Function
from pointsman.balance.registry import Make, algorithm
from pointsman.config.keyword import Args
from pointsman.sample.context import Context


class SourceKey(HashKey):
    """The address as a 32-bit number, the four words of an IPv6 address XORed.

    It is its own hash: of hash-type only the avalanche applies, as with the program. A client without an address (on a
    UNIX socket) has no key.
    """

    def bytes(self, context: Context) -> bytes | None:
        return context.source.packed or None

    def hash(self, context: Context, function: Function) -> int | None:
        packed = context.source.packed
        if not packed:
            return None
        value = 0
        for start in range(0, len(packed), 4):
            value ^= int.from_bytes(packed[start : start + 4], "big")
        return value


@algorithm("source", hashed=True)
def source(args: Args, argument: str) -> Make:
    """source: by the client's address (manual 4.2)."""
    return by_hash(SourceKey())
