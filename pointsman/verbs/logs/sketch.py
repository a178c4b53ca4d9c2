"""Percentiles of times in bounded memory: how often each value came, from 1000 ms on by its first three digits.

So a value is exact below a second, and at most 1 % too small above; the greatest is kept as it is. There are at most
1000 counts, and 900 more for each further digit.
"""

from collections.abc import Mapping


class Sketch:
    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.total = 0  # values, without those that were never reached
        self.unfinished = 0  # -1
        self.greatest = 0

    def add(self, value: int, count: int = 1) -> None:
        if value < 0:
            self.unfinished += count
            return
        self.total += count
        if value > self.greatest:
            self.greatest = value
        unit = 1
        while value // unit >= 1000:
            unit *= 10
        value -= value % unit
        self.counts[value] = self.counts.get(value, 0) + count

    def add_texts(self, texts: Mapping[bytes | None, int]) -> None:
        """Values as they stand in lines ("+" for those that go on), and how often; what is no number does not count."""
        for text, count in texts.items():
            if text is not None:
                try:
                    value = int(text)
                except ValueError:
                    continue
                self.add(value, count)

    def merge(self, other: "Sketch") -> None:
        for value, count in other.counts.items():
            self.counts[value] = self.counts.get(value, 0) + count
        self.total += other.total
        self.unfinished += other.unfinished
        self.greatest = max(self.greatest, other.greatest)

    def without(self, other: "Sketch") -> "Sketch":
        """What is left for `percentile` when `other`, which was merged into it, is taken out again."""
        made = Sketch()
        made.counts = {value: count - other.counts.get(value, 0) for value, count in self.counts.items()}
        made.total = self.total - other.total
        return made

    def percentile(self, percent: int) -> int | None:
        """The value that this share of all values does not exceed; None: there is none."""
        if not self.total:
            return None
        wanted = max(1, -(-self.total * percent // 100))
        seen = 0
        for value in sorted(self.counts):
            seen += self.counts[value]
            if seen >= wanted:
                return value
        return self.greatest

    def share(self, low: int, high: int) -> int:
        """How many values lie from `low` to `high`."""
        return sum(count for value, count in self.counts.items() if low <= value <= high)
