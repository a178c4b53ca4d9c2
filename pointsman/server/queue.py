"""Waiting for a server that is full: first in, first out, across lanes; or in the order that rules say (`rank_of`).

A waiter stands in the queue of one server (a hash or a rule wants that one) or in that of the backend (any will do). It
is an object of its own lane; what the lanes see of each other is a row of cells for each queue:

    length      how many wait in that lane
    heads       the arrival numbers of its first few waiters, in order, 0 where there is none

and for each backend a ring in which a lane finds what others have granted it: (server, arrival) pairs, in which a
server is called by its number and its generation, so that a grant never reaches another that was added later. Whoever
frees a slot hands it to the earliest waiter of all lanes: to its own directly, to another lane's by its ring and bell.
All of it happens under the backend's lock. A granted pair counts as a used slot until its lane has taken it up.

A lane that is killed between two stores leaves no drift: its rows and its ring are cleared, and the others publish
their queues anew (`publish`), so that a head that was being handed out comes back.
"""

from bisect import bisect_left, insort
from collections.abc import Callable
from itertools import islice
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core.arena import Arena, Table
from pointsman.core.wishes import WISHES
from pointsman.net.reactor import Job
from pointsman.server.server import Server

HEADS: Final = 8  # waiters of a lane that others can see
TIME_BITS: Final = 33  # of a rank: 99 days of milliseconds
ORDER_BITS: Final = 18  # the last ones of the number of arrival behind it: more than can wait
RING: Final = 16  # grants of a lane that it has not taken up yet


def rank_of(priority: int, offset: int, now: int) -> int:
    """Who has a lower one goes first: by classes (-2047 to 2047), then by the time of arrival (monotonic ms) and what
    rules add to it. Behind it, in the same number, there is room for the order of arrival."""
    moment = (now + offset + (1 << 20)) & (1 << TIME_BITS) - 1
    return (priority + (1 << 11)) << TIME_BITS + ORDER_BITS | moment << ORDER_BITS


