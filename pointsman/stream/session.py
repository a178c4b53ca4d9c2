"""A client's connection, as its streams share it: who it is, and what was kept of the exchange before.

It lives as long as the connection; streams come and go. What rules and log lines ask of it stands in its base
(sample/context.py).
"""

from mypy_extensions import mypyc_attr

from pointsman.sample.context import Session
from pointsman.sample.record import Record
from pointsman.server.backend import LiveServer
from pointsman.server.connection import ServerConnection
from pointsman.stream.acceptor import Arrival
from pointsman.stream.proxies import Frontend


@mypyc_attr(free_list_len=1)
class ClientSession(Session):
    def __init__(self, frontend: Frontend, arrival: Arrival, now: int) -> None:
        """`now`: it is ready (monotonic ms)."""
        super().__init__(arrival.door)
        self.frontend = frontend
        self.door = arrival.door
        self.source = arrival.source
        self.destination = arrival.destination
        self.accepted = arrival.accepted
        self.accept_date = arrival.accepted + frontend.program.date_offset
        self.ready = now
        self.first = True  # no exchange of it is over yet
        self.since = now  # when the exchange before was over, or the connection ready (monotonic ms)
        self.last: LiveServer | None = None  # of the exchange before, if its connection was kept
        self.challenged = False  # that exchange ended with 401 or 407
        self.own: ServerConnection | None = None  # kept for this client alone
        # Of the exchange before, for who looks at a connection that has no stream.
        self.began = arrival.accepted
        self.uploaded = 0
        self.sent = 0
        self.retries = 0
        self.request_line = b""

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

    def drop_own(self) -> None:
        """The client's connection ends: so does the server connection that is kept for it alone."""
        own = self.own
        if own is not None:
            self.own = None
            own.close()

    def closed(self) -> None:
        """Its connection has ended. Called once."""
        self.frontend.closed(self.door)
