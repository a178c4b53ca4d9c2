"""First: the first server that has a free slot, by numeric identifier (manual 4.2 "balance first")."""

from collections.abc import Collection

from pointsman.balance.registry import Make, algorithm
from pointsman.config.keyword import Args
from pointsman.sample.context import Context
from pointsman.server.algorithm import Algorithm
from pointsman.server.server import Server


class First(Algorithm):
    """Fills servers in the order of their ids. Weights don't matter."""

    def __init__(self) -> None:
        self.servers: list[Server] = []

    def rebuild(self, servers: list[Server]) -> None:
        self.servers = sorted(servers, key=lambda server: server.number)

    def pick(self, context: Context, avoid: Collection[Server] = ()) -> Server | None:
        """If all are full, the first: the stream waits."""
        full: Server | None = None
        for server in self.servers:
            if avoid and server in avoid:
                continue
            if not 0 < server.slots <= server.connections:
                return server
            full = full or server
        if full is None and avoid:
            return self.pick(context)
        return full

    def peek(
        self, context: Context, avoid: Collection[Server] = (), after: Collection[Server] | None = None
    ) -> list[Server]:
        """A pick moves nothing: it is asked."""
        server = self.pick(context, avoid)
        return [] if server is None else [server]


@algorithm("first")
def first(args: Args, argument: str) -> Make:
    """first: the server with the lowest id that has a free slot (manual 4.2)."""
    return Make(lambda hashing: First())
