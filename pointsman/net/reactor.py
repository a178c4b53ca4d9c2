"""The reactor: one edge-triggered epoll, one native base class for all that it calls.

A turn takes a batch of events, reads the clock once, calls `ready` of each channel, then what asked for another go,
then the timers that are due, and only then closes the descriptors that were given up: a number that the kernel
re-uses within a batch would otherwise get an event that was meant for its predecessor.

Edge-triggered means: an event says "something changed", once. A channel reads until a read comes back short (on a
stream socket this says drained, epoll(7)), or to the end of file where the event carried a hang-up; one that pauses
simply does not read, and must try again when it resumes.

The reactor can run by itself (`run`) or inside an asyncio loop (`nest`): its epoll descriptor is readable when it has
events, so one `add_reader` is all that is needed, and no future or task exists for a request.
"""

import asyncio
import os
import select
import sys
import traceback
from collections.abc import Callable
from time import monotonic_ns
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core import calls
from pointsman.net.pipe import Pipe
from pointsman.net.timers import NEVER, SHIFT, Timed, Wheel, report

IN: Final = 0x001  # as in <sys/epoll.h>
OUT: Final = 0x004
ERR: Final = 0x008
HUP: Final = 0x010
RDHUP: Final = 0x2000
GONE: Final = 0x018  # ERR or HUP: both directions are over
ENDING: Final = 0x2018  # RDHUP too: reads will reach an end
_EDGES: Final = IN | OUT | RDHUP | select.EPOLLET
_STAY: Final = 3  # ms that a nested reactor may go on before others of the loop have a go
_RETRY: Final = 1000  # ms until a hook that failed has another go
_LOOK: Final = 1  # ms
_close: Final = os.close
_wait: Final = calls.wait


@mypyc_attr(allow_interpreted_subclasses=True)
class Job(Timed):
    """What the reactor calls: when its deadline has passed, and when it has asked for another go."""

    def __init__(self) -> None:
        super().__init__()
        self.going = False  # it has asked for another go

    def go(self) -> None:
        """The go that was asked for with Reactor.another."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Channel(Job):
    """A descriptor that the reactor watches."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self.fd = fd

    def owner(self) -> object:
        """Whose descriptor it is."""
        return self

    def ready(self, events: int) -> None:
        """Something changed; `events` are epoll's bits."""
        raise NotImplementedError

    def go(self) -> None:
        if self.fd >= 0:
            self.again()

    def again(self) -> None:
        """A go that was asked for, and it is still open."""
        raise NotImplementedError

    def expired(self, now: int) -> None:
        pass


class NoChannel(Channel):
    """Stands in the table where no channel is."""

    def ready(self, events: int) -> None:
        pass


@mypyc_attr(allow_interpreted_subclasses=True)
class Hook:
    """Called after the first turn at `due` or later (monotonic ms; a turn waits no longer than that), or, with `each`,
    after every turn. Plain attributes, because they are looked at in every turn."""

    def __init__(self) -> None:
        self.due = NEVER
        self.each = False

    def after(self, now: int) -> None:
        raise NotImplementedError


