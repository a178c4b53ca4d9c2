"""What must be looked at once a second to be known: how idle the process is, and how much it sends."""

import time
from typing import Final

from pointsman.admin.view import View
from pointsman.net.reactor import Hook

_SECOND: Final = 1_000  # ms


class Gauge(Hook):
    """Measures over the last whole second (Idle_pct, TotalBytesOut, BytesOutRate of `show info`)."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view
        self.idle = 100  # per cent of the last second that passed without our using a processor
        self.sent_rate = 0  # bytes
        self.began = view.now
        self.used = time.process_time_ns()
        self.before = sent(view)
        self.due = self.began + _SECOND

    def after(self, now: int) -> None:
        passed = now - self.began
        used, total = time.process_time_ns(), sent(self.view)
        self.idle = max(0, min(100, 100 - (used - self.used) // (passed * 10_000)))
        self.sent_rate = max(0, total - self.before) * _SECOND // passed
        self.began, self.used, self.before = now, used, total
        self.due = now + _SECOND


def sent(view: View) -> int:
    """Bytes sent to clients so far, of exchanges that are over."""
    return sum(proxy.front.frontend.counters.totals.bytes_out for proxy in view.proxies if proxy.front is not None)
