"""Statistics pages, stats sockets, and the view of the generation that both have."""

import asyncio
import os
import socket
from functools import partial
from typing import Final

from pointsman.admin import metrics
from pointsman.admin.addresses import ServerAddresses
from pointsman.admin.answers import Answers
from pointsman.admin.dynamic_cookies import DynamicCookies
from pointsman.admin.gauge import Gauge
from pointsman.admin.lane_agent import LaneAgent
from pointsman.admin.links import ControlEnd, LaneEnd, Links
from pointsman.admin.recorded import RecordedCommands
from pointsman.admin.runtime import StatsListener, StatsSockets
from pointsman.admin.service import NAME as STATISTICS
from pointsman.admin.service import Access, Statistics
from pointsman.admin.statistics import Writer
from pointsman.admin.tls_memory import TlsMemory
from pointsman.admin.view import BackSide, FrontSide, ProxyView, SocketView, View
from pointsman.assemble.added import AddedServers
from pointsman.assemble.added_backends import BackendMaker
from pointsman.assemble.front_tls import read_line
from pointsman.assemble.live import BackgroundService, Live
from pointsman.assemble.ocsp import build_updates
from pointsman.assemble.python import build_python
from pointsman.assemble.resumption import TicketRenewal
from pointsman.assemble.server_sockets import check_namespace
from pointsman.balance.hashing import hashing_of
from pointsman.balance.registry import Balance
from pointsman.config.command_line import CommandLine
from pointsman.config.global_section import StatsSocket, buffer_sizes, global_number, global_text
from pointsman.config.lanes import lane_count
from pointsman.config.proxy import Description, number
from pointsman.config.setting import Configuration, In, Section
from pointsman.config.stats import page_position, statistics_page
from pointsman.core.address import AddressSpec
from pointsman.core.diagnostics import Diagnostics, Severity
from pointsman.listener.sockets import Opening, socket_options
from pointsman.log.events import STDERR, EventLogger
from pointsman.net.clock import monotonic_ms, program_start, wall_ms
from pointsman.net.reactor import IN
from pointsman.rules.rule import Rule
from pointsman.rules.service import HttpService, UseService
from pointsman.rules.stats import StatsAdmin, StatsRule
from pointsman.server.checks.health import watch
from pointsman.stream.frontends import LiveFrontend
from pointsman.stream.proxies import BackendProxy
from pointsman.stream.told import keep
from pointsman.tables.changes import CHANGES

DEFAULT_ALGORITHM: Final = "random"  # without `balance` (manual 4.2)


def fill_admin(live: Live, configuration: Configuration, diagnostics: Diagnostics) -> None:
    """All proxies are whole: show them to whoever may ask."""
    view = build_view(live, configuration, diagnostics)
    gauge = Gauge(view)
    answers = Answers()
    _fill_services(answers, view, gauge, configuration)
    writer = Writer(view, gauge)
    answers.writers.add(STATISTICS, writer.write)
    secret = os.urandom(32)
    for frontend in live.frontends:
        section = live.sections[id(frontend)]
        service = _page(live, writer, answers, secret, section, frontend.http, diagnostics)
        if service is not None:
            frontend.services.append(service)
    for backend in live.backends:
        section = live.sections[id(backend)]
        if section.kind == In.BACKEND:  # a listen section's page is its frontend's
            service = _page(live, writer, answers, secret, section, backend.http, diagnostics)
            if service is not None:
                backend.services.append(service)
    CHANGES.followers["tickets"] = live.tickets
    CHANGES.followers["tls"] = view.tls.follower
    addresses = ServerAddresses(view, lambda: live.health)
    assert live.reserve is not None
    # Before what may be about servers that were added: snapshots are made in this order.
    cookies = DynamicCookies(view)
    maker = BackendMaker(
        live,
        view,
        configuration,
        lambda section: _page(live, writer, answers, secret, section, True, Diagnostics()),
        partial(_back, live),
        partial(_serve, answers, {}),
    )
    view.added = AddedServers(live, configuration, live.reserve, addresses, cookies, maker)
    CHANGES.followers["added"] = view.added
    CHANGES.followers["server"] = addresses
    CHANGES.followers["cookie"] = cookies
    CHANGES.followers["command"] = commands = RecordedCommands()
    sockets = _stats_sockets(live, view, configuration, diagnostics)
    main = configuration.main
    runtime = StatsSockets(
        view,
        gauge,
        sockets,
        global_number(main, "stats maxconn"),
        global_number(main, "stats timeout"),
        buffer_sizes(main)[0],
        global_number(main, "tune.cli.max-payload-size"),
    )
    _keep_decisions(live, configuration)
    live.services.append(Administration(live, view, gauge, runtime, answers, writer, commands))
    live.services.append(TicketRenewal(live, view))
    build_updates(live, view, configuration, diagnostics)
    build_python(live, view, configuration)


