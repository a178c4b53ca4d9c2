"""Where accepted connections go, and how many there may be: what a listener knows of a frontend.

    Listener (accepts) --> Door (a socket's counts and limit) --> Acceptor.open (the frontend)
                                  Room (the process's counts and limits)

Three limits bound open connections: the socket's (`bind ... maxconn`), the frontend's (`maxconn`) and the process's
(global `maxconn`). `admit` counts a connection in all three, `closed` takes it out; who found no room waits in the
list of the limit that was reached and is called (`again`) when a connection has left it.
"""
from typing import Final

from pointsman.core.address import NetAddress
from pointsman.core.counters import Counters, Rate
from pointsman.net.reactor import Channel, Reactor
from pointsman.sample.context import ListenerFacts, ProxyFacts
from pointsman.stream.share import Share

PROXY_EMPTY: Final = 11  # why a PROXY header was refused: identifiers of fc_err (manual 7.3.3)
PROXY_ABORT: Final = 12
PROXY_TIMEOUT: Final = 13
PROXY_TRUNCATED: Final = 14
PROXY_NOT_A_HEADER: Final = 15
PROXY_BAD_HEADER: Final = 16
PROXY_BAD_PROTOCOL: Final = 17

REFUSALS: Final[dict[int, bytes]] = {  # as fc_err_str and the error log (manual 8.2.5) say it
    PROXY_EMPTY: b"Connection closed while waiting for PROXY protocol header",
    PROXY_ABORT: b"Connection error while waiting for PROXY protocol header",
    PROXY_TIMEOUT: b"Timeout while waiting for PROXY protocol header",
    PROXY_TRUNCATED: b"Truncated PROXY protocol header received",
    PROXY_NOT_A_HEADER: b"Received something which does not look like a PROXY protocol header",
    PROXY_BAD_HEADER: b"Received an invalid PROXY protocol header",
    PROXY_BAD_PROTOCOL: b"Received an unhandled protocol in the PROXY protocol header",
}


class Room:
    """What all frontends of the process share: global maxconn, maxconnrate, maxsessrate (manual 3.2)."""

    def __init__(self, reactor: Reactor) -> None:
        self.reactor = reactor
        self.limit = 0  # global maxconn; 0: none
        self.connections = 0  # open client connections (CurrConns)
        self.total = 0  # since start (CumConns)
        self.connection_rate = Rate()  # its `limit` is maxconnrate
        self.session_rate = Rate()  # its `limit` is maxsessrate
        self.waiting: list[Channel] = []  # listeners that found no room here
        self.stopping = False  # a soft stop was asked for (fetch `stopping`)
        self.share = Share()  # what this lane holds, what the others hold

    def wake(self, waiting: list[Channel]) -> None:
        """A connection has left: those who waited look again, in their order."""
        for channel in waiting:
            self.reactor.another(channel)
        waiting.clear()


class Door(ListenerFacts):
    """The counts of one listening socket. It outlives the socket: connections point to it."""

    def __init__(self, name: str, number: int, room: Room) -> None:
        super().__init__(name, number)
        self.room = room
        self.limit = 0  # maxconn of the bind line; 0: none
        self.connections = 0
        self.counters = Counters()  # what `option socket-stats` shows
        self.waiting: list[Channel] = []


class Acceptor(ProxyFacts):
    """Base of live frontends. `connections` counts the open client connections; `admit` and `closed` keep it."""

    def __init__(self, name: str, number: int, http: bool) -> None:
        super().__init__(name, number, http)
        self.counters = Counters()
        self.limit = 0  # maxconn of the frontend; 0: none
        self.client_timeout = 0  # ms, for the PROXY header's wait; 0: none
        self.wants_destination = True  # the address the client connected to is asked for by rules or logs
        self.waiting: list[Channel] = []  # listeners that found no room here

    def admit(self, door: Door, now: int) -> None:
        """Count a connection that a listener has just accepted (monotonic ms). Sessions are counted by `open`."""
        room = door.room
        room.connections += 1
        room.total += 1
        room.share.entered()
        room.connection_rate.add(now)
        door.connections += 1
        door.counters.connections += 1
        door.counters.enter()
        self.connections += 1
        counters = self.counters
        counters.connections += 1
        counters.connection_rate.add(now)
        counters.enter()

    def open(self, fd: int, source: NetAddress, destination: NetAddress, listener: Door, accepted: int,
             pending: bytes) -> None:
        """A connection is ready: `fd` is non-blocking and now the frontend's.

        `accepted` is when it came (monotonic ms), `pending` what was received behind a PROXY header. The frontend calls
        `closed(listener)` once when it ends.
        """
        raise NotImplementedError

    def closed(self, listener: Door) -> None:
        """Called exactly once for each admitted connection, as it ends: lets those in who wait for room."""
        room = listener.room
        room.connections -= 1
        room.share.left()
        listener.connections -= 1
        listener.counters.current -= 1
        self.connections -= 1
        self.counters.current -= 1
        if listener.waiting:
            room.wake(listener.waiting)
        if self.waiting:
            room.wake(self.waiting)
        if room.waiting:
            room.wake(room.waiting)

    def refused(self, source: NetAddress, destination: NetAddress, listener: Door, accepted: int, reason: int,
                silent: bool) -> None:
        """An accepted connection never became a session (its PROXY header failed): for the error log (manual 8.2.5).

        `reason` is a key of REFUSALS; `silent`: nothing was received, so `option dontlognull` keeps quiet about it. The
        connection is closed by the caller, which then calls `closed`.
        """
        raise NotImplementedError
