"""A lane's share of the open client connections, so that no lane holds most of them while another has few.

All lanes accept from the same sockets, and whoever is quickest gets the connection. A lane that holds many more than
the average (`over`) makes way: it accepts nothing for some milliseconds, in which the others take what is there. They
are called, as the kernel has told one lane only of each connection that waits; and who makes way itself comes back at
such a call, if it is not over any more. If nobody comes, several times in a row, they are busy or stuck, and it accepts
as usual.

Short-lived connections are spread unevenly for a moment all the time. That does no harm, and the bound is far enough
from the average that a lane which makes way has enough to do.

How many connections a lane holds and has accepted is what the process's counters say of its row. Two more cells tell
whether it runs and whether it rests; and the arena knows when its loop has turned (`Heartbeat`), by which the keeper
knows one that is stuck. Control has a row, too, but is no lane.
"""

from typing import Final

from pointsman.core.arena import Arena, Table
from pointsman.core.counters import Counters
from pointsman.net.reactor import Hook

_ALIVE: Final = 0  # columns: 1 while the process runs
_RESTS: Final = 1  # 1 while the lane makes way for others

_PULSE: Final = 1000  # ms

_FREE: Final = 8  # connections that a lane may hold on top of the average, at least


class Share:
    """`counters`: those of the process, of which each lane has its row."""

    def __init__(self, arena: Arena, counters: Counters) -> None:
        self.arena = arena
        self.counters = counters
        self.table = Table(arena, 2)
        self.alone = True  # there is one lane only, and it is this process

    def enter(self) -> None:
        """This process is one of several lanes."""
        self.alone = False
        self.release_lane(self.arena.lane)

    def begun(self) -> None:
        """It runs, and will accept."""
        self.arena.cells.store(self.table.row(self.arena.lane) + _ALIVE, 1)

    def is_alive(self, number: int) -> bool:
        return self.arena.cells.load(self.table.row(number) + _ALIVE) == 1

    def release_lane(self, number: int) -> None:
        """That process has ended; what it held is released with the counters."""
        self.arena.cells.store(self.table.row(number) + _ALIVE, 0)
        self.arena.cells.store(self.table.row(number) + _RESTS, 0)
        self.arena.cells.store(self.arena.turns + number, 0)

    def turned(self, now: int) -> None:
        """The loop of this process turns."""
        self.arena.turned(now)

    def last_turn(self, number: int) -> int:
        """When that process's loop has turned (monotonic ms), to a second; 0: it has not yet begun to."""
        return self.arena.cells.load(self.arena.turns + number)

    @property
    def held(self) -> int:
        """Client connections that this lane holds."""
        return self.counters.current

    def over(self) -> bool:
        """More than an eighth above the average of the lanes that run. All of them cannot be."""
        if self.alone:
            return False
        held = self.counters.current
        if held <= _FREE:
            return False
        alive = self._lanes(_ALIVE)
        above = held * alive - self.counters.held
        return above > _FREE * alive and above * 9 > held * alive

    def _lanes(self, column: int) -> int:
        return self.arena.cells.sum(self.table.first + column, self.table.width, self.arena.lanes)

    def rest(self, on: bool) -> None:
        """This lane makes way for others, or does so no more."""
        if self.alone:
            return
        self.arena.cells.store(self.table.row(self.arena.lane) + _RESTS, int(on))
        if on:
            for lane in range(self.arena.lanes):
                if lane != self.arena.lane:
                    self.arena.ring(lane)

    def somebody_rests(self) -> bool:
        """Some lane has left connections to others."""
        return not self.alone and self._lanes(_RESTS) > 0

    def taken_by_others(self) -> int:
        """Changes while other lanes accept."""
        return self.counters.totals.connections - self.counters.connections


class Heartbeat(Hook):
    """Notes once a second that this process's loop turns."""

    def __init__(self, share: Share) -> None:
        super().__init__()
        self.share = share
        self.due = 0

    def after(self, now: int) -> None:
        self.due = now + _PULSE
        self.share.turned(now)
