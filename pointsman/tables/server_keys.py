"""Names of servers in entries of stick tables (server_key, manual 11.1 `srvkey`): a number of 32 bits stands for each.

It is made of the text, by every process alike and after a reload as well, so that nobody has to agree on it. Who shows
a table asks what text it stands for.
"""

import zlib
from collections.abc import Callable, Iterable
from typing import Final


def key_number(text: bytes) -> int:
    """What stands for the name or address of a server. 0 is none."""
    return zlib.crc32(text) or 1


class ServerKeys:
    """The texts behind such numbers. `ask`: what gives those of all servers, as they are now. A text that was met once
    is known from then on: a server may have moved since a table has learned its address."""

    def __init__(self) -> None:
        self.ask: Callable[[], Iterable[bytes]] = tuple
        self.known: dict[int, str] = {}

    def text(self, number: int) -> str:
        """ "-": it stands for none, or for none that is known here."""
        if number and number not in self.known:
            for text in self.ask():
                self.known[key_number(text)] = text.decode("utf-8", "replace")
        return self.known.get(number, "-")

    def reset(self, ask: Callable[[], Iterable[bytes]]) -> None:
        """Of another configuration."""
        self.ask = ask
        self.known = {}


SERVER_KEYS: Final = ServerKeys()
