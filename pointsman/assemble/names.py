"""Servers that are known by a name: who asks for their addresses while the program runs (manual 5.2, 5.3)."""

import asyncio
from collections.abc import Iterator

from pointsman.admin.addresses import ServerAddresses
from pointsman.admin.named_servers import NAMES, NamedServers
from pointsman.admin.view import BackSide
from pointsman.assemble.live import BackgroundService, Live
from pointsman.config.server_line import ServerLine
from pointsman.config.server_words import ServerParameters
from pointsman.config.setting import Configuration, In
from pointsman.core.diagnostics import Diagnostics
from pointsman.core.registry import nearest
from pointsman.resolve.resolution import RESOLVERS
from pointsman.server.backend import LiveServer
from pointsman.tables.changes import CHANGES

Named = tuple[BackSide, LiveServer, ServerParameters]


def connect_names(live: Live, configuration: Configuration, diagnostics: Diagnostics) -> None:
    """Behind all proxies, sections of resolvers and the view of the generation."""
    check_resolvers(configuration, diagnostics)
    addresses = CHANGES.followers["server"]
    assert isinstance(addresses, ServerAddresses)
    servers = list(_named(live, addresses))
    live.services.append(Naming(live, addresses, servers))


def check_resolvers(configuration: Configuration, diagnostics: Diagnostics) -> None:
    """An alert for each server that refers to a section which is not there, whether its address is a name or not."""
    for section in configuration.proxies:
        if not section.kind & In.BACK:
            continue
        for line in section.all(ServerLine):
            name = line.parameters.resolvers
            if name and name not in RESOLVERS.by_name:
                near = nearest(name, RESOLVERS.by_name)
                diagnostics.alert(
                    f"backend '{section.name}', server '{line.name}': unable to find required resolvers '{name}'",
                    line.at,
                    "the name of a resolvers section",
                    f"did you mean '{near}'?" if near else "",
                )


def _named(live: Live, addresses: ServerAddresses) -> Iterator[Named]:
    """The servers with `resolvers`. One whose address is none of a name may get one (set server ... fqdn)."""
    sides = {id(proxy.back.backend): proxy.back for proxy in addresses.view.proxies if proxy.back is not None}
    for backend in live.backends:
        lines = {line.name: line for line in live.sections[id(backend)].all(ServerLine)}
        for server in backend.servers:
            line = lines[server.name.decode()]
            if line.parameters.resolvers and line.address.kind == "inet":
                yield sides[id(backend)], server, line.parameters


class Naming(BackgroundService):
    """Begins and ends with the generation; only control asks."""

    def __init__(self, live: Live, addresses: ServerAddresses, servers: list[Named]) -> None:
        self.live = live
        self.addresses = addresses
        self.servers = servers

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.live.controls:
            NAMES.names = NamedServers(self.addresses.view, self.addresses)
            NAMES.names.start(loop, RESOLVERS.by_name, self.servers)
            if self.live.health is not None:
                self.live.health.timed_out = NAMES.names.doubt

    def stop(self) -> None:
        if NAMES.names is not None:
            NAMES.names.stop()
