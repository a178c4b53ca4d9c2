"""Connections to servers, from the dial to the end.

A connection lends places to exchanges. HTTP/1, and where nothing is spoken, has one: it belongs to one exchange at a
time, or lies in its server's pool (pool.py). One whose protocol has several (`shares`, shared.py) is lent on while it
carries others, and lies in the pool when it carries none. Idle, whatever comes means its end: a server has nothing to
say unasked.
"""

from socket import SHUT_RDWR
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core.address import NetAddress, net_address
from pointsman.core.columns import LINK, LINK_POOLED, LINK_POOLED_SAFE, NOTHING, POOLED, POOLED_SAFE
from pointsman.core.connection_faults import SOCKS4_ABORT, SOCKS4_SEND, fault_of
from pointsman.core.tcp_info import Measured
from pointsman.core.tls import Connection
from pointsman.net.duplex import Duplex
from pointsman.net.reactor import Reactor
from pointsman.net.tls_state import TlsAccount
from pointsman.net.transport import REFUSED, Transport, Transports
from pointsman.net.wire import Wire, WireUser
from pointsman.sample.context import StreamsFacts
from pointsman.server.queue import QueueWaiter
from pointsman.server.server import Server


class Carried(QueueWaiter):
    """Base of an exchange, as its server connection and queues see it."""

    def connected(self, dial: "Dialling") -> None:
        """The connection is open: `dial.take` gives it."""
        raise NotImplementedError

    def joined(self, connection: "ServerConnection") -> None:
        """The connection that it has waited for with others is open, and has room for it."""
        raise NotImplementedError

    def left_over(self) -> None:
        """That one is open, and has no room for it: it has to look for another."""
        raise NotImplementedError

    def connect_failed(self, error: int, fault: int = 0) -> None:
        """It could not be opened; `error` is an errno, ETIMEDOUT when the time was up. `fault`: what it is called, by
        core/connection_faults.py; 0: as it follows from the errno."""
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

    places: int = 1  # exchanges that may wait for one connection, as it may carry so many at once
    decided: bool = True  # what will be spoken is known before a handshake is over, so that a request may go with it

    def speak(self, server: Server, wire: Wire) -> "ServerConnection":
        """An open connection becomes one that carries exchanges."""
        raise NotImplementedError


class Spoken:
    """Another way to speak to a server than the usual one, for some exchanges (manual 5.2, ws). Their connections are
    not those of others."""

    def __init__(self, speaker: Speaker, mark: bytes) -> None:
        self.speaker = speaker
        self.mark = mark  # behind the keys of its connections (pool_key.py)
        self.transports: Transports | None = None  # what their bytes pass through; None: they are plain
        self.encrypting: Transports | None = None  # that of TLS, switched on or not


@mypyc_attr(free_list_len=1)
class Dialling(WireUser):
    """A connection to a server that is under way. Nobody knows yet what will be spoken on it.

    Who waits for it is told, and takes it over (`take`). Where it may carry several exchanges at once, others may wait
    with the first one (`join`): each in its turn gets a place, as far as there are some; the rest look for another
    connection. Each has a deadline of its own, and may leave. Where nobody waits any more it is closed.
    """

    def __init__(self, reactor: Reactor, server: Server, fd: int, waiter: Carried | None) -> None:
        """Where a server has strict-maxconn, it is counted before (`Backend.take_link`)."""
        self.wire = Wire(reactor, fd, self)
        self.wire.dial()
        self.server = server
        self.waiter: Carried | None = waiter
        self.others: list[Carried] | None = None  # who waits behind the first one; None: nobody ever did
        self.listed: list[Dialling] | None = None  # where others find it (Pool.dials)
        self.client: object = None  # the session that it was begun for
        self.made: ServerConnection | None = None  # what it has become, where several have waited
        self.account: TlsAccount | None = None  # where its TLS is counted
        self.aim: tuple[str, int] | str = ""  # the server's target when it was begun
        self.key = b""  # what its request had a say in (pool_key.py)
        self.speaker: Speaker = RAW  # what will be spoken on it
        server.links += 1
        if not server.strict:
            server.step(LINK, NOTHING, NOTHING)
        reactor.add(self.wire)

    def opened(self) -> None:
        if self.account is not None and not self.wire.early:  # else ServerConnection.shaken tells of it
            tls = self.wire.tls()
            self.account.established(tls is not None and tls.resumed)
        if self.listed is not None:
            self._unlist()
        if self.waiter is not None:
            self.waiter.connected(self)
        if self.others is not None:
            self._share_out(self.others)

    def not_opened(self, error: int) -> None:
        if self.account is not None and not self.wire.opening:
            self.account.failed()
        if self.listed is not None:
            self._unlist()
        transport = self.wire.transport
        fault = 0
        if transport is not None and transport.fault:
            fault = transport.fault
            note_handshake(self.server, self.wire, transport)
        if self.others is None:
            if self.waiter is not None:
                self.waiter.connect_failed(error, fault)
            return
        while self.waiter is not None:  # whoever has left meanwhile is not told
            told = self.waiter
            told.connect_failed(error, fault)
            self.leave(told)

    def _share_out(self, others: list[Carried]) -> None:
        """The first one has it; what that did with it may have ended it, or others that wait."""
        made = self.made
        while others:
            one = others.pop(0)
            if made is not None and made.is_open and made.has_room():
                one.joined(made)
            else:
                one.left_over()

    # Those who wait for it.

    def list_in(self, dials: "list[Dialling]", client: object) -> None:
        """Others may join: there they find it, until it is open or given up. `client`: the session that it
        was begun for."""
        self.listed = dials
        self.client = client
        dials.append(self)

    def _unlist(self) -> None:
        dials = self.listed
        if dials is not None:
            self.listed = None
            dials.remove(self)

    def waiting(self) -> int:
        """How many wait for it."""
        behind = len(self.others) if self.others is not None else 0
        return behind + 1 if self.waiter is not None else behind

    def join(self, waiter: Carried) -> None:
        if self.others is None:
            self.others = []
        self.others.append(waiter)

    def leave(self, waiter: Carried) -> None:
        """That one does not wait any more. The next one is the first then; it is closed where there is none."""
        others = self.others
        if others is not None:
            if waiter in others:
                others.remove(waiter)
                return
            if self.waiter is not waiter:
                return  # it has left before
            if others:
                self.waiter = others.pop(0)
                return
        self.close()

    def take(self, speaker: Speaker) -> "ServerConnection":
        """It is open, and becomes what carries exchanges."""
        made = speaker.speak(self.server, self.wire)
        self.wire.user = made
        made.account = self.account
        made.aim = self.aim
        made.key = self.key
        self.waiter = None
        if self.others is not None:
            self.made = made
        return made

    def introduce(self, header: bytes) -> None:
        """The PROXY header that goes before all else."""
        transport = self.wire.transport
        if transport is None:
            self.wire.push(header)
        elif not transport.introduce(header):
            self.wire.preface = header

    def local_address(self) -> NetAddress | None:
        """Our end of it."""
        return local_address(self.wire)

    def close(self) -> None:
        """It is not waited for any more."""
        self.waiter = None
        if self.listed is not None:
            self._unlist()
        wire = self.wire
        if wire.fd >= 0:
            server = self.server
            wire.reset_on_close()
            if server.strict:
                shut(wire)
            wire.close()
            server.links -= 1
            server.step(NOTHING, LINK, NOTHING)
            if self.account is not None:
                self.account.ended()

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
        if self.listed is not None:
            self._unlist()
        waiter = self.waiter
        if waiter is None:
            self.close()
        while waiter is not None:
            waiter.abandon()
            self.leave(waiter)
            waiter = self.waiter


