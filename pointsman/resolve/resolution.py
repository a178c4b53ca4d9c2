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

from collections.abc import Callable
from typing import Final

from pointsman.net.clock import monotonic_ms
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


class Resolution:
    """A name, and what is known of it.

    Subscribers are called on control's loop when an attempt has ended, when the hold time of the last status is over,
    and, of a service, when the address of a target has changed.
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

    def held(self, status: str) -> bool:
        """The last valid answer is not older than the hold time of that status."""
        return self.valid_at >= 0 and monotonic_ms() < self.valid_at + self.holds.of(status)

    def tell(self) -> None:
        """Something is to be looked at. A subscriber may subscribe or leave meanwhile."""
        for subscriber in tuple(self.subscribers):
            if subscriber in self.subscribers:
                subscriber(self)


class ResolversSection:
    """A `resolvers` section: its name servers are all asked about each name."""

    def __init__(self, name: str, holds: Holds) -> None:
        self.name = name
        self.holds = holds
        self.resolutions: dict[tuple[str, str, int], Resolution] = {}

    def resolve(self, name: str, kind: str, prefer: int, subscriber: Subscriber) -> Resolution:
        """Ask about a name from now on. Names are equal whatever their case. The subscriber is never called in here."""
        key = (name.lower().rstrip("."), kind, prefer)
        found = self.resolutions.get(key)
        if found is None:
            found = self.resolutions[key] = Resolution(key[0], kind, prefer, self.holds)
        found.subscribers.append(subscriber)
        return found

    def release(self, resolution: Resolution, subscriber: Subscriber) -> None:
        """The subscriber is not called any more; a name without subscribers is asked about no more."""
        resolution.subscribers.remove(subscriber)
        if not resolution.subscribers:
            self.resolutions.pop((resolution.name, resolution.kind, resolution.prefer), None)


class Resolvers:
    """All sections of the process, by name; the one that is made of /etc/resolv.conf is "default"."""

    def __init__(self) -> None:
        self.by_name: dict[str, ResolversSection] = {}


RESOLVERS: Final = Resolvers()
