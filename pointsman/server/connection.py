"""Connections to servers and each server's pool of idle ones.

A connection lends places to exchanges. HTTP/1, and where nothing is spoken, has one: it belongs to one exchange at a
time, or lies in its server's pool. One whose protocol has several (`shares`, shared.py) is lent on while it carries
others, and lies in the pool when it carries none. Idle, whatever comes means its end: a server has nothing to say
unasked. The pool is last in, first out, so that what is not needed grows old and is closed.

Which idle connection may carry a request is `http-reuse` (manual 4.2):

    never        only the client connection's own one
    safe         not for a client connection's first request
    aggressive   for a first request only connections that have been reused before
    always       any

An idle connection is never lent to another destination. Where the request or the client's connection chooses it (a
server without a port, or at 0.0.0.0: `Dial.follows`), connections are not pooled: the next request of the same client
may use them, if it goes to the same place. One that was opened before the server's address was changed is not kept.
"""

import errno
import os
import socket
from socket import SocketType
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core import calls
from pointsman.core.address import AF_UNIX, NetAddress, net_address
from pointsman.core.columns import LINK, LINK_POOLED, LINK_POOLED_SAFE, NOTHING, POOLED, POOLED_SAFE, SAFE_ONE
from pointsman.net.duplex import Duplex
from pointsman.net.reactor import Reactor
from pointsman.net.wire import Wire, WireUser
from pointsman.server.queue import Waiter
from pointsman.server.server import Server

NEVER: Final = 0  # http-reuse
SAFE: Final = 1
AGGRESSIVE: Final = 2
ALWAYS: Final = 3

_UNIX: Final = NetAddress(AF_UNIX, b"", b"unix", 0)
_STREAM: Final = 0o2004001  # SOCK_STREAM, SOCK_NONBLOCK, SOCK_CLOEXEC of <sys/socket.h> on Linux
_IPPROTO_TCP: Final = 6
_TCP_NODELAY: Final = 1
_connect: Final = calls.connect
_IN_PROGRESS: Final = frozenset((0, errno.EINPROGRESS, errno.EAGAIN))


