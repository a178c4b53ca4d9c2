"""Weighted turns: an order in which each server comes exactly as often as its weight says, evenly spread.

Two ways give it. `smooth` is the more even one: at each step every server gains its weight, the richest serves and pays
the total; of equals the heavier serves, then the earlier. Its cost is servers times total: for small totals. `Strides`
is for large ones: turn k of a server of weight w is due at (k + 1/2) / w, and a heap knows what is due next; the state
before any turn of the period can be computed, so that lanes may share the turns. In both, each period holds each server
exactly as often as its (reduced) weight says.
"""

import heapq
import math
from collections.abc import Sequence
from typing import Final

EFFORT: Final = 100_000  # steps that `smooth` may take: some 10 ms
FAR: Final = 64  # turns that are rather passed one by one than by a bisection
SHIFT: Final = 40  # due times are integers: weights up to 4096 differ in their fractions by more than 2**-25


def reduced(weights: Sequence[int]) -> list[int]:
    """The same proportions in the smallest numbers. Weights are positive."""
    divisor = math.gcd(*weights)
    return [weight // divisor for weight in weights]


def fits(weights: Sequence[int]) -> bool:
    """Whether `smooth` can afford them."""
    return len(weights) * sum(weights) <= EFFORT


def smooth(weights: Sequence[int]) -> list[int]:
    """One period of turns, as indices."""
    total = sum(weights)
    wealth = [0] * len(weights)
    turns: list[int] = []
    for _ in range(total):
        best = 0
        for index, weight in enumerate(weights):
            wealth[index] += weight
            if wealth[index] > wealth[best] or (wealth[index] == wealth[best] and weight > weights[best]):
                best = index
        wealth[best] -= total
        turns.append(best)
    return turns


def period(weights: Sequence[int]) -> list[int]:
    """One period of turns in whichever way is affordable."""
    small = reduced(weights)
    if fits(small):
        return smooth(small)
    strides = Strides(small)
    return [strides.next() for _ in range(sum(small))]


class Strides:
    """Turns without end: the next one in O(log n); any other one (`turn`) too, whoever took those in between."""

    def __init__(self, weights: Sequence[int]) -> None:
        self.weights = list(weights)
        self.total = sum(weights)
        self.position = 0  # turns that have been passed
        self.taken = [0] * len(weights)
        self.heap: list[tuple[int, int, int]] = []
        self._fill()

    def _fill(self) -> None:
        self.heap = [
            (((2 * taken + 1) << SHIFT) // weight, -weight, index)
            for index, (weight, taken) in enumerate(zip(self.weights, self.taken, strict=True))
        ]
        heapq.heapify(self.heap)

    def turn(self, number: int) -> int:
        """Whose turn that is, counted from 0. Cheap where it is not far behind the last one that was asked for."""
        if not 0 <= number - self.position <= FAR:
            self.seek(number)
        for _ in range(number - self.position):
            self.next()
        return self.next()

    def seek(self, number: int) -> None:
        """Go to just before that turn. Periods are alike, so the place in the period is what is found: by bisection of
        the time before which so many turns are due."""
        place = number % self.total
        low, high = 0, 2 << SHIFT  # turns before `low` are few enough; a period is 2 << SHIFT long
        while high - low > 1:
            middle = (low + high) // 2
            if sum([_due_before(middle, weight) for weight in self.weights]) <= place:
                low = middle
            else:
                high = middle
        self.taken = [_due_before(low, weight) for weight in self.weights]
        self._fill()
        self.position = number - place + sum(self.taken)
        while self.position < number:  # servers that are due at that very time
            self.next()

    def next(self) -> int:
        self.position += 1
        _, _, index = self.heap[0]
        weight = self.weights[index]
        self.taken[index] += 1
        due = ((2 * self.taken[index] + 1) << SHIFT) // weight
        heapq.heapreplace(self.heap, (due, -weight, index))
        return index


def _due_before(time: int, weight: int) -> int:
    """How many turns of a server come before that time: those k for which ((2k + 1) << SHIFT) // weight < time."""
    return ((time * weight - 1 >> SHIFT) + 1) // 2 if time else 0
