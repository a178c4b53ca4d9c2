"""What runs on a server ends at once, because of what has become of that server or of another one (manual 5.2,
on-marked-down, on-marked-up).

A lane learns it from cells of the server's state (Backend.notice_endings), in the middle of whatever it does: perhaps
while another stream chooses its server. So the streams are gathered then, and ended behind the turn.
"""

from pointsman.net.reactor import Hook, Reactor
from pointsman.net.timers import NEVER
from pointsman.server.backend import LiveServer
from pointsman.stream.connections import client_connections
from pointsman.stream.exchange import Exchange


class Endings(Hook):
    """Of one lane. `gather` is what backends call."""

    def __init__(self, reactor: Reactor) -> None:
        super().__init__()
        self.reactor = reactor
        self.found: list[tuple[Exchange, LiveServer, int]] = []

    def gather(self, servers: list[LiveServer], cause: int) -> None:
        """All that runs on these servers now shall end. `cause`: the letter for the log."""
        for connection in client_connections(self.reactor):
            for stream in connection.streams():
                server = stream.server
                if server is not None and server in servers:
                    self.found.append((stream, server, cause))
                    self.due = 0

    def after(self, now: int) -> None:
        self.due = NEVER
        found, self.found = self.found, []
        for stream, server, cause in found:
            if stream.server is server:  # else it has ended, or gone elsewhere
                stream.end_at_once(cause)
