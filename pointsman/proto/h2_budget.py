"""What one end of an HTTP/2 connection bears from the other (RFC 9113 10.5): two accounts.

**Glitches** are what HAProxy counts (`fc_glitches`, tune.h2.fe.glitches-threshold, manual 3.2): requests that are
malformed, streams that we had to reset, DATA behind the end, streams that are reset as soon as they are opened, initial
windows that shrink, blocks in many parts. A threshold is the configuration's; without one they are only counted.

**The budget** needs no configuration. Frames that move nothing (PING, SETTINGS, PRIORITY, credit, DATA without a byte,
requests that are reset) cost us time and are cheap to send: each takes something from what a connection has, and when
nothing is left the connection ends with ENHANCE_YOUR_CALM. What an honest client sends of them goes along with what it
does:

    what it has at first         START     or EACH for each stream that it may have: all may be stopped at once
    a moment passes              RATE      a second, up to that again
    a stream ends well           ANSWERED
    DATA that we send            SENT, as credit may follow each frame, but not where the other end's window has cut it;
                                 and one for each 256 bytes: a reader may give credit for every kilobyte
    at most                      MOST

So a client that downloads may send as much credit and as many PINGs as it likes; one that stops a page's hundred images
may do so again at once; a hundred calls at once that all miss their deadline may do so ten times a second. A flood ends
after START frames, or a hundred requests that were never meant, which is some milliseconds of work.
"""

from typing import Final

START: Final = 2_000
EACH: Final = 20
RATE: Final = 2_000  # a second
MOST: Final = 10_000
ANSWERED: Final = 8
SENT: Final = 2
SENT_SHIFT: Final = 8

# What is taken.
FRAME: Final = 1  # one that moves nothing
STOPPED: Final = 2  # a stream beyond the limit; one that the other end resets
WASTED: Final = 16  # a stream that came to nothing: reset as soon as it was opened, or by us, for what came on it
OVER_SHIFT: Final = 7  # one for so many bytes (two to the power of that) of a header list beyond the limit

# CONTINUATION frames of a block that are glitches, as haproxy counts: the fifth, the 17th, and each 16th from there.
FIRST_ODD_PART: Final = 5
ODD_PARTS: Final = 16


class Budget:
    """Of one connection. `left` may be taken from directly; below zero, ask `bears`."""

    def __init__(self, streams: int, now: int) -> None:
        """`streams`: that the other end may have at once; `now`: monotonic ms."""
        self.glitches = 0
        self.start = max(START, min(streams * EACH, MOST))
        self.left = self.start
        self._at = now  # when time was last given

    def spend(self, cost: int) -> None:
        """A frame that costs and moves nothing, or a stream that came to nothing."""
        self.left -= cost

    def odd(self, cost: int) -> None:
        """The same, and a glitch."""
        self.glitches += 1
        self.left -= cost

    def part(self, count: int) -> bool:
        """The CONTINUATION frame of that number within its block, from 1 on. True: it is a glitch."""
        self.left -= FRAME
        if count == FIRST_ODD_PART or count > FIRST_ODD_PART and count % ODD_PARTS == 1:
            self.glitches += 1
            return True
        return False

    def answered(self) -> None:
        """A stream has ended well."""
        if self.left < MOST:
            self.left += ANSWERED

    def sent(self, size: int, cut: bool) -> None:
        """A frame of DATA; `cut`: by the other end's window."""
        if self.left < MOST:
            self.left += (size >> SENT_SHIFT) + (0 if cut else SENT)

    def bears(self, now: int) -> bool:
        """After what was taken: False when the connection has to end. `now`: monotonic ms."""
        if self.left >= 0:
            return True
        # Time is only looked at when nothing is left: what passed before counts as much then.
        gained = (now - self._at) * RATE // 1000
        if gained:
            self._at = now
        self.left += min(gained, self.start)
        return self.left >= 0
