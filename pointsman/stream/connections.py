"""Clients' connections, whatever is spoken on them: what the process's own business needs of them."""

from mypy_extensions import trait

from pointsman.net.reactor import Reactor
from pointsman.stream.exchange import Exchange
from pointsman.stream.session import ClientSession


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

    def wake(self) -> Exchange:
        """Its stream; one that rests gets one."""
        raise NotImplementedError

    def shown(self) -> Exchange:
        """Its stream; of one that rests, as the next exchange will find it."""
        raise NotImplementedError

    def is_idle(self) -> bool:
        """Between two exchanges, with nothing of the next one received."""
        raise NotImplementedError

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
