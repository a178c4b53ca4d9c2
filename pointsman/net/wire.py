"""A stream socket on the reactor: what waits to be written, what may be read, and what ended.

Reads are pulled by whoever uses the wire; as epoll reports edges only once, `unread` remembers that there may be more.
Writes are pushed and then flushed in one system call; what the kernel does not take is kept, `blocked` says so, and
`drained` is called when it is gone. Who forwards reads nothing more for a blocked wire, so at most one read is kept.
A connection that brings much is not read but handed on through a pipe (`carry`), where nobody needs to see the bytes.
After reads that came back full others have a go first (`Reactor.another`), and until its own nothing more is read, so
that one fast peer starves nobody.

Pausing is not reading. Nothing here knows a protocol.

All of a wire is one class, be it long: a second one in between would cost each event a call.
"""

import errno
import os
import socket
from socket import SocketType
from typing import Final

from mypy_extensions import mypyc_attr, trait

from pointsman.core import calls
from pointsman.core.tls import Connection
from pointsman.net.duplex import NOTHING, Duplex
from pointsman.net.parting import reset_on_close, vanish
from pointsman.net.pipe import NOT_HERE
from pointsman.net.reactor import ENDING, GONE, IN, OUT, RDHUP, Reactor
from pointsman.net.transport import AT_HAND, EARLY, READ, WRITE, Transport

SMALL: Final = 16_384  # bytes of a read for heads
BRIEF: Final = 65_536  # for bodies, as long as no more comes at once
LARGE: Final = 524_288  # for bodies
_PIECES: Final = 1_000  # of one write; more than 1,024 are too many for the kernel
_receive: Final = calls.receive
_transmit: Final = calls.transmit
_shut: Final = calls.shut
_error: Final = calls.error


@mypyc_attr(allow_interpreted_subclasses=True)
@trait
class WireUser:
    """Who has a wire, and is told what happens to it."""

    def readable(self) -> None:
        """There may be something to read (`unread` is set)."""
        raise NotImplementedError

    def again(self) -> None:
        """The go that was asked for (Reactor.another)."""
        raise NotImplementedError

    def drained(self) -> None:
        """What was kept is all written."""
        raise NotImplementedError

    def moved(self) -> None:
        """Some of what was kept is written: the peer is slow, but alive."""

    def lost(self) -> None:
        """A write failed: the peer is gone (`failed` has the errno). Called once, never from within `flush`."""
        raise NotImplementedError

    def opened(self) -> None:
        """The connection that was under way is there."""

    def shaken(self) -> None:
        """It was open before its transport's handshake was over (early data); now that is."""

    def not_shaken(self) -> None:
        """It was open before, and now its handshake has failed (`failed` has the errno). `readable` follows."""

    def not_opened(self, error: int) -> None:
        """It cannot be had; `error` is an errno."""

    def expired(self, now: int) -> None:
        """The wire's deadline has passed."""

    def broken(self) -> None:
        """An unexpected exception came out of one of these: give everything up."""


@mypyc_attr(allow_interpreted_subclasses=True)
class PlainUser(WireUser):
    """One to whom it all means nothing, and the base of those that are not compiled."""

    def readable(self) -> None:
        pass

    def again(self) -> None:
        pass

    def drained(self) -> None:
        pass

    def lost(self) -> None:
        pass


NOBODY: Final = PlainUser()  # uses a wire that is closed