def _fill_services(answers: Answers, view: View, gauge: Gauge, configuration: Configuration) -> None:
    """What use-service rules answer with, and who writes it."""
    answers.writers.add(metrics.NAME, partial(metrics.write_metrics, view, gauge))
    made: dict[str, HttpService] = {}
    for section in configuration.proxies:
        _serve(answers, made, section)


def _serve(answers: Answers, made: dict[str, HttpService], section: Section) -> None:
    """Give the rules of a section the services that they name."""
    for rule in section.all(Rule):
        action = rule.action
        if isinstance(action, UseService) and action.made is None:
            name = action.entry.name
            if name not in made:
                made[name] = action.entry.make(answers.ask)
            action.made = made[name]


def _page(
    live: Live, writer: Writer, answers: Answers, secret: bytes, section: Section, http: bool, diagnostics: Diagnostics
) -> Statistics | None:
    rules, admin = tuple(section.all(StatsRule)), tuple(section.all(StatsAdmin))
    page = statistics_page(section, bool(rules or admin))
    if page is None:
        return None
    if not http:
        diagnostics.warning(
            f"'stats' statement ignored for proxy '{section.name}' as it requires HTTP mode.", page_position(section)
        )
        return None
    writer.pages.append(page)
    return Statistics(len(writer.pages) - 1, page, Access(rules, admin, secret), live.program, answers.ask)


def _keep_decisions(live: Live, configuration: Configuration) -> None:
    """From the start on, where the configuration says so."""
    for frontend in live.frontends:
        frontend.watch()
    size = global_number(configuration.main, "pointsman-decisions")
    if size:
        keep(live.program, list(live.frontends), list(live.backends), size)


# The view.


def build_view(live: Live, configuration: Configuration, diagnostics: Diagnostics) -> View:
    main = configuration.main
    command_line = main.one(CommandLine)
    view = View(
        live.reactor,
        live.process,
        live.program,
        environment=dict(configuration.environment),
        node=global_text(main, "node") or socket.gethostname(),
        description=global_text(main, "description"),
        nbthread=lane_count(main),
        memory=command_line.memory if command_line is not None else 0,
        dropped_logs=live.dropped_logs,
        born=program_start(),
        limit_cell=live.process.arena.take(1),
        groups=max(1, len(live.groups)),
        tls=TlsMemory(live.tls_store, live.fronts, partial(read_line, configuration)),
        tickets=live.tickets,
        sessions=live.sessions,
        handed=live.handed,
        warnings=lambda: diagnostics.count(Severity.WARNING) + STDERR.said,
    )
    by_section: dict[int, ProxyView] = {}
    for one in (*live.frontends, *live.backends):
        section = live.sections[id(one)]
        by_section.setdefault(
            id(section), ProxyView(section.name, one.number, one.http, description=_description(section))
        )
    for frontend in live.frontends:
        section = live.sections[id(frontend)]
        by_section[id(section)].front = _front(live, frontend, section)
    for backend in live.backends:
        section = live.sections[id(backend)]
        back = by_section[id(section)].back = _back(live, backend, section)
        front = by_section[id(section)].front
        if front is not None:
            front.frontend.twin = back.backend
    view.proxies = [by_section[id(section)] for section in configuration.proxies if id(section) in by_section]
    return view


def _description(section: Section) -> str:
    found = section.one(Description)
    return found.text if found is not None else ""


