"""Deadlines that are met to the millisecond, for what traffic waits for: the wheel may be 64 ms late (timers.py).

An alarm waits in the wheel until shortly before its time, and then in a heap, which the reactor looks at after each
turn and whose earliest time ends a turn. So few are in the heap, and none of them long after it was disarmed.

      arm --> wheel --up to 128 ms before--> heap --> rang
"""

import heapq
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.net.reactor import Hook, Reactor
from pointsman.net.timers import NEVER, Timed

SHORTLY: Final = 128  # ms: two slots of the wheel


@mypyc_attr(allow_interpreted_subclasses=True)
class Alarm(Timed):
    def __init__(self, reactor: Reactor) -> None:
        super().__init__()
        self.alarms = alarms_of(reactor)
        self.target = NEVER

    def rang(self, now: int) -> None:
        """Its time has come (monotonic ms)."""
        raise NotImplementedError

    def arm(self, target: int) -> None:
        """Set or move its time."""
        self.target = target
        alarms = self.alarms
        if target - alarms.reactor.now > SHORTLY:
            alarms.reactor.wheel.arm(self, target - SHORTLY)
        else:
            alarms.reactor.wheel.disarm(self)
            alarms.add(self, target)

    def disarm(self) -> None:
        self.target = NEVER
        self.alarms.reactor.wheel.disarm(self)

    def expired(self, now: int) -> None:
        if self.target != NEVER:
            self.alarms.add(self, self.target)


class Alarms(Hook):
    """Those of a reactor whose time is near."""

    def __init__(self, reactor: Reactor) -> None:
        super().__init__()
        self.reactor = reactor
        self.heap: list[tuple[int, int, Alarm]] = []
        self.count = 0  # of those that were ever added: it orders those of the same time

    def add(self, alarm: Alarm, target: int) -> None:
        self.count += 1
        heapq.heappush(self.heap, (target, self.count, alarm))
        self.due = self.heap[0][0]

    def after(self, now: int) -> None:
        heap = self.heap
        while heap and heap[0][0] <= now:
            target, _, alarm = heapq.heappop(heap)
            if alarm.target == target:  # else it was moved, or disarmed
                alarm.target = NEVER
                try:
                    alarm.rang(now)
                except Exception:
                    self.reactor.wheel.fault(alarm)
        self.due = heap[0][0] if heap else NEVER


def alarms_of(reactor: Reactor) -> Alarms:
    """They are made when one is first wanted."""
    for hook in reactor.hooks:
        if isinstance(hook, Alarms):
            return hook
    made = Alarms(reactor)
    reactor.hooks.append(made)
    return made
