"""Handshakes with a server that have failed: why the last one has, for operators (`show servers`), and a line in the
log, at most one a second of each lane.

The reason is in the arena, where every process sees it. Lanes write it without a lock: a checksum says whether what is
read was written by one of them alone.
"""

import zlib
from typing import Final

from pointsman.core.arena import Arena
from pointsman.log.logger import Logger
from pointsman.log.target import WARNING

QUIET: Final = 1_000  # ms between two lines in the log
SIZE: Final = 192  # bytes of a reason that are kept
_COUNT: Final = 1  # cells behind that of the time
_CHECK: Final = 2
_TEXT: Final = 3


class HandshakeFaults:
    """Of one server. `route`: what it is called, with its backend."""

    def __init__(self, route: bytes, arena: Arena) -> None:
        self.route = route
        self.cells = arena.cells
        self.first = arena.take(_TEXT + SIZE // 8)
        self.logger: Logger | None = None
        self.loud_at = 0  # when the next line may be written (monotonic ms)
        self.unsaid = 0  # failures behind the last line

    def note(self, reason: str, now: int) -> None:
        """One has failed (monotonic ms)."""
        text = reason.encode("utf-8", "replace")
        kept = text[:SIZE]
        cells, first = self.cells, self.first
        cells.add(first + _COUNT, 1)
        cells.store(first + _CHECK, 0)
        cells.write(first + _TEXT, kept.ljust(SIZE, b"\0"))
        cells.store(first, now)
        cells.store(first + _CHECK, zlib.crc32(kept) + 1)
        if self.logger is None:
            return
        if now < self.loud_at:
            self.unsaid += 1
            return
        self.loud_at = now + QUIET
        more = b", and %d more since the last message" % self.unsaid if self.unsaid else b""
        self.unsaid = 0
        self.logger.event(WARNING, b"Server %b: TLS handshake failed: %b%b." % (self.route, text, more))

    def last(self) -> tuple[int, int, str] | None:
        """When (monotonic ms), how many in all, and why; None: there was none."""
        cells, first = self.cells, self.first
        count = cells.load(first + _COUNT)
        for _ in range(3):
            check = cells.load(first + _CHECK)
            text = cells.read(first + _TEXT, SIZE).rstrip(b"\0")
            if check and zlib.crc32(text) + 1 == check:
                return cells.load(first), count, text.decode("utf-8", "replace")
        return None
