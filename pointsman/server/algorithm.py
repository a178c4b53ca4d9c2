"""What an algorithm is: it knows the servers that may be used now and picks one for a stream.

A Backend gives it the usable servers (`rebuild`) whenever a weight or a state changes, so a pick neither asks for
states nor walks over servers that are down. It never blocks and never fails: None means that there is no server.
"""

from collections.abc import Collection

from pointsman.core.arena import Arena
from pointsman.sample.context import Context
from pointsman.server.server import Server


class Algorithm:
    """Base of the algorithms, one file each.

    `sticky`: the stream decides which server it is (a hash), so that a stream waits for a full server rather than
    taking another. `fills_queues`: as many as its maxqueue says are sent to wait for a server that is full, before any
    wait for whichever is free first.
    """

    sticky = False
    fills_queues = False

    def share(self, arena: Arena) -> None:
        """Take from the arena what must be one across lanes (a position). Called once, before the first `rebuild`."""

    def rebuild(self, servers: list[Server]) -> None:
        """These are usable from now on, in their order in the configuration (actives, or backups if no active is)."""
        raise NotImplementedError

    def pick(self, context: Context, avoid: Collection[Server] = ()) -> Server | None:
        """A server for this stream. `avoid`: servers that just failed it; taken only if there is no other."""
        raise NotImplementedError

    def peek(
        self, context: Context, avoid: Collection[Server] = (), after: Collection[Server] | None = None
    ) -> list[Server]:
        """What `pick` would choose now, with nothing moved: no turn is taken, no number drawn. None of them: there is
        nobody; one: it is that one; several: it draws one of these. `after`: what a pick that is made just before
        avoids, as Backend.pick makes two of them where the first choice is full.

        A key that is another one each time it is asked for (rand(), uuid()) is asked for here too."""
        raise NotImplementedError

    def took(self, server: Server) -> None:
        """A stream began on it (its `connections` already counts it)."""

    def left(self, server: Server) -> None:
        """A stream ended on it."""