@mypyc_attr(free_list_len=1)
class Wire(Duplex):
    def __init__(self, reactor: Reactor, fd: int, user: WireUser) -> None:
        super().__init__(fd)
        self.reactor = reactor
        self.user = user
        self.sock: SocketType | None = None  # the object that `fd` came from, if it is at hand
        self.blocked = False  # the kernel takes no more at the moment
        self.plenty = False  # the last read came back full
        self.ending = False  # an event said that reads will reach an end
        self.special = False  # it is not open yet, or not plain: events mean something else
        self.opening = False  # its connection is under way
        self.transport: Transport | None = None  # what its bytes pass through; None: it is plain
        self.shaking = False  # the transport's handshake is under way
        self.early = False  # its user reads and writes in spite of that (early data)
        self.cut = False  # what was sent is not all that should have been: the transport's end mark is kept back
        self.preface = b""  # goes to the peer before that, plain
        self.shutting = False  # shut our sending side down once `out` is empty

    def owner(self) -> object:
        return self.user

    def dial(self) -> None:
        """Its connection is under way: `opened` or `not_opened` will be called."""
        self.opening = self.special = True

    # Events.

    def ready(self, events: int) -> None:
        if self.special:
            events = self._ready(events)
            if not events:
                return
        if events & ENDING:
            self.ending = True
            if events & GONE and not self.failed:
                self.failed = self.socket_error()
        if events & OUT and self.blocked and not self._write_on():
            return
        if events & (IN | ENDING) and self.fd >= 0:
            self.unread = True
            self.user.readable()

    def _write_on(self) -> bool:
        """What was kept may be written now. False: the peer is gone, and that was told."""
        self.blocked = False
        kept = len(self.out)
        if self.flush():
            if kept:  # else it was the transport's end mark alone
                self.user.drained()
        elif self.failed:
            self.user.lost()
            return False
        elif len(self.out) < kept or self.transport is not None and self.transport.moved:
            self.user.moved()
        return True

    def _open(self, events: int) -> None:
        """A connection that was under way is there, or cannot be had."""
        if events & GONE:
            error = self.socket_error()
            if error != errno.ECONNRESET and (error or not events & OUT):
                self.user.not_opened(error or errno.ECONNREFUSED)
                return
            self.ending = True
            self.failed = error  # a reset ends only what was open
        if events & OUT:
            self.opening = False
            self.special = self.transport is not None
            if events & RDHUP:
                self.ending = True
            if events & (IN | RDHUP | GONE):  # it spoke first, or has closed already
                self.unread = True
            if self.shaking:
                self._shake(OUT)
                return
            self.user.opened()
            if self.unread and self.fd >= 0:
                self.user.readable()

    # Its transport.

    def _ready(self, events: int) -> int:
        """What events mean for one that is not open yet, or not plain. 0: nothing more."""
        transport = self.transport
        if self.opening:
            self._open(events)
            return 0
        if self.shaking:
            self._shake(events)
            return 0
        return self._waits(transport, events) if transport is not None else events

    def secure(self, transport: Transport) -> None:
        """All bytes pass through that from now on. Its handshake begins when the connection is open, and `opened` is
        called when it is over; or earlier, where the transport lets bytes pass before, and then `shaken` at its end."""
        self.transport = transport
        self.shaking = self.special = True
        if not self.opening:
            self.reactor.another(self)

    def tls(self) -> Connection | None:
        """What its transport knows of TLS."""
        return self.transport.tls if self.transport is not None else None

    def _shake(self, events: int) -> None:
        """Go on with the handshake."""
        transport = self.transport
        assert transport is not None
        if events & ENDING:
            self.ending = True
        try:
            if self.preface:
                self.preface = self.preface[_transmit(self.fd, self.preface) :]
                if self.preface:
                    return
            if transport.eager and not self.early:
                self.early = True
                self.user.opened()
                if self.fd < 0:
                    return
            waits = transport.handshake()
            if waits and self.ending:  # no other event will tell of it, and a short read did not ask for the end
                waits = transport.handshake()
        except OSError as error:
            self._not_shaken(error.errno or errno.EPROTO)
            return
        if waits:
            if events & GONE:
                self._not_shaken(self.socket_error() or errno.ECONNRESET)
            elif waits & EARLY:
                self._go_early(waits)
            return
        self.shaking = False
        self.unread = True  # what came with the peer's last message of the handshake brings no event
        if self.early:
            self._shaken()
        else:
            self.user.opened()
        if self.unread and self.fd >= 0:
            self.user.readable()

    def _not_shaken(self, error: int) -> None:
        """The handshake has failed."""
        if not self.early:
            self.user.not_opened(error)
            return
        told, self.failed = self.failed, error
        self.ending = self.unread = True
        if not told:
            self.user.not_shaken()
        if self.fd >= 0:
            self.user.readable()

    def _go_early(self, waits: int) -> None:
        """Early data may have come, and what waits to be written may go."""
        self.unread = True
        if not self.early:
            self.early = True
            self.user.opened()
        elif self.blocked and not waits & WRITE and not self._write_on():
            return
        if self.unread and self.fd >= 0:
            self.user.readable()

    def _shaken(self) -> None:
        """The handshake is over, of one that was open before. What could not be written meanwhile can be now."""
        self.early = False
        if self.blocked and not self._write_on() or self.fd < 0:
            return
        if self.shutting:
            self.flush()
        self.user.shaken()

    def _waits(self, transport: Transport, events: int) -> int:
        """What events mean where a read may wait to write, or a write to read."""
        if events & OUT and transport.read_waits == WRITE:
            events |= IN
        if events & IN and transport.write_waits == READ:
            events |= OUT
        return events

    def _take(self, transport: Transport, size: int) -> bytes | None:
        """Read through it. What a write has waited for may have come to this read: no event will tell of it."""
        if self.shaking:
            if not self.early:
                return None
            if self.failed:  # the handshake has
                raise OSError(self.failed, "")
        data = transport.read(size)
        if self.blocked and transport.write_waits == AT_HAND:
            self.reactor.another(self)
        return data

    def _give(self, transport: Transport, data: bytes) -> int:
        """Write through it. What a read has waited for, or what it is to return, may have come to this write."""
        if self.shaking and not self.early:
            return 0
        taken = transport.write(data)
        if transport.read_waits == AT_HAND:
            self.unread = True
            self.reactor.another(self)
        return taken

    def again(self) -> None:
        if not self.special or self._again():
            self.user.again()

    def _again(self) -> bool:
        """A go of one that is not open yet, or not plain. True: its user has a go, too."""
        transport = self.transport
        if self.shaking:
            if not self.opening:
                self._shake(0)
            return False
        if transport is not None and self.blocked and transport.write_waits == AT_HAND:
            return self._write_on() and self.fd >= 0
        return True

    def _part(self, transport: Transport) -> None:
        """The connection is about to be closed. Who was told everything is told that this is the end."""
        if not (self.shaking or self.cut or self.failed or self.shut_down or self.out):
            try:
                transport.shut()
            except OSError:
                pass  # the peer is gone already
        transport.close()
        self.transport = None

    def expired(self, now: int) -> None:
        self.user.expired(now)

    def broken(self) -> None:
        self.user.broken()

    def socket_error(self) -> int:
        """SO_ERROR, which reading clears."""
        return _error(self.fd)

    def lend(self) -> SocketType:
        """An object for calls that need one; `close` takes the descriptor out of it."""
        sock = self.sock
        if sock is None:
            # Nobody asks the kernel for the family: that of the longest address has room for all.
            sock = self.sock = SocketType(socket.AF_INET6, socket.SOCK_STREAM, 0, self.fd)
        return sock

    # As the end of a tunnel.

    def pass_on(self, sink: Duplex) -> int:
        if self.plenty and isinstance(sink, Wire) and sink.straight():
            size = self.carry(sink, LARGE)
            if size > 0:
                sink.flush()
            return size
        data = self.read(LARGE if self.plenty else BRIEF)
        if data is None:
            return NOTHING
        size = len(data)
        if size:
            sink.accept(data)
        return size

    def accept(self, data: bytes) -> None:
        self.push(data)
        self.flush()

    def end(self) -> None:
        self.end_write()

    def ask_again(self) -> None:
        self.reactor.another(self)

    # Reading and writing.

    def read(self, size: int) -> bytes | None:
        """Up to `size` bytes; b"" at the end or on an error (then `failed` is set); None: nothing now."""
        transport = self.transport
        try:
            data = _receive(self.fd, size) if transport is None else self._take(transport, size)
        except OSError as error:
            self.failed = error.errno or 104
            self.finished = True
            self.unread = False
            return b""
        if data is None:
            self.unread = False
        elif not data:
            self.finished = True
            self.unread = False
        else:
            self.plenty = len(data) == size
            if not self.plenty and not self.ending and (transport is None or transport.drained()):
                self.unread = False
        return data

    def straight(self) -> bool:
        """Payload may go to it through the pipe."""
        return (
            not self.blocked
            and not self.failed
            and self.fd >= 0
            and len(self.out) <= BRIEF
            and (self.transport is None or self.transport.straight())
            and self.reactor.pipe.usable()
        )

    def carry(self, sink: "Wire", most: int) -> int:
        """Hand up to `most` bytes on to `sink`, for which `straight` holds, and what that was to write before them. How
        many were read; 0 at the end or on an error, as `read` has it; -1: nothing now. If the sink is gone, its
        `failed` is set."""
        if self.transport is not None:
            return self._copy(sink, most)
        pipe = self.reactor.pipe
        count = len(sink.out)
        if count:
            pipe.put(sink.out)
        try:
            got = pipe.fill(self.fd, most)
        except OSError as error:
            if error.errno in NOT_HERE:
                pipe.wanted = False
                pipe.close()
                return self._copy(sink, most)
            self.failed = error.errno or 104
            got = 0
        if got > 0:
            count += got
            if got < BRIEF:
                self.plenty = False
        else:
            self.unread = False
            if got == 0:
                self.finished = True
        if count:
            try:
                sink.out = pipe.empty(sink.fd, count)
            except OSError as error:
                sink.failed = error.errno or 104
                sink.out = b""
            sink.blocked = len(sink.out) > 0 and pipe.wanted
        return got

    def _copy(self, sink: "Wire", most: int) -> int:
        """The same where there is no pipe for it: whoever pushes flushes then."""
        data = self.read(most if most < BRIEF else BRIEF)
        if data is None:
            return -1
        sink.push(data)
        return len(data)

    def push(self, data: bytes) -> None:
        """To be written; `flush` does it."""
        self.out = self.out + data if self.out else data

    def scatter(self, pieces: list[bytes | memoryview]) -> None:
        """Write pieces that had better not be joined, behind what waits; what the kernel does not take waits itself."""
        if self.transport is not None or self.out or self.blocked or self.failed or len(pieces) > _PIECES:
            self.push(b"".join(pieces))
            self.flush()
            return
        try:
            n = os.writev(self.fd, pieces)
        except BlockingIOError:
            n = 0
        except OSError as error:
            self.failed = error.errno or 104
            return
        size = 0
        for piece in pieces:
            size += len(piece)
        if n < size:
            self.out = b"".join(pieces)[n:]
            self.blocked = True
        elif self.shutting and not self.shut_down:
            self.shut_write()

    def flush(self) -> bool:
        """Write what the kernel takes; True: nothing is left. Sets `failed` when the peer is gone."""
        out = self.out
        if out and not self.blocked and not self.failed:
            try:
                n = _transmit(self.fd, out) if self.transport is None else self._give(self.transport, out)
            except OSError as error:
                self.failed = error.errno or 104
                self.out = b""
                return False
            if n == len(out):
                self.out = out = b""
            else:
                self.out = out = out[n:]
                self.blocked = True
        if out:
            return False
        if self.shutting and not self.shut_down:
            self.shut_write()
        return not self.failed

    def end_write(self) -> None:
        """Shut our side down as soon as all is written."""
        self.shutting = True
        self.flush()

    def shut_write(self) -> None:
        transport = self.transport
        if self.early:
            self.shutting = True  # its end mark can only stand behind the handshake
            return
        try:
            if transport is not None and not (self.shaking or self.cut) and not transport.shut():
                self.shutting = self.blocked = True  # its end mark waits
                return
            self.shut_down = True
            if self.fd >= 0:
                _shut(self.fd)
        except OSError:
            self.shut_down = True  # the peer is gone already: reads will tell

    def drop(self) -> None:
        """What waits will not be written: the peer is to see that this is not all."""
        self.out = b""
        self.cut = True

    def reset_on_close(self) -> None:
        """Let close() send a reset instead of waiting politely (option nolinger; an aborted transfer)."""
        self.cut = True
        if self.fd >= 0:
            reset_on_close(self.fd)

    def disappear(self, ttl: int) -> None:
        """Make close() leave the peer in the dark (`vanish`)."""
        self.out = b""
        self.failed = self.failed or errno.ECONNABORTED
        self.cut = True
        vanish(self.fd, ttl)

    def close(self) -> None:
        self.blocked = True  # it takes nothing any more
        if self.transport is not None:
            self._part(self.transport)
        self.out = b""
        self.user = NOBODY  # they know each other: nobody else would free them soon
        sock = self.sock
        if sock is not None:
            self.sock = None
            sock.detach()
        self.reactor.close(self)
