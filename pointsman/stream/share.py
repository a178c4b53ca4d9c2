"""A lane's share of the open client connections, so that no lane holds most of them while another has few.

All lanes accept from the same sockets, and whoever is quickest gets the connection. A lane that holds more than its
share of the long-lived ones (`over`) therefore waits a tick before it accepts again, in which the others take what is
there; if after that tick none of them has taken anything they are busy or stuck, and it accepts as usual.

Each lane writes its own row of shared cells and reads those of the others.
"""
from typing import Final

from pointsman.core.arena import Cells

ALIVE: Final = 0  # columns of a row: 1 while the process runs and accepts
HELD: Final = 1  # client connections that are open
TAKEN: Final = 2  # client connections accepted since the lane began
COLUMNS: Final = 3

_FREE: Final = 2  # connections that a lane may hold on top of its share: with few of them nothing matters


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
        """More than a sixteenth above the average of the lanes that are alive, and a few more."""
        cells = self.cells
        if cells is None or self.held <= _FREE:
            return False
        alive = cells.sum(ALIVE, COLUMNS, self.lanes)
        total = cells.sum(HELD, COLUMNS, self.lanes)
        return (self.held - _FREE) * alive * 16 > total * 17

    def taken_by_others(self) -> int:
        """Goes up while other lanes accept."""
        return 0 if self.cells is None else self.cells.sum(TAKEN, COLUMNS, self.lanes) - self.taken
