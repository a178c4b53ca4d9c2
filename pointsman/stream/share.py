"""A lane's share of the open client connections, so that no lane holds most of them while another has few.

All lanes accept from the same sockets, and whoever is quickest gets the connection. A lane that holds many more than
the average (`over`) makes way: it accepts nothing for some milliseconds, in which the others take what is there. If
they don't, several times in a row, they are busy or stuck, and it accepts as usual. At least one lane never makes way.

Short-lived connections are spread unevenly for a moment all the time. That does no harm, and the bound is far enough
from the average that a lane which makes way has enough to do.

Each lane writes its own row of shared cells and reads those of the others.
"""
from typing import Final

from pointsman.core.arena import Cells

ALIVE: Final = 0  # columns of a row: 1 while the process runs and accepts
HELD: Final = 1  # client connections that are open
TAKEN: Final = 2  # client connections accepted since the lane began
RESTS: Final = 3  # 1 while the lane makes way for others
COLUMNS: Final = 4

_FREE: Final = 8  # connections that a lane may hold on top of the average, at least


class Share:
    def __init__(self) -> None:
        self.cells: Cells | None = None  # None: there is one lane only
        self.row = 0
        self.lanes = 1
        self.held = 0
        self.taken = 0

    def enter(self, cells: Cells, lane: int, lanes: int) -> None:
        """This process is that lane of so many."""
        self.cells = cells
        self.row = lane * COLUMNS
        self.lanes = lanes
        for column in range(COLUMNS):
            cells.store(self.row + column, 0)

    def entered(self) -> None:
        """A connection was accepted."""
        self.held += 1
        self.taken += 1
        if self.cells is not None:
            self.cells.store(self.row + HELD, self.held)
            self.cells.store(self.row + TAKEN, self.taken)

    def left(self) -> None:
        """A connection has ended."""
        self.held -= 1
        if self.cells is not None:
            self.cells.store(self.row + HELD, self.held)

    def over(self) -> bool:
        """More than an eighth above the average of the lanes that are alive, and another one can take them."""
        cells = self.cells
        if cells is None or self.held <= _FREE:
            return False
        alive = cells.sum(ALIVE, COLUMNS, self.lanes)
        above = self.held * alive - cells.sum(HELD, COLUMNS, self.lanes)
        if above <= _FREE * alive or above * 9 <= self.held * alive:
            return False
        return alive - cells.sum(RESTS, COLUMNS, self.lanes) > 1

    def rest(self, on: bool) -> None:
        """This lane makes way for others, or does so no more."""
        if self.cells is not None:
            self.cells.store(self.row + RESTS, int(on))

    def taken_by_others(self) -> int:
        """Goes up while other lanes accept."""
        return 0 if self.cells is None else self.cells.sum(TAKEN, COLUMNS, self.lanes) - self.taken
