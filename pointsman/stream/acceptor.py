"""What a listener knows of a frontend: where accepted connections go, and how many there may be."""
from pointsman.core.address import NetAddress
from pointsman.core.counters import Counters
from pointsman.sample.context import ListenerFacts, ProxyFacts


class Acceptor(ProxyFacts):
    """Base of live frontends. `connections` counts the open client connections, kept by the frontend itself."""

    def __init__(self, name: str, number: int, http: bool) -> None:
        super().__init__(name, number, http)
        self.counters = Counters()
        self.limit = 0  # maxconn of the frontend; 0: none
        self.client_timeout = 0  # ms, for the PROXY header's wait; 0: none
        self.wants_destination = True  # the address the client connected to is asked for by rules or logs

    def open(self, fd: int, source: NetAddress, destination: NetAddress, listener: ListenerFacts, accepted: int,
             pending: bytes) -> None:
        """A connection is ready: `fd` is non-blocking and now the frontend's. `accepted` is when it came (monotonic ms),
        `pending` what was received behind a PROXY header."""
        raise NotImplementedError

    def closed(self) -> None:
        """Called by the frontend's connections as they end; listeners that wait for room hook in here."""
        raise NotImplementedError
