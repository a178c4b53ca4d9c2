"""Writes what one end of a connection of HTTP/2 has to say: once behind all events of the reactor's turn.

Streams have their frames wait in the endpoint and ask for a go (`ask`). So what many of them have to say in one turn
goes out in one system call.
"""

from typing import Final

from pointsman.net.reactor import Job
from pointsman.net.wire import BRIEF, Wire
from pointsman.proto.h2_endpoint import H2Endpoint
from pointsman.stream.h2facts import H2Facts

_ROUNDS: Final = 4  # pieces of a go, so that one who takes fast starves nobody


class H2Writer(Job):
    def __init__(self, wire: Wire, endpoint: H2Endpoint, facts: H2Facts) -> None:
        super().__init__()
        self.facts = facts
        self.wire = wire
        self.endpoint = endpoint

    def ask(self) -> None:
        """Something may be there to be written."""
        if not self.going and not self.wire.blocked:
            self.wire.reactor.another(self)

    def go(self) -> None:
        wire = self.wire
        if wire.fd >= 0 and not wire.failed and not self.write():
            wire.user.lost()
        self.facts.count()

    def write(self) -> bool:
        """As much as the wire takes. False: it is lost."""
        wire = self.wire
        endpoint = self.endpoint
        for _ in range(_ROUNDS):
            if wire.blocked:
                return not wire.failed
            more = endpoint.has_more()
            if not more and not wire.out:
                return True
            if not (more and self.put(BRIEF)):
                wire.flush()
            if wire.failed:
                return False
            if wire.fd < 0:
                return True
        self.ask()
        return True

    def put(self, most: int) -> bool:
        """One write: all frames that wait, and about so many bytes of payload. False: there is nothing."""
        wire = self.wire
        endpoint = self.endpoint
        if not endpoint.gather(most):
            return False
        if endpoint.heavy:
            wire.scatter(endpoint.pieces())
        else:
            wire.push(endpoint.joined())
            wire.flush()
        return True

    def broken(self) -> None:
        """A bug, already reported."""
        self.wire.user.broken()
