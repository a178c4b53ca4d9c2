"""A client's connection that carries several streams at once, and a place on a shared connection to a server: what
protocols with places have in common, whatever their bytes look like.

Each stream has a client of its own (`HttpFront`), which is made for it and ends with it. They share the session. What
ends a stream ends nothing else; what ends the connection ends them all. Streams have their own deadlines, and while
there are none the connection has that of one that waits for a request (manual 4.2, timeout http-keep-alive).
"""

from mypy_extensions import mypyc_attr

from pointsman.net.reactor import Reactor
from pointsman.net.timers import NEVER
from pointsman.net.wire import Wire, WireUser
from pointsman.server.connection import Carried
from pointsman.server.shared import SharedPlace
from pointsman.stream.connections import ClientConnection
from pointsman.stream.exchange import Exchange
from pointsman.stream.http import HttpStream
from pointsman.stream.proxies import FOREVER
from pointsman.stream.session import ClientSession
from pointsman.stream.sides import HttpBack, HttpFront


@mypyc_attr(allow_interpreted_subclasses=True)
class HttpPlace(SharedPlace, HttpBack):
    """The server of one exchange of several on a connection."""

    def __init__(self, exchange: Carried) -> None:
        super().__init__(exchange)

    @property
    def stream(self) -> HttpStream | None:
        """Whose place it is; None: it has been left."""
        exchange = self.exchange
        return exchange if isinstance(exchange, HttpStream) else None


@mypyc_attr(allow_interpreted_subclasses=True)
class SharedFront(WireUser, ClientConnection):
    """It makes itself the user of a wire that the reactor watches already."""

    def __init__(self, session: ClientSession, reactor: Reactor, wire: Wire) -> None:
        self.session = session
        session.several = True
        self.reactor = reactor
        self.wire = wire
        wire.user = self
        self.carried: dict[HttpFront, HttpStream] = {}
        self._rest()

    def readable(self) -> None:
        """Read what there is: it belongs to streams, or begins one."""
        raise NotImplementedError

    def begin(self, client: HttpFront) -> HttpStream:
        """A stream of its own for that client."""
        self.reactor.wheel.disarm(self.wire)
        made = self.carried[client] = HttpStream(self.reactor, self.session, client)
        made.first_byte()
        session = self.session
        session.first = False
        session.since = self.reactor.now  # the next one's idle time begins (manual 8.4, %Ti)
        return made

    def over(self, client: HttpFront) -> None:
        """The exchange of that client is over: so is its stream."""
        stream = self.carried.pop(client, None)
        if stream is not None:
            stream.part()
            if not self.carried and self.wire.fd >= 0:
                self._rest()

    def _rest(self) -> None:
        """It carries nothing: how long may it do so?"""
        frontend = self.session.frontend
        limit = frontend.keep_alive
        if limit == FOREVER:
            limit = frontend.http_request_time
            if limit == FOREVER:
                limit = frontend.client
        self.reactor.wheel.arm(self.wire, self.reactor.now + limit)

    def expired(self, now: int) -> None:
        if not self.carried:
            self.close()

    # The client's connection.

    def of_session(self) -> ClientSession:
        return self.session

    def descriptor(self) -> int:
        return self.wire.fd

    def streams(self) -> list[Exchange]:
        return list(self.carried.values())

    def wake(self) -> Exchange | None:
        return None

    def shown(self) -> Exchange | None:
        return None

    def named(self, stream: Exchange) -> object:
        return stream

    def is_idle(self) -> bool:
        return not self.carried

    def until(self) -> int:
        """Each stream has its own deadlines; the connection has one where it has none of them."""
        soonest = min((stream.deadline for stream in self.carried.values()), default=NEVER)
        return min(soonest, self.wire.deadline)

    def look(self) -> None:
        self.wire.unread = True
        self.readable()

    def lost(self) -> None:
        """Nothing can be sent to it any more."""
        for stream in list(self.carried.values()):
            stream.client_gone()
        self.close()

    def broken(self) -> None:
        """A bug, already reported: all that it carries is given up."""
        for stream in list(self.carried.values()):
            stream.abandon()
        self.close()

    def close(self) -> None:
        wire = self.wire
        if wire.fd >= 0:
            for client, stream in list(self.carried.items()):
                stream.client_gone()
                self.over(client)
            wire.close()
            self.session.closed()
