"""What runs on a server ends at once, because of what has become of that server or of another one (manual 5.2,
on-marked-down, on-marked-up).

A lane learns it from cells of the server's state (Backend.notice_endings), in the middle of whatever it does: perhaps
while another stream chooses its server. So the streams are gathered then, and ended in a go of their own.
"""

from pointsman.net.reactor import Job, Reactor
from pointsman.server.backend import LiveServer
from pointsman.stream.connections import client_connections
from pointsman.stream.exchange import Exchange


class Endings(Job):
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
        if self.found:
            self.reactor.another(self)

    def close_kept(self, server: LiveServer) -> None:
        """It is in maintenance, perhaps to be deleted: idle connections to it would wait for clients that go elsewhere.
        They stay in their sessions' lists, which pass over closed ones: somebody may be looking through one."""
        for connection in client_connections(self.reactor):
            one = connection.of_session().own
            while one is not None:
                if one.server is server and one.is_open and not one.is_busy():
                    one.close()
                one = one.below

    def go(self) -> None:
        found, self.found = self.found, []
        for stream, server, cause in found:
            if stream.server is server:  # else it has ended, or gone elsewhere
                stream.end_at_once(cause)
