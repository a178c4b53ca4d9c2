"""Clients' connections, whatever is spoken on them: what the process's own business needs of them."""

from mypy_extensions import mypyc_attr, trait

from pointsman.net.reactor import Reactor
from pointsman.stream.exchange import Exchange
from pointsman.stream.session import ClientSession


@mypyc_attr(allow_interpreted_subclasses=True)
@trait
class ClientConnection:
    def of_session(self) -> ClientSession:
        raise NotImplementedError

    def descriptor(self) -> int:
        """Its number, to show."""
        raise NotImplementedError

    def streams(self) -> list[Exchange]:
        """Those that it has now."""
        raise NotImplementedError

    def wake(self) -> Exchange | None:
        """One that has a single stream, and rests, gets it."""
        raise NotImplementedError

    def shown(self) -> Exchange | None:
        """The stream of one that has a single one, and rests: as the next exchange will find it."""
        raise NotImplementedError

    def named(self, stream: Exchange) -> object:
        """What is there as long as that stream is, and stands for it: the connection, if it has a single one."""
        raise NotImplementedError

    def is_idle(self) -> bool:
        """Between two exchanges, with nothing of the next one received."""
        raise NotImplementedError

    def stop(self) -> None:
        """The process ends when its connections have: one whose protocol can say goodbye does. Called again and
        again."""

    def until(self) -> int:
        """When its time is up, if nothing happens (monotonic ms)."""
        raise NotImplementedError

    def look(self) -> None:
        """Read what may have come."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def client_connections(reactor: Reactor) -> list[ClientConnection]:
    """Of this lane, in the order of their descriptors."""
    found: list[ClientConnection] = []
    for channel in reactor.channels:
        owner = channel.owner()
        if isinstance(owner, ClientConnection):
            found.append(owner)
    return found
