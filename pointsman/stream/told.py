"""Keeping decisions: what stands in a lane while they are kept, and how that begins and ends.

      keep(size) --> a ring; plans and routes that note why, exchanges that are noted when they are over
      keep(0)    --> none of it: nothing asks whether somebody wants to know

Which rule has ended an exchange is noted where a verdict ends a list (`note_final`, rules/plan.py).
"""

from typing import Final

from pointsman.core.epoch import EPOCH
from pointsman.core.wishes import DECISIONS, REUSED, WISHES
from pointsman.sample.context import Context, DecidedBy
from pointsman.stream.entries import Deciding, Entry
from pointsman.stream.proxies import BackendProxy, Frontend, Program, Route
from pointsman.stream.ring import Ring
from pointsman.stream.routing import RouteTable

MOST: Final = 65_536  # records of a ring
USUAL: Final = 1_000
HEADS: Final = 8 << 20  # bytes that heads may take on the wire, were each as large as it may be


class ToldRoutes(RouteTable):
    """The use_backend rules of a frontend, where it is noted which one has held."""

    def first(self, context: Context) -> Route | None:
        route = super().first(context)
        if route is not None:
            _decided(context).route = route.at
        return route


class Told(Entry):
    """An entry that may name a server, where it is noted that it has."""

    def __init__(self, entry: Entry, named_by: int) -> None:
        self.name = entry.name
        self.entry = entry
        self.named_by = named_by

    def decide(self, one: Deciding) -> int:
        self.entry.at = self.at
        before = one.forced
        outcome = self.entry.decide(one)
        return self._note(one, before is not one.forced, outcome)

    def again(self, one: Deciding) -> int:
        before = one.forced
        outcome = self.entry.again(one)
        return self._note(one, before is not one.forced, outcome)

    def _note(self, one: Deciding, changed: bool, outcome: int) -> int:
        if changed:
            _decided(one.context).named_by = self.named_by
        return outcome


def _decided(context: Context) -> DecidedBy:
    found = context.decided_by
    if found is None:
        found = context.decided_by = DecidedBy()
    return found


def told(entry: Entry, named_by: int) -> Entry:
    """For a plan."""
    return Told(entry, named_by) if WISHES.verdicts & DECISIONS else entry


def keep(program: Program, frontends: list[Frontend], backends: list[BackendProxy], size: int) -> None:
    """Keep the last `size` decisions of this lane from now on; 0: none. Those that were kept before are forgotten."""
    ring = program.ring
    if ring is not None:
        program.ring = None
        ring.take_apart()
    elif not size:
        return
    if size:
        program.ring = Ring(size, max(1, HEADS // program.buffer.size), program.process.reactor.clock())
        WISHES.verdicts |= DECISIONS
        WISHES.sending |= REUSED
    else:
        WISHES.verdicts &= ~DECISIONS
        WISHES.sending &= ~REUSED
    for frontend in frontends:
        frontend.watch()
        frontend.routes = ToldRoutes(frontend.use_backend) if size else None
        frontend.plan = None
    for backend in backends:
        backend.plan = None
    EPOCH.end()  # what is remembered does not know which rules it stood on