@mypyc_attr(allow_interpreted_subclasses=True)
class QueueWaiter(Job):
    """Base of an exchange, as a queue sees it."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: Queue | None = None  # where it waits
        self.arrival = 0  # its number in the backend's order of arrival
        self.rank = 0  # what goes before that number, where rules change the order
        self.served_before = 0  # how many had been served from there when it came
        self.turn = 0  # once it has left: the number of those served from there before it, and one

    def grant(self, server: Server) -> None:
        """A slot on `server` is yours, and counted already. Must not block nor recurse into the queue."""
        raise NotImplementedError

    def requeue(self) -> None:
        """The server you waited for is gone: choose again."""
        raise NotImplementedError


class Queue:
    """One queue: this lane's waiters in their order, and the row that others see. Leaving costs no search."""

    def __init__(self, arena: Arena | None = None) -> None:
        self.arena = arena if arena is not None else Arena(1, HEADS + 3)
        self.table = Table(self.arena, HEADS + 1)
        self.first = self.table.first
        self.width = self.table.width
        self.rows = self.arena.rows
        self.waiters: dict[int, QueueWaiter] = {}  # by arrival, which only grows: so they are in order
        self.ranked: list[int] = []  # the arrivals in order where rules change it
        self.peak = self.arena.take(1)
        self.served = self.arena.take(1)  # how many have been given a slot, in all lanes

    def __len__(self) -> int:
        """How many wait, in all lanes."""
        return self.arena.cells.sum(self.first, self.width, self.rows)

    @property
    def highest(self) -> int:
        """The most that have waited at once (qmax)."""
        return self.arena.cells.load(self.peak)

    @highest.setter
    def highest(self, count: int) -> None:
        self.arena.cells.store(self.peak, count)

    def enter(self, waiter: QueueWaiter) -> None:
        """Under the backend's lock."""
        cells = self.arena.cells
        waiter.served_before = cells.load(self.served)
        self.waiters[waiter.arrival] = waiter
        if WISHES.priorities:
            insort(self.ranked, waiter.arrival)
        waiter.queue = self
        cells.highest(self.peak, len(self) + 1)
        self.publish()

    def leave(self, waiter: QueueWaiter) -> None:
        """Under the backend's lock."""
        if waiter.queue is self:
            del self.waiters[waiter.arrival]
            if self.ranked:
                del self.ranked[bisect_left(self.ranked, waiter.arrival)]
            waiter.queue = None
            waiter.turn = self.arena.cells.load(self.served) - waiter.served_before + 1
            self.publish()

    def serve(self, waiter: QueueWaiter) -> None:
        """It leaves with a slot. Under the backend's lock."""
        self.leave(waiter)
        self.arena.cells.add(self.served, 1)

    def publish(self) -> None:
        """Let the other lanes see this one's waiters."""
        cells = self.arena.cells
        row = self.table.row(self.arena.lane)
        heads = self.ranked[:HEADS] if WISHES.priorities else list(islice(self.waiters, HEADS))
        for place, arrival in enumerate(heads, 1):
            cells.store(row + place, arrival)
        for empty in range(len(heads) + 1, HEADS + 1):
            cells.store(row + empty, 0)
        cells.store(row, len(self.waiters))

    def earliest(self) -> tuple[int, int]:
        """The arrival that is first of all lanes, and its lane; (0, 0) where nobody waits."""
        cells = self.arena.cells
        best = owner = 0
        for lane in range(self.arena.rows):
            row = self.table.row(lane)
            if cells.load(row) <= 0:
                continue
            for place in range(1, HEADS + 1):
                arrival = cells.load(row + place)
                if arrival:
                    if not best or arrival < best:
                        best, owner = arrival, lane
                    break
        return best, owner

    def take_head(self, lane: int, arrival: int) -> None:
        """Another lane's waiter is being granted a slot: it is no head any more."""
        cells = self.arena.cells
        row = self.table.row(lane)
        for place in range(1, HEADS + 1):
            if cells.load(row + place) == arrival:
                cells.store(row + place, 0)
                cells.add(row, -1)
                return

    def release_lane(self, lane: int) -> None:
        """A lane has ended, and its waiters with it."""
        for i in range(HEADS + 1):
            self.arena.cells.store(self.table.row(lane) + i, 0)


class Grants:
    """The rings of one backend: what lanes were granted and have not taken up."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.table = Table(arena, 1 + 2 * RING)

    def pending(self, server: int) -> int:
        """Slots of a server (`granted_as`) that are on their way to a lane."""
        cells = self.arena.cells
        count = 0
        for lane in range(self.arena.rows):
            row = self.table.row(lane)
            for i in range(cells.load(row)):
                if cells.load(row + 1 + 2 * i) == server:
                    count += 1
        return count

    def has_room(self, lane: int) -> bool:
        return self.arena.cells.load(self.table.row(lane)) < RING

    def put(self, lane: int, server: int, arrival: int) -> None:
        cells = self.arena.cells
        row = self.table.row(lane)
        count = cells.load(row)
        cells.store(row + 1 + 2 * count, server)
        cells.store(row + 2 + 2 * count, arrival)
        cells.store(row, count + 1)  # last: a lane that crashes before this has granted nothing

    def waiting_for(self, lane: int) -> bool:
        return self.arena.cells.load(self.table.row(lane)) > 0

    def take(self, each: Callable[[int, int], None]) -> None:
        """Take up what this lane was granted: `each` gets what the server is called and the waiter's arrival."""
        cells = self.arena.cells
        row = self.table.row(self.arena.lane)
        while True:
            count = cells.load(row)
            if not count:
                return
            server = cells.load(row + 2 * count - 1)
            arrival = cells.load(row + 2 * count)
            each(server, arrival)  # counts it before the ring forgets it
            cells.store(row, count - 1)

    def release_lane(self, lane: int) -> None:
        self.arena.cells.store(self.table.row(lane), 0)
