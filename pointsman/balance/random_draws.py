"""Random: draw a few servers by weight and take the least loaded of them (manual 4.2 "balance random").

Also known as the power of two random choices. Of equal loads, the lower rate of the last second wins.
"""

import random
from bisect import bisect_right
from collections.abc import Collection
from itertools import accumulate

from pointsman.balance.load import allowed, lighter, looks_lighter
from pointsman.balance.registry import Make, algorithm
from pointsman.config.keyword import Args
from pointsman.core.diagnostics import ConfigError
from pointsman.sample.context import Context
from pointsman.server.algorithm import Algorithm
from pointsman.server.server import Server

MOST_DRAWS = 1000  # far above any use: it is already least connections there


class Random(Algorithm):
    def __init__(self, draws: int = 2, factor: int = 0) -> None:
        self.draws = draws
        self.factor = factor  # hash-balance-factor
        self.servers: list[Server] = []
        self.bounds: list[int] = []  # running sums of the weights

    def rebuild(self, servers: list[Server]) -> None:
        self.servers = servers
        self.bounds = list(accumulate(server.effective for server in servers))

    def pick(self, context: Context, avoid: Collection[Server] = ()) -> Server | None:
        servers, bounds = self.servers, self.bounds
        if not servers:
            return None
        if avoid:
            left = [server for server in servers if server not in avoid]
            if left:
                servers, bounds = left, list(accumulate(server.effective for server in left))
        total = bounds[-1]
        best = servers[bisect_right(bounds, int(random.random() * total))]
        for _ in range(self.draws - 1):
            other = servers[bisect_right(bounds, int(random.random() * total))]
            if other is not best and lighter(other, best, context.now):
                best = other
        if self.factor and not allowed(best, self.servers, self.factor):
            for server in servers:
                if lighter(server, best, context.now):
                    best = server
        return best

    def peek(
        self, context: Context, avoid: Collection[Server] = (), after: Collection[Server] | None = None
    ) -> list[Server]:
        """Each may be drawn by all draws, and then it is taken, unless it carries too much: then the lightest is."""
        servers = [server for server in self.servers if server not in avoid] or self.servers
        found: list[Server] = []
        for drawn in servers:
            best = drawn
            if self.factor and not allowed(drawn, self.servers, self.factor):
                for server in servers:
                    if looks_lighter(server, best, context.now):
                        best = server
            if best not in found:
                found.append(best)
        return found


@algorithm("random", argument="<draws>")
def random_draws(args: Args, argument: str) -> Make:
    """random[(<draws>)]: the least loaded of some servers drawn by weight, by default of two (manual 4.2)."""
    at = args.words[args.index - 1].at
    if not argument:
        draws = 2
    elif argument.isascii() and argument.isdigit():
        draws = int(argument)
    else:
        raise ConfigError(f"balance random : '{argument}' is not a number", at, "random(<draws>)")
    if not 1 <= draws <= MOST_DRAWS:
        raise ConfigError(
            "balance random : number of draws must be at least 1.", at, f"a number from 1 to {MOST_DRAWS}"
        )
    return Make(lambda hashing: Random(draws, hashing.factor))
