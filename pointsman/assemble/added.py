"""Servers and backends that come and go while running. A change is one of

    added server <backend> <name> <number> <block> <generation> [word ...]
    added no-server <backend> <name> <generation and number> <block>     rename <backend> <name> <generation and number>
        <new name>
    added backend <name> <number> <block> <generation> <defaults> <mode> <guid>     added no-backend <name> <generation>
        <block>
    added published <backend> <whether>
    added only [[<backend>, <name>, <generation>] ...] [[<backend>, <generation>] ...]

The words are those of a server line from its address on; each process reads them by the parser of configuration files
and makes the server in the block of the arena that the change names (core/reserve.py). Control looks at everything
first, by making the server before the change is written. A snapshot begins with `only`: whoever comes from an older
state has servers that are gone, which no other change of the snapshot is about.
"""

import re
from collections.abc import Sequence
from typing import Final

from pointsman.admin.added import AddError
from pointsman.admin.addresses import ServerAddresses
from pointsman.admin.dynamic_cookies import DynamicCookies
from pointsman.assemble.added_backends import AT, BackendMaker, named_defaults
from pointsman.assemble.backends import build_server
from pointsman.assemble.checks import build_agent, build_check, build_unchecked, plan_of, watched
from pointsman.assemble.live import Live
from pointsman.assemble.references import check_added, referred
from pointsman.assemble.server_tls import forget_contexts
from pointsman.assemble.tracking import link_added
from pointsman.config.added_server import read_added, words_of_added
from pointsman.config.proxy import Guid, Mode
from pointsman.config.sections import checked_name
from pointsman.config.server_line import NOTHING_SAID, DefaultServer, ServerLine
from pointsman.config.setting import Configuration
from pointsman.core.address import is_ip
from pointsman.core.counters import gauges_of
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.core.epoch import EPOCH
from pointsman.core.reserve import Reserve, ReserveError
from pointsman.core.words import Word
from pointsman.net.clock import monotonic_ms
from pointsman.server.backend import LiveServer
from pointsman.server.server import FORCED_MAINT, RESOLUTION_MAINT, STOPPED
from pointsman.stream.proxies import BackendProxy
from pointsman.tables.changes import Change, Follower, Plain, number, text
from pointsman.tables.patterns import PatternError

ALWAYS: Final = 1 << 62  # with one process: all processes have made all changes