class Carried(Waiter):
    """Base of an exchange, as its server connection and queues see it."""

    def connected(self, dial: "Dialling") -> None:
        """The connection is open: `dial.take` gives it."""
        raise NotImplementedError

    def connect_failed(self, error: int) -> None:
        """It could not be opened; `error` is an errno, ETIMEDOUT when the time was up."""
        raise NotImplementedError

    def server_readable(self) -> None:
        raise NotImplementedError

    def server_drained(self) -> None:
        raise NotImplementedError

    def server_moved(self) -> None:
        """It takes what is sent, slowly."""
        raise NotImplementedError

    def server_lost(self) -> None:
        raise NotImplementedError

    def abandon(self) -> None:
        """A bug, already reported: give everything up."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Speaker:
    """How connections to a server are spoken on: one for all of a server, chosen at start-up."""

    def speak(self, server: Server, wire: Wire) -> "ServerConnection":
        """An open connection becomes one that carries exchanges."""
        raise NotImplementedError


@mypyc_attr(free_list_len=1)
class Dialling(WireUser):
    """A connection to a server that is under way. Nobody knows yet what will be spoken on it.

    Who waits for it is told, and takes it over (`take`). Where nobody waits any more it is closed.
    """

    def __init__(self, reactor: Reactor, server: Server, fd: int, waiter: Carried | None) -> None:
        self.wire = Wire(reactor, fd, self)
        self.wire.dial()
        self.server = server
        self.waiter: Carried | None = waiter
        self.aim: tuple[str, int] | str = ""  # the server's target when it was begun
        self.address: NetAddress | None = None  # where it goes
        self.told_source: NetAddress | None = None  # what its PROXY header says, if it has one
        self.told_destination: NetAddress | None = None
        server.links += 1
        server.step(LINK, NOTHING, NOTHING)
        reactor.add(self.wire)

    def opened(self) -> None:
        if self.waiter is not None:
            self.waiter.connected(self)

    def not_opened(self, error: int) -> None:
        if self.waiter is not None:
            self.waiter.connect_failed(error)

    def take(self, speaker: Speaker) -> "ServerConnection":
        """It is open, and becomes what carries exchanges."""
        made = speaker.speak(self.server, self.wire)
        self.wire.user = made
        made.aim = self.aim
        made.address = self.address
        made.told_source = self.told_source
        made.told_destination = self.told_destination
        self.waiter = None
        return made

    def introduce(self, header: bytes, source: NetAddress, destination: NetAddress) -> None:
        """The PROXY header that goes before all else."""
        if self.wire.transport is None:
            self.wire.push(header)
        else:
            self.wire.preface = header
        self.told_source = source
        self.told_destination = destination

    def local_address(self) -> NetAddress | None:
        """Our end of it."""
        return local_address(self.wire)

    def close(self) -> None:
        """It is not waited for any more."""
        self.waiter = None
        wire = self.wire
        if wire.fd >= 0:
            server = self.server
            server.links -= 1
            server.step(NOTHING, LINK, NOTHING)
            wire.reset_on_close()
            wire.close()

    # Nothing else happens to it.

    def readable(self) -> None:
        pass

    def again(self) -> None:
        pass

    def drained(self) -> None:
        pass

    def lost(self) -> None:
        pass

    def broken(self) -> None:
        if self.waiter is not None:
            self.waiter.abandon()
        else:
            self.close()


@mypyc_attr(allow_interpreted_subclasses=True)
class ServerConnection(WireUser):
    """An open connection to a server. It carries exchanges; one that speaks HTTP/1, or nothing, one at a time."""

    def __init__(self, server: Server, wire: Wire) -> None:
        self.wire = wire
        self.server = server
        self.exchange: Carried | None = None  # the one that it carries, where it carries one at a time
        self.shares = False  # it may carry several at once
        self.served = 0  # exchanges completed on it
        self.private = False  # it carries the identity of its client (NTLM, Negotiate): never shared
        self.glitches = 0  # what was odd in its responses so far, where that is counted
        self.since = 0  # idle since (monotonic ms)
        self.below: ServerConnection | None = None  # in the pool: the one that was idle before it came
        self.pooled = 0  # 1: lies in its server's pool; 2: and was reused before
        self.local: NetAddress | None = None  # our end, once asked for
        self.aim: tuple[str, int] | str = ""  # the server's target when it was opened
        self.address: NetAddress | None = None  # where it goes
        self.told_source: NetAddress | None = None  # what its PROXY header has said, if it had one
        self.told_destination: NetAddress | None = None

    @property
    def is_open(self) -> bool:
        return self.wire.fd >= 0

    def readable(self) -> None:
        exchange = self.exchange
        if exchange is not None:
            exchange.server_readable()
        # Its last bytes may have been read before this event told of them: then there is nothing.
        elif self.wire.ending or self.wire.read(1) is not None:
            self.close()

    def again(self) -> None:
        if self.exchange is not None:
            self.exchange.server_readable()

    def drained(self) -> None:
        if self.exchange is not None:
            self.exchange.server_drained()

    def moved(self) -> None:
        if self.exchange is not None:
            self.exchange.server_moved()

    def lost(self) -> None:
        if self.exchange is not None:
            self.exchange.server_lost()

    def broken(self) -> None:
        if self.exchange is not None:
            self.exchange.abandon()
        else:
            self.close()

    def local_address(self) -> NetAddress | None:
        """Our end of it, asked for once."""
        if self.local is None:
            self.local = local_address(self.wire)
        return self.local

    def leads_to(self, address: NetAddress, source: NetAddress, destination: NetAddress) -> bool:
        """It goes there, and has said nothing else of who the client is."""
        there = self.address
        told = self.told_source
        other = self.told_destination
        return (
            there is not None
            and there.same(address)
            and (told is None or told.same(source))
            and (other is None or other.same(destination))
        )

    def unpool(self) -> bytes:
        """It is taken out of the pool, and idle no more. Returns the places that its server counts one less at."""
        pooled = self.pooled
        if not pooled:
            return NOTHING
        self.pooled = 0
        self.server.idle -= 1
        return POOLED_SAFE if pooled > 1 else POOLED

    def close(self) -> None:
        wire = self.wire
        if wire.fd >= 0:
            server = self.server
            gone = LINK_POOLED_SAFE if self.pooled > 1 else LINK_POOLED if self.pooled else LINK
            self.unpool()
            server.links -= 1
            server.step(NOTHING, gone, NOTHING)
            wire.close()

    def abort(self) -> None:
        """Close it by a reset."""
        self.wire.reset_on_close()
        self.close()

    # Its places.

    def lend(self, exchange: Carried) -> object:
        """It carries this exchange from now on. Returns the place: what the exchange speaks to."""
        self.exchange = exchange
        return self

    def has_room(self) -> bool:
        """It may carry another exchange now."""
        return self.exchange is None

    def is_busy(self) -> bool:
        """It carries an exchange."""
        return self.exchange is not None

    def give_back(self, exchange: Carried) -> bool:
        """That exchange is over, and well. True: it is idle now, and may be kept."""
        self.exchange = None
        return True

    def retire(self) -> None:
        """It is to carry no other exchange. One that carries one at a time is about to be left."""

    def leave(self, exchange: Carried, reset: bool) -> None:
        """That exchange does not want it any more, whatever is under way. It is closed by a reset unless the server has
        closed already, and where `reset` says so even then."""
        self.exchange = None
        if reset or not self.wire.finished:
            self.wire.reset_on_close()
        self.close()

    def duplex(self, exchange: Carried) -> Duplex:
        """What is left of that exchange's place where nobody looks at the bytes any more."""
        return self.wire

    def look(self, exchange: Carried) -> None:
        """Reading tells how it ends: soon."""
        self.wire.unread = True
        self.wire.reactor.another(self.wire)


