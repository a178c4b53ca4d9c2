"""Backends that come and go while running: what there is to be done besides what a start does for those of a file.

A backend takes all that is said of it from a named defaults section, and is known by its name alone: to rules with
names that are computed, to expressions, to statistics. Log targets and statistics pages of such sections are prepared
before the processes part, as neither can be made later.
"""

from collections.abc import Callable

from pointsman.admin.view import BackSide, ProxyView, View
from pointsman.assemble.backends import build_backend, fill_servers
from pointsman.assemble.checks import build_backend_logger
from pointsman.assemble.live import Live
from pointsman.assemble.places import places_of
from pointsman.assemble.references import check_references_of
from pointsman.assemble.rules import fill_backend_rules
from pointsman.config.added_server import SOURCE
from pointsman.config.case_adjust import spellings
from pointsman.config.proxy import Guid, Mode
from pointsman.config.sections import FORBIDDEN
from pointsman.config.server_words import check_guid
from pointsman.config.setting import Configuration, In, Section
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position, Severity
from pointsman.core.words import Word
from pointsman.log.build import build_outlets
from pointsman.net.clock import monotonic_ms
from pointsman.server.checks.health import watch
from pointsman.stream.proxies import BackendProxy, Service

AT = Position(SOURCE, 1)
MODES = ("tcp", "http")


def named_defaults(configuration: Configuration) -> list[Section]:
    """The defaults sections that can be named."""
    return [section for section in configuration.defaults if section.name]


class BackendMaker:
    """`page`: the statistics page that a defaults section says, None: none. `side`: what the view shows of a backend.
    `serve`: gives the services that rules of a section name to them."""

    def __init__(
        self,
        live: Live,
        view: View,
        configuration: Configuration,
        page: Callable[[Section], Service | None],
        side: Callable[[BackendProxy, Section], BackSide],
        serve: Callable[[Section], None],
    ) -> None:
        self.live = live
        self.view = view
        self.configuration = configuration
        self.side = side
        self.serve = serve
        self.pages: dict[int, Service | None] = {}  # by id() of the defaults section
        for section in named_defaults(configuration):
            build_outlets(section, configuration.main, live.sinks)
            self.pages[id(section)] = page(section)

    def section(self, name: str, defaults: str, mode: str, guid: str) -> Section:
        """What is said of it. ConfigError: it is not possible."""
        wrong = FORBIDDEN.search(name)
        if wrong is not None:
            raise ConfigError(f"Invalid character '{wrong[0]}' in backend name.", AT)
        found = [one for one in named_defaults(self.configuration) if one.name == defaults]
        if not found:
            raise ConfigError(f"No such default proxy '{defaults}'.", AT)
        if len(found) > 1:
            raise ConfigError(f"Ambiguous default proxy name '{defaults}'.", AT)
        section = Section(In.BACKEND, name, AT, defaults=found[0])
        self.configuration.may_inherit(section, found[0], found[0].at)
        if mode:
            if mode not in MODES:
                raise ConfigError(f"Mode '{mode}' is not supported for a backend that is added: say tcp or http.", AT)
            section.put(Mode(mode=mode, at=AT))
        if section.one(Mode) is None:
            raise ConfigError(f"Mode is required as '{defaults}' default proxy does not explicitly defines it.", AT)
        if guid:
            section.put(Guid(text=check_guid(Word(guid, AT)), at=AT))
        return section

    def make(self, section: Section, number: int, generation: int) -> BackendProxy:
        """In the block of the arena that is being filled. ConfigError: something that it takes is not possible."""
        live, configuration, diagnostics = self.live, self.configuration, Diagnostics()
        check_references_of(section, configuration, diagnostics)
        mode = section.one(Mode)
        backend = build_backend(
            live.process.arena, section, number, mode is not None and mode.mode == "http", diagnostics
        )
        live.sections[id(backend)] = section
        try:
            self._fill(backend, section, diagnostics)
        except ConfigError:
            self._drop(backend)
            raise
        backend.generation = generation
        backend.published = False
        build_backend_logger(live, backend, configuration)
        page = self.pages.get(id(section.defaults))
        if page is not None and backend.http:
            backend.services.append(page)
        self._enter(backend, section)
        return backend

    def _fill(self, backend: BackendProxy, section: Section, diagnostics: Diagnostics) -> None:
        live, configuration = self.live, self.configuration
        backend.names = live.names
        backend.places = places_of(section)
        self.serve(section)
        fill_servers(live, backend, section, configuration, diagnostics)
        fill_backend_rules(live, backend, section, configuration, diagnostics)
        if backend.respells:
            backend.spellings = spellings(configuration.main, diagnostics) or None
        for finding in diagnostics.findings:
            if finding.severity == Severity.ALERT:
                raise ConfigError(finding.message, finding.position or AT)

    def _drop(self, backend: BackendProxy) -> None:
        """What is kept of it beside the lists of backends."""
        self.live.process.arena.forget_lock(backend.lock)
        for known in (self.live.sections, self.live.loggers, self.live.check_plans):
            known.pop(id(backend), None)

    def _enter(self, backend: BackendProxy, section: Section) -> None:
        live = self.live
        live.backends.append(backend)
        live.names.backends[backend.name] = backend
        for frontend in live.frontends:
            frontend.backends[backend.name] = backend
        backend.end_sessions = live.end_sessions
        backend.close_kept = live.close_kept
        if not backend.full_connections:
            backend.full_connections = 1  # as of one that no frontend names
        if live.controls:
            watch(backend, monotonic_ms)
        made = ProxyView(section.name, backend.number, backend.http, back=self.side(backend, section))
        self.view.proxies = [*self.view.proxies, made]

    def forget(self, backend: BackendProxy) -> None:
        """It was deleted: one that was added, or one of the file that nothing refers to."""
        live = self.live
        live.backends.remove(backend)
        live.names.backends.pop(backend.name, None)
        for frontend in live.frontends:
            frontend.backends.pop(backend.name, None)
        self.view.proxies = [one for one in self.view.proxies if one.back is None or one.back.backend is not backend]
        self._drop(backend)
