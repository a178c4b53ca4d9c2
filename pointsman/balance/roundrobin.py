"""Round robin: each server in turns, exactly by weight, as evenly as can be (manual 4.2 "balance roundrobin").

The turns stand in a schedule that is made when a weight or a state changes; a pick only moves one index, which is one
for all lanes. Where the weights are too large and too odd for a schedule (during slow starts, say), each lane computes
the turns one by one, passing over those that other lanes take: so it is exact over all lanes in either case.
"""

from collections.abc import Collection

from pointsman.balance.registry import Make, algorithm
from pointsman.balance.schedule import Strides, fits, reduced, smooth
from pointsman.config.keyword import Args
from pointsman.core.arena import Arena
from pointsman.sample.context import Context
from pointsman.server.algorithm import Algorithm
from pointsman.server.server import Server


class RoundRobin(Algorithm):
    """`weight` says which weight counts: it may follow changes, or not (static-rr)."""

    def __init__(self) -> None:
        self.servers: list[Server] = []
        self.schedule: list[Server] = []
        self.strides: Strides | None = None
        self.share(Arena(1, 1))

    def share(self, arena: Arena) -> None:
        self.cells = arena.cells
        self.position = arena.take(1)  # turns taken by all lanes
        self.turn = arena.cells.at(self.position).turn  # without a look-up each time

    def weight(self, server: Server) -> int:
        return server.effective

    def rebuild(self, servers: list[Server]) -> None:
        self.servers = servers
        self.schedule = []
        self.strides = None
        if not servers:
            return
        weights = reduced([self.weight(server) for server in servers])
        if fits(weights):
            self.schedule = [servers[index] for index in smooth(weights)]
        else:
            self.strides = Strides(weights)

    def pick(self, context: Context, avoid: Collection[Server] = ()) -> Server | None:
        server = self._next()
        if not avoid or server not in avoid:
            return server
        if all(one in avoid for one in self.servers):
            return server
        while server in avoid:
            server = self._next()
        return server

    def _next(self) -> Server | None:
        strides = self.strides
        if strides is not None:
            return self.servers[strides.turn(self.cells.add(self.position, 1) - 1)]
        schedule = self.schedule
        if not schedule:
            return None
        return schedule[self.turn(len(schedule))]

    def peek(
        self, context: Context, avoid: Collection[Server] = (), after: Collection[Server] | None = None
    ) -> list[Server]:
        """Whose turn it is. Turns of weights without a schedule are computed aside, where no pick sees them."""
        if not self.servers:
            return []
        aside = None if self.strides is None else Strides(self.strides.weights)
        turn: int = self.cells.load(self.position)
        if after is not None:
            turn = self._turn_from(turn, after, aside) + 1
        return [self._whose(self._turn_from(turn, avoid, aside), aside)]

    def _turn_from(self, turn: int, avoid: Collection[Server], aside: Strides | None) -> int:
        """The turn that a pick ends with which begins with that one."""
        if not avoid or all(one in avoid for one in self.servers):
            return turn
        while self._whose(turn, aside) in avoid:
            turn += 1
        return turn

    def _whose(self, turn: int, aside: Strides | None) -> Server:
        if aside is not None:
            return self.servers[aside.turn(turn)]
        return self.schedule[turn % len(self.schedule)]


class StaticRoundRobin(RoundRobin):
    """The configured weights count, whatever they become at run time."""

    def weight(self, server: Server) -> int:
        return static_weight(server)


def static_weight(server: Server) -> int:
    """What counts where weights cannot change: the configured weight; one that had none but is used now counts 1."""
    return server.initial_weight or 1


@algorithm("roundrobin")
def roundrobin(args: Args, argument: str) -> Make:
    """roundrobin: each server in turns, by weights that may change (manual 4.2)."""
    return Make(lambda hashing: RoundRobin())


@algorithm("static-rr")
def static_rr(args: Args, argument: str) -> Make:
    """static-rr: each server in turns, by the configured weights (manual 4.2)."""
    return Make(lambda hashing: StaticRoundRobin())