class RawSpeaker(Speaker):
    """Nothing is spoken: bytes go both ways."""

    def speak(self, server: Server, wire: Wire) -> ServerConnection:
        return ServerConnection(server, wire)


RAW: Final = RawSpeaker()


def local_address(wire: Wire) -> NetAddress | None:
    """Our end of a connection."""
    if wire.fd < 0:
        return None
    try:
        name = wire.lend().getsockname()
    except OSError:
        return None
    return net_address(str(name[0]), int(name[1])) if isinstance(name, tuple) else None


class Pool:
    """A server's idle connections in this lane. Its limit is for those of all lanes.

    What an exchange takes and gives is counted by the exchange, with what else it counts of the server.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.top: ServerConnection | None = None  # the last one that came
        self.shared: list[ServerConnection] = []  # that carry exchanges, and may carry more at once
        self.limit = -1  # pool-max-conn; -1: none
        self.keep_for = 5_000  # ms (pool-purge-delay)
        self.need = 0  # connections that were used at once, lately

    def take(self, mode: int, first: bool) -> ServerConnection | None:
        """An idle connection that a request may use under http-reuse; `first`: it is its client connection's first. It
        is for the caller to `unpool` it."""
        if mode == NEVER or first and mode == SAFE:
            return None
        if self.shared:
            found = self._with_room(first and mode == AGGRESSIVE)
            if found is not None:
                return found
        above: ServerConnection | None = None
        one = self.top
        while one is not None:
            below = one.below
            if one.wire.fd >= 0 and first and mode == AGGRESSIVE and one.served < 2:
                above = one
            else:
                if above is None:
                    self.top = below
                else:
                    above.below = below
                one.below = None
                if one.wire.fd >= 0:
                    return one
            one = below
        return None

    def share(self, connection: ServerConnection) -> None:
        """It is in use, and has room for more."""
        if connection not in self.shared:
            self.shared.append(connection)

    def _with_room(self, reused: bool) -> ServerConnection | None:
        """One that carries exchanges, and takes another. `reused`: only one that has completed several."""
        for one in self.shared:
            if one.has_room() and not one.private and not (reused and one.served < 2):
                return one
        return None

    @property
    def idle(self) -> list[ServerConnection]:
        """Those that lie here, the first one first; some may have closed meanwhile."""
        found: list[ServerConnection] = []
        one = self.top
        while one is not None:
            found.append(one)
            one = one.below
        found.reverse()
        return found

    def give(self, connection: ServerConnection) -> bytes:
        """Back to the idle ones, or closed where they are too many. Returns the places that its server, whose counts
        are for the caller, counts one more at.

        One more is kept than were ever used at once in the last seconds: under `safe` each client connection brings a
        new one, and nobody would ask for most of them (observed of the peer program).
        """
        server = self.server
        if connection.shares:
            self.forget(connection)
        idle = server.idle
        used = server.links - idle
        if used > self.need:
            self.need = used
        wire = connection.wire
        now = wire.reactor.now
        if not self.keep_for or idle > self.need or self.limit >= 0 and not self._enter(now):
            connection.abort()
            return NOTHING
        server.idle += 1
        connection.since = now
        connection.below = self.top
        self.top = connection
        safe = connection.served > 1
        connection.pooled = 2 if safe else 1
        if self.limit >= 0:
            return SAFE_ONE if safe else NOTHING
        return POOLED_SAFE if safe else POOLED

    def forget(self, connection: ServerConnection) -> None:
        """It has room for no more, or is closed."""
        if connection in self.shared:
            self.shared.remove(connection)

    def _enter(self, now: int) -> bool:
        """Count one more; False: there are enough in all lanes, and none of this lane's is old."""
        counters = self.server.counters
        if counters.hold_idle() > self.limit:
            self.purge(now)
            if counters.totals.idle > self.limit:
                counters.idle -= 1
                return False
        return True

    def purge(self, now: int) -> None:
        """Close what has been idle for long, and forget what has closed. Called about once a second."""
        self.need = max(self.server.links - self.server.idle, self.need - (self.need + 7 >> 3))
        self._close_older(now - self.keep_for)

    def close(self) -> None:
        """All of them: the server went away, or the process stops."""
        self._close_older(1 << 60)

    def _close_older(self, moment: int) -> None:
        kept: ServerConnection | None = None
        for one in self.idle:
            if one.wire.fd >= 0 and one.since > moment:
                one.below = kept
                kept = one
            else:
                one.below = None
                one.close()
        self.top = kept


