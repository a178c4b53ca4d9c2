"""The engine of explanations: a configuration, assembled as if it were to run, that answers what would become of a
request, with its reasons. No socket is opened, no name looked up, nothing written, and no log line sent.

    files --load, assemble--> Live, which never starts
    Asked --entrance.py--> frontend, addresses --exchange.py--> what the real rules and the real algorithm say
          --witness.py--> steps, choice.py, limits.py --> Explanation
    unknowns.py: what cannot be known offline; asking.py tries both ways

What traffic would change in its own process (turns of an algorithm, entries of tables, variables of the process, maps)
is changed here, in memory, so that calls that follow each other are as requests that follow each other; `fresh` puts
it back. What is one in a Python process (variables of the process, lists, tables by name) goes to the engine that is
asked; limits that global sets (tune.vars, log lengths) are those of the engine that was made last.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pointsman.keywords  # noqa: F401  # fills the registries
from pointsman.assemble import assembled
from pointsman.assemble.live import Live
from pointsman.assemble.more_errors import find_more
from pointsman.balance.hashed import Hashed
from pointsman.balance.roundrobin import RoundRobin
from pointsman.config.load import load
from pointsman.config.setting import Configuration
from pointsman.core.diagnostics import Diagnostics, Position
from pointsman.net.clock import wall_ms
from pointsman.sample.made import MADE
from pointsman.sample.users import USERLISTS
from pointsman.sample.variables import PROCESS_VARIABLES
from pointsman.server.server import RUNNING, STOPPED
from pointsman.tables.changes import CHANGES
from pointsman.tables.patterns import LISTS
from pointsman.tables.stick_tables import TABLES
from pointsman.verbs.explain.asking import Asking, Assembly, fresh_slab
from pointsman.verbs.explain.entrance import AskedError, doors_of
from pointsman.verbs.explain.model import Asked, Explanation
from pointsman.verbs.explain.unknowns import Knowledge
from pointsman.verbs.explain.words import shown

__all__ = ["AskedError", "Engine", "Place"]

# Settings that are places of their own, beside rules.
PLACES = {
    "RedirectLine": "redirect",
    "UseBackendLine": "use_backend",
    "DefaultBackendLine": "default_backend",
    "UseServerLine": "use-server",
    "StickLine": "stick",
    "PersistLine": "persist",
    "ForceSwitchLine": "force-be-switch",
    "MonitorUriLine": "monitor-uri",
    "ServerLine": "server",
}


_ACTIVE: "list[Engine]" = []  # the engine that has what is one in the process


def _leave() -> None:
    """What is one in the process is nobody's."""
    for engine in _ACTIVE:
        engine.now = dict(PROCESS_VARIABLES)
    _ACTIVE.clear()


@dataclass(frozen=True, slots=True)
class Place:
    """A line that has a say about exchanges. `kind`: "http-request", "use_backend", "server" ..."""

    at: Position
    text: str
    kind: str


class Engine:
    """A configuration that can be asked. With `failed` it cannot: `diagnostics` say why."""

    def __init__(
        self, files: Sequence[str], *, directory: str = "", variables: Mapping[str, str] | None = None
    ) -> None:
        """`directory`: which relative names in the files start from; `variables`: the environment that they see."""
        self.diagnostics = Diagnostics()
        self._live: Live | None = None
        _leave()
        PROCESS_VARIABLES.clear()
        USERLISTS.clear()
        there = os.getcwd()
        MADE.begin()
        try:
            self.configuration: Configuration = load(
                files,
                self.diagnostics,
                variables=dict(os.environ if variables is None else variables),
                directory=directory,
            )
            if self.diagnostics.failed:
                find_more(self.configuration, self.diagnostics)
            else:
                self._live = assembled(self.configuration, self.diagnostics, resolves=False)
        finally:
            expressions, acls = MADE.end()
            if directory:
                os.chdir(there)
        self.failed = self.diagnostics.failed or self._live is None
        if self.failed:
            return
        live = self.live
        live.program.date_offset = wall_ms() - live.reactor.now
        self.variables = dict(PROCESS_VARIABLES)
        self.backends = {shown(backend.name): backend for backend in live.backends}
        self.chosen_from: set[str] = set()  # their names: turns were taken there since all was fresh
        self.now = self.variables  # those of the process, as long as another engine is asked
        self.lists = (LISTS.references, LISTS.by_name, LISTS.taken, LISTS.lowest)
        self.tables = TABLES.by_name
        _ACTIVE.append(self)
        self.assembly = Assembly(live, doors_of(live), Knowledge(live, expressions, acls))
        for backend in live.backends:
            for server in backend.servers:
                if server.state == STOPPED and not server.admin:
                    server.state = RUNNING  # init-state down: a check would have found it up
            backend.refresh()

    @property
    def live(self) -> Live:
        """What would run."""
        assert self._live is not None, "the configuration has faults"
        return self._live

    def explain(self, asked: Asked) -> Explanation:
        """What would become of it. Raises AskedError for what cannot be asked."""
        self._take_over()
        found = Asking(self.assembly, asked).explain()
        self.chosen_from.add(found.backend)
        return found

    def _take_over(self) -> None:
        """What is one in the process is this engine's."""
        if [self] == _ACTIVE:
            return
        _leave()
        PROCESS_VARIABLES.clear()
        PROCESS_VARIABLES.update(self.now)
        LISTS.references, LISTS.by_name, LISTS.taken, LISTS.lowest = self.lists
        TABLES.by_name = self.tables
        _ACTIVE.append(self)

    def close(self) -> None:
        """It is not asked any more: its descriptors are closed."""
        if self in _ACTIVE:
            _leave()
        if self._live is not None and not self._live.reactor.epoll.closed:
            self._live.reactor.epoll.close()

    def fresh(self) -> None:
        """All state is as it was at the beginning."""
        self._take_over()
        PROCESS_VARIABLES.clear()
        PROCESS_VARIABLES.update(self.variables)
        for change in self.assembly.saved.values():
            CHANGES.apply(change)
        self.assembly.saved = {}
        for table in TABLES.by_name.values():
            table.slab = fresh_slab(table)
        backends = [self.backends[name] for name in self.chosen_from if name in self.backends]
        self.chosen_from.clear()
        for backend in backends:
            turns = backend.algorithm.keyless if isinstance(backend.algorithm, Hashed) else backend.algorithm
            if isinstance(turns, RoundRobin):
                turns.cells.store(turns.position, 0)
            for server in backend.servers:
                server.row.moved = 0

    def places(self) -> list[Place]:
        """All rules, routes and servers: those of defaults sections, then those of proxies, in their order."""
        found: list[Place] = []
        for proxy in (*self.configuration.defaults, *self.configuration.proxies):
            for setting in proxy.settings:
                name = type(setting).__name__
                if name in PLACES or name == "Rule":
                    words = setting.at.text.split()
                    found.append(Place(setting.at, " ".join(words), PLACES.get(name) or words[0]))
        return found
