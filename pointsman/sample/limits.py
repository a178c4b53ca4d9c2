"""How long an exchange waits for whom, in which order, and how often it tries again: what proxies say of it, and what
rules have said of one exchange alone (manual 4.4, set-timeout, set-retries, set-priority-class, set-priority-offset).

A proxy's Limits hold what its configuration says, the times that others are inherited from included. Those of an
exchange are made by the first rule that changes one, and hold what rules have changed, nothing else.
"""

from typing import Final

CLIENT_TIME: Final = 0  # places in Limits.times
CONNECT_TIME: Final = 1
QUEUE_TIME: Final = 2
SERVER_TIME: Final = 3
TARPIT_TIME: Final = 4
TUNNEL_TIME: Final = 5
TIMES: Final = 6

TIME_NAMES: Final = {
    "client": CLIENT_TIME,
    "connect": CONNECT_TIME,
    "queue": QUEUE_TIME,
    "server": SERVER_TIME,
    "tarpit": TARPIT_TIME,
    "tunnel": TUNNEL_TIME,
}
HIGHEST_CLASS: Final = 2047  # and the lowest is its negative (manual 4.4, set-priority-class)
LONGEST_OFFSET: Final = 524_287  # ms (manual 4.4, set-priority-offset)
MOST_RETRIES: Final = 100  # that a rule may allow (manual 4.4, set-retries)


class Limits:
    def __init__(self) -> None:
        self.times = [0] * TIMES  # ms; 0: nothing is said
        self.retries = -1  # -1: nothing is said
        self.priority_class = 0  # in queues: lower ones first
        self.priority_offset = 0  # ms that it has come later

    def enter_backend(self) -> None:
        """The exchange goes to another proxy, whose own limits hold there. The client stays the same one."""
        client = self.times[CLIENT_TIME]
        self.times = [0] * TIMES
        self.times[CLIENT_TIME] = client
        self.retries = -1
