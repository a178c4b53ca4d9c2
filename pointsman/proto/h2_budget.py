"""What one end of an HTTP/2 connection bears from the other (RFC 9113 10.5): two accounts.

**Glitches** are what HAProxy counts (`fc_glitches`, tune.h2.fe.glitches-threshold, manual 3.2): requests that are
malformed, streams that we had to reset, DATA behind the end, streams that are reset as soon as they are opened, initial
windows that shrink, blocks in many parts. A threshold is the configuration's; without one they are only counted.

**The budget** needs no configuration. Frames that move nothing (PING, SETTINGS, PRIORITY, credit, DATA without a byte,
requests that are reset) cost us time and are cheap to send: each takes something from what a connection has, and when
nothing is left the connection ends with ENHANCE_YOUR_CALM. What an honest client sends of them goes along with what it
does:

    what it has at first         START     some hundred requests that are stopped at once
    a moment passes              RATE      a second, up to START again
    a stream ends well           ANSWERED
    DATA that we send            a frame's worth of credit may follow it: SENT, and more for what is larger; nothing
                                 for what the other end's own small window cuts in pieces
    at most                      MOST

So a client that downloads may send as much credit and as many PINGs as it likes, one that stops a page's hundred
images may do so again at once, and calls that are all cancelled because a server is slow end after some time each.
A flood ends after START frames, some milliseconds of work, and may go on with RATE frames a second.
"""

from typing import Final

START: Final = 2_000
RATE: Final = 2_000  # a second
MOST: Final = 10_000
ANSWERED: Final = 8
SENT: Final = 2
SENT_SHIFT: Final = 9  # one more for each 512 bytes: a reader of so many bytes at a time may say so each time

# What is taken.
FRAME: Final = 1  # one that moves nothing
REFUSED: Final = 2  # a stream beyond the limit
RESET: Final = 4  # a stream that came to nothing: reset by the other end before an answer, or by us for its fault

# CONTINUATION frames of a block that are glitches, as haproxy counts them: the fifth, the 17th, and each 16th from there.
FIRST_ODD_PART: Final = 5
ODD_PARTS: Final = 16


class Budget:
    """Of one connection. `left` may be taken from directly; below zero, ask `bears`."""

    def __init__(self, now: int) -> None:
        """`now`: monotonic ms."""
        self.glitches = 0
        self.left = START
        self._at = now  # when time was last given

    def spend(self, cost: int) -> None:
        """A frame that costs and moves nothing, or a stream that came to nothing."""
        self.left -= cost

    def odd(self, cost: int) -> None:
        """The same, and a glitch."""
        self.glitches += 1
        self.left -= cost

    def part(self, count: int) -> None:
        """The CONTINUATION frame of that number within its block, from 1 on."""
        self.left -= FRAME
        if count == FIRST_ODD_PART or count > FIRST_ODD_PART and count % ODD_PARTS == 1:
            self.glitches += 1

    def answered(self) -> None:
        """A stream has ended well."""
        if self.left < MOST:
            self.left += ANSWERED

    def sent(self, size: int) -> None:
        """A frame of DATA that the other end's window has not cut short."""
        if self.left < MOST:
            self.left += SENT + (size >> SENT_SHIFT)

    def bears(self, now: int) -> bool:
        """After what was taken: False when the connection has to end. `now`: monotonic ms."""
        if self.left >= 0:
            return True
        # Time is only looked at when nothing is left: what passed before counts as much then.
        gained = (now - self._at) * RATE // 1000
        self._at = now
        self.left += min(gained, START)
        return self.left >= 0
