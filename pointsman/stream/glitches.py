"""What becomes of connections that show too many glitches (manual 3.2: tune.h1.fe.glitches-threshold and its kin).

At the threshold a connection is killed; from three quarters of it on, it ends with the present exchange, so that a
sender that is only slightly wrong goes on by another one. `tune.glitches.kill.cpu-usage` spares them as long as this
lane has time to spare.
"""

import time
from typing import Final

GO_ON: Final = 0
END: Final = 1  # with this exchange
KILL: Final = 2


class Glitches:
    """`front`, `back`: the thresholds of client and server connections; 0: none. `busy`: per cent."""

    def __init__(self, front: int, back: int, busy: int) -> None:
        self.front = front
        self.back = back
        self.busy = busy
        self.usage = 0  # of this lane's CPU in the last second, per cent
        self._at = 0  # monotonic ms
        self._spent = 0  # ns

    def sample(self, now: int) -> None:
        """Once a second."""
        spent = time.process_time_ns()
        if now > self._at > 0:
            self.usage = min(100, (spent - self._spent) // 10_000 // (now - self._at))
        self._at = now
        self._spent = spent

    def verdict(self, count: int, threshold: int) -> int:
        """For a connection that has shown so many."""
        if threshold <= 0 or count * 4 < threshold * 3:
            return GO_ON
        return KILL if count >= threshold and self.usage >= self.busy else END
