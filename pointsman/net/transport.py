"""What stands between a wire's bytes and its socket: nothing (plain), or what encrypts.

A wire that has a transport begins with its handshake; what users of the wire read and write passes through it. A
transport may have to write before it can read on, or the other way round: so it says for each of the two what it waits
for, and the wire calls again when that has come about.

Events are edges: one that has been told does not come again. So each call goes on until the socket has nothing, takes
nothing, or the call has what it was for. And what one direction waits for may come to a call of the other (a write that
looks for leave to go on receives payload; a read receives that leave): no event follows then. Whoever finds it sets
`read_waits` or `write_waits` of the other direction to AT_HAND.

A transport may let payload pass before its handshake is over (early data, RFC 8446, 2.3). One towards a client then
says EARLY: what the client has sent so may be read, and answered. One towards a server is `eager`: what is written
before `handshake` is called for the first time goes along with its first message.
"""

import errno
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core.tls import Connection

AT_HAND: Final = 0  # what a transport waits for: nothing, it is to be called again
READ: Final = 0x001  # or the socket, by the bits of epoll
WRITE: Final = 0x004
EARLY: Final = 0x1000  # beside these, in what `handshake` says: reads and writes may pass already
REFUSED: Final = errno.EKEYREJECTED  # the error of one whose server did not take what was sent early: it is lost


@mypyc_attr(allow_interpreted_subclasses=True)
class Transport:
    """Of one connection. All of its calls raise OSError where the connection is lost, and never wait."""

    def __init__(self) -> None:
        self.read_waits = READ  # for what, where `read` had nothing
        self.write_waits = WRITE  # for what, where `write` did not take all
        self.moved = False  # the last `write` sent something, be it a part of a record that does not count as taken yet
        self.eager = False  # what is written before `handshake` is called goes along with its first message
        self.tls: Connection | None = None  # which knows what rules and logs may ask
        self.fault = 0  # what its handshake has failed of, by core/connection_faults.py
        self.reason = ""  # and all that is known of it, for people
        self.code = 0  # OpenSSL's number of it

    def be_eager(self) -> None:
        """Be that, if it can be: what will be written may be sent early."""

    def introduce(self, header: bytes) -> bool:
        """What has to go to the server before all else. False: it goes straight into the socket, before the handshake
        begins; True: it is taken, as something has to go before that."""
        return False

    def handshake(self) -> int:
        """Go on with it. 0: it is over; else what it waits for, with EARLY where reads and writes pass all the same.
        That the peer has ended is an error here."""
        raise NotImplementedError

    def read(self, size: int) -> bytes | None:
        """Up to `size` bytes; b"" at the end that the peer has marked; None: nothing now. An end without its mark,
        where the transport has one, is an error: something was cut off."""
        raise NotImplementedError

    def drained(self) -> bool:
        """After a read that was not empty: nothing more is at hand, here or in the socket, not even the end. So what
        comes next brings an event. It is judged at the socket: this very `read` has asked it, and it came
        back short. Payload that was kept from an earlier one says nothing, for an event may have come since."""
        raise NotImplementedError

    def write(self, data: bytes) -> int:
        """How many bytes it has taken; the kernel has them then. Not all: it waits for `write_waits`, and the next
        call brings it again, perhaps with more behind it."""
        raise NotImplementedError

    def shut(self) -> bool:
        """No more will be written: tell the peer. False: the socket takes nothing at the moment; call again."""
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

    def connect(self, fd: int, name: bytes) -> Transport:
        """For a connection to a server, which is not open yet: nothing may be sent before `handshake` is called.
        `name`: of the host that the exchange wants there; b"": it names none. Raises OSError where that cannot be."""
        raise NotImplementedError