class Reactor:
    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.fd = self.epoll.fileno()
        self.now = monotonic_ns() // 1_000_000
        self.wheel = Wheel(self.now)
        self.vacant: Channel = NoChannel(-1)
        self.channels: list[Channel] = [self.vacant] * 1024
        self.goes: list[Job] = []
        self.given_up: list[int] = []
        self.hooks: list[Hook] = []
        # Told now and then that there are turns; not among the hooks, which cost more each turn.
        self.heartbeat = Hook()
        self.pipe = Pipe()
        self.open = 0  # channels that are watched
        self.busy = False  # the last turn had events
        self.stays = True  # where it is nested; with several lanes it would take connections from those that sleep
        self.running = True
        self.fault: Callable[[Timed], None] = report

    def reopen(self) -> None:
        """A process was forked: an epoll and a clock of its own. Nothing may be watched or armed yet."""
        self.epoll.close()
        self.epoll = select.epoll()
        self.fd = self.epoll.fileno()
        self.now = monotonic_ns() // 1_000_000
        self.wheel = Wheel(self.now)

    def clock(self) -> int:
        """The time as it is (monotonic ms): before the first turn `now` is older."""
        return monotonic_ns() // 1_000_000

    def add(self, channel: Channel, edges: int = _EDGES) -> None:
        fd = channel.fd
        while fd >= len(self.channels):
            self.channels.extend([self.vacant] * 1024)
        self.channels[fd] = channel
        self.epoll.register(fd, edges)
        self.open += 1

    def close(self, channel: Channel) -> None:
        """Forget it now; its descriptor is closed after the batch."""
        fd = channel.fd
        if fd >= 0:
            self.channels[fd] = self.vacant
            self.given_up.append(fd)
            channel.fd = -1
            self.open -= 1
        self.wheel.disarm(channel)

    def release(self, channel: Channel) -> None:
        """Forget it, but leave its descriptor open: another channel takes it over."""
        self.epoll.unregister(channel.fd)
        self.forget(channel)

    def forget(self, channel: Channel) -> None:
        """The same of one that is not watched any more."""
        self.channels[channel.fd] = self.vacant
        self.open -= 1
        channel.fd = -1
        self.wheel.disarm(channel)

    def another(self, job: Job) -> None:
        """Call its `go` later in this turn or in the next, once however often it is asked: fairness, and no
        recursion."""
        if not job.going:
            job.going = True
            self.goes.append(job)

    def turn(self, wait: int) -> None:
        """One batch; waits at most `wait` ms for it."""
        events = _wait(self.fd, 0 if self.goes else wait, self.epoll)
        now = self.now = monotonic_ns() // 1_000_000
        self.busy = len(events) > 0
        channels = self.channels
        for i in range(0, len(events), 2):
            channel = channels[events[i]]
            try:
                channel.ready(events[i + 1])
            except Exception:
                self.fault(channel)
        if self.goes:
            self._goes()
        if now >> SHIFT > self.wheel.tick:
            self.wheel.advance(now)
        for hook in self.hooks:
            if hook.each or now >= hook.due:
                try:
                    hook.after(now)
                except Exception:
                    hook.due = now + _RETRY
                    traceback.print_exc(file=sys.stderr)
        heartbeat = self.heartbeat
        if now >= heartbeat.due:
            heartbeat.after(now)
        if self.given_up:
            for fd in self.given_up:
                _close(fd)
            self.given_up.clear()

    def _goes(self) -> None:
        goes, self.goes = self.goes, []
        for job in goes:
            job.going = False
            try:
                job.go()
            except Exception:
                self.fault(job)

    def patience(self) -> int:
        """Milliseconds that a turn may wait."""
        # The wheel moves at the end of a slot: no earlier turn would find anything.
        wanted = ((self.now >> SHIFT) + 1 << SHIFT) if self.wheel.waiting else self.now + 1000
        for hook in self.hooks:
            wanted = min(wanted, hook.due)
        wanted = min(wanted, self.heartbeat.due)
        return max(wanted - self.now, 0)

    def run(self) -> None:
        while self.running:
            self.turn(self.patience())

    def nest(self, loop: asyncio.AbstractEventLoop) -> "Nested":
        """Run from now on as one reader of that loop, until `leave` of what is returned is called."""
        return Nested(self, loop)


class Nested:
    """The reactor inside an asyncio loop: a reader for its events, and one timer for what it wants to do by itself.

    A timer that is set stays set; it is set anew only where a turn leaves the reactor wanting one earlier. So under
    load a turn costs the loop nothing but its reader's callback, and an idle reactor wakes the loop once a second.

    What a turn has sent is often answered at once. So it stays for up to 3 ms, and waits for the answer itself: the way
    through the loop costs a second system call, and more than the turn. It stays, too, while somebody wants another go.
    """

    def __init__(self, reactor: Reactor, loop: asyncio.AbstractEventLoop) -> None:
        self.reactor = reactor
        self.loop = loop
        self.timer: asyncio.TimerHandle | None = None
        self.due = NEVER  # when the timer fires (monotonic ms)
        loop.add_reader(reactor.epoll.fileno(), self.turn)
        self.turn()

    def turn(self) -> None:
        """One batch of events; also to be called after changes from outside, so that they take effect at once."""
        reactor = self.reactor
        reactor.turn(0)
        until = reactor.now + _STAY
        while (reactor.goes or reactor.busy and reactor.stays) and reactor.now < until and reactor.running:
            reactor.turn(_LOOK)
        if reactor.goes:
            wanted = reactor.now
        else:
            wanted = reactor.now + reactor.patience()
        if wanted < self.due:
            if self.timer is not None:
                self.timer.cancel()
            self.due = wanted
            self.timer = self.loop.call_later((wanted - reactor.now) / 1000, self._fire)

    def _fire(self) -> None:
        self.timer = None
        self.due = NEVER
        self.turn()

    def leave(self) -> None:
        self.loop.remove_reader(self.reactor.epoll.fileno())
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
