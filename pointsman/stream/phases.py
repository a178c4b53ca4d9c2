"""Where an exchange stands, and what may follow.

      IDLE --> GATHER <--> rules of the request (TCP: --> QUEUE, CONNECT)
        |  --> QUEUE, PAUSE, CONNECT --> SENT <--> HOLD: rules of the response
        |                                  |  --> FORWARD --> LAST --> IDLE
        |                                  '----> TUNNEL --> IDLE, ENDED
        |  --> TARPIT, SERVICE: answers of our own --> LAST
        '---------------------------------------> ENDED

A fault may end it from anywhere: by an answer of our own (LAST), or without one (IDLE, ENDED).
"""

from typing import Final

IDLE: Final = 0  # between two exchanges, or before the request's head is whole, or while rules are asked
QUEUE: Final = 1
PAUSE: Final = 2
CONNECT: Final = 3
SENT: Final = 4  # the request is under way, no response head yet
FORWARD: Final = 5  # the response's body is under way
LAST: Final = 6  # all received, not all written to the client
TUNNEL: Final = 7  # raw, both ways
ENDED: Final = 8
TARPIT: Final = 9  # the client waits for its rejection
GATHER: Final = 10  # rules of the request wait, or want its body
SERVICE: Final = 11  # a service writes the answer
HOLD: Final = 12  # rules of the response wait

NAMES: Final = {
    IDLE: "idle",
    QUEUE: "queue",
    PAUSE: "pause",
    CONNECT: "connect",
    SENT: "sent",
    FORWARD: "forward",
    LAST: "last",
    TUNNEL: "tunnel",
    ENDED: "ended",
    TARPIT: "tarpit",
    GATHER: "gather",
    SERVICE: "service",
    HOLD: "hold",
}
_OVER: Final = (IDLE, ENDED)  # from anywhere
_REFUSED: Final = (LAST, IDLE, ENDED)  # the same, with an answer of our own before
TABLE: Final[dict[int, tuple[int, ...]]] = {
    IDLE: (QUEUE, CONNECT, SENT, TARPIT, GATHER, SERVICE, *_REFUSED),
    GATHER: (QUEUE, CONNECT, *_REFUSED),
    QUEUE: (QUEUE, CONNECT, SENT, *_REFUSED),
    PAUSE: (CONNECT, *_REFUSED),
    CONNECT: (CONNECT, PAUSE, QUEUE, SENT, TUNNEL, *_REFUSED),
    SENT: (CONNECT, QUEUE, SENT, HOLD, FORWARD, TUNNEL, *_REFUSED),
    HOLD: (SENT, *_REFUSED),
    FORWARD: _REFUSED,
    TUNNEL: _OVER,
    TARPIT: _REFUSED,
    SERVICE: _REFUSED,
    LAST: _REFUSED,
    ENDED: _OVER,
}


class Followers:
    """Looks at every move, where somebody wants it: tests do."""

    def __init__(self) -> None:
        self.watched = False

    def check(self, before: int, after: int) -> None:
        if after not in TABLE[before]:
            raise RuntimeError(f"an exchange cannot go from {NAMES[before]} to {NAMES[after]}")


FOLLOWERS: Final = Followers()