class Dial:
    """How a server is connected to, worked out at start-up."""

    def __init__(self) -> None:
        self.family = int(socket.AF_INET)
        self.target: tuple[str, int] | str = ("", 0)
        self.known: NetAddress | None = None  # of `known_target`, where it is the same for all
        self.known_target: tuple[str, int] | str = ""
        self.follow_port = False  # no port was given: the one the client connected to, plus `offset`
        self.offset = 0
        self.follow_address = False  # the address that the client connected to (transparent proxies)
        self.source: tuple[str, int] | None = None  # bind to it first
        self.last_port = 0  # of a range of source ports that begins with that of `source`; 0: none
        self.next_port = 0
        self.keepalive = False  # srvtcpka
        self.options: list[tuple[int, int, int]] = []  # setsockopt(level, name, value)
        self.interface = b""
        self.plain: tuple[str, int] | str = ""  # the target, if a connection asks for nothing but to be opened there
        self.ready = b""  # its address in the system's form

    @property
    def follows(self) -> bool:
        """Where a connection goes depends on where its client has connected to, or on what rules say of that."""
        return self.follow_address or self.follow_port

    def _target(self, destination: NetAddress) -> tuple[str, int] | str:
        target = self.target
        if isinstance(target, str):
            return target
        host, port = target
        if self.follow_address and destination.packed:
            host = destination.text.decode()
        if self.follow_port:
            port = (destination.port + self.offset) & 0xFFFF
        return host, port

    def _source(self) -> tuple[str, int]:
        """The next source: one address, or one of a range of ports after the other."""
        assert self.source is not None
        host, port = self.source
        if self.last_port > port:
            self.next_port = self.next_port + 1 if port <= self.next_port < self.last_port else port
            port = self.next_port
        return host, port

    def open(self, destination: NetAddress) -> SocketType:
        """A non-blocking socket whose connection is under way. Raises OSError (EADDRNOTAVAIL, EAGAIN of a full unix
        socket, EMFILE...)."""
        sock = SocketType(self.family, _STREAM)
        try:
            if self.family != AF_UNIX:
                sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
                if self.keepalive:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for level, name, value in self.options:
                sock.setsockopt(level, name, value)
            if self.interface:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.interface)
            if self.source is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(self._source())
            failure = sock.connect_ex(self._target(destination))
            if failure not in _IN_PROGRESS:
                raise OSError(failure, os.strerror(failure))
            return sock
        except OSError:
            sock.close()
            raise

    def connect(self, destination: NetAddress) -> int:
        """The descriptor of a socket whose connection is under way. Raises OSError as `open` does."""
        target = self.target
        if self.plain is not target:
            if (
                isinstance(target, str)
                or self.follows
                or self.keepalive
                or self.options
                or self.interface
                or self.source is not None
            ):
                return self.open(destination).detach()
            end = net_address(target[0], target[1])
            self.ready = calls.socket_address(end.family, end.packed, end.port)
            self.plain = target
        return _connect(self.ready)

    def address(self, destination: NetAddress) -> NetAddress:
        """Where a connection goes, for logs."""
        known = self.known
        if known is not None and self.known_target is self.target:
            return known
        target = self._target(destination)
        if isinstance(target, str):
            return _UNIX
        found = net_address(target[0], target[1])
        if not self.follow_address and not self.follow_port:
            self.known = found
            self.known_target = self.target
        return found
