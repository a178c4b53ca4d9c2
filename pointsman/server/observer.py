"""What traffic shows of a server's health (manual 5.2, observe): errors in a row are counted over all lanes, and when
there are as many as error-limit says, control does what on-error says.

One cell has both numbers, so that each error counts once, whatever ends between: below FULL the errors in a row, above
how often there were enough of them. Lanes change it by compare-and-swap alone. Control keeps in a second cell how often
it has acted; a successor goes on there.
"""

from collections.abc import Callable
from typing import Final

from pointsman.core.arena import Arena

LAYER4: Final = 4
LAYER7: Final = 7
FULL: Final = 1 << 32

NO_CONNECTION: Final = 0  # what the last error was
WRONG_STATUS: Final = 1
INVALID: Final = 2
NO_ANSWER: Final = 3
TOO_LATE: Final = 4
TEXTS: Final = (
    "L4 unsuccessful connection",
    "Wrong http response",
    "Invalid http response (headers)",
    "Read error (http)",
    "Read timeout (http)",
)
CELLS: Final = 3


class Observer:
    """Of one server. `layer`: what is looked at; `limit`: so many errors in a row are too many."""

    def __init__(self, arena: Arena, layer: int, limit: int, wake: Callable[[], None]) -> None:
        self.arena = arena
        self.layer = layer
        self.limit = limit
        self.count = arena.take(CELLS)  # behind it: how often control has acted, and what the last error was
        self.wake = wake  # has control look

    def error(self, cause: int) -> None:
        """In a lane."""
        cells = self.arena.cells
        cells.store(self.count + 2, cause)
        while True:
            before = cells.load(self.count)
            enough = before % FULL + 1 >= self.limit
            after = before - before % FULL + FULL if enough else before + 1
            if cells.cas(self.count, before, after):
                break
        if enough:
            self.wake()

    def success(self) -> None:
        """In a lane: no row of errors is longer than up to here."""
        cells = self.arena.cells
        before = cells.load(self.count)
        if before % FULL:
            cells.cas(self.count, before, before - before % FULL)  # else another lane has seen something newer

    def connection(self, made: bool) -> None:
        """In a lane: an attempt to connect is over. What comes behind it counts for layer 7."""
        if not made:
            self.error(NO_CONNECTION)
        elif self.layer == LAYER4:
            self.success()

    def response(self, status: int) -> None:
        """In a lane. Valid are 100 to 499, 501 and 505 (manual 5.2, observe)."""
        if self.layer == LAYER7:
            if 100 <= status < 500 or status in (501, 505):
                self.success()
            else:
                self.error(WRONG_STATUS)

    def no_response(self, cause: int) -> None:
        """In a lane: there is none, or none that could be passed on."""
        if self.layer == LAYER7:
            self.error(cause)

    def take(self) -> bool:
        """In control: errors were too many once more than it has acted upon. True: now it has to."""
        cells = self.arena.cells
        acted = cells.load(self.count + 1)
        if cells.load(self.count) // FULL <= acted:
            return False
        cells.store(self.count + 1, acted + 1)
        return True

    @property
    def reason(self) -> str:
        """What is told of it."""
        last = TEXTS[self.arena.cells.load(self.count + 2)]
        return f"Detected {self.limit} consecutive errors, last one was: {last}"

    @property
    def failures(self) -> int:
        """How often it was acted upon (hanafail)."""
        return self.arena.cells.load(self.count + 1)