def _front(live: Live, frontend: LiveFrontend, section: Section) -> FrontSide:
    return FrontSide(
        frontend,
        [listener for listener in live.listeners if listener.frontend is frontend],
        socket_stats=frontend.socket_stats,
        rate_limit=number(section, "rate-limit sessions"),
        tell=EventLogger(frontend.logger),
        stopped_cell=live.process.arena.take(1),
    )


def _back(live: Live, backend: BackendProxy, section: Section) -> BackSide:
    balance = section.one(Balance)
    name = balance.algorithm.name if balance is not None else DEFAULT_ALGORITHM
    backend.static_weights = (
        name == "static-rr" or balance is not None and balance.algorithm.hashed and not hashing_of(section).consistent
    )
    cookie = "" if backend.cookie is None else backend.cookie.name.decode("utf-8", "surrogateescape")
    return BackSide(backend, name, cookie, tell=EventLogger(live.loggers[id(backend)]))


# Stats sockets.


def _stats_sockets(
    live: Live, view: View, configuration: Configuration, diagnostics: Diagnostics
) -> list[StatsListener]:
    sockets: list[StatsListener] = []
    for setting in configuration.main.all(StatsSocket):
        parameters = setting.parameters
        check_namespace(parameters.namespace, "'stats socket'", setting.at, diagnostics)
        for spec in setting.addresses:
            opening = Opening(spec, socket_options(parameters, 0), str(setting.at), "stats socket")
            live.other_openings.append(opening)
            exposes = parameters.expose_listeners
            sockets.append(StatsListener(opening, parameters.level, parameters.severity_output, exposes))
            live.exposes = live.exposes or exposes
            view.sockets.append(SocketView(_address(spec), parameters.level))
    return sockets


def _address(spec: AddressSpec) -> str:
    if spec.kind != "inet":
        return f"{spec.kind}@{spec.host or spec.port}"
    ipv6 = ":" in spec.host
    return f"ipv6@[{spec.host}]:{spec.port}" if ipv6 else f"ipv4@{spec.host or '0.0.0.0'}:{spec.port}"


class Administration(BackgroundService):
    """Begins and ends with the generation."""

    def __init__(
        self,
        live: Live,
        view: View,
        gauge: Gauge,
        runtime: StatsSockets,
        answers: Answers,
        writer: Writer,
        commands: RecordedCommands,
    ) -> None:
        self.live = live
        self.commands = commands
        self.view = view
        self.gauge = gauge
        self.runtime = runtime
        self.answers = answers
        self.writer = writer

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        live, view = self.live, self.view
        view.pid = os.getpid() if live.links is None else os.getppid()
        view.started = monotonic_ms()
        if live.program.ring is not None:
            live.program.ring.since = live.reactor.clock()  # assembled by another process, it may be, and long ago
        view.started_date = wall_ms() // 1000
        view.limit = live.process.limit
        if live.controls:  # a lane's commands run inside its reactor's turn already
            view.settle = live.settle
        for proxy in view.proxies:
            if proxy.back is not None:
                backend = proxy.back.backend
                if live.health is None or not live.health.keeps_times(backend):
                    watch(backend, monotonic_ms)
        live.reactor.hooks.append(self.gauge)
        if live.controls:
            self.answers.start(loop)
            if self.writer.pages:
                self.writer.history.start(loop)
            self.runtime.start(loop)
        if live.links is not None:
            self._link(live.links, loop)

    def _link(self, links: Links, loop: asyncio.AbstractEventLoop) -> None:
        """Several processes: control asks, lanes answer, and begin with what was changed before they began."""
        live = self.live
        if live.controls:
            self.view.lanes = ControlEnd(links, self.answers)
            self.view.lanes.start(loop)
            return
        agent = LaneAgent(self.view, self.gauge)
        end = LaneEnd(links, live.lane, agent.run)
        self.commands.carry_out(agent.run)
        links.follow()
        self.answers.far = end.ask
        live.reactor.add(end, IN)
        live.reactor.hooks.append(end.wishes)

    def stop(self) -> None:
        """A soft stop: nobody new is let in."""
        self.runtime.stop()
        self.writer.history.stop()