@mypyc_attr(allow_interpreted_subclasses=True)
class ServerConnection(WireUser):
    """An open connection to a server. It carries exchanges; one that speaks HTTP/1, or nothing, one at a time."""

    def __init__(self, server: Server, wire: Wire) -> None:
        self.wire = wire
        self.server = server
        self.exchange: Carried | None = None  # the one that it carries, where it carries one at a time
        self.shares = False  # it may carry several at once
        self.reserved = False  # for the client whose exchanges it carries, until it carries none (http-reuse safe)
        self.served = 0  # exchanges completed on it
        self.private = False  # it carries the identity of its client (NTLM, Negotiate): never shared
        self.glitches = 0  # what was odd in its responses so far, where that is counted
        self.streams: StreamsFacts | None = None  # it speaks HTTP/2
        self.since = 0  # idle since (monotonic ms)
        self.below: ServerConnection | None = None  # in the pool: the one that was idle before it came
        self.pooled = 0  # 1: lies in its server's pool; 2: and was reused before
        self.local: NetAddress | None = None  # our end, once asked for
        self.account: TlsAccount | None = None  # where its TLS is counted
        self.aim: tuple[str, int] | str = ""  # the server's target when it was opened
        self.measured: Measured | None = None  # once somebody has asked for what the kernel measures on it
        self.key = b""  # what its first request had a say in: only for requests of the same (pool_key.py)

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

    def shaken(self) -> None:
        if self.account is not None:
            tls = self.wire.tls()
            self.account.established(tls is not None and tls.resumed)

    def not_shaken(self) -> None:
        if self.account is not None:
            self.account.failed()
        transport = self.wire.transport
        if transport is not None and self.wire.failed != REFUSED:
            note_handshake(self.server, self.wire, transport)

    def failure(self) -> int:
        """What it has failed of, by core/connection_faults.py; 0: it has not."""
        wire = self.wire
        if not wire.failed:
            return 0
        transport = wire.transport
        if wire.shaking and transport is not None and transport.fault:
            return transport.fault
        return fault_of(wire.failed)

    def tls(self) -> Connection | None:
        """What is known of its TLS."""
        return self.wire.tls()

    def local_address(self) -> NetAddress | None:
        """Our end of it, asked for once."""
        if self.local is None:
            self.local = local_address(self.wire)
        return self.local

    def measures(self) -> Measured:
        """What the kernel measures on it (bc_rtt)."""
        if self.measured is None:
            self.measured = Measured(self.wire.fd)
        return self.measured

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
            if self.measured is not None:
                self.measured.end()
            if server.strict:
                shut(wire)
            wire.close()
            server.links -= 1
            server.step(NOTHING, gone, NOTHING)
            if self.account is not None:
                self.account.ended()

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

    def receive(self, most: int) -> bytes | None:
        """Of one on which nothing is spoken: up to so many bytes; b"" at its end, or where it has failed; None: nothing
        now."""
        return self.wire.read(most)

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


def shut(wire: Wire) -> None:
    """Let the server know now that it ends: its descriptor is closed behind the batch of events, and somebody may open
    another one as soon as it is not counted any more (strict-maxconn). A transport has something to say before."""
    if wire.transport is not None:
        return
    try:
        wire.lend().shutdown(SHUT_RDWR)
    except OSError:
        pass  # it has ended already


def note_handshake(server: Server, wire: Wire, transport: Transport) -> None:
    """A handshake with it has failed: why is shown (show servers)."""
    handshakes = server.handshakes
    if handshakes is not None and transport.fault and not SOCKS4_SEND <= transport.fault <= SOCKS4_ABORT:
        handshakes.note(transport.reason, wire.reactor.now)
