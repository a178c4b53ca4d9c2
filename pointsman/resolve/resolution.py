"""What is known of names, and who wants to know it (manual 5.3.2). All of this lives in control, on its loop.

    section = RESOLVERS.by_name["mydns"]
    resolution = section.resolve("www.example.com", ADDRESS, 4, subscriber)
    ...                                        the subscriber is called: look at status, records, held()
    section.release(resolution, subscriber)

A Resolution is asked about again and again, as long as it has subscribers; those of one section that want the same
share one. An attempt to resolve ends with a status: "valid", or an error, "nx", "refused", "timeout", "other" or
"invalid". An error alone changes no record: `hold` says for how long after the last valid answer it is to be
overlooked. Once that time is over there are no records.

`records` are those that count now: of a valid answer, and those of earlier ones that `hold obsolete` still keeps.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pointsman.config.resolvers import AcceptedFamilies, ResolversOptions
from pointsman.core.arena import Arena
from pointsman.net.clock import monotonic_ms
from pointsman.resolve.attempt import Attempt
from pointsman.resolve.families import ACCEPTED
from pointsman.resolve.message import SRV, TYPE_OF, Response, is_name, number_of
from pointsman.resolve.name_server import COUNT_INVALID, COUNTERS, OUTDATED, UPDATE, NameServer
from pointsman.resolve.records import (
    ADDRESS,
    INVALID,
    NX,
    OTHER,
    REFUSED,
    SERVICE,
    TIMEOUT,
    VALID,
    Holds,
    Record,
)

__all__ = [
    "ADDRESS",
    "INVALID",
    "NX",
    "OTHER",
    "REFUSED",
    "RESOLVERS",
    "SERVICE",
    "TIMEOUT",
    "VALID",
    "Holds",
    "Record",
    "Resolution",
    "Resolvers",
    "ResolversSection",
]

Subscriber = Callable[["Resolution"], None]

_CACHED: Final = 10_000  # names of do-resolve whose last answer is kept, at most
_MOST: Final = 1 << 15  # queries under way, of the 65,536 that numbers tell apart: then do-resolve asks no more
_SHORTEST: Final = 0.01  # s between two attempts, or two rounds of one, whatever the configuration says
_SPREAD: Final = 0.0005  # s between the first attempts of two names


class Resolution:
    """A name, and what is known of it.

    Subscribers are called on control's loop when an attempt has ended, when the hold time of the last status is over,
    when an obsolete record is dropped, and, of a service, when the address of a target has changed.
    """

    def __init__(self, name: str, kind: str, prefer: int, holds: Holds) -> None:
        self.name = name
        self.kind = kind
        self.prefer = prefer  # 4 or 6
        self.holds = holds
        self.status = ""  # before the first answer
        self.records: tuple[Record, ...] = ()
        self.subscribers: list[Subscriber] = []
        self.valid_at = -1  # when the last valid answer came (monotonic ms); -1: there was none
        self.server: NameServer | None = None  # who has given it
        self.seen: dict[Record, int] = {}  # each record, without the address of a target, and when it was last heard of
        self.current: frozenset[Record] = frozenset()  # those of them that the last valid answer had
        self.targets: dict[str, Target] = {}  # of a service
        self.turn = 0  # of those who want one address of several

    def held(self, status: str) -> bool:
        """The last valid answer is not older than the hold time of that status."""
        return self.valid_at >= 0 and monotonic_ms() < self.valid_at + self.holds.of(status)

    def changed(self) -> None:
        """What was answered last has changed what a subscriber uses (the counter `update` of its name server)."""
        if self.server is not None:
            self.server.count(UPDATE)

    def tell(self) -> None:
        """Something is to be looked at. A subscriber may subscribe or leave meanwhile."""
        for subscriber in tuple(self.subscribers):
            if subscriber in self.subscribers:
                subscriber(self)

    def fresh(self) -> bool:
        """It may be used without asking again (`hold valid`)."""
        return self.status == VALID and bool(self.records) and self.held(VALID)

    def one(self) -> str:
        """An address, each time the next one; "": there is none."""
        if not self.records:
            return ""
        self.turn += 1
        return self.records[(self.turn - 1) % len(self.records)].address

    def take(self, attempt: Attempt) -> None:
        """An attempt has ended."""
        self.status = attempt.status
        response = attempt.response
        now = monotonic_ms()
        if response is not None:
            self.valid_at = now
            self.server = attempt.server
            self.current = frozenset(response.records)
            older = [record for record in self.seen if record not in self.current]
            self.seen = {record: now for record in response.records} | {record: self.seen[record] for record in older}
            for name, target in self.targets.items():
                target.come_along = response.addresses.get(name) or target.come_along
        self.sort_out(now)

    def sort_out(self, now: int) -> None:
        """Drop what does not count any more, and work out the records."""
        if self.status != VALID and not self.held(self.status):
            self.seen = {}
        elif self.status == VALID:
            self.seen = {
                record: at
                for record, at in self.seen.items()
                if record in self.current or now < at + self.holds.obsolete
            }
        self.records = tuple(
            self.targets[record.target].complete(record) if record.target in self.targets else record
            for record in self.seen
        )

    def next_change(self) -> int:
        """When records run out without anything being heard (monotonic ms); -1: never."""
        if not self.seen:
            return -1
        if self.status != VALID:
            return self.valid_at + self.holds.of(self.status)
        obsolete = [at for record, at in self.seen.items() if record not in self.current]
        return min(obsolete) + self.holds.obsolete if obsolete else -1


class Target:
    """The host of a service. The address that it has is kept as long as it is among those that the host has."""

    def __init__(self, prefer: int) -> None:
        self.prefer = prefer
        self.come_along: tuple[Record, ...] = ()  # with an answer about the service
        self.resolution: Resolution | None = None  # where none did with the last one, it is asked about
        self.subscriber: Subscriber | None = None
        self.address = ""

    def known(self) -> tuple[Record, ...]:
        if self.resolution is not None and self.resolution.status:
            return self.resolution.records
        return self.come_along

    def complete(self, record: Record) -> Record:
        known = self.known()
        if self.address not in [one.address for one in known]:
            preferred = [one for one in known if one.family == self.prefer] or list(known)
            self.address = preferred[0].address if preferred else ""
        family = 0 if not self.address else 6 if ":" in self.address else 4
        return replace(record, address=self.address, family=family)


class Work:
    """What a section does about a resolution: an attempt, or timers until the next one."""

    def __init__(self, section: "ResolversSection", resolution: Resolution) -> None:
        self.section = section
        self.resolution = resolution
        self.attempt: Attempt | None = None
        self.wanted: list[asyncio.Future[str]] = []  # who waits for the end of the attempt, for an address
        self.next: asyncio.TimerHandle | None = None  # when the next attempt begins
        self.watch: asyncio.TimerHandle | None = None  # when records run out

    def begin(self) -> None:
        """Ask, unless that is being done."""
        if self.attempt is None:
            if self.next is not None:
                self.next.cancel()
                self.next = None
            self.attempt = Attempt(self.section, self.resolution.name, self._types(), self._done)
            self.attempt.start()

    def _types(self) -> list[int]:
        if self.resolution.kind == SERVICE:
            return [SRV]
        families = ACCEPTED.families()
        order = [self.resolution.prefer, 10 - self.resolution.prefer]
        return [TYPE_OF[family] for family in order if family in families]

    def _done(self, attempt: Attempt) -> None:
        self.attempt = None
        resolution = self.resolution
        if resolution.kind == SERVICE and attempt.response is not None:
            self._point(attempt.response)
        resolution.take(attempt)
        wanted, self.wanted = self.wanted, []
        for future in wanted:
            if not future.done():
                future.set_result(resolution.one() if attempt.status == VALID else "")
        if self._alive():
            assert self.section.loop is not None
            self.next = self.section.loop.call_later(self.section.pause, self.begin)
            self._watch()
        resolution.tell()
        if not self._alive():
            self.section.put_aside(self)

    def _alive(self) -> bool:
        return bool(self.resolution.subscribers)

    def _watch(self) -> None:
        """Look again when records run out."""
        if self.watch is not None:
            self.watch.cancel()
            self.watch = None
        due = self.resolution.next_change()
        if due >= 0 and self.section.loop is not None:
            self.watch = self.section.loop.call_later(max(due - monotonic_ms(), 0) / 1000 + _SHORTEST, self._run_out)

    def _run_out(self) -> None:
        before = self.resolution.records
        self.resolution.sort_out(monotonic_ms())
        self._watch()
        if self.resolution.records != before:
            self.resolution.tell()

    def _point(self, response: Response) -> None:
        """Targets of a service: those whose address did not come along are asked about."""
        resolution = self.resolution
        accepted = ACCEPTED.families()
        named = {record.target for record in response.records} | {record.target for record in resolution.seen}
        for name in named - resolution.targets.keys():
            resolution.targets[name] = Target(resolution.prefer)
        for name in resolution.targets.keys() - named:
            self._release(resolution.targets.pop(name))
        for name, records in response.addresses.items():
            response.addresses[name] = tuple(one for one in records if one.family in accepted)
        for name, target in resolution.targets.items():
            if response.addresses.get(name):
                self._release(target)
            elif target.resolution is None and is_name(name):
                target.subscriber = self._target_known
                target.resolution = self.section.resolve(name, ADDRESS, resolution.prefer, self._target_known)

    def _target_known(self, _: Resolution) -> None:
        before = self.resolution.records
        self.resolution.sort_out(monotonic_ms())
        if self.resolution.records != before:
            self.resolution.tell()

    def _release(self, target: Target) -> None:
        if target.resolution is not None and target.subscriber is not None:
            self.section.release(target.resolution, target.subscriber)
        target.resolution = target.subscriber = None

    def stop(self) -> None:
        for timer in (self.next, self.watch):
            if timer is not None:
                timer.cancel()
        self.next = self.watch = None
        if self.attempt is not None:
            self.attempt.cancel()
            self.attempt = None
        for target in self.resolution.targets.values():
            self._release(target)
        for future in self.wanted:
            future.cancel()
        self.wanted.clear()


Key = tuple[str, str, int]


class ResolversSection:
    """A `resolvers` section: its name servers are all asked about each name."""

    def __init__(self, name: str, holds: Holds, options: ResolversOptions | None = None, arena: Arena | None = None):
        options = options or ResolversOptions(name=name)
        self.name = name
        self.holds = holds
        self.payload = options.payload
        self.retries = options.retries
        self.retry = max(options.retry / 1000, _SHORTEST)
        self.pause = max(options.resolve / 1000, _SHORTEST)
        cells = arena or Arena(1, max(1, len(options.servers)) * len(COUNTERS))
        self.servers = [NameServer(line, cells, options.payload) for line in options.servers]
        self.loop: asyncio.AbstractEventLoop | None = None
        self.numbers: dict[int, Attempt] = {}  # of queries that are under way
        self.work: dict[Key, Work] = {}  # what has subscribers, or somebody waits for
        self.cached: dict[Key, Work] = {}  # what only do-resolve has asked for, the oldest answer first

    @property
    def resolutions(self) -> list[Resolution]:
        """Those that have subscribers."""
        return [work.resolution for work in self.work.values() if work.resolution.subscribers]

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """In control, once: from here on names are asked about."""
        self.loop = loop
        for server in self.servers:
            server.start(loop, self._received)
        for index, work in enumerate(self.work.values()):
            loop.call_later(min(index * _SPREAD, self.pause), work.begin)

    def stop(self) -> None:
        """Nothing is asked any more."""
        for work in [*self.work.values(), *self.cached.values()]:
            work.stop()
        self.work.clear()
        self.cached.clear()
        for server in self.servers:
            server.close()
        self.loop = None

    def resolve(self, name: str, kind: str, prefer: int, subscriber: Subscriber) -> Resolution:
        """Ask about a name from now on. Names are equal whatever their case. The subscriber is never called in here."""
        work = self._work((name.lower().rstrip("."), kind, prefer))
        work.resolution.subscribers.append(subscriber)
        if len(work.resolution.subscribers) == 1 and self.loop is not None:
            self.loop.call_later(min(len(self.work) * _SPREAD, self.pause), self._begin, work)
        return work.resolution

    def _begin(self, work: Work) -> None:
        if work.resolution.subscribers and work.next is None:
            work.begin()

    def _work(self, key: Key) -> Work:
        work = self.work.get(key)
        if work is None:
            work = self.cached.pop(key, None) or Work(self, Resolution(*key, self.holds))
            self.work[key] = work
        return work

    def hurry(self, resolution: Resolution) -> None:
        """Something speaks against what is known of the name: it is asked about now, whenever its turn would be."""
        work = self.work.get((resolution.name, resolution.kind, resolution.prefer))
        if work is not None and self.loop is not None:
            work.begin()

    def release(self, resolution: Resolution, subscriber: Subscriber) -> None:
        """The subscriber is not called any more; a name without subscribers is asked about no more."""
        resolution.subscribers.remove(subscriber)
        work = self.work.get((resolution.name, resolution.kind, resolution.prefer))
        if not resolution.subscribers and work is not None and not work.wanted:
            self.put_aside(work)

    def put_aside(self, work: Work) -> None:
        """Nobody asks about it any more: what is known of it is kept for a while, for do-resolve."""
        resolution = work.resolution
        key = (resolution.name, resolution.kind, resolution.prefer)
        if self.work.get(key) is not work:
            return
        del self.work[key]
        work.stop()
        if resolution.kind == ADDRESS and resolution.fresh():
            self.cached[key] = work
        while self.cached:
            oldest = next(iter(self.cached))
            if len(self.cached) <= _CACHED and self.cached[oldest].resolution.fresh():
                break
            del self.cached[oldest]

    async def address(self, name: str, prefer: int) -> str:
        """An address of a name, "" where there is none: of an answer that is not older than `hold valid`, else of one
        that is waited for. Those who ask for the same at the same time wait for the same answer."""
        if self.loop is None or not is_name(name.rstrip(".")):
            return ""
        key = (name.lower().rstrip("."), ADDRESS, prefer)
        known = self.work.get(key) or self.cached.get(key)
        if known is not None and known.resolution.fresh():
            return known.resolution.one()
        if len(self.numbers) >= _MOST:
            return ""
        work = self._work(key)
        future: asyncio.Future[str] = self.loop.create_future()
        work.wanted.append(future)
        work.begin()
        return await future

    def longest(self) -> int:
        """Ms that an attempt takes at most: in each round two types."""
        return int(max(self.retries, 1) * 2 * self.retry * 1000)

    # What attempts need.

    def take_number(self, attempt: Attempt) -> int:
        """A number that no other query has, and that nobody can guess."""
        while True:
            number = secrets.randbelow(1 << 16)
            if number not in self.numbers:
                self.numbers[number] = attempt
                return number

    def give_number(self, number: int) -> None:
        self.numbers.pop(number, None)

    def _received(self, server: NameServer, message: bytes) -> None:
        number = number_of(message)
        attempt = self.numbers.get(number)
        if number < 0:
            server.count(COUNT_INVALID)
        elif attempt is None or not attempt.take(server, message, len(message) > self.payload):
            server.count(OUTDATED)


class Resolvers:
    """All sections of the process, by name; the one that is made of /etc/resolv.conf is "default"."""

    def __init__(self) -> None:
        self.by_name: dict[str, ResolversSection] = {}

    def make(self, options: list[ResolversOptions], families: AcceptedFamilies, arena: Arena) -> None:
        """Before the processes part."""
        self.by_name = {one.name: ResolversSection(one.name, one.holds, one, arena) for one in options}
        ACCEPTED.set(families)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """In control."""
        for section in self.by_name.values():
            section.start(loop)

    def stop(self) -> None:
        for section in self.by_name.values():
            section.stop()


RESOLVERS: Final = Resolvers()
