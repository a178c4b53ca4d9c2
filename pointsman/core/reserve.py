"""Blocks of the arena for what is made at run time: a server's, or a backend's, each.

All blocks have one size and are taken before the processes part. Control hands one out (`allot`) and names its number
in the change that makes the server; every process makes it in that block (`placed`), and so finds the same cells.
Memory is taken by a block when it is used for the first time, and the same blocks are used again and again.

A block that was given back is not handed out at once: a lane that has not read yet that its server is gone still writes
there. It is handed out when every process has read so far, and when nobody counts anything in it any more (`quiet`). A
successor of control knows the blocks in use by the changes that it has read, and takes all others for given back just
now.
"""

from collections import deque
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Final

from pointsman.core.arena import Arena

LOOKS: Final = 64  # blocks that are looked at before a new one is begun


class ReserveError(Exception):
    """There is no block left."""


class Reserve:
    """`count` blocks of `size` cells. `quiet`: whether nothing is counted any more in a block that was given back, by
    its first cell."""

    def __init__(self, arena: Arena, count: int, size: int) -> None:
        self.arena = arena
        self.count = count
        self.size = size
        self.first = arena.take(count * size)
        self.touched = arena.take(1)  # how many have ever been handed out: those with the lowest numbers
        self.used: set[int] = set()
        self.returned: deque[tuple[int, int]] = deque()  # blocks, and the number of the change that gave each back
        self.quiet: Callable[[int], bool] = lambda first: True

    def place(self, block: int) -> int:
        """The first cell of a block."""
        assert 0 <= block < self.count
        return self.first + block * self.size

    def placed(self, block: int, attached: bool) -> AbstractContextManager[None]:
        """What is taken from the arena meanwhile comes from that block. attached: its cells have their values."""
        return self.arena.placed(self.place(block), self.size, attached)

    def allot(self, followed: int) -> int:
        """In control: a block for the change to come, its cells 0. `followed`: the number of the last change that all
        processes have made. ReserveError: there is none."""
        block = self._again(followed)
        if block < 0:
            block = self.arena.cells.load(self.touched)
            if block >= self.count:
                raise ReserveError(f"all {self.count} places are taken")
            self.arena.cells.store(self.touched, block + 1)
        self.arena.cells.write(self.place(block), bytes(8 * self.size))
        self.used.add(block)
        return block

    def _again(self, followed: int) -> int:
        """A block that was given back, and that nobody uses any more; -1: there is none."""
        for _ in range(min(LOOKS, len(self.returned))):
            block, number = self.returned[0]
            if number > followed:
                return -1  # and what was given back later neither
            self.returned.popleft()
            if self.quiet(self.place(block)):
                return block
            self.returned.append((block, followed))
        return -1

    def give_back(self, block: int, number: int) -> None:
        """In control: the change of that number has ended what was there."""
        self.used.discard(block)
        self.returned.append((block, number))

    def resume(self, used: Collection[int], number: int) -> None:
        """In control, when it begins: these are in use by what was changed up to that number."""
        self.used = set(used)
        touched: int = self.arena.cells.load(self.touched)
        self.returned = deque((block, number) for block in range(touched) if block not in self.used)
