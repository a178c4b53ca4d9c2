"""Weighted turns: an order in which each server comes exactly as often as its weight says, evenly spread.

Two ways give it. `smooth` is the more even one: at each step every server gains its weight, the richest serves and
pays the total; of equals the heavier serves, then the earlier. Its cost is servers times total: for small totals.
`Strides` is for large ones: turn k of a server of weight w is due at (k + 1/2) / w, and a heap knows what is due next.
In both, each period holds each server exactly as often as its (reduced) weight says.
"""
import heapq
import math
from collections.abc import Sequence
from typing import Final

EFFORT: Final = 100_000  # steps that `smooth` may take: some 10 ms
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
    """Turns without end, one at a time, in O(log n)."""

    def __init__(self, weights: Sequence[int]) -> None:
        self.weights = list(weights)
        self.taken = [0] * len(weights)
        self.heap = [((1 << SHIFT) // weight, -weight, index) for index, weight in enumerate(weights)]
        heapq.heapify(self.heap)

    def next(self) -> int:
        _, _, index = self.heap[0]
        weight = self.weights[index]
        self.taken[index] += 1
        due = ((2 * self.taken[index] + 1) << SHIFT) // weight
        heapq.heapreplace(self.heap, (due, -weight, index))
        return index