class AddedServers(Follower):
    """Made before the processes part; `addresses` and `cookies` are told what is gone."""

    def __init__(
        self,
        live: Live,
        configuration: Configuration,
        reserve: Reserve,
        addresses: ServerAddresses,
        cookies: DynamicCookies,
        maker: BackendMaker,
    ) -> None:
        self.live = live
        self.configuration = configuration
        self.reserve = reserve
        self.addresses = addresses
        self.cookies = cookies
        self.maker = maker
        self.backends: dict[str, Change] = {}  # those that are there, and were not in the configuration
        self.gone_backends: dict[str, Change] = {}
        self.made: dict[tuple[str, str], Change] = {}  # what is there, and was not in the configuration
        self.gone: dict[tuple[str, str], Change] = {}  # what was in the configuration, and is not there
        self.renames: dict[tuple[str, str], Change] = {}  # of servers of the configuration, by the names they had there
        self.origins: dict[tuple[str, str], str] = {}  # the same the other way round: those names, by the present ones
        self.published: dict[str, Change] = {}  # the last one of each backend
        self.guids: dict[tuple[str, str], str] = {}  # of what was added
        self.fresh = -1  # the generation that this process is making for the first time
        self.own_number = 0  # with one process: of its last change
        self.leads = False
        reserve.quiet = lambda first: not gauges_of(live.process.arena, first)
        self.named: tuple[set[str], set[str]] | None = None  # backends and servers that something refers to

    # In control.

    def last_change(self) -> int:
        links = self.live.links
        return self.own_number if links is None else links.log.last()

    def words(self) -> list[str]:
        return words_of_added()

    def defaults(self) -> list[str]:
        return [section.name for section in named_defaults(self.configuration)]

    def default_servers(self, backend: BackendProxy) -> list[str]:
        section = self.live.sections[id(backend)]
        found: list[str] = []
        for line in section.keyed(DefaultServer):
            if line.name:
                found.append(f"srv:{section.name}/{line.name}")
            elif line.parameters != NOTHING_SAID:
                found.append(f"be:{section.name}")
        return found

    def _lead(self) -> None:
        """This process hands out blocks from now on: it has read what its predecessor had written."""
        if not self.leads:
            self.leads = True
            used = {number(change, 5) for change in self.made.values()}
            used |= {number(change, 4) for change in self.backends.values()}
            self.reserve.resume(used, self.last_change())

    def server(self, backend: BackendProxy, words: Sequence[str]) -> tuple[Change, str]:
        name = backend.name.decode()
        diagnostics = Diagnostics()
        try:
            line = self._read(backend, ["server", *words], diagnostics)
            check_added(line, self.configuration)
            self._check_guid(line.parameters.guid)
            own = self._number(backend, line)
        except ConfigError as error:
            raise AddError(_told(error, name)) from None
        block, generation = self._place("servers")
        change: Change = ["added", "server", name, line.name, own, block, generation, *words[1:]]
        self._try(change, block, generation)
        remarks = [finding.message for finding in diagnostics.findings]
        return change, "".join(f"{remark}\n" for remark in remarks)

    def _place(self, what: str) -> tuple[int, int]:
        """A block, and a generation."""
        self._lead()
        links = self.live.links
        try:
            block = self.reserve.allot(ALWAYS if links is None else links.log.read_by_all())
        except ReserveError as error:
            raise AddError(f"No more {what} can be added at run time: {error}.") from None
        return block, self.last_change() + 1

    def _try(self, change: Change, block: int, generation: int) -> None:
        """Make it here, for the first time. AddError: it is not possible, and nothing is left of it."""
        self.fresh = generation
        try:
            self.apply(change)
        except PatternError as error:
            self.reserve.give_back(block, self.last_change())
            raise AddError(str(error)) from None
        finally:
            self.fresh = -1
        if self.live.links is None:
            self.own_number = generation

    def backend(self, name: str, defaults: str, mode: str, guid: str) -> Change:
        try:
            section = self.maker.section(name, defaults, mode, guid)
            self._check_guid(guid)
        except ConfigError as error:
            raise AddError(error.finding.message) from None
        said_so = any(proxy.name == name for proxy in self.configuration.proxies) and name not in self.gone_backends
        if said_so or self._found(name) is not None:
            raise AddError(f"Name '{name}' is already used by another proxy.")
        said = section.one(Mode)
        assert said is not None
        taken = {proxy.number for proxy in (*self.live.backends, *self.live.frontends)}
        own = 2
        while own in taken:
            own += 1
        block, generation = self._place("backends")
        change: Change = ["added", "backend", name, own, block, generation, defaults, said.mode, guid]
        self._try(change, block, generation)
        return change

    def _number(self, backend: BackendProxy, line: ServerLine) -> int:
        """The id that the line says, or the lowest that is free."""
        taken = {server.number: server for server in backend.servers}
        own = line.parameters.id
        if own:
            if own in taken:
                raise ConfigError(
                    f"'id' : custom id {own} already used by server '{taken[own].name.decode()}'.", line.at
                )
            return own
        own = 1
        while own in taken:
            own += 1
        return own

    def _check_guid(self, guid: str) -> None:
        if not guid:
            return
        places = {one.text: f"{section.name}" for section in self.configuration.proxies for one in section.all(Guid)}
        for section in self.configuration.proxies:
            for other in section.all(ServerLine):
                if (section.name, other.name) not in self.gone:
                    places[other.parameters.guid] = f"{section.name}/{other.name}"
        places.update((text(change, 8), name) for name, change in self.backends.items())
        places.update((added, f"{name[0]}/{name[1]}") for name, added in self.guids.items())
        if guid in places:
            raise ConfigError(f"'guid': duplicate entry with '{places[guid]}'.", AT)

    def refers_to(self, server: LiveServer) -> bool:
        if self.named is None:
            self.named = referred(self.configuration)
        return server.referred or server.route.decode() in self.named[1] and not server.generation

    def refers_to_backend(self, backend: BackendProxy) -> bool:
        if self.named is None:
            self.named = referred(self.configuration)
        return backend.name.decode() in self.named[0] and not backend.generation

    def without_backend(self, backend: BackendProxy) -> Change:
        self._lead()
        name = backend.name.decode()
        made = self.backends.get(name)
        return ["added", "no-backend", name, backend.generation, "", -1 if made is None else number(made, 4)]

    def renamed(self, server: LiveServer, name: str) -> Change:
        backend = server.backend
        try:
            checked_name(Word(name, AT), "server name")
        except ConfigError as error:
            raise AddError(error.finding.message) from None
        if backend.find(name.encode()) is not None:
            raise AddError("Already exists a server with the same name in backend.")
        return ["added", "rename", backend.name.decode(), server.name.decode(), server.granted_as, name]

    def without_server(self, server: LiveServer) -> Change:
        self._lead()
        return [
            "added",
            "no-server",
            server.backend.name.decode(),
            server.name.decode(),
            server.granted_as,
            self._block(server),
        ]

    def _block(self, server: LiveServer) -> int:
        change = self.made.get((server.backend.name.decode(), server.name.decode()))
        return -1 if change is None else number(change, 5)

    def ended(self, change: Change, at: int) -> None:
        block = number(change, 5)
        if block >= 0:
            self.reserve.give_back(block, at)
        if self.live.links is None:
            self.own_number += 1

    # In all processes.

    def apply(self, change: Change) -> None:
        verb = text(change, 1)
        if verb == "server":
            self._add(change)
        elif verb == "no-server":
            self._delete(change)
        elif verb == "rename":
            self._rename(change)
        elif verb == "backend":
            self._add_backend(change)
        elif verb == "no-backend":
            self._delete_backend(change)
        elif verb == "published":
            self._publish(change)
        else:
            assert verb == "only"
            self._keep_only(change[2], change[3])

    def _found(self, name: str) -> BackendProxy | None:
        found = self.live.names.backends.get(name.encode("utf-8", "surrogateescape"))
        return found if isinstance(found, BackendProxy) else None

    def _backend(self, name: str) -> BackendProxy:
        found = self._found(name)
        if found is None:
            raise PatternError("No such backend.")
        return found

    def _add(self, change: Change) -> None:
        backend = self._backend(text(change, 2))
        name, generation = text(change, 3), number(change, 6)
        before = backend.find(name.encode())
        if before is not None:
            if before.generation == generation:
                return  # it is made already
            self._forget(before)
        words = ["server", name, *[text(change, i) for i in range(7, len(change))]]
        try:
            with self.reserve.placed(number(change, 5), attached=generation != self.fresh):
                self._make(backend, self._read(backend, words, Diagnostics()), number(change, 4), generation)
        except ConfigError as error:
            raise PatternError(_told(error, text(change, 2))) from None
        except MemoryError:
            raise PatternError("The server needs more cells than there are for one.") from None
        self.made[text(change, 2), name] = change

    def _read(self, backend: BackendProxy, words: Sequence[str], diagnostics: Diagnostics) -> ServerLine:
        line = read_added(words, self.live.sections[id(backend)], self.configuration, diagnostics)
        tls = line.parameters.tls
        store = self.live.tls_store
        if tls.crt is not None and tls.crt.name not in store.certificates:
            raise ConfigError(
                f"certificate '{tls.crt.name}' is not in memory: 'new ssl cert' and its kin bring it there", line.at
            )
        for word, path, known in (
            ("ca-file", tls.ca_file, store.authorities),
            ("crl-file", tls.crl_file, store.revocations),
        ):
            if path and path not in known:
                raise ConfigError(
                    f"'{word}' : '{path}' is not in memory: 'new ssl {word}' and its kin bring it there", line.at
                )
        return line

    def _make(self, backend: BackendProxy, line: ServerLine, own: int, generation: int) -> None:
        live, section, arena = self.live, self.live.sections[id(backend)], self.live.process.arena
        address = line.address
        found = None if address.kind == "inet" and address.host and not is_ip(address.host) else address
        before = len(backend.servers)
        try:
            server = build_server(live, backend, section, line, own, found, self.configuration, Diagnostics())
            if line.parameters.guid:
                self.guids[backend.name.decode(), line.name] = line.parameters.guid
            server.be_generation(generation)
            logger = live.loggers.get(id(backend))
            if server.handshakes is not None:
                server.handshakes.logger = logger
            if not arena.attached:
                server.admin = server.admin & ~RESOLUTION_MAINT | FORCED_MAINT
                server.state = STOPPED
                server.last_change = monotonic_ms()
            if watched(line.parameters):
                self._check(backend, server, line)
        except (ConfigError, MemoryError):
            for half in backend.servers[before:]:
                if live.health is not None:
                    live.health.remove(half)
            del backend.servers[before:]
            raise
        backend.roster += 1
        backend.refresh()

    def _check(self, backend: BackendProxy, server: LiveServer, line: ServerLine) -> None:
        """It is checked, and its agent is asked, once `enable health` and `enable agent` say so."""
        live = self.live
        fresh = not live.process.arena.attached
        plan = plan_of(live, backend, self.configuration, Diagnostics())
        if line.parameters.check:
            build_check(live, server, line, plan, self.configuration)
            if fresh:
                server.check_paused = True
        elif line.parameters.init_state != "none" and not line.parameters.track:
            build_unchecked(live, server, line, plan)
        if line.parameters.agent_check:
            build_agent(live, server, line, plan)
            if fresh:
                server.agent_paused = True
        if line.parameters.track:
            link_added(live, server, line, not fresh)

    def _meant(self, change: Change) -> LiveServer | None:
        """The server that a change is about, whatever it is called here by now; None: it is gone."""
        backend = self._found(text(change, 2))
        if backend is None:
            return None
        return next((one for one in backend.servers if one.granted_as == number(change, 4)), None)

    def _rename(self, change: Change) -> None:
        server = self._meant(change)
        if server is None or server.name == text(change, 5).encode():
            return  # it has that name already
        old, new = (text(change, 2), server.name.decode()), (text(change, 2), text(change, 5))
        server.rename(new[1], new[0])
        made = self.made.pop(old, None)
        if made is not None:
            self.made[new] = [*made[:3], new[1], *made[4:]]
        else:
            origin = self.origins.pop(old, old[1])
            self.origins[new] = origin
            self.renames[new[0], origin] = [*change[:3], origin, *change[4:]]
        if old in self.guids:
            self.guids[new] = self.guids.pop(old)
        self.addresses.rename("/".join(old), "/".join(new))
        server.backend.roster += 1
        server.backend.refresh()

    def _delete(self, change: Change) -> None:
        server = self._meant(change)
        if server is not None:
            key = (text(change, 2), server.name.decode())
            self._forget(server)
            if not server.generation:
                origin = self.origins.pop(key, key[1])
                self.renames.pop((key[0], origin), None)
                self.gone[key[0], origin] = [*change[:3], origin, *change[4:]]

    def _forget(self, server: LiveServer) -> None:
        backend = server.backend
        backend.forget(server)
        key = (backend.name.decode(), server.name.decode())
        self.made.pop(key, None)
        self.guids.pop(key, None)
        self.addresses.forget(server)
        if self.live.health is not None:
            self.live.health.remove(server)
        if server.encrypting is not None:
            forget_contexts(self.live)

    def _publish(self, change: Change) -> None:
        """Rules that name it count, or do not count, for requests yet to come."""
        self._backend(text(change, 2)).published = change[3] is True
        self.published[text(change, 2)] = change
        EPOCH.end()

    def _add_backend(self, change: Change) -> None:
        name, generation = text(change, 2), number(change, 5)
        before = self._found(name)
        if before is not None:
            if before.generation == generation:
                return  # it is made already
            self._forget_backend(before)
        try:
            section = self.maker.section(name, text(change, 6), text(change, 7), text(change, 8))
            with self.reserve.placed(number(change, 4), attached=generation != self.fresh):
                self.maker.make(section, number(change, 3), generation)
        except ConfigError as error:
            raise PatternError(error.finding.message) from None
        except MemoryError:
            raise PatternError("The backend needs more cells than there are for one.") from None
        self.backends[name] = change
        EPOCH.end()

    def _delete_backend(self, change: Change) -> None:
        backend = self._found(text(change, 2))
        if backend is not None and backend.generation == number(change, 3):
            self._forget_backend(backend)
            if not backend.generation:
                self.gone_backends[text(change, 2)] = change

    def _forget_backend(self, backend: BackendProxy) -> None:
        for server in list(backend.servers):
            self._forget(server)
        name = backend.name.decode()
        self.maker.forget(backend)
        self.backends.pop(name, None)
        self.published.pop(name, None)
        for known in (self.gone, self.renames):
            for key in [key for key in known if key[0] == name]:
                del known[key]
        self.cookies.forget(name)
        EPOCH.end()

    def _keep_only(self, servers: Plain, backends: Plain) -> None:
        assert isinstance(servers, list) and isinstance(backends, list)
        for backend in list(self.live.backends):
            name = backend.name.decode()
            if backend.generation and [name, backend.generation] not in backends:
                self._forget_backend(backend)
                continue
            for server in list(backend.servers):
                if server.generation and [name, server.name.decode(), server.generation] not in servers:
                    self._forget(server)

    def snapshot(self) -> list[Change]:
        if (
            not self.gone
            and not self.gone_backends
            and not self.renames
            and not self.reserve.arena.cells.load(self.reserve.touched)
        ):
            return list(self.published.values())
        servers: list[Plain] = [[change[2], change[3], change[6]] for change in self.made.values()]
        backends: list[Plain] = [[change[2], change[5]] for change in self.backends.values()]
        return [
            ["added", "only", servers, backends],
            *self.gone.values(),
            *self.gone_backends.values(),
            *self.renames.values(),
            *self.backends.values(),
            *self.made.values(),
            *self.published.values(),
        ]


def _told(error: ConfigError, backend: str) -> str:
    """What is wrong, and the nearest known word. Whoever asked knows which server it is about."""
    finding = error.finding
    message = re.sub(f"^'server(?: {re.escape(backend)}/[^']*)?' : ", "", finding.message)
    return f"{message}; {finding.hint}" if finding.hint.startswith("did you mean") else message
