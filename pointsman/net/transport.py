"""What stands between a wire's bytes and its socket: nothing (plain), or what encrypts.

A wire that has a transport begins with its handshake; what users of the wire read and write passes through it. A
transport may have to write before it can read on, or the other way round: so it says for each of the two what it waits
for, and the wire calls again when that has come about.
"""

from typing import Final

from mypy_extensions import mypyc_attr

READ: Final = 0x001  # what a transport waits for: the bits of epoll
WRITE: Final = 0x004


@mypyc_attr(allow_interpreted_subclasses=True)
class Transport:
    """Of one connection. All of its calls raise OSError where the connection is lost, and never wait."""

    def __init__(self) -> None:
        self.read_waits = READ  # for what, where `read` had nothing
        self.write_waits = WRITE  # for what, where `write` did not take all

    def handshake(self) -> int:
        """Go on with it. 0: it is over; else what it waits for."""
        raise NotImplementedError

    def read(self, size: int) -> bytes | None:
        """Up to `size` bytes; b"" at the end; None: nothing now."""
        raise NotImplementedError

    def drained(self) -> bool:
        """After a read that was not empty: nothing more is at hand, here or in the socket."""
        raise NotImplementedError

    def write(self, data: bytes) -> int:
        """How many bytes it has taken. Not all: it waits for `write_waits`."""
        raise NotImplementedError

    def shut(self) -> None:
        """No more will be written: tell the peer."""
        raise NotImplementedError

    def straight(self) -> bool:
        """Payload may pass to the socket without it (the kernel does its work)."""
        return False

    def close(self) -> None:
        """The connection is closed: free what it holds."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Transports:
    """Makes them: one for each `bind` line or server that is not plain."""

    def accept(self, fd: int, pending: bytes) -> Transport:
        """For a connection that a client has opened. `pending`: what was received of it already."""
        raise NotImplementedError

    def connect(self, fd: int) -> Transport:
        """For a connection to a server, which is open."""
        raise NotImplementedError
