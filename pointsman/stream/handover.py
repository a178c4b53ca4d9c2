"""The moment in which a client's connection goes from one side to another (protocols.py)."""

from pointsman.net.wire import PlainUser, Wire
from pointsman.stream.protocols import ClientProtocol
from pointsman.stream.session import ClientSession


class Changing(PlainUser):
    """Has the wire while it goes from one side to another: what fails meanwhile ends the connection."""

    def __init__(self, session: ClientSession, wire: Wire) -> None:
        self.session = session
        self.wire = wire

    def broken(self) -> None:
        if self.wire.fd >= 0:
            self.wire.close()
            self.session.closed()


def hand_over(protocol: ClientProtocol, session: ClientSession, wire: Wire, data: bytes) -> None:
    """Another protocol has the connection from now on, beginning with what was read. Called by the side that had it."""
    reactor = wire.reactor
    reactor.wheel.disarm(wire)
    wire.user = Changing(session, wire)
    protocol.take_over(session, wire, data)
    if wire.fd >= 0 and wire.unread:
        reactor.another(wire)
