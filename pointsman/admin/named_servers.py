"""Servers whose addresses come from names, while the program runs (manual 5.3). All of this lives in control.

    Resolution (resolve/) --look--> NameGroup: the servers of one name share its records --> NamedServer: one of them

A server keeps its address for as long as that is among the records of its name. Where it is not, the server takes
another one, that no other server of its backend and name has (resolve-opts allow-dup-ip: or has); where there is none,
it is in maintenance by resolution. An error of a name server changes nothing until `hold` says so.

A server of a service (a name that begins with "_": SRV records) takes one of the service's records, which names its
host, its port and its weight, and the host's addresses then come from a group of their own.

What is decided travels to all lanes as a change (addresses.py, "resolved"). The way back from maintenance is in cells,
which lanes see at once: so that none of them goes to the old address, it is entered only when all have made the change.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pointsman.admin.addresses import ServerAddresses, begin_checks
from pointsman.admin.links import FOLLOW
from pointsman.admin.record_choice import choose, weight_of
from pointsman.admin.view import BackSide, View
from pointsman.config.server_words import ServerParameters
from pointsman.log.target import NOTICE
from pointsman.resolve.resolution import (
    ADDRESS,
    NX,
    REFUSED,
    SERVICE,
    TIMEOUT,
    VALID,
    Record,
    Resolution,
    ResolversSection,
)
from pointsman.server.backend import LiveServer
from pointsman.server.checks.health import Health
from pointsman.server.dial import NO_HOST
from pointsman.server.server import MAINT, NAMED_BY_SOCKET, RESOLUTION_MAINT
from pointsman.tables.changes import CHANGES, Change, text
from pointsman.tables.patterns import PatternError

# Words that programs look for in logs: who said where a server is, and why one is in maintenance.
SHARED: Final = "DNS cache"
ADDITIONAL: Final = "DNS additional record"
REASONS: Final = {NX: "DNS NX status", REFUSED: "DNS refused status", TIMEOUT: "DNS timeout status"}
OTHER_REASON: Final = "unspecified DNS error"
NOTHING_LEFT: Final = "No IP for server "
REMOVED: Final = "entry removed from SRV record"

AT_ONCE: Final = 20  # servers that come back in one turn of the loop


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is; the host "" is nowhere yet. `offset`: added to the client's port, where it follows that."""

    host: str
    port: int
    follow: bool = False
    offset: int = 0

    @property
    def shown_port(self) -> str:
        return f"{self.offset:+d}" if self.follow else str(self.port)


def endpoint_of(server: LiveServer) -> Endpoint:
    dial = server.dial
    assert not isinstance(dial.target, str)
    return Endpoint(dial.target[0], dial.target[1], dial.follow_port, dial.offset)


