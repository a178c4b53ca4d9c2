"""RDP cookie: the user that the first bytes of an RDP connection name (manual 4.2 "balance rdp-cookie")."""

from typing import Final

from pointsman.balance.hashed import HashKey, by_hash
from pointsman.balance.registry import Make, algorithm
from pointsman.config.keyword import Args
from pointsman.core.diagnostics import ConfigError
from pointsman.proto.rdp_cookie import find_rdp_cookie
from pointsman.sample.context import Context

USER: Final = "mstshash"  # the cookie that says who logs in


class RdpUser(HashKey):
    """The value of the cookie of that name, as far as bytes are here: `tcp-request content` rules wait for them."""

    def __init__(self, name: bytes) -> None:
        self.name = name

    def bytes(self, context: Context) -> bytes | None:
        return find_rdp_cookie(context.request_bytes, self.name).value


@algorithm("rdp-cookie", hashed=True, argument="<name>")
def rdp_cookie(args: Args, argument: str) -> Make:
    """rdp-cookie[(<name>)]: by the RDP cookie of that name, "mstshash" where none is said (manual 4.2)."""
    word = args.words[args.index - 1]
    if "(" in word.text and not argument:
        raise ConfigError("balance rdp-cookie : missing cookie name.", word.at, "rdp-cookie(<name>)")
    return by_hash(RdpUser((argument or USER).encode("utf-8", "surrogateescape")))
