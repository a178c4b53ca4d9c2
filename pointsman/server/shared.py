"""A connection to a server that carries several exchanges at once: the base of those whose protocol has places.

      dial --> lend --> in use, with room: lent on (Pool.share) --> carries none: idle in the pool --> lend
                          |                                           |
                          +-- retire: takes no other, and is closed when it carries none

An exchange has a place of its own. What it is told (`server_readable`, ...) comes from there, and giving it up resets
the place alone: the others go on.
"""

from mypy_extensions import mypyc_attr

from pointsman.net.duplex import Duplex
from pointsman.net.wire import Wire
from pointsman.server.backend import LiveServer
from pointsman.server.connection import Carried, ServerConnection


@mypyc_attr(allow_interpreted_subclasses=True)
class SharedPlace:
    """Where one exchange is carried."""

    def __init__(self, exchange: Carried) -> None:
        self.exchange: Carried | None = exchange

    def duplex(self) -> Duplex:
        """What is left of it where nobody looks at the bytes any more."""
        raise NotImplementedError

    def look(self) -> None:
        """Have the exchange read how it ends: soon."""
        raise NotImplementedError

    def leave(self) -> None:
        """Nobody wants it any more: if it is not over, the server is told so."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class SharedConnection(ServerConnection):
    def __init__(self, server: LiveServer, wire: Wire, most: int) -> None:
        """`most`: exchanges at once."""
        super().__init__(server, wire)
        self.target = server
        self.most = most
        self.shares = True
        self.retired = False
        self.places: dict[Carried, SharedPlace] = {}

    def place(self, exchange: Carried) -> SharedPlace:
        """A new one."""
        raise NotImplementedError

    def lend(self, exchange: Carried) -> object:
        made = self.places[exchange] = self.place(exchange)
        return made

    def has_room(self) -> bool:
        return self.is_open and not self.retired and len(self.places) < self.most

    def is_busy(self) -> bool:
        return len(self.places) > 0

    def give_back(self, exchange: Carried) -> bool:
        self._part(exchange)
        if self.places:
            return False
        if self.retired:
            self.close()
        return self.is_open

    def retire(self) -> None:
        self.retired = True
        self.target.pool.forget(self)

    def leave(self, exchange: Carried, reset: bool) -> None:
        """`reset` is about a connection that is closed with its exchange: this one goes on. Where it carries none then,
        the exchange sees to it."""
        place = self._part(exchange)
        if place is not None:
            place.leave()
        if not self.places and self.retired:
            self.close()

    def _part(self, exchange: Carried) -> SharedPlace | None:
        place = self.places.pop(exchange, None)
        if place is not None:
            place.exchange = None  # they know each other: nobody else would free them soon
        return place

    def duplex(self, exchange: Carried) -> Duplex:
        return self.places[exchange].duplex()

    def look(self, exchange: Carried) -> None:
        place = self.places.get(exchange)
        if place is not None:
            place.look()

    def close(self) -> None:
        self.target.pool.forget(self)
        super().close()

    def broken(self) -> None:
        """A bug, already reported: all that it carries is given up."""
        for exchange in list(self.places):
            exchange.abandon()
        self.close()