class NamedServer:
    """A server whose address comes from a name. `assigned`: the address that records gave it last; "": none.

    That is not always where it is: `set server ... addr` puts it elsewhere until its record is gone.
    """

    def __init__(self, names: "NamedServers", side: BackSide, server: LiveServer, parameters: ServerParameters) -> None:
        self.names = names
        self.side = side
        self.server = server
        self.parameters = parameters
        self.assigned = endpoint_of(server).host
        self.record: Record | None = None  # of its service
        self.group: NameGroup | None = None  # of its addresses

    @property
    def shares(self) -> bool:
        """It may have an address that another server has: those of a service differ in their ports."""
        return self.parameters.resolve_duplicates or bool(self.server.service)

    @property
    def health(self) -> Health:
        return self.names.addresses.health_of(self.server) or Health(self.side.backend, self.server, self.side.tell)

    @property
    def route(self) -> str:
        """What it is called, with its backend."""
        return self.server.route.decode()

    def say(self, what: str) -> None:
        self.side.tell(NOTICE, f"{self.route}{what}".encode("latin-1", "replace"))

    def stays(self) -> None:
        """Its address is among the records, as before."""
        server = self.server
        if server.admin & RESOLUTION_MAINT and endpoint_of(server).host:
            self.names.bring_back(self)

    def move(self, endpoint: Endpoint, by: str) -> None:
        """Its records say that it is there. `by`: who said so."""
        old = endpoint_of(self.server)
        self.assigned = endpoint.host
        said: list[str] = []
        if endpoint.host != old.host:
            said.append(f"IP changed from '{old.host or '(none)'}' to '{endpoint.host}'")
        if endpoint.shown_port != old.shown_port:
            said.append(f"port changed from '{old.shown_port}' to '{endpoint.shown_port}'")
        if said:
            self.say(f": {', '.join(said)} by '{by}'.")
        self.names.change(self, endpoint)
        if self.server.admin & RESOLUTION_MAINT:
            self.names.bring_back(self)

    def lose(self, reason: str) -> None:
        """No record is left for it: it gets no more work, then its address is forgotten."""
        self.assigned = ""
        if not self.server.admin & RESOLUTION_MAINT:
            self.health.lose_address(self.names.view.now, reason)
        old = endpoint_of(self.server)
        if old.host:
            self.names.change(self, Endpoint(NO_HOST, old.port, old.follow, old.offset))

    # A server of a service.

    def take(self, record: Record) -> None:
        """A record of its service that no other server of its backend has."""
        server = self.server
        self.record = record
        server.fqdn = record.target
        server.admin |= NAMED_BY_SOCKET  # as HAProxy has it
        endpoint = Endpoint(record.address, record.port)
        if record.address:
            self.move(endpoint, ADDITIONAL)
        else:
            self.names.change(self, endpoint)
        self.say(f" changed its FQDN from (null) to {record.target} by 'SRV record'")
        self.weigh(record)
        self.names.join(self, record.target)

    def weigh(self, record: Record) -> None:
        """The weight of its record is its own, unless resolve-opts or the algorithm of its backend forbids that."""
        server = self.server
        self.record = record
        weight = weight_of(record)
        if (
            weight != server.weight
            and not self.parameters.resolve_ignore_weight
            and not self.side.backend.static_weights
        ):
            server.weight = weight
            self.side.backend.changed(server)

    def drop(self) -> None:
        """Its record is gone from the service."""
        self.record = None
        self.assigned = ""
        if not self.server.admin & RESOLUTION_MAINT:
            self.health.lose_address(self.names.view.now, REMOVED)
        self.names.leave(self)
        self.server.fqdn = ""
        self.names.change(self, Endpoint(NO_HOST, 0))


