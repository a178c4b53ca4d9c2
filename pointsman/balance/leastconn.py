"""Least connections: the server that carries least for its weight (manual 4.2 "balance leastconn").

Idle servers tie at zero; of a tie, the one that has waited longest since its load last changed wins, so that servers of
equal load take turns. Streams that wait for a server count as its load. Loads are compared when somebody picks: that
costs a look at each server, but it cannot be wrong whatever changed meanwhile. Changes of load are numbered over all
lanes, and the number of a server's last one lies in its state, so that all lanes agree who has waited longest.
"""

from collections.abc import Collection

from pointsman.balance.registry import Make, algorithm
from pointsman.config.keyword import Args
from pointsman.core.arena import Arena
from pointsman.sample.context import Context
from pointsman.server.algorithm import Algorithm
from pointsman.server.server import Server


class LeastConn(Algorithm):
    fills_queues = True

    def __init__(self) -> None:
        self.servers: list[Server] = []
        self.share(Arena(1, 1))

    def share(self, arena: Arena) -> None:
        self.cells = arena.cells
        self.moves = arena.take(1)  # changes of load so far

    def rebuild(self, servers: list[Server]) -> None:
        self.servers = servers

    def pick(self, context: Context, avoid: Collection[Server] = ()) -> Server | None:
        best: Server | None = None
        least = 0
        weight = 1
        for server in self.servers:
            if avoid and server in avoid:
                continue
            load = server.connections + server.queued
            own = server.effective
            if best is not None:
                difference = load * weight - least * own
                if difference > 0 or (difference == 0 and server.row.moved >= best.row.moved):
                    continue
            best, least, weight = server, load, own
        if best is None and avoid:
            return self.pick(context)
        return best

    def peek(
        self, context: Context, avoid: Collection[Server] = (), after: Collection[Server] | None = None
    ) -> list[Server]:
        """A pick moves nothing (loads change when its stream begins): it is asked."""
        server = self.pick(context, avoid)
        return [] if server is None else [server]

    def took(self, server: Server) -> None:
        server.row.moved = self.cells.add(self.moves, 1)

    def left(self, server: Server) -> None:
        server.row.moved = self.cells.add(self.moves, 1)


@algorithm("leastconn")
def leastconn(args: Args, argument: str) -> Make:
    """leastconn: the server with the fewest connections for its weight (manual 4.2)."""
    return Make(lambda hashing: LeastConn())
