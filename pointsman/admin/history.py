"""What the statistics page draws: requests and errors per second of each proxy, over the last ten minutes.

Control looks at the counters of all lanes every five seconds, in slices, and keeps 120 samples of each proxy in a ring
that never grows. A control process that takes over begins anew. Without a statistics page nothing is sampled.
"""

import asyncio
from array import array
from time import monotonic
from typing import Final

from pointsman.admin.answers import SLICE
from pointsman.admin.view import ProxyView, View

SAMPLES: Final = 120
PERIOD: Final = 5  # s


class RingBuffer:
    """The last 120 values; tenths of events per second."""

    __slots__ = ("at", "count", "values")

    def __init__(self) -> None:
        self.values = array("I", bytes(4 * SAMPLES))
        self.at = 0  # where the next one goes
        self.count = 0

    def add(self, value: int) -> None:
        self.values[self.at] = min(max(value, 0), 0xFFFFFFFF)
        self.at = (self.at + 1) % SAMPLES
        self.count = min(self.count + 1, SAMPLES)

    def recent(self) -> list[int]:
        """The values, the oldest first."""
        values = list(self.values[self.at :]) + list(self.values[: self.at])
        return values[SAMPLES - self.count :]


class ProxyHistory:
    """What is drawn of one proxy."""

    __slots__ = ("errors", "failed", "proxy", "requests", "served")

    def __init__(self, proxy: ProxyView) -> None:
        self.proxy = proxy
        self.requests = RingBuffer()
        self.errors = RingBuffer()
        self.served, self.failed = totals(proxy)

    def sample(self, proxy: ProxyView, passed: float) -> None:
        """`passed`: seconds since the last time."""
        served, failed = totals(proxy)
        self.requests.add(round(max(0, served - self.served) * 10 / passed))
        self.errors.add(round(max(0, failed - self.failed) * 10 / passed))
        self.served, self.failed = served, failed


def totals(proxy: ProxyView) -> tuple[int, int]:
    """Requests, or sessions in TCP mode; responses with 5xx, or connections to servers that failed."""
    side = proxy.front.frontend if proxy.front is not None else proxy.back.backend if proxy.back is not None else None
    if side is None:
        return 0, 0
    counters = side.counters.totals
    if proxy.http:
        return counters.requests, counters.http_5xx
    behind = proxy.back.backend.counters.totals if proxy.back is not None else counters
    return counters.sessions, behind.failed_connections


class History:
    def __init__(self, view: View) -> None:
        self.view = view
        self.tracks: dict[int, ProxyHistory] = {}  # by the proxy's number
        self.before = 0.0
        self.task: asyncio.Task[None] | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self.before = monotonic()
        self.tracks = {proxy.number: ProxyHistory(proxy) for proxy in self.view.proxies}
        self.task = loop.create_task(self._run())

    def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            await self.sample()

    async def sample(self) -> None:
        """Look at all proxies; others have a go in between."""
        now = since = monotonic()
        passed = max(now - self.before, 0.001)
        self.before = now
        proxies = self.view.proxies
        if len(self.tracks) > len(proxies):
            there = {proxy.number for proxy in proxies}
            self.tracks = {number: track for number, track in self.tracks.items() if number in there}
        for proxy in proxies:
            track = self.tracks.get(proxy.number)
            if track is None or track.proxy is not proxy:  # it has come since the last time
                self.tracks[proxy.number] = ProxyHistory(proxy)
            else:
                track.sample(proxy, passed)
            if monotonic() - since > SLICE:
                await asyncio.sleep(0)
                since = monotonic()