class NameGroup:
    """The servers that ask for one name in one way, in the order of the configuration."""

    def __init__(self, names: "NamedServers", section: ResolversSection, name: str, kind: str, prefer: int) -> None:
        self.names = names
        self.section = section
        self.name = name
        self.members: list[NamedServer] = []
        self.began = names.view.now
        self.resolution = section.resolve(name, kind, prefer, self.look)

    def end(self) -> None:
        self.section.release(self.resolution, self.look)

    def look(self, resolution: Resolution) -> None:
        """What is known of the name may have changed."""
        status = resolution.status
        if not status:
            return
        if status != VALID and not self._held(status):
            if resolution.kind == SERVICE:
                self._services(())
            else:
                for member in tuple(self.members):
                    member.lose(REASONS.get(status, OTHER_REASON))
        elif status == VALID or resolution.records:
            if resolution.kind == SERVICE:
                self._services(resolution.records)
            else:
                self._addresses(resolution.records)
        if not self.names.rung:
            resolution.changed()
        self.names.settle()

    def _held(self, status: str) -> bool:
        """An error is overlooked until `hold` is over, since the last valid answer or since it was first asked."""
        resolution = self.resolution
        if resolution.valid_at >= 0:
            return resolution.held(status)
        return self.names.view.now < self.began + resolution.holds.of(status)

    def _addresses(self, records: tuple[Record, ...]) -> None:
        known = {record.address for record in records}
        taken: dict[int, Counter[str]] = {}
        alone: set[tuple[int, str]] = set()  # addresses of those that share with nobody
        without: list[tuple[int, NamedServer]] = []
        for number, member in enumerate(self.members):
            counts = taken.setdefault(id(member.side), Counter())
            own = id(member.side), member.assigned
            if member.assigned in known and (member.shares or own not in alone):
                if not member.shares:
                    alone.add(own)
                counts[member.assigned] += 1
                member.stays()
            else:
                without.append((number, member))
        for number, member in without:
            counts = taken[id(member.side)]
            host = choose(records, member.parameters, counts, member.shares)
            if host is None:
                member.lose(NOTHING_LEFT)
                continue
            counts[host] += 1
            old = endpoint_of(member.server)
            member.move(Endpoint(host, old.port, old.follow, old.offset), self._by(number))

    def _by(self, number: int) -> str:
        """Who said where the server is: the first one of a name is told of the name server."""
        server = self.resolution.server
        return SHARED if number or server is None else f"{self.section.name}/{server.name}"

    def _services(self, records: tuple[Record, ...]) -> None:
        now = {(record.target, record.port): record for record in records}
        left: dict[int, dict[tuple[str, int], Record]] = {}
        for member in self.members:
            free = left.setdefault(id(member.side), dict(now))
            if member.record is None:
                continue
            key = member.record.target, member.record.port
            record = free.pop(key, None)
            if record is None:
                member.drop()
            elif record.weight != member.record.weight:
                member.weigh(record)
        for member in self.members:
            free = left[id(member.side)]
            if member.record is None and free:
                member.take(free.pop(next(iter(free))))


