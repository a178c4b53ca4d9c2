"""A client's connection of HTTP/2, as the clients of its exchanges see it: its end of the protocol
(proto/h2_endpoint.py), and the one write of a turn.

Whatever streams have to send is given to the wire once, behind all events of the reactor's turn: so heads and payloads
of all that were answered in it leave in one system call.

      streams --send_head, send, finish--> endpoint --write_soon--> (end of the turn) H2Writer.put --> wire
      wire --drained--> put ...
"""

from typing import Final

from pointsman.net.reactor import Reactor
from pointsman.net.wire import Wire
from pointsman.proto.h2_endpoint import H2Endpoint
from pointsman.proto.h2_stream import H2Stream
from pointsman.proto.h2_users import EndpointUser
from pointsman.proto.hpack import Block
from pointsman.stream.h2facts import H2Facts
from pointsman.stream.h2writer import H2Writer
from pointsman.stream.outcome import Outcome
from pointsman.stream.session import ClientSession
from pointsman.stream.shared import SharedFront
from pointsman.stream.sides import HttpFront

GIVES: Final = 262_144  # bytes of payload of a write
CLOGGED: Final = 65_536  # bytes that wait for the kernel, with which nothing more is read that would make more of them
CLOGGED_FRAMES: Final = 1_024  # the same of frames that wait behind those
_ROUNDS: Final = 4  # writes of a go, as long as the kernel takes them


class Turn(H2Writer):
    """The end of the reactor's turn, and the deadline of pings."""

    def __init__(self, connection: "H2Connection") -> None:
        super().__init__(connection.wire, connection.endpoint, connection.facts)
        self.connection = connection

    def go(self) -> None:
        connection = self.connection
        connection.write()
        connection.facts.count()

    def expired(self, now: int) -> None:
        self.connection.ping_due(now)

    def broken(self) -> None:
        self.connection.broken()


class H2Connection(SharedFront, EndpointUser):
    def __init__(self, session: ClientSession, reactor: Reactor, wire: Wire) -> None:
        super().__init__(session, reactor, wire)
        program = session.frontend.program
        self.endpoint = H2Endpoint(self, program.h2_front, False, program.head_limit, session.frontend.h2)
        self.facts = H2Facts(self.endpoint)
        self.turn = Turn(self)
        session.streams = self.facts
        session.major = 2

    # What clients of exchanges want of it.

    def leave(self, client: HttpFront, keep: bool) -> None:
        """The exchange of that client is over; `keep`: its stream may serve another one."""
        raise NotImplementedError

    def remember(self, outcome: Outcome, block: Block, ended: bool) -> None:
        """What became of the request in that block; `ended`: without a body."""
        raise NotImplementedError

    def note_closing(self) -> None:
        """In HTTP/1 the connection would end with this response."""
        raise NotImplementedError

    def hang_up(self, flow: H2Stream) -> None:
        """A rule has had enough of the client: the whole connection ends."""
        raise NotImplementedError

    def write_soon(self) -> None:
        """There is something to send, at the end of this turn."""
        turn = self.turn
        if not turn.going:
            self.reactor.another(turn)

    # Writing.

    def write(self) -> None:
        """All that may go now."""
        wire = self.wire
        for _ in range(_ROUNDS):
            if wire.failed:
                self.lost()
                return
            if wire.blocked or wire.fd < 0:
                return
            if not self.turn.put(GIVES):
                self.all_written()
                return
        self.write_soon()

    def is_clogged(self) -> bool:
        """The client does not take what it has asked for: nothing more is read of it until it does."""
        wire = self.wire
        return wire.blocked and (len(wire.out) > CLOGGED or len(self.endpoint.out) > CLOGGED_FRAMES)

    def all_written(self) -> None:
        """Nothing that could be sent waits."""

    def ping_due(self, now: int) -> None:
        """The time of a ping has come, or that of its answer is up (monotonic ms)."""
