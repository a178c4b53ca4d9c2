"""Health checks: which servers are checked, how, and who is told."""

from dataclasses import replace

from pointsman.assemble.live import Live
from pointsman.assemble.mailers import build_alerts
from pointsman.assemble.server_tls import check_tls
from pointsman.config.bind import fits
from pointsman.config.global_section import buffer_sizes, global_number, global_text
from pointsman.config.server_line import ServerLine
from pointsman.config.server_words import ServerParameters
from pointsman.config.setting import Configuration
from pointsman.config.timeouts import timeout
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.log.build import build_outlets
from pointsman.log.events import EventLogger
from pointsman.log.logger import Logger, default_line
from pointsman.server.backend import LiveServer
from pointsman.server.checks.checks import Checks
from pointsman.server.checks.external_keywords import read_external
from pointsman.server.checks.plan import CheckPlan, make_plan
from pointsman.server.checks.sections import check_sections, own_plan
from pointsman.server.observer import LAYER4, LAYER7
from pointsman.stream.proxies import BackendProxy


def build_backend_loggers(live: Live, configuration: Configuration) -> None:
    """The loggers of all backends: messages about a backend's servers go to its own log targets."""
    for backend in live.backends:
        build_backend_logger(live, backend, configuration)


def build_backend_logger(live: Live, backend: BackendProxy, configuration: Configuration) -> None:
    outlets = build_outlets(live.sections[id(backend)], configuration.main, live.sinks)
    logger = live.loggers[id(backend)] = Logger(outlets, default_line)
    build_alerts(live, backend, configuration)
    for server in backend.servers:
        if server.handshakes is not None:
            server.handshakes.logger = logger
    if backend.cache_check is not None:
        backend.cache_check.logger = logger


def build_checks(live: Live, configuration: Configuration, diagnostics: Diagnostics) -> None:
    """A checker for each server with `check`."""
    main = configuration.main
    check_sections(configuration, diagnostics)
    live.health = Checks(
        spread=global_number(main, "spread-checks"),
        max_spread=global_number(main, "max-spread-checks"),
        node=global_text(main, "node"),
        most=global_number(main, "tune.max-checks-per-thread"),
    )
    for backend in live.backends:
        section = live.sections[id(backend)]
        live.health.programs = read_external(section, configuration, diagnostics) or live.health.programs
        lines = [line for line in section.all(ServerLine) if watched(line.parameters)]
        if not lines:
            continue
        plan = plan_of(live, backend, configuration, diagnostics)
        servers = {server.name: server for server in backend.servers}
        for line in lines:
            server = servers.get(line.name.encode())
            if server is None:
                continue  # its address is wrong, which was said
            warn_of_observing(backend, line, diagnostics)
            try:
                if line.parameters.check:
                    build_check(live, server, line, plan, configuration)
                    live.checks += 1
                elif line.parameters.init_state != "none" and not line.parameters.track:
                    build_unchecked(live, server, line, plan)
                if line.parameters.agent_check:
                    build_agent(live, server, line, plan)
                    live.checks += 1
            except ConfigError as error:
                diagnostics.add(error.finding)


def warn_of_observing(backend: BackendProxy, line: ServerLine, diagnostics: Diagnostics) -> None:
    """What is said of it in vain (manual 5.2, observe)."""
    parameters = line.parameters
    name = f"'server {backend.name.decode()}/{line.name}'"
    if parameters.observe == LAYER7 and not backend.http:
        diagnostics.warning(f"{name} : 'layer7' can only be used in http proxies.", line.at)
    elif parameters.observe and not parameters.check:
        diagnostics.warning(f"{name} : 'observe' changes nothing without 'check'.", line.at)


def plan_of(live: Live, backend: BackendProxy, configuration: Configuration, diagnostics: Diagnostics) -> CheckPlan:
    """How the servers of a backend are checked."""
    plan = live.check_plans.get(id(backend))
    if plan is None:
        section = live.sections[id(backend)]
        plan = make_plan(
            section,
            diagnostics,
            timeout(section, "connect"),
            timeout(section, "check"),
            buffer_sizes(configuration.main)[0],
        )
        # What is wrong with an external check was said of all backends.
        plan = replace(plan, external=read_external(section, configuration, Diagnostics()))
        live.check_plans[id(backend)] = plan
    return plan


def build_check(
    live: Live, server: LiveServer, line: ServerLine, plan: CheckPlan, configuration: Configuration
) -> None:
    """A checker for a server. ConfigError: it cannot be checked."""
    assert live.health is not None
    backend = server.backend
    plan = own_plan(line, backend.name.decode(), plan, configuration)
    _compatible(backend.name.decode(), line, plan)
    tls = check_tls(live, server, line, plan, configuration)
    tell = EventLogger(live.loggers[id(backend)])
    checker = live.health.add(backend, server, line.parameters, plan, tell, line.at, tls, backend.arena.attached)
    layer = line.parameters.observe
    if layer and (layer == LAYER4 or backend.http):
        live.health.observe(checker, layer, line.parameters.error_limit)


def build_agent(live: Live, server: LiveServer, line: ServerLine, plan: CheckPlan) -> None:
    """What asks a server's agent. ConfigError: nothing says at which port."""
    assert live.health is not None
    backend = server.backend
    if not line.parameters.agent_port:
        raise ConfigError(
            f"'server {backend.name.decode()}/{line.name}' : server {line.name} does not have agent port. "
            "Agent check has been disabled.",
            line.at,
            "agent-port <port>",
        )
    tell = EventLogger(live.loggers[id(backend)])
    live.health.add_agent(backend, server, line.parameters, plan, tell, backend.arena.attached)


def build_unchecked(live: Live, server: LiveServer, line: ServerLine, plan: CheckPlan) -> None:
    """A server that is not checked, and whose line has an init-state."""
    assert live.health is not None
    backend = server.backend
    tell = EventLogger(live.loggers[id(backend)])
    live.health.add_unchecked(backend, server, line.parameters, plan, tell, backend.arena.attached)


def watched(parameters: ServerParameters) -> bool:
    """Its state is not always the same."""
    return bool(
        parameters.check
        or parameters.agent_check
        or parameters.track
        or parameters.init_state != "none"
        or parameters.observe
    )


def _compatible(backend: str, line: ServerLine, plan: CheckPlan) -> None:
    """ConfigError where `check-proto` names what checks of that kind do not speak."""
    proto = line.parameters.check_proto
    spoken = "h1" if plan.http else "none"
    if not fits(proto, plan.http):
        raise ConfigError(
            f"config: proxy '{backend}': server '{line.name}' uses an incompatible MUX protocol for the selected check "
            "type",
            line.parameters.check_proto_at or line.at,
            f"'check-proto {spoken}' (manual 5.2)",
        )
