"""The engine of explanations: a configuration, assembled as if it were to run, that answers what would become of a
request, with its reasons. No socket is opened, no name looked up, nothing written, and no log line sent.

    files --load, assemble--> Live, which never starts
    Asked --entrance.py--> frontend, addresses --exchange.py--> what the real rules and the real algorithm say
          --witness.py--> steps, choice.py, limits.py --> Explanation

What traffic would change in its own process (turns of an algorithm, entries of tables, variables of the process, maps)
is changed here, in memory, so that calls that follow each other are as requests that follow each other; `fresh` puts
it back. Registries are those of this Python process: of several engines the last one that was made is the one to ask.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pointsman.keywords  # noqa: F401  # fills the registries
from pointsman.assemble import assembled
from pointsman.assemble.live import Live
from pointsman.assemble.more_errors import find_more
from pointsman.config.load import load
from pointsman.config.setting import Configuration
from pointsman.core.diagnostics import NOWHERE, Diagnostics, Position
from pointsman.log.policy import wanted
from pointsman.net.clock import wall_ms
from pointsman.sample.record import SILENT
from pointsman.sample.variables import PROCESS_VARIABLES
from pointsman.server.backend import LiveServer
from pointsman.server.server import RUNNING, STOPPED
from pointsman.stream.acceptor import BindState
from pointsman.stream.frontends import LiveFrontend
from pointsman.stream.proxies import BackendProxy
from pointsman.tables.changes import CHANGES, Change
from pointsman.tables.patterns import PatternError
from pointsman.verbs.explain.choice import chosen
from pointsman.verbs.explain.entrance import AskedError, Door, Entrance, doors_of, enter
from pointsman.verbs.explain.exchange import Exchange
from pointsman.verbs.explain.limits import limits_of
from pointsman.verbs.explain.lines import LogFields, line_of
from pointsman.verbs.explain.model import Asked, Choice, Explanation
from pointsman.verbs.explain.request import request_of
from pointsman.verbs.explain.words import shown, value_text

__all__ = ["AskedError", "Engine", "Place"]


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
        PROCESS_VARIABLES.clear()
        there = os.getcwd()
        try:
            self.configuration: Configuration = load(
                files,
                self.diagnostics,
                variables=dict(os.environ if variables is None else variables),
                directory=directory,
            )
            self._live: Live | None = None
            if self.diagnostics.failed:
                find_more(self.configuration, self.diagnostics)
            else:
                self._live = assembled(self.configuration, self.diagnostics, resolves=False)
        finally:
            if directory:
                os.chdir(there)
        self.failed = self.diagnostics.failed or self._live is None
        if self.failed:
            return
        live = self.live
        live.program.date_offset = wall_ms() - live.reactor.now
        self.doors: list[Door] = doors_of(live)
        self.states: dict[int, BindState] = {}  # of frontends without a bind line
        self.fields = LogFields()
        self.variables = dict(PROCESS_VARIABLES)
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

    # Asking.

    def explain(self, asked: Asked) -> Explanation:
        """Raises AskedError."""
        live = self.live
        entrance = enter(live, self.doors, asked)
        request = request_of(asked, entrance)
        with self._down(asked.down), CHANGES.gathered() as changes:
            exchange = Exchange(live.reactor, entrance, self._state(entrance), changes)
            try:
                if exchange.admit():
                    exchange.run(request, asked.body, asked.answer)
                found = self._told(asked, entrance, exchange)
            finally:
                exchange.close()
        self._keep(changes)
        return found

    def fresh(self) -> None:
        """All state is as it was at the beginning."""
        PROCESS_VARIABLES.clear()
        PROCESS_VARIABLES.update(self.variables)
        for backend in self.live.backends:
            position = getattr(backend.algorithm, "position", None)
            if position is not None:
                backend.arena.cells.store(position, 0)
            for server in backend.servers:
                server.row.moved = 0

    def places(self) -> list[Place]:
        """All rules, routes and servers, in the order of the configuration."""
        found: list[Place] = []
        for proxy in self.configuration.proxies:
            for setting in proxy.settings:
                kind = PLACES.get(type(setting).__name__, "")
                at = setting.at
                if kind or type(setting).__name__ == "Rule":
                    words = at.text.split()
                    found.append(Place(at, " ".join(words), kind or words[0]))
        return found

    # Parts.

    def _state(self, entrance: Entrance) -> BindState:
        if entrance.door is not None:
            return entrance.door.state
        frontend = entrance.frontend
        return self.states.setdefault(id(frontend), BindState("", 1, self.live.process))

    def _down(self, names: frozenset[str]) -> "_Down":
        servers: list[LiveServer] = []
        for name in sorted(names):
            backend, _, server = name.partition("/")
            found = [
                one
                for proxy in self.live.backends
                if shown(proxy.name) == backend
                for one in proxy.servers
                if shown(one.name) == server
            ]
            if not found:
                raise AskedError(f"there is no server '{name}': name it as backend/server")
            servers += found
        return _Down(servers)

    def _keep(self, changes: list[Change]) -> None:
        """What traffic would have changed by now."""
        for change in changes:
            try:
                CHANGES.apply(change)
            except PatternError:
                continue

    def _told(self, asked: Asked, entrance: Entrance, exchange: Exchange) -> Explanation:
        live, frontend = self.live, entrance.frontend
        exchange.witness.end()
        backend = exchange.backend
        front = live.sections[id(frontend)]
        back = live.sections[id(backend)] if backend is not None else None
        log_line = self._log_line(frontend, exchange)
        return Explanation(
            asked=asked,
            frontend=shown(frontend.name),
            at=front.at,
            bind=entrance.door.bind.at if entrance.door is not None else NOWHERE,
            stages=tuple(exchange.witness.stages),
            outcome=exchange.outcome,
            ended_by=exchange.ended_by,
            backend=shown(backend.name) if backend is not None else "",
            backend_at=back.at if back is not None else NOWHERE,
            backend_why=_why_backend(exchange),
            server=self._choice(backend, exchange, asked),
            limits=limits_of(front, back, backend, exchange.server, exchange.context, exchange.witness.limits_at),
            request=_lines(exchange.request_head),
            body_from=exchange.body_from,
            status=exchange.status,
            response=_lines(exchange.response),
            letters=chr(exchange.record.cause) + chr(exchange.record.step) + _cookie_letters(exchange),
            log_line=log_line,
            log_fields=self.fields.of(exchange.context),
            variables={
                shown(name): value_text(value)
                for name, value in (*exchange.session.variables.items(), *exchange.context.variables.items())
                if value is not None
            },
            notes=tuple(exchange.notes),
        )

    def _choice(self, backend: BackendProxy | None, exchange: Exchange, asked: Asked) -> Choice | None:
        if backend is None or exchange.outcome not in ("server", "no server"):
            return None
        forced = exchange.witness.forced_by if exchange.decision.forced is not None else None
        return chosen(self.live, backend, exchange.server, exchange.candidates, forced, asked.down)

    def _log_line(self, frontend: LiveFrontend, exchange: Exchange) -> str:
        logger, record, context = frontend.logger, exchange.record, exchange.context
        record.ended = self.live.reactor.now
        record.process_connections = record.frontend_connections = 1
        record.backend_connections = 0 if exchange.backend is None else 1
        if logger is None:
            exchange.notes.append("nothing is logged: the frontend has no 'log' line")
            return ""
        if not exchange.logs:
            return ""
        if record.level == SILENT:
            exchange.notes.append("nothing is logged: a rule says so (set-log-level silent)")
            return ""
        if not wanted(context, frontend.log_null, frontend.log_normal):
            exchange.notes.append("nothing is logged: 'option dontlog-normal' or 'option dontlognull'")
            return ""
        line = exchange.early_line if exchange.early_line is not None else line_of(logger, context)
        return shown(line)


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


class _Down:
    """These servers are down as long as this lasts."""

    def __init__(self, servers: list[LiveServer]) -> None:
        self.servers = servers
        self.states: list[int] = []

    def __enter__(self) -> None:
        self.states = [server.state for server in self.servers]
        self._set([STOPPED] * len(self.servers))

    def __exit__(self, *error: object) -> None:
        self._set(self.states)

    def _set(self, states: list[int]) -> None:
        for server, state in zip(self.servers, states, strict=True):
            server.state = state
        for backend in {id(server.backend): server.backend for server in self.servers}.values():
            backend.refresh()


def _lines(head: bytes) -> tuple[str, ...]:
    return tuple(shown(line) for line in head.split(b"\r\n") if line)


def _cookie_letters(exchange: Exchange) -> str:
    return chr(exchange.record.cookie_request) + chr(exchange.record.cookie_response)


def _why_backend(exchange: Exchange) -> str:
    backend, frontend = exchange.backend, exchange.frontend
    if backend is None:
        return ""
    for stage in exchange.witness.stages:
        for step in stage.steps:
            if step.what in ("use_backend", "default_backend") and step.ran and step.names == shown(backend.name):
                return step.what
    return "listen" if backend is frontend.twin else "default_backend"
