"""Waiting for a server that is full: first in, first out.

A waiter stands in the queue of one server (a hash or a rule wants that one) or in that of the backend (any will do).
Whoever frees a slot hands it to the first waiter: `grant` reserves the slot before anybody else can take it.
"""
from pointsman.server.server import Server


class Waiter:
    """Base of an exchange, as a queue sees it."""

    def __init__(self) -> None:
        self.queue: "Queue | None" = None  # where it waits
        self.arrival = 0  # its number in the backend's order of arrival

    def grant(self, server: Server) -> None:
        """A slot on `server` is yours, and counted already. Must not block nor recurse into the queue."""
        raise NotImplementedError

    def requeue(self) -> None:
        """The server you waited for is gone: choose again."""
        raise NotImplementedError


class Queue:
    """Waiters in their order; leaving from the middle costs no search."""

    def __init__(self) -> None:
        self.waiters: dict[Waiter, None] = {}
        self.highest = 0  # qmax

    def __len__(self) -> int:
        return len(self.waiters)

    def enter(self, waiter: Waiter) -> int:
        """Its place: how many stand before it."""
        place = len(self.waiters)
        self.waiters[waiter] = None
        waiter.queue = self
        if place + 1 > self.highest:
            self.highest = place + 1
        return place

    def leave(self, waiter: Waiter) -> None:
        if waiter.queue is self:
            del self.waiters[waiter]
            waiter.queue = None

    def first(self) -> Waiter | None:
        for waiter in self.waiters:
            return waiter
        return None
