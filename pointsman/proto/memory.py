"""What repeats is remembered: the table behind the memories of heads and of header lines.

A key is the exact bytes that came over the wire and the value is what they mean, so a hit can never mean anything else
than a fresh parse would: it *is* an earlier parse of the same bytes.

- Bounded in entries and in bytes by two generations, young and old. When the young one is full, or a period is over, it
  becomes the old one and the old one is dropped. A hit in the old one is put into the young one again. So an entry that
  is not used lives for two periods at most, which matters because heads hold cookies, and a hit in the young one costs
  no bookkeeping at all.
- Entered on second sight: a key's first sight leaves only its hash in a fixed table. What never repeats thus neither
  fills the memory nor pushes out what does repeat.
"""

from typing import Final, Generic, TypeVar

_SEEN: Final = 4096
_OVERHEAD: Final = 300  # bytes of objects about one entry
PERIOD: Final = 10_000  # ms

T = TypeVar("T")


class Memory(Generic[T]):
    """`entries`, `room` (bytes): its bounds; 0 entries: it remembers nothing. A key beyond `longest` is not kept."""

    def __init__(self, entries: int, room: int, longest: int) -> None:
        self.young: dict[bytes, T] = {}
        self.old: dict[bytes, T] = {}
        self.entries = entries // 2  # each generation has half of it
        self.room = room // 2
        self.longest = longest
        self.used = 0  # bytes of the young generation
        self.turned = 0  # monotonic ms
        self.seen: list[int] = [0] * _SEEN

    def get(self, raw: bytes) -> T | None:
        found = self.young.get(raw)
        if found is None and self.old:
            found = self.old.get(raw)
            if found is not None:
                self._enter(raw, found)
        return found

    def offer(self, raw: bytes, item: T) -> None:
        """Remember it if it was offered before, not long ago."""
        mark = hash(raw)
        place = mark & (_SEEN - 1)
        if self.seen[place] != mark:
            self.seen[place] = mark
        elif len(raw) <= self.longest:
            self._enter(raw, item)

    def _enter(self, raw: bytes, item: T) -> None:
        size = len(raw) + _OVERHEAD
        if len(self.young) >= self.entries or self.used + size > self.room:
            if not self.entries or size > self.room:
                return
            self._turn()
        self.young[raw] = item
        self.used += size

    def _turn(self) -> None:
        self.old = self.young
        self.young = {}
        self.used = 0

    def age(self, now: int) -> None:
        """Called about once a second; `now` in monotonic ms."""
        if now - self.turned >= PERIOD:
            self.turned = now
            if self.young or self.old:
                self._turn()

    def clear(self) -> None:
        self.young = {}
        self.old = {}
        self.used = 0
