"""A client's connection, as its streams share it: who it is, and what was kept of the exchange before.

It lives as long as the connection; streams come and go, one after the other or several at once. What rules and log
lines ask of it stands in its base (sample/context.py). Streams that are started from inside have one that no connection
belongs to (`inside`).
"""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core.address import UNIX_ADDRESS
from pointsman.sample.context import Context, Session
from pointsman.sample.record import Record
from pointsman.sample.variable_limits import VARIABLE_LIMITS
from pointsman.server.backend import LiveServer
from pointsman.server.connection import ServerConnection
from pointsman.stream.acceptor import Arrival, BindState
from pointsman.stream.proxies import BackendProxy, Frontend

MOST_OWN: Final = 5  # idle connections to servers that are kept for a client (manual 4.2, max-session-srv-conns)


@mypyc_attr(free_list_len=1)
class ClientSession(Session):
    def __init__(self, frontend: Frontend, arrival: Arrival, now: int) -> None:
        """`now`: it is ready (monotonic ms)."""
        super().__init__(arrival.bind_state)
        self.frontend = frontend
        self.bind_state = arrival.bind_state
        self.source = arrival.source
        self.destination = arrival.destination
        self.accepted = arrival.accepted
        self.accept_date = arrival.accepted + frontend.program.date_offset
        self.ready = now
        self.first = True  # no exchange of it is over yet
        self.since = now  # when the exchange before was over, or the connection ready (monotonic ms)
        self.last: LiveServer | None = None  # of the exchange before, if its connection was kept
        self.challenged = False  # that exchange ended with 401 or 407
        self.routed: BackendProxy | None = None  # where its first request goes: chosen before it was HTTP
        self.own: ServerConnection | None = None  # kept for this client alone; `below` it others
        # Of the exchange before, for who looks at a connection that has no stream.
        self.began = arrival.accepted
        self.uploaded = 0
        self.sent = 0
        self.retries = 0
        self.request_line = b""

    def context(self, now: int) -> Context:
        """What rules and log lines may ask of a stream of it that begins (monotonic ms)."""
        made = Context(self.frontend, self)
        made.now = now
        made.date_offset = self.frontend.program.date_offset
        return made

    def note(self, record: Record) -> None:
        """Its stream is given up: what is shown of the last exchange."""
        self.began = record.accepted
        self.uploaded = record.uploaded
        self.sent = record.sent
        self.retries = record.retries
        self.request_line = record.request_line

    def recall(self, record: Record) -> None:
        """It has a stream again."""
        record.accepted = self.began
        record.first = self.first
        record.uploaded = self.uploaded
        record.sent = self.sent
        record.retries = self.retries
        record.request_line = self.request_line

    # Connections to servers that are kept for this client alone: some that are idle, and those that its streams share.

    def keep(self, connection: ServerConnection) -> None:
        """It may be used again: it is idle, or carries some of this client's exchanges and has room for more.

        Where there are enough idle ones it is closed; one that stands for the client's identity takes another's place.
        """
        idle = 0
        above: ServerConnection | None = None
        above_oldest: ServerConnection | None = None
        oldest: ServerConnection | None = None
        one = self.own
        while one is not None:
            below = one.below
            if one is connection:
                return
            if not one.is_open:
                self._unlink(one, above)
            else:
                if not one.is_busy():
                    idle += 1
                    above_oldest, oldest = above, one
                above = one
            one = below
        if idle >= MOST_OWN and oldest is not None and not connection.is_busy():
            if not connection.private:
                connection.abort()
                return
            self._unlink(oldest, above_oldest)
            oldest.abort()
        connection.below = self.own
        self.own = connection

    def take_own(self, context: Context, server: LiveServer) -> ServerConnection | None:
        """One that leads where the exchange of `context` goes. Those to where the server was before are closed."""
        value = server.pool.value(context)
        above: ServerConnection | None = None
        one = self.own
        while one is not None:
            below = one.below
            if one.server is server and one.aim is not server.dial.target and not one.is_busy():
                self._unlink(one, above)
                one.close()
            elif self._fits(one, server, value):
                if not one.shares:
                    self._unlink(one, above)
                return one
            else:
                above = one
            one = below
        return None

    def _fits(self, one: ServerConnection, server: LiveServer, value: bytes) -> bool:
        return (
            one.is_open
            and one.server is server
            and one.has_room()
            and one.aim is server.dial.target
            and one.key == value
        )

    def _unlink(self, one: ServerConnection, above: ServerConnection | None) -> None:
        if above is None:
            self.own = one.below
        else:
            above.below = one.below
        one.below = None

    def drop_own(self) -> None:
        """The client's connection ends: so do the server connections that are kept for it alone."""
        one = self.own
        self.own = None
        while one is not None:
            below = one.below
            one.below = None
            one.close()
            one = below

    def over(self) -> None:
        """It has no stream any more, and will have none: what they shared is given up."""
        self.drop_own()
        VARIABLE_LIMITS.session_over(self)

    def closed(self) -> None:
        """Its connection has ended. Called once."""
        self.over()
        self.frontend.closed(self.bind_state)


def inside(frontend: Frontend, bind_state: BindState, now: int) -> ClientSession:
    """Of streams without a client: whoever starts them has a front of its own, which takes the answer, and calls `over`
    behind the last one. No connection is counted. `bind_state`: of no socket, one for all such sessions of a frontend;
    `now`: monotonic ms."""
    return ClientSession(frontend, Arrival(-1, UNIX_ADDRESS, UNIX_ADDRESS, bind_state, now), now)