class NamedServers:
    """All servers of the generation that are known by names and have `resolvers`."""

    def __init__(self, view: View, addresses: ServerAddresses) -> None:
        self.view = view
        self.addresses = addresses
        self.servers: dict[LiveServer, NamedServer] = {}
        self.sections: dict[str, ResolversSection] = {}
        self.groups: dict[tuple[str, str, str, int], NameGroup] = {}
        self.loop: asyncio.AbstractEventLoop | None = None
        self.rung = True  # lanes know of all changes
        self.back: list[NamedServer] = []  # shall leave maintenance when lanes know where they are
        self.returning: asyncio.Task[None] | None = None

    def start(
        self,
        loop: asyncio.AbstractEventLoop,
        sections: dict[str, ResolversSection],
        servers: Iterable[tuple[BackSide, LiveServer, ServerParameters]],
    ) -> None:
        """In control, once it knows all changes of its predecessor. Each server has `resolvers`; a predecessor may have
        deleted it."""
        self.loop = loop
        self.sections = sections
        self.addresses.forgotten.append(self.remove)
        for side, server, parameters in servers:
            if side.backend.find(server.name) is server:
                self.add(side, server, parameters)

    def stop(self) -> None:
        for group in self.groups.values():
            group.end()
        self.groups = {}
        self.servers = {}
        if self.returning is not None:
            self.returning.cancel()
        self.addresses.forgotten.remove(self.remove)

    def add(self, side: BackSide, server: LiveServer, parameters: ServerParameters) -> None:
        named = self.servers[server] = NamedServer(self, side, server, parameters)
        assigned = self.addresses.made.get((named.route, "resolved"))
        if assigned is not None:
            named.assigned = text(assigned, 3)
        if server.service:
            self._group(named, server.service, SERVICE).members.append(named)
            if server.fqdn:  # of a control process that was there before
                named.record = Record("", 0, server.fqdn, endpoint_of(server).port)
                self.join(named, server.fqdn)
        elif server.fqdn:
            self.join(named, server.fqdn)

    def remove(self, server: LiveServer) -> None:
        """A server that is deleted while running."""
        named = self.servers.pop(server, None)
        if named is None:
            return
        self.leave(named)
        if server.service:
            self._part(named, self._group(named, server.service, SERVICE))

    def doubt(self, server: LiveServer) -> None:
        """A check could not connect to it in time: its name may have another address by now (manual 5.3.1)."""
        named = self.servers.get(server)
        if named is not None and named.group is not None:
            named.group.section.hurry(named.group.resolution)

    # Groups.

    def _group(self, named: NamedServer, name: str, kind: str) -> NameGroup:
        parameters = named.parameters
        name = name.lower().rstrip(".")
        key = parameters.resolvers, name, kind, parameters.resolve_prefer
        found = self.groups.get(key)
        if found is None:
            section = self.sections[parameters.resolvers]
            found = self.groups[key] = NameGroup(self, section, name, kind, parameters.resolve_prefer)
        return found

    def join(self, named: NamedServer, name: str) -> None:
        """Its address comes from that name; what is known of it counts at once."""
        named.group = self._group(named, name, ADDRESS)
        named.group.members.append(named)
        if self.loop is not None and named.group.resolution.status:
            self.loop.call_soon(self._look, named.group)

    def _look(self, group: NameGroup) -> None:
        if group.members:
            group.look(group.resolution)

    def leave(self, named: NamedServer) -> None:
        group, named.group = named.group, None
        if group is not None:
            self._part(named, group)

    def _part(self, named: NamedServer, group: NameGroup) -> None:
        group.members.remove(named)
        if not group.members:
            group.end()
            del self.groups[group.section.name, group.name, group.resolution.kind, group.resolution.prefer]

    def rename(self, named: NamedServer, name: str) -> None:
        """`set server ... fqdn`: it stays where it is until something is known of the new name."""
        self.leave(named)
        named.server.fqdn = name
        named.server.admin |= NAMED_BY_SOCKET
        self.change(named, endpoint_of(named.server))
        self.join(named, name)
        self.settle()

    # Changes.

    def change(self, named: NamedServer, endpoint: Endpoint) -> None:
        """For all lanes, and for control processes that come later."""
        change: Change = [
            "server",
            named.route,
            "resolved",
            named.assigned,
            named.server.fqdn,
            endpoint.host,
            endpoint.port,
            endpoint.follow,
            endpoint.offset,
        ]
        self.rung = False
        lanes = self.view.lanes
        if lanes is not None:
            lanes.make(change)
            return
        try:
            CHANGES.apply(change)
        except PatternError:  # the server was deleted
            return

    def bring_back(self, named: NamedServer) -> None:
        self.back.append(named)

    def settle(self) -> None:
        """What was changed in this turn of the loop takes effect."""
        lanes = self.view.lanes
        if lanes is not None and not self.rung:
            lanes.ring()
        self.rung = True
        if lanes is None:
            back, self.back = self.back, []
            for named in back:
                self._comes_back(named)
        elif self.back and self.returning is None and self.loop is not None:
            self.returning = self.loop.create_task(self._return())
        self.view.settle()

    async def _return(self) -> None:
        """Once all lanes have made the changes."""
        lanes = self.view.lanes
        assert lanes is not None
        try:
            while self.back:
                back, self.back = self.back, []
                await lanes.ask(FOLLOW)
                for place, named in enumerate(back):
                    self._comes_back(named)
                    if place % AT_ONCE == AT_ONCE - 1:  # each of them has its whole backend looked at
                        await asyncio.sleep(0)
                self.view.settle()
        finally:
            self.returning = None

    def _comes_back(self, named: NamedServer) -> None:
        """If nothing has come between."""
        server = named.server
        if server.admin & RESOLUTION_MAINT and endpoint_of(server).host:
            named.health.regain_address(self.view.now)
            if not server.admin & MAINT:
                begin_checks(server)


class Current:
    """The named servers of this process, in control; None: nobody asks here."""

    def __init__(self) -> None:
        self.names: NamedServers | None = None

    def of(self, server: LiveServer) -> NamedServer | None:
        """None: its line has no `resolvers`."""
        return self.names.servers.get(server) if self.names is not None else None


NAMES: Final = Current()
