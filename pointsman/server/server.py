"""A server: where it is, whether it may be used, how much it carries.

                 checks fail `fall` times                 enable / ready
     RUNNING ------------------------------> STOPPED      MAINT <--> (any)      DRAIN: only what persists
        ^  ^--- STARTING (slowstart) <---------'  rise times

Two independent things decide whether it gets new work: its operational state (by checks) and its administrative one
(by configuration, runtime socket, `http-check disable-on-404`). Whoever changes either calls `changed`, and the
backend rebuilds its schedule.
"""
from typing import Final

from pointsman.core.counters import Counters
from pointsman.sample.context import ServerFacts

STOPPED: Final = 0  # operational states, with the numbers of the server-state file
STARTING: Final = 1
RUNNING: Final = 2
STOPPING: Final = 3  # answers 404 to checks under disable-on-404

MAINT: Final = 1  # administrative flags
DRAIN: Final = 8


class Server(ServerFacts):
    """A live server. Weights: `weight` is the configured one (0 to 256), `effective` what slowstart leaves of it in 1/16."""

    def __init__(self, name: str, number: int, backend_name: str, weight: int) -> None:
        super().__init__(name, number)
        self.route = backend_name.encode() + b"/" + self.name  # as logged
        self.weight = weight
        self.initial_weight = weight
        self.backup = False
        self.state = RUNNING
        self.admin = 0
        self.share = 16  # sixteenths of its weight that are in force (slowstart)
        self.maxconn = 0  # 0: no limit
        self.maxqueue = 0  # of its queue; 0: no limit
        self.hash_key = b""  # what places it on a consistent hash (balance.build.hash_key); b"": its number
        self.open = 0  # connections to it, idle ones included
        self.counters = Counters()
        self.checked = False
        self.last_change = 0  # monotonic ms of the last change of state
        self.down_time = 0  # ms
        self.downs = 0  # transitions to DOWN (chkdown)
        self.check_fails = 0  # chkfail
        self.check_status = ""  # INI, L4OK, L7OK, L4CON ... (management 9.1)
        self.check_code = 0
        self.check_duration = -1  # ms
        self.check_health = 0  # 0 .. rise + fall - 1
        self.rise = 2
        self.fall = 3
        self.last_check = ""  # text of the last check's result

    @property
    def usable(self) -> bool:
        """It may get new work: up, neither in maintenance nor draining, and with a weight."""
        return self.state >= STARTING and self.state != STOPPING and not self.admin and self.weight > 0

    @property
    def up(self) -> bool:
        return self.state != STOPPED and not self.admin & MAINT

    @property
    def slots(self) -> int:
        """Its maxconn, less during slowstart; 0: no limit."""
        return max(1, self.maxconn * self.share // 16) if self.maxconn else 0

    @property
    def queued(self) -> int:
        """Streams that wait for it."""
        return 0

    @property
    def effective(self) -> int:
        """Its weight in sixteenths: 16 times the configured weight, less during slowstart (at least one)."""
        return max(1, self.weight * self.share) if self.weight else 0
